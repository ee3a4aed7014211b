"""The full-text index, written in the transaction of the rows it covers (jmap S17) or, for a large batch of new Emails, by
`store.indexing` afterwards; `Email.has_document` tells which.

Search finds parts of words, in any script, without regard to case or accents: texts are folded before they are stored, and
the index is one of trigrams. On SQLite that is an FTS5 table beside `store_searchdocument`, kept by the database's own
triggers (migration 0002); on PostgreSQL GIN indexes with pg_trgm on the columns themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.db import transaction

from webmail.mime.search_text import fold
from webmail.store.models import Email, SearchDocument
from webmail.store.sql import chunks, execute_many, insert_rows, select_in

Document = tuple[int, str, str, str]  # email id, people, subject, body; all folded
_PEOPLE = ("from", "to", "cc", "bcc")


def make_document(
    email_id: int, subject: str, addresses: Mapping[str, Sequence[Sequence[str]]], body: str = ""
) -> Document:
    """The document of an Email. `addresses`: as in `Email.addresses`; `body`: folded."""
    people = " ".join(f"{name} {address}" for field in _PEOPLE for name, address in addresses.get(field, ()))
    return email_id, fold(people), fold(subject), body


def add(documents: Sequence[Document]) -> None:
    """Write new documents."""
    insert_rows(SearchDocument, ("email_id", "people", "subject", "body"), documents)


def add_missing(account_id: int, *, limit: int) -> int:
    """Write up to `limit` documents that were left for later, newest Emails first. Returns how many. Safe to repeat."""
    with transaction.atomic():
        waiting = Email.objects.filter(account_id=account_id, has_document=False).order_by("-id")
        documents = [make_document(*row) for row in _claim(waiting.values_list("id", flat=True)[:limit])]
        add(documents)
    return len(documents)


def set_bodies(bodies: Sequence[tuple[int, str]]) -> None:
    """The folded text of Emails whose bytes have come: (email id, text). Call it in a transaction."""
    texts = dict(bodies)
    # Documents that were left for later are written whole: in the index a change costs twice a new row.
    add([make_document(*row, texts.pop(row[0])) for row in _claim(texts)])
    execute_many(
        "UPDATE store_searchdocument SET body = %s WHERE email_id = %s", [(text, pk) for pk, text in texts.items()]
    )


def _claim(email_ids: Iterable[int]) -> Iterator[tuple[int, str, Mapping[str, Sequence[Sequence[str]]]]]:
    """(id, subject, addresses) of those without a document, which the caller now writes. No two workers get the same one."""
    statement = "UPDATE store_email SET has_document = TRUE WHERE NOT has_document AND id IN %s RETURNING id, subject, addresses"
    for pk, subject, addresses in list(select_in(statement, email_ids)):
        yield pk, subject, json.loads(addresses) if isinstance(addresses, str) else addresses


def remove(email_ids: Iterable[int]) -> None:
    """Take Emails out of the index."""
    for chunk in chunks(email_ids):
        SearchDocument.objects.filter(email_id__in=chunk).delete()
