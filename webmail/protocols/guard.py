"""The one boundary where text of ours becomes protocol: nothing with NUL, CR or LF passes (security R31, R32)."""

from __future__ import annotations

import re
from typing import TypeVar

from webmail.protocols.errors import BadArgument

Value = TypeVar("Value", str, bytes)

_UNSAFE_TEXT = re.compile("[\x00\r\n]")
_UNSAFE_BYTES = re.compile(b"[\x00\r\n]")


def refuse_line_breaks(value: Value, *, what: str) -> Value:
    """Return `value` unchanged, or raise `BadArgument` naming `what` (never the value: it may be a password)."""
    if _is_unsafe(value):
        raise BadArgument(f"{what} holds a line break or a NUL character")
    return value


def _is_unsafe(value: str | bytes) -> bool:
    found = _UNSAFE_TEXT.search(value) if isinstance(value, str) else _UNSAFE_BYTES.search(value)
    return found is not None
