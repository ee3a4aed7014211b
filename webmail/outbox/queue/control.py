"""What people do about a message on its way: take it back, move its time, let it go, try now, stop trying.

Each is one compare-and-set against the workers: it happens in time or not at all, and the answer says which (R73).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from webmail import dispatch
from webmail.mime.addresses import Address
from webmail.outbox.models import (
    CANCELLABLE,
    CLAIMABLE,
    Draft,
    HeldFor,
    Phase,
    Submission,
    SubmissionRecipient,
)
from webmail.outbox.queue import known, limits
from webmail.outbox.queue.answers import Answer, Status
from webmail.outbox.queue.moves import FREE, give_back, move_in, reload, settle
from webmail.outbox.queue.send_time import SendTime
from webmail.outbox.queue.submit import check_send_time
from webmail.outbox.queue.user_time import in_words
from webmail.store import changes

TAKEN_BACK = "Taken back by you."
# A repeat of the request that made it must still find it (rest section 5).
KEPT_FOR = timedelta(hours=24)
_OVER = (Phase.DONE, Phase.FAILED, Phase.CANCELLED)
_RESTORED = Q(phase=Phase.HELD, held_for=HeldFor.RESTORE)
# Nothing was tried yet, and no limit or backup has a say.
_MAY_BE_MOVED = Q(phase=Phase.HELD, held_for__in=(HeldFor.UNDO, HeldFor.SCHEDULE)) | Q(phase=Phase.QUEUED, attempts=0)


def cancel(submission: Submission) -> Draft | None:
    """Take a submission back: the draft when that came in time, else None (R73).

    A submission without a draft's content (made from a stored message) returns None too: ask `phase` of the reloaded
    row. One that has reached somebody already cannot be taken back; `stop_trying` ends its tries.
    """
    with changes.recording(submission.account_id) as record:
        return give_back(submission) if _withdraw(record, submission) else None


def discard(submission: Submission) -> bool:
    """Take a submission back for good: no draft comes back. False when that came too late."""
    with changes.recording(submission.account_id) as record:
        return _withdraw(record, submission)


def _withdraw(record: changes.Record, submission: Submission) -> bool:
    limits.lock(submission.user_id)
    if SubmissionRecipient.objects.filter(submission=submission, status=Status.ACCEPTED).exists():
        return False
    counted = Submission.objects.exclude(limits.NOT_LET_GO)
    uncounted = Submission.objects.filter(limits.NOT_LET_GO)
    target = Phase.CANCELLED
    if move_in(record, submission, sources=CANCELLABLE, target=target, where=counted, text=TAKEN_BACK):
        known.forget(submission.user, limits.emails_of(submission))
        return True
    return move_in(record, submission, sources=CANCELLABLE, target=target, where=uncounted, text=TAKEN_BACK)


def reschedule(submission: Submission, send_time: SendTime) -> bool:
    """Let it leave at another time, at once when that is past. False when it is on its way, or held for another reason.

    Raises `BadSendTime` when the time lies too far ahead.
    """
    now = timezone.now()
    check_send_time(send_time.instant, now)
    if send_time.instant <= now:
        return send_now(submission)
    columns: dict[str, Any] = {
        "held_for": HeldFor.SCHEDULE,
        "send_at": send_time.instant,
        "next_try_at": send_time.instant,
        "send_zone": send_time.zone,
        "send_wall": send_time.wall_text,
        "text": f"To be sent on {_shown(send_time, submission.user)}.",
        "keeps_reply": True,
    }
    with changes.recording(submission.account_id) as record:
        limits.lock(submission.user_id)
        sources, target = (Phase.HELD, Phase.QUEUED), Phase.HELD
        on_its_way = Submission.objects.filter(_MAY_BE_MOVED).exclude(limits.NOT_LET_GO)
        if move_in(record, submission, sources=sources, target=target, where=on_its_way, **columns):
            # It counts for the day on which it leaves.
            known.forget(submission.user, limits.emails_of(submission))
            return True
        where = Submission.objects.filter(_MAY_BE_MOVED)
        return move_in(record, submission, sources=sources, target=target, where=where, **columns)


def _shown(send_time: SendTime, user: User) -> str:
    if send_time.wall is None:
        return in_words(send_time.instant, user)
    return f"{send_time.wall.day} {send_time.wall:%B, %H:%M} ({send_time.zone})"


def send_now(submission: Submission) -> bool:
    """Let go at once what is held: for the undo window, for its time, or since a backup was restored.

    False when it is not held any more, or when a limit holds it: one waits for that, and a scheduled message that is
    over the limit now waits for it from here on (its text says so).
    """
    row = reload(submission)
    if row.phase != Phase.HELD or row.held_for == HeldFor.LIMIT:
        return False
    if row.held_for == HeldFor.SCHEDULE:
        return limits.let_go(row)
    return _release(row, row.held_for)


def _release(row: Submission, held_for: str) -> bool:
    now = timezone.now()
    columns: dict[str, Any] = {"send_at": now, "next_try_at": now}
    if held_for == HeldFor.RESTORE:
        # Its tries and their times are those of another day.
        columns |= {"attempts": 0, "first_try_at": None, "told_delayed_at": None, "last_reply": "", **FREE}
    with changes.recording(row.account_id) as record:
        limits.lock(row.user_id)
        where = Submission.objects.filter(held_for=held_for)
        if not move_in(record, row, sources=(Phase.HELD,), target=Phase.QUEUED, where=where, **columns):
            return False
        if held_for == HeldFor.RESTORE:
            strangers = known.strangers(row.user, limits.emails_of(row))
            known.remember(row.user, [Address("", email) for email in strangers], now=now)
        dispatch.wake("outbox.deliver", row.pk)
    return True


def release_restored(user: User | None = None) -> int:
    """Let go everything that is held since a backup was restored (R92), of one user or of all; returns how many."""
    rows = Submission.objects.filter(_RESTORED).select_related("user").order_by("pk")
    if user is not None:
        rows = rows.filter(user=user)
    return sum(_release(row, HeldFor.RESTORE) for row in rows.iterator())


def acknowledge(submission: Submission) -> bool:
    """The person has seen what went wrong and lets it be; what is reported later is brought before them again."""
    return bool(Submission.objects.filter(pk=submission.pk).update(acknowledged_at=timezone.now()))


def stop_trying(submission: Submission) -> Phase | None:
    """No further try for those it has not reached. None when it is not waiting for one (any more)."""
    refusal = Answer(text="Stopped by you.")
    sources = [Phase.RETRY]
    if Submission.objects.filter(_RESTORED, pk=submission.pk).exists():
        sources.append(Phase.HELD)  # it may have reached somebody before the backup
    return settle(submission, {}, sources=sources, last=refusal, is_final=True)


def retry_now(submission: Submission) -> bool:
    """Try a delayed submission at once."""
    waiting = Submission.objects.filter(pk=submission.pk, phase__in=CLAIMABLE)
    if not waiting.update(next_try_at=timezone.now()):
        return False
    dispatch.wake("outbox.deliver", submission.pk)
    return True


def forget_record(submission: Submission) -> bool:
    """Drop the record of a submission that is over; what was sent stays sent, a draft that came back stays.

    False when it is not over, or younger than `KEPT_FOR`.
    """
    with changes.recording(submission.account_id) as record:
        old = Submission.objects.filter(phase__in=_OVER, created_at__lte=timezone.now() - KEPT_FOR)
        row = old.select_for_update(of=("self",)).filter(pk=submission.pk).first()
        if row is None:
            return False
        record.destroyed(changes.SUBMISSION, [changes.DestroyedObject(row.public_id, row.created_modseq)])
        row.delete()
    return True
