"""Telling the server what users did: the journal's Actions, in order for each account (sync 3.9).

    pending -> running -> done        carried out, or nothing to do any more
                 |-----> pending      temporary refusal or lost connection: later, and what comes after it waits too
                 |-----> failed       permanent refusal: the rows are put back and the user sees why

Every step may run twice. Setting keywords and \\Deleted repeats itself harmlessly; a move or copy that was cut is looked up on
the server before it is done again (Y71). Foreign \\Deleted messages are never expunged (Y69). POP3 knows no such acts: there
the rows are the truth and an Action is done at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
from django.utils import timezone

from accounts.models import AccountState, MailAccount
from webmail import dispatch
from webmail.journal import entries
from webmail.journal.actions.keywords import undo_keywords
from webmail.journal.actions.move import undo_move
from webmail.journal.models import Action
from webmail.protocols.errors import (
    AuthenticationRefused,
    BadArgument,
    ConnectionFailed,
    PermanentlyRefused,
    ProtocolError,
    TemporarilyRefused,
)
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import CopyResult
from webmail.protocols.imap.utf7 import encode_mailbox_name
from webmail.store import changes, emails, leases, mailboxes
from webmail.store.models import Email, EmailKeyword, Mailbox, Placement
from webmail.sync.connections import account_session

log = structlog.get_logger(__name__)

LEASE_S = 300.0  # longer than any one Action; renewed before each
SYSTEM_KEYWORDS = frozenset({"$seen", "$flagged", "$answered", "$draft"})
GIVE_UP_LOCATING = 6  # tries after which an Email without a place on the server is nobody's task any more


class NotLocated(Exception):
    """An Email's place on the server is not known yet: the next pass finds it."""


def replay_account(account_id: int) -> int:
    """Carry out what is open for an account; returns how many Actions ended. Safe to call at any time, by anybody.

    Raises `ConnectionFailed`, `AuthenticationRefused` and the like when no session can be had: the Actions stay.
    """
    account = MailAccount.objects.get(pk=account_id)
    if account.state in {AccountState.PAUSED, AccountState.AUTH_FAILED} and not account.is_pop3:
        return 0
    owner = f"replay:{os.getpid()}:{threading.get_ident()}"
    with leases.leased(f"replay:{account_id}", owner=owner, seconds=LEASE_S) as lease:
        if lease is None:
            return 0
        ended = 0
        while action := _next_action(account_id):
            lease.extend(LEASE_S)
            if not _replay(account, action):
                break
            ended += 1
        return ended


def _next_action(account_id: int) -> Action | None:
    """The oldest open Action when its time has come. Those behind it wait: order is kept."""
    action = Action.objects.filter(account_id=account_id, status__in=Action.OPEN).order_by("id").first()
    if action is None:
        return None
    is_waiting = action.status == Action.Status.PENDING and action.attempts and action.next_try_at > timezone.now()
    return None if is_waiting else action


def _replay(account: MailAccount, action: Action) -> bool:
    """One Action; whether it came to an end. Lost connections and refused sign-ins go up to the caller."""
    entries.start(action)
    try:
        if account.is_pop3:
            _finish_local(action)
        else:
            with account_session(account) as session:
                _HANDLERS[action.kind](session, action)
    except (PermanentlyRefused, BadArgument) as error:
        _take_back(action, error)
    except (TemporarilyRefused, NotLocated) as error:
        entries.mark_waiting(action, error=_words(error))
        return False
    except (ConnectionFailed, AuthenticationRefused) as error:
        entries.mark_waiting(action, error=_words(error))
        raise
    return True


def _words(error: Exception) -> str:
    quoted = getattr(error, "server_text", "")
    return f"{error}: “{quoted}”" if quoted else str(error)


def _take_back(action: Action, error: ProtocolError) -> None:
    """The server refused for good: the rows go back to what they were, and the user is told."""
    if action.kind == Action.Kind.KEYWORDS:
        undo_keywords(action)
    elif action.kind in {Action.Kind.MOVE, Action.Kind.COPY, Action.Kind.DESTROY}:
        undo_move(action)
    elif action.kind == Action.Kind.RENAME_MAILBOX and action.mailbox is not None:
        parent = Mailbox.objects.filter(pk=action.arguments["old_parent"]).first()
        mailboxes.update_mailbox(action.mailbox, name=action.arguments["old_name"], parent=parent)
    entries.mark_failed(action, error=_words(error))
    log.warning("replay.refused", account=action.account_id, action=action.pk, kind=action.kind)
    # A mailbox that could not be made or deleted is put right by the next complete LIST.
    dispatch.wake("sync.account", action.account_id)


