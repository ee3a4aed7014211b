"""The changes an Email can undergo: keywords, memberships, its bytes arriving, its end.

Each function works on many Emails at once, inside a caller's `changes.recording`, and keeps counters and states right. Both
sides use them: the journal for what users do, sync for what the server says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from webmail import dispatch
from webmail.store import blobs, changes, counters, threads
from webmail.store.models import Email, EmailKeyword, EmailMailbox, Placement, SearchDocument
from webmail.store.search import index
from webmail.store.sql import chunks, execute_many, insert_rows, to_column

SEEN, DRAFT, FLAGGED, ANSWERED, FORWARDED = "$seen", "$draft", "$flagged", "$answered", "$forwarded"


@dataclass(frozen=True)
class KeywordChange:
    """What really changed on one Email."""

    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()


def keywords_of(email_ids: Iterable[int]) -> dict[int, frozenset[str]]:
    """The keywords of each Email; every asked id is in the result."""
    found: dict[int, set[str]] = {email_id: set() for email_id in email_ids}
    for chunk in chunks(found):
        for email_id, keyword in EmailKeyword.objects.filter(email_id__in=chunk).values_list("email_id", "keyword"):
            found[email_id].add(keyword)
    return {email_id: frozenset(keywords) for email_id, keywords in found.items()}


def is_unread(keywords: Collection[str]) -> bool:
    """Neither seen nor a draft (RFC 8621 section 2)."""
    return SEEN not in keywords and DRAFT not in keywords


def change_keywords(
    record: changes.Record, changed: Mapping[int, KeywordChange], *, is_local_only: bool = False
) -> dict[int, KeywordChange]:
    """Add and remove keywords, each Email its own. Returns what really changed; Emails that had it so are left out."""
    before = keywords_of(changed)
    effective = {}
    for email_id, wish in changed.items():
        real = KeywordChange(wish.added - before[email_id], wish.removed & before[email_id])
        if real.added or real.removed:
            effective[email_id] = real
    if not effective:
        return {}
    after = {email_id: before[email_id] - real.removed | real.added for email_id, real in effective.items()}
    flipped = [
        (is_unread(after[email_id]), email_id)
        for email_id in effective
        if is_unread(before[email_id]) != is_unread(after[email_id])
    ]
    with counters.kept(record, _threads_of(email_id for _, email_id in flipped)):
        execute_many(
            "DELETE FROM store_emailkeyword WHERE email_id = %s AND keyword = %s",
            [(email_id, keyword) for email_id, real in effective.items() for keyword in real.removed],
        )
        insert_rows(
            EmailKeyword,
            ("email_id", "keyword", "is_local_only"),
            [(email_id, word, is_local_only) for email_id, real in effective.items() for word in sorted(real.added)],
        )
        execute_many("UPDATE store_email SET is_unread = %s WHERE id = %s", flipped)
    record.touch(changes.EMAIL, effective)
    return effective


def add_to_mailbox(record: changes.Record, email_ids: Iterable[int], mailbox_id: int) -> list[int]:
    """Put the Emails into a mailbox; returns those that were not in it yet."""
    wanted = list(dict.fromkeys(email_ids))
    present = set(memberships(wanted, mailbox_ids=[mailbox_id]))
    rows: list[tuple[int, int, datetime]] = []
    for chunk in chunks(email_id for email_id in wanted if email_id not in present):
        rows += Email.objects.filter(pk__in=chunk).values_list("id", "thread_id", "received_at")
    if not rows:
        return []
    with counters.kept(record, (thread_id for _, thread_id, _ in rows)):
        insert_rows(
            EmailMailbox,
            ("email_id", "mailbox_id", "thread_id", "received_at", "is_newest"),
            [(email_id, mailbox_id, thread_id, to_column(received), True) for email_id, thread_id, received in rows],
        )
        Email.objects.filter(pk__in=[row[0] for row in rows], orphaned_at__isnull=False).update(orphaned_at=None)
    added = [row[0] for row in rows]
    record.touch(changes.EMAIL, added)
    return added


def remove_from_mailbox(record: changes.Record, email_ids: Iterable[int], mailbox_id: int) -> list[int]:
    """Take the Emails out of a mailbox; returns those that were in it. An Email in no mailbox is the caller's matter."""
    present = memberships(email_ids, mailbox_ids=[mailbox_id])
    if not present:
        return []
    with counters.kept(record, _threads_of(present)):
        for chunk in chunks(present):
            EmailMailbox.objects.filter(mailbox_id=mailbox_id, email_id__in=chunk).delete()
    record.touch(changes.EMAIL, present)
    return list(present)


def memberships(email_ids: Iterable[int], *, mailbox_ids: Collection[int] | None = None) -> dict[int, set[int]]:
    """The mailboxes of each Email, only of those in `mailbox_ids` when given; Emails in none are left out."""
    found: dict[int, set[int]] = defaultdict(set)
    for chunk in chunks(email_ids):
        rows = EmailMailbox.objects.filter(email_id__in=chunk)
        if mailbox_ids is not None:
            rows = rows.filter(mailbox_id__in=mailbox_ids)
        for email_id, mailbox_id in rows.values_list("email_id", "mailbox_id"):
            found[email_id].add(mailbox_id)
    return dict(found)


