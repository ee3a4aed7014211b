"""IMAP's grammar, both ways: command arguments to values, values to the bytes of an answer. No state, no I/O."""

from __future__ import annotations

import base64
import re
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_DEPTH = 30  # nested parentheses in one command; real clients stay below 10
MAX_UID = 2**32 - 1

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Brackets belong to the atom with all they hold: BODY.PEEK[HEADER.FIELDS (From To)]<0.100> is one item.
_ATOM = re.compile(rb'(?:[^\s()\[\]{"]|\[[^\]\r\n]*\]|\])+')
_QUOTED = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"')
_LITERAL = re.compile(rb"\{(\d{1,10})\+?\}\r\n")
_PLAIN_STRING = re.compile(rb"[\x20\x21\x23-\x5b\x5d-\x7e]*\Z")
_DATE_TIME = re.compile(r"\s?(\d{1,2})-([A-Z][a-z]{2})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\Z")
_UTF7_RUN = re.compile(r"[^\x20-\x7e]+")


class Bad(Exception):
    """The command cannot be understood: tagged BAD."""


class No(Exception):
    """The command is understood and refused: tagged NO, with an RFC 5530 code where one fits."""

    def __init__(self, text: str, *, code: str = "") -> None:
        super().__init__(f"[{code}] {text}" if code else text)


class Atom(bytes):
    """An unquoted word, flag, number, set or FETCH item. A quoted string or literal is plain bytes."""


Value = bytes | list["Value"]


def parse_arguments(buffer: bytes) -> list[Value]:
    """Parse everything after the command's name; literals are in `buffer` with their `{n}`. Raises `Bad`."""
    stack: list[list[Value]] = [[]]
    position = 0
    while position < len(buffer):
        char = buffer[position : position + 1]
        if char in b" \r\n":
            position += 1
        elif char == b"(":
            if len(stack) > MAX_DEPTH:
                raise Bad("Too many parentheses")
            stack.append([])
            position += 1
        elif char == b")":
            if len(stack) == 1:
                raise Bad("Unexpected )")
            inner = stack.pop()
            stack[-1].append(inner)
            position += 1
        else:
            value, position = _parse_word(buffer, position)
            stack[-1].append(value)
    if len(stack) > 1:
        raise Bad("Missing )")
    return stack[0]


def _parse_word(buffer: bytes, position: int) -> tuple[bytes, int]:
    if match := _QUOTED.match(buffer, position):
        return re.sub(rb"\\(.)", rb"\1", match[1]), match.end()
    if match := _LITERAL.match(buffer, position):
        end = match.end() + int(match[1])
        return buffer[match.end() : end], end
    if match := _ATOM.match(buffer, position):
        return Atom(match[0]), match.end()
    raise Bad("Cannot parse arguments")


def as_text(value: Value) -> str:
    """A word or string as text. Raises `Bad` for a list."""
    if isinstance(value, list):
        raise Bad("Unexpected list")
    return value.decode("utf-8", "surrogateescape")


def as_word(value: Value) -> str:
    """A word in upper case, for keywords of the protocol."""
    return as_text(value).upper()


def as_list(value: Value) -> list[Value]:
    """A parenthesised list, or one value taken as a list of one."""
    return value if isinstance(value, list) else [value]


def as_number(value: Value) -> int:
    """A number of at most 63 bits. Raises `Bad`."""
    text = as_text(value)
    if not text.isascii() or not text.isdigit() or int(text) >= 2**63:
        raise Bad("Not a number")
    return int(text)


def parse_set(value: Value, *, largest: int) -> list[tuple[int, int]]:
    """A sequence set as inclusive ranges; `*` is `largest`. Raises `Bad`. RFC 3501 section 9, sequence-set."""
    ranges = []
    for piece in as_text(value).split(","):
        first, colon, last = piece.partition(":")
        low = _set_number(first, largest)
        high = _set_number(last, largest) if colon else low
        ranges.append((min(low, high), max(low, high)))
    return ranges


def _set_number(text: str, largest: int) -> int:
    if text == "*":
        return largest
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MAX_UID:
        raise Bad("Invalid message set")
    return int(text)


def in_ranges(number: int, ranges: Sequence[tuple[int, int]]) -> bool:
    """Tell whether a number lies in one of the inclusive ranges."""
    return any(low <= number <= high for low, high in ranges)


def format_set(numbers: Iterable[int]) -> str:
    """Numbers as the shortest sequence set: 1:3,7."""
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in ranges)


def quote(value: bytes) -> bytes:
    """A string for the wire: quoted where RFC 3501 allows it, else a literal."""
    if len(value) < 1000 and _PLAIN_STRING.match(value.replace(b"\\", b"").replace(b'"', b"")):
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: str | bytes | None) -> bytes:
    """A string or NIL."""
    if value is None:
        return b"NIL"
    return quote(value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape"))


def format_date_time(moment: datetime) -> str:
    """INTERNALDATE, such as ` 1-Feb-2026 09:05:00 +0100`, without the quotation marks."""
    return f"{moment.day:2d}-{MONTHS[moment.month - 1]}-{moment:%Y %H:%M:%S %z}"


def parse_date_time(text: str) -> datetime:
    """The date-time of APPEND as an aware time. Raises `Bad`."""
    match = _DATE_TIME.match(text)
    if match is None or match[2] not in MONTHS:
        raise Bad("Invalid date-time")
    offset = timedelta(hours=int(match[8]), minutes=int(match[9]))
    zone = timezone(offset if match[7] == "+" else -offset)
    month = MONTHS.index(match[2]) + 1
    try:
        return datetime(int(match[3]), month, int(match[1]), int(match[4]), int(match[5]), int(match[6]), tzinfo=zone)
    except ValueError:
        raise Bad("Invalid date-time") from None


def parse_date(text: str) -> date:
    """The date of a search key, such as 1-Feb-2026. Raises `Bad`."""
    day, _, rest = text.partition("-")
    month, _, year = rest.partition("-")
    try:
        return date(int(year), MONTHS.index(month.title()) + 1, int(day))
    except ValueError:
        raise Bad("Invalid date") from None


def encode_utf7(name: str) -> bytes:
    """A mailbox name in modified UTF-7, RFC 3501 5.1.3."""

    def shift(match: re.Match[str]) -> str:
        encoded = base64.b64encode(match[0].encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
        return f"&{encoded.decode('ascii')}-"

    return _UTF7_RUN.sub(shift, name.replace("&", "&-")).encode("ascii")


def decode_utf7(name: bytes) -> str:
    """A mailbox name from modified UTF-7. Raises `Bad` when it is not."""

    def unshift(match: re.Match[str]) -> str:
        run = match[1].replace(",", "/")
        return base64.b64decode(run + "=" * (-len(run) % 4)).decode("utf-16-be") if run else "&"

    try:
        return re.sub(r"&([A-Za-z0-9+,]*)-", unshift, name.decode("ascii"))
    except ValueError:
        raise Bad("Mailbox name is not modified UTF-7") from None
