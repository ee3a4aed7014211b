"""New mail into the store: content once, then the places it lies at. The only way in for messages of any source.

`ingest_emails` writes a batch in one transaction with set-based statements. Whether a message is one we know already is
asked first, in `store.identity`; here every item is new.

Search documents of a large batch are left to `store.indexing`: they cost as much as all other rows together, and a first
listing must not wait for them. Until they are there, `store.search.run` reads those Emails themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from json.encoder import encode_basestring, encode_basestring_ascii

from accounts.ids import new_public_ids
from webmail.mime.addresses import Address
from webmail.mime.headers import ListHeaders
from webmail.mime.search_text import fold
from webmail.mime.threading import base_subject, thread_key
from webmail.store import changes, counters, emails, signals, threads
from webmail.store.models import Email, EmailKeyword, EmailMailbox, Placement
from webmail.store.search import index
from webmail.store.sql import hash63, insert_rows, reserve_ids, time_writer

MAX_SORT_CHARS = 255
MAX_ADDRESSES_PER_FIELD = 200  # kept in the row; the whole list is in the message
DOCUMENTS_AT_ONCE = 50  # new Emails in a batch up to which they are found by search from the first moment
_MAX_CACHED_CHARS = 250


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
    search_marks: str = ""  # as `mime.digest.Digest` has them, with file names and the text as written
    file_names: str = ""
    written: str = ""
    is_indexed: bool = False  # preview and search_text are those of the parsed bytes
    local_keywords: Collection[str] = field(default=())  # those the server cannot hold

    @cached_property
    def fingerprint(self) -> int:
        """63 bits over INTERNALDATE, size and header block: what a message is recognised by (jmap S4)."""
        return hash63(str(int(self.received_at.timestamp())), str(self.size_bytes), self.headers.header_hash)


def fingerprint_of(item: NewEmail) -> int:
    """See `NewEmail.fingerprint`."""
    return item.fingerprint


def ingest_emails(account_id: int, items: Sequence[NewEmail]) -> list[int]:
    """Store new messages and publish them, all or none; returns their ids in order. Opens its own transaction,
    or joins the one that is open."""
    if not items:
        return []
    with changes.recording(account_id) as record:
        return ingest_into(record, items)


def ingest_into(record: changes.Record, items: Sequence[NewEmail]) -> list[int]:
    """`ingest_emails` inside a recording of the caller's."""
    subjects = [_subject_keys(item.headers.subject) for item in items]
    refs = [_refs(item.headers, key) for item, (_, key) in zip(items, subjects, strict=True)]
    assigned = threads.assign_threads(record, refs)
    existing = set(assigned.thread_ids) - assigned.new_ids
    with counters.kept(record, existing) as counted:
        ids = list(reserve_ids(Email, len(items)))
        numbers = record.take(changes.EMAIL, len(items))
        has_document = [len(items) <= DOCUMENTS_AT_ONCE or item.is_indexed or bool(item.search_text) for item in items]
        written = zip(
            items, ids, assigned.thread_ids, (base for base, _ in subjects), numbers, has_document, strict=True
        )
        _insert_emails(record.account_id, written, public_ids=new_public_ids("e", len(items)))
        _insert_memberships(items, ids, assigned.thread_ids)
        _insert_placements(items, ids)
        _insert_keywords(items, ids)
        counted |= assigned.new_ids
    index.add(
        [
            _document(record.account_id, email_id, item)
            for email_id, item, now in zip(ids, items, has_document, strict=True)
            if now
        ]
    )
    _tell_of_joined(record, ids, assigned)
    return ids


def _tell_of_joined(record: changes.Record, ids: Sequence[int], assigned: threads.Assigned) -> None:
    """Who listens hears of new messages in conversations that were here already."""
    pairs = zip(ids, assigned.thread_ids, strict=True)
    joined = [(pk, thread_id) for pk, thread_id in pairs if thread_id not in assigned.new_ids]
    if joined:
        email_ids, thread_ids = zip(*joined, strict=True)
        signals.emails_joined.send(sender=Email, record=record, email_ids=email_ids, thread_ids=thread_ids)


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


def _subject_keys(subject: str) -> tuple[str, str]:
    """The sort column and the key of the conversation."""
    return _short_subject_keys(subject) if len(subject) <= _MAX_CACHED_CHARS else _any_subject_keys(subject)


@lru_cache(maxsize=4096)
def _short_subject_keys(subject: str) -> tuple[str, str]:
    return _any_subject_keys(subject)  # a conversation has many messages of one subject


def _any_subject_keys(subject: str) -> tuple[str, str]:
    base = base_subject(subject)
    return fold(base)[:MAX_SORT_CHARS], thread_key(base)


