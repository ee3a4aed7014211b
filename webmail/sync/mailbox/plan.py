"""What to do with the messages of one mailbox: facts in, decisions out. No rows, no network, no clock.

The case tables of requirements sync 3.4 to 3.6 and 3.8 stand above the function that implements them; each row is a row of
`tests/sync/test_plan.py`. `sync.mailbox.imap` gathers the facts and carries the decisions out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

FIRST_BATCH = 200  # what one screen and a bit needs: committed within a fraction of a second (Y2)
NEXT_BATCH = 1_000  # two of them in flight; fewer commits than with 500 (Y29)
SWEEP_NEWEST = 500  # without CONDSTORE: flags looked at in each pass (Y37)
SWEEP_TURN_S = 300  # a turn of that rotation
SWEEP_TURNS = 12  # turns within which all the others are looked at once: an hour
SWEEP_RANGE = 5_000  # messages whose flags one command asks for
MAX_READ_RANGE = 10_000  # new UIDs believed by arithmetic alone; more are looked for by UID SEARCH
FAR_BEHIND = 4_000  # changes of one delta beyond which the newest messages come first … (Y39)
FAR_BEHIND_NEWEST = 12_000  # … so many of them
SAMPLE_SIZE = 20  # messages looked at before UIDs are believed that may mean something else now (Y54)
RECONCILE_EVERY_S = 20 * 3600  # Y44: once a day, the mailboxes of an account spread over the last four hours of it
RECONCILE_SPREAD_S = 4 * 3600
MAX_UIDVALIDITY_CHANGES = 3  # within an hour; a mailbox with more is left alone for an hour (Y53)
UIDVALIDITY_WINDOW_S = PARK_S = 3600
MASS_SHARE = 5  # R81: more than one in five …
MASS_COUNT = 500  # … or more than this many at once wait for a second pass
CLAIM_SHARE, CLAIM_COUNT = 10, 50  # Y46: a VANISHED beyond both is checked by UID SEARCH first


@dataclass(frozen=True)
class Cursor:
    """What is stored of a mailbox: the four values of the SELECT whose rows are all here (Y40), and how far the first
    listing has come: all UIDs from `backfill_uid` up are stored; None: not begun; 1: complete."""

    uidvalidity: int | None = None
    uidnext: int | None = None  # None although the listing has begun: the rows are in doubt
    highestmodseq: int | None = None
    total: int = 0
    backfill_uid: int | None = None
    delta_modseq: int | None = None  # how far a delta that was cut has come (Y43)
    is_due: bool = False  # a full comparison is (Y44)

    @property
    def since(self) -> int | None:
        """The MODSEQ up to which all changes are applied."""
        if self.highestmodseq is None:
            return None
        return max(self.highestmodseq, self.delta_modseq or 0)


@dataclass(frozen=True)
class ServerState:
    """The same four values as SELECT or STATUS tell them now."""

    uidvalidity: int
    uidnext: int
    highestmodseq: int | None
    total: int
    tells_vanished: bool = True  # QRESYNC: a delta names what was expunged


# Steps, in the order in which they are to be carried out -------------------------------------------------------------


@dataclass(frozen=True)
class Begin:
    """Nothing is stored yet."""


@dataclass(frozen=True)
class Relink:
    """The UIDs mean other messages now: detach every placement, delete none, and find each message again (Y51)."""


@dataclass(frozen=True)
class ReadChanges:
    """FETCH CHANGEDSINCE, with VANISHED where the server can."""

    since: int


@dataclass(frozen=True)
class ReadRange:
    """These UIDs are new for certain, and nothing was expunged."""

    first_uid: int
    last_uid: int


@dataclass(frozen=True)
class CompareUids:
    """UID SEARCH against ours: finds what is new and what is gone. `is_repair`: after a delta, so each find is one."""

    is_repair: bool = False


@dataclass(frozen=True)
class SweepAll:
    """The flags of every message. `is_repair` as above."""

    is_repair: bool = False


@dataclass(frozen=True)
class CheckSample:
    """Whether the UIDs still mean the messages we hold under them; if not, as `Relink` (Y54)."""


@dataclass(frozen=True)
class SweepWindow:
    """The flags of the newest messages, and of the next slice of the others."""


@dataclass(frozen=True)
class Backfill:
    """List what lies below `backfill_uid`, newest first."""


Step = Begin | Relink | CheckSample | ReadChanges | ReadRange | CompareUids | SweepAll | SweepWindow | Backfill


def is_unchanged(cursor: Cursor, status: ServerState) -> bool:
    """Y34: the four values of STATUS are those stored, so nothing needs to be selected. Without a MODSEQ they do not speak
    of flags, and prove nothing."""
    return (
        cursor.backfill_uid == 1
        and not cursor.is_due
        and status.highestmodseq is not None
        and (cursor.uidvalidity, cursor.uidnext, cursor.highestmodseq, cursor.total)
        == (status.uidvalidity, status.uidnext, status.highestmodseq, status.total)
    )


# | stored                     | SELECT says                    | steps                                     |      |
# |----------------------------|--------------------------------|-------------------------------------------|------|
# | nothing                    | anything                       | Begin, Backfill                           | Y28  |
# | UIDVALIDITY v              | another, higher or lower       | Relink, Backfill                          | Y51  |
# | UIDNEXT n                  | lower: UIDs were given again   | Relink, Backfill                          | Y54  |
# | rows in doubt              | same UIDVALIDITY               | CheckSample, CompareUids, SweepAll        | Y47 Y54 |
# | MODSEQ m                   | m, same UIDNEXT and EXISTS     | nothing                                   | Y34  |
# | MODSEQ m                   | m or higher                    | ReadChanges(m)                            | Y35 Y36 |
# | MODSEQ m, delta cut at c   | m or higher                    | ReadChanges(c)                            | Y43  |
# | MODSEQ m                   | no VANISHED, dUIDNEXT != dEXISTS | ReadChanges(m), CompareUids             | Y36  |
# | MODSEQ m                   | lower, or none                 | CheckSample, CompareUids, SweepAll        | Y38  |
# | no MODSEQ                  | one                            | CheckSample, CompareUids, SweepAll        | Y38  |
# | no MODSEQ                  | none, dUIDNEXT == dEXISTS      | ReadRange (when not empty), SweepWindow   | Y37  |
# | no MODSEQ                  | none, else                     | CompareUids, SweepWindow                  | Y37  |
# | a day since the last full comparison | (as above)           | as above, then CheckSample, CompareUids, SweepAll | Y44 |
# | listing incomplete         | (as above)                     | as above, then Backfill                   | Y32  |
def plan_mailbox(cursor: Cursor, server: ServerState) -> tuple[Step, ...]:
    """What a pass does with a selected mailbox."""
    if cursor.backfill_uid is None or cursor.uidvalidity is None:
        return Begin(), Backfill()
    if cursor.uidvalidity != server.uidvalidity or (cursor.uidnext or 0) > server.uidnext:
        return Relink(), Backfill()
    steps = _plan_delta(cursor, server)
    if cursor.backfill_uid > 1:
        return *steps, Backfill()
    if cursor.is_due and SweepAll() not in steps:
        # Only behind a delta that told all is a difference a repair.
        is_repair = cursor.highestmodseq is not None
        return *steps, CheckSample(), CompareUids(is_repair), SweepAll(is_repair)
    return steps


_COMPARE_ALL: tuple[Step, ...] = (CheckSample(), CompareUids(), SweepAll())


def _plan_delta(cursor: Cursor, server: ServerState) -> tuple[Step, ...]:
    if cursor.uidnext is None:
        return _COMPARE_ALL
    known, now = cursor.highestmodseq, server.highestmodseq
    arrived, grown = server.uidnext - cursor.uidnext, server.total - cursor.total
    if known is not None and now is not None and now >= known:
        if (arrived, grown, now) == (0, 0, known):
            return ()
        read = ReadChanges(min(cursor.since or known, now))
        return (read,) if server.tells_vanished or arrived == grown else (read, CompareUids())
    if known is not None or now is not None:
        return _COMPARE_ALL
    if arrived != grown or arrived > MAX_READ_RANGE:
        return CompareUids(), SweepWindow()
    # Every UID given out since is still there, so nothing else can have gone.
    if not arrived:
        return (SweepWindow(),)
    return ReadRange(cursor.uidnext, server.uidnext - 1), SweepWindow()


def is_reconciliation_due(mailbox_id: int, reconciled_at: float | None, now: float) -> bool:
    """Y44: whether a full comparison is due, by Unix seconds; None: there never was one."""
    wait_s = RECONCILE_EVERY_S + mailbox_id * 997 % RECONCILE_SPREAD_S
    return reconciled_at is None or now - reconciled_at >= wait_s


def is_unsteady(changed_at: Collection[float], now: float) -> bool:
    """Y53: whether UIDVALIDITY changes so often (in Unix seconds, this change included) that the mailbox is left alone."""
    return sum(now - moment < UIDVALIDITY_WINDOW_S for moment in changed_at) > MAX_UIDVALIDITY_CHANGES


# What to fetch next ---------------------------------------------------------------------------------------------------


def batches(uids: Sequence[int], *, is_first: bool = True) -> list[list[int]]:
    """Ascending UIDs as batches, newest first: a small one to have something to show, then larger ones."""
    left = list(uids)
    found = []
    size = FIRST_BATCH if is_first else NEXT_BATCH
    while left:
        found.append(left[-size:][::-1])
        del left[-size:]
        size = NEXT_BATCH
    return found


def uid_ranges(uids: Sequence[int], *, size: int = SWEEP_RANGE) -> list[tuple[int, int]]:
    """Ascending UIDs as (first, last) ranges of at most `size` messages, newest first."""
    return [(uids[max(0, end - size)], uids[end - 1]) for end in range(len(uids), 0, -size)]


def sweep_turns(swept_at: float | None, now: float) -> range:
    """The turns of the rotation that are due, by Unix seconds: those begun since `swept_at`, at most all of them."""
    last = int(now // SWEEP_TURN_S)
    first = last - SWEEP_TURNS if swept_at is None else int(swept_at // SWEEP_TURN_S)
    return range(max(first, last - SWEEP_TURNS) + 1, last + 1)


def sweep_ranges(uids: Sequence[int], *, turns: Collection[int]) -> list[tuple[int, int]]:
    """The UID ranges whose flags a pass without CONDSTORE looks at (Y37): the newest, and a slice of the others for each of
    `turns`. After `SWEEP_TURNS` of them, an hour, every message was looked at.
    """
    newest, others = uids[-SWEEP_NEWEST:], uids[:-SWEEP_NEWEST]
    found = uid_ranges(newest)
    if others:
        size = max(SWEEP_NEWEST, -(-len(others) // SWEEP_TURNS))
        slices = -(-len(others) // size)
        for start in sorted({turn % slices * size for turn in turns}, reverse=True):
            found += uid_ranges(others[start : start + size])
    return found


def checkpoints(modseqs: Sequence[int | None], *, size: int) -> list[tuple[int, int | None]]:
    """Changes by ascending MODSEQ as chunks of about `size`: the end of each (an index), and the MODSEQ up to which all is
    applied after it (Y43). Changes of one MODSEQ are never parted; None where the server gave one no MODSEQ."""
    found: list[tuple[int, int | None]] = []
    at = 0
    while at < len(modseqs):
        end = min(at + size, len(modseqs))
        while end < len(modseqs) and modseqs[end] == modseqs[end - 1]:
            end += 1
        found.append((end, modseqs[end - 1] if modseqs[0] else None))
        at = end
    return found


# What is gone ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Removals:
    """UIDs to remove now, and UIDs to mark: they go when a second pass misses them too."""

    apply: frozenset[int]
    hold: frozenset[int]


def is_mass(known: int, vanished: int) -> bool:
    """R81: so much at once may be a broken server."""
    return vanished > MASS_COUNT or vanished * MASS_SHARE > known


def decide_removals(known: int, vanished: Collection[int], marked: Collection[int]) -> Removals:
    """Which of the vanished UIDs to believe. `known`: how many there were; `marked`: missed by an earlier pass already.

    | vanished                     | before | decision |
    | at most 20 % and at most 500 | any    | apply    |
    | more                         | marked | apply    |
    | more                         | not    | hold     |
    """
    gone = frozenset(vanished)
    if not is_mass(known, len(gone)):
        return Removals(gone, frozenset())
    confirmed = gone & frozenset(marked)
    return Removals(confirmed, gone - confirmed)


def is_claim_doubtful(known: int, vanished: int, *, unknown: int = 0) -> bool:
    """Y46: whether a VANISHED is checked by UID SEARCH first: it would remove much, or it names what was never there.

    `known`: how many messages we hold; `vanished`: how many of them are named; `unknown`: how many UIDs are named that we
    should know and do not.
    """
    if not vanished:
        return False
    return unknown > 0 or (vanished > CLAIM_COUNT and vanished * CLAIM_SHARE > known)


def is_other_mail(sampled: int, others: int) -> bool:
    """Y54: whether UIDs mean other messages now, when so many of a sample differ. Finding each message again costs no id and
    no byte, so one is enough."""
    return sampled > 0 and others > 0


def is_search_true(found: int, exists: int) -> bool:
    """Y47: a UID SEARCH that names another number of messages than EXISTS is no fact."""
    return found == exists


# Keywords -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Merged:
    """What becomes of the user's keywords. The base is always what the server said."""

    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()
    now_local: frozenset[str] = frozenset()  # the server turns out not to hold them: kept here, marked so (Y65)
    now_remote: frozenset[str] = frozenset()  # it does now
    repaired: int = 0  # differences nobody can explain; the server won (Y63)

    def __bool__(self) -> bool:
        return bool(self.add or self.remove or self.now_local or self.now_remote)


