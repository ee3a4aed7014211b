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
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from webmail import dispatch
from webmail.journal import entries
from webmail.journal.actions.keywords import undo_keywords
from webmail.journal.actions.move import undo_move
from webmail.journal.models import Action
from webmail.mime.headers import parse_list_headers
from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import CopyResult, ListData
from webmail.store import changes, emails
from webmail.store.ingest import NewEmail, Place, fingerprint_of
from webmail.store.models import Email, EmailKeyword, Mailbox, Placement
from webmail.sync.errors import SyncError
from webmail.sync.imap import raw_name_of

SYSTEM_KEYWORDS = frozenset({"$seen", "$flagged", "$answered", "$draft"})
GIVE_UP_LOCATING = 6  # tries after which an Email without a place on the server is nobody's task any more

Pair = tuple[int, int]  # email id, mailbox id


class NotLocated(SyncError):
    """An Email's place on the server is not known yet: the next pass finds it."""


# Where Emails lie -----------------------------------------------------------------------------------------------------


@dataclass
class _Lying:
    """The placements of an Action's Emails in one mailbox."""

    mailbox: Mailbox
    placements: list[Placement] = field(default_factory=list)


def _lying_in_all(action: Action) -> list[_Lying]:
    """All places of the Action's Emails, by mailbox."""
    rows = Placement.objects.filter(email__action_rows__action=action, uid__isnull=False)
    return _by_mailbox(rows.select_related("mailbox", "email").distinct())


def _lying_in_sources(action: Action) -> list[_Lying]:
    """The places the Action takes its Emails out of, by mailbox; without the mailboxes an earlier try has finished."""
    wanted = _source_pairs(action)
    rows = Placement.objects.filter(
        email_id__in={email_id for email_id, _ in wanted},
        mailbox_id__in={mailbox_id for _, mailbox_id in wanted},
        uid__isnull=False,
    ).select_related("mailbox", "email")
    found = [row for row in rows if (row.email_id, row.mailbox_id) in wanted]
    _require_located(action, wanted - {(row.email_id or 0, row.mailbox_id) for row in found})
    return _by_mailbox(found)


def _source_pairs(action: Action, *, are_settled: bool = False) -> set[Pair]:
    """Which Email leaves which mailbox; either what is still to be done, or what is finished."""
    settled = {int(key) for key, step in action.progress.items() if step.get("is_settled")}
    rows = action.emails.filter(source__isnull=False).values_list("email_id", "source_id")
    return {(email_id, source_id) for email_id, source_id in rows if (source_id in settled) is are_settled}


def _by_mailbox(placements: Iterable[Placement]) -> list[_Lying]:
    found: dict[int, _Lying] = {}
    for placement in placements:
        found.setdefault(placement.mailbox_id, _Lying(placement.mailbox)).placements.append(placement)
    return list(found.values())


def _require_located(action: Action, unplaced: Collection[Pair]) -> None:
    """Raises `NotLocated` when one of these (Email, mailbox) may still turn up. What a pass since then has not found is
    gone from the server, and there is nothing to do for it (Y74)."""
    if action.attempts >= GIVE_UP_LOCATING or not unplaced:
        return
    boxes = Mailbox.objects.filter(pk__in={mailbox_id for _, mailbox_id in unplaced}, source=Mailbox.Source.REMOTE)
    waiting = [box for box in boxes if box.remote_name and (box.synced_at is None or box.synced_at < action.created_at)]
    for box in waiting:
        dispatch.wake("sync.mailbox", box.pk)
    if waiting:
        raise NotLocated("the message has not been found on the server yet")


def _select(session: ImapSession, action: Action, lying: _Lying) -> dict[int, Placement]:
    """Open the mailbox; the placements by UID, those whose UIDs still mean what they meant (UIDVALIDITY unchanged)."""
    selected = session.select(raw_name_of(lying.mailbox))
    valid = {
        placement.uid: placement
        for placement in lying.placements
        if placement.uid is not None and placement.uidvalidity == selected.uidvalidity
    }
    if len(valid) < len(lying.placements) and action.attempts < GIVE_UP_LOCATING:
        dispatch.wake("sync.mailbox", lying.mailbox.pk)
        raise NotLocated(f"{lying.mailbox.name} was made anew on the server")
    return valid


def _still_there(session: ImapSession, action: Action, by_uid: Mapping[int, Placement]) -> list[int]:
    """The UIDs to act on in the selected mailbox. After a try that was cut, those that are gone are done already."""
    if action.attempts <= 1:
        return list(by_uid)
    present = set(session.search_uids())
    return [uid for uid in by_uid if uid in present]


def _save_step(action: Action, mailbox: Mailbox, **values: Any) -> None:
    key = str(mailbox.pk)
    entries.save_progress(action, {**action.progress, key: {**action.progress.get(key, {}), **values}})


# Keywords -------------------------------------------------------------------------------------------------------------


def replay_keywords(session: ImapSession, action: Action) -> None:
    """+FLAGS and -FLAGS by UID; what the server cannot hold stays ours (Y64, Y65). Raises `NotLocated`."""
    adding, removing = set(action.arguments["add"]), set(action.arguments["remove"])
    places = _lying_in_all(action)
    placed = {placement.email_id for lying in places for placement in lying.placements}
    members = emails.memberships(action.emails.values_list("email_id", flat=True))
    _require_located(action, [(pk, box) for pk, boxes in members.items() if pk not in placed for box in boxes])
    done: list[tuple[Placement, set[str], set[str]]] = []
    local_only: dict[int, set[str]] = {}
    for lying in places:
        by_uid = _select(session, action, lying)
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
    for lying in _lying_in_sources(action):
        by_uid = _select(session, action, lying)
        present = _still_there(session, action, by_uid)
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
    for lying in _one_place_each(action):
        by_uid = _select(session, action, lying)
        if by_uid:
            result = _copy_once(session, action, lying, by_uid, target)
            _settle_copy(lying, target, result)
    entries.mark_done(action)
    dispatch.wake("sync.mailbox", target.pk)


