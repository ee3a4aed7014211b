"""Whom a person has written to: for the limit on strangers (reliability R76) and for receipts.

Somebody is known from the moment a submission to them is let into the queue, in the same transaction, so that a limit can
never be passed by many sends at once. Taking a submission back takes that back too: a cancelled send makes no stranger
known. Nothing here decides whether anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts.models import User
from webmail.mime.addresses import Address
from webmail.mime.compose import wire_address
from webmail.outbox.models import KnownRecipient
from webmail.store.sql import to_column

_MAX_NAME_CHARS = 200


def fold(email: str) -> str:
    """An address as it is compared here: the domain in ASCII, all in lower case."""
    return wire_address(email).lower()


def remember(user: User, recipients: Iterable[Address], *, now: datetime | None = None) -> None:
    """Count one more message to each of these. Call it in the transaction that lets the submission go."""
    names = {fold(address.email): address.name[:_MAX_NAME_CHARS] for address in recipients}
    if not names:
        return
    at = to_column(now or timezone.now())
    # In order, so that two transactions wait for each other's rows instead of forever.
    rows = [value for email in sorted(names) for value in (user.pk, email, names[email], 1, at, at)]
    table = KnownRecipient._meta.db_table
    marks = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(names))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (user_id, email, name, count, first_at, last_at) VALUES {marks} "  # noqa: S608
            f"ON CONFLICT (user_id, email) DO UPDATE SET count = {table}.count + 1, last_at = excluded.last_at, "
            f"name = CASE WHEN excluded.name <> '' THEN excluded.name ELSE {table}.name END",
            rows,
        )


def forget(user: User, emails: Iterable[str]) -> None:
    """Take back one `remember` for each: who was a stranger before is one again."""
    rows = KnownRecipient.objects.filter(user=user, email__in={fold(email) for email in emails})
    rows.filter(count__lte=1).delete()
    rows.update(count=Greatest(F("count") - 1, 1))


def strangers(user: User, emails: Iterable[str]) -> list[str]:
    """Those of the addresses, folded, that this person never wrote to."""
    wanted = {fold(email) for email in emails}
    known = KnownRecipient.objects.filter(user=user, email__in=wanted).values_list("email", flat=True)
    return sorted(wanted.difference(known))


def is_known(user: User, email: str) -> bool:
    """Whether this person has written to the address."""
    return KnownRecipient.objects.filter(user=user, email=fold(email)).exists()
