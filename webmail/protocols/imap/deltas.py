"""Gathering what changed in a mailbox from FETCH and VANISHED answers, in bounded memory (RFC 7162, sync Y39, Y43).

A delta may be longer than what is kept: then the changes with the lowest MODSEQ stay, so that the next delta can go on where
this one ended. It must not decide what to believe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webmail.protocols.errors import ServerMisbehaved
from webmail.protocols.imap import uid_set
from webmail.protocols.imap.channel import read_vanished
from webmail.protocols.imap.fetch_reader import FetchRow, Response, read_fetch
from webmail.protocols.imap.types import KeywordData, KeywordDelta
from webmail.protocols.imap.uid_set import UidRanges

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DELTA_ROWS: Final = 20_000  # of one delta kept in memory; some 5 MB


class DeltaTaker:
    """Takes the answers of a flag sweep or of SELECT (QRESYNC …). `max_rows` None: every change is kept."""

    def __init__(self, first_uid: int = 1, last_uid: int = uid_set.MAX_UID, *, max_rows: int | None = None) -> None:
        self._first, self._last = first_uid, last_uid
        self._max_rows = max_rows
        self.clear()

    def clear(self) -> None:
        """Forget what was taken."""
        self._below: int | None = None  # only changes of a lower MODSEQ are kept
        self._changed: dict[int, KeywordData] = {}
        self._vanished: list[tuple[int, int]] = []
        self._is_doubtful = False

    def take(self, name: bytes, response: Response) -> bool:
        """Whether the answer belonged to the delta. The later answer about a UID is the newer truth (Y15)."""
        if name == b"FETCH":
            row: FetchRow | None = read_fetch(response)
            data = row.keyword_data() if row is not None else None
            if data is None:
                return False
            if self._first <= data.uid <= self._last:
                self._add(data)
            return True
        if name == b"VANISHED":
            claim = read_vanished(response.text)
            self._vanished += claim.ranges
            self._is_doubtful |= claim.is_doubtful
            if len(self._vanished) > uid_set.MAX_CLAIMED_RANGES:
                self._vanished = list(UidRanges(self._vanished).pairs())[: uid_set.MAX_CLAIMED_RANGES // 2]
                self._is_doubtful = True
            return claim.is_earlier
        return False

    def _add(self, data: KeywordData) -> None:
        if self._below is not None and (data.modseq or 0) >= self._below:
            return
        self._changed[data.uid] = data
        if self._max_rows is not None and len(self._changed) > 2 * self._max_rows:
            self._prune(self._max_rows)
        refuse_too_many(len(self._changed))

    def _prune(self, max_rows: int) -> None:
        numbers = sorted(row.modseq or 0 for row in self._changed.values())
        below = numbers[max_rows]
        if below == numbers[0]:  # one STORE over everything: all share one MODSEQ and stay together
            self._max_rows = None
            return
        self._below = below
        self._changed = {uid: row for uid, row in self._changed.items() if (row.modseq or 0) < below}

    def delta(self) -> KeywordDelta:
        """All that was taken."""
        return KeywordDelta(
            sorted(self._changed.values(), key=lambda row: row.uid),
            UidRanges(self._vanished).within(self._first, self._last),
            is_doubtful=self._is_doubtful,
            is_partial=self._below is not None,
        )


def refuse_too_many(count: int) -> None:
    """Raises `ServerMisbehaved` beyond the number of messages we hold in memory at a time (security R35)."""
    if count > uid_set.MAX_PARSED_UIDS:
        raise ServerMisbehaved("the server named more messages than a mailbox can hold")


def by_modseq(rows: Iterable[KeywordData]) -> list[KeywordData]:
    """In the order in which the changes happened; those without a MODSEQ first."""
    return sorted(rows, key=lambda row: (row.modseq or 0, row.uid))
