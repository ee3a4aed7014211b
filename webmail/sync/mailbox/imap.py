"""One IMAP mailbox made equal to the server's: facts from the session, decisions from `sync.mailbox.plan`, rows by `sync.mailbox.placements`.

The order is the plan's. What a visit is and how it writes is in `sync.mailbox.imap_visit`; the steps are here and in `sync.mailbox.imap_deltas`
and `sync.mailbox.imap_relink`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import KeywordDelta, SelectedMailbox
from webmail.store.models import Mailbox
from webmail.sync import points
from webmail.sync.mailbox import imap_deltas, imap_relink, placements, plan
from webmail.sync.mailbox.imap_visit import Fence, MailboxResult, Visit

__all__ = ["Fence", "MailboxResult", "cursor_of", "raw_name_of", "sync_mailbox"]

BACKFILL_AT_ONCE = 20_000  # messages one listing names; then the slice looks whether it is over (Y33)


def raw_name_of(mailbox: Mailbox) -> bytes:
    """The mailbox's name as it goes on the wire. Bytes outside ASCII, which no server should send, map to Latin-1."""
    return mailbox.remote_name.encode("latin-1")


def cursor_of(mailbox: Mailbox) -> plan.Cursor:
    """What is stored of a mailbox."""
    reconciled_at = mailbox.reconciled_at.timestamp() if mailbox.reconciled_at else None
    return plan.Cursor(
        mailbox.uidvalidity,
        mailbox.uidnext,
        mailbox.highestmodseq,
        mailbox.remote_total,
        mailbox.backfill_uid,
        mailbox.delta_modseq,
        plan.is_reconciliation_due(mailbox.pk, reconciled_at, timezone.now().timestamp()),
    )


def sync_mailbox(
    session: ImapSession,
    mailbox: Mailbox,
    lease: Fence,
    *,
    deadline: float | None = None,
    may_backfill: bool = True,
) -> MailboxResult:
    """Make the rows of a mailbox those of the server, or come nearer until `deadline` (of `time.monotonic`).

    `may_backfill` False: the first listing does not go on; new mail and changes are taken over all the same. Safe to repeat
    at any point. Raises `DoubtfulAnswer` (`MailboxParked` too), `LeaseLost` and what the session raises; what was committed
    stays.
    """
    mailbox.refresh_from_db()
    imap_relink.refuse_parked(mailbox)
    cursor = cursor_of(mailbox)
    began_at = timezone.now()
    try:
        selected, delta = _select(session, mailbox, cursor)
    except PermanentlyRefused as error:
        if error.code == "UIDVALIDITY":
            imap_relink.note_trouble(mailbox, imap_relink.NO_UIDVALIDITY)
        raise
    points.reached("imap.selected")
    visit = Visit(
        session,
        mailbox,
        selected,
        lease,
        began_at=began_at,
        deadline=deadline,
        delta=delta,
        may_backfill=may_backfill,
    )
    server = plan.ServerState(
        selected.uidvalidity,
        selected.uidnext,
        selected.highestmodseq,
        selected.exists,
        tells_vanished=session.supports("QRESYNC"),
    )
    _carry_out(visit, plan.plan_mailbox(cursor, server))
    _check_count(visit)
    return visit.result()


def _select(session: ImapSession, mailbox: Mailbox, cursor: plan.Cursor) -> tuple[SelectedMailbox, KeywordDelta | None]:
    """SELECT; where the server can, with the changes in the same round trip (Y35)."""
    since = cursor.since
    if cursor.uidvalidity is None or cursor.uidnext is None or since is None or cursor.backfill_uid is None:
        return session.select(raw_name_of(mailbox)), None
    return session.select_changes(
        raw_name_of(mailbox), uidvalidity=cursor.uidvalidity, modseq=since, first_uid=cursor.backfill_uid
    )


def _carry_out(visit: Visit, steps: tuple[plan.Step, ...]) -> None:
    for step in steps:
        _HANDLERS[type(step)](visit, step)
        if visit.has_restarted:
            _backfill(visit, plan.Backfill())
            return


def _check_count(visit: Visit) -> None:
    """As many as the server says there are? A gap, or an expunge nobody told of, shows here (Y42, Y47)."""
    if not visit.mailbox.is_backfilled or visit.is_cut or visit.held_count or visit.has_compared:
        return
    visit.count_events()
    if placements.count_known(visit.mailbox) != visit.exists:
        imap_deltas.compare_uids(visit, plan.CompareUids())


class _Marks:
    """The place where the listing goes on, written with each batch."""

    def __init__(self, ends: Sequence[int]) -> None:
        self._ends = ends

    def __call__(self, number: int) -> Mapping[str, Any]:
        return {"backfill_uid": self._ends[number]}


# Steps ----------------------------------------------------------------------------------------------------------------


def _begin(visit: Visit, _: plan.Step) -> None:
    with transaction.atomic():
        visit.begin()
    points.reached("imap.begun")


def _backfill(visit: Visit, _: plan.Step) -> None:
    """List what lies below what is listed, newest first. The place where the next slice goes on is written with each batch
    (Y31)."""
    if visit.is_cut or not visit.may_backfill:
        return
    left = visit.search().within(1, visit.floor - 1) if visit.mailbox.backfill_uid else visit.search()
    while left and not visit.is_cut:
        uids = left.newest(BACKFILL_AT_ONCE)
        left = left.within(1, uids[0] - 1)
        batches = plan.batches(uids, is_first=visit.mailbox.backfill_uid is None)
        ends = [min(batch) for batch in batches]
        if not left:
            ends[-1] = 1
        visit.list_batches(batches, after=_Marks(ends))
        visit.is_cut |= bool(left) and visit.is_over()
    if visit.is_cut:
        return
    if not visit.mailbox.is_backfilled:  # there was nothing
        with transaction.atomic():
            visit.lease.check()
            visit.save(backfill_uid=1)
    visit.has_swept = visit.has_compared = True  # all was listed now: that is a comparison
    imap_relink.drop_detached(visit, is_confirmed=False)


_HANDLERS: Mapping[type, Callable[[Visit, Any], None]] = {
    plan.Begin: _begin,
    plan.Relink: lambda visit, _: imap_relink.relink(visit),
    plan.CheckSample: lambda visit, _: imap_relink.check_sample(visit),
    plan.Backfill: _backfill,
    plan.ReadChanges: imap_deltas.read_changes,
    plan.ReadRange: imap_deltas.read_range,
    plan.CompareUids: imap_deltas.compare_uids,
    plan.SweepAll: imap_deltas.sweep_all,
    plan.SweepWindow: imap_deltas.sweep_window,
}
