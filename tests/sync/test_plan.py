"""The case tables of `sync.mailbox.plan`: a row there is a row here."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.sync.mailbox import plan
from webmail.sync.mailbox.plan import (
    Backfill,
    Begin,
    CheckSample,
    CompareUids,
    Cursor,
    ReadChanges,
    ReadRange,
    Relink,
    ServerState,
    SweepAll,
    SweepWindow,
)

ALL = (CheckSample(), CompareUids(), SweepAll())
DONE = {"uidvalidity": 7, "uidnext": 101, "total": 100, "backfill_uid": 1}


def cursor(**fields: object) -> Cursor:
    return Cursor(**{**DONE, **fields})


def server(*, uidvalidity: int = 7, uidnext: int = 101, modseq: int | None = None, total: int = 100) -> ServerState:
    return ServerState(uidvalidity, uidnext, modseq, total)


def blind(**values: int) -> ServerState:
    """A server whose deltas do not name what was expunged."""
    return replace(server(**values), tells_vanished=False)


@pytest.mark.parametrize(
    ("stored", "now", "steps"),
    [
        pytest.param(Cursor(), server(), (Begin(), Backfill()), id="Y28 nothing stored"),
        pytest.param(cursor(backfill_uid=None), server(), (Begin(), Backfill()), id="Y28 not begun"),
        pytest.param(cursor(), server(uidvalidity=8), (Relink(), Backfill()), id="Y51 UIDVALIDITY higher"),
        pytest.param(cursor(), server(uidvalidity=6), (Relink(), Backfill()), id="Y51 UIDVALIDITY lower"),
        pytest.param(cursor(backfill_uid=50), server(uidvalidity=6), (Relink(), Backfill()), id="Y53 in backfill"),
        pytest.param(cursor(), server(uidnext=90), (Relink(), Backfill()), id="Y54 UIDs given again"),
        pytest.param(cursor(uidnext=None), server(), ALL, id="Y47 rows in doubt"),
        pytest.param(cursor(highestmodseq=5), server(modseq=5), (), id="Y34 unchanged"),
        pytest.param(cursor(highestmodseq=5), server(modseq=9), (ReadChanges(5),), id="Y35 Y36 MODSEQ higher"),
        pytest.param(cursor(highestmodseq=5), server(modseq=5, total=99), (ReadChanges(5),), id="Y36 only the count"),
        pytest.param(cursor(highestmodseq=5), server(modseq=4), ALL, id="Y38 MODSEQ lower"),
        pytest.param(cursor(highestmodseq=5), server(), ALL, id="Y38 NOMODSEQ now"),
        pytest.param(cursor(), server(modseq=5), ALL, id="Y38 MODSEQ now"),
        pytest.param(cursor(), server(), (SweepWindow(),), id="Y37 nothing came or went"),
        pytest.param(
            cursor(highestmodseq=5, delta_modseq=8), server(modseq=9), (ReadChanges(8),), id="Y43 a delta that was cut"
        ),
        pytest.param(
            cursor(highestmodseq=5), blind(modseq=9, uidnext=102), (ReadChanges(5), CompareUids()), id="Y36 one went"
        ),
        pytest.param(
            cursor(highestmodseq=5), blind(modseq=9, uidnext=102, total=101), (ReadChanges(5),), id="Y36 none went"
        ),
        pytest.param(
            cursor(highestmodseq=5, is_due=True),
            server(modseq=9),
            (ReadChanges(5), CheckSample(), CompareUids(is_repair=True), SweepAll(is_repair=True)),
            id="Y44 once a day",
        ),
        pytest.param(cursor(is_due=True), server(), (SweepWindow(), *ALL), id="Y44 once a day without CONDSTORE"),
        pytest.param(cursor(uidnext=None, is_due=True), server(), ALL, id="Y44 compared anyway"),
        pytest.param(
            cursor(),
            server(uidnext=4_000_000_000, total=3_999_999_999),
            (CompareUids(), SweepWindow()),
            id="Y42 a number nobody believes",
        ),
        pytest.param(
            cursor(),
            server(uidnext=104, total=103),
            (ReadRange(101, 103), SweepWindow()),
            id="Y37 three came, none went",
        ),
        pytest.param(
            cursor(), server(uidnext=102, total=100), (CompareUids(), SweepWindow()), id="Y37 one came, one went"
        ),
        pytest.param(cursor(), server(total=99), (CompareUids(), SweepWindow()), id="Y37 one went"),
        pytest.param(
            cursor(highestmodseq=5, backfill_uid=60), server(modseq=9), (ReadChanges(5), Backfill()), id="Y32 CONDSTORE"
        ),
        pytest.param(cursor(backfill_uid=60), server(), (SweepWindow(), Backfill()), id="Y32 without CONDSTORE"),
    ],
)
@pytest.mark.req("Y34")
def test_plan_of_a_mailbox(stored, now, steps):
    assert plan.plan_mailbox(stored, now) == steps


@pytest.mark.req("Y34")
@pytest.mark.parametrize(
    ("stored", "status", "expected"),
    [
        (cursor(highestmodseq=5), server(modseq=5), True),
        (cursor(highestmodseq=5), server(modseq=6), False),
        (cursor(highestmodseq=5), server(modseq=5, total=99), False),
        (cursor(highestmodseq=5), server(modseq=5, uidnext=102), False),
        (cursor(highestmodseq=5), server(modseq=5, uidvalidity=8), False),
        (cursor(highestmodseq=5, backfill_uid=2), server(modseq=5), False),
        (cursor(highestmodseq=5, uidnext=None), server(modseq=5), False),
        (cursor(highestmodseq=5, is_due=True), server(modseq=5), False),
        (cursor(), server(), False),  # without a MODSEQ the values say nothing of flags
    ],
)
def test_status_proves_that_nothing_changed(stored, status, expected):
    assert plan.is_unchanged(stored, status) is expected


@pytest.mark.req("Y29")
def test_first_batch_is_small_and_newest_first():
    count = plan.FIRST_BATCH + plan.NEXT_BATCH + 100
    found = plan.batches(range(1, count + 1))

    assert [len(batch) for batch in found] == [plan.FIRST_BATCH, plan.NEXT_BATCH, 100]
    assert plan.FIRST_BATCH < plan.NEXT_BATCH
    assert found[0][:2] == [count, count - 1]
    assert found[-1][-1] == 1


def test_later_slices_begin_with_a_full_batch():
    uids = range(1, 2 * plan.NEXT_BATCH + 1)

    assert [len(batch) for batch in plan.batches(uids, is_first=False)] == [plan.NEXT_BATCH] * 2


@pytest.mark.req("Y37")
@given(count=st.integers(0, 20_000), start=st.integers(0, 1000))
def test_every_message_is_swept_within_twelve_turns(count, start):
    uids = list(range(3, 3 + 2 * count, 2))
    seen: set[int] = set()
    for turn in range(start, start + plan.SWEEP_TURNS):
        for first, last in plan.sweep_ranges(uids, turns=[turn]):
            seen.update(range(first, last + 1))
    assert set(uids) <= seen


@pytest.mark.req("Y37")
@pytest.mark.parametrize(
    ("swept_at", "now", "count"),
    [(None, 90_000, 12), (90_000, 90_299, 0), (90_299, 90_301, 1), (90_000, 91_000, 3), (90_000, 190_000, 12)],
)
def test_turns_of_the_sweep_that_were_missed_are_made_up_for(swept_at, now, count):
    assert len(plan.sweep_turns(swept_at, now)) == count


@pytest.mark.req("Y43")
def test_checkpoints_never_part_changes_of_one_modseq():
    assert plan.checkpoints([3, 4, 4, 4, 5, 6], size=2) == [(4, 4), (6, 6)]
    assert plan.checkpoints([None, None, 7], size=2) == [(2, None), (3, None)]
    assert plan.checkpoints([], size=2) == []


@pytest.mark.req("Y44")
def test_full_comparisons_of_many_mailboxes_are_spread_and_none_is_later_than_a_day():
    due_after = [
        next(hours for hours in range(26) if plan.is_reconciliation_due(number, 0.0, hours * 3600))
        for number in range(1, 200)
    ]

    assert max(due_after) <= 24
    assert len(set(due_after)) > 3
    assert plan.is_reconciliation_due(1, None, 5.0)


@pytest.mark.req("Y53")
def test_more_than_three_changes_of_uidvalidity_in_an_hour_are_too_many():
    assert not plan.is_unsteady([100, 200, 300], 400)
    assert plan.is_unsteady([100, 200, 300, 400], 400)
    assert not plan.is_unsteady([100, 200, 300, 4000], 4000)


@pytest.mark.req("R81")
@pytest.mark.parametrize(
    ("known", "vanished", "marked", "apply", "hold"),
    [
        (100, 20, 0, 20, 0),
        (100, 21, 0, 0, 21),
        (100, 21, 21, 21, 0),
        (100, 30, 21, 21, 9),
        (10_000, 500, 0, 500, 0),
        (10_000, 501, 0, 0, 501),
        (1, 1, 0, 0, 1),
        (1, 1, 1, 1, 0),
        (0, 0, 0, 0, 0),
    ],
)
def test_mass_removal_waits_for_a_second_pass(known, vanished, marked, apply, hold):
    decision = plan.decide_removals(known, range(vanished), range(marked))

    assert (len(decision.apply), len(decision.hold)) == (apply, hold)


@pytest.mark.req("Y46")
@pytest.mark.parametrize(
    ("known", "vanished", "expected"), [(1000, 50, False), (1000, 100, False), (1000, 101, True), (100, 51, True)]
)
def test_large_vanished_is_checked_first(known, vanished, expected):
    assert plan.is_claim_doubtful(known, vanished) is expected


@pytest.mark.req("Y46")
def test_vanished_that_names_what_was_never_there_is_checked_first():
    assert plan.is_claim_doubtful(1000, 2, unknown=1)
    assert not plan.is_claim_doubtful(1000, 0, unknown=500)  # it would remove nothing


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@pytest.mark.parametrize(
    ("base", "truth", "now", "pending", "add", "remove"),
    [
        pytest.param("$seen", "$seen", "$seen", "", "", "", id="Y58 nothing"),
        pytest.param("", "", "$seen", "", "$seen", "", id="Y59 set elsewhere"),
        pytest.param("$seen", "$seen", "", "", "", "$seen", id="Y59 cleared elsewhere"),
        pytest.param("", "$seen", "", "$seen", "", "", id="Y60 ours waits"),
        pytest.param("$seen", "", "$seen", "$seen", "", "", id="Y60 ours waits, cleared"),
        pytest.param("", "$seen", "$seen", "$seen", "", "", id="Y61 done already"),
        pytest.param("", "$seen", "$flagged", "$seen", "$flagged", "", id="Y62 ours and theirs"),
        pytest.param("", "$seen", "", "", "", "$seen", id="Y63 repair"),
        pytest.param("$seen", "", "$seen", "", "$seen", "", id="Y63 repair, missing"),
        pytest.param("a", "b", "c", "b", "c", "", id="Y64 any: only the touched keyword is frozen"),
        pytest.param("$seen", "$seen a", "a", "a", "", "$seen", id="Y64 ours waits, theirs is taken all the same"),
    ],
)
@pytest.mark.req("Y58")
def test_three_way_merge(base, truth, now, pending, add, remove):
    merged = plan.merge_keywords(base=words(base), truth=words(truth), server=words(now), pending=words(pending))

    assert (merged.add, merged.remove) == (words(add), words(remove))


@pytest.mark.req("Y63")
def test_repairs_are_counted():
    assert plan.merge_keywords(base=words(""), truth=words("a"), server=words("")).repaired == 1
    assert plan.merge_keywords(base=words("a"), truth=words("a"), server=words("")).repaired == 0


@pytest.mark.req("Y65")
def test_keyword_the_server_cannot_hold_stays_and_is_marked():
    merged = plan.merge_keywords(
        base=words(""), truth=words("work $seen"), server=words("$seen"), holdable=words("$seen $flagged")
    )

    assert (merged.remove, merged.now_local) == (words(""), words("work"))


@pytest.mark.req("Y65")
def test_local_only_keyword_survives_sweeps_until_the_server_holds_it():
    kept = plan.merge_keywords(base=words(""), truth=words("work"), server=words(""), local_only=words("work"))
    held = plan.merge_keywords(base=words(""), truth=words("work"), server=words("work"), local_only=words("work"))

    assert not kept
    assert held.now_remote == words("work")


@pytest.mark.req("Y65")
@pytest.mark.parametrize(
    ("truth", "now", "local", "pending", "kept", "now_local", "now_remote"),
    [
        pytest.param("a", "", "a", "", "a", "", "", id="stays ours"),
        pytest.param("a $seen", "", "a", "", "a", "", "", id="what it can hold is its word"),
        pytest.param("a b", "", "a", "", "a b", "b", "", id="another one that it cannot hold"),
        pytest.param("a", "a", "a", "", "a", "", "a", id="it holds it now"),
        pytest.param("a", "a", "a", "a", "a", "", "", id="it holds it now, and we are about to tell it more"),
        pytest.param("", "", "", "a", "", "", "", id="removed by us"),
    ],
)
def test_keywords_that_only_we_hold(truth, now, local, pending, kept, now_local, now_remote):
    merged = plan.merge_keywords(
        base=words(""),
        truth=words(truth),
        server=words(now),
        pending=words(pending),
        local_only=words(local),
        holdable=words("$seen $flagged"),
    )

    assert (words(truth) | merged.add) - merged.remove == words(kept)
    assert (merged.now_local, merged.now_remote) == (words(now_local), words(now_remote))


@pytest.mark.req("Y55")
def test_email_with_several_places_hears_only_of_changes():
    still = plan.merge_keywords(base=words(""), truth=words("$seen"), server=words(""), is_sole=False)
    moved = plan.merge_keywords(base=words(""), truth=words("$seen"), server=words("$flagged"), is_sole=False)

    assert not still
    assert (moved.add, moved.remove) == (words("$flagged"), words(""))


_sets = st.frozensets(st.sampled_from(["$seen", "$flagged", "work", "home"]))


@pytest.mark.req("Y96")
@given(base=_sets, truth=_sets, now=_sets, pending=_sets)
def test_merge_leaves_pending_alone_and_converges(base, truth, now, pending):
    merged = plan.merge_keywords(base=base, truth=truth, server=now, pending=pending)
    after = (truth | merged.add) - merged.remove

    assert after & pending == truth & pending
    assert after - pending == now - pending
    assert not plan.merge_keywords(base=now, truth=after, server=now, pending=pending)
