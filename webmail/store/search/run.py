"""From terms to Emails. Each operator is one entry in a table; the same hits on SQLite and PostgreSQL.

Text is matched as folded substrings (jmap S17). Terms of three characters and more use the trigram index; shorter ones read
the document rows. Emails of a first listing whose document is not written yet are read themselves, so that they are found too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from accounts.models import MailAccount, User
from webmail.mime.search_text import fold
from webmail.store.ingest import message_id_hash
from webmail.store.models import Email, EmailMailbox, Mailbox, Role
from webmail.store.search import index
from webmail.store.search.parse import QueryFault, Term

TRIGRAM = 3
_SIZE = re.compile(r"(\d{1,12})([KMG]?)B?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_DATE = re.compile(r"(\d{4})(?:[-/](\d{1,2}))?(?:[-/](\d{1,2}))?")

Filter = Callable[[Term, User, tzinfo], Q]


def search_emails(
    user: User, terms: list[Term], *, within: list[Mailbox] | None = None, zone: tzinfo = UTC
) -> QuerySet[Email]:
    """The user's Emails that meet all terms: in the given mailboxes, else everywhere but Trash and Junk unless `in:` says so.

    Raises `QueryFault` when a value makes no sense.
    """
    found = Email.objects.filter(account__user=user)
    for term in terms:
        condition = _FILTERS[term.operator](term, user, zone)
        found = found.exclude(condition) if term.is_negated else found.filter(condition)
    if not any(term.operator == "in" and not term.is_negated for term in terms):
        found = found.filter(pk__in=_scope(user, within).values("email_id"))
    return found


def _scope(user: User, within: list[Mailbox] | None) -> QuerySet[EmailMailbox]:
    rows = EmailMailbox.objects.filter(mailbox__account__user=user)
    if within is not None:
        return rows.filter(mailbox__in=within)
    return rows.exclude(mailbox__role__in=(Role.TRASH, Role.JUNK))


def _matching(columns: tuple[str, ...], value: str, user: User) -> Q:
    """Emails whose document holds the folded value in one of the columns, or would if it were written."""
    folded = fold(value).strip()
    condition = _documented(columns, folded)
    without = _without_document(columns, folded, user)
    if without:
        # Ids are our own numbers. They are no parameters because there may be more of them than a statement can have.
        ids = ", ".join(map(str, without))
        condition |= Q(pk__in=RawSQL(f"SELECT id FROM store_email WHERE id IN ({ids})", []))  # noqa: S608, S611
    return condition


def _without_document(columns: tuple[str, ...], folded: str, user: User) -> list[int]:
    waiting = Email.objects.filter(account__in=MailAccount.objects.filter(user=user), has_document=False)
    found = []
    for row in waiting.values_list("id", "subject", "addresses").iterator():
        email_id, people, subject, _ = index.make_document(*row)
        texts = {"people": people, "subject": subject, "body": ""}
        if any(folded in texts[column] for column in columns):
            found.append(email_id)
    return found


def _documented(columns: tuple[str, ...], folded: str) -> Q:
    if connection.vendor == "sqlite" and len(folded) >= TRIGRAM:
        # A quoted FTS5 string is one phrase of trigrams, that is, a substring; quotes inside are doubled.
        quoted = folded.replace('"', '""')
        expression = f'{{{" ".join(columns)}}} : "{quoted}"'
        return Q(pk__in=RawSQL("SELECT rowid FROM store_search WHERE store_search MATCH %s", [expression]))
    condition = Q()
    for column in columns:
        condition |= Q(**{f"search_document__{column}__contains": folded})
    return condition


def _text(term: Term, user: User, _zone: tzinfo) -> Q:
    return _matching(("people", "subject", "body"), term.value, user)


def _subject(term: Term, user: User, _zone: tzinfo) -> Q:
    return _matching(("subject",), term.value, user)


def _body(term: Term, user: User, _zone: tzinfo) -> Q:
    return _matching(("body",), term.value, user)


def _people_of(field: str) -> Filter:
    """Name or address in one header. The index knows people of all headers; the row's own JSON decides."""

    def condition(term: Term, user: User, _zone: tzinfo) -> Q:
        value = user.email if term.value.lower() == "me" else term.value
        folded = fold(value).strip()
        ids = [
            pk
            for pk, addresses in Email.objects.filter(
                _matching(("people",), value, user), account__user=user
            ).values_list("pk", "addresses")
            if any(folded in fold(f"{name} {address}") for name, address in addresses.get(field, ()))
        ]
        return Q(pk__in=ids)

    return condition


