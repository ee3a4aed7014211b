"""UID sets (RFC 3501 sequence-set without `*`): compress what we send, parse with caps what we receive (R38, Y46)."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

from webmail.protocols.errors import BadArgument, ServerMisbehaved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_UID = 0xFFFFFFFF
MAX_PARSED_UIDS = 1_000_000  # one answer; ten times the largest mailbox we promise speed for
MAX_SET_BYTES = 7_500  # a command line stays under the 8,000 octets of RFC 7162 4
MAX_CLAIMED_RANGES = 200_000  # of one VANISHED; what lies beyond is doubted, not kept


class UidRanges:
    """A set of UIDs as ascending, disjoint ranges: 16 bytes for each range, however many UIDs it spans (sync Y33)."""

    __slots__ = ("_count", "_firsts", "_lasts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """From (first, last) pairs in any order, which may overlap."""
        self._firsts, self._lasts = array("Q"), array("Q")
        self._count = 0
        for first, last in sorted(ranges):
            self._append(first, last)

    @classmethod
    def of_ascending(cls, uids: Iterable[int]) -> UidRanges:
        """From single UIDs that ascend; one at a time is in memory."""
        found = cls()
        for uid in uids:
            found._append(uid, uid)
        return found

    def _append(self, first: int, last: int) -> None:
        if self._lasts and first <= self._lasts[-1] + 1:
            if last > self._lasts[-1]:
                self._count += last - self._lasts[-1]
                self._lasts[-1] = last
            return
        self._firsts.append(first)
        self._lasts.append(last)
        self._count += last - first + 1

    def __len__(self) -> int:
        return self._count

    def __bool__(self) -> bool:
        return self._count > 0

    def __contains__(self, uid: int) -> bool:
        at = bisect_right(self._firsts, uid) - 1
        return at >= 0 and uid <= self._lasts[at]

    def __iter__(self) -> Iterator[int]:
        for first, last in self.pairs():
            yield from range(first, last + 1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UidRanges) and (self._firsts, self._lasts) == (other._firsts, other._lasts)

    __hash__ = None  # type: ignore[assignment]  # compared, never a key

    def __repr__(self) -> str:
        return f"UidRanges({self._count} in {len(self._firsts)} ranges)"

    def pairs(self) -> Iterator[tuple[int, int]]:
        """(first, last) of each range, ascending."""
        return zip(self._firsts, self._lasts, strict=True)

    def minus(self, other: UidRanges) -> UidRanges:
        """Those of ours that are not in `other`."""
        found = UidRanges()
        holes = list(other.pairs())
        at = 0
        for first, last in self.pairs():
            while at < len(holes) and holes[at][1] < first:
                at += 1
            look = at
            while look < len(holes) and holes[look][0] <= last:
                if first < holes[look][0]:
                    found._append(first, holes[look][0] - 1)
                first = holes[look][1] + 1
                look += 1
            if first <= last:
                found._append(first, last)
        return found

    def within(self, first: int, last: int = MAX_UID) -> UidRanges:
        """Those from `first` to `last`."""
        found = UidRanges()
        for low, high in self.pairs():
            if high >= first and low <= last:
                found._append(max(low, first), min(high, last))
        return found

    def newest(self, count: int) -> list[int]:
        """The `count` highest UIDs, ascending."""
        found: list[int] = []
        for at in range(len(self._firsts) - 1, -1, -1):
            low = max(self._firsts[at], self._lasts[at] - (count - len(found)) + 1)
            found.extend(range(self._lasts[at], low - 1, -1))
            if len(found) >= count:
                break
        return found[::-1]


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


def parse_ranges(text: bytes) -> UidRanges:
    """As `parse`, without counting out the ranges. Raises `ServerMisbehaved` for sets that are open or without sense."""
    found: list[tuple[int, int]] = []
    for item in text.split(b","):
        first_text, colon, last_text = item.partition(b":")
        first = _number(first_text)
        last = _number(last_text) if colon else first
        found.append((first, last) if first <= last else (last, first))
    return UidRanges(found)


def parse_claim(text: bytes) -> tuple[list[tuple[int, int]], bool]:
    """What a VANISHED names, as (first, last) pairs, and whether it must be doubted: it is open (`12:*`), has parts that are
    no UIDs, or never ends (sync Y46). Never raises: what is named is believed by nobody before it was checked."""
    found: list[tuple[int, int]] = []
    is_doubtful = False
    for item in text.split(b","):
        if len(found) >= MAX_CLAIMED_RANGES:
            return found, True
        first_text, colon, last_text = item.partition(b":")
        is_open = b"*" in (first_text, last_text)
        try:
            ends = sorted(
                MAX_UID if end == b"*" else _number(end) for end in (first_text, last_text if colon else first_text)
            )
        except ServerMisbehaved:
            is_doubtful = True
            continue
        is_doubtful |= is_open
        found.append((ends[0], ends[1]))
    return found, is_doubtful


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > 10 or not 0 < int(text) <= MAX_UID:
        raise ServerMisbehaved("the server sent a set of messages that makes no sense")
    return int(text)
