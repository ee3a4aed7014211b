"""The moves of a submission from phase to phase, one function each (drawn in `outbox.models`, reliability section 3).

Every move is one compare-and-set: it happens when the row is still in a phase it may leave, and where a worker moves it,
still held by that very claim. False or None means that somebody else was faster; the caller then does nothing more. A
move writes its event and its change record in the same transaction. Nothing here talks to a server.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import AccountState, MailAccount
from webmail import dispatch
from webmail.outbox import schedule
from webmail.outbox.answers import Answer, Status, apply_answers, next_phase
from webmail.outbox.messages import restore_draft
from webmail.outbox.models import (
    CANCELLABLE,
    CLAIMABLE,
    IN_FLIGHT,
    Draft,
    Phase,
    Submission,
    SubmissionEvent,
    SubmissionRecipient,
)
from webmail.store import changes

MAX_TEXT_CHARS = 600
# An answer that comes late, from the very connection the dot was written on, still counts.
_MAY_STILL_ANSWER = (*IN_FLIGHT, Phase.UNCONFIRMED)
_STOPPED_ACCOUNTS = (AccountState.PAUSED, AccountState.AUTH_FAILED)


# For workers --------------------------------------------------------------------------------------------------------


def claim(submission_id: int, owner: str) -> Submission | None:
    """Take a due submission for sending, or None: not due, taken, or its account is stopped.

    `owner` is unique to this claim. The try is counted and the next one's time stored before anything is sent (R69).
    """
    now = timezone.now()
    row = Submission.objects.filter(pk=submission_id, phase__in=CLAIMABLE).first()
    if row is None:
        return None
    tries, first_try_at = row.attempts + 1, row.first_try_at or now
    due = _unstopped(Submission.objects.filter(send_at__lte=now, next_try_at__lte=now, attempts=row.attempts))
    moved = _move(
        row,
        sources=CLAIMABLE,
        target=Phase.CLAIMED,
        where=due,
        attempts=tries,
        first_try_at=first_try_at,
        next_try_at=schedule.next_try(tries=tries, first_try_at=first_try_at, now=now),
        lease_owner=owner,
        lease_until=now + timedelta(seconds=schedule.LEASE_S),
    )
    return reload(row) if moved else None


def renew_lease(submission: Submission) -> bool:
    """Keep a claim alive; False when it was lost."""
    held = _held(submission).filter(pk=submission.pk, phase__in=(*IN_FLIGHT, Phase.ACCEPTED))
    return bool(held.update(lease_until=timezone.now() + timedelta(seconds=schedule.LEASE_S)))


def mark_in_data(submission: Submission, *, answers: Mapping[str, Answer]) -> bool:
    """The server takes the message for somebody. `answers`: those to RCPT; a refusal is final from here on."""
    negative = {email: answer for email, answer in answers.items() if answer.status != Status.ACCEPTED}
    with changes.recording(submission.account_id) as record:
        if not _move_in(record, submission, sources=(Phase.CLAIMED,), target=Phase.IN_DATA, where=_held(submission)):
            return False
        _write_answers(submission, negative)
    return True


def mark_envelope_refused(submission: Submission, *, answers: Mapping[str, Answer]) -> Phase | None:
    """The server takes the message for nobody: some refused for good, others perhaps for now."""
    return _settle(submission, answers, sources=(Phase.CLAIMED,))


def mark_dot_sent(submission: Submission) -> bool:
    """Call it, and see True, before the final dot is written: from here on nothing is resent by itself (R65)."""
    return _move(submission, sources=(Phase.IN_DATA,), target=Phase.DOT_SENT, where=_held(submission))


def mark_accepted(submission: Submission, *, reply: Answer, recipients: Collection[str]) -> Phase | None:
    """The server answered the dot with 2xx for these recipients. Others may still wait: the phase is returned."""
    return _settle(submission, dict.fromkeys(recipients, reply), sources=(Phase.DOT_SENT, Phase.UNCONFIRMED))


def mark_retry(submission: Submission, *, reply: Answer) -> Phase | None:
    """A temporary failure for all who wait. After the last try it is final: the phase is returned."""
    return _settle(submission, {}, sources=_MAY_STILL_ANSWER, last=reply)


def mark_failed(submission: Submission, *, reply: Answer, recipients: Collection[str] | None = None) -> Phase | None:
    """A permanent refusal for these recipients, None: for all who wait. Without any accepted the draft comes back."""
    if recipients is None:
        waiting = SubmissionRecipient.objects.filter(submission=submission, status=Status.WAITING)
        recipients = list(waiting.values_list("email", flat=True))
    refusal = replace(reply, is_refusal=True)
    return _settle(submission, dict.fromkeys(recipients, refusal), sources=_MAY_STILL_ANSWER)


def mark_unconfirmed(submission: Submission, *, text: str) -> bool:
    """The dot was written and no answer came. The claim's owner stays: a late answer of that connection counts."""
    return _move(
        submission,
        sources=(Phase.DOT_SENT,),
        target=Phase.UNCONFIRMED,
        where=_held(submission),
        text=text,
        next_try_at=_first_look(),
    )


