"""What the sweep does for all submissions: lets go what was held, takes up what dead workers left, tells of delays."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from webmail import dispatch
from webmail.outbox import schedule
from webmail.outbox.models import (
    IN_FLIGHT,
    Phase,
    Submission,
)
from webmail.outbox.moves import FREE, first_look, give_back, move, move_in
from webmail.store import changes

DELAYED = "Delayed."


def release_due() -> int:
    """Let go what was held until now. What was due over a day ago comes back as a draft instead (R74)."""
    now = timezone.now()
    count = 0
    for row in Submission.objects.filter(phase=Phase.HELD, send_at__lte=now):
        if now - row.send_at > schedule.LATE_SEND_LIMIT:
            _return_late(row)
        elif move(row, sources=(Phase.HELD,), target=Phase.QUEUED, next_try_at=now):
            dispatch.wake("outbox.deliver", row.pk)
            count += 1
    return count


def _return_late(row: Submission) -> None:
    text = (
        f"Not sent. It was due on {row.send_at:%d %B at %H:%M} UTC, but Pillarbox was not running then. "
        "The message is back in your drafts: look whether it still holds, and send it again."
    )
    with changes.recording(row.account_id) as record:
        if move_in(record, row, sources=(Phase.HELD,), target=Phase.FAILED, text=text):
            give_back(row)


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
        return bool(expired.filter(pk=row.pk, phase=phase).update(**FREE))
    if phase == Phase.DOT_SENT:
        return move(
            row,
            sources=(phase,),
            target=Phase.UNCONFIRMED,
            where=expired,
            text="Perhaps sent: Pillarbox stopped before the server's word was heard. It looks whether it has left.",
            next_try_at=first_look(),
            lease_until=None,
        )
    # A message that stops its worker again and again waits as the schedule says.
    due = now if row.attempts <= 3 else row.next_try_at
    return move(
        row,
        sources=(phase,),
        target=Phase.RETRY,
        where=expired,
        text="Pillarbox stopped while sending. Nothing has left; it is tried again.",
        next_try_at=due,
        **FREE,
    )


def tell_delayed() -> int:
    """Write once into the timeline that a submission is delayed, two hours after its first try (R69)."""
    now = timezone.now()
    late = Submission.objects.filter(phase=Phase.RETRY, first_try_at__lte=now - schedule.TELL_AFTER)
    count = 0
    for row in late.exclude(events__text__startswith=DELAYED):
        until = (row.first_try_at or now) + schedule.GIVE_UP_AFTER
        text = f"{DELAYED} We try again until {until:%d %B, %H:%M} UTC. The last answer: {row.last_reply}"
        count += move(row, sources=(Phase.RETRY,), target=Phase.RETRY, text=text, keeps_reply=True)
    return count
