"""Single Emails, and lists by place (`windows` has them by index, `rows` the content of their rows)."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404

from accounts.models import User
from webmail.store.models import Email, EmailMailbox, Mailbox, Role, Thread
from webmail.store.sql import chunks, hash63, to_column

PAGE_SIZE = 50
MAX_PAGE_SIZE = 500


def get_email_for(user: User, public_id: str) -> Email:
    """Raises Http404 when it is not the user's."""
    emails = Email.objects.filter(account__user=user, public_id=public_id)
    try:
        return emails.select_related("account", "blob", "thread").order_by().get()
    except Email.DoesNotExist:
        raise Http404("no such message") from None


def get_email_of(user_id: int, public_id: str) -> Email:
    """For who holds a key instead of a session; with its account and user. Raises Http404, also for one who may not sign in."""
    emails = Email.objects.filter(account__user_id=user_id, account__user__is_active=True, public_id=public_id)
    # One of these is asked for with every picture of a mail, so only what is looked at is read.
    email = emails.select_related("account__user", "blob", "text_blob").only(*_OF_CONTENT).first()
    if email is None:
        raise Http404("no such message")
    return email


_OF_CONTENT = (
    "public_id",
    "size_bytes",
    "subject",
    "body_error",
    "account__incoming_host",
    "account__user__strips_tracking",
    *(f"{blob}__{field}" for blob in ("blob", "text_blob") for field in ("sha256", "size_bytes", "pack", "offset")),
)


def get_emails_for(user: User, public_ids: Iterable[str]) -> list[Email]:
    """Those of the ids that are the user's, in no particular order; others are silently left out."""
    return [
        email
        for chunk in chunks(dict.fromkeys(public_ids))
        for email in Email.objects.filter(account__user=user, public_id__in=chunk).select_related("account")
    ]


def emails_with_message_ids(user: User, message_ids: Iterable[str]) -> list[Email]:
    """The user's Emails that carry one of these ids (without angle brackets), in any account; those of Sent first."""
    wanted = {message_id for message_id in message_ids if message_id}
    is_sent = Exists(EmailMailbox.objects.filter(email_id=OuterRef("pk"), mailbox__role=Role.SENT))
    return [
        email
        for chunk in chunks(wanted)
        for email in Email.objects.filter(
            account__user=user, message_id_hash__in=[hash63(one) for one in chunk], message_id__in=chunk
        )
        .select_related("account")
        .order_by(is_sent.desc(), "-id")
    ]


def get_thread_for(user: User, public_id: str) -> Thread:
    """Raises Http404 when it is not the user's."""
    thread = Thread.objects.filter(account__user=user, public_id=public_id).select_related("account").first()
    if thread is None:
        raise Http404("no such conversation")
    return thread


def emails_of_threads(user: User, public_ids: Iterable[str], *, within: Sequence[Mailbox] | None = None) -> list[Email]:
    """All Emails of these threads, only those in the given mailboxes when `within` is set: what an act on a row means."""
    found: list[Email] = []
    for chunk in chunks(dict.fromkeys(public_ids)):
        emails = Email.objects.filter(account__user=user, thread__public_id__in=chunk)
        if within is not None:
            emails = emails.filter(mailbox_rows__mailbox__in=within)
        found += emails.select_related("account").distinct()
    return found


def emails_in_thread(thread: Thread) -> list[Email]:
    """A conversation, oldest first, without Emails that are in no mailbox."""
    is_somewhere = Exists(EmailMailbox.objects.filter(email_id=OuterRef("pk")))
    emails = list(
        Email.objects.filter(is_somewhere, thread=thread).select_related("blob").order_by("received_at", "id")
    )
    for email in emails:
        email.thread, email.account = thread, thread.account  # known, and wide to read again with each
    return emails


@dataclass(frozen=True)
class Cursor:
    """A place in a list ordered by date, newest first: after this row."""

    received_at: datetime
    email_id: int


@dataclass(frozen=True)
class RowKey:
    """A row of a list before its content is read."""

    received_at: datetime
    email_id: int
    thread_id: int

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.received_at, self.email_id)


@dataclass(frozen=True)
class Page:
    """Row keys of one page, and whether there is more behind the last."""

    rows: list[RowKey]
    has_more: bool

    @property
    def next_cursor(self) -> Cursor | None:
        return self.rows[-1].cursor if self.has_more else None


def list_mailboxes(
    mailboxes: Sequence[Mailbox],
    *,
    threaded: bool,
    after: Cursor | None = None,
    before: Cursor | None = None,
    limit: int = PAGE_SIZE,
    unread_only: bool = False,
) -> Page:
    """One page of one or several mailboxes together, newest first.

    `after`: the rows behind a place (older ones); `before`: those next in front of it, `has_more` then means newer ones
    (threaded, that is exact for one mailbox only).

    Threaded: a conversation is one row, at the place of its newest Email in the mailbox. One walk along one index for each
    mailbox, then a merge: the cost goes with the page, not with the mailbox.
    """
    wanted = limit + 1
    walks = [
        _walk(mailbox.pk, threaded=threaded, after=after, before=before, limit=wanted, unread_only=unread_only)
        for mailbox in mailboxes
    ]
    if before is not None:
        return _merge_back(walks, threaded=threaded, limit=limit)
    rows: list[RowKey] = []
    seen: set[int] = set()
    for row in heapq.merge(*walks, key=lambda row: (row.received_at, row.email_id), reverse=True):
        # The same conversation may be in two of the mailboxes; its newest row stands.
        key = row.thread_id if threaded else row.email_id
        if key not in seen:
            seen.add(key)
            rows.append(row)
        if len(rows) == wanted:
            break
    return Page(rows[:limit], len(rows) > limit)


