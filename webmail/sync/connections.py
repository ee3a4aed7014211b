"""Connections to mail servers: where to, with which secret, and how many. Only workers import this.

Sessions are kept for a while after use, since a login costs several round trips: IMAP some minutes, SMTP as long as a
submission server likes it. The secret is opened just before a session begins and lives in a local variable (security R49). `admission` says who may open one now. A server that
says we have too many closes the gate of its host for all processes for a while; that is no wrong password (sync Y81).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings

from accounts import credentials
from accounts.models import Credential, MailAccount
from webmail.protocols.errors import ProtocolError
from webmail.protocols.imap import session as imap
from webmail.protocols.login import Login
from webmail.protocols.pop3 import session as pop3
from webmail.protocols.transport import Endpoint, Security
from webmail.store import gates
from webmail.sync import admission, alerts, refusals
from webmail.sync.admission import Pacer, Pool, Service, Ticket
from webmail.sync.content import budget
from webmail.sync.errors import plain_reason
from webmail.sync.providers import profile

log = structlog.get_logger(__name__)

GATE_CACHE_S = 5.0  # how long a process may not notice that another one has lowered the gate of a host
POP3_CONNECTIONS = 1  # the server locks the mailbox (RFC 1939 section 3)


def endpoint_at(host: str, port: int, security: str) -> Endpoint:
    """A server as the operator lets us reach it (security R26)."""
    return Endpoint(
        host,
        port,
        Security(security),
        allow_networks=tuple(settings.ALLOW_NETWORKS),
        ca_file=str(settings.EXTRA_CA_FILE) if settings.EXTRA_CA_FILE else None,
    )


def incoming_endpoint(account: MailAccount) -> Endpoint:
    """Where an account's IMAP or POP3 server is."""
    return endpoint_at(account.incoming_host, account.incoming_port, account.incoming_security)


@contextmanager
def account_session(account: MailAccount, *, for_backfill: bool = False) -> Iterator[imap.LiveImapSession]:
    """A logged-in IMAP session, kept or new. After an error inside the block it is closed, else kept.

    `for_backfill`: for work that takes long and nobody waits for; an account has one such connection at a time.
    Raises what `protocols.imap.session.open_session` raises, `CredentialError` and `TooManyConnections`.
    """
    ticket = ticket_for(account, account.incoming_host, "imap", for_backfill=for_backfill)
    ticket.digest = _digest(account)
    pool.admit(ticket)
    try:
        session = _kept_session(ticket) or _open_imap(account)
    except BaseException:
        pool.leave(ticket, None)
        raise
    is_sound = False
    try:
        with noticing_too_many(account.incoming_host, "imap"):
            yield session
        is_sound = True
    finally:
        said = session.take_alerts()  # before somebody else may have the session
        if not is_sound:
            session.close()
        pool.leave(ticket, session if is_sound and not session.is_closed else None)
        budget.count_session(account.pk, session)
        alerts.tell(account.pk, said)


@contextmanager
def pop3_session(account: MailAccount) -> Iterator[pop3.LivePop3Session]:
    """A signed-in POP3 session. It ends without QUIT unless the block calls it: then nothing is deleted (sync Y90)."""
    ticket = ticket_for(account, account.incoming_host, "pop3")
    ticket.max_account = POP3_CONNECTIONS
    pool.admit(ticket)
    try:
        with noticing_too_many(account.incoming_host, "pop3", at_login=True):
            wait_turn(account.incoming_host)
            session = pop3.open_session(incoming_endpoint(account), login_of(account, Credential.Purpose.INCOMING))
        with session:
            yield session
    finally:
        pool.leave(ticket, None)


def close_kept_sessions() -> None:
    """Log out of everything that is kept: at the end of a process, or between tests."""
    pool.close_kept()
    with _gate_lock:
        _gate_limits.clear()


def imap_login(account: MailAccount) -> Login:
    """The secret of an account's IMAP or POP3 server, for one who opens a session outside of the pool.

    Raises `CredentialError`.
    """
    return login_of(account, Credential.Purpose.INCOMING)


def note_too_many(host: str, service: Service, error: Exception) -> None:
    """The server says we hold too many connections: close what we keep, and be content with fewer for a while (Y81)."""
    open_now = pool.open_at(host, service)
    pool.close_kept(lambda ticket: ticket.host_key == (host.lower(), service))
    # The one that was refused counts as open still.
    limit = max(min(open_now - 1, _limit_of_host(host) // 2), 1)
    gates.lower_gate(host, limit=limit, reason=plain_reason(error))
    with _gate_lock:
        _gate_limits.pop(host.lower(), None)
    log.warning("connections.gate_lowered", host=host, service=service, limit=limit)


@contextmanager
def noticing_too_many(host: str, service: Service, *, at_login: bool = False) -> Iterator[None]:
    try:
        yield
    except ProtocolError as error:
        if refusals.is_too_many_connections(error, at_login=at_login):
            note_too_many(host, service, error)
        raise


def ticket_for(account: MailAccount, host: str, service: Service, *, for_backfill: bool = False) -> Ticket:
    return Ticket(
        account.pk,
        host.lower(),
        service,
        for_backfill=for_backfill,
        max_account=profile(host).max_connections_account,
        max_host=_limit_of_host(host),
    )


def _limit_of_host(host: str) -> int:
    """Connections of this process to a host, by the provider and by what the server said lately."""
    key, now = host.lower(), time.monotonic()
    with _gate_lock:
        known = _gate_limits.get(key)
        if known is not None and now - known[0] < GATE_CACHE_S:
            return known[1]
    limit = gates.limit_of(host, usual=profile(host).max_connections_host)
    with _gate_lock:
        _gate_limits[key] = (now, limit)
    return limit


def wait_turn(host: str) -> None:
    time.sleep(_pacer.wait_s(host.lower(), profile(host).connects_per_s))


def _kept_session(ticket: Ticket) -> imap.LiveImapSession | None:
    """The kept session of the ticket, if it is still alive."""
    session, ticket.session = ticket.session, None
    if not isinstance(session, imap.LiveImapSession):
        return None
    if ticket.idle_s > admission.CHECK_AFTER_S and not _is_alive(session):
        session.close()
        return None
    return session


def _open_imap(account: MailAccount) -> imap.LiveImapSession:
    with noticing_too_many(account.incoming_host, "imap", at_login=True):
        login = imap_login(account)
        wait_turn(account.incoming_host)
        return imap.open_session(incoming_endpoint(account), login)


def login_of(account: MailAccount, purpose: str) -> Login:
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


def _is_alive(session: imap.LiveImapSession) -> bool:
    try:
        session.noop()
    except ProtocolError:
        return False
    return not session.is_closed


pool = Pool()
_pacer = Pacer()
_gate_lock = threading.Lock()
_gate_limits: dict[str, tuple[float, int]] = {}  # host -> when it was looked up, and the limit
