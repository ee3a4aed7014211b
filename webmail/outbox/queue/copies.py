"""The copy of an accepted submission in Sent, as moves of its row. Nothing here can make a sent message unsent (R72)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from webmail.outbox.models import Phase, Submission
from webmail.outbox.queue import schedule
from webmail.outbox.queue.moves import FREE, held, move_held, publish, unstopped, update_if
from webmail.outbox.queue.unfinished import unfinished_of
from webmail.store import changes

# How long a server that files copies by itself is given to do so, and how soon it is looked for.
LOOK_FOR = timedelta(minutes=10)
FIRST_LOOK = timedelta(seconds=10)


class Copy(NamedTuple):
    """A claimed submission. `is_first`: nobody can have tried to file its copy before, not even a worker that died."""

    submission: Submission
    is_first: bool


def claim_copies(account_id: int, owner: str, *, limit: int = 20) -> list[Copy]:
    """Take accepted submissions of an account to file their copies; another worker gets none of these.

    Their next time is stored first: that is how a later claim knows that it is not the first.
    """
    now = timezone.now()
    due = unfinished_of(account_id).filter(phase=Phase.ACCEPTED, next_try_at__lte=now, lease_owner="")
    rows = unstopped(due).select_related("account", "user", "blob", "original").defer("draft_snapshot")
    claimed = []
    for row in rows.order_by("next_try_at", "id")[:limit]:
        mine: dict[str, Any] = {
            "lease_owner": owner,
            "lease_until": now + timedelta(seconds=schedule.LEASE_S),
            "next_try_at": schedule.copy_retry(row.sent_copy_failures, now=now),
        }
        free = {"lease_owner": "", "next_try_at": row.next_try_at}
        if update_if(row, (Phase.ACCEPTED,), Phase.ACCEPTED, where=free, **mine):
            is_first = row.accepted_at is not None and row.next_try_at <= row.accepted_at
            row.lease_owner = owner
            claimed.append(Copy(row, is_first))
    return claimed


def mark_all_done(record: changes.Record, submissions: Sequence[Submission], *, text: str) -> list[Submission]:
    """In the caller's transaction, together with the rows of the copies. Returns those that were still the caller's."""
    done = [
        one
        for one in submissions
        if update_if(one, (Phase.ACCEPTED,), Phase.DONE, where={"lease_owner": one.lease_owner}, text=text, **FREE)
    ]
    publish(record, [(one.pk, Phase.DONE, text) for one in done])
    return done


def look_later(submission: Submission, *, now: datetime) -> bool:
    """The server has not filed the copy yet: it is looked for again, after growing waits. False: it had its time."""
    age = now - (submission.accepted_at or now)
    if age >= LOOK_FOR:
        return False
    mine = held(submission).filter(pk=submission.pk, phase=Phase.ACCEPTED)
    mine.update(next_try_at=now + max(age, FIRST_LOOK), **FREE)
    return True


def mark_copy_failed(submission: Submission, *, text: str) -> bool:
    """Sent, copy not saved: kept and tried again later. Never a failure of sending (R72)."""
    failures = submission.sent_copy_failures + 1
    with changes.recording(submission.account_id) as record:
        return move_held(
            record,
            submission,
            sources=(Phase.ACCEPTED,),
            target=Phase.ACCEPTED,
            text=text,
            sent_copy_failures=failures,
            next_try_at=schedule.copy_retry(failures, now=timezone.now()),
            **FREE,
        )


def put_off_due(account_id: int) -> int:
    """The mail server cannot be reached: whatever copies are due wait for a while, untried. Returns how many."""
    now = timezone.now()
    due = unfinished_of(account_id).filter(phase=Phase.ACCEPTED, next_try_at__lte=now, lease_owner="")
    return due.update(next_try_at=schedule.copy_retry(0, now=now))
