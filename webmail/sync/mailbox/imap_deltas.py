"""Steps of a visit that follow what changed since the last one: deltas, comparison of UIDs, sweeps of flags (sync 3.4, 3.5).

What a server claims to be gone is looked at twice where it is much or odd (Y46, R81).
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise

from django.utils import timezone

from webmail.protocols.imap.deltas import by_modseq
from webmail.protocols.imap.types import KeywordData, KeywordDelta
from webmail.protocols.imap.uid_set import UidRanges
from webmail.store.sql import chunks
from webmail.sync.mailbox import imap_known, imap_relink, placements, plan
from webmail.sync.mailbox.imap_visit import KEYWORD_CHUNK, Visit

FETCH_AT_ONCE = 20_000  # new messages that one listing names, so that a million of them take no memory (Y33)


def read_changes(visit: Visit, step: plan.ReadChanges) -> None:
    """CHANGEDSINCE, or what came with SELECT (QRESYNC …). It names new messages too: new means "not in our set", wherever the
    UID lies (Y42)."""
    delta = visit.delta
    if delta is None:
        delta = visit.session.fetch_keywords(1, None, changed_since=step.since)
    visit.delta = None  # let go: it may be large
    _apply_vanished(visit, delta)
    if visit.is_cut:
        return
    if delta.is_partial or len(delta.changed) > plan.FAR_BEHIND:
        _read_newest(visit, step.since, delta)
    if not visit.is_cut:
        _apply_changed(visit, delta.changed, is_partial=delta.is_partial)


def _apply_vanished(visit: Visit, delta: KeywordDelta) -> None:
    if not delta.vanished and not delta.is_doubtful:
        return
    known = _known_of_claim(visit, delta.vanished)
    total = placements.count_known(visit.mailbox)
    # Those given out since the last SELECT we need not know; those before it we should.
    should_know = delta.vanished.within(visit.floor, (visit.mailbox.uidnext or 1) - 1)
    unknown = max(0, len(should_know) - len(known))
    if delta.is_doubtful or plan.is_claim_doubtful(total, len(known), unknown=unknown):
        compare_uids(visit, plan.CompareUids())
    else:
        visit.remove(known)


def _known_of_claim(visit: Visit, claimed: UidRanges) -> Mapping[int, placements.Known]:
    if len(claimed) > KEYWORD_CHUNK:  # perhaps far more than there are messages
        local = imap_known.known_ranges(visit.mailbox)
        claimed = local.minus(local.minus(claimed))
    return placements.known_at(visit.mailbox, claimed)


def _read_newest(visit: Visit, since: int, delta: KeywordDelta) -> None:
    """Far behind (Y39): what people look at first comes first, whatever its MODSEQ."""
    first_uid = imap_known.newest_from(visit.mailbox, plan.FAR_BEHIND_NEWEST) or visit.floor
    if delta.is_partial:
        newest = visit.session.fetch_keywords(max(first_uid, visit.floor), None, changed_since=since).changed
    else:
        newest = [row for row in delta.changed if row.uid >= first_uid]
    known = _known_uids_of(visit, newest)
    visit.fetch_new([row.uid for row in newest if row.uid not in known])
    if not visit.is_cut:
        visit.store_keywords([row for row in newest if row.uid in known])


def _apply_changed(visit: Visit, rows: Sequence[KeywordData], *, is_partial: bool) -> None:
    """By ascending MODSEQ with checkpoints, so that a delta that is cut goes on there (Y43)."""
    changed = by_modseq(row for row in rows if row.uid >= visit.floor)
    known = _known_uids_of(visit, changed)
    visit.fetch_new([row.uid for row in changed if row.uid not in known])
    if visit.is_cut:
        return
    points = plan.checkpoints([row.modseq for row in changed], size=KEYWORD_CHUNK)
    for (start, _), (end, modseq) in pairwise([(0, None), *points]):
        is_last = end == len(changed)
        # A short delta needs none: the cursor itself is written in a moment.
        needs_mark = modseq is not None and not visit.held_count and (is_partial or not is_last)
        chunk = [row for row in changed[start:end] if row.uid in known]
        visit.store_keywords(chunk, {"delta_modseq": modseq} if needs_mark and not visit.has_gap else None)
        if not is_last and visit.is_over():
            visit.is_cut = visit.has_gap = True
            return
    if is_partial:
        visit.is_cut = visit.has_gap = True  # the rest follows in the next slice


def _known_uids_of(visit: Visit, rows: Sequence[KeywordData]) -> UidRanges:
    found: list[int] = []
    for chunk in chunks(rows, KEYWORD_CHUNK):
        found += imap_known.uids_among(visit.mailbox, [row.uid for row in chunk])
    return UidRanges.of_ascending(sorted(found))


def read_range(visit: Visit, step: plan.ReadRange) -> None:
    """New for certain, by arithmetic: see the plan."""
    wanted = range(step.first_uid, step.last_uid + 1)
    known = set(imap_known.uids_among(visit.mailbox, wanted))
    visit.fetch_new([uid for uid in wanted if uid not in known])


def compare_uids(visit: Visit, step: plan.CompareUids) -> None:
    """UID SEARCH against ours. What the search misses is marked or removed; what it has and we have not is listed."""
    local = imap_known.known_ranges(
        visit.mailbox
    )  # before the server is asked: a row written since is not "gone" (Y50)
    server = visit.search().within(visit.floor)
    new, missing = server.minus(local), local.minus(server)
    if step.is_repair:
        visit.repairs += len(new.within(1, visit.selected.uidnext - 1)) + len(missing)
    while new and not visit.is_cut:
        newest = new.newest(FETCH_AT_ONCE)
        visit.fetch_new(newest)
        new = new.within(1, newest[0] - 1)
    visit.remove(placements.known_at(visit.mailbox, missing))
    visit.has_compared = True
    imap_relink.unmark_present(visit, server)
    if visit.mailbox.is_backfilled and not visit.is_cut:
        imap_relink.drop_detached(visit, is_confirmed=True)


def sweep_all(visit: Visit, step: plan.SweepAll) -> None:
    """The flags of every message we hold, newest first."""
    uids = array("Q", imap_known.known_ranges(visit.mailbox).within(visit.floor))
    differed = _sweep(visit, plan.uid_ranges(uids))
    if step.is_repair:
        visit.repairs += differed
    visit.has_swept = True


def sweep_window(visit: Visit, _: plan.SweepWindow) -> None:
    """Without CONDSTORE: the newest, and of the others what is due by the clock since the last sweep (Y37)."""
    swept_at, now = visit.mailbox.synced_at, timezone.now()
    turns = plan.sweep_turns(swept_at.timestamp() if swept_at else None, now.timestamp())
    uids = array("Q", imap_known.known_ranges(visit.mailbox))
    _sweep(visit, plan.sweep_ranges(uids, turns=turns))
    if turns:
        visit.store_keywords([], {"synced_at": now})


def _sweep(visit: Visit, ranges: Sequence[tuple[int, int]]) -> int:
    differed = 0
    for first_uid, last_uid in ranges:
        delta = visit.session.fetch_keywords(first_uid, last_uid, changed_since=None)
        differed += visit.store_keywords(delta.changed)
    return differed