def _refs(headers: ListHeaders, subject_key: str) -> list[int]:
    own = [headers.message_id] if headers.message_id else []
    # The nearest ancestor first: when references point into two threads, the reply belongs to the one it answers.
    return threads.ref_hashes([*own, *headers.in_reply_to, *reversed(headers.references)], subject_key)


_EMAIL_COLUMNS = (
    "id", "public_id", "account_id", "thread_id", "blob_id", "message_id", "message_id_hash", "fingerprint",
    "remote_email_id", "subject", "addresses", "in_reply_to", "references", "preview", "received_at", "sent_at",
    "size_bytes", "has_attachment", "list_id", "subject_base", "from_sort", "to_sort", "is_unread", "is_visible",
    "is_newest", "is_newest_unread", "is_indexed", "has_document", "body_failures", "body_error", "created_modseq", "updated_modseq",
)  # fmt: skip


def _insert_emails(
    account_id: int, written: Iterable[tuple[NewEmail, int, int, str, int, bool]], *, public_ids: Sequence[str]
) -> None:
    """`written`: item, id, thread id, folded base subject, change number, whether its search document comes at once."""
    to_column = time_writer()
    rows = []
    for public_id, (item, pk, thread_id, base, number, has_document) in zip(public_ids, written, strict=True):
        headers = item.headers
        message_id = (headers.message_id or "")[:998]
        is_unread = emails.is_unread({*item.keywords, *item.local_keywords})
        # As it is for a message of its own; where that is not so, `counters.kept` puts it right.
        is_placed = not item.place.is_deleted
        row = (
            pk, public_id, account_id, thread_id, item.blob_id, message_id, message_id_hash(message_id),
            item.fingerprint, item.remote_email_id[:255], headers.subject, _addresses_json(headers),
            _json_list(headers.in_reply_to[:20]), _json_list(headers.references[-100:]), item.preview[:256],
            to_column(item.received_at), to_column(headers.sent_at), item.size_bytes, item.has_attachment,
            headers.list_id[:255], base, _sort_key(headers.from_), _sort_key(headers.to), is_unread,
            is_placed, is_placed, is_placed and is_unread, item.is_indexed, has_document, 0, "", number, number,
        )  # fmt: skip
        rows.append(row)
    insert_rows(Email, _EMAIL_COLUMNS, rows)


def _json_list(values: Sequence[str]) -> str:
    return f"[{', '.join(map(encode_basestring_ascii, values))}]" if values else "[]"


def message_id_hash(message_id: str) -> int:
    """The indexed hash of a message id; 0 for none."""
    return hash63(message_id) if message_id else 0


def _addresses_json(headers: ListHeaders) -> str:
    # What `json.dumps` gives, put together by hand: building an encoder for each row costs more than the row.
    kept = [
        f'"{name}": [{", ".join([_address_json(address) for address in found[:MAX_ADDRESSES_PER_FIELD]])}]'
        for name, found in (
            ("from", headers.from_),
            ("sender", headers.sender),
            ("reply_to", headers.reply_to),
            ("to", headers.to),
            ("cc", headers.cc),
            ("bcc", headers.bcc),
        )
        if found
    ]
    return f"{{{', '.join(kept)}}}"


def _address_json(address: Address) -> str:
    return f"[{encode_basestring(address.name)}, {encode_basestring(address.email)}]"


def _sort_key(addresses: Sequence[Address]) -> str:
    return _folded_name(addresses[0].name or addresses[0].email) if addresses else ""


@lru_cache(maxsize=4096)
def _folded_name(name: str) -> str:
    return fold(name)[:MAX_SORT_CHARS]  # the same people write again and again


def _insert_memberships(items: Sequence[NewEmail], ids: Sequence[int], thread_ids: Sequence[int]) -> None:
    to_column = time_writer()
    rows = [
        (pk, item.place.mailbox_id, thread_id, to_column(item.received_at), True)
        for item, pk, thread_id in zip(items, ids, thread_ids, strict=True)
        if not item.place.is_deleted
    ]
    insert_rows(EmailMailbox, ("email_id", "mailbox_id", "thread_id", "received_at", "is_newest"), rows)


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


def _document(account_id: int, email_id: int, item: NewEmail) -> index.Document:
    headers = item.headers
    people = {
        name: [(address.name, address.email) for address in found[:MAX_ADDRESSES_PER_FIELD]]
        for name, found in (("from", headers.from_), ("to", headers.to), ("cc", headers.cc), ("bcc", headers.bcc))
    }
    known = index.Known(email_id, account_id, headers.subject, people, headers.list_id[:255])
    return index.make_document(known, index.Content(item.search_text, item.search_marks, item.file_names, item.written))