def _is(term: Term, _user: User, _zone: tzinfo) -> Q:
    keyword = {
        "starred": "$flagged",
        "flagged": "$flagged",
        "answered": "$answered",
        "forwarded": "$forwarded",
        "draft": "$draft",
    }
    value = term.value.lower()
    if value in {"unread", "read"}:
        return Q(is_unread=value == "unread")
    if value in keyword:
        return Q(keyword_rows__keyword=keyword[value])
    raise QueryFault(
        f"is:{term.value} is not known. There are unread, read, starred, answered, forwarded and draft.", term.position
    )


def _has(term: Term, _user: User, _zone: tzinfo) -> Q:
    if term.value.lower() in {"attachment", "attachments"}:
        return Q(has_attachment=True)
    raise QueryFault(f"has:{term.value} is not known. There is has:attachment.", term.position)


def _in(term: Term, user: User, _zone: tzinfo) -> Q:
    value = term.value.lower()
    rows = EmailMailbox.objects.filter(mailbox__account__user=user)
    if value != "anywhere":
        by_role = Mailbox.objects.filter(account__user=user, role=value) if value in Role.values else None
        named = (
            by_role
            if by_role is not None and by_role.exists()
            else Mailbox.objects.filter(account__user=user, name__iexact=term.value)
        )
        if not named.exists():
            raise QueryFault(f"There is no mailbox {term.value!r}. A name with blanks needs quotes.", term.position)
        rows = rows.filter(mailbox__in=named)
    return Q(pk__in=rows.values("email_id"))


def _size(term: Term) -> int:
    found = _SIZE.fullmatch(term.value)
    if not found:
        raise QueryFault(f"{term.operator}: needs a size such as 5M or 100K.", term.position)
    return int(found[1]) * _SIZE_UNITS[found[2].upper()]


def _larger(term: Term, _user: User, _zone: tzinfo) -> Q:
    return Q(size_bytes__gt=_size(term))


def _smaller(term: Term, _user: User, _zone: tzinfo) -> Q:
    return Q(size_bytes__lt=_size(term))


def _date(term: Term, zone: tzinfo) -> datetime:
    """The beginning of the day, month or year named, in the user's zone."""
    today = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"today": today, "yesterday": today - timedelta(days=1)}.get(term.value.lower())
    if named is not None:
        return named
    found = _DATE.fullmatch(term.value)
    try:
        if found:
            return datetime(int(found[1]), int(found[2] or 1), int(found[3] or 1), tzinfo=zone)
    except ValueError:
        pass
    raise QueryFault(f"{term.operator}: needs a date such as 2026-03-01, 2026-03, 2026 or yesterday.", term.position)


def _before(term: Term, _user: User, zone: tzinfo) -> Q:
    return Q(received_at__lt=_date(term, zone))


def _after(term: Term, _user: User, zone: tzinfo) -> Q:
    return Q(received_at__gte=_date(term, zone))


def _message_id(term: Term, _user: User, _zone: tzinfo) -> Q:
    value = term.value.strip("<>")
    return Q(message_id_hash=message_id_hash(value), message_id=value)


_FILTERS: Mapping[str, Filter] = {
    "": _text,
    "from": _people_of("from"),
    "to": _people_of("to"),
    "cc": _people_of("cc"),
    "subject": _subject,
    "body": _body,
    "is": _is,
    "has": _has,
    "in": _in,
    "before": _before,
    "after": _after,
    "larger": _larger,
    "smaller": _smaller,
    "rfc822msgid": _message_id,
}
