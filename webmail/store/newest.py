"""Which Email stands for its conversation in a list, and which Emails lists over everything show: kept with the rows.

`EmailMailbox.is_newest`: the newest of its thread in that mailbox. `Email.is_visible`: in a mailbox that is neither Trash nor
Junk; `is_newest` and `is_newest_unread`: the newest of its thread among those, and among the unread of those. `counters.kept`
calls `keep` with the rows of the threads that changed, in the transaction of the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from webmail.store.models import Role
from webmail.store.sql import chunks, execute_many, select_in

_HIDING = (Role.TRASH.value, Role.JUNK.value)


class Member(NamedTuple):
    """A membership with what matters of its Email, its mailbox and what is kept so far."""

    thread_id: int
    email_id: int
    mailbox_id: int
    role: str
    is_unread: bool
    received_at: Any  # as the column holds it, datetime or text: each is in the order of time
    is_newest_here: bool
    is_visible: bool
    is_newest: bool
    is_newest_unread: bool


_MEMBERS = (
    "SELECT m.thread_id, m.email_id, m.mailbox_id, b.role, e.is_unread, m.received_at, m.is_newest, e.is_visible, e.is_newest, "
    "e.is_newest_unread FROM store_emailmailbox m JOIN store_mailbox b ON b.id = m.mailbox_id "
    "JOIN store_email e ON e.id = m.email_id WHERE m.thread_id IN %s"
)


def members_of(thread_ids: Iterable[int]) -> Iterator[list[Member]]:
    """The memberships of these threads in pieces; all rows of a thread come in one piece."""
    for chunk in chunks(sorted(thread_ids)):
        yield [Member(*row) for row in select_in(_MEMBERS, chunk)]


def keep(before: Iterable[Member], after: Sequence[Member]) -> None:
    """Write what is no longer so. `before`: rows of the same threads as they were, for Emails that are in no mailbox now."""
    places, emails = faults(after)
    execute_many("UPDATE store_emailmailbox SET is_newest = %s WHERE email_id = %s AND mailbox_id = %s", places)
    left = {row.email_id for row in before if row.is_visible}
    left.difference_update(row.email_id for row in after)
    emails.update(dict.fromkeys(left, (False, False, False)))
    execute_many(
        "UPDATE store_email SET is_visible = %s, is_newest = %s, is_newest_unread = %s WHERE id = %s",
        [(*flags, pk) for pk, flags in emails.items()],
    )


def faults(rows: Sequence[Member]) -> tuple[list[tuple[bool, int, int]], dict[int, tuple[bool, bool, bool]]]:
    """Where the kept values differ from what the rows of whole threads give: memberships as (is_newest, email id, mailbox id),
    and Emails with their (is_visible, is_newest, is_newest_unread)."""
    here, visible, unread = _newest(rows)
    shown = {row.email_id for row in rows if row.role not in _HIDING}
    places = []
    emails: dict[int, tuple[bool, bool, bool]] = {}
    for row in rows:
        pk = row.email_id
        is_newest_here = here[row.thread_id, row.mailbox_id][1] == pk
        if is_newest_here != row.is_newest_here:
            places.append((is_newest_here, pk, row.mailbox_id))
        flags = (
            pk in shown,
            visible.get(row.thread_id, _NONE)[1] == pk,
            unread.get(row.thread_id, _NONE)[1] == pk,
        )
        if flags != (row.is_visible, row.is_newest, row.is_newest_unread):
            emails[pk] = flags
    return places, emails


_Key = TypeVar("_Key", int, tuple[int, int])
_Place = tuple[Any, int]
_NONE: _Place = ("", 0)


def _newest(rows: Sequence[Member]) -> tuple[dict[tuple[int, int], _Place], dict[int, _Place], dict[int, _Place]]:
    """The last place of each thread: in each mailbox, among the visible, among the unread of the visible."""
    here: dict[tuple[int, int], _Place] = {}
    visible: dict[int, _Place] = {}
    unread: dict[int, _Place] = {}
    for row in rows:
        thread_id = row.thread_id
        place: _Place = (row.received_at, row.email_id)
        _raise(here, (thread_id, row.mailbox_id), place)
        if row.role not in _HIDING:
            _raise(visible, thread_id, place)
            if row.is_unread:
                _raise(unread, thread_id, place)
    return here, visible, unread


def _raise(places: dict[_Key, _Place], key: _Key, place: _Place) -> None:
    known = places.get(key)
    if known is None or known < place:
        places[key] = place


def keep_threads(thread_ids: Iterable[int]) -> None:
    """All of these threads anew: after a mailbox has become Trash or Junk, or is it no longer."""
    for rows in members_of(thread_ids):
        keep((), rows)
