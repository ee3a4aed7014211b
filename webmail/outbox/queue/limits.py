"""How much one person may send in 24 hours (reliability R76): what is over it is held, told of, and goes when there is room.

Two things are counted: messages, by the time they are due, and people never written to before. Every decision is made
under a lock on the user, in the transaction that writes it, so that many at once cannot pass together. Receipts do not
count. What was let go is counted for good; what was taken back is not.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts.models import User
from webmail import dispatch
from webmail.mime.addresses import Address, parse_addresses
from webmail.mime.compose import with_date
from webmail.outbox.models import HeldFor, Kind, KnownRecipient, Phase, Submission, SubmissionRecipient
from webmail.outbox.queue import known
from webmail.outbox.queue.moves import move_in
from webmail.outbox.queue.unfinished import unfinished
from webmail.outbox.queue.user_time import in_words
from webmail.store import blobs, changes
from webmail.store.errors import StoreError
from webmail.store.models import Blob

log = structlog.get_logger(__name__)

WINDOW = timedelta(hours=24)
LOOK_AGAIN = timedelta(seconds=30)  # how often it is seen whether there is room again
_BATCH = 200  # of one user, at one look
# What is due so soon counts already: the undo window is part of sending.
_SOON = timedelta(minutes=2)

# These are not on their way yet, so neither they nor their recipients count.
NOT_LET_GO = Q(phase=Phase.HELD, held_for__in=(HeldFor.SCHEDULE, HeldFor.LIMIT, HeldFor.RESTORE))
_HELD_BY_LIMIT = Q(phase=Phase.HELD, held_for=HeldFor.LIMIT)
_SCHEDULED = Q(phase=Phase.HELD, held_for=HeldFor.SCHEDULE)


@dataclass(frozen=True)
class Wait:
    """Why a message is held and about how long. `text` is for the user."""

    until: datetime
    text: str


def messages_per_day(user: User) -> int:
    """0: as many as one likes."""
    chosen: int = settings.SEND_MESSAGES_PER_DAY if user.daily_messages is None else user.daily_messages
    return chosen


def new_recipients_per_day(user: User) -> int:
    """0: as many as one likes."""
    chosen: int = (
        settings.SEND_NEW_RECIPIENTS_PER_DAY if user.daily_new_recipients is None else user.daily_new_recipients
    )
    return chosen


def lock(user_id: int) -> None:
    """Let nobody else decide for this user until the transaction ends. SQLite has one writer at a time anyway.

    First of all in a transaction: then come the submission's row, the account's clock, and known recipients. Whoever
    keeps this order waits for others, but never in a circle.
    """
    if connection.vendor != "sqlite":
        # Without the key: rows that point to the user may still be inserted.
        list(User.objects.select_for_update(no_key=True).filter(pk=user_id).values_list("pk"))


def wait_for(user: User, emails: Collection[str], *, now: datetime) -> Wait | None:
    """Why a new message to these recipients must wait, if it must. Ask under `lock`, before its row is there."""
    ahead = Submission.objects.filter(_HELD_BY_LIMIT, user=user, send_at__gt=now - WINDOW).count()
    return _wait_for_messages(user, ahead, now) or _wait_for_strangers(user, emails, ahead, now)


def _wait_for_messages(user: User, ahead: int, now: datetime) -> Wait | None:
    limit = messages_per_day(user)
    counted = _counted(user, now)
    if not limit or counted.count() + ahead < limit:
        return None
    return _message_wait(user, counted, ahead, now)


def _message_wait(user: User, counted: QuerySet[Submission], ahead: int, now: datetime) -> Wait:
    # Each message that leaves the window lets one go; those ahead in the line go first.
    limit = messages_per_day(user)
    place = max(counted.count() - limit + ahead, 0)
    freed = counted.order_by("send_at").values_list("send_at", flat=True)[place : place + 1]
    until = next(iter(freed), now) + WINDOW
    return Wait(
        until,
        f"You have sent {_number_of(limit, 'message', 'messages')} in 24 hours; this one leaves at about "
        f"{in_words(until, user)}.",
    )


def _wait_for_strangers(user: User, emails: Collection[str], ahead: int, now: datetime) -> Wait | None:
    limit = new_recipients_per_day(user)
    strangers = known.strangers(user, emails) if limit else ()
    if not strangers or (not ahead and _has_room_for(user, strangers, now)):
        return None
    count = _met(user, now).count()
    place = max(min(count + len(strangers) - limit, count) - 1, 0)
    freed = _met(user, now).order_by("first_at").values_list("first_at", flat=True)[place : place + 1]
    until = next(iter(freed), now) + WINDOW
    return Wait(
        until,
        f"You have written to {_number_of(limit, 'new person', 'new people')} in 24 hours; this one leaves at about "
        f"{in_words(until, user)}.",
    )


def _number_of(count: int, one: str, many: str) -> str:
    return f"1 {one}" if count == 1 else f"{count:,} {many}"


def _counted(user: User, now: datetime) -> QuerySet[Submission]:
    """The user's messages of the window."""
    found = Submission.objects.filter(user=user, kind=Kind.MESSAGE, send_at__gt=now - WINDOW, send_at__lte=now + _SOON)
    return found.exclude(phase=Phase.CANCELLED).exclude(NOT_LET_GO)