# Per keyword; base = placement, truth = Email:
#
# | base | truth | server | pending | result                                                     |     |
# |------|-------|--------|---------|------------------------------------------------------------|-----|
# | x    | x     | x      | -       | nothing                                                    | Y58 |
# | x    | x     | y      | no      | truth takes y                                              | Y59 |
# | x    | y     | x      | yes     | truth stays y: the Action will tell the server             | Y60 |
# | x    | y     | y      | yes     | truth stays y: the Action has nothing to do                | Y61 |
# | x    | y     | x      | no      | sole placement: the server wins, counted; else truth stays | Y63 |
# | off  | on    | off    | no      | the server cannot hold it: stays, marked as local-only     | Y65 |
# | any  | on    | on     | no      | was local-only: the server holds it now                    | Y65 |
#
# An Email with several placements hears only of what changed at one of them: two copies with different flags would else
# take turns (sync section 4, "flickers").
def merge_keywords(
    *,
    base: frozenset[str],
    truth: frozenset[str],
    server: frozenset[str],
    pending: frozenset[str] = frozenset(),
    local_only: frozenset[str] = frozenset(),
    holdable: frozenset[str] | None = None,
    is_sole: bool = True,
) -> Merged:
    """`pending`: keywords that open Actions touch. `holdable`: all the server can hold, None when it takes any."""
    free = (truth | server | base) - pending
    if not is_sole:
        free &= base ^ server
    kept = truth & free & (local_only if holdable is None else local_only | (truth - holdable)) - server
    add = (server & free) - truth
    remove = (truth & free) - server - kept
    unexplained = (add | remove) - (base ^ server)
    return Merged(
        add=add,
        remove=remove,
        now_local=kept - local_only,
        now_remote=(local_only & server) - pending,
        repaired=len(unexplained),
    )