# Where Emails lie ---------------------------------------------------------------------------------------------------


@dataclass
class _Lying:
    """The placements of an Action's Emails in one mailbox."""

    mailbox: Mailbox
    placements: list[Placement] = field(default_factory=list)

    @property
    def by_uid(self) -> dict[int, Placement]:
        return {placement.uid: placement for placement in self.placements if placement.uid is not None}


def _select(session: ImapSession, lying: _Lying) -> dict[int, Placement]:
    """Open the mailbox; returns the placements whose UIDs still mean what they meant (UIDVALIDITY unchanged)."""
    selected = session.select(lying.mailbox.remote_name.encode("ascii"))
    valid = {uid: place for uid, place in lying.by_uid.items() if place.uidvalidity == selected.uidvalidity}
    if len(valid) < len(lying.by_uid):
        raise NotLocated(f"{lying.mailbox.name} was made anew on the server")
    return valid


def _lying_in_all(action: Action) -> list[_Lying]:
    """All places of the Action's Emails, by mailbox."""
    found: dict[int, _Lying] = {}
    rows = Placement.objects.filter(email__action_rows__action=action, uid__isnull=False).select_related("mailbox")
    for placement in rows.distinct():
        found.setdefault(placement.mailbox_id, _Lying(placement.mailbox)).placements.append(placement)
    return list(found.values())


def _lying_in_sources(action: Action) -> list[_Lying]:
    """The places the Action takes its Emails out of, by mailbox."""
    wanted = {(row.email_id, row.source_id) for row in action.emails.all()}
    found: dict[int, _Lying] = {}
    rows = Placement.objects.filter(
        email_id__in=[email_id for email_id, _ in wanted], mailbox_id__in={source for _, source in wanted if source},
        uid__isnull=False,
    ).select_related("mailbox", "email")  # fmt: skip
    for placement in rows:
        if (placement.email_id, placement.mailbox_id) in wanted:
            found.setdefault(placement.mailbox_id, _Lying(placement.mailbox)).placements.append(placement)
    return list(found.values())


# Keywords -----------------------------------------------------------------------------------------------------------


def _replay_keywords(session: ImapSession, action: Action) -> None:
    """+FLAGS and -FLAGS by UID; what the server cannot hold stays ours (Y64, Y65)."""
    adding, removing = set(action.arguments["add"]), set(action.arguments["remove"])
    places = _lying_in_all(action)
    if not places and action.attempts < GIVE_UP_LOCATING and _has_members(action):
        raise NotLocated("the message has not been found on the server yet")
    done: list[tuple[Placement, set[str], set[str]]] = []
    for lying in places:
        by_uid = _select(session, lying)
        selected = session.selected
        can_hold = adding | removing
        if selected is not None and not selected.can_create_keywords:
            can_hold &= SYSTEM_KEYWORDS | selected.permanent_keywords
        session.store_keywords(list(by_uid), add=adding & can_hold, remove=removing & can_hold)
        done += [(placement, adding & can_hold, removing & can_hold) for placement in by_uid.values()]
        _mark_local(action, adding - can_hold)
    with changes.recording(action.account_id):
        for placement, added, removed in done:
            base = (set(placement.keywords.split()) | added) - removed
            Placement.objects.filter(pk=placement.pk).update(keywords=" ".join(sorted(base)))
        entries.mark_done(action)


def _has_members(action: Action) -> bool:
    return bool(emails.memberships(action.emails.values_list("email_id", flat=True)))


def _mark_local(action: Action, keywords: set[str]) -> None:
    if keywords:
        EmailKeyword.objects.filter(email__action_rows__action=action, keyword__in=keywords).update(is_local_only=True)


# Moving, copying, deleting --------------------------------------------------------------------------------------------


def _replay_move(session: ImapSession, action: Action) -> None:
    target = _target(action)
    for lying in _lying_in_sources(action):
        by_uid = _still_there(session, action, lying)
        if not by_uid:
            continue
        raw_target = target.remote_name.encode("ascii")
        if session.supports("MOVE"):
            result = session.move(list(by_uid), raw_target)
        else:
            result = _copy_once(session, action, lying, by_uid, target)
            _remove(session, list(by_uid))
        is_hidden = not session.supports("MOVE") and not session.supports("UIDPLUS")
        _settle_move(action, by_uid, target, result, leaves_deleted=is_hidden)
    entries.mark_done(action)
    dispatch.wake("sync.mailbox", target.pk)


def _replay_copy(session: ImapSession, action: Action) -> None:
    target = _target(action)
    for lying in _one_place_each(action):
        by_uid = _select(session, lying)
        result = _copy_once(session, action, lying, by_uid, target)
        _settle_copy(action, by_uid, target, result)
    entries.mark_done(action)
    dispatch.wake("sync.mailbox", target.pk)