def _met(user: User, now: datetime) -> QuerySet[KnownRecipient]:
    """The people this user wrote to for the first time within the window."""
    return KnownRecipient.objects.filter(user=user, first_at__gt=now - WINDOW)


# Letting go --------------------------------------------------------------------------------------------------------


def let_go(row: Submission) -> bool:
    """Send a scheduled message: into the queue, or when there is no room for it, behind the limit. False: not sent now.

    Until now nobody has seen its bytes, so they are frozen anew with the Date on which it leaves.
    """
    emails, blob = emails_of(row), _dated_now(row)
    with changes.recording(row.account_id) as record:
        lock(row.user_id)
        now = timezone.now()
        wait = wait_for(row.user, emails, now=now)
        where = Submission.objects.filter(_SCHEDULED, send_at=row.send_at)  # it may have been given another time
        if wait is None:
            return _go(record, row, emails, where=where, now=now, blob=blob)
        columns: dict[str, Any] = {"held_for": HeldFor.LIMIT, "send_at": wait.until, "next_try_at": now + LOOK_AGAIN}
        move_in(record, row, sources=(Phase.HELD,), target=Phase.HELD, where=where, text=wait.text, **columns)
    return False


def _dated_now(row: Submission) -> Blob | None:
    """The finished message with the Date of now, stored; None when that cannot be: then it leaves as it is."""
    try:
        raw = blobs.read_blob(row.blob)
        return blobs.put_blob(with_date(raw, timezone.localtime()))
    except StoreError:
        log.warning("outbox.not_redated", submission=row.pk, exc_info=True)
        return None


def release_within_limits() -> int:
    """Let go what a limit held and there is room for now, each user's in order. Safe to run twice at once."""
    due = unfinished().filter(_HELD_BY_LIMIT, next_try_at__lte=timezone.now())
    return sum(map(_release_of, User.objects.filter(pk__in=set(due.values_list("user_id", flat=True)))))


def _release_of(user: User) -> int:
    waiting = Submission.objects.filter(_HELD_BY_LIMIT, user=user).order_by("pk")
    count = 0
    skips_strangers = False
    for row in waiting.select_related("user")[:_BATCH]:
        emails = emails_of(row)
        if skips_strangers and known.strangers(user, emails):
            continue
        verdict = _try(row, emails)
        if verdict == _Verdict.FULL:
            break
        skips_strangers = skips_strangers or verdict == _Verdict.STRANGERS
        count += verdict == _Verdict.GONE
    look_at = timezone.now() + LOOK_AGAIN
    waiting.update(next_try_at=look_at, send_at=Greatest("send_at", look_at))  # nobody is promised the past
    return count


class _Verdict(Enum):
    GONE = auto()
    OVERTAKEN = auto()  # somebody else moved it
    STRANGERS = auto()  # no room for its strangers; others may go
    FULL = auto()  # no room for any message


def _try(row: Submission, emails: Collection[str]) -> _Verdict:
    with changes.recording(row.account_id) as record:
        lock(row.user_id)
        now = timezone.now()
        limit = messages_per_day(row.user)
        if limit and _counted(row.user, now).count() >= limit:
            return _Verdict.FULL
        if not _has_room_for(row.user, known.strangers(row.user, emails), now):
            return _Verdict.STRANGERS
        where = Submission.objects.filter(_HELD_BY_LIMIT)
        return _Verdict.GONE if _go(record, row, emails, where=where, now=now) else _Verdict.OVERTAKEN


def _go(
    record: changes.Record,
    row: Submission,
    emails: Collection[str],
    *,
    where: QuerySet[Submission],
    now: datetime,
    blob: Blob | None = None,
) -> bool:
    columns: dict[str, Any] = {"send_at": now, "next_try_at": now, "last_reply": ""}
    if blob is not None:
        columns |= {"blob": blob, "size_bytes": blob.size_bytes}
        blobs.link_blobs(row.account_id, [blob.pk])
    if not move_in(record, row, sources=(Phase.HELD,), target=Phase.QUEUED, where=where, **columns):
        return False
    known.remember(row.user, _with_names(row, emails), now=now)
    dispatch.wake("outbox.deliver", row.pk)
    return True


def _with_names(row: Submission, emails: Collection[str]) -> list[Address]:
    """The envelope with the names that the sender wrote."""
    typed = (row.draft_snapshot.get(name, "") for name in ("to", "cc", "bcc"))
    names = {known.fold(address.email): address.name for field in typed for address in parse_addresses(field)}
    return [Address(names.get(known.fold(email), ""), email) for email in emails]


def emails_of(row: Submission) -> list[str]:
    """The envelope."""
    return list(SubmissionRecipient.objects.filter(submission=row).values_list("email", flat=True))


def _has_room_for(user: User, strangers: Collection[str], now: datetime) -> bool:
    limit = new_recipients_per_day(user)
    if not limit or not strangers:
        return True
    count = _met(user, now).count()
    # A message with more strangers than a day allows goes when it is the first of its day: else it never would.
    return not count or count + len(strangers) <= limit
