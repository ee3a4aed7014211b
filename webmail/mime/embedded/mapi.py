"""The properties inside of a TNEF attribute ([MS-OXTNEF] 2.1.3.4), one pass over memory that is not copied.

Own code because `tnefparse` takes the zero bytes off the end of attached files, and because a count of four billion that a
stranger writes keeps it busy for hours. Its results are compared with these in the tests.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Properties of one attribute, and values of one property; what Outlook writes has some hundreds.
MAX_PROPERTIES: Final = 5_000

_NAMED: Final = 0x8000
_MULTI: Final = 0x1000
_FIXED: Final = {
    0x0000: 0, 0x0001: 0, 0x0002: 2, 0x000B: 2, 0x0003: 4, 0x0004: 4, 0x000A: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8,
    0x0014: 8, 0x0040: 8, 0x0048: 16,
}  # fmt: skip
_STRING8: Final = 0x001E
_UNICODE: Final = 0x001F
_VARIABLE: Final = frozenset({0x000D, _STRING8, _UNICODE, 0x0102})
_WORD: Final = struct.Struct("<H")
_LONG: Final = struct.Struct("<I")


class Truncated(ValueError):
    """The bytes end, or make no sense, before what they announce."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property: `id` without its type. `value`: the bytes of the first value. `is_unicode`: they are UTF-16."""

    id: int
    value: memoryview
    is_unicode: bool

    def number(self) -> int:
        """The value of a 32-bit property, 0 if it is none."""
        return int(_LONG.unpack_from(self.value)[0]) if len(self.value) >= _LONG.size else 0


def word_at(data: memoryview, position: int) -> int:
    """Two bytes, little end first. Raises `Truncated`."""
    if position + 2 > len(data):
        raise Truncated("the bytes end too early")
    return int(_WORD.unpack_from(data, position)[0])


def long_at(data: memoryview, position: int) -> int:
    """Four bytes, little end first. Raises `Truncated`."""
    if position + 4 > len(data):
        raise Truncated("the bytes end too early")
    return int(_LONG.unpack_from(data, position)[0])


def read_properties(data: memoryview) -> Iterator[Property]:
    """The properties in order. Raises `Truncated` where they cannot be followed; those before have been given then."""
    count = long_at(data, 0)
    position = 4
    for _ in range(min(count, MAX_PROPERTIES)):
        if position >= len(data):
            return
        kind, identity = word_at(data, position), word_at(data, position + 2)
        position += 4
        if identity & _NAMED:
            position = _skip_name(data, position)
        value, position = _read_value(data, position, kind)
        yield Property(identity, value, kind & ~_MULTI == _UNICODE)


def _skip_name(data: memoryview, position: int) -> int:
    is_text = long_at(data, position + 16) != 0
    if not is_text:
        return position + 24
    return position + 24 + _padded(long_at(data, position + 20))


def _read_value(data: memoryview, position: int, kind: int) -> tuple[memoryview, int]:
    base = kind & ~_MULTI
    if base in _VARIABLE:
        return _read_variable(data, position)
    if base not in _FIXED:
        raise Truncated(f"{base:#06x} is no type of property")
    count = 1
    if kind & _MULTI:
        count = long_at(data, position)
        position += 4
    size = _FIXED[base]
    end = position + _padded(size * count)
    if end > len(data):
        raise Truncated("the bytes end too early")
    return data[position : position + size], end


def _read_variable(data: memoryview, position: int) -> tuple[memoryview, int]:
    count = long_at(data, position)
    position += 4
    first = data[:0]
    if count > MAX_PROPERTIES:
        raise Truncated("more values than there can be")
    for number in range(count):
        size = long_at(data, position)
        position += 4
        if position + size > len(data):
            raise Truncated("the bytes end too early")
        if number == 0:
            first = data[position : position + size]
        position += _padded(size)
    return first, position


def _padded(size: int) -> int:
    return (size + 3) & ~3
