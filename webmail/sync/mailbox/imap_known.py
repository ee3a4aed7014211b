"""What is stored of a mailbox's UIDs, read for comparison with the server's. Reads only, in bounded memory (sync Y33)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from webmail.mime.headers import parse_list_headers
from webmail.protocols.imap.types import ListData
from webmail.protocols.imap.uid_set import UidRanges
from webmail.store.models import Mailbox, Placement
from webmail.store.sql import select_in

Marks = tuple[str, int]  # what a message is recognised by in a sample: Message-ID and size

_UIDS = "SELECT uid FROM store_placement WHERE mailbox_id = %s AND uidvalidity = %s AND uid IN %s"


def known_ranges(mailbox: Mailbox) -> UidRanges:
    """The UIDs stored for the mailbox; one row at a time is in memory."""
    rows = Placement.objects.filter(mailbox=mailbox, uidvalidity=mailbox.uidvalidity, uid__isnull=False)
    uids: Iterable[int | None] = rows.order_by("uid").values_list("uid", flat=True).iterator(chunk_size=5_000)
    return UidRanges.of_ascending(uid for uid in uids if uid is not None)


def uids_among(mailbox: Mailbox, uids: Collection[int]) -> list[int]:
    """Those of the UIDs that are stored."""
    return [uid for (uid,) in select_in(_UIDS, uids, mailbox.pk, mailbox.uidvalidity)]


def newest_from(mailbox: Mailbox, count: int) -> int | None:
    """The UID from which on the newest `count` stored messages lie; None when there are no more than that."""
    rows = Placement.objects.filter(mailbox=mailbox, uidvalidity=mailbox.uidvalidity, uid__isnull=False)
    return rows.order_by("-uid").values_list("uid", flat=True)[count : count + 1].first()


def sample(mailbox: Mailbox, count: int) -> dict[int, Marks]:
    """Some stored messages by UID, half of them the newest and half the oldest: what a server that began to count again gives
    to other messages first."""
    rows = (
        Placement.objects.filter(
            mailbox=mailbox, uidvalidity=mailbox.uidvalidity, uid__isnull=False, email__isnull=False
        )
        .exclude(gone_at__isnull=False)
        .values_list("uid", "email__message_id", "email__size_bytes")
    )
    half = (count + 1) // 2
    found = [*rows.order_by("-uid")[:half], *rows.order_by("uid")[:half]]
    return {uid: (message_id, size_bytes) for uid, message_id, size_bytes in found if uid is not None}


def count_others(expected: Mapping[int, Marks], rows: Sequence[ListData]) -> int:
    """How many of the listed messages are not those expected under their UIDs: another Message-ID, or without any another
    size (some servers do not count the same message's octets the same way twice)."""
    return sum(row.uid in expected and _is_other(expected[row.uid], row) for row in rows)


def _is_other(marks: Marks, row: ListData) -> bool:
    message_id, size_bytes = marks
    now = (parse_list_headers(row.header).message_id or "")[:998]
    if message_id or now:
        return message_id != now
    return size_bytes != row.size_bytes
