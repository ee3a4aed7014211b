"""Whether a sender is somebody new."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db import connection

from accounts.models import User
from webmail.mime.search_text import fold
from webmail.store.models import Email

MAX_LOOKED_AT = 50  # messages that name the address; a person named in more is not new, whoever wrote them


def has_earlier_from(user: User, email: Email, address: str) -> bool:
    """Whether this person has a message from `address` that came before `email`. One query, by the index of people.

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
    """`Email.addresses` of earlier messages that name the address somewhere."""
    if connection.vendor != "sqlite":
        earlier = Email.objects.filter(account__user=user, received_at__lt=email.received_at).exclude(pk=email.pk)
        found = earlier.filter(search_document__people__contains=folded)
        return found.values_list("addresses", flat=True)[:MAX_LOOKED_AT]
    # A join, and not a list of ids: the index then stops after as many as are looked at.
    statement = (
        "SELECT e.addresses FROM store_search s JOIN store_email e ON e.id = s.rowid "
        "JOIN accounts_mailaccount a ON a.id = e.account_id "
        "WHERE s.store_search MATCH %s AND a.user_id = %s AND e.received_at < %s AND e.id <> %s LIMIT %s"
    )
    quoted = folded.replace('"', '""')
    values: list[Any] = [f'{{people}} : "{quoted}"', user.pk, email.received_at, email.pk, MAX_LOOKED_AT]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [json.loads(row[0]) for row in cursor.fetchall()]
