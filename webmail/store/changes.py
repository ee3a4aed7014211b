"""The record of every change: one clock per account, a number for each changed object, a state for each type.

    with changes.recording(account_id) as record:
        ...write rows...
        record.touch("Email", ids)

All of it happens in the transaction of the rows. The clock's row is locked until commit, so no state becomes visible before
a lower one (jmap S7). A type's state moves only when an object of that type really changed (S8). After commit, open pages
and streams are told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection, models, transaction

from accounts.models import Identity, MailAccount
from webmail import dispatch
from webmail.store.errors import CannotCalculateChanges
from webmail.store.models import ChangeClock, Email, Mailbox, Thread, Tombstone, TypeState
from webmail.store.sql import execute_many

EMAIL = "Email"
MAILBOX = "Mailbox"
MAILBOX_COUNTS = "Mailbox counts"  # recorded apart, told as type Mailbox (jmap S9)
THREAD = "Thread"
IDENTITY = "Identity"
SUBMISSION = "EmailSubmission"

_COLUMNS: Mapping[str, tuple[type[models.Model], str]] = {
    EMAIL: (Email, "updated_modseq"),
    MAILBOX: (Mailbox, "props_modseq"),
    MAILBOX_COUNTS: (Mailbox, "counts_modseq"),
    THREAD: (Thread, "updated_modseq"),
    IDENTITY: (Identity, "updated_modseq"),
}


class Record:
    """The changes of one transaction. Make it with `recording`."""

    def __init__(self, account_id: int) -> None:
        self.account_id = account_id
        self._touched: dict[str, set[int]] = defaultdict(set)
        self._states: dict[str, int] = {}

    def take(self, type_name: str, count: int = 1) -> range:
        """Reserve `count` change numbers for objects of this type that the caller writes itself."""
        if not count:
            return range(0)
        numbers = _advance(self.account_id, count)
        self._states[type_name] = numbers[-1]
        return numbers

    def touch(self, type_name: str, ids: Iterable[int]) -> None:
        """These rows changed; their numbers are written at the end, one for each, however often they are touched."""
        self._touched[type_name].update(ids)

    def untouch(self, type_name: str, ids: Iterable[int]) -> None:
        """These rows are gone: nothing is to be written for them."""
        self._touched[type_name].difference_update(ids)

    def destroyed(self, type_name: str, objects: Sequence[DestroyedObject]) -> None:
        """Write tombstones; the caller deletes the rows."""
        numbers = self.take(type_name, len(objects))
        Tombstone.objects.bulk_create(
            Tombstone(
                account_id=self.account_id,
                type=type_name,
                public_id=item.public_id,
                created_modseq=item.created_modseq,
                destroyed_modseq=number,
                mailbox_ids=list(item.mailbox_ids),
            )
            for item, number in zip(objects, numbers, strict=True)
        )

    def finish(self) -> None:
        """Give each touched row its number and move the states."""
        for type_name, ids in self._touched.items():
            if not ids:
                continue
            model, column = _COLUMNS[type_name]
            numbers = self.take(type_name, len(ids))
            execute_many(
                f'UPDATE "{model._meta.db_table}" SET "{column}" = %s WHERE id = %s',  # noqa: S608
                list(zip(numbers, sorted(ids), strict=True)),
            )
        self._write_states()

    def _write_states(self) -> None:
        states: dict[str, int] = {}
        for type_name, modseq in self._states.items():
            told = MAILBOX if type_name == MAILBOX_COUNTS else type_name
            states[told] = max(modseq, states.get(told, 0))
        if not states:
            return
        execute_many(
            "INSERT INTO store_typestate (account_id, type, modseq, floor) VALUES (%s, %s, %s, 0) "
            "ON CONFLICT (account_id, type) DO UPDATE SET modseq = excluded.modseq",
            [(self.account_id, type_name, modseq) for type_name, modseq in sorted(states.items())],
        )
        announce(self.account_id, states)


@dataclass(frozen=True)
class DestroyedObject:
    """What a tombstone keeps of an object."""

    public_id: str
    created_modseq: int
    mailbox_ids: Sequence[str] = ()


@contextmanager
def recording(account_id: int) -> Iterator[Record]:
    """A transaction whose changes are recorded. Keep it short: it holds the account's clock."""
    with transaction.atomic():
        record = Record(account_id)
        yield record
        record.finish()


def announce(account_id: int, states: Mapping[str, int]) -> None:
    """Tell open pages and streams of new states, after commit. No states: something to show came without a change."""
    public_id, user_id = _names(account_id)
    changed = {name: str(value) for name, value in states.items()}
    dispatch.announce({"account": public_id, "user": user_id, "changed": changed})


def start_clock(account_id: int) -> None:
    """Give a new account its clock."""
    ChangeClock.objects.get_or_create(account_id=account_id)


