"""A POP3 account: whole messages into its Inbox, newest first, and off the server as the user wishes (sync 3.12).

A message is on disk and its rows are committed before DELE is sent, and deletion counts only when QUIT was answered +OK (Y90). A
killed pass repeats at most one batch. Mail that vanishes from the server stays here; the UIDL stays known, so that nothing
comes twice. A placement without an Email, or one whose Email is in no mailbox any more, was deleted here.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from django.utils import timezone

from accounts.models import LeaveOnServer, MailAccount
from webmail import dispatch
from webmail.journal import entries
from webmail.mime.dates import parse_date
from webmail.mime.headers import ListHeaders, find_body, parse_header_block, parse_list_headers
from webmail.mime.limits import MAX_MESSAGE_BYTES
from webmail.protocols.pop3.session import LivePop3Session
from webmail.store import blobs, changes, emails, ingest
from webmail.store.ingest import NewEmail, Place
from webmail.store.models import Blob, Email, EmailMailbox, Mailbox, Placement, Role
from webmail.store.sql import chunks
from webmail.sync import pop3_plan
from webmail.sync.bodies import TOO_LARGE
from webmail.sync.connections import pop3_session
from webmail.sync.imap import Fence
from webmail.sync.pop3_plan import Decisions, Message

log = structlog.get_logger(__name__)

MAX_VERIFIED = 20  # messages of unexpected size that one pass looks at: some servers only estimate sizes
REMEMBER_GONE = timedelta(days=30)  # a UIDL that vanished is known for so long (Y85)


@dataclass(frozen=True)
class Pop3Result:
    """What a pass came to. `login_delay_s`: the server wants so much time between two sessions."""

    is_complete: bool
    has_more: bool
    stored: int = 0
    deleted: int = 0
    login_delay_s: int | None = None


@dataclass
class _Held:
    """A placement of the Inbox."""

    placement_id: int
    email_id: int | None
    key: str
    size_bytes: int
    sha256: str
    message_id: str
    stored_at: datetime | None
    is_gone: bool


@dataclass
class _Pass:
    """What one session works with. `held` is keyed by placement key."""

    account: MailAccount
    inbox: Mailbox
    session: LivePop3Session
    lease: Fence
    held: dict[str, _Held]
    keys: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    stored: int = 0
    passed_over: set[int] = field(default_factory=set)  # numbers that are not stored although listed
    claimed: set[int] = field(default_factory=set)  # placements that a message of a doubled UIDL was told to be


def sync_inbox(account: MailAccount, lease: Fence, *, deadline: float) -> Pop3Result:
    """One session with the server. Safe to repeat and to kill anywhere.

    Raises what the session raises, `LeaseLost` and `StorageFull`; batches that were committed stay.
    """
    inbox = Mailbox.objects.get(account=account, role=Role.INBOX, source=Mailbox.Source.REMOTE)
    held = _read_held(inbox)  # before the server is asked (Y50)
    with pop3_session(account) as session:
        run = _Pass(account, inbox, session, lease, held)
        listed = _list(run)
        decisions = pop3_plan.plan_listing(
            listed, [pop3_plan.Place(item.key, item.size_bytes, item.is_gone) for item in held.values()]
        )
        decisions = _find_renamed(run, decisions)
        reused = _find_reused(run, decisions.verify)
        _note_presence(run, decisions, total=len(listed))
        has_more = not _retrieve(run, decisions, reused, deadline)
        marked = [] if decisions.is_renumbered else _mark_deletions(run, listed)
        is_over = session.quit()
        if is_over:
            _forget_deleted(run, marked)
    if not has_more:
        _finish(run)
    return Pop3Result(
        is_complete=not has_more,
        has_more=has_more,
        stored=run.stored,
        deleted=len(marked) if is_over else 0,
        login_delay_s=session.login_delay_s,
    )


def _read_held(inbox: Mailbox) -> dict[str, _Held]:
    rows = Placement.objects.filter(mailbox=inbox).exclude(uidl="")
    found = rows.values_list(
        "id", "email_id", "uidl", "email__size_bytes", "email__blob__sha256", "email__message_id",
        "email__blob__created_at", "gone_at",
    )  # fmt: skip
    return {
        key: _Held(pk, email_id, key, size or 0, sha256 or "", message_id or "", stored_at, gone_at is not None)
        for pk, email_id, key, size, sha256, message_id, stored_at, gone_at in found
    }


# What is there --------------------------------------------------------------------------------------------------------


def _list(run: _Pass) -> list[Message]:
    """The listing with a key for each message; those that have none until they are retrieved get an empty one."""
    run.sizes = run.session.sizes()
    entries_of = run.session.uidls()
    if entries_of is not None:
        run.keys = {entry.number: pop3_plan.key_of_uidl(entry.uidl) for entry in entries_of}
    else:
        run.keys = {number: _key_by_top(run, number) for number in run.sizes}
    return [Message(number, key, run.sizes.get(number, 0)) for number, key in run.keys.items()]


def _key_by_top(run: _Pass, number: int) -> str:
    header = run.session.top(number, 0)
    return pop3_plan.key_of_header(header, run.sizes[number]) if header is not None else f"\x7f?{number}"


def _find_renamed(run: _Pass, decisions: Decisions) -> Decisions:
    """New names for messages we have: recognised by size and header before anything is fetched (Y86)."""
    if not decisions.gone or not decisions.retrieve:
        return decisions
    lost: dict[tuple[int, str], list[_Held]] = {}
    for key in decisions.gone:
        item = run.held[key]
        if item.message_id:
            lost.setdefault((item.size_bytes, item.message_id), []).append(item)
    sizes = {size for size, _ in lost}
    found: dict[int, _Held] = {}
    for number in decisions.retrieve:
        if run.sizes.get(number) not in sizes:
            continue
        header = run.session.top(number, 0)
        if header is None:
            break
        same = lost.get((run.sizes[number], parse_list_headers(header).message_id or ""))
        if same:
            found[number] = same.pop()
    if not found:
        return decisions
    with changes.recording(run.account.pk):
        run.lease.check()
        for number, item in found.items():
            _rename(run, item, run.keys[number])
    log.info("pop3.renamed", account=run.account.pk, count=len(found))
    taken = {item.key for item in found.values()}
    return Decisions(
        retrieve=tuple(number for number in decisions.retrieve if number not in found),
        compare=decisions.compare,
        verify=decisions.verify,
        back=decisions.back,
        gone=tuple(key for key in decisions.gone if key in run.held and key not in taken),
        is_renumbered=decisions.is_renumbered,
    )


def _rename(run: _Pass, item: _Held, key: str) -> None:
    run.held.pop(item.key)
    item.key, item.is_gone = key, False
    run.held[key] = item
    Placement.objects.filter(pk=item.placement_id).update(uidl=key, gone_at=None)


def _find_reused(run: _Pass, numbers: Sequence[int]) -> list[int]:
    """Those of the messages that bear the name of another one: told by Message-ID, where TOP can tell."""
    reused = []
    for number in numbers[:MAX_VERIFIED]:
        item = run.held[run.keys[number]]
        header = run.session.top(number, 0)
        if header is None:
            break
        message_id = parse_list_headers(header).message_id or ""
        if item.message_id and message_id and message_id != item.message_id:
            reused.append(number)
    with changes.recording(run.account.pk):
        for number in reused:
            item = run.held[run.keys[number]]
            run.lease.check()
            _rename(run, item, pop3_plan.key_of_twin(item.key, item.sha256, run.held))
            _mark_gone([item])
    return reused


def _mark_gone(items: Iterable[_Held]) -> None:
    now = timezone.now()
    for chunk in chunks(items):
        Placement.objects.filter(pk__in=[item.placement_id for item in chunk], gone_at=None).update(gone_at=now)
        for item in chunk:
            item.is_gone = True


def _note_presence(run: _Pass, decisions: Decisions, *, total: int) -> None:
    """Remember what is on the server and what is not. The Emails stay either way (Y85)."""
    gone = [run.held[key] for key in decisions.gone]
    back = [run.held[key] for key in decisions.back if key in run.held]
    if not gone and not back and run.inbox.remote_total == total:
        return
    with changes.recording(run.account.pk):
        run.lease.check()
        _mark_gone(gone)
        for chunk in chunks(back):
            Placement.objects.filter(pk__in=[item.placement_id for item in chunk]).update(gone_at=None)
        Mailbox.objects.filter(pk=run.inbox.pk).update(remote_total=total)


# Fetching -------------------------------------------------------------------------------------------------------------


def _retrieve(run: _Pass, decisions: Decisions, reused: Collection[int], deadline: float) -> bool:
    """Fetch what is new, newest first; whether all of it was."""
    compared = set(decisions.compare)
    wanted = sorted({*decisions.retrieve, *compared, *reused}, reverse=True)
    too_large = [number for number in wanted if run.sizes.get(number, 0) > MAX_MESSAGE_BYTES]
    _store_too_large(run, too_large)
    numbers = [number for number in wanted if number not in too_large]
    for count, batch in enumerate(pop3_plan.batches(numbers, run.sizes)):
        if count and time.monotonic() >= deadline:
            run.passed_over.update(numbers)
            return False
        raws = dict(run.session.retrieve_many(batch, max_bytes=MAX_MESSAGE_BYTES))
        _store(run, raws, compared)
    return True


def _store(run: _Pass, raws: Mapping[int, bytes], compared: Collection[int]) -> None:
    """Bytes first, one fsync; then the rows of the batch in one transaction (Y88)."""
    stored = dict(zip(raws, blobs.put_blobs(list(raws.values())), strict=True))
    with changes.recording(run.account.pk) as record:
        run.lease.check()
        items: list[NewEmail] = []
        for number, raw in raws.items():
            blob = stored[number]
            key = _free_key(run, number, blob, is_compared=number in compared)
            if key is not None:
                item = _new_email(run, key, _headers(raw), len(raw), _received_at(raw), blob=blob)
                message_id = item.headers.message_id or ""
                run.held[key] = _Held(0, 0, key, len(raw), blob.sha256, message_id, timezone.now(), is_gone=False)
                items.append(item)
        for pk, item in zip(ingest.ingest_into(record, items), items, strict=True):
            run.held[item.place.uidl].email_id = pk
        placed = Placement.objects.filter(mailbox=run.inbox, uidl__in=[item.place.uidl for item in items])
        ids = dict(placed.values_list("uidl", "id"))
        blobs.link_blobs(run.account.pk, [item.blob_id for item in items if item.blob_id is not None])
        dispatch.wake("index.account", run.account.pk)
    for key, placement_id in ids.items():
        run.held[key].placement_id = placement_id
        run.claimed.add(placement_id)
    run.stored += len(items)


def _free_key(run: _Pass, number: int, blob: Blob, *, is_compared: bool) -> str | None:
    """The key for a message just fetched; None when it is one we have: under this name, or under one of the past."""
    key = run.keys[number]
    if key.startswith("\x7f?"):
        key = run.keys[number] = pop3_plan.key_of_content(blob.sha256)
        if key in run.held:
            return None
    same = [item for item in run.held.values() if item.sha256 == blob.sha256]
    if is_compared:
        mine = [item for item in same if pop3_plan.listed_key(item.key) == key]
        free = next((item for item in mine if item.placement_id and item.placement_id not in run.claimed), None)
        if free is not None:
            run.claimed.add(free.placement_id)  # each known twin answers for one message of the listing
            return None
        return key if key not in run.held else pop3_plan.key_of_twin(key, blob.sha256, run.held)
    lost = next((item for item in same if item.is_gone), None)
    if lost is not None:
        _rename(run, lost, key)
        return None
    return key


def _new_email(
    run: _Pass, key: str, headers: ListHeaders, size_bytes: int, received_at: datetime, *, blob: Blob | None
) -> NewEmail:
    return NewEmail(
        headers=headers,
        received_at=received_at,
        size_bytes=size_bytes,
        place=Place(run.inbox.pk, uidl=key),
        blob_id=blob.pk if blob is not None else None,
    )


def _store_too_large(run: _Pass, numbers: Sequence[int]) -> None:
    """Header only, where TOP can give it; the message stays on the server."""
    for number in numbers:
        run.passed_over.add(number)
        header = run.session.top(number, 0)
        key = run.keys[number]
        if header is None or key in run.held:
            continue
        with changes.recording(run.account.pk) as record:
            run.lease.check()
            item = _new_email(run, key, _headers(header), run.sizes[number], _received_at(header), blob=None)
            ids = ingest.ingest_into(record, [item])
            Email.objects.filter(pk__in=ids).update(body_error=TOO_LARGE)
        run.stored += 1


def _headers(raw: bytes) -> ListHeaders:
    end, _ = find_body(raw, 0, len(raw))
    return parse_list_headers(raw[:end])


def _received_at(raw: bytes) -> datetime:
    """POP3 knows no INTERNALDATE: when the last server took it, else when it says it was written (RFC 8621 4.1.1)."""
    end, _ = find_body(raw, 0, len(raw))
    headers = parse_header_block(raw[:end])
    received = headers.get_first("received")
    found = parse_date(received.rpartition(b";")[2]) if received else None
    if found is None:
        date = headers.get("date")
        found = parse_date(date) if date else None
    now = timezone.now()
    return min(found.astimezone(UTC), now) if found is not None else now


# Off the server -------------------------------------------------------------------------------------------------------


def _mark_deletions(run: _Pass, listed: Sequence[Message]) -> list[_Held]:
    """DELE by the account's policy what is safe here. Messages whose name is not unique are left alone."""
    policy = run.account.leave_on_server
    if policy == LeaveOnServer.KEEP:
        return []
    count: dict[str, int] = {}
    for message in listed:
        key = run.keys[message.number]
        count[key] = count.get(key, 0) + 1
    there = {
        number: run.held[key]
        for number, key in run.keys.items()
        if count.get(key) == 1 and key in run.held and not run.held[key].is_gone and number not in run.passed_over
    }
    here = _deleted_here({item.email_id for item in there.values()})
    limit = timezone.now() - timedelta(days=run.account.leave_days)
    leaving = {
        number: item
        for number, item in there.items()
        if item.email_id in here
        or (policy == LeaveOnServer.AT_ONCE and item.sha256)
        or (policy == LeaveOnServer.AFTER_DAYS and item.stored_at is not None and item.stored_at < limit)
    }
    for number in sorted(leaving):
        run.session.delete(number)
    return list(leaving.values())


