"""Sending what is due, account by account: a drain claims a few submissions, sends them over one kept session, and goes on.

One drain for an account at a time in this process (`lanes`); several processes are safe, since each claim can only be won
once. A message's Sent copy is filed after everything has left, over one session too. Every way out of a try has moved the
row, or left it to its lease.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.utils import timezone

from accounts import services
from accounts.models import AccountState, MailAccount
from webmail import dispatch
from webmail.mime.compose import without_bcc
from webmail.outbox.models import Submission
from webmail.outbox.queries import accounts_due
from webmail.outbox.queue import delivery, schedule, upkeep
from webmail.outbox.queue.answers import Answer
from webmail.protocols.errors import BadArgument, PermanentlyRefused, ProtocolError
from webmail.store import blobs
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.sync.outgoing import lanes
from webmail.sync.outgoing.conversation import LimitReached, Message, NotBegun, answer_of_error, converse
from webmail.sync.outgoing.evidence import look_for_evidence
from webmail.sync.outgoing.leases import Leases, kept_leases, new_owner
from webmail.sync.outgoing.sent_copy import file_copies
from webmail.sync.outgoing.servers import CannotOpen, Cause, Problem, Servers, told_together
from webmail.sync.points import reached
from webmail.sync.providers import messages_per_day
from webmail.sync.submission import Route, SmtpLine

log = structlog.get_logger(__name__)

TASK = "outbox.deliver_account"
# Claimed at once: what takes half a second. A worker that dies costs those it holds its lease, and they cannot be undone.
LARGEST_BATCH = 32
BATCH_S = 0.5
BUSY_WAIT = timedelta(seconds=30)
LIMIT_WAIT = timedelta(hours=3)  # a provider that says "enough" for the day means a moving window of hours


def deliver_submission(submission_id: int) -> None:
    """Do what is due for the account of a submission, this one first. Safe to run twice and at the same time elsewhere."""
    account_id = Submission.objects.filter(pk=submission_id).values_list("account_id", flat=True).first()
    if account_id is not None:
        _deliver(account_id, submission_id)


def deliver_account(account_id: int) -> None:
    """Send everything of an account that is due, then file Sent copies and look for evidence. Safe as `deliver_submission`."""
    _deliver(account_id, None)


def sweep_outbox() -> int:
    """Find what wake-ups missed: due submissions, expired leases, copies to file, doubts to settle. Returns how many
    accounts have some.

    Rows and wake-ups only, so it may run as often as every few seconds, anywhere, several times at once.
    """
    upkeep.tend()
    due = accounts_due()
    for account_id in due:
        dispatch.wake(TASK, account_id)
    return len(due)


def _deliver(account_id: int, first: int | None) -> None:
    # Who sends for the account here already also files its copies then.
    if _in_lane(lanes.sending, account_id, partial(_send_due, account_id, first)):
        _in_lane(lanes.filing, account_id, partial(_finish_due, account_id))


def _in_lane(where: lanes.Lanes, account_id: int, work: Callable[[], None]) -> bool:
    if not where.enter(account_id):
        return False
    try:
        work()
        while where.is_asked_again(account_id) and not where.is_closing:
            work()
    finally:
        for following in where.leave(account_id):
            dispatch.wake(TASK, following)
    return True


def _send_due(account_id: int, first: int | None) -> None:
    if not delivery.has_due(account_id):
        return
    account = MailAccount.objects.get(pk=account_id)
    with kept_leases() as leases:
        _Drain(account, leases).run(first)


def _finish_due(account_id: int) -> None:
    file_copies(account_id)
    look_for_evidence(account_id)
    file_copies(account_id)  # of what the evidence has settled


@dataclass(frozen=True)
class _Trouble:
    """What keeps the whole account from sending. `answer` None: not the servers, so that nobody's 48 hours run."""

    until: datetime
    text: str
    answer: Answer | None = None