def _replay_destroy(session: ImapSession, action: Action) -> None:
    for lying in _lying_in_sources(action):
        by_uid = _still_there(session, action, lying)
        if by_uid:
            _remove(session, list(by_uid))
        gone = Placement.objects.filter(pk__in=[placement.pk for placement in lying.placements])
        if session.supports("UIDPLUS"):
            gone.delete()
        else:
            gone.update(is_deleted=True)
    _finish_destroy(action)


def _target(action: Action) -> Mailbox:
    if action.mailbox is None or not action.mailbox.remote_name:
        raise PermanentlyRefused("the mailbox to move to is no more")
    return action.mailbox


def _still_there(session: ImapSession, action: Action, lying: _Lying) -> dict[int, Placement]:
    """The placements to act on. After a try that was cut, those that are gone from the source are done already."""
    by_uid = _select(session, lying)
    if action.attempts <= 1:
        return by_uid
    present = set(session.search_uids())
    finished = {uid: placement for uid, placement in by_uid.items() if uid not in present}
    Placement.objects.filter(pk__in=[placement.pk for placement in finished.values()]).delete()
    return {uid: placement for uid, placement in by_uid.items() if uid in present}


def _copy_once(
    session: ImapSession, action: Action, lying: _Lying, by_uid: Mapping[int, Placement], target: Mailbox
) -> CopyResult | None:
    """COPY, committed as a phase of its own; a repeated try asks the target first, so nothing is copied twice (Y68)."""
    raw_target = target.remote_name.encode("ascii")
    key = str(lying.mailbox.pk)
    if key in action.progress:
        return None  # copied by an earlier try; the new UIDs are found by the next pass
    wanted = dict(by_uid)
    if action.attempts > 1:
        wanted = _not_in_target(session, wanted, raw_target)
        session.select(lying.mailbox.remote_name.encode("ascii"))
    result = session.copy(list(wanted), raw_target) if wanted else None
    entries.save_progress(action, {**action.progress, key: sorted(by_uid)})
    return result


def _not_in_target(session: ImapSession, by_uid: Mapping[int, Placement], raw_target: bytes) -> dict[int, Placement]:
    session.select(raw_target, read_only=True)
    known = Email.objects.in_bulk([placement.email_id for placement in by_uid.values() if placement.email_id])
    missing = {}
    for uid, placement in by_uid.items():
        message_id = known[placement.email_id].message_id if placement.email_id else ""
        if not message_id or not session.search_message_id(message_id):
            missing[uid] = placement
    return missing


def _remove(session: ImapSession, uids: list[int]) -> None:
    """Delete by UID. Without UIDPLUS the messages stay \\Deleted and hidden: a bare EXPUNGE takes foreign ones too (Y69)."""
    session.mark_deleted(uids)
    if session.supports("UIDPLUS"):
        session.expunge(uids)


def _settle_move(
    action: Action, by_uid: Mapping[int, Placement], target: Mailbox, result: CopyResult | None, *, leaves_deleted: bool
) -> None:
    """Write where the Emails lie now. Without COPYUID the next pass of the target finds them by identity (Y70)."""
    with changes.recording(action.account_id):
        if leaves_deleted:
            _settle_copy(action, by_uid, target, result)
            Placement.objects.filter(pk__in=[placement.pk for placement in by_uid.values()]).update(is_deleted=True)
            return
        for uid, placement in by_uid.items():
            new_uid = result.uids.get(uid) if result else None
            if new_uid is None or result is None or _is_taken(target, result.uidvalidity, new_uid):
                placement.delete()
            else:
                Placement.objects.filter(pk=placement.pk).update(
                    mailbox=target, uidvalidity=result.uidvalidity, uid=new_uid, modseq=None
                )


def _settle_copy(action: Action, by_uid: Mapping[int, Placement], target: Mailbox, result: CopyResult | None) -> None:
    if result is None:
        return
    Placement.objects.bulk_create(
        (
            Placement(
                mailbox=target,
                email_id=placement.email_id,
                uidvalidity=result.uidvalidity,
                uid=result.uids[uid],
                keywords=placement.keywords,
            )
            for uid, placement in by_uid.items()
            if uid in result.uids
        ),
        ignore_conflicts=True,
    )


def _is_taken(target: Mailbox, uidvalidity: int, uid: int) -> bool:
    """A pass of the target was quicker and has stored that UID."""
    return Placement.objects.filter(mailbox=target, uidvalidity=uidvalidity, uid=uid).exists()


