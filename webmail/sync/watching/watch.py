"""Listening at many IMAP servers at once (sync 3.10): what `manage.py watch` does on the network.

    refresh: rows -> whom to listen to        pump: sockets -> pushes -> one wake-up a mailbox

One selector loop holds all connections; a few threads open them (`watch_opening`). Nothing in the loop waits for a server.
It never fetches mail: the woken worker does. An account whose server does not announce mail is polled (Y77, Y79).
"""

from __future__ import annotations

import queue
import random
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog
from django.db import DatabaseError

from accounts import services
from accounts.credentials import CredentialDamaged, CredentialMissing
from accounts.models import AccountState, MailAccount
from webmail import dispatch
from webmail.protocols.errors import PermanentlyRefused, ProtocolError
from webmail.protocols.imap.listening import ROUNDS_S, Listening
from webmail.protocols.imap.pushes import Push
from webmail.sync import alerts, connections, refusals
from webmail.sync.admission import Pacer
from webmail.sync.errors import plain_reason
from webmail.sync.providers import profile
from webmail.sync.watching.watch_opening import Opened, open_listening
from webmail.sync.watching.watch_polling import Polls
from webmail.sync.watching.watch_targets import Target, targets
from webmail.sync.watching.watch_wakeups import Wake, WakeUps

log = structlog.get_logger(__name__)

CHECK_S = 1.0  # how often connections are looked at for rounds and deadlines
OPENERS = 8  # threads that wait for servers
OPENERS_PER_HOST = 4
STACK_BYTES = 524_288  # of such a thread
STABLE_S = 60.0  # having listened for so long, a connection counts as good and the back-off starts anew (Y80)
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 3600.0
TOO_MANY_RETRY_S = 300.0  # the server has no room for one that only listens: the account is polled meanwhile (Y81)
NO_NOTIFY_S = 6 * 3600.0  # a server whose NOTIFY overflows, or ends the connection, is content with IDLE for so long
MUTE_RETRY_S = 3600.0  # such a server is polled; look now and then whether it has learned to announce


@dataclass
class _Entry:
    """One account. Either `listening`, or `is_opening`, or waiting for `try_at`."""

    target: Target
    try_at: float = 0.0
    listening: Listening | None = None
    is_opening: bool = False
    is_mute: bool = False
    no_notify_until: float = 0.0
    failures: int = 0
    since: float = 0.0
    file_number: int = -1

    @property
    def is_heard(self) -> bool:
        return self.listening is not None


