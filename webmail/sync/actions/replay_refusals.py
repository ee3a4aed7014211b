"""What becomes of an Action that a server refuses: the table of `refusals`, applied to the journal (reliability R83, sync Y73).

    retry, slow down   the Action waits, and what is behind it
    look again         the account is listed anew, and the Action tried again a few times; a target that is gone is made anew once
    tell               what was not carried out is put back, and the user sees why
    stop               the account stops, its Actions stay

Whatever happens, what the user did is either carried out, waits to be, or is visibly undone. It must not talk to a server but to
make a mailbox anew.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import structlog

from accounts import services
from accounts.credentials import CredentialError, NoCredentialKey
from accounts.models import AccountState, MailAccount
from webmail import dispatch
from webmail.journal import entries
from webmail.journal.actions import putting_back
from webmail.journal.models import Action
from webmail.protocols.errors import BadArgument, ProtocolError, ServerError
from webmail.protocols.imap.session import ImapSession
from webmail.store import changes
from webmail.store.models import Mailbox
from webmail.sync import refusals
from webmail.sync.actions import replay_mailboxes
from webmail.sync.actions.replay_places import NotLocated, words_of
from webmail.sync.actions.transfer import AtTarget, TargetAway
from webmail.sync.actions.transfer_delivery import NotArrivedYet
from webmail.sync.connections import account_session
from webmail.sync.errors import SyncError, plain_reason
from webmail.sync.mailbox.imap import raw_name_of
from webmail.sync.refusals import Act

log = structlog.get_logger(__name__)

LOOK_AGAIN_TRIES = 3  # after which a server that still says so is believed
SLOW_DOWN_S = 300.0

_ABOUT_MAILBOXES = frozenset(
    {Action.Kind.CREATE_MAILBOX, Action.Kind.RENAME_MAILBOX, Action.Kind.DELETE_MAILBOX, Action.Kind.SUBSCRIBE}
)


class Verdict(enum.Enum):
    """What the caller does now."""

    ENDED = "ended"  # the Action is over
    WAITS = "waits"
    AGAIN = "again"  # at once


def is_about_the_act(error: Exception) -> bool:
    """Whether one of several acts told as one may be the reason, and the others go through without it."""
    return not isinstance(error, NotLocated) and refusals.decide(error).act in (Act.TELL, Act.LOOK_AGAIN)


def judge(actions: Sequence[Action], error: Exception, session: ImapSession | None) -> Verdict:
    """After a refusal by the account's own server. Raises the error again when the account as a whole has to stop."""
    if isinstance(error, NotLocated):
        _wait(actions, words_of(error))
        return Verdict.WAITS
    decision = refusals.decide(error)
    if decision.act is Act.STOP:
        raise error
    if decision.is_ours:
        log.error("replay.our_fault", action=actions[0].pk, kind=actions[0].kind, reason=str(error))
    if decision.act is Act.TELL:
        take_back(actions[0], words_of(error))
        return Verdict.ENDED
    if decision.act is Act.LOOK_AGAIN:
        for action in actions:
            dispatch.wake("sync.account", action.account_id)
        if session is not None and _make_anew(session, actions[0], actions[0].mailbox, error):
            return Verdict.AGAIN
        return _look_again(actions, words_of(error), is_final=_is_believed(actions[0], error))
    wait(actions, error)
    return Verdict.WAITS


def judge_target(action: Action, trouble: AtTarget) -> Verdict:
    """After trouble with the server of the account that Emails are carried to: it never stops the account they come from."""
    error, target = trouble.error, trouble.target
    stop_account(target.account, error)  # a refused password is not tried again and again (security R51)
    words = f"{error}." if isinstance(error, TargetAway) else f"{target.account.name}: {_reason(error)}"
    decision = refusals.decide(error)
    if decision.act is Act.TELL and isinstance(error, ProtocolError):
        take_back(action, words)
        return Verdict.ENDED
    if decision.act is Act.LOOK_AGAIN:
        dispatch.wake("sync.account", target.account_id)
        if _is_trycreate(error) and _make_target_anew(action, target, error):
            return Verdict.AGAIN
        return _look_again([action], words, is_final=_is_believed(action, error))
    _wait([action], words, least_s=SLOW_DOWN_S if decision.act in (Act.SLOW_DOWN, Act.STOP) else 0.0)
    return Verdict.WAITS


