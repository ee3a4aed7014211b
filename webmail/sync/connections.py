"""Connections to mail servers: where to, with which secret, and how many. Only workers import this.

IMAP sessions are kept for a few minutes after use, since a login costs several round trips. The secret is opened just
before a session begins and lives in a local variable (security R49). What is open counts against a limit per account and
per host, whether it is in use or kept (sync Y81); at the limit, kept sessions give way.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings

from accounts import credentials
from accounts.models import Credential, MailAccount
from webmail.protocols.errors import BadArgument, ProtocolError
from webmail.protocols.imap import session as imap
from webmail.protocols.login import Login
from webmail.protocols.pop3 import session as pop3
from webmail.protocols.smtp import session as smtp
from webmail.protocols.transport import Endpoint, Security
from webmail.sync.errors import TooManyConnections

MAX_PER_ACCOUNT = 3  # reliability R84
MAX_PER_HOST = 8  # Gmail 15, Dovecot 10 for one user and address
CHECK_AFTER_S = 30.0  # a session idle for longer is asked for a sign of life before it is used
KEEP_S = 300.0  # then it is closed
ADMISSION_S = 30.0  # how long to wait for a connection to become free

Purpose = Literal["incoming", "outgoing"]


def endpoint(account: MailAccount, purpose: Purpose) -> Endpoint:
    """Where an account's server is. Raises `BadArgument` for outgoing mail of an account that cannot send."""
    if purpose == "incoming":
        host, port, security = account.incoming_host, account.incoming_port, account.incoming_security
    else:
        if not account.can_send or account.outgoing_port is None:
            raise BadArgument("this account has no server to send with")
        host, port, security = account.outgoing_host, account.outgoing_port, account.outgoing_security
    return Endpoint(
        host,
        port,
        Security(security),
        allow_networks=tuple(settings.ALLOW_NETWORKS),
        ca_file=str(settings.EXTRA_CA_FILE) if settings.EXTRA_CA_FILE else None,
    )


@contextmanager
def account_session(account: MailAccount) -> Iterator[imap.LiveImapSession]:
    """A logged-in IMAP session, kept or new. After an error inside the block it is closed, else kept.

    Raises what `protocols.imap.session.open_session` raises, `CredentialError` and `TooManyConnections`.
    """
    ticket = _pool.admit(account.pk, account.incoming_host, digest=_digest(account))
    try:
        session = ticket.session or _open_imap(account)
    except BaseException:
        _pool.leave(ticket, None)
        raise
    is_sound = False
    try:
        yield session
        is_sound = True
    finally:
        if not is_sound:
            session.close()
        _pool.leave(ticket, session if is_sound and not session.is_closed else None)


@contextmanager
def pop3_session(account: MailAccount) -> Iterator[pop3.LivePop3Session]:
    """A signed-in POP3 session. It ends without QUIT unless the block calls it: then nothing is deleted (sync Y90)."""
    ticket = _pool.admit(account.pk, account.incoming_host)
    try:
        with pop3.open_session(endpoint(account, "incoming"), _login(account, Credential.Purpose.INCOMING)) as session:
            yield session
    finally:
        _pool.leave(ticket, None)


@contextmanager
def smtp_session(account: MailAccount) -> Iterator[smtp.LiveSmtpSession]:
    """A submission session, signed in when the account has a user name for it. Closed at the end of the block."""
    where = endpoint(account, "outgoing")
    ticket = _pool.admit(account.pk, account.outgoing_host)
    try:
        login = _login(account, Credential.Purpose.OUTGOING) if account.outgoing_username else None
        session = smtp.open_session(where, login, ehlo_name=ehlo_name())
        try:
            yield session
        finally:
            session.close()
    finally:
        _pool.leave(ticket, None)


def ehlo_name() -> str:
    """How we name ourselves to submission servers: the host of BASE_URL, or the loopback address literal."""
    host = urlsplit(settings.BASE_URL).hostname or ""
    return host if "." in host and ":" not in host else "[127.0.0.1]"


def close_kept_sessions() -> None:
    """Log out of everything that is kept: at the end of a process, or between tests."""
    _pool.close_all()


def _open_imap(account: MailAccount) -> imap.LiveImapSession:
    return imap.open_session(endpoint(account, "incoming"), _login(account, Credential.Purpose.INCOMING))


def _login(account: MailAccount, purpose: str) -> Login:
    secret = credentials.open_secret(account, purpose=purpose)
    username = account.incoming_username if purpose == Credential.Purpose.INCOMING else account.outgoing_username
    return Login(username, secret.value, secret.mechanism)