def put_back(submission: Submission, *, text: str) -> bool:
    """The try does not count: the account cannot sign in. It waits, due at once, until the account runs again (R68)."""
    tries = max(submission.attempts - 1, 0)
    return _move(
        submission,
        sources=(Phase.CLAIMED,),
        target=Phase.RETRY,
        where=_held(submission),
        text=text,
        attempts=tries,
        first_try_at=submission.first_try_at if tries else None,
        next_try_at=timezone.now(),
        **_FREE,
    )


# The Sent copy ------------------------------------------------------------------------------------------------------


def claim_copy(submission_id: int, owner: str) -> Submission | None:
    """Take an accepted submission to file its Sent copy; None when it is not due, or another worker has it."""
    now = timezone.now()
    due = Submission.objects.filter(pk=submission_id, phase=Phase.ACCEPTED, next_try_at__lte=now, lease_owner="")
    if not _unstopped(due).update(lease_owner=owner, lease_until=now + timedelta(seconds=schedule.LEASE_S)):
        return None
    return Submission.objects.select_related("account", "user", "blob", "original").get(pk=submission_id)


def mark_done(submission: Submission, *, text: str, record: changes.Record | None = None) -> bool:
    """The copy lies in Sent. With `record`: in the caller's transaction, together with the rows of the copy."""
    if record is None:
        with changes.recording(submission.account_id) as own:
            return mark_done(submission, text=text, record=own)
    where = _held(submission)
    return _move_in(record, submission, sources=(Phase.ACCEPTED,), target=Phase.DONE, where=where, text=text, **_FREE)


def mark_copy_failed(submission: Submission, *, text: str) -> bool:
    """Sent, copy not saved: kept and tried again later. Never a failure of sending (R72)."""
    failures = submission.sent_copy_failures + 1
    return _move(
        submission,
        sources=(Phase.ACCEPTED,),
        target=Phase.ACCEPTED,
        where=_held(submission),
        text=text,
        sent_copy_failures=failures,
        next_try_at=schedule.copy_retry(failures, now=timezone.now()),
        **_FREE,
    )


# Doubt --------------------------------------------------------------------------------------------------------------


def claim_evidence_check(submission_id: int) -> Submission | None:
    """Take an unconfirmed submission whose evidence is due to be looked for; its next look is stored first."""
    now = timezone.now()
    row = Submission.objects.filter(pk=submission_id, phase=Phase.UNCONFIRMED, next_try_at__lte=now).first()
    if row is None:
        return None
    since = row.events.filter(phase=Phase.UNCONFIRMED).order_by("-id").values_list("at", flat=True).first() or now
    taken = Submission.objects.filter(pk=row.pk, phase=Phase.UNCONFIRMED, next_try_at=row.next_try_at)
    if not taken.update(next_try_at=schedule.evidence_check(since=since, now=now)):
        return None
    return reload(row)


def resolve_unconfirmed(submission: Submission, *, sent: bool, text: str = "") -> bool:
    """Evidence or the user decides: it has left, or it is to be sent again. False when it is not in doubt (any more)."""
    if not sent:
        moved = _move(
            submission,
            sources=(Phase.UNCONFIRMED,),
            target=Phase.RETRY,
            text=text or "To be sent again, as you asked.",
            attempts=0,
            first_try_at=None,
            next_try_at=timezone.now(),
            **_FREE,
        )
        if moved:
            dispatch.wake("outbox.deliver", submission.pk)
        return moved
    text = text or "Marked as sent by you."
    with changes.recording(submission.account_id) as record:
        now = timezone.now()
        moved = _move_in(
            record,
            submission,
            sources=(Phase.UNCONFIRMED,),
            target=Phase.ACCEPTED,
            text=text,
            accepted_at=now,
            next_try_at=now,
            **_FREE,
        )
        if moved:
            waiting = SubmissionRecipient.objects.filter(submission=submission, status=Status.WAITING)
            waiting.update(status=Status.ACCEPTED, reply=text)
            dispatch.wake("outbox.deliver", submission.pk)
    return moved


