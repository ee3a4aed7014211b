"""The content of list rows: what a list says of a message or a conversation, read for a whole page at once.

Two statements for a page, without model instances: the hottest reads there are.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from webmail.store.sql import select_in

Addresses = dict[str, list[list[str]]]  # as `Email.addresses`
FLAGGED = frozenset({"$flagged"})


class ListEmail(NamedTuple):
    """The columns of an Email that lists show."""

    id: int
    public_id: str
    account_id: int
    thread_id: int
    thread_public_id: str
    subject: str
    addresses: Addresses
    preview: str
    received_at: datetime
    size_bytes: int
    is_unread: bool
    has_attachment: bool
    is_indexed: bool
    is_placed: bool  # in a mailbox


@dataclass(frozen=True)
class Person:
    """Somebody who wrote in a conversation. `is_unread`: something of theirs is not read yet."""

    name: str
    address: str
    is_unread: bool


@dataclass(frozen=True)
class ListRow:
    """A message or a conversation as a list shows it. `email` is the newest one in the list's mailboxes."""

    email: ListEmail
    keywords: frozenset[str]  # of the Email, or of any Email of the conversation for those that are shared
    is_unread: bool  # any Email of the conversation
    count: int  # Emails in the conversation, 1 when not threaded
    people: tuple[Person, ...]  # the senders, oldest first, each once
    mailbox_ids: frozenset[int]  # of the Email
    has_attachment: bool


class Keyed(Protocol):
    """A row of a list before its content is read: `emails.RowKey`, or `windows.Key`."""

    @property
    def email_id(self) -> int: ...

    @property
    def thread_id(self) -> int: ...


def read_rows(
    rows: Sequence[Keyed], *, threaded: bool, shared: Collection[str] = FLAGGED, with_mailboxes: bool = True
) -> list[ListRow]:
    """The content of list rows in the order of the keys: two or three queries. `shared`: keywords that a conversation has when any
    of its Emails has them. `with_mailboxes` False: `mailbox_ids` stay empty, for one query less."""
    ids = [row.email_id for row in rows]
    found = _read_emails({row.thread_id for row in rows}, "thread_id") if threaded else _read_emails(ids, "id")
    keywords = _keywords(found)
    mailbox_ids = _mailbox_ids(ids) if with_mailboxes else {}
    conversations: dict[int, list[ListEmail]] = defaultdict(list)
    if threaded:
        for email in sorted(found.values(), key=lambda email: (email.received_at, email.id)):
            if email.is_placed:
                conversations[email.thread_id].append(email)
    result = []
    for key in rows:
        own = found.get(key.email_id)
        if own is not None:  # not destroyed since the keys were read
            emails = conversations.get(own.thread_id) or [own]
            inside: Collection[int] = mailbox_ids.get(own.id, frozenset())
            result.append(_summarise(own, emails, keywords, shared, inside))
    return result


def _summarise(
    own: ListEmail,
    emails: Sequence[ListEmail],
    keywords: dict[int, set[str]],
    shared: Collection[str],
    mailbox_ids: Collection[int],
) -> ListRow:
    people: dict[str, tuple[str, bool]] = {}  # name and whether unread, by address
    words = keywords[own.id].difference(shared)
    for email in emails:
        words |= keywords[email.id].intersection(shared)
        for name, address in email.addresses.get("from", ())[:1]:
            known, was_unread = people.get(address, (name, False))
            people[address] = (known, was_unread or email.is_unread)
    return ListRow(
        email=own,
        keywords=frozenset(words),
        is_unread=any(email.is_unread for email in emails),
        count=len(emails),
        people=tuple(Person(name, address, is_unread) for address, (name, is_unread) in people.items()),
        mailbox_ids=frozenset(mailbox_ids),
        has_attachment=any(email.has_attachment for email in emails),
    )


_EMAILS = (
    "SELECT e.id, e.public_id, e.account_id, e.thread_id, t.public_id, e.subject, e.addresses, e.preview, e.received_at, "
    "e.size_bytes, e.is_unread, e.has_attachment, e.is_indexed, "
    "EXISTS (SELECT 1 FROM store_emailmailbox m WHERE m.email_id = e.id) "
    "FROM store_email e JOIN store_thread t ON t.id = e.thread_id WHERE "
)
_BY = {"id": f"{_EMAILS}e.id IN %s", "thread_id": f"{_EMAILS}e.thread_id IN %s"}
_KEYWORDS = "SELECT email_id, keyword FROM store_emailkeyword WHERE email_id IN %s"
_MAILBOXES = "SELECT email_id, mailbox_id FROM store_emailmailbox WHERE email_id IN %s"


def _read_emails(ids: Collection[int], column: str) -> dict[int, ListEmail]:
    return {row[0]: _to_email(row) for row in select_in(_BY[column], ids)}


def _to_email(row: Sequence[Any]) -> ListEmail:
    (
        pk,
        public_id,
        account_id,
        thread_id,
        thread_public_id,
        subject,
        addresses,
        preview,
        received_at,
        size_bytes,
        *flags,
    ) = row
    is_unread, has_attachment, is_indexed, is_placed = flags
    return ListEmail(
        pk,
        public_id,
        account_id,
        thread_id,
        thread_public_id,
        subject,
        json.loads(addresses) if isinstance(addresses, str) else addresses,
        preview,
        received_at if received_at.tzinfo is not None else received_at.replace(tzinfo=UTC),  # SQLite's have none
        size_bytes,
        bool(is_unread),
        bool(has_attachment),
        bool(is_indexed),
        bool(is_placed),
    )


def _keywords(email_ids: Collection[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {email_id: set() for email_id in email_ids}
    for email_id, keyword in select_in(_KEYWORDS, email_ids):
        found[email_id].add(keyword)
    return found


def _mailbox_ids(email_ids: Collection[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for email_id, mailbox_id in select_in(_MAILBOXES, email_ids):
        found[email_id].add(mailbox_id)
    return found
