"""The rows of a POP3 pass: what is held, new messages by the batch, names that change, what is no more (sync 3.12).

Bytes are durable before a row says so, and the rows of a batch are one transaction that checks the lease (Y88). An Email is never
removed because the server lacks it (Y85). It must not talk to the server.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from accounts.models import MailAccount
from webmail import dispatch
from webmail.journal import entries
from webmail.mime.dates import parse_date
from webmail.mime.headers import find_body, parse_list_headers
from webmail.store import blobs, changes, emails, ingest
from webmail.store.ingest import NewEmail, Place
from webmail.store.leases import HeldLease
from webmail.store.models import Blob, Email, EmailMailbox, Mailbox, Placement
from webmail.store.sql import chunks, execute_many, insert_rows, select_in
from webmail.sync import points
from webmail.sync.content.bodies import TOO_LARGE
from webmail.sync.maildrop import pop3_plan

REMEMBER_GONE = timedelta(days=30)  # a UIDL that vanished is known for so long (Y85)
PRUNE_SLICE = 500  # such rows that one pass forgets


@dataclass
class Held:
    """A placement of the Inbox. `stamp`: see `sync.maildrop.pop3_plan`; under a computed key it is the message number."""

    placement_id: int
    email_id: int | None
    key: str
    stamp: int | None
    is_gone: bool

    @property
    def size_bytes(self) -> int:
        """As LIST told it at the last look; 0: not known."""
        if pop3_plan.is_computed(self.key):
            return pop3_plan.computed_size(self.key)
        return pop3_plan.stamped_size(self.stamp)


@dataclass
class Maildrop:
    """What one session works with: what we hold by key, and what the server lists by number.

    `fetched`: whose bytes came in this session, so that there is no doubt which placement a number is. `listed`: how often
    each key is in the listing. `is_doubtful`: the listing contradicts itself; nothing may be deleted.
    """

    account: MailAccount
    inbox: Mailbox
    lease: HeldLease
    held: dict[str, Held]
    keys: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    listed: Counter[str] = field(default_factory=Counter)
    fetched: dict[int, Held] = field(default_factory=dict)
    has_top: bool = True
    is_doubtful: bool = False
    stored: int = 0

    def stamp(self, number: int, key: str, header: bytes) -> int:
        """What to keep beside the key of a message."""
        return number if pop3_plan.is_computed(key) else pop3_plan.stamp_of(self.sizes.get(number, 0), header)


def read_held(inbox: Mailbox) -> dict[str, Held]:
    """The placements of the Inbox by key. Read them before the server is asked (Y50)."""
    rows = Placement.objects.filter(mailbox=inbox).exclude(uidl="")
    found = rows.values_list("id", "email_id", "uidl", "modseq", "gone_at")
    return {
        key: Held(placement_id, email_id, key, stamp, gone_at is not None)
        for placement_id, email_id, key, stamp, gone_at in found
    }


# Names and presence ---------------------------------------------------------------------------------------------------


def rename(drop: Maildrop, item: Held, key: str, stamp: int | None, *, is_gone: bool = False) -> None:
    """Give a placement another key. Inside a recording."""
    drop.held.pop(item.key, None)
    item.key, item.stamp, item.is_gone = key, stamp, is_gone
    drop.held[key] = item
    gone_at = timezone.now() if is_gone else None
    Placement.objects.filter(pk=item.placement_id).update(uidl=key, modseq=stamp, gone_at=gone_at)


def set_aside(drop: Maildrop, item: Held) -> None:
    """The name was given to another message: this one is no longer on the server (Y86). Inside a recording."""
    key = pop3_plan.key_of_twin(item.key, f"past{item.placement_id}", drop.held)
    rename(drop, item, key, item.stamp, is_gone=True)


def mark_gone(items: Iterable[Held]) -> None:
    """Not on the server any more. Inside a recording."""
    now = timezone.now()
    for chunk in chunks(items):
        Placement.objects.filter(pk__in=[item.placement_id for item in chunk], gone_at=None).update(gone_at=now)
        for item in chunk:
            item.is_gone = True


def note_presence(drop: Maildrop, *, gone: Sequence[Held], back: Sequence[Held], stamps: Mapping[int, int]) -> None:
    """Remember what is on the server and what is not, and new stamps by placement id. Writes nothing when nothing differs."""
    total = len(drop.keys)
    if not gone and not back and not stamps and drop.inbox.remote_total == total:
        return
    with changes.recording(drop.account.pk):
        drop.lease.check()
        mark_gone(gone)
        for chunk in chunks(back):
            Placement.objects.filter(pk__in=[item.placement_id for item in chunk]).update(gone_at=None)
            for item in chunk:
                item.is_gone = False
        execute_many(
            "UPDATE store_placement SET modseq = %s WHERE id = %s", [(stamp, pk) for pk, stamp in stamps.items()]
        )
        Mailbox.objects.filter(pk=drop.inbox.pk).update(remote_total=total)


# New messages ---------------------------------------------------------------------------------------------------------


@dataclass
class _Batch:
    """Messages on their way into rows."""

    same: Mapping[int, list[Held]]  # placements by the blob of their Email
    loose: dict[int, list[int]]  # Emails by blob, of mail that is here without a placement
    new: list[tuple[Held, NewEmail]] = field(default_factory=list)
    attached: list[Held] = field(default_factory=list)


def store_messages(drop: Maildrop, raws: Mapping[int, bytes]) -> None:
    """Messages by number: bytes first, one fsync; then the rows of the batch in one transaction (Y88)."""
    stored = dict(zip(raws, blobs.put_blobs(list(raws.values())), strict=True))
    points.reached("pop3.bytes_stored")
    with changes.recording(drop.account.pk) as record:
        drop.lease.check()
        ids = [blob.pk for blob in stored.values()]
        batch = _Batch(_held_by_blob(drop, ids), _loose_emails(drop, ids))
        for number, raw in raws.items():
            _add(drop, batch, number, raw, stored[number])
        _insert(drop, record, batch)
        blobs.link_blobs(drop.account.pk, ids)
        points.reached("pop3.rows_written")
    points.reached("pop3.committed")


def store_header(drop: Maildrop, number: int, header: bytes) -> None:
    """A message that is too large to be fetched: it is listed by its header, and stays on the server."""
    key = drop.keys[number]
    if key in drop.held:
        return
    with changes.recording(drop.account.pk) as record:
        drop.lease.check()
        held = Held(0, None, key, drop.stamp(number, key, header), is_gone=False)
        batch = _Batch({}, {}, new=[(held, _new_email(drop, held, header, drop.sizes.get(number, 0), None))])
        _insert(drop, record, batch)
        Email.objects.filter(pk__in=[held.email_id]).update(body_error=TOO_LARGE)


def _held_by_blob(drop: Maildrop, blob_ids: Collection[int]) -> dict[int, list[Held]]:
    by_id = {item.placement_id: item for item in drop.held.values()}
    statement = (
        "SELECT p.id, e.blob_id FROM store_placement p JOIN store_email e ON e.id = p.email_id "
        "WHERE p.mailbox_id = %s AND e.blob_id IN %s"
    )
    found: dict[int, list[Held]] = defaultdict(list)
    for placement_id, blob_id in select_in(statement, blob_ids, drop.inbox.pk):
        if placement_id in by_id:
            found[blob_id].append(by_id[placement_id])
    return found


def _loose_emails(drop: Maildrop, blob_ids: Collection[int]) -> dict[int, list[int]]:
    """Mail whose UIDL was forgotten after it had long been gone from the server."""
    found: dict[int, list[int]] = defaultdict(list)
    for chunk in chunks(blob_ids):
        rows = Email.objects.filter(account=drop.account, blob__in=chunk, placements=None)
        for email_id, blob_id in rows.exclude(mailbox_rows=None).values_list("id", "blob_id"):
            found[blob_id].append(email_id)
    return found


def _add(drop: Maildrop, batch: _Batch, number: int, raw: bytes, blob: Blob) -> None:
    """Decide what a message is: one we have under this name or under one of the past, or a new one."""
    header = pop3_plan.header_of(raw)
    key = drop.keys[number]
    if pop3_plan.is_pending(key):
        size = drop.sizes.get(number, 0)
        content = pop3_plan.key_of_content(blob.sha256, size)
        key = drop.keys[number] = pop3_plan.key_of_header(header, size) if drop.has_top else content
        drop.listed[key] += 1
    stamp = drop.stamp(number, key, header)
    taken = {item.placement_id for item in drop.fetched.values()}
    free = [item for item in batch.same.get(blob.pk, ()) if item.placement_id not in taken]
    mine = next((item for item in free if pop3_plan.listed_key(item.key) == key), None)
    lost = next((item for item in free if pop3_plan.listed_key(item.key) not in drop.listed), None)
    item = mine or lost
    if item is not None:
        new_key = item.key if mine is not None else _free_key(drop, key, blob)
        if (new_key, stamp, False) != (item.key, item.stamp, item.is_gone):
            rename(drop, item, new_key, stamp)
        drop.fetched[number] = item
        return
    held = Held(0, None, _free_key(drop, key, blob), stamp, is_gone=False)
    drop.held[held.key] = held
    drop.fetched[number] = held
    if batch.loose.get(blob.pk):
        held.email_id = batch.loose[blob.pk].pop()
        batch.attached.append(held)
    else:
        batch.new.append((held, _new_email(drop, held, raw, len(raw), blob)))


def _free_key(drop: Maildrop, key: str, blob: Blob) -> str:
    """The key, or that of a twin when another message of the listing bears it. One of the past makes room."""
    other = drop.held.get(key)
    if other is None:
        return key
    if drop.listed[key] == 1 and other.placement_id:
        set_aside(drop, other)
        return key
    return pop3_plan.key_of_twin(key, blob.sha256, drop.held)


def _insert(drop: Maildrop, record: changes.Record, batch: _Batch) -> None:
    for (held, _), email_id in zip(
        batch.new, ingest.ingest_into(record, [item for _, item in batch.new]) if batch.new else [], strict=True
    ):
        held.email_id = email_id
    insert_rows(
        Placement,
        ("email_id", "mailbox_id", "uidl", "modseq", "keywords", "is_deleted"),
        [(item.email_id, drop.inbox.pk, item.key, item.stamp, "", False) for item in batch.attached],
    )
    made = {held.key: held for held in [*(held for held, _ in batch.new), *batch.attached]}
    for chunk in chunks(made):
        for placement_id, key in Placement.objects.filter(mailbox=drop.inbox, uidl__in=chunk).values_list("id", "uidl"):
            made[key].placement_id = placement_id
            drop.held[key] = made[key]
    drop.stored += len(batch.new)
    if batch.new:
        dispatch.wake("index.account", drop.account.pk)


def _new_email(drop: Maildrop, held: Held, raw: bytes, size_bytes: int, blob: Blob | None) -> NewEmail:
    end, _ = find_body(raw, 0, len(raw))
    header = raw[:end]
    headers = parse_list_headers(header)
    return NewEmail(
        headers=headers,
        received_at=_received_at(header, headers.sent_at),
        size_bytes=size_bytes,
        place=Place(drop.inbox.pk, uidl=held.key, modseq=held.stamp),
        blob_id=blob.pk if blob is not None else None,
    )


def _received_at(header: bytes, sent_at: datetime | None) -> datetime:
    """POP3 knows no INTERNALDATE: when the last server took it, else when it says it was written (RFC 8621 4.1.1)."""
    received = _first_received(header)
    found = parse_date(received.rpartition(b";")[2]) if received else None
    now = timezone.now()
    found = found or sent_at
    return min(found.astimezone(UTC), now) if found is not None else now


def _first_received(header: bytes) -> bytes:
    """The value of the first Received field, folding kept."""
    lower = header[:65_536].lower()
    start = 0 if lower.startswith(b"received:") else lower.find(b"\nreceived:") + 1
    if start == 0 and not lower.startswith(b"received:"):
        return b""
    end = lower.find(b"\n", start)
    while end >= 0 and lower[end + 1 : end + 2] in {b" ", b"\t"}:
        end = lower.find(b"\n", end + 1)
    return header[start + len("received:") : end if end >= 0 else len(header)]


# No more --------------------------------------------------------------------------------------------------------------


def deleted_here(email_ids: Collection[int | None]) -> set[int | None]:
    """Those of the Emails that are in no mailbox any more, and that no open Action could bring back. None: it is no more."""
    inside: set[int | None] = set()
    for chunk in chunks(pk for pk in email_ids if pk is not None):
        inside.update(EmailMailbox.objects.filter(email_id__in=chunk).values_list("email_id", flat=True))
        inside |= entries.held_emails(chunk)
    return set(email_ids) - inside


def forget_deleted(drop: Maildrop, deleted: Sequence[Held]) -> None:
    """QUIT was answered: they are off the server (Y90). What was deleted here too is no more."""
    if not deleted:
        return
    with changes.recording(drop.account.pk) as record:
        drop.lease.check()
        mark_gone(deleted)
        _destroy(record, deleted_here({item.email_id for item in deleted}))


def finish(drop: Maildrop) -> None:
    """The Inbox is listed completely; UIDLs that vanished from the server are forgotten after 30 days, a slice a pass."""
    if drop.inbox.backfill_uid != 1:
        Mailbox.objects.filter(pk=drop.inbox.pk).update(backfill_uid=1)
    limit = timezone.now() - REMEMBER_GONE
    old = Placement.objects.filter(mailbox=drop.inbox, gone_at__lt=limit).exclude(uidl="").order_by("gone_at")
    rows = list(old.values_list("id", "email_id")[:PRUNE_SLICE])
    if not rows:
        return
    with changes.recording(drop.account.pk) as record:
        drop.lease.check()
        _destroy(record, deleted_here({email_id for _, email_id in rows}))
        # Mail that was not deleted here stays, with nothing left that knows of the server.
        Placement.objects.filter(pk__in=[placement_id for placement_id, _ in rows]).delete()


def _destroy(record: changes.Record, email_ids: Iterable[int | None]) -> None:
    emails.destroy_emails(record, [pk for pk in email_ids if pk is not None])
