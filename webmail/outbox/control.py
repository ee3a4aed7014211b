"""What people do about a message on its way: take it back, try now, stop trying."""

from __future__ import annotations

from django.utils import timezone

from webmail import dispatch
from webmail.outbox.answers import Answer, Status
from webmail.outbox.models import (
    CANCELLABLE,
    CLAIMABLE,
    Draft,
    Phase,
    Submission,
    SubmissionRecipient,
)
from webmail.outbox.moves import give_back, move_in, settle
from webmail.store import changes


def cancel(submission: Submission) -> Draft | None:
    """Take a submission back: the draft when that came in time, else None (R73).

    A submission without a draft's content (made from a stored message) returns None too: ask `phase` of the reloaded
    row. One that has reached somebody already cannot be taken back; `stop_trying` ends its tries.
    """
    with changes.recording(submission.account_id) as record:
        if SubmissionRecipient.objects.filter(submission=submission, status=Status.ACCEPTED).exists():
            return None
        if not move_in(record, submission, sources=CANCELLABLE, target=Phase.CANCELLED, text="Taken back by you."):
            return None
        return give_back(submission)


def stop_trying(submission: Submission) -> Phase | None:
    """No further try for those it has not reached. None when it is not waiting for one (any more)."""
    refusal = Answer(text="Stopped by you.")
    return settle(submission, {}, sources=(Phase.RETRY,), last=refusal, is_final=True)


def retry_now(submission: Submission) -> bool:
    """Try a delayed submission at once."""
    waiting = Submission.objects.filter(pk=submission.pk, phase__in=CLAIMABLE)
    if not waiting.update(next_try_at=timezone.now()):
        return False
    dispatch.wake("outbox.deliver", submission.pk)
    return True
