"""Gathering events into wake-ups: those of a mailbox within a fifth of a second become one (sync Y76)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import structlog
from django.db import DatabaseError

from webmail.sync.watching.watch_targets import mailbox_ids

log = structlog.get_logger(__name__)

COALESCE_S = 0.2
# A server that never stops telling wakes nobody more often than this.
BUSY_WAKES, BUSY_WITHIN_S, BUSY_COALESCE_S = 10, 10.0, 5.0
MAX_REMEMBERED = 10_000

Wake = Callable[[str, int], None]
_Key = tuple[str, int]


class WakeUps:
    """`mark` what happened, then `ring` when `next_at` has come."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._due: dict[_Key, float] = {}
        self._named: dict[tuple[int, bytes], float] = {}
        self._rung: dict[_Key, deque[float]] = {}

    @property
    def next_at(self) -> float:
        """When the next wake-up is due, of `time.monotonic`; infinity when none is."""
        return min([*self._due.values(), *self._named.values()], default=float("inf"))

    def mark(self, task: str, row_id: int) -> None:
        """Something happened to this row."""
        self._due.setdefault((task, row_id), self._time_for((task, row_id)))

    def mark_named(self, account_id: int, raw_name: bytes) -> None:
        """Something happened in a mailbox that only its name tells."""
        self._named.setdefault((account_id, raw_name), time.monotonic() + COALESCE_S)

    def ring(self) -> int:
        """Wake workers for all whose time has come. Returns how many."""
        now = time.monotonic()
        self._resolve(now)
        ready = [key for key, at in self._due.items() if at <= now]
        for key in ready:
            del self._due[key]
            self._rung.setdefault(key, deque(maxlen=BUSY_WAKES)).append(now)
            self._wake(*key)
        if len(self._rung) > MAX_REMEMBERED:
            self._rung = {key: times for key, times in self._rung.items() if now - times[-1] < BUSY_WITHIN_S}
        return len(ready)

    def clear(self) -> None:
        """Forget what is due."""
        self._due.clear()
        self._named.clear()

    def _time_for(self, key: _Key, *, gathered_s: float = 0.0) -> float:
        now = time.monotonic()
        times = self._rung.get(key)
        is_busy = times is not None and len(times) == BUSY_WAKES and now - times[0] < BUSY_WITHIN_S
        return now + (BUSY_COALESCE_S if is_busy else COALESCE_S - gathered_s)

    def _resolve(self, now: float) -> None:
        """Names as rows; one that is not known yet is for discovery."""
        ready = [name for name, at in self._named.items() if at <= now]
        if not ready:
            return
        for name in ready:
            del self._named[name]
        try:
            found = mailbox_ids(ready)
        except DatabaseError as error:
            log.warning("watch.no_database", error=type(error).__name__)  # the next full pass finds it
            return
        for name in ready:
            key = ("sync.mailbox", found[name]) if name in found else ("sync.account", name[0])
            self._due.setdefault(key, self._time_for(key, gathered_s=COALESCE_S))
