"""Telling an IMAP server what users did to Emails: keywords, moves, copies, deletions. Called by `sync.actions.replay`, in order.

Emails go in batches of UID ranges, each settled in one transaction (`ActionEmail.is_done`), so an Action on 20,000 is a
handful of commands and goes on where it was. Every step may run twice. Keywords and \\Deleted repeat themselves harmlessly. A
COPY is a phase of its own in `Action.progress`, by source mailbox, for the present batch (sync Y68, Y71):

    {}                                          nothing was sent
    {"uidnext": n, "uidvalidity": v}            the target's before the COPY or MOVE; copies are looked for from there on
    {"uidnext": n, "uidvalidity": v, "uids": …, "copied": […]} the COPY of these was answered

Decision on Y69: EXPUNGE and CLOSE are never sent, not even when nothing foreign is \\Deleted: another client may mark a message
between our look and the command. It must not decide what is tried again and what is taken back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.utils import timezone

from webmail import dispatch
from webmail.journal import entries
from webmail.journal.actions.move import drop_homeless, placed_in
from webmail.journal.models import Action, ActionEmail
from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.changing import StoreResult
from webmail.protocols.imap.flags import SYSTEM_KEYWORDS
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import CopyResult
from webmail.store import changes, emails
from webmail.store.models import Email, Mailbox, Placement
from webmail.store.sql import chunks, execute_many
from webmail.sync import points
from webmail.sync.actions.replay_places import (
    GIVE_UP_LOCATING,
    MAX_LOOKED_AT,
    Lying,
    astray,
    batches,
    but_lost,
    drop_step,
    find_by_identity,
    locate,
    lying_elsewhere,
    lying_in_all,
    lying_in_sources,
    missing_as_trycreate,
    not_there,
    save_step,
    select,
    still_there,
    wait_for_lost,
)
from webmail.sync.mailbox.imap import raw_name_of

KEYWORD_BATCH = 5_000  # Emails of one transaction and, when their UIDs adjoin, of one command
PLACE_BATCH = 2_000  # the same for moves, copies and deletions, whose rows cost more


# Keywords -------------------------------------------------------------------------------------------------------------


def replay_keywords(session: ImapSession, actions: Sequence[Action]) -> None:
    """+FLAGS and -FLAGS by UID for Actions that add and remove the same; what the server cannot hold stays ours (Y64, Y65).

    Raises `NotLocated`.
    """
    adding, removing = (frozenset(actions[0].arguments[key]) for key in ("add", "remove"))
    for rows in batches(actions, size=KEYWORD_BATCH):
        change = _KeywordStore(adding, removing)
        found = lying_in_all(session, rows)
        for lying in found:
            change.tell(session, actions[0], lying)
        lost = change.lost | astray(rows, found)
        with changes.recording(actions[0].account_id):
            change.write()
            entries.settle(but_lost(actions[0], rows, lost))
        wait_for_lost(actions[0], lost)
    for action in actions:
        entries.mark_done(action)


class _KeywordStore:
    """What one batch has told the server, and what the server made of it."""

    def __init__(self, adding: frozenset[str], removing: frozenset[str]) -> None:
        self._adding, self._removing = adding, removing
        self._bases: list[tuple[str, int | None, int]] = []
        self._held: dict[int, frozenset[str]] = defaultdict(frozenset)  # of what is added, by Email
        self._missed: set[int] = set()  # Emails that a mailbox did not take everything for
        self.lost: set[int] = set()  # Emails that are no more where we thought

    def tell(self, session: ImapSession, action: Action, lying: Lying) -> None:
        lacking = [row for row in lying.placements if self._has_something_to_do(row)]
        for row in lying.placements:
            if not self._has_something_to_do(row):
                self._held[row.email_id or 0] |= self._adding
        if not lacking:
            return  # the server holds it so already (Y61)
        by_uid = select(session, action, Lying(lying.mailbox, lacking))
        adding, removing = _can_hold(session, self._adding), _can_hold(session, self._removing)
        result = session.store_keywords(list(by_uid), add=adding, remove=removing) if by_uid else StoreResult()
        gone = not_there(session, by_uid.keys() - result.modseqs.keys())
        self.lost |= {by_uid[uid].email_id or 0 for uid in gone}
        for uid, row in by_uid.items():
            if uid in gone:
                continue
            added = adding - result.dropped.get(uid, frozenset())
            base = (frozenset(row.keywords.split()) | added) - removing
            self._bases.append((" ".join(sorted(base)), result.modseqs.get(uid), row.pk))
            self._held[row.email_id or 0] |= added
            if added != self._adding:
                self._missed.add(row.email_id or 0)

    def _has_something_to_do(self, row: Placement) -> bool:
        base = frozenset(row.keywords.split())
        return bool(self._adding - base or self._removing & base)

    def write(self) -> None:
        """The base is what the server now has; its MODSEQ too, so our own change is no news (Y64)."""
        execute_many(
            "UPDATE store_placement SET keywords = %s, modseq = COALESCE(%s, modseq) WHERE id = %s", self._bases
        )
        marks = []
        for email_id, held in self._held.items():
            # An Email in two mailboxes: local only when neither can hold the keyword.
            if email_id in self._missed:
                marks += [(True, email_id, word) for word in self._adding - held]
            if held - SYSTEM_KEYWORDS:
                marks += [(False, email_id, word) for word in held - SYSTEM_KEYWORDS]
        execute_many("UPDATE store_emailkeyword SET is_local_only = %s WHERE email_id = %s AND keyword = %s", marks)


def _can_hold(session: ImapSession, keywords: frozenset[str]) -> frozenset[str]:
    """Those of the keywords that the selected mailbox can hold."""
    selected = session.selected
    if selected is None or selected.can_create_keywords:
        return keywords
    return keywords & (SYSTEM_KEYWORDS | selected.permanent_keywords)


# Moving and copying ---------------------------------------------------------------------------------------------------


def replay_move(session: ImapSession, action: Action) -> None:
    """UID MOVE, or COPY and deletion where the server has no MOVE (Y67, Y68). Raises `NotLocated`."""
    target = _target(action)
    for rows in batches([action], size=PLACE_BATCH):
        found = lying_in_sources(session, rows)
        placed = {row.email_id for lying in found for row in lying.placements}
        gone = [row for row in rows if row.email_id not in placed]
        if gone:
            locate(session, (row.email_id for row in gone), target)
            arrived = placed_in({row.email_id for row in gone}, target.pk)
            found += lying_elsewhere([row for row in gone if row.email_id not in arrived], target)
        lost = astray(rows, found, but=target)
        for lying in found:
            lost |= _move_from(session, action, lying, target, rows)
        _settle_rest(action, target, but_lost(action, rows, lost))
        wait_for_lost(action, lost)
    entries.mark_done(action)
    dispatch.wake("sync.mailbox", target.pk)


def _move_from(
    session: ImapSession, action: Action, lying: Lying, target: Mailbox, rows: Sequence[ActionEmail]
) -> set[int]:
    """Returns the Emails that were not there any more, and are not in the target either."""
    by_uid = select(session, action, lying)
    present = still_there(session, action, by_uid)
    moving = {uid: by_uid[uid] for uid in present}
    if session.supports("MOVE"):
        result = _move_once(session, action, lying, moving, target)
        missing = _not_copied(session, present, result)
    else:
        result = _copy_once(session, action, lying, moving, target)
        missing = not_there(session, _not_copied(session, present, result))
        _remove(session, present)
    leaves_deleted = not session.supports("MOVE") and not session.supports("UIDPLUS")
    missing |= by_uid.keys() - set(present)
    lost: set[int] = set()
    if missing:  # an earlier try moved them, and its answer was lost; or another client was quicker (Y74)
        ids = {by_uid[uid].email_id or 0 for uid in missing}
        locate(session, ids, target)
        lost = ids - placed_in(ids, target.pk) if action.attempts < GIVE_UP_LOCATING else set()
    moved = Lying(lying.mailbox, [row for row in lying.placements if row.email_id not in lost])
    kept = {row.email_id or 0 for row in moved.placements}
    mine = [row for row in rows if row.email_id in kept and not row.is_done and row.source_id == lying.mailbox.pk]
    _settle_move(action, moved, target, result, hidden=present if leaves_deleted else (), rows=mine)
    return lost


def _not_copied(session: ImapSession, uids: Collection[int], result: CopyResult | None) -> set[int]:
    """What COPYUID does not name: a server takes a UID that is gone for nothing to do, and says OK."""
    if not session.supports("UIDPLUS"):
        return set()  # there we have looked before
    return set(uids) - (result.uids.keys() if result is not None else set())


def _move_once(
    session: ImapSession, action: Action, lying: Lying, by_uid: Mapping[int, Placement], target: Mailbox
) -> CopyResult | None:
    """MOVE. Without COPYUID the new UIDs are found from the target's UIDNEXT of before on (Y70)."""
    step = action.progress.get(str(lying.mailbox.pk), {})
    if not session.supports("UIDPLUS") and "uidnext" not in step:
        with missing_as_trycreate(session, target):
            status = session.status(raw_name_of(target))
        step = {"uidnext": status.uidnext, "uidvalidity": status.uidvalidity}
        save_step(action, lying.mailbox, **step)
    result = session.move(list(by_uid), raw_name_of(target)) if by_uid else None
    if result is not None or "uidnext" not in step:
        return result
    return CopyResult(step["uidvalidity"], _copies_made(session, lying.by_uid(), target, since_uid=step["uidnext"]))


