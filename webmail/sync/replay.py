"""Telling the server what users did: the journal's Actions, in order for each account (sync 3.9).

    pending -> running -> done        carried out, or nothing to do any more
                 |-----> pending      temporary refusal or lost connection: later, and what comes after it waits too
                 |-----> failed       permanent refusal: the rows are put back and the user sees why
                 |-----> stopped      by the user, between two batches: what was not told is put back

This is the order and the outcomes; what is said to the server is in `replay_emails` and `replay_mailboxes`. POP3 knows no such
acts: there the rows are the truth and an Action is done at once. It must not change rows in any other way than by taking back.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence

import structlog
from django.utils import timezone

from accounts.credentials import CredentialError
from accounts.models import AccountState, MailAccount
from webmail import dispatch
from webmail.journal import entries
from webmail.journal.actions import putting_back, selection
from webmail.journal.models import Action
from webmail.protocols.errors import BadArgument, PermanentlyRefused, ProtocolError, TemporarilyRefused
from webmail.protocols.imap.session import ImapSession
from webmail.store import changes, leases
from webmail.sync import replay_emails, replay_mailboxes
from webmail.sync.connections import account_session
from webmail.sync.errors import SyncError, plain_reason
from webmail.sync.replay_places import NotLocated, StopWanted

log = structlog.get_logger(__name__)

LEASE_S = 300.0  # longer than any one Action; renewed before each

MERGED_ACTIONS = 1_000  # of the same change to keywords, told to the server as one

_HANDLERS: Mapping[str, Callable[[ImapSession, Action], None]] = {
    Action.Kind.MOVE: replay_emails.replay_move,
    Action.Kind.COPY: replay_emails.replay_copy,
    Action.Kind.DESTROY: replay_emails.replay_destroy,
    Action.Kind.CREATE_MAILBOX: replay_mailboxes.replay_create,
    Action.Kind.RENAME_MAILBOX: replay_mailboxes.replay_rename,
    Action.Kind.DELETE_MAILBOX: replay_mailboxes.replay_delete,
}

_ABOUT_MAILBOXES = frozenset({Action.Kind.CREATE_MAILBOX, Action.Kind.RENAME_MAILBOX, Action.Kind.DELETE_MAILBOX})


def replay_account(account_id: int) -> int:
    """Carry out what is open for an account; returns how many Actions ended. Safe to call at any time, by anybody.

    Raises `ConnectionFailed`, `AuthenticationRefused` and the like when no session can be had: the Actions stay.
    """
    account = MailAccount.objects.get(pk=account_id)
    if account.state in {AccountState.PAUSED, AccountState.AUTH_FAILED} and not account.is_pop3:
        return 0
    owner = f"replay:{os.getpid()}:{threading.get_ident()}"
    with leases.leased(entries.replay_lease(account_id), owner=owner, seconds=LEASE_S) as lease:
        if lease is None:
            return 0
        ended = 0
        _stop_unwanted(account_id)
        while actions := _next_actions(account_id):
            lease.extend(LEASE_S)
            if not _replay(account, actions):
                break
            ended += len(actions)
        return ended


def _stop_unwanted(account_id: int) -> None:
    for action in entries.open_actions(account_id):
        if action.stop_wanted_at is not None:
            putting_back.finish_stop(action)


def _next_actions(account_id: int) -> list[Action]:
    """The oldest open Action when its time has come, and those after it that ask for the same change of keywords. Others
    behind it wait: order is kept. Only changes of other keywords may be overtaken, since they do not touch each other."""
    first = _next_action(account_id)
    if first is None or first.kind != Action.Kind.KEYWORDS or first.unapplied:
        return [first] if first is not None else []
    found = [first]
    behind = Action.objects.filter(account_id=account_id, status__in=Action.OPEN, pk__gt=first.pk).order_by("id")
    overtaken: set[str] = set()
    ours = _words_of(first)
    for action in behind[:MERGED_ACTIONS]:
        if action.kind != Action.Kind.KEYWORDS or action.unapplied or action.stop_wanted_at is not None:
            break
        if action.arguments == first.arguments and not ours & overtaken:
            found.append(action)
        else:
            overtaken |= _words_of(action)
    return found


def _words_of(action: Action) -> set[str]:
    return {*action.arguments["add"], *action.arguments["remove"]}


def _next_action(account_id: int) -> Action | None:
    """The oldest open Action when its time has come. Those behind it wait: order is kept."""
    action = Action.objects.filter(account_id=account_id, status__in=Action.OPEN).order_by("id").first()
    if action is None:
        return None
    is_waiting = action.status == Action.Status.PENDING and action.attempts and action.next_try_at > timezone.now()
    return None if is_waiting else action


def _replay(account: MailAccount, actions: Sequence[Action]) -> bool:
    """One Action, or several as one; whether it came to an end. Lost connections and refused sign-ins go up to the caller."""
    for action in actions:
        entries.start(action)
        while action.unapplied and selection.apply_next(action):
            pass  # a process died while it changed the rows
    if account.is_pop3:
        for action in actions:
            _finish_local(action)
        return True
    try:
        with account_session(account) as session:
            return _carry_out(session, actions)
    except (ProtocolError, SyncError, CredentialError) as error:
        # Also what refuses the session as a whole: that says nothing about the act.
        _wait(actions, plain_reason(error))
        raise


def _carry_out(session: ImapSession, actions: Sequence[Action]) -> bool:
    try:
        if actions[0].kind == Action.Kind.KEYWORDS:
            replay_emails.replay_keywords(session, actions)
        else:
            _HANDLERS[actions[0].kind](session, actions[0])
    except StopWanted:
        for action in actions:
            if entries.is_stop_wanted([action]):
                putting_back.finish_stop(action)
        return all(action.status == Action.Status.STOPPED for action in actions) or _carry_out(
            session, [action for action in actions if action.status != Action.Status.STOPPED]
        )
    except (PermanentlyRefused, BadArgument) as error:
        if len(actions) > 1:  # only the guilty one is taken back
            ended = [_carry_out(session, [action]) for action in actions]
            return all(ended)
        _take_back(actions[0], error)
    except NotLocated as error:
        _wait(actions, _words(error))
        return False
    except TemporarilyRefused as error:
        _wait(actions, plain_reason(error))
        return False
    return True


def _wait(actions: Sequence[Action], reason: str) -> None:
    for action in actions:
        entries.mark_waiting(action, error=reason)


def _take_back(action: Action, error: ProtocolError) -> None:
    """The server refused for good: the rows go back to what they were, and the user is told."""
    putting_back.put_back(action)  # batch by batch; cut in between, the rest is refused and put back once more
    with changes.recording(action.account_id):
        if action.kind in _ABOUT_MAILBOXES:
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
