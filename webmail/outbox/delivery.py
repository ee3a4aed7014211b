"""One try to deliver a submission, as moves of its row: claimed, in data, dot sent, and what the server's answer means."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from webmail.outbox import schedule
from webmail.outbox.answers import Answer, Status
from webmail.outbox.models import (
    CLAIMABLE,
    IN_FLIGHT,
    Phase,
    Submission,
    SubmissionRecipient,
)
from webmail.outbox.moves import FREE, first_look, held, move, move_in, reload, settle, unstopped, write_answers
from webmail.store import changes

# An answer that comes late, from the very connection the dot was written on, still counts.
_MAY_STILL_ANSWER = (*IN_FLIGHT, Phase.UNCONFIRMED)


def claim(submission_id: int, owner: str) -> Submission | None:
    """Take a due submission for sending, or None: not due, taken, or its account is stopped.

    `owner` is unique to this claim. The try is counted and the next one's time stored before anything is sent (R69).
    """
    now = timezone.now()
    row = Submission.objects.filter(pk=submission_id, phase__in=CLAIMABLE).first()
    if row is None:
        return None
    tries, first_try_at = row.attempts + 1, row.first_try_at or now
    due = unstopped(Submission.objects.filter(send_at__lte=now, next_try_at__lte=now, attempts=row.attempts))
    moved = move(
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
    mine = held(submission).filter(pk=submission.pk, phase__in=(*IN_FLIGHT, Phase.ACCEPTED))
    return bool(mine.update(lease_until=timezone.now() + timedelta(seconds=schedule.LEASE_S)))


def mark_in_data(submission: Submission, *, answers: Mapping[str, Answer]) -> bool:
    """The server takes the message for somebody. `answers`: those to RCPT; a refusal is final from here on."""
    negative = {email: answer for email, answer in answers.items() if answer.status != Status.ACCEPTED}
    with changes.recording(submission.account_id) as record:
        if not move_in(record, submission, sources=(Phase.CLAIMED,), target=Phase.IN_DATA, where=held(submission)):
            return False
        write_answers(submission, negative)
    return True


def mark_envelope_refused(submission: Submission, *, answers: Mapping[str, Answer]) -> Phase | None:
    """The server takes the message for nobody: some refused for good, others perhaps for now."""
    return settle(submission, answers, sources=(Phase.CLAIMED,))


def mark_dot_sent(submission: Submission) -> bool:
    """Call it, and see True, before the final dot is written: from here on nothing is resent by itself (R65)."""
    return move(submission, sources=(Phase.IN_DATA,), target=Phase.DOT_SENT, where=held(submission))


def mark_accepted(submission: Submission, *, reply: Answer, recipients: Collection[str]) -> Phase | None:
    """The server answered the dot with 2xx for these recipients. Others may still wait: the phase is returned."""
    return settle(submission, dict.fromkeys(recipients, reply), sources=(Phase.DOT_SENT, Phase.UNCONFIRMED))


def mark_retry(submission: Submission, *, reply: Answer) -> Phase | None:
    """A temporary failure for all who wait. After the last try it is final: the phase is returned."""
    return settle(submission, {}, sources=_MAY_STILL_ANSWER, last=reply)


def mark_failed(submission: Submission, *, reply: Answer, recipients: Collection[str] | None = None) -> Phase | None:
    """A permanent refusal for these recipients, None: for all who wait. Without any accepted the draft comes back."""
    if recipients is None:
        waiting = SubmissionRecipient.objects.filter(submission=submission, status=Status.WAITING)
        recipients = list(waiting.values_list("email", flat=True))
    refusal = replace(reply, is_refusal=True)
    return settle(submission, dict.fromkeys(recipients, refusal), sources=_MAY_STILL_ANSWER)


def mark_unconfirmed(submission: Submission, *, text: str) -> bool:
    """The dot was written and no answer came. The claim's owner stays: a late answer of that connection counts."""
    return move(
        submission,
        sources=(Phase.DOT_SENT,),
        target=Phase.UNCONFIRMED,
        where=held(submission),
        text=text,
        next_try_at=first_look(),
    )


def put_back(submission: Submission, *, text: str) -> bool:
    """The try does not count: the account cannot sign in. It waits, due at once, until the account runs again (R68)."""
    tries = max(submission.attempts - 1, 0)
    return move(
        submission,
        sources=(Phase.CLAIMED,),
        target=Phase.RETRY,
        where=held(submission),
        text=text,
        attempts=tries,
        first_try_at=submission.first_try_at if tries else None,
        next_try_at=timezone.now(),
        **FREE,
    )
