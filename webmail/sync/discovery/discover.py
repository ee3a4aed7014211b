"""The mailboxes of an IMAP account: one LIST, and the rows made to say the same (sync 3.2).

Ids stay over renames. A mailbox that the server does not list is hidden first and removed only after a second complete LIST
and a failing STATUS; an answer without INBOX is not believed (reliability R81). What open Actions do to mailboxes is left
alone. It must not look at messages, but for the sample that proves a rename.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import MailAccount
from webmail.journal.models import Action
from webmail.mime.headers import parse_list_headers
from webmail.protocols.errors import ServerError
from webmail.protocols.imap.roles import guess_role
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import MailboxInfo, MailboxStatus
from webmail.store import changes, mailboxes
from webmail.store.errors import MailboxNotEmpty
from webmail.store.models import Mailbox, Placement
from webmail.sync.discovery import mailbox_plan
from webmail.sync.discovery.mailbox_plan import Held, Listed, Rename
from webmail.sync.mailbox import placements, plan
from webmail.sync.mailbox.imap import Fence, raw_name_of

log = structlog.get_logger(__name__)

NOT_LISTED = "The server left this mailbox out of its list of mailboxes, together with many others."


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
    wants_confirmation: bool = False  # many mailboxes are missing: to be listed again soon (R81)


def discover_mailboxes(session: ImapSession, account_id: int, lease: Fence) -> Discovery:
    """List the account's mailboxes and make the rows say the same. Safe to repeat at any point.

    Raises what the session raises, and `LeaseLost`.
    """
    account = MailAccount.objects.get(pk=account_id)
    rows = _remote_rows(account_id)  # before the server is asked (Y50)
    infos = session.list_mailboxes(shared=account.lists_shared)
    listed = mailbox_plan.complete_tree(_listed_all(session, infos, rows))
    is_believable = mailbox_plan.is_believable(listed)
    if not is_believable:
        log.warning("sync.list_not_believed", account=account_id, listed=len(listed))
        return Discovery(_found(rows, infos), is_complete=False)
    facts = _Facts.read(account, listed)
    renames = _proved(session, facts, rows)
    absent = facts.absent(rows, renames)
    removable = _removable(session, rows, absent.remove)
    if renames or removable or not _is_settled(rows, facts):
        with changes.recording(account_id) as record:
            lease.check()
            _apply(record, facts, renames)
            _remove(record, removable)
        rows = _remote_rows(account_id)
    if absent.doubt:
        log.warning("sync.short_list_held", account=account_id, missing=len(absent.doubt))
        rows = [row for row in rows if row.trouble != NOT_LISTED]
    return Discovery(_found(rows, infos), is_complete=not absent.doubt, wants_confirmation=bool(absent.doubt))


def _found(rows: Sequence[Mailbox], infos: Sequence[MailboxInfo]) -> list[Found]:
    statuses = {_text(_plain(info.raw_name)): _state(info.status) for info in infos}
    return [
        Found(mailbox, statuses.get(mailbox.remote_name))
        for mailbox in rows
        if mailbox.is_selectable and mailbox.missing_since is None and mailbox.remote_name
    ]


def _remote_rows(account_id: int) -> list[Mailbox]:
    return list(Mailbox.objects.filter(account_id=account_id, source=Mailbox.Source.REMOTE).order_by("id"))


def _local_rows(account_id: int) -> list[Mailbox]:
    """Ours alone, with a role that the server's mailboxes may want: an account that was a POP3 one has them."""
    return list(Mailbox.objects.filter(account_id=account_id, source=Mailbox.Source.LOCAL).exclude(role=""))


def _text(raw_name: bytes) -> str:
    return raw_name.decode("latin-1")


def _plain(raw_name: bytes) -> bytes:
    """INBOX in its one spelling, so that a server that changes its case has the same mailbox still (Y27)."""
    return b"INBOX" if raw_name.upper() == b"INBOX" else raw_name


def _listed_all(session: ImapSession, infos: Sequence[MailboxInfo], rows: Sequence[Mailbox]) -> list[Listed]:
    known = {row.remote_name.encode("latin-1"): row.rights for row in rows if row.rights}
    rights = {info.raw_name: info.rights or known.get(info.raw_name, "") for info in infos if info.namespace}
    unknown = [raw_name for raw_name, letters in rights.items() if not letters]
    if unknown:
        rights |= session.my_rights(unknown)
    listed = [_listed(info, rights.get(info.raw_name, "")) for info in infos]
    # Cyrus 3.6 sends freed memory for ids in LIST-STATUS, at times another mailbox's id: one that is none discredits all.
    if any(info.status is not None and not info.status.mailbox_id for info in infos):
        return [replace(item, remote_id="") for item in listed]
    return listed


