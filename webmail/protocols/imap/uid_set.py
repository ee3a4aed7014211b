"""UID sets (RFC 3501 sequence-set without `*`): compress what we send, parse with caps what we receive (R38, Y46)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webmail.protocols.errors import BadArgument, ServerMisbehaved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_UID = 0xFFFFFFFF
MAX_PARSED_UIDS = 1_000_000  # one answer; ten times the largest mailbox we promise speed for
MAX_SET_BYTES = 7_500  # a command line stays under the 8,000 octets of RFC 7162 4


def ranges(uids: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending, disjoint (first, last) ranges. Raises `BadArgument` for anything that is not a UID."""
    first = last = 0
    for uid in sorted(set(uids)):
        if not 0 < uid <= MAX_UID:
            raise BadArgument("a UID is a number from 1 to 4294967295")
        if uid == last + 1 and first:
            last = uid
            continue
        if first:
            yield first, last
        first = last = uid
    if first:
        yield first, last


def compress(uids: Iterable[int]) -> bytes:
    """`[1, 2, 3, 7]` -> `b"1:3,7"`."""
    return b",".join(_range_text(first, last) for first, last in ranges(uids))


def compress_in_chunks(uids: Iterable[int], *, max_bytes: int = MAX_SET_BYTES) -> list[bytes]:
    """As `compress`, cut into sets of at most `max_bytes`, so that no command line grows too long."""
    chunks: list[bytes] = []
    current: list[bytes] = []
    length = 0
    for first, last in ranges(uids):
        text = _range_text(first, last)
        if current and length + len(text) > max_bytes:
            chunks.append(b",".join(current))
            current, length = [], 0
        current.append(text)
        length += len(text) + 1
    if current:
        chunks.append(b",".join(current))
    return chunks


def _range_text(first: int, last: int) -> bytes:
    return b"%d" % first if first == last else b"%d:%d" % (first, last)


def parse_in_order(text: bytes, *, max_uids: int = MAX_PARSED_UIDS) -> list[int]:
    """The UIDs in the order written; `5:3` counts as `3:5`. Raises `ServerMisbehaved` for open or gigantic sets."""
    found: list[int] = []
    for item in text.split(b","):
        first_text, colon, last_text = item.partition(b":")
        first = _number(first_text)
        last = _number(last_text) if colon else first
        if first > last:
            first, last = last, first
        if len(found) + last - first >= max_uids:
            raise ServerMisbehaved("the server named more messages than a mailbox can hold")
        found.extend(range(first, last + 1))
    return found


def parse(text: bytes, *, max_uids: int = MAX_PARSED_UIDS) -> list[int]:
    """The UIDs, ascending, each once. Raises as `parse_in_order`."""
    return sorted(set(parse_in_order(text, max_uids=max_uids)))


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > 10 or not 0 < int(text) <= MAX_UID:
        raise ServerMisbehaved("the server sent a set of messages that makes no sense")
    return int(text)
