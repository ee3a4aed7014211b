"""Telling the server what users did: the journal's Actions, in order for each account (sync 3.9).

    pending -> running -> done        carried out, or nothing to do any more
                 |-----> pending      temporary refusal or lost connection: later, and what comes after it waits too
                 |-----> failed       permanent refusal: the rows are put back and the user sees why
                 |-----> stopped      by the user, between two batches: what was not told is put back

This is the order; what becomes of a refusal is in `replay_refusals`, and what is said to the server in `replay_emails`,
`replay_mailboxes` and `transfer`. POP3 knows no such acts: there the rows are the truth and an Action is done at once. A TRANSFER
that waits for the server of another account holds up only what is about the same Emails.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence

from django.db.models import QuerySet
from django.utils import timezone

from accounts.credentials import CredentialError
from accounts.models import AccountState, MailAccount
from webmail.journal import entries
from webmail.journal.actions import putting_back, selection
from webmail.journal.models import Action, ActionEmail
from webmail.protocols.errors import BadArgument, ProtocolError, ServerError
from webmail.protocols.imap.session import ImapSession
from webmail.store import leases
from webmail.sync.actions import replay_emails, replay_mailboxes, replay_refusals, transfer
from webmail.sync.actions.replay_places import NotLocated, StopWanted
from webmail.sync.actions.replay_refusals import Verdict
from webmail.sync.connections import account_session
from webmail.sync.errors import SyncError

LEASE_S = 300.0  # longer than any one Action; renewed before each, and before each batch of a TRANSFER

MERGED_ACTIONS = 1_000  # of the same change to keywords, told to the server as one

_HANDLERS: Mapping[str, Callable[[ImapSession, Action], None]] = {
    Action.Kind.MOVE: replay_emails.replay_move,
    Action.Kind.COPY: replay_emails.replay_copy,
    Action.Kind.DESTROY: replay_emails.replay_destroy,
    Action.Kind.CREATE_MAILBOX: replay_mailboxes.replay_create,
    Action.Kind.RENAME_MAILBOX: replay_mailboxes.replay_rename,
    Action.Kind.DELETE_MAILBOX: replay_mailboxes.replay_delete,
    Action.Kind.SUBSCRIBE: replay_mailboxes.replay_subscribe,
}


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
            if _replay(account, actions, lease):
                ended += len(actions)
            elif actions[0].kind != Action.Kind.TRANSFER:
                break
        return ended


def _stop_unwanted(account_id: int) -> None:
    for action in entries.open_actions(account_id):
        if action.stop_wanted_at is not None:
            putting_back.finish_stop(action)


def _next_actions(account_id: int) -> list[Action]:
    """The oldest open Action when its time has come, and those after it that ask for the same change of keywords. Others
    behind it wait: order is kept. Only changes of other keywords may be overtaken, since they do not touch each other, and a
    TRANSFER that waits, by what is about other Emails."""
    waiting: list[int] = []
    first = None
    for action in Action.objects.filter(account_id=account_id, status__in=Action.OPEN).order_by("id").iterator():
        if _is_waiting(action):
            if action.kind != Action.Kind.TRANSFER:
                return []
            waiting.append(action.pk)
        elif waiting and _shares_emails(action, waiting):
            waiting.append(action.pk)
        else:
            first = action
            break
    if first is None or waiting or first.kind != Action.Kind.KEYWORDS or first.unapplied:
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


def _is_waiting(action: Action) -> bool:
    return action.status == Action.Status.PENDING and bool(action.attempts) and action.next_try_at > timezone.now()


def _shares_emails(action: Action, others: Sequence[int]) -> bool:
    """Whether the Action is about Emails, or a mailbox, that one of the others is about."""
    while action.unapplied and selection.apply_next(action):
        pass
    carried = ActionEmail.objects.filter(action__in=others, is_done=False)
    if action.mailbox_id is not None and carried.filter(source_id=action.mailbox_id).exists():
        return action.kind not in {Action.Kind.MOVE, Action.Kind.COPY} or _shares_rows(action, carried)
    return _shares_rows(action, carried)


def _shares_rows(action: Action, carried: QuerySet[ActionEmail]) -> bool:
    return action.emails.filter(email_id__in=carried.values("email_id")).exists()


# Carrying out ---------------------------------------------------------------------------------------------------------


def _replay(account: MailAccount, actions: Sequence[Action], lease: leases.HeldLease) -> bool:
    """One Action, or several as one; whether it came to an end. Lost connections and refused sign-ins go up to the caller."""
    for action in actions:
        entries.start(action)
        while action.unapplied and selection.apply_next(action):
            pass  # a process died while it changed the rows
    is_transfer = actions[0].kind == Action.Kind.TRANSFER
    if account.is_pop3 and not is_transfer:
        for action in actions:
            _finish_local(action)
        return True
    try:
        if is_transfer:
            return _carry_across(actions[0], lease)
        with account_session(account) as session:
            return _carry_out(session, actions)
    except (ProtocolError, SyncError, CredentialError) as error:
        # Also what refuses the session as a whole: that says nothing about the act.
        replay_refusals.wait(actions, error)
        replay_refusals.stop_account(account, error)
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
    except (ServerError, BadArgument, NotLocated) as error:
        if len(actions) > 1 and replay_refusals.is_about_the_act(error):  # only the guilty one is taken back
            ended = [_carry_out(session, [action]) for action in actions]
            return all(ended)
        verdict = replay_refusals.judge(actions, error, session)
        if verdict is Verdict.AGAIN:
            return _carry_out(session, actions)
        return verdict is Verdict.ENDED
    return True


def _carry_across(action: Action, lease: leases.HeldLease) -> bool:
    """A TRANSFER. Trouble with the other account's server is no trouble of this account."""
    try:
        transfer.replay_transfer(action, lambda: lease.extend(LEASE_S))
    except transfer.AtTarget as trouble:
        verdict = replay_refusals.judge_target(action, trouble)
    except (ServerError, BadArgument, NotLocated) as error:
        verdict = replay_refusals.judge([action], error, None)
    else:
        return True
    return _carry_across(action, lease) if verdict is Verdict.AGAIN else verdict is Verdict.ENDED


def _finish_local(action: Action) -> None:
    """A POP3 account: nothing to tell the server here. Deleting on the server is the POP3 pass's, by its policy (Y90)."""
    if action.kind == Action.Kind.DESTROY:
        replay_emails.finish_destroy(action)
    else:
        entries.mark_done(action)
