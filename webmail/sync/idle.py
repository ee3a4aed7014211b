"""Listening at many IMAP servers at once (sync 3.10): what `manage.py watch` does on the network.

One thread and one connection for each account, waiting in IDLE on its inbox; a server that hangs can only hold its own
thread up. Threads only tell: all rows are read and written by whoever calls `Watch.refresh` and `Watch.pump`. Events of a
mailbox within a fifth of a second become one wake-up. It never fetches mail: the woken worker does.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db import connection
from django.db.models import Max

from accounts import credentials, services
from accounts.credentials import CredentialDamaged, CredentialError, CredentialMissing
from accounts.models import AccountState, Credential, IncomingProtocol, MailAccount
from webmail import dispatch
from webmail.protocols.errors import AuthenticationRefused, PermanentlyRefused, ProtocolError
from webmail.protocols.imap import session as imap
from webmail.protocols.login import Login
from webmail.store.models import Mailbox, Role
from webmail.sync.connections import endpoint
from webmail.sync.errors import plain_reason

log = structlog.get_logger(__name__)

COALESCE_S = 0.2  # sync Y76
SLICE_S = 5.0  # a listener looks this often whether it shall stop
# DONE and NOOP this often find connections that are only half open, and renew IDLE long before the 29 minutes (Y77).
WATCHDOG_S = 540.0
STABLE_S = 60.0  # having listened for so long, a connection counts as good and the back-off starts anew (Y80)
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 3600.0
NO_IDLE_RETRY_S = 3600.0  # such a server is polled; look now and then whether it has learned to announce
STARTS_PER_REFRESH = 50  # many accounts begin one after the other (Y80)
STACK_BYTES = 524_288  # of a listener's thread

Wake = Callable[[str, int], None]


@dataclass(frozen=True)
class Target:
    """What to listen to. `fingerprint` changes with the servers or the password, and then a new listener begins."""

    account_id: int
    mailbox_id: int
    raw_name: bytes
    fingerprint: tuple[object, ...]


@dataclass(frozen=True)
class _Changed:
    target: Target


@dataclass(frozen=True)
class _Refused:
    """The server does not take the password, or there is none: nobody tries again before a person has looked (R51)."""

    target: Target
    reason: str


def targets() -> list[Target]:
    """The inbox of every IMAP account that may be asked, once discovery has found it."""
    inboxes = Mailbox.objects.filter(
        role=Role.INBOX,
        source=Mailbox.Source.REMOTE,
        is_selectable=True,
        missing_since=None,
        account__incoming_protocol=IncomingProtocol.IMAP,
    ).exclude(account__state__in=(AccountState.PAUSED, AccountState.AUTH_FAILED))
    rows = inboxes.annotate(password_at=Max("account__credentials__updated_at")).values_list(
        "account_id",
        "pk",
        "remote_name",
        "account__incoming_host",
        "account__incoming_port",
        "account__incoming_security",
        "account__incoming_username",
        "password_at",
    )
    return [
        Target(row[0], row[1], row[2].encode("ascii", "replace"), tuple(row)) for row in rows.order_by("account_id")
    ]


class Watch:
    """All listeners of this process. `refresh` now and then, `pump` all the time, `close` at the end."""

    def __init__(self, *, wake: Wake = dispatch.wake, slice_s: float = SLICE_S, watchdog_s: float = WATCHDOG_S) -> None:
        self._wake = wake
        self._slice_s = slice_s
        self._watchdog_s = watchdog_s
        self._told: queue.SimpleQueue[_Changed | _Refused] = queue.SimpleQueue()
        self._listeners: dict[int, _Listener] = {}

    def refresh(self) -> None:
        """Begin with new accounts, end with those that left, begin anew where servers or password changed."""
        wanted = {target.account_id: target for target in targets()}
        for account_id, listener in list(self._listeners.items()):
            if wanted.get(account_id) != listener.target:
                listener.stop()
                del self._listeners[account_id]
        missing = [target for account_id, target in wanted.items() if account_id not in self._listeners]
        threading.stack_size(STACK_BYTES)
        for target in missing[:STARTS_PER_REFRESH]:
            listener = _Listener(target, self._told, slice_s=self._slice_s, watchdog_s=self._watchdog_s)
            self._listeners[target.account_id] = listener
            listener.start()
        threading.stack_size(0)

    def pump(self, *, timeout_s: float) -> int:
        """Wait for something to happen, gather what comes close behind, and wake workers. Returns how many wake-ups."""
        try:
            heard = [self._told.get(timeout=timeout_s)]
        except queue.Empty:
            return 0
        until = time.monotonic() + COALESCE_S
        while (left := until - time.monotonic()) > 0:
            try:
                heard.append(self._told.get(timeout=left))
            except queue.Empty:
                break
        for mailbox_id in dict.fromkeys(told.target.mailbox_id for told in heard if isinstance(told, _Changed)):
            self._wake("sync.mailbox", mailbox_id)
        for told in heard:
            if isinstance(told, _Refused):
                self._note_refusal(told)
        return len(heard)

    def figures(self) -> dict[str, int]:
        """For the health page: how many accounts there are, and how many of them are being listened to now."""
        listening = sum(listener.is_listening for listener in list(self._listeners.values()))
        return {"accounts": len(self._listeners), "listening": listening}

    def close(self, *, timeout_s: float = 0.0) -> None:
        """Tell all listeners to stop, and wait for them up to `timeout_s` in all."""
        for listener in self._listeners.values():
            listener.stop()
        until = time.monotonic() + timeout_s
        for listener in self._listeners.values():
            listener.join(max(until - time.monotonic(), 0.0))
        self._listeners.clear()

    def _note_refusal(self, told: _Refused) -> None:
        listener = self._listeners.get(told.target.account_id)
        if listener is None or listener.target != told.target:
            return  # the password was replaced meanwhile
        account = MailAccount.objects.filter(pk=told.target.account_id).first()
        if account is not None and account.state != AccountState.PAUSED:
            services.set_state(account, AccountState.AUTH_FAILED, reason=told.reason)


class _Listener(threading.Thread):
    """One account. Ends when told to, or when the server refuses the password; every other failure is tried again."""

    def __init__(
        self, target: Target, told: queue.SimpleQueue[_Changed | _Refused], *, slice_s: float, watchdog_s: float
    ) -> None:
        super().__init__(name=f"idle-{target.account_id}", daemon=True)
        self.target = target
        self.is_listening = False
        self._told = told
        self._slice_s = slice_s
        self._watchdog_s = watchdog_s
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End soon: within a slice, or when the server answers."""
        self._stopped.set()

    def run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            began = time.monotonic()
            wait_s = 0.0
            try:
                with self._session() as session:
                    wait_s = self._listen(session)
            except (AuthenticationRefused, CredentialMissing, CredentialDamaged) as error:
                self._told.put(_Refused(self.target, plain_reason(error)))
                return
            except MailAccount.DoesNotExist:
                return
            except (ProtocolError, CredentialError) as error:
                log.info("watch.lost", account=self.target.account_id, error=type(error).__name__)
            except Exception:
                # The boundary of a task: a fault of ours with one account must not silence it for ever.
                log.exception("watch.failed", account=self.target.account_id)
            finally:
                self.is_listening = False
            failures = 0 if time.monotonic() - began > STABLE_S else failures + 1
            self._stopped.wait(wait_s or _retry_wait(failures))

    def _session(self) -> imap.LiveImapSession:
        """A connection of its own: the pool of `sync.connections` is for work that ends."""
        try:
            account = MailAccount.objects.get(pk=self.target.account_id)
            secret = credentials.open_secret(account, purpose=Credential.Purpose.INCOMING)
        finally:
            connection.close()  # this thread needs no more rows
        login = Login(account.incoming_username, secret.value, secret.mechanism)
        return imap.open_session(endpoint(account, "incoming"), login)

    def _listen(self, session: imap.LiveImapSession) -> float:
        """Until told to stop or the connection ends. Returns how long to wait when the server does not announce mail."""
        if not session.supports("IDLE"):
            return NO_IDLE_RETRY_S
        session.select(self.target.raw_name, read_only=True)
        self._tell()  # what came while nobody listened
        checked = time.monotonic()
        while not self._stopped.is_set():
            try:
                events = session.idle(timeout_s=self._slice_s)
            except PermanentlyRefused:
                return NO_IDLE_RETRY_S  # offered but not to be had: the account is polled (Y77)
            self.is_listening = True
            if not events and time.monotonic() - checked > self._watchdog_s:
                session.noop()
                events = session.take_events()
                checked = time.monotonic()
            if events:
                self._tell()
        return 0.0

    def _tell(self) -> None:
        self._told.put(_Changed(self.target))


def _retry_wait(failures: int) -> float:
    """Seconds; doubled each time, with jitter, so that a server that comes back is not met by everybody at once."""
    wait_s: float = min(FIRST_RETRY_S * 2 ** min(max(failures - 1, 0), 20), LONGEST_RETRY_S)
    jitter: float = random.uniform(0.7, 1.3)  # noqa: S311 - no secret
    return wait_s * jitter
