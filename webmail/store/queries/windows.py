"""Lists by index: the rows from `at` to `at + n` of a mailbox or a view, in any order, and how many there are in all.

Which Emails stand for their conversation is kept with them (`store.newest`), so a window of a list by date is one walk along
one index that skips `at` entries. Other orders are sorted once and remembered for as long as nothing changes (`orders`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.expressions import OrderBy

from webmail.store.models import Email, Mailbox
from webmail.store.queries.orders import Keys, remembered

MAX_WINDOW = 200


class SortBy(StrEnum):
    """What a list can be sorted by."""

    DATE = "date"
    SENDER = "sender"
    SUBJECT = "subject"
    SIZE = "size"


@dataclass(frozen=True)
class Order:
    """Newest first, A to Z, largest first; or the other way round."""

    by: SortBy = SortBy.DATE
    is_reversed: bool = False

    @classmethod
    def read(cls, text: str) -> Order:
        """As `write` wrote it; anything else is the usual order."""
        try:
            return cls(SortBy(text.removeprefix("-")), text.startswith("-"))
        except ValueError:
            return cls()

    def write(self) -> str:
        """For an address; "" for the usual order."""
        if self == Order():
            return ""
        return f"-{self.by}" if self.is_reversed else str(self.by)

    @property
    def is_by_date(self) -> bool:
        return self.by is SortBy.DATE


_COLUMNS = {SortBy.DATE: "", SortBy.SENDER: "from_sort", SortBy.SUBJECT: "subject_base", SortBy.SIZE: "size_bytes"}
_DESCENDING = {SortBy.DATE, SortBy.SIZE}


@dataclass(frozen=True)
class Key:
    """A row of a list before its content is read."""

    email_id: int
    thread_id: int


def of_mailboxes(mailboxes: Sequence[Mailbox], *, threaded: bool, order: Order, at: int, limit: int) -> list[Key]:
    """Rows of mailboxes of which no two share a conversation (one account each)."""
    if not mailboxes:
        return []
    ids = [mailbox.pk for mailbox in mailboxes]
    if not order.is_by_date:
        accounts = {mailbox.account_id for mailbox in mailboxes}
        key = f"mailboxes {ids} {threaded} {order.write()}"
        return _cut(
            remembered(key, accounts, lambda: _sorted_mailboxes(ids, threaded=threaded, order=order)), at, limit
        )
    newest = " AND row.is_newest" if threaded else ""
    parts = [
        f"SELECT row.received_at AS place, row.email_id AS email, row.thread_id AS thread FROM store_emailmailbox row WHERE row.mailbox_id = %s{newest}"  # noqa: S608 - constants
    ] * len(ids)
    return _run(_merged(parts, order), [*ids, limit, at])


def count_mailboxes(mailboxes: Sequence[Mailbox], *, threaded: bool) -> int:
    """How many rows `of_mailboxes` has: kept figures, no query."""
    return sum(mailbox.total_threads if threaded else mailbox.total_emails for mailbox in mailboxes)


def _merged(parts: Sequence[str], order: Order) -> str:
    """The parts, each in its own index, merged by date. The databases stop after what is asked for."""
    direction = "ASC" if order.is_reversed else "DESC"
    return f"{' UNION ALL '.join(parts)} ORDER BY 1 {direction}, 2 {direction} LIMIT %s OFFSET %s"


def _sorted_mailboxes(mailbox_ids: Sequence[int], *, threaded: bool, order: Order) -> Keys:
    marks = ", ".join(["%s"] * len(mailbox_ids))
    newest = " AND row.is_newest" if threaded else ""
    # Only placeholders carry values; the names are the constants above.
    statement = (
        f"SELECT row.email_id, row.thread_id FROM store_emailmailbox row JOIN store_email e ON e.id = row.email_id "  # noqa: S608
        f"WHERE row.mailbox_id IN ({marks}){newest} ORDER BY {_order_by('e', order)}"
    )
    return Keys.read(statement, list(mailbox_ids))


def _order_by(table: str, order: Order) -> str:
    column = _COLUMNS[order.by]
    falls = (order.by in _DESCENDING) is not order.is_reversed
    last = "ASC" if order.is_reversed else "DESC"
    own = f"{table}.{column} {'DESC' if falls else 'ASC'}, " if column else ""
    return f"{own}{table}.received_at {last}, {table}.id {last}"


class View(StrEnum):
    """Lists over everything whose places are kept with the Emails."""

    ALL = "all"  # all but Trash and Junk
    UNREAD = "unread"  # of those the unread


_IN_VIEW = {View.ALL: "e.is_visible", View.UNREAD: "e.is_visible AND e.is_unread"}
_NEWEST_IN_VIEW = {View.ALL: "e.is_newest", View.UNREAD: "e.is_newest_unread"}


def of_view(view: View, account_ids: Sequence[int], *, threaded: bool, order: Order, at: int, limit: int) -> list[Key]:
    """Rows of a view over these accounts. A conversation stands at its newest Email that belongs to the view."""
    if not account_ids:
        return []
    shown = f"{_IN_VIEW[view]} AND {_NEWEST_IN_VIEW[view]}" if threaded else _IN_VIEW[view]
    if not order.is_by_date:
        key = f"{view} {threaded} {order.write()}"
        keys = remembered(key, account_ids, lambda: _sorted_view(shown, account_ids, order=order))
        return _cut(keys, at, limit)
    # Only placeholders carry values; the conditions are the constants above.
    part = f"SELECT e.received_at AS place, e.id AS email, e.thread_id AS thread FROM store_email e WHERE e.account_id = %s AND {shown}"  # noqa: S608
    return _run(_merged([part] * len(account_ids), order), [*account_ids, limit, at])


def count_view(view: View, account_ids: Sequence[int], *, threaded: bool) -> int:
    """How many rows `of_view` has: counted in the index of the view."""
    if not account_ids:
        return 0
    shown = f"{_IN_VIEW[view]} AND {_NEWEST_IN_VIEW[view]}" if threaded else _IN_VIEW[view]
    marks = ", ".join(["%s"] * len(account_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM store_email e WHERE e.account_id IN ({marks}) AND {shown}",  # noqa: S608 - constants
            list(account_ids),
        )
        return int(cursor.fetchone()[0])


def _sorted_view(shown: str, account_ids: Sequence[int], *, order: Order) -> Keys:
    marks = ", ".join(["%s"] * len(account_ids))
    return Keys.read(
        f"SELECT e.id, e.thread_id FROM store_email e WHERE e.account_id IN ({marks}) AND {shown} "  # noqa: S608 - constants
        f"ORDER BY {_order_by('e', order)}",
        list(account_ids),
    )


def of_selection(
    emails: QuerySet[Email], *, name: str, account_ids: Sequence[int], threaded: bool, order: Order
) -> Keys:
    """All rows of an arbitrary selection (search, a label). `name` says which selection it is; what was found is remembered
    under it while the accounts do not change."""
    key = f"selection {name} {threaded} {order.write()}"
    return remembered(key, account_ids, lambda: _sorted_selection(emails, threaded=threaded, order=order))


def first_of_selection(
    parts: Sequence[QuerySet[Email]], *, threaded: bool, at: int, limit: int
) -> tuple[list[Key], bool]:
    """The rows from `at` on of a selection by date, newest first, and whether there are more: nothing behind them is read.
    `parts`: the selection in each account, so that each is one walk along an index."""
    wanted = at + limit + 1
    step = wanted * 2 if threaded else wanted
    while True:
        read = [_newest(part, step) for part in parts]
        # Older than the oldest of a part that was not read to its end, others may be missing between.
        floor = max((rows[-1][:2] for rows in read if len(rows) == step), default=None)
        merged = sorted((row for rows in read for row in rows), reverse=True)
        rows = [row[1:] for row in merged if floor is None or row[:2] >= floor]
        found = _first_of_threads(rows) if threaded else rows
        if floor is None or len(found) >= wanted:
            return [Key(*pair) for pair in found[at : at + limit]], len(found) > at + limit
        step *= 4


def _newest(emails: QuerySet[Email], count: int) -> list[tuple[datetime, int, int]]:
    return list(emails.order_by("-received_at", "-id").values_list("received_at", "id", "thread_id")[:count])


def _sorted_selection(emails: QuerySet[Email], *, threaded: bool, order: Order) -> Keys:
    column = _COLUMNS[order.by]
    falls = (order.by in _DESCENDING) is not order.is_reversed
    last: list[Any] = ["received_at", "id"] if order.is_reversed else ["-received_at", "-id"]
    first = [OrderBy(F(column), descending=falls)] if column else []
    rows = list(emails.order_by(*first, *last).values_list("id", "thread_id"))
    if threaded and order == Order():
        return Keys.of(_first_of_threads(rows))
    return Keys.of(_newest_of_threads(emails, rows) if threaded else rows)


def _first_of_threads(rows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same as `_newest_of_threads` for rows that are sorted by date, newest first: nothing need be read again."""
    seen: set[int] = set()
    return [row for row in rows if not (row[1] in seen or seen.add(row[1]))]  # type: ignore[func-returns-value]


def _newest_of_threads(emails: QuerySet[Email], rows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """One row for each conversation: that of its newest Email in the selection."""
    newest = dict(emails.order_by("received_at", "id").values_list("thread_id", "id"))  # the last one stays
    return [row for row in rows if newest.get(row[1]) == row[0]]


def _cut(keys: Keys, at: int, limit: int) -> list[Key]:
    return [Key(email_id, thread_id) for email_id, thread_id in keys.cut(at, limit)]


def _run(statement: str, values: Sequence[Any]) -> list[Key]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [Key(email_id, thread_id) for _place, email_id, thread_id in cursor.fetchall()]
