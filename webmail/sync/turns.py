"""Long work in turn: how many threads of this process list old mail and fetch bodies at once (sync Y84).

Two threads always stay free of it, so that new mail, acts of users and sending never wait for somebody's first sync. Nobody
waits here: an account that gets no turn does its short work and is woken when its turn has come, first come, first served.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

RESERVED_S = 15.0  # a turn that was offered and not taken goes to the next one
FREE_THREADS = 2
USUAL_THREADS = 8  # as `manage.py up` starts them


class Turns:
    """The turns of one process, of all its threads. `slots`: accounts with long work at once."""

    def __init__(
        self, slots: int = USUAL_THREADS - FREE_THREADS, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._slots = slots
        self._clock = clock
        self._lock = threading.Lock()
        self._working: set[int] = set()
        self._offered: dict[int, float] = {}
        self._waiting: deque[int] = deque()

    def set_threads(self, threads: int) -> None:
        """So many threads does this process have."""
        with self._lock:
            self._slots = max(threads - FREE_THREADS, 1)

    def begin(self, account_id: int, *, waits: bool = True) -> bool:
        """Whether the account may work now; call `end` then. `waits`: else it is woken when its turn has come."""
        with self._lock:
            now = self._clock()
            self._offered = {one: until for one, until in self._offered.items() if until > now}
            others = len(self._offered) - (account_id in self._offered)
            if account_id in self._working or len(self._working) + others < self._slots:
                self._offered.pop(account_id, None)
                if account_id in self._waiting:
                    self._waiting.remove(account_id)
                self._working.add(account_id)
                return True
            if waits and account_id not in self._waiting:
                self._waiting.append(account_id)
            return False

    def end(self, account_id: int) -> int | None:
        """The account has worked. Returns whose turn it is: wake that one."""
        with self._lock:
            self._working.discard(account_id)
            if not self._waiting:
                return None
            following = self._waiting.popleft()
            self._offered[following] = self._clock() + RESERVED_S
            return following


class Turn:
    """The turn of one account in one pass: asked for when it is needed, then kept to the end of the pass."""

    def __init__(self, turns: Turns, account_id: int) -> None:
        self._turns = turns
        self._account_id = account_id
        self.is_ours: bool | None = None  # None: not asked for

    def take(self, *, waits: bool = True) -> bool:
        """Whether long work may be done in this pass."""
        if self.is_ours is None:
            self.is_ours = self._turns.begin(self._account_id, waits=waits)
        return self.is_ours


turns = Turns()


@contextmanager
def turn_of(account_id: int, wake: Callable[[str, int], None]) -> Iterator[Turn]:
    """The turn of a pass. At its end the next account in line is woken with `wake("sync.account", id)`."""
    turn = Turn(turns, account_id)
    try:
        yield turn
    finally:
        following = turns.end(account_id) if turn.is_ours else None
        if following is not None:
            wake("sync.account", following)
