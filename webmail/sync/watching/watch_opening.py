"""Opening a connection that listens: the part of watching that waits for servers, done in a few threads (sync Y75).

Every command here has a short deadline, and the whole has one too: a server that drips holds one of the threads for a
minute at most, and never more than half of them with others of its host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.db import connection

from accounts import credentials
from accounts.models import MailAccount
from webmail.protocols.errors import DeadlineExceeded, PermanentlyRefused, ProtocolError
from webmail.protocols.imap import session as imap
from webmail.protocols.imap.listening import ROUNDS_S, Listening, start_listening
from webmail.sync.connections import imap_login, incoming_endpoint
from webmail.sync.watching.watch_targets import Target

log = structlog.get_logger(__name__)

COMMAND_S = 15.0  # any command of the beginning


@dataclass(frozen=True)
class Opened:
    """What came of it: `listening`, or the error. `is_mute`: the server does not announce mail, so it is polled (Y77).
    `is_notify_fatal`: the connection ended where NOTIFY was tried, so do without it.
    """

    target: Target
    listening: Listening | None = None
    error: Exception | None = None
    is_mute: bool = False
    is_notify_fatal: bool = False
    alerts: Sequence[str] = ()  # what the server wants people to read, said at the beginning


def open_listening(target: Target, *, with_notify: bool = True, rounds_s: tuple[float, ...] = ROUNDS_S) -> Opened:
    """Log in, select the inbox, begin NOTIFY and IDLE. Never raises."""
    try:
        session = _open_session(target)
    except Exception as error:
        # The boundary of a thread: a fault of ours with one account must not silence it for ever.
        if not isinstance(error, ProtocolError | credentials.CredentialError | MailAccount.DoesNotExist):
            log.exception("watch.failed", account=target.account_id)
        return Opened(target, error=error)
    is_ours = tries_notify = False
    try:
        if not session.supports("IDLE"):
            return Opened(target, is_mute=True)
        session.select(target.raw_name, read_only=True)
        tries_notify = with_notify and session.supports("NOTIFY")
        try:
            listening = start_listening(session, with_notify=tries_notify, rounds_s=rounds_s)
        except (PermanentlyRefused, DeadlineExceeded) as error:
            # Offered but not to be had; a server that only hangs up or falls silent at NOTIFY gets a second chance.
            is_fatal = tries_notify and session.is_closed
            return Opened(target, error=error, is_mute=not is_fatal, is_notify_fatal=is_fatal)
        is_ours = True
        return Opened(target, listening, alerts=session.take_alerts())
    except ProtocolError as error:
        return Opened(target, error=error, is_notify_fatal=tries_notify)
    finally:
        if not is_ours:
            session.close()


def _open_session(target: Target) -> imap.LiveImapSession:
    """A connection of its own: the pool of `sync.connections` is for work that ends."""
    try:
        account = MailAccount.objects.get(pk=target.account_id)
        login = imap_login(account)
        where = incoming_endpoint(account)
    finally:
        connection.close()  # this thread needs no more rows
    return imap.open_session(where, login, command_s=COMMAND_S)