def _listed(info: MailboxInfo, rights: str) -> Listed:
    status = info.status
    return Listed(
        raw_name=_plain(info.raw_name),
        name=info.name,
        delimiter=info.delimiter or "",
        role=info.role or "",
        guessed=("" if info.namespace else guess_role(info.name, info.delimiter)) or "",
        is_selectable=info.is_selectable and (not rights or "r" in rights),
        is_subscribed=info.is_subscribed,
        remote_id=(status.mailbox_id or "") if status else "",
        uidvalidity=status.uidvalidity if status else None,
        uidnext=status.uidnext if status else None,
        namespace=info.namespace,
        namespace_top=info.namespace_top,
        rights=rights,
    )


def _held(rows: Iterable[Mailbox], facts: _Facts) -> list[Held]:
    return [
        Held(
            row.pk,
            raw_name_of(row),
            role=row.role,
            is_role_chosen=row.is_role_chosen,
            remote_id=row.remote_id,
            uidvalidity=row.uidvalidity,
            uidnext=row.uidnext,
            is_missing=row.missing_since is not None and not facts.was_filtered(row),
            is_doubted=row.trouble == NOT_LISTED,
            is_selectable=row.is_selectable,
            messages=row.total_emails,
        )
        for row in rows
    ]


@dataclass(frozen=True)
class _Facts:
    """What a believable LIST says, and what must be known to carry it out."""

    account: MailAccount
    listed: list[Listed]
    shown: Mapping[bytes, tuple[bytes, str]]
    waiting: _Waiting
    local: list[Mailbox]

    @classmethod
    def read(cls, account: MailAccount, listed: Sequence[Listed]) -> _Facts:
        waiting = _Waiting.read(account.pk)
        kept = [item for item in listed if item.raw_name not in waiting.deleted]
        return cls(account, kept, mailbox_plan.shown_names(kept), waiting, _local_rows(account.pk))

    def absent(self, rows: Sequence[Mailbox], renames: Sequence[Rename] = ()) -> mailbox_plan.Absent:
        unwanted = {row.pk for row in rows if row.namespace and not self.account.lists_shared}
        held = mailbox_plan.renamed(_held(rows, self), renames)
        return mailbox_plan.absent_mailboxes(held, self.listed, unwanted=frozenset(unwanted))

    def was_filtered(self, row: Mailbox) -> bool:
        """Hidden only because it is not subscribed: the server listed it."""
        return self.account.subscribed_only and not row.is_subscribed and not row.role

    def roles(self, rows: Sequence[Mailbox]) -> dict[bytes, str]:
        return mailbox_plan.assign_roles(_held([*rows, *self.local], self), self.listed)

    def filtered(self, roles: Mapping[bytes, str]) -> frozenset[bytes]:
        return mailbox_plan.filtered_names(self.listed, roles) if self.account.subscribed_only else frozenset()


def _state(status: MailboxStatus | None) -> plan.ServerState | None:
    if status is None:
        return None
    return plan.ServerState(status.uidvalidity, status.uidnext, status.highestmodseq, status.messages)


@dataclass(frozen=True)
class _Waiting:
    """What users did to mailboxes and the server does not know yet."""

    renamed: frozenset[int]  # their names and parents are ours for now
    deleted: frozenset[bytes]  # not to be made anew
    subscribed: frozenset[int]  # whether they are subscribed to is ours for now

    @classmethod
    def read(cls, account_id: int) -> _Waiting:
        kinds = (Action.Kind.RENAME_MAILBOX, Action.Kind.DELETE_MAILBOX, Action.Kind.SUBSCRIBE)
        waiting = Action.objects.filter(account_id=account_id, status__in=Action.OPEN, kind__in=kinds)
        renamed: set[int] = set()
        deleted: set[bytes] = set()
        subscribed: set[int] = set()
        for action in waiting:
            if action.kind == Action.Kind.RENAME_MAILBOX and action.mailbox_id is not None:
                renamed.add(action.mailbox_id)
            elif action.kind == Action.Kind.DELETE_MAILBOX:
                deleted.add(str(action.arguments["remote_name"]).encode("latin-1"))
            elif action.kind == Action.Kind.SUBSCRIBE and action.mailbox_id is not None:
                subscribed.add(action.mailbox_id)
        return cls(frozenset(renamed), frozenset(deleted), frozenset(subscribed))


