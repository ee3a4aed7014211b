"""What the sweep does for all submissions: lets go what was held, takes up what dead workers left, tells of delays.

All of it may run anywhere, at any time, twice at once: every move is a compare-and-set. What a restored backup needs is
in `queue.restored`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from webmail import dispatch
from webmail.outbox.models import (
    IN_FLIGHT,
    HeldFor,
    Phase,
    Submission,
)
from webmail.outbox.queue import limits, schedule, send_time
from webmail.outbox.queue.moves import FREE, first_look, give_back, move, move_in
from webmail.outbox.queue.unfinished import unfinished
from webmail.outbox.queue.user_time import in_words
from webmail.store import changes

DELAYED = "Delayed."
# What lies further in the future than this and should not was written before the clock was set back.
CLOCK_SLACK = timedelta(minutes=2)


def tend() -> None:
    """All of it, in the order that matters: a clock that was set back first."""
    follow_clock()
    recover_expired_leases()
    refresh_schedules()
    release_due()
    limits.release_within_limits()
    tell_delayed()


def release_due() -> int:
    """Let go what was held until now, and within the limits. What was due over a day ago comes back as a draft (R74)."""
    now = timezone.now()
    count = 0
    due = unfinished().filter(phase=Phase.HELD, send_at__lte=now)
    due = due.exclude(held_for__in=(HeldFor.LIMIT, HeldFor.RESTORE)).select_related("user").defer("draft_snapshot")
    for row in due:
        if now - row.send_at > schedule.LATE_SEND_LIMIT:
            _return_late(row)
        elif row.held_for == HeldFor.SCHEDULE:
            count += limits.let_go(row)
        elif move(row, sources=(Phase.HELD,), target=Phase.QUEUED, where=_unmoved(row), next_try_at=now):
            dispatch.wake("outbox.deliver", row.pk)
            count += 1
    return count


def _unmoved(row: Submission) -> QuerySet[Submission]:
    """The row while it is held for what it was: it may have been given another time meanwhile."""
    return Submission.objects.filter(held_for=row.held_for, send_at=row.send_at)


def _return_late(row: Submission) -> None:
    text = (
        f"Not sent. It was due on {in_words(row.send_at, row.user)}, but Pillarbox was not running then. "
        "The message is back in your drafts: look whether it still holds, and send it again."
    )
    with changes.recording(row.account_id) as record:
        if move_in(record, row, sources=(Phase.HELD,), target=Phase.FAILED, where=_unmoved(row), text=text):
            give_back(row)


def refresh_schedules() -> int:
    """Reckon anew when scheduled messages leave: what was chosen is the local time, and zones change their rules (R74)."""
    rows = unfinished().filter(phase=Phase.HELD, held_for=HeldFor.SCHEDULE).exclude(send_zone="")
    count = 0
    for zone_name in list(rows.order_by().values_list("send_zone", flat=True).distinct()):
        try:
            zone = send_time.load_zone(zone_name)
        except send_time.UnknownZone:
            continue  # it is called otherwise now: the instant still holds
        for row in rows.filter(send_zone=zone_name).only("account_id", "held_for", "send_at", "send_zone", "send_wall"):
            instant = send_time.instant_in(zone, send_time.read_wall(row.send_wall))
            if instant != row.send_at:
                count += _move_schedule(row, instant)
    return count


def _move_schedule(row: Submission, instant: datetime) -> bool:
    text = f"The clocks in {row.send_zone} have new rules: it still leaves at {row.send_wall.replace('T', ' ')[:16]} there."
    return move(
        row,
        sources=(Phase.HELD,),
        target=Phase.HELD,
        where=_unmoved(row),
        text=text,
        keeps_reply=True,
        send_at=instant,
        next_try_at=instant,
    )


def follow_clock() -> int:
    """After the clock was set back: what should wait seconds does not wait for hours. Returns how many rows were moved."""
    now = timezone.now()
    ahead = now + CLOCK_SLACK
    claims = unfinished().filter(phase__in=(*IN_FLIGHT, Phase.ACCEPTED), lease_until__gt=ahead)
    count = claims.update(lease_until=now + timedelta(seconds=schedule.LEASE_S))
    undoable = unfinished().filter(phase=Phase.HELD, held_for=HeldFor.UNDO, send_at__gt=ahead)
    count += undoable.update(send_at=ahead, next_try_at=ahead)
    unsent = unfinished().filter(phase=Phase.QUEUED, attempts=0, send_at__gt=ahead)
    return count + unsent.update(send_at=now, next_try_at=now)


def recover_expired_leases() -> int:
    """Take up what a dead worker left: before the dot it is tried again, after it nobody knows (reliability section 3)."""
    now = timezone.now()
    count = 0
    for row in unfinished().filter(phase__in=(*IN_FLIGHT, Phase.ACCEPTED), lease_until__lt=now).defer("draft_snapshot"):
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
    untold = Q(told_delayed_at=None) | Q(told_delayed_at__lt=F("first_try_at"))  # tried anew since: told anew
    late = unfinished().filter(untold, phase=Phase.RETRY, first_try_at__lte=now - schedule.TELL_AFTER)
    count = 0
    for row in late.select_related("user").defer("draft_snapshot"):
        until = (row.first_try_at or now) + schedule.GIVE_UP_AFTER
        text = f"{DELAYED} We try again until {in_words(until, row.user)}. The last answer: {row.last_reply}"
        count += move(
            row,
            sources=(Phase.RETRY,),
            target=Phase.RETRY,
            where=Submission.objects.filter(untold),
            text=text,
            keeps_reply=True,
            told_delayed_at=now,
        )
    return count