class _Drain:
    """Everything due of one account, the longest due first."""

    def __init__(self, account: MailAccount, leases: Leases) -> None:
        self._account = account
        self._leases = leases
        self._servers = Servers(account)
        self._passed: set[int] = set()  # none is tried twice in a drain
        self._batch = 1

    def run(self, first: int | None) -> None:
        """Send until nothing is due, or the account can send nothing now. `first` goes first."""
        try:
            claimed = self._claim(first)
            while claimed:
                begin = time.monotonic()
                if not self._send_all(claimed):
                    return
                pace_s = (time.monotonic() - begin) / len(claimed)
                self._batch = min(max(int(BATCH_S / max(pace_s, 0.001)), 1), self._batch * 2, LARGEST_BATCH)
                claimed = self._claim(None)
        finally:
            self._leases.hold(())
            self._servers.leave()

    def _claim(self, first: int | None) -> list[Submission]:
        limit = min(self._batch, self._left_today())
        if limit <= 0:
            return []
        owner = new_owner()
        one = delivery.claim(first, owner) if first is not None else None
        if one is not None:
            claimed = [one]
        else:
            claimed = delivery.claim_due(self._account.pk, owner, limit=limit, passed=self._passed)
        self._leases.hold(claimed)
        return claimed

    def _left_today(self) -> int:
        """How many messages the provider still takes; with none left all that is due waits until the day has gone by."""
        allowed = messages_per_day(self._account.outgoing_host, self._account.address)
        if allowed is None:
            return LARGEST_BATCH
        sent = delivery.sent_since(self._account.pk, timezone.now() - delivery.DAY)
        left = allowed - len(sent)
        if left <= 0:
            text = (
                f"Waits: {self._account.outgoing_host} takes {allowed:,} messages in 24 hours, and so many were sent. "
                "It goes out by itself as soon as there is room again."
            )
            until = sent[-allowed] + delivery.DAY
            delivery.put_off_due(self._account.pk, until=until, text=text, starts_clock=False)
        return left

    def _send_all(self, claimed: Sequence[Submission]) -> bool:
        """Whether the drain may go on. Claims of whoever is not reached are given back."""
        for number, submission in enumerate(claimed):
            self._passed.add(submission.pk)
            try:
                trouble = self._send(submission)
            except Exception:
                delivery.put_off(claimed[number + 1 :], until=timezone.now())
                raise
            lanes.sending.move(self._account.pk)
            if trouble is not None:
                self._put_off_all(claimed[number + 1 :], trouble)
                return False
            if lanes.sending.is_closing:
                delivery.put_off(claimed[number + 1 :], until=timezone.now())
                return False
        return True

    # One message ----------------------------------------------------------------------------------------------

    def _send(self, submission: Submission) -> _Trouble | None:
        reached("claimed")
        message = _read(submission)
        if message is None:
            return None
        problems: list[Problem] = []
        for route in self._servers.in_order():
            submission.server = route.host
            problem = self._try(route, message)
            if problem is None:
                return None
            problems.append(problem)
            if problem.has_begun:
                break
        return self._take_problems(submission, problems)

    def _try(self, route: Route, message: Message) -> Problem | None:
        """One message to one server; None when its row has moved."""
        try:
            self._carry(route, message)
        except CannotOpen as error:
            return error.problem
        except NotBegun as error:
            cause = Cause.AWAY if error.is_lost else Cause.MESSAGE
            problem = Problem(route, cause, error.answer, _said(error.answer))
            self._servers.note_problem(problem)
            return problem
        except LimitReached as error:
            problem = Problem(route, Cause.LIMIT, error.answer, _said(error.answer), has_begun=error.has_begun)
            self._servers.note_problem(problem)
            return problem
        except (PermanentlyRefused, BadArgument) as error:
            delivery.mark_failed(message.submission, reply=answer_of_error(error))
        except ProtocolError as error:
            delivery.mark_retry(message.submission, reply=answer_of_error(error))
        return None

    def _carry(self, route: Route, message: Message) -> None:
        """Over the line there is. One that has died since its last use is replaced without that counting as a try."""
        line = self._servers.line_to(route)
        reached("connected")
        try:
            _over(line, message)
        except NotBegun as error:
            if not (error.is_lost and line.is_used):
                raise
            _over(self._servers.line_to(route, is_fresh=True), message)

    # When no server took it -----------------------------------------------------------------------------------

    def _take_problems(self, submission: Submission, problems: Sequence[Problem]) -> _Trouble | None:
        """The row moves; what concerns the whole account is returned."""
        causes = {one.cause for one in problems}
        answer = told_together(problems) if problems else Answer(text="This account has no server to send with.")
        if not causes - {Cause.FINAL}:
            delivery.mark_failed(submission, reply=answer)
            return None
        if causes == {Cause.LOGIN}:
            return self._stop_account(submission, problems)
        now = timezone.now()
        if Cause.LIMIT in causes:
            return self._take_limit(submission, answer)
        if Cause.BUSY in causes:
            delivery.put_off([submission], until=now + BUSY_WAIT)
            return _Trouble(now + BUSY_WAIT, "")
        delivery.mark_retry(submission, reply=answer)
        if Cause.MESSAGE in causes:
            return None
        until = submission.next_try_at if submission.next_try_at > now else now + timedelta(seconds=schedule.WAITS_S[0])
        return _Trouble(until, f"Not sent yet; it is tried again. {_said(answer)}", answer)

    def _take_limit(self, submission: Submission, answer: Answer) -> _Trouble | None:
        """The account waits for hours; this message alone and for the next drain, when another server is left."""
        now = timezone.now()
        text = f"Waits: the server takes no more from this account for now. {_said(answer)}"
        if self._servers.has_usable():
            delivery.put_off([submission], until=now, text=text)
            dispatch.wake(TASK, self._account.pk)
            return None
        delivery.put_off([submission], until=now + LIMIT_WAIT, text=text)
        return _Trouble(now + LIMIT_WAIT, text)

    def _stop_account(self, submission: Submission, problems: Sequence[Problem]) -> _Trouble:
        """The servers want another password: the account waits for it, and with it everything in its queue (R68)."""
        reason = " ".join(f"Outgoing mail, {one.route.host}: {one.reason}" for one in problems)
        services.set_state(self._account, AccountState.AUTH_FAILED, reason=reason)
        text = f"Not sent yet. {reason} Sign in again; everything that waits is sent then."
        delivery.put_back(submission, text=text)
        return _Trouble(timezone.now(), "")

    def _put_off_all(self, claimed: Sequence[Submission], trouble: _Trouble) -> None:
        """What else the account has due waits for the same time, see `delivery.put_off_due`."""
        answer, account_id = trouble.answer, self._account.pk
        if answer is None:
            delivery.put_off(claimed, until=trouble.until, text=trouble.text)
        else:
            ending = [one for one in claimed if _is_over(one)]
            waiting = [one for one in claimed if not _is_over(one)]
            delivery.put_off(waiting, until=trouble.until, text=trouble.text, starts_clock=True)
            ending += delivery.claim_due(account_id, new_owner(), limit=LARGEST_BATCH, only_last_tries=True)
            for one in ending:
                delivery.mark_retry(one, reply=answer)
        if trouble.text:
            delivery.put_off_due(account_id, until=trouble.until, text=trouble.text, starts_clock=answer is not None)


def _over(line: SmtpLine, message: Message) -> None:
    """A conversation; the session is closed unless it can carry another one."""
    try:
        converse(line.session, message)
    except NotBegun as error:
        if error.is_lost:
            line.session.close()
        raise
    except BaseException:
        line.session.close()
        raise


def _read(submission: Submission) -> Message | None:
    """The bytes of the wire; None when they are lost, which ends the submission."""
    try:
        raw = without_bcc(blobs.read_blob(submission.blob))
    except (BlobMissing, BlobDamaged):
        log.exception("outbox.blob_lost", submission=submission.pk)
        text = "Pillarbox cannot read the finished message any more. Look through the draft and send it again."
        delivery.mark_failed(submission, reply=Answer(text=text))
        return None
    return Message(submission, raw, delivery.waiting_recipients(submission))


def _is_over(submission: Submission) -> bool:
    return schedule.is_exhausted(
        tries=submission.attempts - 1, first_try_at=submission.first_try_at, now=timezone.now()
    )


def _said(answer: Answer) -> str:
    return f"The server said: “{answer}”" if answer.is_quoted else answer.text
