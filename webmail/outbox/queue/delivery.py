"""One try to deliver a submission, as moves of its row: claimed, in data, dot sent, and what the server's answer means.

A worker claims a few of an account at a time, so that the waits of a commit are shared; each claim is still its own
compare-and-set. What concerns a whole account (its server does not answer, its day's messages are used up) puts off all
of its due submissions together, see `put_off_due`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from webmail.outbox.models import (
    CLAIMABLE,
    IN_FLIGHT,
    SENT,
    Phase,
    Submission,
    SubmissionRecipient,
)
from webmail.outbox.queue import schedule
from webmail.outbox.queue.answers import Answer, Status
from webmail.outbox.queue.moves import (
    FREE,
    first_look,
    held,
    move,
    move_held,
    publish,
    settle,
    statuses_of,
    unstopped,
    update_if,
    write_answers,
)
from webmail.outbox.queue.unfinished import unfinished_of
from webmail.store import changes
from webmail.store.sql import to_column

# An answer that comes late, from the very connection the dot was written on, still counts.
_MAY_STILL_ANSWER = (*IN_FLIGHT, Phase.UNCONFIRMED)
DAY = timedelta(hours=24)


class _Candidate(NamedTuple):
    pk: int
    attempts: int
    first_try_at: datetime | None


# Claims -------------------------------------------------------------------------------------------------------------


def claim(submission_id: int, owner: str) -> Submission | None:
    """Take a due submission for sending, or None: not due, taken, or its account is stopped.

    `owner` is unique to this claim. The try is counted and the next one's time stored before anything is sent (R69).
    """
    row = Submission.objects.filter(pk=submission_id).values_list("account_id", flat=True).first()
    if row is None:
        return None
    claimed = _claim(row, Submission.objects.filter(pk=submission_id), owner, limit=1)
    return claimed[0] if claimed else None


def claim_due(
    account_id: int, owner: str, *, limit: int, passed: Collection[int] = (), only_last_tries: bool = False
) -> list[Submission]:
    """`claim` for up to `limit` due submissions of an account, the longest due first, in one commit.

    `passed`: those the caller has had already. `only_last_tries`: those whose 48 hours are over.
    """
    rows = unfinished_of(account_id)
    if only_last_tries:
        rows = rows.filter(first_try_at__lte=timezone.now() - schedule.GIVE_UP_AFTER)
    return _claim(account_id, rows, owner, limit=limit, passed=passed)


def _claim(
    account_id: int, rows: QuerySet[Submission], owner: str, *, limit: int, passed: Collection[int] = ()
) -> list[Submission]:
    now = timezone.now()
    due = unstopped(rows.filter(phase__in=CLAIMABLE, send_at__lte=now, next_try_at__lte=now))
    found = due.order_by("next_try_at", "id").values_list("pk", "attempts", "first_try_at")[: 2 * limit + 8]
    candidates = [one for one in map(_Candidate._make, found) if one.pk not in passed][:limit]
    if not candidates:
        return []
    with changes.recording(account_id) as record:
        taken = [one.pk for one in candidates if _take(one, owner, now)]
        publish(record, [(pk, Phase.CLAIMED, "") for pk in taken])
    loaded = Submission.objects.select_related("account", "blob").defer("draft_snapshot").in_bulk(taken)
    return [loaded[pk] for pk in taken]


def _take(one: _Candidate, owner: str, now: datetime) -> bool:
    tries, first_try_at = one.attempts + 1, one.first_try_at or now
    marks = ", ".join(["%s"] * len(CLAIMABLE))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_submission SET phase = %s, attempts = %s, first_try_at = %s, next_try_at = %s, "  # noqa: S608
            "lease_owner = %s, lease_until = %s WHERE id = %s AND attempts = %s AND send_at <= %s AND next_try_at <= %s "
            f"AND phase IN ({marks}) "
            "AND account_id IN (SELECT id FROM accounts_mailaccount WHERE state NOT IN ('paused', 'auth_failed'))",
            [
                *(str(Phase.CLAIMED), tries, to_column(first_try_at)),
                to_column(schedule.next_try(tries=tries, first_try_at=first_try_at, now=now)),
                *(owner, to_column(now + timedelta(seconds=schedule.LEASE_S))),
                *(one.pk, one.attempts, to_column(now), to_column(now), *map(str, CLAIMABLE)),
            ],
        )
        return bool(cursor.rowcount)


def renew_leases(submissions: Sequence[Submission]) -> int:
    """Keep the claims of one owner alive. Returns how many are."""
    if not submissions:
        return 0
    mine = held(submissions[0]).filter(pk__in=[one.pk for one in submissions], phase__in=(*IN_FLIGHT, Phase.ACCEPTED))
    return mine.update(lease_until=timezone.now() + timedelta(seconds=schedule.LEASE_S))


def waiting_recipients(submission: Submission) -> tuple[str, ...]:
    """Those the message is still to be sent to."""
    return tuple(email for email, status in statuses_of(submission).items() if status == Status.WAITING)


# The conversation ---------------------------------------------------------------------------------------------------


def mark_in_data(submission: Submission, *, answers: Mapping[str, Answer]) -> bool:
    """The server takes the message for somebody. `answers`: those to RCPT; a refusal is final from here on.

    Nothing depends on this step being seen, so a short message to recipients who were all accepted goes without it.
    """
    negative = {email: answer for email, answer in answers.items() if answer.status != Status.ACCEPTED}
    with changes.recording(submission.account_id) as record:
        if not move_held(record, submission, sources=(Phase.CLAIMED,), target=Phase.IN_DATA):
            return False
        write_answers(submission, negative)
    return True


def mark_envelope_refused(submission: Submission, *, answers: Mapping[str, Answer]) -> Phase | None:
    """The server takes the message for nobody: some refused for good, others perhaps for now."""
    return settle(submission, answers, sources=(Phase.CLAIMED,))


def mark_dot_sent(submission: Submission, *, recipients: Collection[str]) -> bool:
    """Call it, and see True, before the final dot is written: from here on nothing is resent by itself (R65).

    `recipients`: those the server takes the message for. They wait with an empty reply from now on, whoever else waits has
    one: that is how `doubt` tells them apart.
    """
    with changes.recording(submission.account_id) as record:
        if not move_held(record, submission, sources=(Phase.CLAIMED, Phase.IN_DATA), target=Phase.DOT_SENT):
            return False
        if submission.attempts > 1 or submission.last_reply:  # an earlier try may have left its answers
            waiting = SubmissionRecipient.objects.filter(submission=submission, status=Status.WAITING)
            waiting.filter(email__in=recipients).update(reply="")
    return True


def mark_accepted(submission: Submission, *, reply: Answer, recipients: Collection[str]) -> Phase | None:
    """The server answered the dot with 2xx for these recipients. Others may still wait: the phase is returned."""
    return settle(submission, dict.fromkeys(recipients, reply), sources=(Phase.DOT_SENT, Phase.UNCONFIRMED))


def mark_retry(submission: Submission, *, reply: Answer) -> Phase | None:
    """A temporary failure for all who wait. After the last try it is final: the phase is returned."""
    return settle(submission, {}, sources=_MAY_STILL_ANSWER, last=reply)


def mark_failed(submission: Submission, *, reply: Answer, recipients: Collection[str] | None = None) -> Phase | None:
    """A permanent refusal for these recipients, None: for all who wait. Without any accepted the draft comes back."""
    if recipients is None:
        recipients = waiting_recipients(submission)
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
        server=submission.server,
        next_try_at=first_look(),
    )


# Not now ------------------------------------------------------------------------------------------------------------


def put_back(submission: Submission, *, text: str) -> bool:
    """The try does not count: the account cannot sign in. It waits, due at once, until the account runs again (R68)."""
    return put_off([submission], until=timezone.now(), text=text, target=Phase.RETRY) == 1


def put_off(
    submissions: Sequence[Submission],
    *,
    until: datetime,
    text: str = "",
    target: Phase | None = None,
    starts_clock: bool = False,
) -> int:
    """Claimed submissions that certainly did not leave wait until then; the try does not count. Returns how many.

    Without `target` one that was never tried is queued as before. `starts_clock`: its 48 hours run from now all the same.
    """
    count = 0
    for one in submissions:
        tries = max(one.attempts - 1, 0)
        is_begun = bool(tries) or starts_clock
        with changes.recording(one.account_id) as record:
            count += move_held(
                record,
                one,
                sources=IN_FLIGHT if target is None else (Phase.CLAIMED,),
                target=target or (Phase.RETRY if is_begun else Phase.QUEUED),
                text=text,
                attempts=tries,
                first_try_at=one.first_try_at if is_begun else None,
                next_try_at=until,
                **FREE,
            )
    return count


def put_off_due(account_id: int, *, until: datetime, text: str, starts_clock: bool) -> int:
    """Whatever else of the account is due waits until then, untried. Returns how many.

    `starts_clock`: the account's servers could not be reached. That counts as a try only for the one that was tried; the
    others wait for the same next time with no try counted, but their 48 hours run, so each is told of as delayed and
    given up in time (R69). Those whose time is over are left due: `claim_due(only_last_tries=True)` takes them.
    """
    now = timezone.now()
    due = unfinished_of(account_id).filter(phase__in=CLAIMABLE, send_at__lte=now, next_try_at__lte=now)
    if starts_clock:
        due = due.filter(Q(first_try_at=None) | Q(first_try_at__gt=now - schedule.GIVE_UP_AFTER))
    moved = []
    with changes.recording(account_id) as record:
        for row in due.only("pk", "phase", "first_try_at", "next_try_at"):
            target = Phase.RETRY if starts_clock else Phase(row.phase)
            columns = {"first_try_at": row.first_try_at or now} if starts_clock else {}
            where = {"next_try_at": row.next_try_at}
            if update_if(row, CLAIMABLE, target, where=where, text=text, next_try_at=until, **columns):
                moved.append((row.pk, target, text))
        publish(record, moved)
    return len(moved)


def sent_since(account_id: int, moment: datetime) -> list[datetime]:
    """When each message of the account was taken by its server since then, the oldest first."""
    sent = Submission.objects.filter(account_id=account_id, phase__in=SENT, accepted_at__gte=moment)
    moments = sent.order_by("accepted_at").values_list("accepted_at", flat=True)
    return [moment for moment in moments if moment is not None]


def has_due(account_id: int) -> bool:
    """Whether something of the account is due to be sent now."""
    now = timezone.now()
    rows = unfinished_of(account_id).filter(phase__in=CLAIMABLE, send_at__lte=now, next_try_at__lte=now)
    return unstopped(rows).exists()