def _settle_rest(action: Action, target: Mailbox, rows: Sequence[ActionEmail]) -> None:
    """What lies in no source any more has nothing to be done to. What is in the target neither is shown there no more, and
    goes unless a pass finds it again (Y49, Y74)."""
    with changes.recording(action.account_id) as record:
        ids = {row.email_id for row in rows}
        lost = ids - placed_in(ids, target.pk)
        if lost and target.source == Mailbox.Source.REMOTE and target.remote_name:
            _forget_arrival(record, lost, target)
        entries.settle(rows)


def _forget_arrival(record: changes.Record, email_ids: Collection[int], target: Mailbox) -> None:
    placed: set[int | None] = set()
    for chunk in chunks(email_ids):
        placed |= set(Placement.objects.filter(email_id__in=chunk).values_list("email_id", flat=True))
    # Those with no place at all stay to be seen until a complete pass has missed them too.
    emails.remove_from_mailbox(record, [pk for pk in email_ids if pk in placed], target.pk)
    for chunk in chunks(pk for pk in email_ids if pk not in placed):
        Email.objects.filter(pk__in=chunk, orphaned_at=None).update(orphaned_at=timezone.now())


def replay_copy(session: ImapSession, action: Action) -> None:
    """UID COPY, of each Email from one of its places. Raises `NotLocated`."""
    target = _target(action)
    for rows in batches([action], size=PLACE_BATCH):
        found = lying_in_all(session, rows, but=target)
        lost = astray(rows, found, but=target)
        for lying in _one_place_each(found):
            lost |= _copy_from(session, action, lying, target, rows)
        _settle_rest(action, target, but_lost(action, rows, lost))
        wait_for_lost(action, lost)
    entries.mark_done(action)
    dispatch.wake("sync.mailbox", target.pk)