class Watch:
    """All listening of this process. `refresh` now and then, `pump` all the time, `close` at the end; one thread."""

    def __init__(
        self,
        *,
        wake: Wake = dispatch.wake,
        polls: Polls | None = None,
        rounds_s: tuple[float, ...] = ROUNDS_S,
    ) -> None:
        self._wake = wake
        self._wakeups = WakeUps(wake)
        self._polls = polls or Polls()
        self._rounds_s = rounds_s
        self._entries: dict[int, _Entry] = {}
        self._selector = selectors.DefaultSelector()
        self._again: dict[int, _Entry] = {}
        self._opened: queue.SimpleQueue[Opened] = queue.SimpleQueue()
        self._bell, self._rung = socket.socketpair()
        self._bell.settimeout(0)
        self._rung.settimeout(0)
        self._selector.register(self._rung, selectors.EVENT_READ, None)
        self._openers: ThreadPoolExecutor | None = None
        self._opening: Counter[str] = Counter()
        self._pacer = Pacer()
        self._host_due: dict[str, float] = {}
        self._next_check = 0.0

    # Whom -----------------------------------------------------------------------------------------------------

    def refresh(self, shards: Collection[int] | None = None) -> None:
        """Begin with new accounts of these shards, end with those that left, begin anew where a login changed."""
        wanted = {target.account_id: target for target in targets(shards)}
        for account_id, entry in list(self._entries.items()):
            if wanted.get(account_id) != entry.target:
                self._drop(entry)
                del self._entries[account_id]
        for account_id, target in wanted.items():
            if account_id in self._entries:
                self._entries[account_id].target = target
            else:
                self._entries[account_id] = _Entry(target)
        self._poll()

    def figures(self) -> dict[str, int]:
        """For the health page: accounts, and how many are listened to (by NOTIFY, by IDLE alone) or polled."""
        entries = list(self._entries.values())
        heard = [entry.listening for entry in entries if entry.listening is not None]
        by_notify = sum(listening.has_notify for listening in heard)
        return {
            "accounts": len(entries),
            "listening": len(heard),
            "notify": by_notify,
            "idle": len(heard) - by_notify,
            "polled": sum(entry.is_mute for entry in entries),
        }

    def close(self, *, timeout_s: float = 0.0) -> None:
        """End all connections. What is being opened ends by itself; wait for it up to `timeout_s`."""
        for entry in self._entries.values():
            self._drop(entry)
        self._entries.clear()
        self._wakeups.clear()
        openers, self._openers = self._openers, None
        if openers is not None:
            openers.shutdown(wait=False, cancel_futures=True)
        until = time.monotonic() + timeout_s
        while sum(self._opening.values()) and time.monotonic() < until:
            self._take_opened(timeout_s=0.05)
        while self._take_opened(timeout_s=0.0):
            pass

    # The loop -------------------------------------------------------------------------------------------------

    def pump(self, *, timeout_s: float) -> int:
        """Wait for something to happen and wake workers for what has happened. Returns how many wake-ups."""
        ends = min(time.monotonic() + timeout_s, self._start_openings(), self._wakeups.next_at)
        ready = self._selector.select(0.0 if self._again else max(ends - time.monotonic(), 0.0))
        again, self._again = self._again, {}
        for key, _ in ready:
            if key.data is None:
                self._silence_bell()
            else:
                again[key.data.target.account_id] = key.data
        for entry in again.values():
            self._read(entry)
        while self._take_opened(timeout_s=0.0):
            pass
        self._check(time.monotonic())
        return self._wakeups.ring()

    def _read(self, entry: _Entry) -> None:
        listening = entry.listening
        if listening is None:
            return
        try:
            pushes = listening.receive()
            if listening.has_more:
                self._again[entry.target.account_id] = entry
            for push in pushes:
                self._note(entry, push)
        except ProtocolError as error:
            self._lost(entry, error)

    def _note(self, entry: _Entry, push: Push) -> None:
        target = entry.target
        if push.kind == "mailboxes":
            self._wakeups.mark("sync.account", target.account_id)
        elif push.kind == "overflow":
            # Nothing is told any more (RFC 5465 5.8): look everywhere, and be content with IDLE.
            self._wakeups.mark("sync.account", target.account_id)
            self._again_later(entry, 0.0)
            entry.no_notify_until = time.monotonic() + NO_NOTIFY_S
        elif push.kind == "alert":
            _write(partial(alerts.tell, target.account_id, [push.text]))
        elif push.raw_name is None or push.raw_name == target.raw_name:
            self._wakeups.mark("sync.mailbox", target.mailbox_id)
        else:
            self._wakeups.mark_named(target.account_id, push.raw_name)

    def _check(self, now: float) -> None:
        """Rounds and deadlines of all connections."""
        if now < self._next_check:
            return
        self._next_check = now + min(CHECK_S, min(self._rounds_s) / 4)
        for entry in list(self._entries.values()):
            if entry.listening is None:
                continue
            try:
                entry.listening.check(now)
            except ProtocolError as error:
                self._lost(entry, error)
                continue
            if entry.listening.is_silent:
                log.info("watch.silent", account=entry.target.account_id)
                entry.is_mute = True
                self._again_later(entry, MUTE_RETRY_S)

    def _poll(self) -> None:
        for entry in self._entries.values():
            if not entry.target.is_failing and not entry.is_opening:
                has_notify = entry.listening is not None and entry.listening.has_notify
                target = entry.target
                if self._polls.is_due(
                    target.account_id, user_id=target.user_id, is_heard=entry.is_heard, has_notify=has_notify
                ):
                    self._wake("sync.account", target.account_id)
        self._polls.keep(self._entries)

    # Connections ------------------------------------------------------------------------------------------------

    def _start_openings(self) -> float:
        """Begin what may begin now. Returns when to look again: at the latest when the pace of a host allows it."""
        now = time.monotonic()
        look_at = float("inf")
        for entry in self._entries.values():
            if sum(self._opening.values()) >= OPENERS:
                break  # the bell rings when one is done
            host = entry.target.host
            if entry.listening is not None or entry.is_opening or self._opening[host] >= OPENERS_PER_HOST:
                continue
            may_at = max(entry.try_at, self._host_due.get(host, 0.0))
            if may_at <= now:
                self._host_due[host] = now + self._pacer.wait_s(host, profile(host).connects_per_s)
                self._open(entry)
            else:
                look_at = min(look_at, may_at)
        return look_at

    def _open(self, entry: _Entry) -> None:
        if self._openers is None:
            self._openers = ThreadPoolExecutor(OPENERS, thread_name_prefix="watch")
        entry.is_opening = True
        self._opening[entry.target.host] += 1
        before = threading.stack_size(STACK_BYTES)
        self._openers.submit(self._open_in_thread, entry.target, with_notify=time.monotonic() >= entry.no_notify_until)
        threading.stack_size(before)

    def _open_in_thread(self, target: Target, *, with_notify: bool) -> None:
        self._opened.put(open_listening(target, with_notify=with_notify, rounds_s=self._rounds_s))
        with suppress(OSError):  # full: it rings already
            self._bell.send(b".")

    def _silence_bell(self) -> None:
        with suppress(BlockingIOError):
            self._rung.recv(4096)

    def _take_opened(self, *, timeout_s: float) -> bool:
        """One connection that threads have opened, or failed to."""
        try:
            opened = self._opened.get(timeout=timeout_s) if timeout_s else self._opened.get_nowait()
        except queue.Empty:
            return False
        self._opening[opened.target.host] -= 1
        entry = self._entries.get(opened.target.account_id)
        if entry is None or entry.target != opened.target or not entry.is_opening:
            if opened.listening is not None:
                opened.listening.close()
            return True
        entry.is_opening = False
        if opened.is_notify_fatal:
            entry.no_notify_until = time.monotonic() + NO_NOTIFY_S
        if opened.listening is not None:
            self._begin(entry, opened.listening)
            _write(partial(alerts.tell, entry.target.account_id, opened.alerts))
        elif opened.is_mute:
            log.info("watch.mute", account=entry.target.account_id)
            entry.is_mute = True
            entry.try_at = time.monotonic() + _jittered(MUTE_RETRY_S)
        elif opened.error is not None:
            self._lost(entry, opened.error)
        return True

    def _begin(self, entry: _Entry, listening: Listening) -> None:
        entry.listening, entry.since, entry.is_mute = listening, time.monotonic(), False
        entry.file_number = listening.fileno()
        self._selector.register(entry.file_number, selectors.EVENT_READ, entry)
        if listening.has_more:
            self._again[entry.target.account_id] = entry
        self._wakeups.mark("sync.mailbox", entry.target.mailbox_id)  # what came while nobody listened

    def _lost(self, entry: _Entry, error: Exception) -> None:
        account_id = entry.target.account_id
        decision = refusals.decide(error)
        if decision.needs_password or isinstance(error, CredentialMissing | CredentialDamaged):
            self._again_later(entry, LONGEST_RETRY_S)
            _write(partial(self._refused, account_id, plain_reason(error)))
            return
        if entry.listening is not None and time.monotonic() - entry.since > STABLE_S:
            entry.failures = 0
        entry.failures += 1
        wait_s = _retry_wait(entry.failures)
        if refusals.is_too_many_connections(error, at_login=True):
            _write(partial(connections.note_too_many, entry.target.host, "imap", error))
            entry.is_mute, wait_s = True, max(wait_s, _jittered(TOO_MANY_RETRY_S))
        elif entry.listening is not None and isinstance(error, PermanentlyRefused):
            entry.is_mute, wait_s = True, _jittered(MUTE_RETRY_S)  # it took IDLE before, and does no more
        log.info("watch.lost", account=account_id, error=type(error).__name__, wait_s=round(wait_s))
        self._again_later(entry, wait_s)

    def _again_later(self, entry: _Entry, wait_s: float) -> None:
        self._drop(entry)
        entry.try_at = time.monotonic() + wait_s

    def _drop(self, entry: _Entry) -> None:
        listening, entry.listening = entry.listening, None
        self._again.pop(entry.target.account_id, None)
        if listening is not None:
            self._selector.unregister(entry.file_number)  # the socket may be closed already
            listening.close()

    # Rows -------------------------------------------------------------------------------------------------------

    def _refused(self, account_id: int, reason: str) -> None:
        """The server does not take the password, or there is none: nobody tries again before a person has (R51)."""
        account = MailAccount.objects.filter(pk=account_id).exclude(state=AccountState.PAUSED).first()
        if account is not None:
            services.set_state(account, AccountState.AUTH_FAILED, reason=reason)


def _write(act: Callable[[], object]) -> None:
    """A database that is away for a moment must not end all connections; what is lost here, the next pass finds out."""
    try:
        act()
    except DatabaseError as error:
        log.warning("watch.no_database", error=type(error).__name__)


def _jittered(wait_s: float) -> float:
    return wait_s * random.uniform(0.7, 1.3)  # noqa: S311 - no secret


def _retry_wait(failures: int) -> float:
    """Seconds; doubled each time, with jitter, so that a server that comes back is not met by everybody at once."""
    return _jittered(min(FIRST_RETRY_S * 2 ** min(max(failures - 1, 0), 20), LONGEST_RETRY_S))
