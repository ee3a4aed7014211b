"""Sets of UIDs and deltas: exact where the server is, bounded where it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.protocols.imap.deltas import DeltaTaker
from webmail.protocols.imap.fetch_reader import Response
from webmail.protocols.imap.uid_set import MAX_UID, UidRanges, parse_claim, parse_ranges

_uids = st.frozensets(st.integers(1, 60))


@pytest.mark.req("Y33")
@given(ours=_uids, theirs=_uids, first=st.integers(1, 60), count=st.integers(1, 70))
def test_ranges_are_what_sets_are(ours, theirs, first, count):
    left, right = UidRanges.of_ascending(sorted(ours)), UidRanges((uid, uid) for uid in theirs)

    assert list(left) == sorted(ours)
    assert (len(left), bool(left)) == (len(ours), bool(ours))
    assert list(left.minus(right)) == sorted(ours - theirs)
    assert list(left.within(first)) == sorted(uid for uid in ours if uid >= first)
    assert left.newest(count) == sorted(ours)[-count:]
    assert [uid for uid in range(1, 61) if uid in left] == sorted(ours)


@pytest.mark.req("Y46")
def test_gigantic_ranges_are_counted_and_never_counted_out():
    ranges = parse_ranges(b"1:4294967295")

    assert len(ranges) == MAX_UID
    assert list(ranges.minus(UidRanges([(4, MAX_UID)]))) == [1, 2, 3]


@pytest.mark.req("Y46")
@pytest.mark.parametrize(
    ("text", "ranges", "is_doubtful"),
    [
        (b"1:3,7", [(1, 3), (7, 7)], False),
        (b"5:3", [(3, 5)], False),
        (b"12:*", [(12, MAX_UID)], True),
        (b"*", [(MAX_UID, MAX_UID)], True),
        (b"0,x,4294967296,,9", [(9, 9)], True),
    ],
)
def test_claims_are_read_whatever_they_say(text, ranges, is_doubtful):
    assert parse_claim(text) == (ranges, is_doubtful)


def row(uid: int, modseq: int, flags: bytes = b"") -> Response:
    return Response(b"* 1 FETCH (UID %d FLAGS (%b) MODSEQ (%d))" % (uid, flags, modseq))


@pytest.mark.req("Y43")
def test_delta_beyond_its_bound_keeps_the_oldest_changes():
    taker = DeltaTaker(max_rows=10)
    for uid in range(1, 101):
        taker.take(b"FETCH", row(uid, 1000 - uid))
    delta = taker.delta()

    assert delta.is_partial
    kept = [item.modseq for item in delta.changed]
    assert len(kept) <= 20
    assert max(kept) < min(set(range(900, 1000)) - set(kept))


@pytest.mark.req("Y43")
def test_changes_of_one_modseq_stay_together():
    taker = DeltaTaker(max_rows=10)
    for uid in range(1, 101):
        taker.take(b"FETCH", row(uid, 7))

    assert (len(taker.delta().changed), taker.delta().is_partial) == (100, False)


@pytest.mark.req("Y15")
def test_several_rows_of_one_uid_are_one_and_rows_without_uid_are_none():
    taker = DeltaTaker()
    taker.take(b"FETCH", row(5, 8))
    taker.take(b"FETCH", row(5, 9, b"\\Seen"))

    assert not taker.take(b"FETCH", Response(b"* 3 FETCH (FLAGS (\\Seen))"))
    assert [(item.uid, item.keywords, item.modseq) for item in taker.delta().changed] == [(5, {"$seen"}, 9)]
