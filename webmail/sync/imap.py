"""One IMAP mailbox made equal to the server's: facts from the session, decisions from `sync.plan`, rows by `sync.placements`.

The order is the plan's. Each batch is one transaction that checks the lease, so a worker that was stopped repeats at most one
batch and doubles nothing (sync Y31, reliability R79). The cursor holds the values of the SELECT (Y40) and is written last, and
only when every range it covers was answered, stored and believed (Y41). No transaction is open while the server is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, cast

import structlog
from django.db import transaction
from django.utils import timezone

from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import KeywordData, ListData, SelectedMailbox
from webmail.store import changes, mailboxes
from webmail.store.models import Mailbox
from webmail.sync import placements, plan
from webmail.sync.errors import DoubtfulAnswer
from webmail.sync.placements import Written

log = structlog.get_logger(__name__)

KEYWORD_CHUNK = 2_000  # rows of one transaction of keyword changes
SWEEP_TURN_S = 300  # a turn of the flag sweep without CONDSTORE


class Fence(Protocol):
    """What proves that we still may write: a lease."""

    def check(self) -> None: ...


@dataclass(frozen=True)
class MailboxResult:
    """What a visit of one mailbox came to. `is_complete`: the rows are what the server had at SELECT. `has_more`: the slice
    ended first, go on at once. `held_count`: so many are missing that a second pass has to confirm it (R81)."""

    written: Written
    is_complete: bool
    has_more: bool
    held_count: int

    @property
    def is_held(self) -> bool:
        """Whether anything waits for a second pass."""
        return self.held_count > 0


def raw_name_of(mailbox: Mailbox) -> bytes:
    """The mailbox's name as it goes on the wire. Bytes outside ASCII, which no server should send, map to Latin-1."""
    return mailbox.remote_name.encode("latin-1")


def cursor_of(mailbox: Mailbox) -> plan.Cursor:
    """What is stored of a mailbox."""
    return plan.Cursor(
        mailbox.uidvalidity, mailbox.uidnext, mailbox.highestmodseq, mailbox.remote_total, mailbox.backfill_uid
    )


def sync_mailbox(
    session: ImapSession, mailbox: Mailbox, lease: Fence, *, deadline: float | None = None
) -> MailboxResult:
    """Make the rows of a mailbox those of the server, or come nearer until `deadline` (of `time.monotonic`).

    Safe to repeat at any point. Raises `DoubtfulAnswer`, `LeaseLost` and what the session raises; what was committed stays.
    """
    mailbox.refresh_from_db()
    selected = session.select(raw_name_of(mailbox))
    visit = _Visit(session, mailbox, selected, lease, deadline)
    server = plan.ServerState(selected.uidvalidity, selected.uidnext, selected.highestmodseq, selected.exists)
    for step in plan.plan_mailbox(cursor_of(mailbox), server):
        _HANDLERS[type(step)](visit, step)
    return visit.finish()