def _one_place_each(action: Action) -> list[_Lying]:
    """For copies: one place of each Email to copy from."""
    seen: set[int] = set()
    chosen = []
    for lying in _lying_in_all(action):
        fresh = [place for place in lying.placements if place.email_id not in seen and lying.mailbox != action.mailbox]
        seen |= {place.email_id for place in fresh if place.email_id}
        if fresh:
            chosen.append(_Lying(lying.mailbox, fresh))
    return chosen


def _finish_destroy(action: Action) -> None:
    """The rows of Emails that are in no mailbox any more go now."""
    with changes.recording(action.account_id) as record:
        entries.mark_done(action)
        ids = set(action.emails.values_list("email_id", flat=True))
        alive = set(emails.memberships(ids)) | entries.held_emails(ids)
        alive |= set(Placement.objects.filter(email_id__in=ids, uid__isnull=False).values_list("email_id", flat=True))
        emails.destroy_emails(record, ids - alive)


def _finish_local(action: Action) -> None:
    """A POP3 account: nothing to tell the server here. Deleting on the server is the POP3 pass's, by its policy (Y90)."""
    if action.kind == Action.Kind.DESTROY:
        _finish_destroy(action)
    else:
        entries.mark_done(action)


# Mailboxes ----------------------------------------------------------------------------------------------------------


def _replay_create(session: ImapSession, action: Action) -> None:
    mailbox = action.mailbox
    if mailbox is None or mailbox.remote_name:
        entries.mark_done(action)
        return
    delimiter = _delimiter(mailbox)
    path = _path(mailbox, delimiter)
    try:
        session.create_mailbox(path)
    except PermanentlyRefused as error:
        if error.code != "ALREADYEXISTS":
            raise
    raw_name = encode_mailbox_name(path)
    session.subscribe(raw_name, True)
    Mailbox.objects.filter(pk=mailbox.pk).update(remote_name=raw_name.decode("ascii"), delimiter=delimiter)
    entries.mark_done(action)
    dispatch.wake("sync.account", action.account_id)


def _replay_rename(session: ImapSession, action: Action) -> None:
    mailbox = action.mailbox
    old_name = action.arguments["old_remote_name"]
    if mailbox is None or not old_name:
        entries.mark_done(action)
        return
    delimiter = _delimiter(mailbox)
    path = _path(mailbox, delimiter)
    raw_name = encode_mailbox_name(path)
    if raw_name.decode("ascii") != old_name:
        session.rename_mailbox(old_name.encode("ascii"), path)
    with changes.recording(action.account_id):
        _move_subtree(mailbox, old_name, raw_name.decode("ascii"), delimiter)
        entries.mark_done(action)


def _move_subtree(mailbox: Mailbox, old_name: str, new_name: str, delimiter: str) -> None:
    """The mailbox and everything below it have new names on the server; ids stay (Y25)."""
    Mailbox.objects.filter(pk=mailbox.pk).update(remote_name=new_name)
    prefix = old_name + delimiter
    below = Mailbox.objects.filter(account_id=mailbox.account_id, remote_name__startswith=prefix)
    for child in below:
        Mailbox.objects.filter(pk=child.pk).update(remote_name=new_name + delimiter + child.remote_name[len(prefix) :])


def _replay_delete(session: ImapSession, action: Action) -> None:
    try:
        session.delete_mailbox(action.arguments["remote_name"].encode("ascii"))
    except PermanentlyRefused as error:
        if error.code != "NONEXISTENT":
            raise
    entries.mark_done(action)


def _delimiter(mailbox: Mailbox) -> str:
    if mailbox.parent is not None and mailbox.parent.delimiter:
        return mailbox.parent.delimiter
    known = Mailbox.objects.filter(account_id=mailbox.account_id).exclude(delimiter="")
    return known.values_list("delimiter", flat=True).first() or "/"


def _path(mailbox: Mailbox, delimiter: str) -> str:
    """The full name on the server, decoded."""
    names = [mailbox.name]
    parent = mailbox.parent
    while parent is not None:
        names.append("INBOX" if parent.role == "inbox" and parent.parent is None else parent.name)
        parent = parent.parent
    return delimiter.join(reversed(names))


_HANDLERS: Mapping[str, Callable[[ImapSession, Action], None]] = {
    Action.Kind.KEYWORDS: _replay_keywords,
    Action.Kind.MOVE: _replay_move,
    Action.Kind.COPY: _replay_copy,
    Action.Kind.DESTROY: _replay_destroy,
    Action.Kind.CREATE_MAILBOX: _replay_create,
    Action.Kind.RENAME_MAILBOX: _replay_rename,
    Action.Kind.DELETE_MAILBOX: _replay_delete,
}
