"""Submissions of which nobody knows whether they have left: looked into by workers, decided by evidence or by people."""

from __future__ import annotations

from django.utils import timezone

from webmail import dispatch
from webmail.outbox.models import (
    Phase,
    Submission,
    SubmissionRecipient,
)
from webmail.outbox.queue import schedule
from webmail.outbox.queue.answers import Status
from webmail.outbox.queue.moves import FREE, move, move_in, reload, unstopped
from webmail.outbox.queue.unfinished import unfinished_of
from webmail.store import changes

CHECKS_AT_ONCE = 50


def due_checks(account_id: int) -> list[int]:
    """The ids of the account's submissions whose evidence is due to be looked for."""
    now = timezone.now()
    doubtful = unfinished_of(account_id).filter(phase=Phase.UNCONFIRMED, next_try_at__lte=now)
    young = unstopped(doubtful.filter(created_at__gt=now - schedule.EVIDENCE_FOR))
    return list(young.order_by("next_try_at", "id").values_list("pk", flat=True)[:CHECKS_AT_ONCE])


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


def look_now(submission: Submission) -> bool:
    """Look for evidence at once, as a person asked. False when it is not in doubt (any more)."""
    doubtful = Submission.objects.filter(pk=submission.pk, phase=Phase.UNCONFIRMED)
    if not doubtful.update(next_try_at=timezone.now()):
        return False
    dispatch.wake("outbox.deliver", submission.pk)
    return True


def resolve_unconfirmed(submission: Submission, *, sent: bool, text: str = "") -> bool:
    """Evidence or the user decides: it has left, or it is to be sent again. False when it is not in doubt (any more)."""
    if not sent:
        moved = move(
            submission,
            sources=(Phase.UNCONFIRMED,),
            target=Phase.RETRY,
            text=text or "To be sent again, as you asked.",
            attempts=0,
            first_try_at=None,
            next_try_at=timezone.now(),
            **FREE,
        )
        if moved:
            dispatch.wake("outbox.deliver", submission.pk)
        return moved
    return _resolve_sent(submission, text or "Marked as sent by you.")


def _resolve_sent(submission: Submission, text: str) -> bool:
    """It has left for those it was handed over for. Whoever the server put off before the dot still waits for a try."""
    now = timezone.now()
    waiting = SubmissionRecipient.objects.filter(submission=submission, status=Status.WAITING)
    is_partial = waiting.exclude(reply="").exists()
    columns = FREE if is_partial else {**FREE, "accepted_at": now}
    with changes.recording(submission.account_id) as record:
        moved = move_in(
            record,
            submission,
            sources=(Phase.UNCONFIRMED,),
            target=Phase.RETRY if is_partial else Phase.ACCEPTED,
            text=f"{text} The others are tried again." if is_partial else text,
            next_try_at=now,
            **columns,
        )
        if moved:
            waiting.filter(reply="").update(status=Status.ACCEPTED, reply=text)
            dispatch.wake("outbox.deliver", submission.pk)
    return moved
