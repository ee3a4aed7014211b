"""The full-text index, written in the transaction of the rows it covers (jmap S17) or, for a large batch of new Emails, by
`store.indexing` afterwards; `Email.has_document` tells which.

A document holds the terms of `mime.search_terms`. On SQLite an FTS5 table without positions lies beside
`store_searchdocument`, kept by the database's own triggers (migration 0008); on PostgreSQL a GIN index on the column. Terms, and not
trigrams: a word that stands in a third of all mail is found in a fraction of the time, words are found by their
beginnings and stems and not by chance in the middle of others, and attachments, headers and people need no second index.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from webmail.mime.search_terms import PEOPLE_FIELDS, document_terms
from webmail.mime.search_text import MAX_WRITTEN_CHARS, fold
from webmail.mime.search_words import stream, words_of
from webmail.store.models import Email, SearchDocument
from webmail.store.sql import chunks, execute_many, insert_rows, select_in

Document = tuple[int, str, str, str, str, str, str]  # in the order of _COLUMNS
_COLUMNS = ("email_id", "people", "subject", "body", "files", "terms", "beginning")


@dataclass(frozen=True, slots=True)
class Content:
    """What the bytes of a message add: folded text, terms and folded file names as `mime.search_terms` makes them, and the text
    as it was written."""

    body: str = ""
    marks: str = ""
    files: str = ""
    written: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What the row of an Email says. `addresses`: as in `Email.addresses`."""

    email_id: int
    account_id: int
    subject: str
    addresses: Mapping[str, Sequence[Sequence[str]]]
    list_id: str = ""


_NOTHING = Content()


def make_document(known: Known, content: Content = _NOTHING) -> Document:
    """The document of an Email."""
    people = " ".join(
        f"{name} {address}" for field in PEOPLE_FIELDS for name, address in known.addresses.get(field, ())
    )
    subject, body = words_of(fold(known.subject)), words_of(content.body)
    terms = document_terms(
        account_id=known.account_id,
        subject=subject,
        people=known.addresses,
        list_id=known.list_id,
        body=body,
        marks=content.marks,
    )
    return (
        known.email_id,
        stream(words_of(fold(people))),
        stream(subject),
        stream(body),
        stream(words_of(content.files)),
        terms,
        content.written[:MAX_WRITTEN_CHARS],
    )


def add(documents: Sequence[Document]) -> None:
    """Write new documents."""
    insert_rows(SearchDocument, _COLUMNS, documents)


def add_missing(account_id: int, *, limit: int) -> int:
    """Write up to `limit` documents that were left for later, newest Emails first. Returns how many. Safe to repeat."""
    with transaction.atomic():
        waiting = Email.objects.filter(account_id=account_id, has_document=False).order_by("-id")
        documents = [make_document(known) for known in _claim(waiting.values_list("id", flat=True)[:limit])]
        add(documents)
    return len(documents)


def set_contents(contents: Mapping[int, Content]) -> None:
    """What is in the bytes that have come, by Email. Call it in a transaction."""
    # Documents that were left for later are written whole: in the index a change costs twice a new row.
    new = {known.email_id: make_document(known, contents[known.email_id]) for known in _claim(contents)}
    add(list(new.values()))
    changed = [
        make_document(known, contents[known.email_id])
        for known in _read(f"{_SELECT} WHERE id IN %s", (pk for pk in contents if pk not in new))
    ]
    assignments = ", ".join(f"{column} = %s" for column in _COLUMNS[1:])
    # Only the names of columns are put together.
    execute_many(
        f"UPDATE store_searchdocument SET {assignments} WHERE email_id = %s",  # noqa: S608
        [(*document[1:], document[0]) for document in changed],
    )


_FIELDS = "id, account_id, subject, addresses, list_id"
_SELECT = f"SELECT {_FIELDS} FROM store_email"  # noqa: S608 - constants


def _claim(email_ids: Iterable[int]) -> Iterator[Known]:
    """Those without a document, which the caller now writes. No two workers get the same one."""
    statement = f"UPDATE store_email SET has_document = TRUE WHERE NOT has_document AND id IN %s RETURNING {_FIELDS}"  # noqa: S608
    return _read(statement, email_ids)


def _read(statement: str, email_ids: Iterable[int]) -> Iterator[Known]:
    for row in list(select_in(statement, email_ids)):
        yield known_of(row)


def known_of(row: Sequence[Any]) -> Known:
    """From id, account id, subject, addresses and List-Id as a database gives them."""
    email_id, account_id, subject, addresses, list_id = row
    return Known(
        email_id, account_id, subject, json.loads(addresses) if isinstance(addresses, str) else addresses, list_id
    )


def remove(email_ids: Iterable[int]) -> None:
    """Take Emails out of the index."""
    for chunk in chunks(email_ids):
        SearchDocument.objects.filter(email_id__in=chunk).delete()