# Renamed, or gone -----------------------------------------------------------------------------------------------------


def _proved(session: ImapSession, facts: _Facts, rows: Sequence[Mailbox]) -> list[Rename]:
    """The renames that MAILBOXID or a sample of messages proves, with what goes along."""
    by_id = {row.pk: row for row in rows}
    held = _held(rows, facts)
    proved = [
        rename
        for rename in mailbox_plan.find_renames(held, facts.listed)
        if not rename.needs_sample or _sample_agrees(session, by_id[rename.mailbox_id], rename)
    ]
    return mailbox_plan.settle_renames(held, facts.listed, proved) if proved else []


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


def _removable(session: ImapSession, rows: Sequence[Mailbox], ids: Sequence[int]) -> list[Mailbox]:
    """Mailboxes that two LISTs lacked and of which STATUS knows nothing either, the deepest first."""
    missing = [row for row in rows if row.pk in ids]
    asked = {raw_name_of(row) for row in missing if row.is_selectable and row.remote_name}
    absent = session.absent_of(sorted(asked)) if asked else set()
    gone = [row for row in missing if not row.is_selectable or not row.remote_name or raw_name_of(row) in absent]
    return sorted(gone, key=lambda row: row.remote_name.count(row.delimiter) if row.delimiter else 0, reverse=True)


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


def _is_settled(rows: Sequence[Mailbox], facts: _Facts) -> bool:
    """Whether the rows say what the LIST says, so that nothing needs to be written."""
    by_name = {row.remote_name: row for row in rows if row.remote_name}
    absent = facts.absent(rows)
    if len(by_name) < len(rows) or absent.hide or absent.doubt:
        return False
    roles = facts.roles(rows)
    filtered = facts.filtered(roles)
    for item in facts.listed:
        row = by_name.get(_text(item.raw_name))
        if row is None or _differences(row, _wanted(item, facts, by_name, roles, filtered), facts):
            return False
    return True


@dataclass(frozen=True)
class _Wanted:
    """What one row is to say."""

    item: Listed
    name: str
    parent: Mailbox | None
    role: str
    is_filtered: bool


def _wanted(
    item: Listed, facts: _Facts, by_name: Mapping[str, Mailbox], roles: Mapping[bytes, str], filtered: frozenset[bytes]
) -> _Wanted:
    above, name = facts.shown[item.raw_name]
    parent = by_name.get(_text(above)) if above else None
    return _Wanted(item, name, parent, roles[item.raw_name], item.raw_name in filtered)


def _apply(record: changes.Record, facts: _Facts, renames: Sequence[Rename]) -> None:
    _step_aside(record, renames)
    _rename(renames, facts)
    rows = _remote_rows(record.account_id)
    by_name = {row.remote_name: row for row in rows if row.remote_name}
    roles = facts.roles(rows)
    filtered = facts.filtered(roles)
    _release_roles([*rows, *facts.local], roles)
    gone = by_name.keys() - {_text(item.raw_name) for item in facts.listed}
    for item in facts.listed:
        wanted = _wanted(item, facts, by_name, roles, filtered)
        row = by_name.get(_text(item.raw_name)) or _unnamed(rows, wanted, gone, facts)
        if row is None:
            row = _create(record.account_id, wanted)
        else:
            _update(row, _differences(row, wanted, facts))
        by_name[_text(item.raw_name)] = row
    _hide_absent(record, facts)


def _step_aside(record: changes.Record, renames: Sequence[Rename]) -> None:
    """Another mailbox bears the name now, so the one we knew by it is gone. It is hidden without a name, goes with the next
    complete LIST as absent ones do (R81), and is itself again if its MAILBOXID is listed until then."""
    ids = {rename.mailbox_id for rename in renames}
    names = [_text(rename.listed.raw_name) for rename in renames]
    rows = Mailbox.objects.filter(account_id=record.account_id, remote_name__in=names).exclude(pk__in=ids)
    for row in rows.select_related("parent"):
        placements.detach(row)
        Mailbox.objects.filter(pk=row.pk).update(
            remote_name="",
            name=_name_not_taken(record.account_id, row.name, row.parent),
            missing_since=row.missing_since or timezone.now(),
            is_subscribed=True,
            trouble="",
            uidvalidity=None,
            uidnext=None,
            highestmodseq=None,
            delta_modseq=None,
            backfill_uid=None,
        )
        record.touch(changes.MAILBOX, [row.pk])
        log.warning("sync.mailbox_replaced", account=record.account_id, mailbox=row.pk)