def _copy_from(
    session: ImapSession, action: Action, lying: Lying, target: Mailbox, rows: Sequence[ActionEmail]
) -> set[int]:
    """Returns the Emails that were not there any more."""
    by_uid = select(session, action, lying)
    present = still_there(session, action, by_uid)
    copying = {uid: by_uid[uid] for uid in present}
    result = _copy_once(session, action, lying, copying, target) if copying else None
    missing = not_there(session, _not_copied(session, present, result)) | (by_uid.keys() - set(present))
    lost = {by_uid[uid].email_id or 0 for uid in missing} if action.attempts < GIVE_UP_LOCATING else set()
    with changes.recording(action.account_id):
        _settle_copy(lying, target, result)
        ids = {row.email_id for row in lying.placements} - lost
        entries.settle([row for row in rows if row.email_id in ids])
        drop_step(action, lying.mailbox)
    return lost


def _target(action: Action) -> Mailbox:
    if action.mailbox is None or not action.mailbox.remote_name:
        raise PermanentlyRefused("the mailbox it should go to is not on the server")
    return action.mailbox


def _one_place_each(lyings: Sequence[Lying]) -> list[Lying]:
    """For copies: one place of each Email to copy from."""
    seen: set[int | None] = set()
    chosen = []
    for lying in lyings:
        fresh = [place for place in lying.placements if place.email_id not in seen]
        seen |= {place.email_id for place in fresh}
        if fresh:
            chosen.append(Lying(lying.mailbox, fresh))
    return chosen