def destroy_emails(record: changes.Record, email_ids: Iterable[int]) -> int:
    """Delete Emails for good, with everything that hangs on them, leaving tombstones. Returns how many there were."""
    count = 0
    for chunk in chunks(dict.fromkeys(email_ids)):
        rows = list(Email.objects.filter(pk__in=chunk).values_list("id", "public_id", "created_modseq", "thread_id"))
        ids = [row[0] for row in rows]
        in_mailboxes = _mailbox_public_ids(ids)
        with counters.kept(record, (row[3] for row in rows)):
            index.remove(ids)
            Placement.objects.filter(email_id__in=ids).exclude(uidl="").update(email=None)
            for model in (EmailKeyword, EmailMailbox, Placement, SearchDocument):
                model._default_manager.filter(email_id__in=ids).delete()
            Email.objects.filter(pk__in=ids).delete()
        record.untouch(changes.EMAIL, ids)
        record.destroyed(
            changes.EMAIL,
            [
                changes.DestroyedObject(public_id, created, sorted(in_mailboxes[pk]))
                for pk, public_id, created, _ in rows
            ],
        )
        threads.drop_empty_threads(record, {row[3] for row in rows})
        count += len(rows)
    return count


def attach_blobs(account_id: int, attached: Sequence[tuple[int, int]], *, keeps_text: bool = False) -> None:
    """The bytes of Emails are here: (email id, blob id). No client state moves: none of it is a change (jmap S13).

    Only Emails still without bytes are written, so a repeated batch changes nothing. A skeleton is of use no longer,
    unless the bytes will be released again (`keeps_text`).
    """
    text = "" if keeps_text else "text_blob_id = NULL, "
    with transaction.atomic():
        execute_many(
            f"UPDATE store_email SET {text}blob_id = %s, body_wanted_at = NULL, body_failures = 0, body_error = '' "  # noqa: S608 - one of two constants
            "WHERE id = %s AND blob_id IS NULL",
            [(blob_id, email_id) for email_id, blob_id in attached],
        )
        blobs.link_blobs(account_id, [blob_id for _, blob_id in attached])
        dispatch.wake("index.account", account_id)


def attach_texts(account_id: int, attached: Sequence[tuple[int, int]]) -> None:
    """The skeletons of Emails are here: (email id, blob id). Emails that have all their bytes, or a skeleton, are left."""
    with transaction.atomic():
        execute_many(
            "UPDATE store_email SET text_blob_id = %s WHERE id = %s AND blob_id IS NULL AND text_blob_id IS NULL",
            [(blob_id, email_id) for email_id, blob_id in attached],
        )
        blobs.link_blobs(account_id, [blob_id for _, blob_id in attached])
        dispatch.wake("index.account", account_id)


def want_body(email_id: int) -> None:
    """Somebody waits for the bytes of this Email: they are fetched ahead of all others (sync Y93).

    Safe to repeat: the wish is written once, the worker is woken each time.
    """
    missing = Email.objects.filter(pk=email_id, blob=None)
    with transaction.atomic():
        missing.filter(body_wanted_at=None).update(body_wanted_at=timezone.now())
        if missing.exists():
            dispatch.wake("sync.body", email_id)


@dataclass(frozen=True)
class ParsedBody:
    """What parsing the bytes of an Email gave."""

    email_id: int
    preview: str
    search_text: str  # folded
    has_attachment: bool
    error: str = ""  # why it could not be parsed, for people
    search_marks: str = ""  # as `mime.digest.Digest` has them
    file_names: str = ""
    written: str = ""


def store_parsed(account_id: int, parsed: Sequence[ParsedBody]) -> None:
    """Preview and searchable text of Emails. Safe to repeat. Open pages are told that there is more to show."""
    with transaction.atomic():
        execute_many(
            "UPDATE store_email SET preview = %s, has_attachment = %s, is_indexed = %s, body_error = %s, "
            "body_failures = 0 WHERE id = %s",
            [(item.preview[:256], item.has_attachment, True, item.error[:200], item.email_id) for item in parsed],
        )
        index.set_contents(
            {
                item.email_id: index.Content(item.search_text, item.search_marks, item.file_names, item.written)
                for item in parsed
            }
        )
        changes.announce(account_id, {})


def _threads_of(email_ids: Iterable[int]) -> set[int]:
    return {
        thread_id
        for chunk in chunks(email_ids)
        for thread_id in Email.objects.filter(pk__in=chunk).values_list("thread_id", flat=True)
    }


def _mailbox_public_ids(email_ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    rows = EmailMailbox.objects.filter(email_id__in=email_ids).values_list("email_id", "mailbox__public_id")
    for email_id, public_id in rows:
        found[email_id].append(public_id)
    return found
