"""Which conversation a new message belongs to (jmap S11): a shared message id and the same base subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accounts.ids import new_public_ids
from webmail.store import changes
from webmail.store.models import Email, Thread, ThreadRef
from webmail.store.sql import hash63, insert_rows, reserve_ids, select_in


@dataclass(frozen=True)
class Assigned:
    """The thread of each message asked for, in order; which of them were made just now."""

    thread_ids: list[int]
    new_ids: set[int]


def ref_hashes(message_ids: Iterable[str], subject_base: str) -> list[int]:
    """What a message is known by in ThreadRef. `message_ids`: its own, those it answers, its references."""
    return [hash63(message_id, subject_base) for message_id in dict.fromkeys(message_ids) if message_id]


def assign_threads(record: changes.Record, refs: Sequence[Sequence[int]]) -> Assigned:
    """Join each message to a thread that claims one of its refs, or begin one. Two threads are never merged."""
    asked = {ref for hashes in refs for ref in hashes}
    statement = "SELECT ref_hash, thread_id FROM store_threadref WHERE account_id = %s AND ref_hash IN %s"
    known: dict[int, int] = {ref: thread for ref, thread in select_in(statement, asked, record.account_id)}  # noqa: C416
    claimed: dict[int, int] = {}
    placeholders: list[int] = []  # negative numbers stand for threads that are still to be made
    count = 0
    for hashes in refs:
        thread = next((known[ref] for ref in hashes if ref in known), None)
        if thread is None:
            count += 1
            thread = -count
        for ref in hashes:
            if ref not in known:
                known[ref] = claimed[ref] = thread
        placeholders.append(thread)
    new_ids = _create_threads(record, count)
    thread_ids = [thread if thread > 0 else new_ids[-thread - 1] for thread in placeholders]
    rows = [(record.account_id, ref, t if t > 0 else new_ids[-t - 1]) for ref, t in claimed.items()]
    insert_rows(ThreadRef, ("account_id", "ref_hash", "thread_id"), rows, ignore_conflicts=True)
    record.touch(changes.THREAD, set(thread_ids) - set(new_ids))
    return Assigned(thread_ids, set(new_ids))


def _create_threads(record: changes.Record, count: int) -> Sequence[int]:
    if not count:
        return []
    ids = reserve_ids(Thread, count)
    numbers = record.take(changes.THREAD, count)
    rows = [
        (pk, public_id, record.account_id, number, number)
        for pk, public_id, number in zip(ids, new_public_ids("t", count), numbers, strict=True)
    ]
    insert_rows(Thread, ("id", "public_id", "account_id", "created_modseq", "updated_modseq"), rows)
    return ids


def drop_empty_threads(record: changes.Record, thread_ids: Iterable[int]) -> None:
    """Threads that lost an Email: those with none left are destroyed, the others changed."""
    wanted = set(thread_ids)
    alive = set(Email.objects.filter(thread_id__in=wanted).values_list("thread_id", flat=True))
    record.touch(changes.THREAD, alive)
    empty = list(Thread.objects.filter(pk__in=wanted - alive))
    if empty:
        record.untouch(changes.THREAD, [thread.pk for thread in empty])
        record.destroyed(
            changes.THREAD, [changes.DestroyedObject(thread.public_id, thread.created_modseq) for thread in empty]
        )
        Thread.objects.filter(pk__in=[thread.pk for thread in empty]).delete()
