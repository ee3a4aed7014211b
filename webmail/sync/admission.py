"""Who may open a connection now: limits for an account and for a host, fair among accounts (sync Y81, Y84, R84).

Counts what this process has open, in use or kept; at a limit, kept sessions give way. Who waits longest among the accounts
with the fewest connections goes first, so that a large backfill starves nobody. It knows no servers and no rows.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from webmail.sync.errors import TooManyConnections

CHECK_AFTER_S = 30.0  # a session idle for longer is asked for a sign of life before it is used
KEEP_S = 300.0  # then it is closed
KEEP_SMTP_S = 30.0  # submission servers hang up early on who says nothing
ADMISSION_S = 30.0  # how long to wait for a connection to become free
# Threads that may wait for the connections of one host, and in all: the others have work elsewhere, and come back later.
WAITING_OF_HOST, WAITING = 3, 5
WORKING = 2  # connections of an account, and one more while it is being filled (Y81)
BURST = 8  # new connections to a host at once; then they come at its pace (Y80)

Service = Literal["imap", "pop3", "smtp"]


class Session(Protocol):
    """What is kept: a logged-in session."""

    @property
    def is_closed(self) -> bool: ...
    def close(self) -> None: ...


@dataclass(eq=False)
class Ticket:
    """The right to one connection. `session` is a kept one; `idle_s` tells how long it was not used."""

    account_id: int
    host: str
    service: Service = "imap"
    digest: str = ""  # what the login depends on; empty: no session is kept
    for_backfill: bool = False
    max_account: int = WORKING + 1
    max_host: int = 8
    keep_s: float | None = None  # None: as long as any
    session: Session | None = None
    idle_s: float = 0.0
    asked_at: float = field(default_factory=time.monotonic)

    @property
    def account_key(self) -> tuple[int, str]:
        return self.account_id, self.service

    @property
    def host_key(self) -> tuple[str, str]:
        return self.host, self.service


@dataclass(eq=False)
class _Kept:
    ticket: Ticket
    session: Session
    since: float


class Pool:
    """What is open in this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: list[_Kept] = []
        self._waiting: list[Ticket] = []
        self._of_account: Counter[tuple[int, str]] = Counter()
        self._of_host: Counter[tuple[str, str]] = Counter()
        self._backfilling: Counter[tuple[int, str]] = Counter()

    def admit(self, ticket: Ticket, *, wait_s: float | None = None) -> None:
        """Wait until the ticket is good; it may get a kept session. Raises `TooManyConnections` after `wait_s`, or at once
        when enough others wait already."""
        deadline = time.monotonic() + (ADMISSION_S if wait_s is None else wait_s)
        with self._changed:
            self._waiting.append(ticket)
        try:
            while (closing := self._try(ticket, deadline)) is not None:
                for kept in closing:
                    kept.session.close()
        finally:
            with self._changed:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def leave(self, ticket: Ticket, session: Session | None) -> None:
        """Give the ticket back; a session given with it is kept, unless it is one too many now."""
        with self._changed:
            if ticket.for_backfill:
                self._backfilling[ticket.account_key] -= 1
            limit = min(WORKING + (self._backfilling[ticket.account_key] > 0), ticket.max_account)
            is_kept = session is not None and self._of_account[ticket.account_key] <= limit
            if session is not None and is_kept:
                self._kept.append(_Kept(ticket, session, time.monotonic()))
            else:
                self._uncount(ticket)
            self._changed.notify_all()
        if session is not None and not is_kept:
            session.close()

    def open_at(self, host: str, service: Service) -> int:
        """Connections to a host, in use and kept."""
        with self._changed:
            return self._of_host[host.lower(), service]

    def close_kept(self, choose: Callable[[Ticket], bool] = lambda _: True) -> None:
        """Log out of what is kept and chosen."""
        with self._changed:
            closing = self._drop([kept for kept in self._kept if choose(kept.ticket)])
        for kept in closing:
            kept.session.close()

    def close_stale(self, service: Service) -> None:
        """Log out of what was kept for long enough."""
        with self._changed:
            now = time.monotonic()
            closing = self._drop([kept for kept in self._kept if kept.ticket.service == service and _is_old(kept, now)])
        for kept in closing:
            kept.session.close()

    def keeps(self, service: Service) -> bool:
        """Whether any session of this kind is kept."""
        with self._changed:
            return any(kept.ticket.service == service for kept in self._kept)

    # Under the lock -----------------------------------------------------------------------------------------

    def _try(self, ticket: Ticket, deadline: float) -> list[_Kept] | None:
        """One look: None when the ticket is good, else what to close before the next look."""
        with self._changed:
            closing = self._drop(self._stale(ticket))
            if closing:
                return closing
            kept = next((item for item in reversed(self._kept) if _fits(item.ticket, ticket)), None)
            if kept is not None and not self._is_backfill_taken(ticket):
                self._kept.remove(kept)
                ticket.session, ticket.idle_s = kept.session, time.monotonic() - kept.since
                self._backfilling[ticket.account_key] += ticket.for_backfill
                return None
            if self._has_room(ticket) and self._is_next(ticket):
                self._of_account[ticket.account_key] += 1
                self._of_host[ticket.host_key] += 1
                self._backfilling[ticket.account_key] += ticket.for_backfill
                return None
            closing = self._drop(self._evictable(ticket))
            if not closing and self._is_crowded(ticket):
                raise TooManyConnections(f"others wait for a connection to {ticket.host} already")
            left = deadline - time.monotonic()
            if not closing and (left <= 0 or not self._changed.wait(timeout=left)) and time.monotonic() >= deadline:
                raise TooManyConnections(f"no connection to {ticket.host} became free")
            return closing

    def _account_limit(self, ticket: Ticket) -> int:
        is_filling = ticket.for_backfill or self._backfilling[ticket.account_key] > 0
        return min(WORKING + is_filling, ticket.max_account)

    def _is_backfill_taken(self, ticket: Ticket) -> bool:
        return ticket.for_backfill and self._backfilling[ticket.account_key] > 0

    def _has_room(self, ticket: Ticket) -> bool:
        return (
            not self._is_backfill_taken(ticket)
            and self._of_account[ticket.account_key] < self._account_limit(ticket)
            and self._of_host[ticket.host_key] < ticket.max_host
        )

    def _is_crowded(self, ticket: Ticket) -> bool:
        """Whether so many wait since before that one thread more would be missing elsewhere (Y84)."""
        ahead = [other for other in self._waiting if other is not ticket and other.asked_at <= ticket.asked_at]
        of_host = sum(other.host_key == ticket.host_key for other in ahead)
        return of_host >= WAITING_OF_HOST or len(ahead) >= WAITING

    def _is_next(self, ticket: Ticket) -> bool:
        """Of all that wait for this host and have room, the account with the fewest connections, then who came first."""
        rivals = [other for other in self._waiting if other.host_key == ticket.host_key and self._has_room(other)]
        first = min(rivals, key=lambda one: (self._of_account[one.account_key], one.asked_at), default=ticket)
        return first is ticket

    def _stale(self, ticket: Ticket) -> list[_Kept]:
        """Sessions kept too long, and those of this account with settings of the past."""
        now = time.monotonic()
        return [
            kept
            for kept in self._kept
            if _is_old(kept, now)
            or (ticket.digest and kept.ticket.account_key == ticket.account_key and kept.ticket.digest != ticket.digest)
        ]

    def _evictable(self, ticket: Ticket) -> list[_Kept]:
        """The kept session that was idle longest among those in the way."""
        if self._is_backfill_taken(ticket):
            return []
        is_account_full = self._of_account[ticket.account_key] >= self._account_limit(ticket)
        is_host_full = self._of_host[ticket.host_key] >= ticket.max_host
        found = [
            kept
            for kept in self._kept
            if (is_account_full and kept.ticket.account_key == ticket.account_key)
            or (not is_account_full and is_host_full and kept.ticket.host_key == ticket.host_key)
        ]
        return found[:1]

    def _drop(self, items: list[_Kept]) -> list[_Kept]:
        for kept in items:
            self._kept.remove(kept)
            self._uncount(kept.ticket)
        if items:
            self._changed.notify_all()
        return items

    def _uncount(self, ticket: Ticket) -> None:
        self._of_account[ticket.account_key] -= 1
        self._of_host[ticket.host_key] -= 1


def _is_old(kept: _Kept, now: float) -> bool:
    keep_s = KEEP_S if kept.ticket.keep_s is None else kept.ticket.keep_s
    return now - kept.since > keep_s or kept.session.is_closed


def _fits(kept: Ticket, wanted: Ticket) -> bool:
    return bool(wanted.digest) and (kept.account_key, kept.digest) == (wanted.account_key, wanted.digest)


class Pacer:
    """Spreads new connections to a host: a burst at once, then at a pace (Y80, R84)."""

    def __init__(self, *, burst: int = BURST, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._burst = burst
        self._clock = clock
        self._due: dict[str, float] = {}

    def wait_s(self, host: str, per_s: float) -> float:
        """How long to wait before the next connection to `host`, which is counted as made."""
        now = self._clock()
        step = 1.0 / per_s
        with self._lock:
            # `due` runs ahead of the clock by a step for each connection; the first `burst` steps are free.
            due = max(self._due.get(host, 0.0), now - step * (self._burst - 1)) + step
            self._due[host] = due
        return max(due - step - now, 0.0)
