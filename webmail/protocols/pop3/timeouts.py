"""How long the POP3 client waits, in seconds (security R36). Nothing but numbers lives here.

`SCALE` multiplies all of them for tests of slow servers. Nobody else sets it.
"""

from __future__ import annotations

SCALE = 1.0

CONNECT_S = 30.0  # name, TCP and, where it comes first, TLS
COMMAND_S = 300.0  # one command with its whole answer, however slowly it drips


def scaled(seconds: float) -> float:
    """`seconds` as they count now. Called at each use, never at import."""
    return seconds * SCALE
