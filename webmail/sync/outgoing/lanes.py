"""Which accounts this process is sending for, so that one account's slow server holds up nobody else.

An account is drained by one thread. A second may enter when the first has been stuck in one conversation for a while: a new
message must not wait ten minutes for the answer to another one. All accounts together leave some threads free for other
work. Nobody waits here: who gets no lane is remembered, and woken or looked for again when there is one.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

STUCK_AFTER_S = 2.0
THREADS_OF_ACCOUNT = 2
USUAL_THREADS = 8  # as `manage.py up` starts them


@dataclass
class _Account:
    threads: int = 0
    moved_at: float = 0.0
    is_asked_again: bool = False


@dataclass
class Lanes:
    """The lanes of one process, of all its threads."""

    slots: int
    clock: Callable[[], float] = time.monotonic
    is_closing: bool = False  # the process is to end: no more messages are begun
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _accounts: dict[int, _Account] = field(default_factory=dict)
    _waiting: deque[int] = field(default_factory=deque)

    def enter(self, account_id: int) -> bool:
        """Whether the caller may send for the account; call `leave` then. Else whoever does is told to look again."""
        with self._lock:
            if self.is_closing:
                return False
            account = self._accounts.get(account_id)
            if account is not None:
                is_stuck = self.clock() - account.moved_at > STUCK_AFTER_S
                if not is_stuck or account.threads >= THREADS_OF_ACCOUNT:
                    account.is_asked_again = True
                    return False
            if sum(one.threads for one in self._accounts.values()) >= self.slots:
                if account_id not in self._waiting:
                    self._waiting.append(account_id)
                return False
            account = self._accounts.setdefault(account_id, _Account())
            account.threads += 1
            account.moved_at = self.clock()
            return True

    def move(self, account_id: int) -> None:
        """The account's queue has moved on by a message."""
        with self._lock:
            if account_id in self._accounts:
                self._accounts[account_id].moved_at = self.clock()

    def is_asked_again(self, account_id: int) -> bool:
        """Whether somebody asked since this was called last: then there may be new rows."""
        with self._lock:
            account = self._accounts[account_id]
            was_asked, account.is_asked_again = account.is_asked_again, False
            return was_asked

    def leave(self, account_id: int) -> list[int]:
        """The caller has ended. Returns the accounts to wake: one that waits for a lane, and this one when it was asked
        for at the very end."""
        with self._lock:
            account = self._accounts[account_id]
            account.threads -= 1
            waking = [self._waiting.popleft()] if self._waiting else []
            if not account.threads:
                del self._accounts[account_id]
                waking += [account_id] * account.is_asked_again
            return waking


def _slots_of(threads: int) -> tuple[int, int]:
    """How many accounts may be sent for, and have copies filed, at once: together less than there are threads."""
    return threads // 2 + 1, max(threads // 4, 1)


def set_threads(threads: int) -> None:
    """So many threads does this process have."""
    sending.slots, filing.slots = _slots_of(threads)


def close() -> None:
    """This process is to end: what is under way is finished, what was only claimed is given back."""
    sending.is_closing = filing.is_closing = True


sending, filing = (Lanes(slots) for slots in _slots_of(USUAL_THREADS))