def _copy_once(
    session: ImapSession, action: Action, lying: Lying, by_uid: Mapping[int, Placement], target: Mailbox
) -> CopyResult | None:
    """COPY as a phase of its own: a repeated try looks into the target first, so nothing is copied twice (Y68, Y71)."""
    step = action.progress.get(str(lying.mailbox.pk), {})
    found: dict[int, int] = {}
    if "uids" in step:
        found, uidvalidity = {int(old): new for old, new in step["uids"].items()}, step["uidvalidity"]
    elif "uidnext" in step:
        found = _copies_made(session, by_uid, target, since_uid=step["uidnext"])
        session.select(raw_name_of(lying.mailbox))
        uidvalidity = step["uidvalidity"]
    else:
        with missing_as_trycreate(session, target):
            status = session.status(raw_name_of(target))
        uidvalidity = status.uidvalidity
        save_step(action, lying.mailbox, uidnext=status.uidnext, uidvalidity=uidvalidity)
    copied = set(step.get("copied", ()))
    missing = [uid for uid in by_uid if uid not in found and uid not in copied]
    result = session.copy(missing, raw_name_of(target)) if missing else None
    if result is not None:
        # A target made anew in between: the older finds mean nothing, the next pass relinks them.
        found = {**(found if result.uidvalidity == uidvalidity else {}), **result.uids}
        uidvalidity = result.uidvalidity
    uids = {str(old): new for old, new in found.items()}
    # Without COPYUID they are known to be copied, and not where to: the next pass relinks them (Y70).
    save_step(action, lying.mailbox, uidvalidity=uidvalidity, uids=uids, copied=sorted(copied | set(by_uid)))
    return CopyResult(uidvalidity, found)


def _copies_made(
    session: ImapSession, by_uid: Mapping[int, Placement], target: Mailbox, *, since_uid: int
) -> dict[int, int]:
    """The copies that a try before this one made: messages at or above the UIDNEXT of then, known by fingerprint or
    Message-ID (Y70). Source UID to UID in the target."""
    session.select(raw_name_of(target), read_only=True)
    fresh = [uid for uid in session.search_uids() if uid >= since_uid][:MAX_LOOKED_AT]
    known = Email.objects.in_bulk([row.email_id for row in by_uid.values() if row.email_id])
    wanted = {uid: known.get(row.email_id or 0) for uid, row in by_uid.items()}
    return {uid: row.uid for uid, row in find_by_identity(session, fresh, wanted).items()}


def _remove(session: ImapSession, uids: list[int]) -> None:
    """Delete by UID. Without UIDPLUS they stay \\Deleted and hidden: a bare EXPUNGE takes foreign ones too (Y69)."""
    if not uids:
        return
    session.mark_deleted(uids)
    if session.supports("UIDPLUS"):
        session.expunge(uids)


