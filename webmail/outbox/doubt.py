"""Submissions of which nobody knows whether they have left: looked into by workers, decided by evidence or by people."""

from __future__ import annotations

from django.utils import timezone

from webmail import dispatch
from webmail.outbox import schedule
from webmail.outbox.answers import Status
from webmail.outbox.models import (
    Phase,
    Submission,
    SubmissionRecipient,
)
from webmail.outbox.moves import FREE, move, move_in, reload
from webmail.store import changes


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
    text = text or "Marked as sent by you."
    with changes.recording(submission.account_id) as record:
        now = timezone.now()
        moved = move_in(
            record,
            submission,
            sources=(Phase.UNCONFIRMED,),
            target=Phase.ACCEPTED,
            text=text,
            accepted_at=now,
            next_try_at=now,
            **FREE,
        )
        if moved:
            waiting = SubmissionRecipient.objects.filter(submission=submission, status=Status.WAITING)
            waiting.update(status=Status.ACCEPTED, reply=text)
            dispatch.wake("outbox.deliver", submission.pk)
    return moved