def _deleted_here(email_ids: Collection[int | None]) -> set[int | None]:
    """Those of the Emails that are in no mailbox any more, and that no open Action could bring back. None: it is no more."""
    inside: set[int | None] = set()
    for chunk in chunks(pk for pk in email_ids if pk is not None):
        inside.update(EmailMailbox.objects.filter(email_id__in=chunk).values_list("email_id", flat=True))
        inside |= entries.held_emails(chunk)
    return set(email_ids) - inside


def _forget_deleted(run: _Pass, deleted: Sequence[_Held]) -> None:
    """QUIT was answered: they are off the server. What was deleted here too is no more."""
    if not deleted:
        return
    with changes.recording(run.account.pk) as record:
        run.lease.check()
        _mark_gone(deleted)
        _destroy(record, _deleted_here({item.email_id for item in deleted}))


def _destroy(record: changes.Record, email_ids: Iterable[int | None]) -> None:
    emails.destroy_emails(record, [pk for pk in email_ids if pk is not None])


def _finish(run: _Pass) -> None:
    """The Inbox is listed completely; UIDLs of mail that is gone on both sides are forgotten after 30 days."""
    if run.inbox.backfill_uid != 1:
        Mailbox.objects.filter(pk=run.inbox.pk).update(backfill_uid=1)
    old = Placement.objects.filter(mailbox=run.inbox, gone_at__lt=timezone.now() - REMEMBER_GONE)
    ids = _deleted_here(set(old.filter(email__mailbox_rows=None).values_list("email_id", flat=True)))
    if ids:
        with changes.recording(run.account.pk) as record:
            run.lease.check()
            _destroy(record, ids)
            old.filter(email=None).delete()
