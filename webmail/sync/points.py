"""Named moments in work that must survive a dead process at any of them (reliability R65, F1).

`reached` tells an observer, if one is set, that such a moment has come. Fault tests end or spoil the process there.
"""

from __future__ import annotations

from collections.abc import Callable

observer: Callable[[str], None] | None = None


def reached(name: str) -> None:
    """The moment `name` has come."""
    if observer is not None:
        observer(name)