# For people ---------------------------------------------------------------------------------------------------------


def cancel(submission: Submission) -> Draft | None:
    """Take a submission back: the draft when that came in time, else None (R73).

    A submission without a draft's content (made from a stored message) returns None too: ask `phase` of the reloaded
    row. One that has reached somebody already cannot be taken back; `stop_trying` ends its tries.
    """
    with changes.recording(submission.account_id) as record:
        if SubmissionRecipient.objects.filter(submission=submission, status=Status.ACCEPTED).exists():
            return None
        if not _move_in(record, submission, sources=CANCELLABLE, target=Phase.CANCELLED, text="Taken back by you."):
            return None
        return _give_back(submission)


def stop_trying(submission: Submission) -> Phase | None:
    """No further try for those it has not reached. None when it is not waiting for one (any more)."""
    refusal = Answer(text="Stopped by you.")
    return _settle(submission, {}, sources=(Phase.RETRY,), last=refusal, is_final=True)


def retry_now(submission: Submission) -> bool:
    """Try a delayed submission at once."""
    waiting = Submission.objects.filter(pk=submission.pk, phase__in=CLAIMABLE)
    if not waiting.update(next_try_at=timezone.now()):
        return False
    dispatch.wake("outbox.deliver", submission.pk)
    return True


# For the sweep ------------------------------------------------------------------------------------------------------


def release_due() -> int:
    """Let go what was held until now. What was due over a day ago comes back as a draft instead (R74)."""
    now = timezone.now()
    count = 0
    for row in Submission.objects.filter(phase=Phase.HELD, send_at__lte=now):
        if now - row.send_at > schedule.LATE_SEND_LIMIT:
            _return_late(row)
        elif _move(row, sources=(Phase.HELD,), target=Phase.QUEUED, next_try_at=now):
            dispatch.wake("outbox.deliver", row.pk)
            count += 1
    return count


def _return_late(row: Submission) -> None:
    text = (
        f"Not sent. It was due on {row.send_at:%d %B at %H:%M} UTC, but Pillarbox was not running then. "
        "The message is back in your drafts: look whether it still holds, and send it again."
    )
    with changes.recording(row.account_id) as record:
        if _move_in(record, row, sources=(Phase.HELD,), target=Phase.FAILED, text=text):
            _give_back(row)


def recover_expired_leases() -> int:
    """Take up what a dead worker left: before the dot it is tried again, after it nobody knows (reliability section 3)."""
    now = timezone.now()
    count = 0
    for row in Submission.objects.filter(phase__in=(*IN_FLIGHT, Phase.ACCEPTED), lease_until__lt=now):
        expired = Submission.objects.filter(lease_owner=row.lease_owner, lease_until__lt=now)
        count += _recover(row, expired, now)
    return count


def _recover(row: Submission, expired: QuerySet[Submission], now: datetime) -> bool:
    phase = Phase(row.phase)
    if phase == Phase.ACCEPTED:  # only the copy was under way
        return bool(expired.filter(pk=row.pk, phase=phase).update(**_FREE))
    if phase == Phase.DOT_SENT:
        return _move(
            row,
            sources=(phase,),
            target=Phase.UNCONFIRMED,
            where=expired,
            text="Perhaps sent: Pillarbox stopped before the server's word was heard. It looks whether it has left.",
            next_try_at=_first_look(),
            lease_until=None,
        )
    # A message that stops its worker again and again waits as the schedule says.
    due = now if row.attempts <= 3 else row.next_try_at
    return _move(
        row,
        sources=(phase,),
        target=Phase.RETRY,
        where=expired,
        text="Pillarbox stopped while sending. Nothing has left; it is tried again.",
        next_try_at=due,
        **_FREE,
    )


def tell_delayed() -> int:
    """Write once into the timeline that a submission is delayed, two hours after its first try (R69)."""
    now = timezone.now()
    late = Submission.objects.filter(phase=Phase.RETRY, first_try_at__lte=now - schedule.TELL_AFTER)
    count = 0
    for row in late.exclude(events__text__startswith=DELAYED):
        until = (row.first_try_at or now) + schedule.GIVE_UP_AFTER
        text = f"{DELAYED} We try again until {until:%d %B, %H:%M} UTC. The last answer: {row.last_reply}"
        count += _move(row, sources=(Phase.RETRY,), target=Phase.RETRY, text=text, keeps_reply=True)
    return count


DELAYED = "Delayed."


# How a move is made -------------------------------------------------------------------------------------------------

