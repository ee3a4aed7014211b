"""Whether a sender is somebody new."""

from __future__ import annotations

import json
from collections.abc import Iterable

from django.db import connection

from accounts.models import User
from webmail.mime.search_terms import FROM, clean
from webmail.mime.search_text import fold
from webmail.store.models import Email
from webmail.store.search.fulltext import Exact, to_match, to_tsquery
from webmail.store.sql import to_column

MAX_LOOKED_AT = 50  # messages that name the address; a person named in more is not new, whoever wrote them


def has_earlier_from(user: User, email: Email, address: str) -> bool:
    """Whether this person has a message from `address` that came before `email`. One query, by the index of senders.

    What is not in the index yet does not count; where the address is named all over, the answer is yes.
    """
    folded = fold(address).strip()
    looked_at = 0
    for addresses in _naming(user, email, folded):
        looked_at += 1
        if any(fold(sender) == folded for _, sender in addresses.get("from", ())):
            return True
    return looked_at >= MAX_LOOKED_AT


def _naming(user: User, email: Email, folded: str) -> Iterable[dict[str, list[list[str]]]]:
    """`Email.addresses` of earlier messages from the address."""
    term = FROM + clean(folded)
    # A join, and not a list of ids: the index then stops after as many as are looked at.
    if connection.vendor == "sqlite":
        index, query = "store_search s ON s.rowid = e.id AND s.store_search MATCH %s", to_match(Exact(term))
    else:
        index, query = "store_searchdocument s ON s.email_id = e.id AND s.terms @@ %s::tsquery", to_tsquery(Exact(term))
    statement = (
        f"SELECT e.addresses FROM store_email e JOIN {index} "  # noqa: S608 - one of two constants
        "JOIN accounts_mailaccount a ON a.id = e.account_id "
        "WHERE a.user_id = %s AND e.received_at < %s AND e.id <> %s LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [query, user.pk, to_column(email.received_at), email.pk, MAX_LOOKED_AT])
        return [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in cursor.fetchall()]
