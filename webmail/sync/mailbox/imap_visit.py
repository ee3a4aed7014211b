"""One visit to a selected IMAP mailbox: what it knows, how it asks, and how each batch becomes one transaction.

Each batch checks the lease, so a worker that was stopped repeats at most one batch and doubles nothing (sync Y31, reliability
R79). The cursor holds the values of the SELECT (Y40) and moves last, and only when every range it covers was answered, stored
and believed (Y41). No transaction is open while the server is asked. It must not decide what to ask for: that is `sync.mailbox.plan`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol, cast

import structlog
from django.db import transaction
from django.utils import timezone

from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import KeywordData, KeywordDelta, ListData, SelectedMailbox
from webmail.protocols.imap.uid_set import UidRanges
from webmail.store import changes, mailboxes
from webmail.store.models import Mailbox
from webmail.store.sql import chunks
from webmail.sync import points
from webmail.sync.actions import local_keywords
from webmail.sync.errors import DoubtfulAnswer
from webmail.sync.mailbox import placements, plan
from webmail.sync.mailbox.placements import Written

log = structlog.get_logger(__name__)

DECIDE_CHUNK = 50  # messages whose bytes are fetched to compare them
KEYWORD_CHUNK = 2_000  # rows of one transaction of keyword changes


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


class Visit:
    """One visit to a selected mailbox. `began_at`: before anything was asked. `delta`: what came with the SELECT."""

    def __init__(
        self,
        session: ImapSession,
        mailbox: Mailbox,
        selected: SelectedMailbox,
        lease: Fence,
        *,
        began_at: datetime,
        deadline: float | None = None,
        delta: KeywordDelta | None = None,
        may_backfill: bool = True,
    ) -> None:
        self.session = session
        self.mailbox = mailbox
        self.selected = selected
        self.lease = lease
        self.began_at = began_at
        self.deadline = deadline
        self.delta = delta
        self.may_backfill = may_backfill
        self.exists = selected.exists
        self.holdable = None if selected.can_create_keywords else selected.permanent_keywords
        self.written = Written()
        self.is_cut = False  # the slice ended before all was read
        self.has_gap = False  # and what is missing is covered by the SELECT's values: the cursor must stay
        self.held_count = 0
        self.has_compared = False
        self.has_swept = False
        self.repairs = 0
        self.has_restarted = False  # the UIDs turned out to mean other messages: the plan of before is void

    @property
    def floor(self) -> int:
        """UIDs below are still to be listed."""
        return self.mailbox.backfill_uid or 1

    def is_over(self) -> bool:
        """Whether the slice has ended."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    # Reading ----------------------------------------------------------------------------------------------------------

    def search(self) -> UidRanges:
        """All UIDs of the mailbox. A search that finds another number of messages than the server says there are is no fact
        (Y47): it is asked again, then the flags of all are read instead.

        Raises `DoubtfulAnswer` when no answer agrees with the number.
        """
        for _ in range(2):
            found = self.session.search_uid_ranges()
            if self._is_true(found):
                return found
            self.session.noop()
        rows = self.session.fetch_keywords(1, None, changed_since=None).changed
        found = UidRanges.of_ascending(row.uid for row in rows)
        if self._is_true(found):
            return found
        with transaction.atomic():
            self.lease.check()
            self.save(uidnext=None)  # in doubt: the next pass compares all
        raise DoubtfulAnswer(f"the server does not name the {self.exists} messages there are")

    def _is_true(self, found: UidRanges) -> bool:
        self.count_events()
        if plan.is_search_true(len(found), self.exists):
            return True
        log.info("sync.search_doubted", mailbox=self.mailbox.pk, found=len(found), exists=self.exists)
        return False

    def count_events(self) -> None:
        """Keep `exists` what it is by all the server said since."""
        for event in self.session.take_events():
            if event.kind == "exists" and event.number is not None:
                self.exists = event.number
            elif event.kind == "expunge":
                self.exists -= 1
            elif event.kind == "vanished":
                self.exists -= event.number or 0

    # Writing ----------------------------------------------------------------------------------------------------------

    def fetch_new(self, uids: Collection[int]) -> None:
        """List messages that are not stored, newest first."""
        self.has_gap |= not self.list_batches(plan.batches(sorted(uids)), after=lambda _: {})

    def list_batches(self, batches: list[list[int]], *, after: Callable[[int], Mapping[str, Any]]) -> bool:
        """List messages; `after(n)` are the fields of the mailbox that are written with batch n. Returns whether all batches
        were read before the slice ended."""
        is_relinking = placements.has_detached(self.mailbox) if batches else False
        is_whole = True
        # Closed when the slice ends early, which leaves the connection in step.
        with closing(cast("Generator[list[ListData]]", self.session.fetch_list_data_batches(batches))) as answers:
            for number, rows in enumerate(answers):
                points.reached("imap.batch_read")
                self._store_batch(rows, after(number), is_relinking=is_relinking)
                if number + 1 < len(batches) and self.is_over():
                    self.is_cut = True
                    is_whole = False
                    break
        self._decide(is_relinking=is_relinking)
        return is_whole

    def _store_batch(
        self,
        rows: Sequence[ListData],
        fields: Mapping[str, Any],
        *,
        is_relinking: bool,
        hashes: Mapping[int, str] | None = None,
    ) -> None:
        with changes.recording(self.mailbox.account_id) as record:
            self.lease.check()
            self.written += placements.store_list_data(
                record,
                self.mailbox,
                rows,
                holdable=self.holdable,
                is_relinking=is_relinking,
                hashes=hashes,
                since=self.began_at,
            )
            self.save(**fields)
        points.reached("imap.batch_committed")

    def _decide(self, *, is_relinking: bool) -> None:
        """Messages of which only the bytes can tell whether we know them (Y57): few, so their bytes are looked at."""
        undecided, self.written = self.written.undecided, replace(self.written, undecided=())
        for rows in chunks(undecided, DECIDE_CHUNK):
            messages = self.session.fetch_messages([row.uid for row in rows])
            hashes = {uid: hashlib.sha256(raw).hexdigest() for uid, raw in messages}
            self._store_batch(rows, {}, is_relinking=is_relinking, hashes=hashes)

    def store_keywords(self, rows: Sequence[KeywordData], fields: Mapping[str, Any] | None = None) -> int:
        """Merge what the server says of keywords, `fields` of the mailbox with it. Nothing is written where nothing differs.
        Returns how many messages differed from what we held."""
        count = 0
        for chunk in chunks(rows, KEYWORD_CHUNK):
            stored = placements.known_at(self.mailbox, [row.uid for row in chunk])
            if not self._compare(stored, chunk):
                continue
            with changes.recording(self.mailbox.account_id) as record:
                self.lease.check()
                work = self._compare(stored, chunk)  # once more inside: a user may have acted since
                self.written += placements.store_keywords(record, self.mailbox, work)
            count += work.differing
            # What was carried out while we asked may not be in the answer yet: it is asked for again.
            self.has_gap |= bool(work.unsettled)
            points.reached("imap.keywords_committed")
        if fields:
            with transaction.atomic():
                self.lease.check()
                self.save(**fields)
            points.reached("imap.checkpoint_committed")
        return count

    def _compare(self, stored: Mapping[int, placements.Known], rows: Sequence[KeywordData]) -> placements.KeywordWork:
        return placements.compare_keywords(
            self.mailbox.account_id, stored, rows, holdable=self.holdable, since=self.began_at
        )

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
        points.reached("imap.removal_committed")
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

    def begin(self) -> None:
        """Take the SELECT's values as the cursor of an empty listing: every row to come is read later than them. Call it in a
        transaction."""
        self.lease.check()
        self.save(**self._cursor_fields(), backfill_uid=None, reconciled_at=None)

    # The end ----------------------------------------------------------------------------------------------------------

    def result(self) -> MailboxResult:
        """Move the cursor if all it covers is here, and say what the visit came to."""
        is_listed = self.mailbox.is_backfilled
        has_more = self.is_cut or (not is_listed and self.may_backfill)
        if not self.held_count and not self.has_gap:
            self._advance()
        if self.selected.is_read_only != self.mailbox.is_read_only:
            mailboxes.update_mailbox(self.mailbox, is_read_only=self.selected.is_read_only)
        is_complete = is_listed and not (self.is_cut or self.held_count or self.has_gap)
        return MailboxResult(self.written, is_complete, has_more, self.held_count)

    def _cursor_fields(self) -> dict[str, Any]:
        return {
            "uidvalidity": self.selected.uidvalidity,
            "uidnext": self.selected.uidnext,
            "highestmodseq": self.selected.highestmodseq,
            "remote_total": self.selected.exists,
            "can_create_keywords": self.selected.can_create_keywords,
            "delta_modseq": None,
        }

    def _advance(self) -> None:
        fields = {**self._cursor_fields(), "trouble": "", "parked_until": None}
        if self.has_compared and self.has_swept and not self.is_cut:
            fields |= {"reconciled_at": self.began_at, "repairs": self.mailbox.repairs + self.repairs}
            if self.repairs:
                log.warning("sync.repaired", mailbox=self.mailbox.pk, count=self.repairs)
        if all(getattr(self.mailbox, name) == value for name, value in fields.items()):
            return
        with transaction.atomic():
            self.lease.check()
            local_keywords.offer(self.mailbox, self.selected)
            self.save(**fields, synced_at=timezone.now())
        points.reached("imap.cursor_committed")
