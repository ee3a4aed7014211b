"""Mailbox counters, kept in the transaction of the change they count.

    with counters.kept(record, thread_ids) as threads:
        ...change memberships or keywords of Emails in these threads...

The rows of the touched threads are counted before and after, and the differences applied: the cost goes with the change,
not with the mailbox. From the same rows `store.newest` keeps which Emails stand for their conversations. Rules of RFC 8621 section 2: unread is neither $seen nor $draft; a thread is unread in a mailbox
when any of its Emails is, but Emails only in Trash do not count elsewhere, nor those outside of Trash in Trash.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db.models import F

from webmail.store import newest
from webmail.store.changes import MAILBOX_COUNTS, Record
from webmail.store.models import EmailMailbox, Mailbox, Role

FIELDS = ("total_emails", "unread_emails", "total_threads", "unread_threads")


@contextmanager
def kept(record: Record, thread_ids: Iterable[int]) -> Iterator[set[int]]:
    """Apply what changes inside to the counters. Threads made inside are added to the yielded set."""
    threads = set(thread_ids)
    before = [row for rows in newest.members_of(threads) for row in rows]
    yield threads
    after = [row for rows in newest.members_of(threads) for row in rows]
    differences = _counted(after)
    differences.subtract(_counted(before))
    newest.keep(before, after)
    changed: dict[int, dict[str, int]] = defaultdict(dict)
    for (mailbox_id, field), difference in differences.items():
        if difference:
            changed[mailbox_id][field] = difference
    for mailbox_id, figures in changed.items():
        Mailbox.objects.filter(pk=mailbox_id).update(**{field: F(field) + value for field, value in figures.items()})
    record.touch(MAILBOX_COUNTS, changed)


def count_threads(thread_ids: Iterable[int]) -> Counter[tuple[int, str]]:
    """What these threads contribute to the counters, by (mailbox id, field)."""
    total: Counter[tuple[int, str]] = Counter()
    for rows in newest.members_of(thread_ids):
        total.update(_counted(rows))
    return total


def _counted(rows: Iterable[newest.Member]) -> Counter[tuple[int, str]]:
    total: Counter[tuple[int, str]] = Counter()
    in_mailboxes: set[tuple[int, int, bool]] = set()  # thread, mailbox, is it Trash
    unread_in: dict[int, set[bool]] = defaultdict(set)  # thread -> {in Trash, elsewhere} with an unread Email
    for row in rows:
        thread_id, mailbox_id = row.thread_id, row.mailbox_id
        is_trash = row.role == Role.TRASH
        in_mailboxes.add((thread_id, mailbox_id, is_trash))
        total[mailbox_id, "total_emails"] += 1
        if row.is_unread:
            total[mailbox_id, "unread_emails"] += 1
            unread_in[thread_id].add(is_trash)
    for thread_id, mailbox_id, is_trash in in_mailboxes:
        total[mailbox_id, "total_threads"] += 1
        if is_trash in unread_in[thread_id]:
            total[mailbox_id, "unread_threads"] += 1
    return total


def recount(mailbox_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """The counters as the rows give them, for `store.consistency` and for a change of the Trash role."""
    wanted = set(mailbox_ids)
    threads = EmailMailbox.objects.filter(mailbox_id__in=wanted).values_list("thread_id", flat=True).distinct()
    counted = count_threads(set(threads))
    return {mailbox_id: {field: counted[mailbox_id, field] for field in FIELDS} for mailbox_id in wanted}