def _advance(account_id: int, count: int) -> range:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE store_changeclock SET modseq = modseq + %s WHERE account_id = %s RETURNING modseq",
            [count, account_id],
        )
        row = cursor.fetchone()
    if row is None:
        start_clock(account_id)
        return _advance(account_id, count)
    return range(row[0] - count + 1, row[0] + 1)


@lru_cache(maxsize=10_000)
def _names(account_id: int) -> tuple[str, int]:
    """The account's public id and its user's id: neither ever changes."""
    return MailAccount.objects.values_list("public_id", "user_id").get(pk=account_id)


# Reading ------------------------------------------------------------------------------------------------------------


def state_of(account_id: int, type_name: str) -> int:
    """The present state of a type: the number of its last change, 0 when there was none."""
    return TypeState.objects.filter(account_id=account_id, type=type_name).values_list("modseq", flat=True).first() or 0


def states_of(account_id: int) -> dict[str, int]:
    """All states of an account by type."""
    return dict(TypeState.objects.filter(account_id=account_id).values_list("type", "modseq"))


@dataclass(frozen=True)
class Changes:
    """The public ids that changed between two states (RFC 8620 section 5.2). Each id is in one list only."""

    created: tuple[str, ...]
    updated: tuple[str, ...]
    destroyed: tuple[str, ...]
    old_state: int
    new_state: int
    has_more: bool
    only_counts: bool = False  # Mailbox: nothing but counters changed


def changes_since(account_id: int, type_name: str, since: int, *, max_changes: int = 500) -> Changes:
    """What happened to one type after state `since`. Stops at an intermediate state when there is more.

    Raises `CannotCalculateChanges` when `since` is ahead of the present or before what tombstones cover.
    """
    row = TypeState.objects.filter(account_id=account_id, type=type_name).values_list("modseq", "floor").first()
    current, floor = row or (0, 0)
    if since > current or since < floor:
        raise CannotCalculateChanges(f"state {since} is not known")
    events = _events_after(account_id, type_name, since, limit=max_changes + 1)
    has_more = len(events) > max_changes
    events = events[:max_changes]
    new_state = events[-1].modseq if has_more else current
    created = tuple(event.public_id for event in events if not event.is_destroyed and event.created_modseq > since)
    updated = tuple(event.public_id for event in events if not event.is_destroyed and event.created_modseq <= since)
    # Created and destroyed within the window: the client never knew it.
    destroyed = tuple(event.public_id for event in events if event.is_destroyed and event.created_modseq <= since)
    only_counts = bool(updated) and all(event.is_counts_only for event in events if not event.is_destroyed)
    return Changes(created, updated, destroyed, since, new_state, has_more, only_counts and not created)


@dataclass(frozen=True)
class _Event:
    modseq: int
    public_id: str
    created_modseq: int
    is_destroyed: bool = False
    is_counts_only: bool = False


def _events_after(account_id: int, type_name: str, since: int, *, limit: int) -> list[_Event]:
    events = [
        _Event(destroyed, public_id, created, is_destroyed=True)
        for public_id, created, destroyed in Tombstone.objects.filter(
            account_id=account_id, type=type_name, destroyed_modseq__gt=since
        )
        .order_by("destroyed_modseq")
        .values_list("public_id", "created_modseq", "destroyed_modseq")[:limit]
    ]
    events += _live_events(account_id, type_name, since, limit=limit)
    return sorted(events, key=lambda event: event.modseq)[:limit]


def _live_events(account_id: int, type_name: str, since: int, *, limit: int) -> list[_Event]:
    if type_name == MAILBOX:
        rows = Mailbox.objects.filter(account_id=account_id).filter(
            models.Q(props_modseq__gt=since) | models.Q(counts_modseq__gt=since)
        )
        return [
            _Event(max(props, counts), public_id, created, is_counts_only=props <= since)
            for public_id, created, props, counts in rows.values_list(
                "public_id", "created_modseq", "props_modseq", "counts_modseq"
            )
        ]
    model: type[models.Model] = _LIVE[type_name]()
    found = (
        model._default_manager.filter(account_id=account_id, updated_modseq__gt=since)
        .order_by("updated_modseq")
        .values_list("public_id", "created_modseq", "updated_modseq")[:limit]
    )
    return [_Event(updated, public_id, created) for public_id, created, updated in found]


def _submission_model() -> type[models.Model]:
    # The outbox lies above the store: its model is asked for by name, not imported.
    from django.apps import apps

    return apps.get_model("outbox", "Submission")


_LIVE: Mapping[str, Callable[[], type[models.Model]]] = {
    EMAIL: lambda: Email,
    THREAD: lambda: Thread,
    IDENTITY: lambda: Identity,
    SUBMISSION: _submission_model,
}
