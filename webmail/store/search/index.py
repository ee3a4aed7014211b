"""The full-text index, written in the transaction of the rows it covers (jmap S17).

Search finds parts of words, in any script, without regard to case or accents: texts are folded before they are stored, and
the index is one of trigrams. On SQLite that is an FTS5 table beside `store_searchdocument`, kept by the database's own
triggers (migration 0002); on PostgreSQL GIN indexes with pg_trgm on the columns themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import connection

from webmail.store.models import SearchDocument
from webmail.store.sql import chunks, execute_many, insert_rows


def add(documents: Sequence[tuple[int, str, str, str]]) -> None:
    """New documents as (email id, people, subject, body), all folded."""
    insert_rows(SearchDocument, ("email_id", "people", "subject", "body"), documents)


def set_bodies(bodies: Sequence[tuple[int, str]]) -> None:
    """The folded text of Emails whose bytes have come: (email id, text)."""
    execute_many("UPDATE store_searchdocument SET body = %s WHERE email_id = %s", [(text, pk) for pk, text in bodies])


def remove(email_ids: Iterable[int]) -> None:
    """Take Emails out of the index."""
    for chunk in chunks(email_ids):
        SearchDocument.objects.filter(email_id__in=chunk).delete()


def is_sqlite() -> bool:
    """Whether the FTS5 table is there."""
    return connection.vendor == "sqlite"
