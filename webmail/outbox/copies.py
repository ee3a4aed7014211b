"""The copy of an accepted submission in Sent, as moves of its row. Nothing here can make a sent message unsent (R72)."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from webmail.outbox import schedule
from webmail.outbox.models import (
    Phase,
    Submission,
)
from webmail.outbox.moves import FREE, held, move, move_in, unstopped
from webmail.store import changes


def claim_copy(submission_id: int, owner: str) -> Submission | None:
    """Take an accepted submission to file its Sent copy; None when it is not due, or another worker has it."""
    now = timezone.now()
    due = Submission.objects.filter(pk=submission_id, phase=Phase.ACCEPTED, next_try_at__lte=now, lease_owner="")
    if not unstopped(due).update(lease_owner=owner, lease_until=now + timedelta(seconds=schedule.LEASE_S)):
        return None
    return Submission.objects.select_related("account", "user", "blob", "original").get(pk=submission_id)


def mark_done(submission: Submission, *, text: str, record: changes.Record | None = None) -> bool:
    """The copy lies in Sent. With `record`: in the caller's transaction, together with the rows of the copy."""
    if record is None:
        with changes.recording(submission.account_id) as own:
            return mark_done(submission, text=text, record=own)
    where = held(submission)
    return move_in(record, submission, sources=(Phase.ACCEPTED,), target=Phase.DONE, where=where, text=text, **FREE)


def mark_copy_failed(submission: Submission, *, text: str) -> bool:
    """Sent, copy not saved: kept and tried again later. Never a failure of sending (R72)."""
    failures = submission.sent_copy_failures + 1
    return move(
        submission,
        sources=(Phase.ACCEPTED,),
        target=Phase.ACCEPTED,
        where=held(submission),
        text=text,
        sent_copy_failures=failures,
        next_try_at=schedule.copy_retry(failures, now=timezone.now()),
        **FREE,
    )