class _Visit:
    """One visit to a selected mailbox."""

    def __init__(
        self, session: ImapSession, mailbox: Mailbox, selected: SelectedMailbox, lease: Fence, deadline: float | None
    ) -> None:
        self.session = session
        self.mailbox = mailbox
        self.selected = selected
        self.lease = lease
        self.deadline = deadline
        self.exists = selected.exists
        self.holdable = None if selected.can_create_keywords else selected.permanent_keywords
        self.written = Written()
        self.is_cut = False  # the slice ended before all was read
        self.has_gap = False  # and what is missing is covered by the SELECT's values: the cursor must stay
        self.held_count = 0
        self.has_compared = False

    @property
    def floor(self) -> int:
        """UIDs below are still to be listed."""
        return self.mailbox.backfill_uid or 1

    def is_over(self) -> bool:
        """Whether the slice has ended."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    # Reading ----------------------------------------------------------------------------------------------------------

    def search(self) -> list[int]:
        """All UIDs. Raises `DoubtfulAnswer` when they are not as many as the server says there are (Y47), asked twice."""
        for _ in range(2):
            found = self.session.search_uids()
            self.exists = _fold_events(self.exists, self.session)
            if plan.is_search_true(len(found), self.exists):
                return found
            log.info("sync.search_doubted", mailbox=self.mailbox.pk, found=len(found), exists=self.exists)
            self.session.noop()
            self.exists = _fold_events(self.exists, self.session)
        raise DoubtfulAnswer(f"UID SEARCH does not find the {self.exists} messages there are")

    # Writing ----------------------------------------------------------------------------------------------------------

    def fetch_new(self, uids: Collection[int]) -> None:
        """List messages that are not stored, newest first."""
        batches = plan.batches(sorted(uids))
        self.has_gap |= not self._list(batches, after=lambda _: {})

    def backfill(self, batches: list[list[int]]) -> None:
        """As `fetch_new`; the place where the next slice goes on is written with each batch (Y31)."""
        last = len(batches) - 1
        self._list(batches, after=lambda n: {"backfill_uid": 1 if n == last else min(batches[n])})

    def _list(self, batches: list[list[int]], *, after: Callable[[int], Mapping[str, Any]]) -> bool:
        """Whether all batches were read before the slice ended."""
        is_relinking = placements.has_detached(self.mailbox)
        # Closed when the slice ends early, which leaves the connection in step.
        with closing(cast("Generator[list[ListData]]", self.session.fetch_list_data_batches(batches))) as answers:
            for number, rows in enumerate(answers):
                with changes.recording(self.mailbox.account_id) as record:
                    self.lease.check()
                    self.written += placements.store_list_data(
                        record, self.mailbox, rows, holdable=self.holdable, is_relinking=is_relinking
                    )
                    self.save(**after(number))
                if number + 1 < len(batches) and self.is_over():
                    self.is_cut = True
                    return False
        return True

    def store_keywords(
        self, rows: Sequence[KeywordData], *, known: Mapping[int, placements.Known] | None = None
    ) -> None:
        """Merge what the server says of keywords. Nothing is written where nothing differs."""
        for at in range(0, len(rows), KEYWORD_CHUNK):
            chunk = rows[at : at + KEYWORD_CHUNK]
            stored = known if known is not None else placements.known_at(self.mailbox, [row.uid for row in chunk])
            if not placements.compare_keywords(self.mailbox.account_id, stored, chunk, holdable=self.holdable):
                continue
            with changes.recording(self.mailbox.account_id) as record:
                self.lease.check()
                # Once more inside: a user may have acted since.
                work = placements.compare_keywords(self.mailbox.account_id, stored, chunk, holdable=self.holdable)
                self.written += placements.store_keywords(record, self.mailbox, work)

    def remove(self, gone: Mapping[int, placements.Known]) -> None:
        """These UIDs are no more: believed at once, or after a second pass when they are many (R81)."""
        if not gone:
            return
        total = placements.count_known(self.mailbox)
        marked = [uid for uid, item in gone.items() if item.is_marked]
        decision = plan.decide_removals(total, gone.keys(), marked)
        with changes.recording(self.mailbox.account_id) as record:
            self.lease.check()
            pairs = [(gone[uid].placement_id, gone[uid].email_id) for uid in sorted(decision.apply)]
            self.written += placements.remove(record, self.mailbox, pairs)
            placements.mark(gone[uid].placement_id for uid in decision.hold)
            if decision.hold:
                self.save(uidnext=None)  # in doubt: the next pass compares all, and confirms or forgives
        if decision.hold:
            self.held_count += len(decision.hold)
            log.warning("sync.mass_removal_held", mailbox=self.mailbox.pk, missing=len(decision.hold), known=total)

    def save(self, **fields: Any) -> None:
        """Write what differs into the mailbox's row."""
        changed = {name: value for name, value in fields.items() if getattr(self.mailbox, name) != value}
        if changed:
            Mailbox.objects.filter(pk=self.mailbox.pk).update(**changed)
            for name, value in changed.items():
                setattr(self.mailbox, name, value)

    # The end ----------------------------------------------------------------------------------------------------------

    def finish(self) -> MailboxResult:
        """Check the count, and move the cursor if all it covers is here."""
        if self.mailbox.is_backfilled and not (self.is_cut or self.held_count or self.has_compared):
            self.exists = _fold_events(self.exists, self.session)
            if placements.count_known(self.mailbox) != self.exists:
                _compare_uids(self, plan.CompareUids())
        has_more = self.is_cut or not self.mailbox.is_backfilled
        if not self.held_count and not self.has_gap:
            self._advance()
        if self.selected.is_read_only != self.mailbox.is_read_only:
            mailboxes.update_mailbox(self.mailbox, is_read_only=self.selected.is_read_only)
        return MailboxResult(self.written, not has_more and not self.held_count, has_more, self.held_count)

    def _advance(self) -> None:
        fields = {
            "uidvalidity": self.selected.uidvalidity,
            "uidnext": self.selected.uidnext,
            "highestmodseq": self.selected.highestmodseq,
            "remote_total": self.selected.exists,
            "can_create_keywords": self.selected.can_create_keywords,
        }
        if all(getattr(self.mailbox, name) == value for name, value in fields.items()):
            return
        with transaction.atomic():
            self.lease.check()
            self.save(**fields, synced_at=timezone.now())


def _fold_events(exists: int, session: ImapSession) -> int:
    """How many messages there are now, by what the server said since."""
    for event in session.take_events():
        if event.kind == "exists" and event.number is not None:
            exists = event.number
        elif event.kind == "expunge":
            exists -= 1
        elif event.kind == "vanished":
            exists -= len(event.uids)
    return exists


# Steps ----------------------------------------------------------------------------------------------------------------


def _begin(visit: _Visit, _: plan.Step) -> None:
    """Take the SELECT's values as the cursor of an empty listing: every row to come is read later than them."""
    with transaction.atomic():
        visit.lease.check()
        visit.save(
            uidvalidity=visit.selected.uidvalidity,
            uidnext=visit.selected.uidnext,
            highestmodseq=visit.selected.highestmodseq,
            remote_total=visit.selected.exists,
            can_create_keywords=visit.selected.can_create_keywords,
            backfill_uid=None,
        )