def _settle_move(
    action: Action,
    lying: Lying,
    target: Mailbox,
    result: CopyResult | None,
    *,
    hidden: Collection[int],
    rows: Sequence[ActionEmail],
) -> None:
    """Write where the Emails lie now. Without COPYUID the next pass of the target finds them by identity (Y70).

    `hidden`: UIDs that stay in the source as \\Deleted.
    """
    with changes.recording(action.account_id) as record:
        _settle_copy(lying, target, result)
        stays = [placement.pk for placement in lying.placements if placement.uid in hidden]
        for chunk in chunks(stays):
            Placement.objects.filter(pk__in=chunk).update(is_deleted=True)
        for chunk in chunks({placement.pk for placement in lying.placements} - set(stays)):
            Placement.objects.filter(pk__in=chunk).delete()
        if lying.mailbox.pk not in {row.source_id for row in rows}:
            # Another client had put them there: what people see follows (Y74).
            emails.remove_from_mailbox(record, [row.email_id or 0 for row in lying.placements], lying.mailbox.pk)
        entries.settle(rows)
        drop_step(action, lying.mailbox)


def _settle_copy(lying: Lying, target: Mailbox, result: CopyResult | None) -> None:
    """New placements in the target, but for those that a quicker pass has stored."""
    if result is None:
        return
    Placement.objects.bulk_create(
        (
            Placement(
                mailbox=target,
                email_id=placement.email_id,
                uidvalidity=result.uidvalidity,
                uid=result.uids[placement.uid],
                keywords=placement.keywords,
            )
            for placement in lying.placements
            if placement.uid in result.uids
        ),
        ignore_conflicts=True,
    )


# Deleting -------------------------------------------------------------------------------------------------------------


def replay_destroy(session: ImapSession, action: Action) -> None:
    """\\Deleted and UID EXPUNGE in every source; then the rows go. Raises `NotLocated`."""
    for rows in batches([action], size=PLACE_BATCH):
        for lying in lying_in_sources(session, rows):
            _take_out_of(session, action, lying, rows)
        entries.settle([row for row in rows if not row.is_done])
    finish_destroy(action)


def take_out(session: ImapSession, action: Action, rows: Sequence[ActionEmail], target: Mailbox) -> None:
    """Remove Emails that have arrived in another account: from their sources, or from where another client has put them since
    (Y74). Settles the rows. Raises `NotLocated`."""
    found = lying_in_sources(session, rows)
    placed = {row.email_id for lying in found for row in lying.placements}
    found += lying_elsewhere([row for row in rows if row.email_id not in placed], target)
    for lying in found:
        _take_out_of(session, action, lying, rows)
    entries.settle([row for row in rows if not row.is_done])


def _take_out_of(session: ImapSession, action: Action, lying: Lying, rows: Sequence[ActionEmail]) -> None:
    by_uid = select(session, action, lying)
    _remove(session, still_there(session, action, by_uid))
    points.reached("replay.removed")
    with changes.recording(action.account_id) as record:
        for chunk in chunks(placement.pk for placement in lying.placements):
            gone = Placement.objects.filter(pk__in=chunk)
            if session.supports("UIDPLUS"):
                gone.delete()
            else:
                gone.update(is_deleted=True)
        ids = {row.email_id or 0 for row in lying.placements}
        if lying.mailbox.pk not in {row.source_id for row in rows}:
            emails.remove_from_mailbox(record, ids, lying.mailbox.pk)
        entries.settle([row for row in rows if row.email_id in ids and row.source_id == lying.mailbox.pk])


def finish_destroy(action: Action) -> None:
    """The Action is done, and the rows of Emails that are in no mailbox any more go."""
    with changes.recording(action.account_id) as record:
        entries.mark_done(action)
        drop_homeless(record, action)
