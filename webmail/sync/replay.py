"""Telling the server what users did: the journal's Actions, in order for each account (sync 3.9).

    pending -> running -> done        carried out, or nothing to do any more
                 |-----> pending      temporary refusal or lost connection: later, and what comes after it waits too
                 |-----> failed       permanent refusal: the rows are put back and the user sees why

This is the order and the outcomes; what is said to the server is in `replay_emails` and `replay_mailboxes`. POP3 knows no such
acts: there the rows are the truth and an Action is done at once. It must not change rows in any other way than by taking back.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

import structlog
from django.utils import timezone

from accounts.credentials import CredentialError
from accounts.models import AccountState, MailAccount
from webmail import dispatch
from webmail.journal import entries
from webmail.journal.models import Action
from webmail.protocols.errors import BadArgument, PermanentlyRefused, ProtocolError, TemporarilyRefused
from webmail.protocols.imap.session import ImapSession
from webmail.store import changes, leases
from webmail.sync import replay_emails, replay_mailboxes
from webmail.sync.connections import account_session
from webmail.sync.errors import SyncError, plain_reason
from webmail.sync.replay_places import NotLocated

log = structlog.get_logger(__name__)

LEASE_S = 300.0  # longer than any one Action; renewed before each

_HANDLERS: Mapping[str, Callable[[ImapSession, Action], None]] = {
    Action.Kind.KEYWORDS: replay_emails.replay_keywords,
    Action.Kind.MOVE: replay_emails.replay_move,
    Action.Kind.COPY: replay_emails.replay_copy,
    Action.Kind.DESTROY: replay_emails.replay_destroy,
    Action.Kind.CREATE_MAILBOX: replay_mailboxes.replay_create,
    Action.Kind.RENAME_MAILBOX: replay_mailboxes.replay_rename,
    Action.Kind.DELETE_MAILBOX: replay_mailboxes.replay_delete,
}
_ABOUT_EMAILS = frozenset({Action.Kind.KEYWORDS, Action.Kind.MOVE, Action.Kind.COPY, Action.Kind.DESTROY})


def replay_account(account_id: int) -> int:
    """Carry out what is open for an account; returns how many Actions ended. Safe to call at any time, by anybody.

    Raises `ConnectionFailed`, `AuthenticationRefused` and the like when no session can be had: the Actions stay.
    """
    account = MailAccount.objects.get(pk=account_id)
    if account.state in {AccountState.PAUSED, AccountState.AUTH_FAILED} and not account.is_pop3:
        return 0
    owner = f"replay:{os.getpid()}:{threading.get_ident()}"
    with leases.leased(f"replay:{account_id}", owner=owner, seconds=LEASE_S) as lease:
        if lease is None:
            return 0
        ended = 0
        while action := _next_action(account_id):
            lease.extend(LEASE_S)
            if not _replay(account, action):
                break
            ended += 1
        return ended


def _next_action(account_id: int) -> Action | None:
    """The oldest open Action when its time has come. Those behind it wait: order is kept."""
    action = Action.objects.filter(account_id=account_id, status__in=Action.OPEN).order_by("id").first()
    if action is None:
        return None
    is_waiting = action.status == Action.Status.PENDING and action.attempts and action.next_try_at > timezone.now()
    return None if is_waiting else action


def _replay(account: MailAccount, action: Action) -> bool:
    """One Action; whether it came to an end. Lost connections and refused sign-ins go up to the caller."""
    entries.start(action)
    if account.is_pop3:
        _finish_local(action)
        return True
    try:
        with account_session(account) as session:
            return _carry_out(session, action)
    except (ProtocolError, SyncError, CredentialError) as error:
        # Also what refuses the session as a whole: that says nothing about the act.
        entries.mark_waiting(action, error=plain_reason(error))
        raise


def _carry_out(session: ImapSession, action: Action) -> bool:
    try:
        _HANDLERS[action.kind](session, action)
    except (PermanentlyRefused, BadArgument) as error:
        _take_back(action, error)
    except NotLocated as error:
        entries.mark_waiting(action, error=_words(error))
        return False
    except TemporarilyRefused as error:
        entries.mark_waiting(action, error=plain_reason(error))
        return False
    return True


def _take_back(action: Action, error: ProtocolError) -> None:
    """The server refused for good: the rows go back to what they were, and the user is told."""
    with changes.recording(action.account_id):
        if action.kind in _ABOUT_EMAILS:
            replay_emails.take_back(action)
        else:
            replay_mailboxes.take_back(action)
        entries.mark_failed(action, error=_words(error))
        replay_mailboxes.drop_unmade(action.mailbox)
        # A mailbox that could not be deleted is put right by the next complete LIST.
        dispatch.wake("sync.account", action.account_id)
    log.warning("replay.refused", account=action.account_id, action=action.pk, kind=action.kind)


def _words(error: ProtocolError | NotLocated) -> str:
    """For people. Where the server said nothing, the refusal is ours and its text says why."""
    if getattr(error, "server_text", ""):
        return plain_reason(error)
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _finish_local(action: Action) -> None:
    """A POP3 account: nothing to tell the server here. Deleting on the server is the POP3 pass's, by its policy (Y90)."""
    if action.kind == Action.Kind.DESTROY:
        replay_emails.finish_destroy(action)
    else:
        entries.mark_done(action)