def _relink(visit: _Visit, step: plan.Step) -> None:
    """Detach, then list anew (Y51): ids, keywords, threads and bytes stay."""
    with transaction.atomic():
        visit.lease.check()
        count = placements.detach(visit.mailbox)
        _begin(visit, step)
    log.warning("sync.uidvalidity_changed", mailbox=visit.mailbox.pk, detached=count)


def _backfill(visit: _Visit, _: plan.Step) -> None:
    if visit.is_cut:
        return
    floor = visit.mailbox.backfill_uid
    left = [uid for uid in visit.search() if floor is None or uid < floor]
    if left:
        visit.backfill(plan.batches(left, is_first=floor is None))
    else:
        with transaction.atomic():
            visit.lease.check()
            visit.save(backfill_uid=1)
    if visit.mailbox.is_backfilled:
        _drop_detached(visit, is_confirmed=False)


def _read_changes(visit: _Visit, step: plan.Step) -> None:
    """CHANGEDSINCE names new messages too: new means "not in our set", wherever its UID lies (Y42)."""
    step = cast("plan.ReadChanges", step)
    delta = visit.session.fetch_keywords(1, None, changed_since=step.since)
    changed = [row for row in delta.changed if row.uid >= visit.floor]
    known = placements.known_at(visit.mailbox, [row.uid for row in changed])
    visit.fetch_new([row.uid for row in changed if row.uid not in known])
    visit.store_keywords([row for row in changed if row.uid in known])
    if delta.vanished:
        gone = placements.known_at(visit.mailbox, delta.vanished)
        if gone and plan.is_claim_doubtful(placements.count_known(visit.mailbox), len(gone)):
            _compare_uids(visit, plan.CompareUids())
        else:
            visit.remove(gone)


def _read_range(visit: _Visit, step: plan.Step) -> None:
    step = cast("plan.ReadRange", step)
    wanted = range(step.first_uid, step.last_uid + 1)
    known = placements.known_at(visit.mailbox, wanted)
    visit.fetch_new([uid for uid in wanted if uid not in known])


def _compare_uids(visit: _Visit, _: plan.Step) -> None:
    local = placements.known_uids(visit.mailbox)  # before the server is asked: a row written since is not "gone" (Y50)
    server = {uid for uid in visit.search() if uid >= visit.floor}
    visit.fetch_new(server.difference(local))
    missing = [uid for uid in local if uid not in server]
    known = placements.known_at(visit.mailbox, missing)
    visit.remove(known)
    visit.has_compared = True
    _unmark_present(visit, server)
    if visit.mailbox.is_backfilled and not visit.is_cut:
        _drop_detached(visit, is_confirmed=True)


def _unmark_present(visit: _Visit, server: set[int]) -> None:
    """What an earlier pass missed and this one sees was never gone."""
    back = [placement_id for placement_id, uid in placements.marked(visit.mailbox) if uid in server]
    if back:
        with transaction.atomic():
            visit.lease.check()
            placements.unmark(back)


def _sweep_all(visit: _Visit, _: plan.Step) -> None:
    _sweep(visit, plan.uid_ranges([uid for uid in placements.known_uids(visit.mailbox) if uid >= visit.floor]))


def _sweep_window(visit: _Visit, _: plan.Step) -> None:
    turn = int(time.time() // SWEEP_TURN_S)
    _sweep(visit, plan.sweep_ranges(placements.known_uids(visit.mailbox), turn=turn))


def _sweep(visit: _Visit, ranges: Sequence[tuple[int, int]]) -> None:
    for first_uid, last_uid in ranges:
        delta = visit.session.fetch_keywords(first_uid, last_uid, changed_since=None)
        visit.store_keywords(delta.changed)


def _drop_detached(visit: _Visit, *, is_confirmed: bool) -> None:
    """The mailbox is listed anew: placements of the past go, and Emails that were not found lose this mailbox. When that is
    many, only after a later pass has looked as well (Y54)."""
    found, lost = placements.detached(visit.mailbox)
    if not found and not lost:
        return
    is_held = not is_confirmed and plan.is_mass(len(found) + len(lost), len(lost))
    with changes.recording(visit.mailbox.account_id) as record:
        visit.lease.check()
        placements.drop_placements(found)
        if is_held:
            # In doubt: the next pass compares all.
            visit.held_count += len(lost)
            visit.save(uidnext=None)
        else:
            visit.written += placements.remove(record, visit.mailbox, lost)
    if is_held:
        log.warning("sync.relink_held", mailbox=visit.mailbox.pk, found=len(found), lost=len(lost))


_HANDLERS: Mapping[type, Callable[[_Visit, plan.Step], None]] = {
    plan.Begin: _begin,
    plan.Relink: _relink,
    plan.Backfill: _backfill,
    plan.ReadChanges: _read_changes,
    plan.ReadRange: _read_range,
    plan.CompareUids: _compare_uids,
    plan.SweepAll: _sweep_all,
    plan.SweepWindow: _sweep_window,
}
