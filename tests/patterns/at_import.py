"""Prints as JSON every regular expression that the product compiles while its modules are imported, with the line that does.

Run in a process of its own, `python -m tests.patterns.at_import`: in one that has imported the product there is nothing left
to see. Patterns made later, inside of functions, are found by reading the sources (`tests.patterns.found`).
"""

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tests.architecture.tree import ROOT, modules_of_product
from tests.environment import start_django

# Modules that do something when they are imported: they set up a process.
NOT_IMPORTED = ("webmail/asgi.py", "webmail/wsgi.py", "manage.py")


def main() -> None:
    """Import all of the product and tell what it compiled."""
    seen: dict[tuple[str, int, str, bool, int], None] = {}
    compile_pattern = re._compile  # type: ignore[attr-defined]

    def recording(pattern: object, flags: int) -> object:
        compiled = compile_pattern(pattern, flags)
        place = _place(sys._getframe(1))
        if place is not None and isinstance(pattern, str | bytes):
            text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
            seen[(*place, text, isinstance(pattern, bytes), int(compiled.flags))] = None
        return compiled

    re._compile = recording  # type: ignore[attr-defined]
    start_django()
    for path in modules_of_product():
        name = path.relative_to(ROOT)
        if name.as_posix() not in NOT_IMPORTED and "migrations" not in name.parts:
            importlib.import_module(".".join(name.with_suffix("").parts).removesuffix(".__init__"))
    print(json.dumps([*seen, *((*row, False, 0) for row in _addresses_of_pages())]))


def _place(frame: FrameType | None) -> tuple[str, int] | None:
    """File and line of the product's code that called into `re`, directly."""
    while frame is not None and frame.f_code.co_filename.endswith("re/__init__.py"):
        frame = frame.f_back
    if frame is None:
        return None
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(ROOT) or path.relative_to(ROOT).parts[0] not in ("webmail", "accounts"):
        return None
    return path.relative_to(ROOT).as_posix(), frame.f_lineno


def _addresses_of_pages() -> Iterator[tuple[str, int, str]]:
    """The patterns that Django makes of our URL tables: they meet what anybody writes into an address bar."""
    from django.urls import URLPattern, URLResolver, get_resolver

    def walk(resolver: URLResolver) -> Iterator[str]:
        for entry in resolver.url_patterns:
            yield entry.pattern.regex.pattern
            if isinstance(entry, URLResolver):
                yield from walk(entry)
            else:
                assert isinstance(entry, URLPattern)

    for number, pattern in enumerate(dict.fromkeys(walk(get_resolver("webmail.urls"))), 1):
        yield "webmail/urls.py", -number, pattern


if __name__ == "__main__":
    main()