def _rename(renames: Sequence[Rename], facts: _Facts) -> None:
    """Two mailboxes may have changed names with each other: all old names are given up first, within the transaction."""
    ids = [rename.mailbox_id for rename in renames]
    Mailbox.objects.filter(pk__in=ids).update(remote_name="")
    Mailbox.objects.filter(pk__in=set(ids) - facts.waiting.renamed).update(name=F("public_id"))
    for rename in renames:
        Mailbox.objects.filter(pk=rename.mailbox_id).update(remote_name=_text(rename.listed.raw_name))


def _unnamed(rows: Sequence[Mailbox], wanted: _Wanted, gone: set[str], facts: _Facts) -> Mailbox | None:
    """A mailbox the user has just made, or renamed, and the server did meanwhile although its answer was lost."""
    parent_id = wanted.parent and wanted.parent.pk
    for row in rows:
        is_unmade = not row.remote_name and row.missing_since is None
        is_ours = is_unmade or (row.remote_name in gone and row.pk in facts.waiting.renamed)
        if is_ours and row.name == wanted.name and row.parent_id == parent_id:
            return row
    return None


def _release_roles(rows: Sequence[Mailbox], roles: Mapping[bytes, str]) -> None:
    """Roles that move to another mailbox are free before anyone takes them: one role, one mailbox at any time."""
    for row in rows:
        role = roles.get(raw_name_of(row), "") if row.remote_name else ""
        if row.role and not row.is_role_chosen and row.role != role and row.role in roles.values():
            mailboxes.update_mailbox(row, role="")


def _create(account_id: int, wanted: _Wanted) -> Mailbox:
    item = wanted.item
    return mailboxes.create_mailbox(
        account_id,
        name=_name_not_taken(account_id, wanted.name, wanted.parent),
        parent=wanted.parent,
        role=wanted.role,
        remote_name=_text(item.raw_name),
        delimiter=item.delimiter,
        remote_id=item.remote_id,
        is_selectable=item.is_selectable,
        is_subscribed=item.is_subscribed,
        backfill_uid=None if item.is_selectable else 1,
        namespace=item.namespace,
        rights=item.rights,
        is_read_only=mailboxes.is_read_only_by(item.rights),
        missing_since=timezone.now() if wanted.is_filtered else None,
    )


# What people do not see of a mailbox: changed without a change record.
_PRIVATE = frozenset({"remote_name", "delimiter", "remote_id", "backfill_uid", "trouble"})


def _differences(row: Mailbox, wanted: _Wanted, facts: _Facts) -> dict[str, Any]:
    """The fields of the row that the LIST wants otherwise."""
    item = wanted.item
    fields: dict[str, Any] = {
        "remote_name": _text(item.raw_name),
        "delimiter": item.delimiter,
        "remote_id": item.remote_id or row.remote_id,
        "is_selectable": item.is_selectable,
        "is_subscribed": item.is_subscribed,
        "namespace": item.namespace,
        # The filter of the user hides as an absence does, but the mailbox is known to be there (see `was_filtered`).
        "missing_since": (row.missing_since or timezone.now()) if wanted.is_filtered else None,
    }
    if row.trouble == NOT_LISTED:
        fields["trouble"] = ""
    if item.is_selectable != row.is_selectable:
        fields["backfill_uid"] = None if item.is_selectable else 1
    if item.rights and item.rights != row.rights:
        fields |= {"rights": item.rights, "is_read_only": mailboxes.is_read_only_by(item.rights)}
    if not row.is_role_chosen:
        fields["role"] = wanted.role
    if row.pk in facts.waiting.subscribed:
        del fields["is_subscribed"]
    found = {field: value for field, value in fields.items() if getattr(row, field) != value}
    if row.pk not in facts.waiting.renamed:
        if row.parent_id != (wanted.parent.pk if wanted.parent else None):
            found["parent"] = wanted.parent
        if "parent" in found or row.name != wanted.name:
            found["name"] = wanted.name
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


def _hide_absent(record: changes.Record, facts: _Facts) -> None:
    absent = facts.absent(_remote_rows(record.account_id))
    Mailbox.objects.filter(pk__in=absent.doubt).update(trouble=NOT_LISTED)
    if absent.hide:
        # Whether it is subscribed is not known any more: from now on it is missing, not filtered.
        Mailbox.objects.filter(pk__in=absent.hide).update(missing_since=timezone.now(), is_subscribed=True, trouble="")
        record.touch(changes.MAILBOX, absent.hide)
        log.info("sync.mailboxes_hidden", account=record.account_id, count=len(absent.hide))
