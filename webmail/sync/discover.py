"""The mailboxes of an IMAP account: one LIST, and the rows made to say the same (sync 3.2).

Ids stay over renames. A mailbox that the server does not list is hidden first and removed only after a second complete LIST
and a failing STATUS; an answer without INBOX is not believed (reliability R81). What open Actions do to mailboxes is left
alone. It must not look at messages, but for the sample that proves a rename.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from webmail.journal.models import Action
from webmail.mime.headers import parse_list_headers
from webmail.protocols.errors import PermanentlyRefused, ServerError
from webmail.protocols.imap.roles import guess_role
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import MailboxInfo, MailboxStatus
from webmail.store import changes, mailboxes
from webmail.store.errors import MailboxNotEmpty
from webmail.store.models import Mailbox, Placement
from webmail.sync import mailbox_plan, placements, plan
from webmail.sync.imap import Fence, raw_name_of
from webmail.sync.mailbox_plan import Held, Listed, Rename

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Found:
    """A mailbox that can be synced, and what LIST-STATUS said of it; None: to be selected to know."""

    mailbox: Mailbox
    status: plan.ServerState | None


@dataclass(frozen=True)
class Discovery:
    """The mailboxes of one LIST. `is_complete`: the answer could be believed."""

    found: list[Found]
    is_complete: bool


def discover_mailboxes(session: ImapSession, account_id: int, lease: Fence) -> Discovery:
    """List the account's mailboxes and make the rows say the same. Safe to repeat at any point.

    Raises what the session raises, and `LeaseLost`.
    """
    rows = _remote_rows(account_id)  # before the server is asked (Y50)
    infos = session.list_mailboxes()
    listed = mailbox_plan.complete_tree([_listed(info) for info in infos])
    is_complete = mailbox_plan.is_believable(listed)
    if is_complete:
        waiting = _Waiting.read(account_id)
        listed = [item for item in listed if item.raw_name not in waiting.deleted]
        renames = _proved(session, mailbox_plan.find_renames(_held(rows), listed), rows)
        removable = _removable(session, rows, listed, renames)
        if renames or removable or not _is_settled(rows, listed, waiting):
            with changes.recording(account_id) as record:
                lease.check()
                _apply(record, listed, renames, waiting)
                _remove(record, removable)
            rows = _remote_rows(account_id)
    else:
        log.warning("sync.list_not_believed", account=account_id, listed=len(listed))
    statuses = {_text(info.raw_name): _state(info.status) for info in infos}
    found = [
        Found(mailbox, statuses.get(mailbox.remote_name))
        for mailbox in rows
        if mailbox.is_selectable and mailbox.missing_since is None and mailbox.remote_name
    ]
    return Discovery(found, is_complete)


def _remote_rows(account_id: int) -> list[Mailbox]:
    return list(Mailbox.objects.filter(account_id=account_id, source=Mailbox.Source.REMOTE).order_by("id"))


def _text(raw_name: bytes) -> str:
    return raw_name.decode("latin-1")


def _listed(info: MailboxInfo) -> Listed:
    status = info.status
    return Listed(
        raw_name=info.raw_name,
        name=info.name,
        delimiter=info.delimiter or "",
        role=info.role or "",
        guessed=guess_role(info.name, info.delimiter) or "",
        is_selectable=info.is_selectable,
        is_subscribed=info.is_subscribed,
        remote_id=(status.mailbox_id or "") if status else "",
        uidvalidity=status.uidvalidity if status else None,
        uidnext=status.uidnext if status else None,
    )


def _held(rows: Iterable[Mailbox]) -> list[Held]:
    return [
        Held(
            row.pk,
            raw_name_of(row),
            role=row.role,
            is_role_chosen=row.is_role_chosen,
            remote_id=row.remote_id,
            uidvalidity=row.uidvalidity,
            uidnext=row.uidnext,
            is_missing=row.missing_since is not None,
        )
        for row in rows
    ]


def _state(status: MailboxStatus | None) -> plan.ServerState | None:
    if status is None:
        return None
    return plan.ServerState(status.uidvalidity, status.uidnext, status.highestmodseq, status.messages)


@dataclass(frozen=True)
class _Waiting:
    """What users did to mailboxes and the server does not know yet."""

    renamed: frozenset[int]  # their names and parents are ours for now
    deleted: frozenset[bytes]  # not to be made anew

    @classmethod
    def read(cls, account_id: int) -> _Waiting:
        kinds = (Action.Kind.RENAME_MAILBOX, Action.Kind.DELETE_MAILBOX)
        waiting = Action.objects.filter(account_id=account_id, status__in=Action.OPEN, kind__in=kinds)
        renamed: set[int] = set()
        deleted: set[bytes] = set()
        for action in waiting:
            if action.kind == Action.Kind.RENAME_MAILBOX and action.mailbox_id is not None:
                renamed.add(action.mailbox_id)
            elif action.kind == Action.Kind.DELETE_MAILBOX:
                deleted.add(str(action.arguments["remote_name"]).encode("latin-1"))
        return cls(frozenset(renamed), frozenset(deleted))


# Renamed, or gone -----------------------------------------------------------------------------------------------------


def _proved(session: ImapSession, renames: Sequence[Rename], rows: Sequence[Mailbox]) -> list[Rename]:
    """Those of the renames that MAILBOXID or a sample of messages proves."""
    by_id = {row.pk: row for row in rows}
    return [
        rename
        for rename in renames
        if not rename.needs_sample or _sample_agrees(session, by_id[rename.mailbox_id], rename)
    ]


def _sample_agrees(session: ImapSession, mailbox: Mailbox, rename: Rename) -> bool:
    newest = Placement.objects.filter(mailbox=mailbox, uidvalidity=mailbox.uidvalidity).order_by("-uid")
    ours = {
        uid: (message_id, size)
        for uid, message_id, size in newest.values_list("uid", "email__message_id", "email__size_bytes")[
            : mailbox_plan.SAMPLE_SIZE
        ]
        if uid is not None
    }
    if not ours:
        return False
    try:
        selected = session.select(rename.listed.raw_name, read_only=True)
        if selected.uidvalidity != mailbox.uidvalidity:
            return False
        theirs = {
            row.uid: ((parse_list_headers(row.header).message_id or "")[:998], row.size_bytes)
            for row in session.fetch_list_data(sorted(ours))
        }
    except ServerError:
        return False
    return mailbox_plan.is_sample_equal(ours, theirs)


def _removable(
    session: ImapSession, rows: Sequence[Mailbox], listed: Sequence[Listed], renames: Sequence[Rename]
) -> list[Mailbox]:
    """Mailboxes that two LISTs lacked and of which STATUS knows nothing either, the deepest first."""
    absent = mailbox_plan.absent_mailboxes(mailbox_plan.renamed(_held(rows), renames), listed)
    by_id = {row.pk: row for row in rows}
    gone = [by_id[pk] for pk in absent.remove if not _has_status(session, by_id[pk])]
    return sorted(gone, key=lambda row: row.remote_name.count(row.delimiter) if row.delimiter else 0, reverse=True)


def _has_status(session: ImapSession, mailbox: Mailbox) -> bool:
    if not mailbox.is_selectable:
        return False
    try:
        session.status(raw_name_of(mailbox))
    except PermanentlyRefused:
        return False
    return True


def _remove(record: changes.Record, removable: Sequence[Mailbox]) -> None:
    """The messages become orphans in waiting (Y49); the row goes once nothing is in it."""
    for mailbox in removable:
        pairs = list(Placement.objects.filter(mailbox=mailbox).values_list("id", "email_id"))
        placements.remove(record, mailbox, pairs)
        try:
            with transaction.atomic():
                mailboxes.delete_mailbox(mailbox)
        except MailboxNotEmpty:
            log.info("sync.mailbox_kept", mailbox=mailbox.pk)  # a pending act put something into it


# Rows -----------------------------------------------------------------------------------------------------------------


def _is_settled(rows: Sequence[Mailbox], listed: Sequence[Listed], waiting: _Waiting) -> bool:
    """Whether the rows say what the LIST says, so that nothing needs to be written."""
    by_name = {row.remote_name: row for row in rows if row.remote_name}
    if len(by_name) < len(rows) or mailbox_plan.absent_mailboxes(_held(rows), listed).hide:
        return False
    roles = mailbox_plan.assign_roles(_held(rows), listed)
    shown = mailbox_plan.shown_names(listed)
    for item in listed:
        row = by_name.get(_text(item.raw_name))
        above, name = shown[item.raw_name]
        parent = by_name.get(_text(above)) if above else None
        if row is None or _differences(row, item, name, parent, roles[item.raw_name], waiting):
            return False
    return True


def _apply(record: changes.Record, listed: Sequence[Listed], renames: Sequence[Rename], waiting: _Waiting) -> None:
    for rename in renames:
        # Children are listed under their own new names: each is a rename of its own.
        Mailbox.objects.filter(pk=rename.mailbox_id).update(remote_name=_text(rename.listed.raw_name))
    rows = _remote_rows(record.account_id)
    by_name = {row.remote_name: row for row in rows if row.remote_name}
    roles = mailbox_plan.assign_roles(_held(rows), listed)
    shown = mailbox_plan.shown_names(listed)
    _release_roles(rows, roles)
    for item in listed:
        above, name = shown[item.raw_name]
        parent = by_name.get(_text(above)) if above else None
        row = by_name.get(_text(item.raw_name)) or _unnamed(rows, name, parent)
        if row is None:
            row = _create(record.account_id, item, name, parent, roles[item.raw_name])
        else:
            _update(row, _differences(row, item, name, parent, roles[item.raw_name], waiting))
        by_name[_text(item.raw_name)] = row
    _hide_absent(record, _remote_rows(record.account_id), listed)


def _unnamed(rows: Sequence[Mailbox], name: str, parent: Mailbox | None) -> Mailbox | None:
    """A mailbox the user has just made and the server has got meanwhile."""
    same = (row for row in rows if not row.remote_name and row.name == name and row.parent_id == (parent and parent.pk))
    return next(same, None)


def _release_roles(rows: Sequence[Mailbox], roles: Mapping[bytes, str]) -> None:
    """Roles that move to another mailbox are free before anyone takes them: one role, one mailbox at any time."""
    for row in rows:
        role = roles.get(raw_name_of(row), "")
        if row.role and not row.is_role_chosen and row.role != role and row.role in roles.values():
            mailboxes.update_mailbox(row, role="")


def _create(account_id: int, item: Listed, name: str, parent: Mailbox | None, role: str) -> Mailbox:
    name = _name_not_taken(account_id, name, parent)
    return mailboxes.create_mailbox(
        account_id,
        name=name,
        parent=parent,
        role=role,
        remote_name=_text(item.raw_name),
        delimiter=item.delimiter,
        remote_id=item.remote_id,
        is_selectable=item.is_selectable,
        is_subscribed=item.is_subscribed,
        backfill_uid=None if item.is_selectable else 1,
    )


# What people do not see of a mailbox: changed without a change record.
_PRIVATE = frozenset({"remote_name", "delimiter", "remote_id", "backfill_uid"})


def _differences(
    row: Mailbox, item: Listed, name: str, parent: Mailbox | None, role: str, waiting: _Waiting
) -> dict[str, Any]:
    """The fields of the row that the LIST wants otherwise."""
    wanted: dict[str, Any] = {
        "remote_name": _text(item.raw_name),
        "delimiter": item.delimiter,
        "remote_id": item.remote_id or row.remote_id,
        "is_selectable": item.is_selectable,
        "is_subscribed": item.is_subscribed,
        "missing_since": None,
    }
    if item.is_selectable != row.is_selectable:
        wanted["backfill_uid"] = None if item.is_selectable else 1
    if not row.is_role_chosen:
        wanted["role"] = role
    found = {field: value for field, value in wanted.items() if getattr(row, field) != value}
    if row.pk not in waiting.renamed:
        if row.parent_id != (parent.pk if parent else None):
            found["parent"] = parent
        if "parent" in found or row.name != name:
            found["name"] = name
    return found


def _update(row: Mailbox, differences: dict[str, Any]) -> None:
    private = {field: value for field, value in differences.items() if field in _PRIVATE}
    if private:
        Mailbox.objects.filter(pk=row.pk).update(**private)
        for field, value in private.items():
            setattr(row, field, value)
    shown = {field: value for field, value in differences.items() if field not in _PRIVATE}
    if "name" in shown:
        shown["name"] = _name_not_taken(row.account_id, shown["name"], shown.get("parent", row.parent), but=row)
    if shown:
        mailboxes.update_mailbox(row, **shown)


def _name_not_taken(account_id: int, name: str, parent: Mailbox | None, *, but: Mailbox | None = None) -> str:
    """A mailbox of ours, such as one that is about to go, may bear the name still."""
    siblings = Mailbox.objects.filter(account_id=account_id, parent=parent).values_list("id", "name")
    taken = {sibling for pk, sibling in siblings if but is None or pk != but.pk}
    free, number = name, 2
    while free in taken:
        free = f"{name} ({number})"
        number += 1
    return free


def _hide_absent(record: changes.Record, rows: Sequence[Mailbox], listed: Sequence[Listed]) -> None:
    absent = mailbox_plan.absent_mailboxes(_held(rows), listed)
    if absent.hide:
        Mailbox.objects.filter(pk__in=absent.hide).update(missing_since=timezone.now())
        record.touch(changes.MAILBOX, absent.hide)
        log.info("sync.mailboxes_hidden", account=record.account_id, count=len(absent.hide))
