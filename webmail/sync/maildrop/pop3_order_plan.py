"""Which messages of a POP3 listing are known when the server has no UIDL: few looks, sound conclusions (sync Y87).

What is known of the last session is a row of messages in order. A server keeps that order: deletions close gaps, new mail
comes behind. So when two messages of the listing are proved to be known ones, and as many lie between them here as there,
those between are known too, provided that each has the size it had. Where the counts differ the middle one is looked at, and
so on: an unchanged maildrop costs two looks and a few samples, k changes cost k looks for each halving. What cannot be proved
to be known counts as new, so that mail is never passed over; a server that keeps no order costs looks, not mail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Known:
    """A message of the last session: its key and the size LIST told."""

    key: str
    size_bytes: int


@dataclass
class Gap:
    """The messages between two positions that are settled: `low` and `high` are outside of it."""

    low: int
    high: int


class Alignment:
    """Ask `next_looks`, answer each with `tell`, until there are none; then `keys` says what is what.

    Positions are those in the listing, 0 first. `samples` are positions to be looked at in any case: a sample that passes
    every time lets nothing stay undiscovered for ever.
    """

    def __init__(self, sizes: Sequence[int], known: Sequence[Known], *, samples: Sequence[int] = ()) -> None:
        self._sizes = sizes
        self._known = known
        self._places: dict[str, list[int]] = defaultdict(list)
        for index, item in enumerate(known):
            self._places[item.key].append(index)
        count, before = len(sizes), len(known)
        # Where a position lies in the row of the known; none: it is new. The ends stand for what lies outside.
        self._facts: dict[int, list[int]] = {-1: [-1], count: [before]}
        self._keys: dict[int, str] = {}
        self._first = {0, min(count, before) - 1, *samples} if count and before else set()

    def next_looks(self) -> list[int]:
        """Positions whose keys are needed now, ascending; empty: all is settled."""
        if self._first:
            looks = sorted(position for position in self._first if 0 <= position < len(self._sizes))
            self._first = set()
            return looks
        if not self._known:
            return []
        return [(gap.low + gap.high) // 2 for gap in self._gaps() if not self._is_settled(gap)]

    def tell(self, position: int, key: str | None) -> None:
        """The key of the message at a position; None: it could not be had, and counts as new."""
        self._facts[position] = list(self._places.get(key, ())) if key is not None else []
        if key is not None:
            self._keys[position] = key

    def keys(self) -> list[str | None]:
        """The key of each message: as told, or of the known one that it must be. None: new."""
        found: dict[int, str] = dict(self._keys)
        for gap in self._gaps():
            index = self._start_of(gap)
            if index is not None:
                for offset, position in enumerate(range(gap.low + 1, gap.high), 1):
                    found[position] = self._known[index + offset].key
        return [found.get(position) for position in range(len(self._sizes))]

    def _gaps(self) -> list[Gap]:
        ends = sorted(self._facts)
        return [Gap(low, high) for low, high in pairwise(ends) if high - low > 1]

    def _is_settled(self, gap: Gap) -> bool:
        return self._start_of(gap) is not None or self._is_new(gap)

    def _start_of(self, gap: Gap) -> int | None:
        """The known one at the lower end, when as many lie between the ends here as there, of the same sizes."""
        length = gap.high - gap.low
        ends = set(self._facts[gap.high])
        for start in self._facts[gap.low]:
            if start + length in ends and self._sizes_agree(gap, start):
                return start
        return None

    def _sizes_agree(self, gap: Gap, start: int) -> bool:
        return all(
            self._sizes[gap.low + offset] == self._known[start + offset].size_bytes
            for offset in range(1, gap.high - gap.low)
        )

    def _is_new(self, gap: Gap) -> bool:
        """Whether no known one is left that could lie in the gap."""
        low = next(facts for at in range(gap.low, -2, -1) if (facts := self._facts.get(at)))
        high = next(facts for at in range(gap.high, len(self._sizes) + 1) if (facts := self._facts.get(at)))
        return len(low) == len(high) == 1 and low[0] + 1 == high[0]


def sample(sizes: Sequence[int], *, turn: int, count: int, max_bytes: int) -> list[int]:
    """Some positions to look at besides, others at each turn; none larger than `max_bytes`."""
    small = [position for position, size in enumerate(sizes) if size <= max_bytes]
    if not small:
        return []
    return sorted({small[(turn * count + offset) % len(small)] for offset in range(count)})