def _digest(account: MailAccount) -> str:
    """Changes with everything a login depends on, so that no session outlives a new host or password."""
    changed_at = Credential.objects.filter(account=account).order_by("purpose").values_list("purpose", "updated_at")
    parts = (
        account.incoming_host,
        account.incoming_port,
        account.incoming_security,
        account.incoming_username,
        [(purpose, moment.isoformat()) for purpose, moment in changed_at],
        settings.EXTRA_CA_FILE,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@dataclass(eq=False)
class _Ticket:
    """The right to one connection. `session` is a kept one; `idle_s` tells how long it was not used."""

    account_id: int
    host: str
    digest: str = ""
    session: imap.LiveImapSession | None = None
    idle_s: float = 0.0


@dataclass(eq=False)
class _Kept:
    ticket: _Ticket
    session: imap.LiveImapSession
    since: float


class _Pool:
    """What is open in this process. The counters hold tickets in use and kept sessions together."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: list[_Kept] = []
        self._of_account: Counter[int] = Counter()
        self._of_host: Counter[str] = Counter()

    def admit(self, account_id: int, host: str, *, digest: str = "") -> _Ticket:
        """A ticket, with a kept session when one fits. Raises `TooManyConnections`."""
        ticket = _Ticket(account_id, host.lower(), digest)
        deadline = time.monotonic() + ADMISSION_S
        while (closing := self._try(ticket, deadline)) is not None:
            for kept in closing:
                kept.session.close()
        if ticket.session is not None and ticket.idle_s > CHECK_AFTER_S and not _is_alive(ticket.session):
            ticket.session.close()
            ticket.session = None
        return ticket

    def _try(self, ticket: _Ticket, deadline: float) -> list[_Kept] | None:
        """One look under the lock: None when the ticket is good, else what to close before the next look."""
        with self._changed:
            closing = self._drop(self._stale(ticket))
            if closing:
                return closing
            kept = next((item for item in reversed(self._kept) if _fits(item.ticket, ticket)), None)
            if kept is not None:
                self._kept.remove(kept)
                ticket.session, ticket.idle_s = kept.session, time.monotonic() - kept.since
                return None
            if self._of_account[ticket.account_id] < MAX_PER_ACCOUNT and self._of_host[ticket.host] < MAX_PER_HOST:
                self._of_account[ticket.account_id] += 1
                self._of_host[ticket.host] += 1
                return None
            closing = self._drop(self._evictable(ticket))
            left = deadline - time.monotonic()
            if not closing and (left <= 0 or not self._changed.wait(timeout=left)):
                raise TooManyConnections(f"no connection to {ticket.host} became free")
            return closing

    def leave(self, ticket: _Ticket, session: imap.LiveImapSession | None) -> None:
        """Give the ticket back; a session given with it is kept."""
        with self._changed:
            if session is not None:
                self._kept.append(_Kept(ticket, session, time.monotonic()))
            else:
                self._uncount(ticket)
            self._changed.notify_all()

    def close_all(self) -> None:
        with self._changed:
            closing = self._drop(list(self._kept))
        for kept in closing:
            kept.session.close()

    def _stale(self, ticket: _Ticket) -> list[_Kept]:
        """Sessions kept too long, and those of this account with settings of the past."""
        now = time.monotonic()
        return [
            kept
            for kept in self._kept
            if now - kept.since > KEEP_S
            or kept.session.is_closed
            or (ticket.digest and kept.ticket.account_id == ticket.account_id and kept.ticket.digest != ticket.digest)
        ]

    def _evictable(self, ticket: _Ticket) -> list[_Kept]:
        """The kept session that was idle longest among those in the way."""
        is_account_full = self._of_account[ticket.account_id] >= MAX_PER_ACCOUNT
        found = [
            kept
            for kept in self._kept
            if (kept.ticket.account_id == ticket.account_id if is_account_full else kept.ticket.host == ticket.host)
        ]
        return found[:1]

    def _drop(self, items: list[_Kept]) -> list[_Kept]:
        for kept in items:
            self._kept.remove(kept)
            self._uncount(kept.ticket)
        if items:
            self._changed.notify_all()
        return items

    def _uncount(self, ticket: _Ticket) -> None:
        self._of_account[ticket.account_id] -= 1
        self._of_host[ticket.host] -= 1


def _fits(kept: _Ticket, wanted: _Ticket) -> bool:
    return bool(wanted.digest) and (kept.account_id, kept.digest) == (wanted.account_id, wanted.digest)


def _is_alive(session: imap.LiveImapSession) -> bool:
    try:
        session.noop()
    except ProtocolError:
        return False
    return not session.is_closed


_pool = _Pool()
