"""The lists of a POP3 server (CAPA, UIDL, LIST) as values. Pure; a malformed line is skipped, the rest counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_MAX_NUMBER_DIGITS = 9
_MAX_SIZE_DIGITS = 18
_BLANK = b" \t\r"


@dataclass(frozen=True)
class UidlEntry:
    """A message number, valid in this session only, and the server's lasting name for the message."""

    number: int
    uidl: str


@dataclass(frozen=True)
class Maildrop:
    """What a session begins with. `count` is what STAT said; `sizes` is LIST, which some servers only estimate; `uidls` is
    None when the server has no UIDL. The three may contradict each other (sync Y86)."""

    count: int
    sizes: dict[int, int] = field(default_factory=dict)
    uidls: list[UidlEntry] | None = None


def parse_capabilities(block: bytes) -> frozenset[str]:
    """CAPA lines (RFC 2449 5) in upper case: the keyword, and "KEYWORD=ARGUMENT" for each argument, as "SASL=PLAIN"."""
    found: set[str] = set()
    for line in block.splitlines():
        words = line.decode("ascii", "replace").upper().split()
        if words:
            found.add(words[0])
            found.update(f"{words[0]}={word}" for word in words[1:])
    return frozenset(found)


def parse_uidls(block: bytes) -> list[UidlEntry]:
    """UIDL lines in the server's order. Doubles stay: two messages may share a name (Y86).

    A name is opaque: RFC 1939 7 allows 70 characters from ! to ~, but longer ones and ones with spaces, 8-bit or control
    characters exist. Bytes map to Latin-1, so that equal bytes give equal text whatever they mean.
    """
    return [UidlEntry(number, rest.decode("latin-1")) for number, rest in _numbered(block)]


def parse_sizes(block: bytes) -> dict[int, int]:
    """LIST lines as message number to octets, which some servers only estimate."""
    found: dict[int, int] = {}
    for number, rest in _numbered(block):
        size = rest.split(None, 1)[0]
        if size.isdigit() and len(size) <= _MAX_SIZE_DIGITS:
            found[number] = int(size)
    return found


def _numbered(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and what follows it, of each line that has both."""
    for line in block.split(b"\n"):
        number, _, rest = line.strip(_BLANK).replace(b"\t", b" ", 1).partition(b" ")
        rest = rest.lstrip(_BLANK)
        if rest and number.isdigit() and len(number) <= _MAX_NUMBER_DIGITS and int(number):
            yield int(number), rest