_FREE: Mapping[str, Any] = {"lease_owner": "", "lease_until": None}


def reload(submission: Submission) -> Submission:
    """The row as it is now, with what delivery needs."""
    return Submission.objects.select_related("account", "user", "blob", "original").get(pk=submission.pk)


def _held(submission: Submission) -> QuerySet[Submission]:
    return Submission.objects.filter(lease_owner=submission.lease_owner)


def _unstopped(rows: QuerySet[Submission]) -> QuerySet[Submission]:
    # A sub-select over another table: a join would put the row itself into a sub-select, whose conditions PostgreSQL
    # does not check again after it has waited for the row.
    return rows.filter(account_id__in=MailAccount.objects.exclude(state__in=_STOPPED_ACCOUNTS).values("pk"))


def _first_look() -> datetime:
    return timezone.now() + timedelta(seconds=schedule.EVIDENCE_FIRST_S)


def _move(submission: Submission, *, sources: Collection[Phase], target: Phase, **options: Any) -> bool:
    with changes.recording(submission.account_id) as record:
        return _move_in(record, submission, sources=sources, target=target, **options)


def _move_in(
    record: changes.Record,
    submission: Submission,
    *,
    sources: Collection[Phase],
    target: Phase,
    where: QuerySet[Submission] | None = None,
    text: str = "",
    keeps_reply: bool = False,
    **columns: Any,
) -> bool:
    rows = (where if where is not None else Submission.objects.all()).filter(pk=submission.pk, phase__in=sources)
    if text and not keeps_reply:
        columns["last_reply"] = text[:MAX_TEXT_CHARS]
    if not rows.update(phase=target, **columns):
        return False
    Submission.objects.filter(pk=submission.pk).update(updated_modseq=record.take(changes.SUBMISSION)[0])
    SubmissionEvent.objects.create(submission_id=submission.pk, phase=target, text=text[:MAX_TEXT_CHARS])
    return True


def _settle(
    submission: Submission,
    answers: Mapping[str, Answer],
    *,
    sources: Collection[Phase],
    last: Answer | None = None,
    is_final: bool = False,
) -> Phase | None:
    """Write each recipient's answer and go where they lead. `last`: what the server said last, for those who wait."""
    now = timezone.now()
    with changes.recording(submission.account_id) as record:
        before = dict(SubmissionRecipient.objects.filter(submission=submission).values_list("email", "status"))
        after = apply_answers(before, answers)
        exhausted = is_final or schedule.is_exhausted(
            tries=submission.attempts, first_try_at=submission.first_try_at, now=now
        )
        target = next_phase(list(after.values()), is_exhausted=exhausted)
        answer = last or next(iter(answers.values()), Answer())
        columns: dict[str, Any] = dict(_FREE)
        if target == Phase.ACCEPTED:
            columns |= {"accepted_at": now, "next_try_at": now}
        given_up = [email for email, status in after.items() if status == Status.WAITING and target != Phase.RETRY]
        refused = [email for email, status in after.items() if status == Status.REFUSED]
        text = _text_for(target, answer, len(given_up) + len(refused))
        where = _held(submission)
        if not _move_in(record, submission, sources=sources, target=target, where=where, text=text, **columns):
            return None
        _write_answers(submission, answers)
        _write_answers(submission, dict.fromkeys(given_up, replace(answer, is_refusal=True)))
        if target == Phase.FAILED:
            _give_back(submission)
    return target


def _text_for(target: Phase, answer: Answer, refused: int) -> str:
    said = f" The server said: “{answer}”" if answer.is_quoted else f" {answer.text}".rstrip()
    if target == Phase.RETRY:
        return f"Not sent yet; it is tried again.{said}"
    if target == Phase.FAILED:
        return f"Not sent. The message is back in your drafts.{said}"
    if refused:
        return f"Sent, but not to {'one recipient' if refused == 1 else f'{refused} recipients'}; see the list.{said}"
    return f"Sent.{said}"


def _write_answers(submission: Submission, answers: Mapping[str, Answer]) -> None:
    waiting = SubmissionRecipient.objects.filter(submission=submission, status=Status.WAITING)
    for email, answer in answers.items():
        waiting.filter(email=email).update(status=answer.status, reply=str(answer)[:MAX_TEXT_CHARS])


def _give_back(submission: Submission) -> Draft | None:
    row = Submission.objects.select_related("account", "original").get(pk=submission.pk)
    return restore_draft(row.draft_snapshot, account=row.account, original=row.original, is_forward=row.is_forward)