def wait(actions: Sequence[Action], error: Exception) -> None:
    """The Actions stay, and are tried again."""
    is_slow = refusals.decide(error).act is Act.SLOW_DOWN
    _wait(actions, plain_reason(error), least_s=SLOW_DOWN_S if is_slow else 0.0)


def stop_account(account: MailAccount, error: Exception) -> None:
    """Set the account's state when nothing will succeed before a person has done something."""
    decision = refusals.decide(error)
    is_secret_lost = isinstance(error, CredentialError) and not isinstance(error, NoCredentialKey)
    if decision.act is not Act.STOP and not is_secret_lost:
        return
    current = MailAccount.objects.filter(pk=account.pk).exclude(state=AccountState.PAUSED).first()
    if current is not None:
        needs_password = decision.needs_password or is_secret_lost
        services.set_state(
            current,
            AccountState.AUTH_FAILED if needs_password else AccountState.FAILING,
            reason=plain_reason(error),
        )


def take_back(action: Action, words: str) -> None:
    """The server refused for good: the rows go back to what they were, and the user is told."""
    putting_back.put_back(action)  # batch by batch; cut in between, the rest is refused and put back once more
    with changes.recording(action.account_id):
        if action.kind in _ABOUT_MAILBOXES:
            replay_mailboxes.take_back(action)
        entries.mark_failed(action, error=words)
        replay_mailboxes.drop_unmade(action.mailbox)
        # A mailbox that could not be deleted is put right by the next complete LIST.
        dispatch.wake("sync.account", action.account_id)
    putting_back.drop_ended(action)
    log.warning("replay.refused", account=action.account_id, action=action.pk, kind=action.kind)


def _wait(actions: Sequence[Action], words: str, *, least_s: float = 0.0) -> None:
    for action in actions:
        entries.mark_waiting(action, error=words, least_s=least_s)


def _look_again(actions: Sequence[Action], words: str, *, is_final: bool) -> Verdict:
    if is_final:
        for action in actions:
            take_back(action, words)
        return Verdict.ENDED
    _wait(actions, words)
    return Verdict.WAITS


def _is_believed(action: Action, error: Exception) -> bool:
    """A target that is gone once more after it was made anew is not wanted there; all else is believed after a few looks."""
    return _is_trycreate(error) or action.attempts >= LOOK_AGAIN_TRIES


def _is_trycreate(error: Exception) -> bool:
    return isinstance(error, ServerError) and error.code == "TRYCREATE"


def _make_anew(session: ImapSession, action: Action, mailbox: Mailbox | None, error: Exception) -> bool:
    """Somebody deleted the target while the user still saw it: it is made anew, once (RFC 3501 section 7.1)."""
    if not _is_trycreate(error) or mailbox is None or not mailbox.remote_name or "made_anew" in action.progress:
        return False
    # What was noted of copies in the old one means nothing any more.
    kept = {key: step for key, step in action.progress.items() if key in {"refused", "arrivals"}}
    entries.save_progress(action, {**kept, "made_anew": mailbox.pk})
    try:
        session.create_mailbox(raw_name_of(mailbox))
    except (ServerError, BadArgument) as refusal:
        if not isinstance(refusal, ServerError) or refusal.code != "ALREADYEXISTS":
            return False
    log.info("replay.made_anew", mailbox=mailbox.pk)
    return True


def _make_target_anew(action: Action, target: Mailbox, error: Exception) -> bool:
    try:
        with account_session(target.account) as session:
            return _make_anew(session, action, target, error)
    except (ProtocolError, SyncError, CredentialError):
        return False  # then it waits, and what it hid comes back


def _reason(error: Exception) -> str:
    if isinstance(error, ServerError | NotArrivedYet):
        return words_of(error)
    return plain_reason(error)
