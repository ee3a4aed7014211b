"""New mail into the store: content once, then the places it lies at. The only way in for messages of any source.

`ingest_emails` writes a batch in one transaction with set-based statements. Whether a message is one we know already is
asked first, in `store.identity`; here every item is new.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from accounts.ids import new_public_id
from webmail.mime.addresses import Address
from webmail.mime.headers import ListHeaders
from webmail.mime.search_text import fold
from webmail.mime.threading import base_subject, thread_subject
from webmail.store import changes, counters, emails, threads
from webmail.store.models import Email, EmailKeyword, EmailMailbox, Placement
from webmail.store.search import index
from webmail.store.sql import hash63, insert_rows, reserve_ids, to_column

MAX_SORT_CHARS = 255
MAX_ADDRESSES_PER_FIELD = 200  # kept in the row; the whole list is in the message


@dataclass(frozen=True)
class Place:
    """Where a server holds a message: mailbox and UID (IMAP) or UIDL (POP3). Neither: a mailbox that is only ours."""

    mailbox_id: int
    uidvalidity: int | None = None
    uid: int | None = None
    uidl: str = ""
    modseq: int | None = None
    is_deleted: bool = False

    @property
    def is_remote(self) -> bool:
        return self.uid is not None or bool(self.uidl)


@dataclass(frozen=True)
class NewEmail:
    """What must be known before a message is published (jmap S13). `blob_id` None: the bytes come later."""

    headers: ListHeaders
    received_at: datetime  # INTERNALDATE, aware
    size_bytes: int
    place: Place
    keywords: Collection[str] = ()
    has_attachment: bool = False
    remote_email_id: str = ""
    blob_id: int | None = None
    preview: str = ""
    search_text: str = ""  # folded
    is_indexed: bool = False  # preview and search_text are those of the parsed bytes
    local_keywords: Collection[str] = field(default=())  # those the server cannot hold


def fingerprint_of(item: NewEmail) -> int:
    """63 bits over INTERNALDATE, size and header block: what a message is recognised by (jmap S4)."""
    return hash63(str(int(item.received_at.timestamp())), str(item.size_bytes), item.headers.header_hash)


def ingest_emails(account_id: int, items: Sequence[NewEmail]) -> list[int]:
    """Store new messages and publish them, all or none; returns their ids in order. Opens its own transaction,
    or joins the one that is open."""
    if not items:
        return []
    with changes.recording(account_id) as record:
        return ingest_into(record, items)


def ingest_into(record: changes.Record, items: Sequence[NewEmail]) -> list[int]:
    """`ingest_emails` inside a recording of the caller's."""
    bases = [base_subject(item.headers.subject) for item in items]
    refs = [_refs(item.headers) for item in items]
    assigned = threads.assign_threads(record, refs)
    existing = set(assigned.thread_ids) - assigned.new_ids
    with counters.kept(record, existing) as counted:
        ids = list(reserve_ids(Email, len(items)))
        numbers = record.take(changes.EMAIL, len(items))
        _insert_emails(record.account_id, items, ids, assigned.thread_ids, bases, numbers)
        _insert_memberships(items, ids, assigned.thread_ids)
        _insert_placements(items, ids)
        _insert_keywords(items, ids)
        counted |= assigned.new_ids
    index.add([_document(email_id, item) for email_id, item in zip(ids, items, strict=True)])
    return ids


def place_emails(
    record: changes.Record,
    placed: Sequence[tuple[int, Place, Collection[str]]],
    *,
    hidden: Collection[int] = (),
) -> None:
    """Known Emails were found at a server place: (email id, place, the server's keywords).

    Writes the placement and the membership, and brings an orphan back. `hidden`: ids of Emails that the user has taken out of
    the mailbox already; they get no membership.
    """
    rows = [_placement_row(email_id, place, keywords) for email_id, place, keywords in placed if place.is_remote]
    insert_rows(Placement, _PLACEMENT_COLUMNS, rows, ignore_conflicts=True)
    by_mailbox: dict[int, list[int]] = {}
    for email_id, place, _ in placed:
        if not place.is_deleted and email_id not in hidden:
            by_mailbox.setdefault(place.mailbox_id, []).append(email_id)
    for mailbox_id, email_ids in by_mailbox.items():
        emails.add_to_mailbox(record, email_ids, mailbox_id)
    Email.objects.filter(pk__in=[row[0] for row in placed], orphaned_at__isnull=False).update(orphaned_at=None)


def _refs(headers: ListHeaders) -> list[int]:
    own = [headers.message_id] if headers.message_id else []
    # The nearest ancestor first: when references point into two threads, the reply belongs to the one it answers.
    return threads.ref_hashes(
        [*own, *headers.in_reply_to, *reversed(headers.references)], thread_subject(headers.subject)
    )


