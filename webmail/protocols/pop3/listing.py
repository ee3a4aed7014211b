"""The lists of a POP3 server (CAPA, UIDL, LIST) as values. Pure; a malformed line is skipped, the rest counts."""

from __future__ import annotations

import re
from dataclasses import dataclass

# RFC 1939 7 allows 70 characters from ! to ~; longer ones and ones with a space inside exist. Control characters do not
# belong in a key that is stored and compared.
_UIDL_LINE = re.compile(
    rb"[ \t]*([0-9]{1,9})[ \t]+([^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]{0,253}[^\x00-\x20\x7f])?)[ \t]*"
)
_SIZE_LINE = re.compile(rb"[ \t]*([0-9]{1,9})[ \t]+([0-9]{1,18})(?:[ \t].*)?")


@dataclass(frozen=True)
class UidlEntry:
    """A message number, valid in this session only, and the server's lasting name for the message."""

    number: int
    uidl: str


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
    """UIDL lines in the server's order. Doubles stay: two messages may share a name (Y86). Bytes map to Latin-1, so that
    equal bytes give equal text whatever they mean."""
    lines = map(_UIDL_LINE.fullmatch, block.splitlines())
    return [UidlEntry(int(found[1]), found[2].decode("latin-1")) for found in lines if found and int(found[1])]


def parse_sizes(block: bytes) -> dict[int, int]:
    """LIST lines as message number to octets, which some servers only estimate."""
    lines = map(_SIZE_LINE.fullmatch, block.splitlines())
    return {int(found[1]): int(found[2]) for found in lines if found and int(found[1])}
