"""One pass over an account: acts of users first, then mailboxes, then bodies, in slices (sync 3.10, 3.11).

    due or woken -> replay -> lease -> LIST -> INBOX, roles, others -> bodies -> orphans -> next pass in five minutes
                                        |-- work left: wake ourselves again
                                        |-- failure: later and later, up to an hour

The rows say how far it came, so a pass may end anywhere. One mailbox that makes trouble does not stop the others, and one
account never touches another. A refused password stops the account until somebody gives a new one (security R51).
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db.models import F
from django.utils import timezone

from accounts import services
from accounts.credentials import CredentialError, NoCredentialKey
from accounts.models import AccountState, MailAccount
from webmail import dispatch
from webmail.journal import entries
from webmail.protocols.errors import (
    AuthenticationRefused,
    ConnectionFailed,
    ConnectionLost,
    ProtocolError,
    TemporarilyRefused,
)
from webmail.store import changes, leases
from webmail.store.errors import LeaseLost, StorageFull
from webmail.store.mailboxes import ROLE_ORDER
from webmail.store.models import Email, Mailbox
from webmail.sync import alerts, parking, refusals
from webmail.sync.actions import replay
from webmail.sync.connections import account_session
from webmail.sync.content import bodies, budget
from webmail.sync.discovery import discover
from webmail.sync.discovery.discover import Found
from webmail.sync.errors import SyncError, TooManyConnections, plain_reason
from webmail.sync.mailbox import imap, placements, plan
from webmail.sync.maildrop import pop3, switching
from webmail.sync.refusals import Act
from webmail.sync.searching import run as searching
from webmail.sync.turns import Turn, turn_of

log = structlog.get_logger(__name__)

LEASE_S = 120.0  # renewed before each mailbox; a dead worker holds nobody up for longer (Y82)
MAILBOX_SLICE_S = 30.0  # of one mailbox (Y83)
PASS_S = 60.0  # of one task; then it wakes itself again
EVERY = timedelta(minutes=5)  # Y79
# Whose server announces mail: at least every 15 minutes all the same (Y79). `watch` polls those that only say they do.
EVERY_HEARD = timedelta(minutes=13)
SOON = timedelta(seconds=60)  # when a wake-up for work that is left gets lost
CONFIRM_AFTER = timedelta(seconds=30)  # before much that is missing is looked for a second time
FEW = 20  # missing messages that are looked for again at once: nobody should see them longer than needed
FIRST_RETRY_S = 30.0
LONGEST_RETRY_S = 3600.0
BRIEF_S = 3.0  # of long work without a turn for it: new mail comes first there
MAX_LOST_CONNECTIONS = 3  # mailboxes of one pass at which the connection broke, before the account counts as failing

_LEAST_WAIT_S = {Act.SLOW_DOWN: 300.0, Act.STOP: LONGEST_RETRY_S}
_STOPPED = (AccountState.PAUSED, AccountState.AUTH_FAILED)


@dataclass
class _Outcome:
    """What a pass came to."""

    is_complete: bool = True
    has_more: bool = False
    wants_confirmation: bool = False
    troubles: list[str] = field(default_factory=list)  # about single mailboxes, for people
    waits_turn: bool = False  # long work is left, and other accounts are at theirs: woken when it is our turn
    wait: timedelta = EVERY
    has_seen_all: bool = True  # no mailbox was left out, so what is an orphan now is nowhere

    def trouble(self, name: str, error: Exception) -> None:
        self.is_complete = self.has_seen_all = False
        self.troubles.append(f"{name}: {plain_reason(error)}")

    def leave_out(self, mailbox: Mailbox) -> None:
        """A parked mailbox: the pass is complete without it."""
        self.has_seen_all = False
        self.troubles.append(f"{mailbox.name}: {mailbox.trouble}")


def sync_account(account_id: int) -> None:
    """One pass over an account. Safe to repeat and to kill anywhere; never raises for what a server does."""
    account = _runnable(account_id)
    if account is not None:
        _run(account, _pop3_pass if account.is_pop3 else _imap_pass)


def sync_mailbox(mailbox_id: int) -> None:
    """A look at one mailbox, because its server said that something happened there."""
    mailbox = Mailbox.objects.filter(pk=mailbox_id, source=Mailbox.Source.REMOTE).first()
    account = _runnable(mailbox.account_id) if mailbox is not None else None
    if mailbox is None or account is None:
        return
    if account.is_pop3 or not mailbox.remote_name or not mailbox.is_selectable:
        sync_account(account.pk)
        return

    def visit(account: MailAccount, lease: leases.HeldLease, turn: Turn) -> _Outcome:
        outcome = _Outcome(is_complete=False)
        work = _Pass(account, lease, turn, outcome, time.monotonic() + MAILBOX_SLICE_S)
        _visit_mailboxes(work, [Found(mailbox, None)])
        if not outcome.has_more:
            work.deadline = time.monotonic() + MAILBOX_SLICE_S
            _fetch_bodies(work)
        return outcome

    _run(account, visit, is_pass=False)


def _runnable(account_id: int) -> MailAccount | None:
    account = MailAccount.objects.filter(pk=account_id).first()
    return account if account is not None and account.state not in _STOPPED else None


# Around a pass --------------------------------------------------------------------------------------------------------

_Work = Callable[[MailAccount, leases.HeldLease, Turn], _Outcome]


@dataclass
class _Pass:
    """What the parts of a pass share. `deadline` is of `time.monotonic`."""

    account: MailAccount
    lease: leases.HeldLease
    turn: Turn
    outcome: _Outcome
    deadline: float


def _run(account: MailAccount, work: _Work, *, is_pass: bool = True) -> None:
    """Replay, then the work inside the account's lease, then the account's condition."""
    asked_for = account.next_sync_at
    try:
        if entries.open_actions(account.pk):
            replay.replay_account(account.pk)
        owner = f"{os.uname().nodename}:{os.getpid()}:{threading.get_ident()}"
        with leases.leased(f"account:{account.pk}", owner=owner, seconds=LEASE_S) as lease:
            if lease is None:
                # Another worker is at it and may have passed the place already: due again when it is done.
                MailAccount.objects.filter(pk=account.pk).update(next_sync_at=timezone.now())
                return
            with turn_of(account.pk, dispatch.wake) as turn:
                outcome = work(account, lease, turn)
    except LeaseLost:
        log.warning("sync.lease_lost", account=account.pk)
    except TooManyConnections as error:
        # Our own limit, not the server's fault.
        log.info("sync.too_busy", account=account.pk, reason=str(error))
        later = timedelta(seconds=random.uniform(20, 60))  # noqa: S311 - no secret; not all at once again
        MailAccount.objects.filter(pk=account.pk).update(next_sync_at=timezone.now() + later)
    except (ProtocolError, CredentialError, SyncError, StorageFull) as error:
        _fail(account, error)
    else:
        _settle(account, outcome, asked_for=asked_for, is_pass=is_pass)


def _settle(account: MailAccount, outcome: _Outcome, *, asked_for: datetime, is_pass: bool) -> None:
    """The server answered. The failures are forgotten only after a complete pass (Y80)."""
    if is_pass or account.state in {AccountState.NEW, AccountState.FAILING}:
        _set_state(account, AccountState.OK, "; ".join(outcome.troubles[:3]))
    now = timezone.now()
    if outcome.is_complete and is_pass:
        MailAccount.objects.filter(pk=account.pk).update(failures=0, last_sync_at=now)
    if outcome.has_more:
        MailAccount.objects.filter(pk=account.pk).update(next_sync_at=now + SOON)
        dispatch.wake("sync.account", account.pk)
    elif outcome.waits_turn:
        MailAccount.objects.filter(pk=account.pk).update(next_sync_at=now + SOON)  # should the wake-up get lost
    elif outcome.wants_confirmation:
        MailAccount.objects.filter(pk=account.pk).update(next_sync_at=now + CONFIRM_AFTER)
    elif not is_pass:
        _pass_on_wish(account)
    else:
        # Not when somebody asked for another pass while this one ran.
        due = MailAccount.objects.filter(pk=account.pk, next_sync_at=asked_for)
        if not due.update(next_sync_at=now + outcome.wait):
            dispatch.wake("sync.account", account.pk)


def _pass_on_wish(account: MailAccount) -> None:
    """Somebody who met our lease left a wish behind (R86): carry it out at once, not when it is found."""
    if MailAccount.objects.filter(pk=account.pk, next_sync_at__lte=timezone.now()).exists():
        dispatch.wake("sync.account", account.pk)


def _set_state(account: MailAccount, state: str, reason: str = "") -> None:
    """A pause or a new password that came meanwhile stands."""
    current = MailAccount.objects.filter(pk=account.pk).exclude(state=AccountState.PAUSED).first()
    if current is not None and state == AccountState.OK:
        reason = alerts.join(alerts.standing(current), reason)
    if current is not None and (current.state, current.state_reason) != (state, reason[:600]):
        services.set_state(current, state, reason=reason)


def _fail(account: MailAccount, error: Exception) -> None:
    """Tell the user, and when to try again: later each time, spread out (Y79, Y80)."""
    reason = plain_reason(error)
    log.warning("sync.failed", account=account.pk, error=type(error).__name__, reason=reason)
    decision = refusals.decide(error)
    if decision.needs_password or (isinstance(error, CredentialError) and not isinstance(error, NoCredentialKey)):
        _set_state(account, AccountState.AUTH_FAILED, reason)
        return
    _set_state(account, AccountState.FAILING, reason)
    least_s = _LEAST_WAIT_S.get(decision.act, 0.0)
    wait_s = FIRST_RETRY_S * 2 ** min(account.failures, 10)
    wait_s = min(max(wait_s, least_s), LONGEST_RETRY_S) * random.uniform(0.75, 1.25)  # noqa: S311
    MailAccount.objects.filter(pk=account.pk).update(
        failures=F("failures") + 1, next_sync_at=timezone.now() + timedelta(seconds=min(wait_s, LONGEST_RETRY_S))
    )


# POP3 -----------------------------------------------------------------------------------------------------------------


def _pop3_pass(account: MailAccount, lease: leases.HeldLease, turn: Turn) -> _Outcome:
    # Without a turn it goes on by itself, a little each time: a login more only to wait would be a waste.
    slice_s = MAILBOX_SLICE_S if turn.take(waits=False) else BRIEF_S
    try:
        result = pop3.sync_inbox(account, lease, deadline=time.monotonic() + slice_s)
    except TemporarilyRefused as error:
        if error.code != "LOGIN-DELAY":
            raise
        return _Outcome(is_complete=False, wait=EVERY)  # we came too early: no fault of anybody's (R85)
    wait = max(EVERY, timedelta(seconds=result.login_delay_s or 0))
    troubles = [result.note] if result.note else []
    if result.has_more and result.login_delay_s:
        wait = timedelta(seconds=result.login_delay_s)
        return _Outcome(is_complete=False, wait=wait, troubles=troubles)
    return _Outcome(is_complete=result.is_complete, has_more=result.has_more, wait=wait, troubles=troubles)


# IMAP -----------------------------------------------------------------------------------------------------------------


def _imap_pass(account: MailAccount, lease: leases.HeldLease, turn: Turn) -> _Outcome:
    began_at = timezone.now()
    outcome = _Outcome()
    work = _Pass(account, lease, turn, outcome, time.monotonic() + PASS_S)
    discovery = _discover(account, lease, outcome)
    outcome.is_complete = discovery.is_complete
    outcome.wants_confirmation = discovery.wants_confirmation
    searching.run_waiting(account, lease, deadline=time.monotonic() + MAILBOX_SLICE_S)  # somebody waits for those
    _visit_mailboxes(work, _in_order(discovery.found))
    switching.settle(account.pk, lease)
    if not outcome.has_more:
        _fetch_bodies(work)
    if outcome.is_complete and outcome.has_seen_all:
        _destroy_orphans(account.pk, lease, before=began_at)
    return outcome


def _discover(account: MailAccount, lease: leases.HeldLease, outcome: _Outcome) -> discover.Discovery:
    """LIST. A kept connection that the server has closed meanwhile is no failure: then a new one is asked."""
    is_kept = False
    try:
        with account_session(account) as session:
            is_kept = session.has_served
            outcome.wait = EVERY_HEARD if session.supports("IDLE") else EVERY
            session.leave()  # what STATUS says of a selected mailbox is only as new as its last look (Y18)
            return discover.discover_mailboxes(session, account.pk, lease)
    except ConnectionLost:
        if not is_kept:
            raise
    with account_session(account) as session:
        return discover.discover_mailboxes(session, account.pk, lease)


def _in_order(found: Sequence[Found]) -> list[Found]:
    """INBOX, then roles, then the others (Y28)."""
    others = len(ROLE_ORDER)
    return sorted(
        found, key=lambda item: (ROLE_ORDER[item.mailbox.role] if item.mailbox.role else others, item.mailbox.pk)
    )


def _visit_mailboxes(work: _Pass, found: Sequence[Found]) -> None:
    outcome = work.outcome
    lost = 0
    for item in found:
        if item.status is not None and plan.is_unchanged(imap.cursor_of(item.mailbox), item.status):
            continue
        if parking.is_parked(item.mailbox):
            outcome.leave_out(item.mailbox)
            continue
        if time.monotonic() >= work.deadline:
            outcome.has_more, outcome.is_complete = True, False
            return
        work.lease.extend(LEASE_S)
        try:
            _visit(work, item.mailbox)
        except (LeaseLost, StorageFull, AuthenticationRefused, CredentialError, TooManyConnections):
            raise
        except ConnectionFailed as error:
            lost += 1
            outcome.trouble(item.mailbox.name, error)
            parking.note_failure(item.mailbox.pk, plain_reason(error))
            if lost >= min(MAX_LOST_CONNECTIONS, len(found)):
                raise
        except (ProtocolError, SyncError) as error:
            log.warning("sync.mailbox_failed", mailbox=item.mailbox.pk, error=type(error).__name__, reason=str(error))
            outcome.trouble(item.mailbox.name, error)
            _note_refusal(item.mailbox, error)
        except Exception as error:
            # A fault of ours with one mailbox must not stop the others; it is in the log with its trace.
            log.exception("sync.mailbox_failed", account=work.account.pk, mailbox=item.mailbox.pk)
            outcome.trouble(item.mailbox.name, error)
            parking.note_failure(item.mailbox.pk, plain_reason(error))


def _note_refusal(mailbox: Mailbox, error: Exception) -> None:
    """A server that is only busy is asked again as usual; what is refused for good, or makes no sense, parks (R83)."""
    if not isinstance(error, SyncError) and refusals.decide(error).act in (Act.RETRY, Act.LOOK_AGAIN):
        return
    parking.note_failure(mailbox.pk, plain_reason(error))


def _visit(work: _Pass, mailbox: Mailbox) -> None:
    outcome = work.outcome
    was_listed = mailbox.is_backfilled
    result = _visit_once(work, mailbox)
    if was_listed and not mailbox.is_backfilled:
        # Its UIDs turned out to mean nothing any more (Y51): the new listing is long work and takes a turn for it.
        result = _visit_once(work, mailbox)
    outcome.is_complete &= result.is_complete
    outcome.has_more |= result.has_more or (result.is_held and result.held_count <= FEW)
    outcome.wants_confirmation |= result.is_held


def _visit_once(work: _Pass, mailbox: Mailbox) -> imap.MailboxResult:
    until = min(work.deadline, time.monotonic() + MAILBOX_SLICE_S)
    wants_backfill = not mailbox.is_backfilled and not work.account.is_backfill_paused
    may_backfill = wants_backfill and work.turn.take()
    work.outcome.waits_turn |= wants_backfill and not may_backfill
    with account_session(work.account, for_backfill=may_backfill) as session:
        return imap.sync_mailbox(session, mailbox, work.lease, deadline=until, may_backfill=may_backfill)


def _fetch_bodies(work: _Pass) -> None:
    account, outcome = work.account, work.outcome
    if account.is_backfill_paused or not bodies.has_missing(account):
        return
    work.lease.extend(LEASE_S)
    if not budget.is_spent(account):
        has_turn = work.turn.take()
        until = work.deadline if has_turn else min(work.deadline, time.monotonic() + BRIEF_S)
        with account_session(account, for_backfill=True) as session:
            is_done = bodies.fetch_missing(session, account, work.lease, deadline=until)
        outcome.has_more |= has_turn and not is_done
        outcome.waits_turn |= not has_turn and not is_done
    if budget.is_spent(account):
        outcome.troubles.append(budget.explain(account))  # no failure: tomorrow it goes on (R84)


def _destroy_orphans(account_id: int, lease: leases.HeldLease, *, before: datetime) -> None:
    """Every mailbox was looked at since `before`: what was an orphan then and still is, is gone (Y49)."""
    if not Email.objects.filter(account_id=account_id, orphaned_at__isnull=False).exists():
        return
    with changes.recording(account_id) as record:
        lease.check()
        placements.destroy_orphans(record, before=before)