def _target(action: Action) -> Mailbox:
    if action.mailbox is None or not action.mailbox.remote_name:
        raise PermanentlyRefused("the mailbox it should go to is not on the server")
    return action.mailbox


def _one_place_each(action: Action) -> list[_Lying]:
    """For copies: one place of each Email to copy from."""
    seen: set[int] = set()
    chosen = []
    for lying in _lying_in_all(action):
        fresh = [place for place in lying.placements if place.email_id not in seen and not place.is_deleted]
        if fresh and lying.mailbox != action.mailbox:
            seen |= {place.email_id for place in fresh if place.email_id}
            chosen.append(_Lying(lying.mailbox, fresh))
    members = emails.memberships(set(action.emails.values_list("email_id", flat=True)) - seen)
    unplaced = [(pk, box) for pk, boxes in members.items() for box in boxes if box != action.mailbox_id]
    _require_located(action, unplaced)
    return chosen


def _copy_once(
    session: ImapSession, action: Action, lying: _Lying, by_uid: Mapping[int, Placement], target: Mailbox
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
        _save_step(action, lying.mailbox, uidnext=status.uidnext, uidvalidity=uidvalidity)
    missing = [uid for uid in by_uid if uid not in found]
    result = session.copy(missing, raw_name_of(target)) if missing else None
    if result is not None:
        # A target made anew in between: the older finds mean nothing, the next pass relinks them.
        found = {**(found if result.uidvalidity == uidvalidity else {}), **result.uids}
        uidvalidity = result.uidvalidity
    uids = {str(old): new for old, new in found.items()}
    _save_step(action, lying.mailbox, uidvalidity=uidvalidity, uids=uids)
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
    waiting: dict[object, list[int]] = defaultdict(list)
    for row in session.fetch_list_data(fresh) if fresh else ():
        for mark in _marks_of_row(row, target):
            waiting[mark].append(row.uid)
    found: dict[int, int] = {}
    for uid, placement in by_uid.items():
        taken = set(found.values())
        candidates = [new for mark in _marks(placement.email) for new in waiting[mark] if new not in taken]
        if candidates:
            found[uid] = candidates[0]
    return found


def _marks_of_row(row: ListData, target: Mailbox) -> list[object]:
    headers = parse_list_headers(row.header)
    item = NewEmail(headers, row.internal_date, row.size_bytes, Place(target.pk))
    return [fingerprint_of(item), headers.message_id or None]


def _marks(email: Email | None) -> list[object]:
    if email is None:
        return []
    return [email.fingerprint, email.message_id] if email.message_id else [email.fingerprint]


def _remove(session: ImapSession, uids: list[int]) -> None:
    """Delete by UID. Without UIDPLUS they stay \\Deleted and hidden: a bare EXPUNGE takes foreign ones too (Y69)."""
    if not uids:
        return
    session.mark_deleted(uids)
    if session.supports("UIDPLUS"):
        session.expunge(uids)


def _settle_move(
    action: Action, lying: _Lying, target: Mailbox, result: CopyResult | None, *, hidden: Collection[int]
) -> None:
    """Write where the Emails lie now. Without COPYUID the next pass of the target finds them by identity (Y70).

    `hidden`: UIDs that stay in the source as \\Deleted.
    """
    with changes.recording(action.account_id):
        _settle_copy(lying, target, result)
        stays = [placement.pk for placement in lying.placements if placement.uid in hidden]
        Placement.objects.filter(pk__in=stays).update(is_deleted=True)
        Placement.objects.filter(pk__in={placement.pk for placement in lying.placements} - set(stays)).delete()
        _save_step(action, lying.mailbox, is_settled=True)


def _settle_copy(lying: _Lying, target: Mailbox, result: CopyResult | None) -> None:
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
    for lying in _lying_in_sources(action):
        by_uid = _select(session, action, lying)
        _remove(session, _still_there(session, action, by_uid))
        gone = Placement.objects.filter(pk__in=[placement.pk for placement in lying.placements])
        with changes.recording(action.account_id):
            if session.supports("UIDPLUS"):
                gone.delete()
            else:
                gone.update(is_deleted=True)
            _save_step(action, lying.mailbox, is_settled=True)
    finish_destroy(action)


def finish_destroy(action: Action) -> None:
    """The Action is done, and the rows of Emails that are in no mailbox any more go."""
    with changes.recording(action.account_id) as record:
        entries.mark_done(action)
        ids = set(action.emails.values_list("email_id", flat=True))
        alive = set(emails.memberships(ids)) | entries.held_emails(ids)
        alive |= set(Placement.objects.filter(email_id__in=ids, uid__isnull=False).values_list("email_id", flat=True))
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
        for email_id, mailbox_id in _source_pairs(action, are_settled=True):
            settled[mailbox_id].append(email_id)
        for mailbox_id, email_ids in settled.items():
            emails.remove_from_mailbox(record, email_ids, mailbox_id)
        if action.mailbox is not None:
            # Those that lie in the target on the server: moved already, or there from the beginning.
            there = Placement.objects.filter(
                email__action_rows__action=action, mailbox=action.mailbox, is_deleted=False
            ).exclude(uidvalidity__lt=0)
            emails.add_to_mailbox(record, there.values_list("email_id", flat=True).distinct(), action.mailbox.pk)