_EMAIL_COLUMNS = (
    "id", "public_id", "account_id", "thread_id", "blob_id", "message_id", "message_id_hash", "fingerprint",
    "remote_email_id", "subject", "addresses", "in_reply_to", "references", "preview", "received_at", "sent_at",
    "size_bytes", "has_attachment", "list_id", "subject_base", "from_sort", "to_sort", "is_unread", "is_indexed",
    "body_failures", "body_error", "created_modseq", "updated_modseq",
)  # fmt: skip


def _insert_emails(
    account_id: int,
    items: Sequence[NewEmail],
    ids: Sequence[int],
    thread_ids: Sequence[int],
    bases: Sequence[str],
    numbers: Sequence[int],
) -> None:
    rows = []
    for item, pk, thread_id, base, number in zip(items, ids, thread_ids, bases, numbers, strict=True):
        headers = item.headers
        message_id = (headers.message_id or "")[:998]
        row = (
            pk, new_public_id("e"), account_id, thread_id, item.blob_id, message_id, message_id_hash(message_id),
            fingerprint_of(item), item.remote_email_id[:255], headers.subject, _addresses_json(headers),
            _json_list(headers.in_reply_to[:20]), _json_list(headers.references[-100:]), item.preview[:256],
            to_column(item.received_at), to_column(headers.sent_at), item.size_bytes, item.has_attachment,
            headers.list_id[:255], fold(base)[:MAX_SORT_CHARS], _sort_key(headers.from_), _sort_key(headers.to),
            emails.is_unread({*item.keywords, *item.local_keywords}), item.is_indexed, 0, "", number, number,
        )  # fmt: skip
        rows.append(row)
    insert_rows(Email, _EMAIL_COLUMNS, rows)


def _json_list(values: Sequence[str]) -> str:
    return json.dumps(values) if values else "[]"


def message_id_hash(message_id: str) -> int:
    """The indexed hash of a message id; 0 for none."""
    return hash63(message_id) if message_id else 0


def _addresses_json(headers: ListHeaders) -> str:
    fields = {
        "from": headers.from_,
        "sender": headers.sender,
        "reply_to": headers.reply_to,
        "to": headers.to,
        "cc": headers.cc,
        "bcc": headers.bcc,
    }
    kept = {
        name: [(address.name, address.email) for address in found[:MAX_ADDRESSES_PER_FIELD]]
        for name, found in fields.items()
        if found
    }
    return json.dumps(kept, ensure_ascii=False)


def _sort_key(addresses: Sequence[Address]) -> str:
    return _folded_name(addresses[0].name or addresses[0].email) if addresses else ""


@lru_cache(maxsize=4096)
def _folded_name(name: str) -> str:
    return fold(name)[:MAX_SORT_CHARS]  # the same people write again and again


def _insert_memberships(items: Sequence[NewEmail], ids: Sequence[int], thread_ids: Sequence[int]) -> None:
    rows = [
        (pk, item.place.mailbox_id, thread_id, to_column(item.received_at))
        for item, pk, thread_id in zip(items, ids, thread_ids, strict=True)
        if not item.place.is_deleted
    ]
    insert_rows(EmailMailbox, ("email_id", "mailbox_id", "thread_id", "received_at"), rows)


_PLACEMENT_COLUMNS = ("email_id", "mailbox_id", "uidvalidity", "uid", "uidl", "modseq", "keywords", "is_deleted")


def _placement_row(email_id: int, place: Place, keywords: Collection[str]) -> tuple[object, ...]:
    base = " ".join(sorted(keywords))
    return (
        email_id, place.mailbox_id, place.uidvalidity, place.uid, place.uidl, place.modseq, base, place.is_deleted,
    )  # fmt: skip


def _insert_placements(items: Sequence[NewEmail], ids: Sequence[int]) -> None:
    rows = [
        _placement_row(pk, item.place, item.keywords)
        for item, pk in zip(items, ids, strict=True)
        if item.place.is_remote
    ]
    insert_rows(Placement, _PLACEMENT_COLUMNS, rows)


def _insert_keywords(items: Sequence[NewEmail], ids: Sequence[int]) -> None:
    rows = [
        (pk, keyword, is_local)
        for item, pk in zip(items, ids, strict=True)
        for keyword, is_local in _keyword_rows(item)
    ]
    insert_rows(EmailKeyword, ("email_id", "keyword", "is_local_only"), rows)


def _keyword_rows(item: NewEmail) -> list[tuple[str, bool]]:
    remote = dict.fromkeys(item.keywords)
    return [(word, False) for word in remote] + [(word, True) for word in item.local_keywords if word not in remote]


def _document(email_id: int, item: NewEmail) -> tuple[int, str, str, str]:
    headers = item.headers
    people = " ".join(
        f"{address.name} {address.email}"
        for found in (headers.from_, headers.to, headers.cc, headers.bcc)
        for address in found[:MAX_ADDRESSES_PER_FIELD]
    )
    return email_id, fold(people), fold(headers.subject), item.search_text
