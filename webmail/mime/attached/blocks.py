"""The components of iCalendar and vCard text (RFC 5545 3.6, RFC 6350 3.3), cut out before a library reads them.

So that one large or broken component costs neither time nor the others: what is long is left out, what is not shown is dropped.
Values are cut and cleaned here too; they are text and stay text, whatever markup stands in them (security R11).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from webmail.mime.charsets import decode_bytes
from webmail.mime.part import Part

MAX_BYTES: Final = 4_000_000  # of a calendar or of cards; what is behind is not looked at
# Of one component, and of all that are read of one file, characters: the libraries need a second of CPU for 300,000.
MAX_BLOCK_CHARS: Final = 32_768
MAX_TOTAL_CHARS: Final = 98_304
# Overrides and isolates of direction, and marks (UAX 9): they would make a text read otherwise than it is.
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(slots=True)
class Block:
    """One component with all that is in it. `text`: its lines, folded as they were, from BEGIN to END."""

    name: str
    text: str


@dataclass(slots=True)
class Blocks:
    """`found`: the first of the wanted components; `total`: how many there are; `method`: iTIP's, upper case, or ""."""

    found: list[Block] = field(default_factory=list)
    total: int = 0
    method: str = ""


def part_text(part: Part) -> str:
    """The text of a part, its first `MAX_BYTES`, with LF line ends."""
    text, _ = decode_bytes(part.start(MAX_BYTES), part.charset)
    return text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def find_blocks(text: str, names: Collection[str], *, most: int, without: Collection[str] = ()) -> Blocks:
    """The first `most` components with these names (upper case), wherever they are; those without an end are only counted.

    Of one that is too long the beginning is kept. Properties named in `without` are left out with their folded lines.
    """
    blocks = Blocks()
    cut: _Cut | None = None
    room = MAX_TOTAL_CHARS
    for line in _lines(text, without):
        start, _, value = line.partition(":")
        start, value = start.strip().upper(), value.strip().upper()[:100]
        if cut is None:
            if start == "METHOD":
                blocks.method = blocks.method or value[:20]
            if start != "BEGIN" or value not in names:
                continue
            cut = _Cut(value, min(room, MAX_BLOCK_CHARS) if len(blocks.found) < most else 0)
            blocks.total += 1
        cut.add(line, start)
        if cut.depth == 0:
            if cut.lines:
                blocks.found.append(Block(cut.name, "\r\n".join(cut.lines) + "\r\n"))
                room -= cut.size
            cut = None
    return blocks


@dataclass(slots=True)
class _Cut:
    """A component in the making. `room`: characters it may have; what is behind them is left out, in whole lines, and so
    that all that was begun comes to its end."""

    name: str
    room: int
    lines: list[str] = field(default_factory=list)
    size: int = 0
    depth: int = 0
    kept_depth: int = 0
    is_full: bool = False

    def add(self, line: str, start: str) -> None:
        self.depth += start == "BEGIN"
        self.is_full |= self.size + len(line) + 2 > self.room
        is_closing = start == "END" and 0 < self.depth <= self.kept_depth
        if not self.is_full or is_closing:
            self.lines.append(line)
            self.size += len(line) + 2
            self.kept_depth = self.depth - (start == "END")
        self.depth -= start == "END"


def bounded_text(value: object, limit: int, *, is_one_line: bool = False) -> str:
    """A value as plain text of at most `limit` characters, without control and direction characters."""
    text = str(value)[: limit * 2].replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in text if (c == "\n" or unicodedata.category(c) not in {"Cc", "Cs"}) and c not in _BIDI)
    kept = " ".join(kept.split()) if is_one_line else kept.strip()
    return kept if len(kept) <= limit else f"{kept[: limit - 1].rstrip()}…"


def _lines(text: str, without: Collection[str]) -> Iterator[str]:
    is_dropped = is_soft = False
    for line in text.split("\n"):
        if line[:1] in {" ", "\t"} or is_soft:
            is_soft = is_soft and line.endswith("=")
            if not is_dropped:
                yield line
            continue
        head = line.partition(":")[0].upper()
        is_dropped = head.partition(";")[0].strip().rpartition(".")[2] in without
        is_soft = "QUOTED-PRINTABLE" in head and line.endswith("=")  # vCard 2.1 folds so
        if not is_dropped and line.strip():
            yield line
