"""Telling an IMAP server what users did to Emails: keywords, moves, copies, deletions. Called by `sync.replay`, in order.

Every step may run twice. Keywords and \\Deleted repeat themselves harmlessly. A COPY is a phase of its own in
`Action.progress`, by source mailbox (sync Y68, Y71):

    {}                               nothing was sent
    {"uidnext": n}                   the target's UIDNEXT before the COPY; after a cut, copies are looked for from there on
    {"uidnext": n, "uids": {...}}    the COPY was answered
    {..., "is_settled": true}        this source is finished

Foreign \\Deleted messages are never expunged (Y69). It must not decide what is tried again and what is taken back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from webmail import dispatch
from webmail.journal import entries
from webmail.journal.actions.keywords import undo_keywords
from webmail.journal.actions.move import undo_move
from webmail.journal.models import Action
from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import CopyResult
from webmail.store import changes, emails
from webmail.store.models import EmailKeyword, Mailbox, Placement
from webmail.sync.imap import raw_name_of
from webmail.sync.replay_places import (
    Lying,
    find_by_identity,
    lying_in_all,
    lying_in_sources,
    save_step,
    select,
    source_pairs,
    still_there,
)

SYSTEM_KEYWORDS = frozenset({"$seen", "$flagged", "$answered", "$draft"})


# Keywords -------------------------------------------------------------------------------------------------------------


def replay_keywords(session: ImapSession, action: Action) -> None:
    """+FLAGS and -FLAGS by UID; what the server cannot hold stays ours (Y64, Y65). Raises `NotLocated`."""
    adding, removing = set(action.arguments["add"]), set(action.arguments["remove"])
    done: list[tuple[Placement, set[str], set[str]]] = []
    local_only: dict[int, set[str]] = {}
    for lying in lying_in_all(session, action):
        by_uid = select(session, action, lying)
        can_hold = _can_hold(session, adding | removing)
        if by_uid:
            session.store_keywords(list(by_uid), add=adding & can_hold, remove=removing & can_hold)
        for placement in by_uid.values():
            done.append((placement, adding & can_hold, removing & can_hold))
            refused = adding - can_hold
            # An Email in two mailboxes: local only when neither can hold the keyword.
            email_id = placement.email_id or 0
            local_only[email_id] = local_only.get(email_id, refused) & refused
    with changes.recording(action.account_id):
        for placement, added, removed in done:
            base = (set(placement.keywords.split()) | added) - removed
            Placement.objects.filter(pk=placement.pk).update(keywords=" ".join(sorted(base)))
        for email_id, keywords in local_only.items():
            EmailKeyword.objects.filter(email_id=email_id, keyword__in=keywords).update(is_local_only=True)
        entries.mark_done(action)


def _can_hold(session: ImapSession, keywords: set[str]) -> set[str]:
    """Those of the keywords that the selected mailbox can hold."""
    selected = session.selected
    if selected is None or selected.can_create_keywords:
        return keywords
    return keywords & (SYSTEM_KEYWORDS | selected.permanent_keywords)


# Moving and copying ---------------------------------------------------------------------------------------------------


def replay_move(session: ImapSession, action: Action) -> None:
    """UID MOVE, or COPY and deletion where the server has no MOVE (Y67, Y68). Raises `NotLocated`."""
    target = _target(action)
    for lying in lying_in_sources(session, action):
        by_uid = select(session, action, lying)
        present = still_there(session, action, by_uid)
        if session.supports("MOVE"):
            result = session.move(present, raw_name_of(target)) if present else None
        else:
            result = _copy_once(session, action, lying, {uid: by_uid[uid] for uid in present}, target)
            _remove(session, present)
        leaves_deleted = not session.supports("MOVE") and not session.supports("UIDPLUS")
        _settle_move(action, lying, target, result, hidden=present if leaves_deleted else ())
    entries.mark_done(action)
    dispatch.wake("sync.mailbox", target.pk)


def replay_copy(session: ImapSession, action: Action) -> None:
    """UID COPY, of each Email from one of its places. Raises `NotLocated`."""
    target = _target(action)
    for lying in _one_place_each(lying_in_all(session, action, but=target)):
        by_uid = select(session, action, lying)
        if by_uid:
            result = _copy_once(session, action, lying, by_uid, target)
            _settle_copy(lying, target, result)
    entries.mark_done(action)
    dispatch.wake("sync.mailbox", target.pk)


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
    if "uids" in step:
        return _copied(step)
    found: dict[int, int] = {}
    if "uidnext" in step:
        found = _copies_made(session, by_uid, target, since_uid=step["uidnext"])
        session.select(raw_name_of(lying.mailbox))
        uidvalidity = step["uidvalidity"]
    else:
        status = session.status(raw_name_of(target))
        uidvalidity = status.uidvalidity
        save_step(action, lying.mailbox, uidnext=status.uidnext, uidvalidity=uidvalidity)
    missing = [uid for uid in by_uid if uid not in found]
    result = session.copy(missing, raw_name_of(target)) if missing else None
    if result is not None:
        # A target made anew in between: the older finds mean nothing, the next pass relinks them.
        found = {**(found if result.uidvalidity == uidvalidity else {}), **result.uids}
        uidvalidity = result.uidvalidity
    uids = {str(old): new for old, new in found.items()}
    save_step(action, lying.mailbox, uidvalidity=uidvalidity, uids=uids)
    return CopyResult(uidvalidity, found)


def _copied(step: Mapping[str, Any]) -> CopyResult:
    return CopyResult(step["uidvalidity"], {int(old): new for old, new in step["uids"].items()})


def _copies_made(
    session: ImapSession, by_uid: Mapping[int, Placement], target: Mailbox, *, since_uid: int
) -> dict[int, int]:
    """The copies that a try before this one made: messages at or above the UIDNEXT of then, known by fingerprint or
    Message-ID (Y70). Source UID to UID in the target."""
    session.select(raw_name_of(target), read_only=True)
    fresh = [uid for uid in session.search_uids() if uid >= since_uid]
    wanted = {uid: placement.email for uid, placement in by_uid.items()}
    return {uid: row.uid for uid, row in find_by_identity(session, fresh, wanted).items()}


def _remove(session: ImapSession, uids: list[int]) -> None:
    """Delete by UID. Without UIDPLUS they stay \\Deleted and hidden: a bare EXPUNGE takes foreign ones too (Y69)."""
    if not uids:
        return
    session.mark_deleted(uids)
    if session.supports("UIDPLUS"):
        session.expunge(uids)


def _settle_move(
    action: Action, lying: Lying, target: Mailbox, result: CopyResult | None, *, hidden: Collection[int]
) -> None:
    """Write where the Emails lie now. Without COPYUID the next pass of the target finds them by identity (Y70).

    `hidden`: UIDs that stay in the source as \\Deleted.
    """
    with changes.recording(action.account_id):
        _settle_copy(lying, target, result)
        stays = [placement.pk for placement in lying.placements if placement.uid in hidden]
        Placement.objects.filter(pk__in=stays).update(is_deleted=True)
        Placement.objects.filter(pk__in={placement.pk for placement in lying.placements} - set(stays)).delete()
        save_step(action, lying.mailbox, is_settled=True)


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
    for lying in lying_in_sources(session, action):
        by_uid = select(session, action, lying)
        _remove(session, still_there(session, action, by_uid))
        gone = Placement.objects.filter(pk__in=[placement.pk for placement in lying.placements])
        with changes.recording(action.account_id):
            if session.supports("UIDPLUS"):
                gone.delete()
            else:
                gone.update(is_deleted=True)
            save_step(action, lying.mailbox, is_settled=True)
    finish_destroy(action)


def finish_destroy(action: Action) -> None:
    """The Action is done, and the rows of Emails that are in no mailbox any more go."""
    with changes.recording(action.account_id) as record:
        entries.mark_done(action)
        ids = set(action.emails.values_list("email_id", flat=True))
        alive = set(emails.memberships(ids)) | entries.held_emails(ids)
        placed = Placement.objects.filter(email__action_rows__action=action, uid__isnull=False)
        alive |= set(placed.values_list("email_id", flat=True))
        emails.destroy_emails(record, ids - alive)


# Refused --------------------------------------------------------------------------------------------------------------


def take_back(action: Action) -> None:
    """Put the rows back where they were, but for what the server did before it refused the rest."""
    if action.kind == Action.Kind.KEYWORDS:
        undo_keywords(action)
        return
    with changes.recording(action.account_id) as record:
        undo_move(action)
        settled: dict[int, list[int]] = defaultdict(list)
        for email_id, mailbox_id in source_pairs(action, are_settled=True):
            settled[mailbox_id].append(email_id)
        for mailbox_id, email_ids in settled.items():
            emails.remove_from_mailbox(record, email_ids, mailbox_id)
        if action.mailbox is not None:
            # Those that lie in the target on the server: moved already, or there from the beginning.
            there = Placement.objects.filter(
                email__action_rows__action=action, mailbox=action.mailbox, is_deleted=False
            ).exclude(uidvalidity__lt=0)
            emails.add_to_mailbox(record, there.values_list("email_id", flat=True).distinct(), action.mailbox.pk)