def _merge_back(walks: Sequence[Sequence[RowKey]], *, threaded: bool, limit: int) -> Page:
    """The rows next in front of a place, from walks away from it; a conversation stands at its newest row."""
    newest: dict[int, RowKey] = {}
    for row in heapq.merge(*walks, key=lambda row: (row.received_at, row.email_id)):
        newest[row.thread_id if threaded else row.email_id] = row
    rows = sorted(newest.values(), key=lambda row: (row.received_at, row.email_id))
    return Page(rows[:limit][::-1], len(rows) > limit)


def _walk(
    mailbox_id: int,
    *,
    threaded: bool,
    after: Cursor | None,
    limit: int,
    unread_only: bool,
    before: Cursor | None = None,
) -> list[RowKey]:
    conditions = ["row.mailbox_id = %s"]
    values: list[int | str | datetime] = [mailbox_id]
    if after is not None:
        conditions.append("(row.received_at, row.email_id) < (%s, %s)")
        values += [to_column(after.received_at), after.email_id]
    if before is not None:
        conditions.append("(row.received_at, row.email_id) > (%s, %s)")
        values += [to_column(before.received_at), before.email_id]
    if unread_only:
        conditions.append("EXISTS (SELECT 1 FROM store_email e WHERE e.id = row.email_id AND e.is_unread)")
    if threaded:
        newer_unread = (
            " AND EXISTS (SELECT 1 FROM store_email e WHERE e.id = newer.email_id AND e.is_unread)"
            if unread_only
            else ""
        )
        conditions.append(
            "NOT EXISTS (SELECT 1 FROM store_emailmailbox newer WHERE newer.thread_id = row.thread_id"  # noqa: S608
            " AND newer.mailbox_id = row.mailbox_id"
            " AND (newer.received_at, newer.email_id) > (row.received_at, row.email_id)" + newer_unread + ")"
        )
    order = "DESC" if before is None else "ASC"
    # Only placeholders carry values; the conditions and the order are the constants above.
    statement = (
        "SELECT row.received_at, row.email_id, row.thread_id FROM store_emailmailbox row "  # noqa: S608
        f"WHERE {' AND '.join(conditions)} ORDER BY row.received_at {order}, row.email_id {order} LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, limit])
        return [
            RowKey(_to_datetime(received), email_id, thread_id) for received, email_id, thread_id in cursor.fetchall()
        ]


def _to_datetime(value: datetime | str) -> datetime:
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value


def list_query(
    emails: QuerySet[Email],
    *,
    threaded: bool,
    after: Cursor | None = None,
    before: Cursor | None = None,
    limit: int = PAGE_SIZE,
) -> Page:
    """One page of an arbitrary selection (search, starred, unread), newest first; threaded: one row a conversation.

    `after` and `before` as in `list_mailboxes`.
    """
    if before is not None:
        return _list_back(emails, threaded=threaded, before=before, limit=limit)
    rows: list[RowKey] = []
    seen: set[int] = set()
    cursor = after
    while True:
        found = _block(emails, cursor, limit=max(limit + 1, 100))
        if threaded and after is not None:
            seen |= _threads_up_to(emails, after, {row.thread_id for row in found} - seen)
        for row in found:
            if not threaded or row.thread_id not in seen:
                seen.add(row.thread_id)
                rows.append(row)
            if len(rows) > limit:
                return Page(rows[:limit], has_more=True)
        if len(found) < max(limit + 1, 100):
            return Page(rows, has_more=False)
        cursor = found[-1].cursor


def _threads_up_to(emails: QuerySet[Email], place: Cursor, thread_ids: Collection[int]) -> set[int]:
    """Those of the threads that stood on an earlier page: one of their Emails is at the place or in front of it."""
    earlier = Q(received_at__gt=place.received_at) | Q(received_at=place.received_at, id__gte=place.email_id)
    rows = emails.filter(earlier, thread_id__in=thread_ids)
    return set(rows.order_by().values_list("thread_id", flat=True))


def _list_back(emails: QuerySet[Email], *, threaded: bool, before: Cursor, limit: int) -> Page:
    found = emails.filter(
        Q(received_at__gt=before.received_at) | Q(received_at=before.received_at, id__gt=before.email_id)
    )
    if threaded:
        same = emails.filter(thread_id=OuterRef("thread_id"))
        newer = Q(received_at__gt=OuterRef("received_at")) | Q(
            received_at=OuterRef("received_at"), id__gt=OuterRef("id")
        )
        found = found.exclude(Exists(same.filter(newer)))
    keys = found.order_by("received_at", "id").values_list("received_at", "id", "thread_id")[: limit + 1]
    rows = [RowKey(*row) for row in keys]
    return Page(rows[:limit][::-1], len(rows) > limit)


def _block(emails: QuerySet[Email], after: Cursor | None, *, limit: int) -> list[RowKey]:
    if after is not None:
        emails = emails.filter(
            Q(received_at__lt=after.received_at) | Q(received_at=after.received_at, id__lt=after.email_id)
        )
    rows = emails.order_by("-received_at", "-id").values_list("received_at", "id", "thread_id")[:limit]
    return [RowKey(*row) for row in rows]


def starred_emails(user: User) -> QuerySet[Email]:
    """Emails with $flagged in any mailbox but Trash and Junk."""
    return visible_emails(user).filter(keyword_rows__keyword="$flagged")


def unread_emails(user: User) -> QuerySet[Email]:
    """Unread Emails in any mailbox but Trash and Junk."""
    return visible_emails(user).filter(is_unread=True)


def visible_emails(user: User) -> QuerySet[Email]:
    """The user's Emails that are in at least one mailbox other than Trash and Junk."""
    return Email.objects.filter(account__user=user, is_visible=True)
