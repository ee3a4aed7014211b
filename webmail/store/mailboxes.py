"""Mailbox rows: made, renamed, removed, each with its change record. What the server must be told is the journal's."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.db.models import Q

from accounts.models import MailAccount
from webmail.store import changes, counters, newest
from webmail.store.errors import BadMailboxName, MailboxNameTaken, MailboxNotEmpty
from webmail.store.models import EmailMailbox, Mailbox, Role

MAX_NAME_BYTES = 255
MAX_DEPTH = 10

ROLE_ORDER = {role.value: number for number, role in enumerate(Role)}

# What an account has that only we keep: POP3 knows one mailbox (jmap S16).
_LOCAL_MAILBOXES = (
    (Role.INBOX, "Inbox"),
    (Role.DRAFTS, "Drafts"),
    (Role.SENT, "Sent"),
    (Role.ARCHIVE, "Archive"),
    (Role.JUNK, "Junk"),
    (Role.TRASH, "Trash"),
)


def clean_name(name: str) -> str:
    """The name in NFC without spaces around. Raises `BadMailboxName` saying what is wrong with it."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        raise BadMailboxName("a mailbox needs a name")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise BadMailboxName(f"the name is longer than {MAX_NAME_BYTES} bytes")
    if any(unicodedata.category(char) == "Cc" for char in name) or "/" in name:
        raise BadMailboxName("the name holds a slash or a control character")
    return name


def create_local_mailboxes(account: MailAccount) -> None:
    """The mailboxes of a POP3 account. Inbox is filled from the server, the others are wholly ours."""
    for role, name in _LOCAL_MAILBOXES:
        source = Mailbox.Source.REMOTE if role == Role.INBOX else Mailbox.Source.LOCAL
        create_mailbox(account.pk, name=name, role=role, source=source)


def create_mailbox(
    account_id: int, *, name: str, parent: Mailbox | None = None, role: str = "", **fields: Any
) -> Mailbox:
    """A new mailbox row. Raises `MailboxNameTaken`, `BadMailboxName`."""
    with changes.recording(account_id) as record:
        _refuse_taken(account_id, name, parent)
        number = record.take(changes.MAILBOX)[0]
        return Mailbox.objects.create(
            account_id=account_id,
            name=name,
            parent=parent,
            role=role,
            sort_order=ROLE_ORDER[role],
            created_modseq=number,
            props_modseq=number,
            counts_modseq=number,
            **fields,
        )


def update_mailbox(mailbox: Mailbox, **fields: Any) -> None:
    """Change properties that people see (name, parent, role, subscription …). Raises `MailboxNameTaken`.

    A change to or from the Trash role changes what counts as unread: the counters of the account are counted anew. What is
    in Trash or Junk leaves the lists over everything.
    """
    changed = {name: value for name, value in fields.items() if getattr(mailbox, name) != value}
    if not changed:
        return
    with changes.recording(mailbox.account_id) as record:
        if changed.keys() & {"name", "parent"}:
            _refuse_taken(
                mailbox.account_id,
                changed.get("name", mailbox.name),
                changed.get("parent", mailbox.parent),
                but=mailbox,
            )
        was_role = mailbox.role
        if "role" in changed:
            changed["sort_order"] = ROLE_ORDER[changed["role"]]
        for name, value in changed.items():
            setattr(mailbox, name, value)
        mailbox.save(update_fields=list(changed))
        record.touch(changes.MAILBOX, [mailbox.pk])
        if "role" in changed and Role.TRASH in {was_role, mailbox.role}:
            _recount_account(record)
        if "role" in changed and {Role.TRASH, Role.JUNK} & {was_role, mailbox.role}:
            inside = EmailMailbox.objects.filter(mailbox=mailbox)
            newest.keep_threads(set(inside.values_list("thread_id", flat=True)))


def delete_mailbox(mailbox: Mailbox) -> None:
    """Remove an empty mailbox without children. Raises `MailboxNotEmpty`."""
    with changes.recording(mailbox.account_id) as record:
        if mailbox.children.exists() or EmailMailbox.objects.filter(mailbox=mailbox).exists():
            raise MailboxNotEmpty(f"{mailbox.name} is not empty")
        record.destroyed(changes.MAILBOX, [changes.DestroyedObject(mailbox.public_id, mailbox.created_modseq)])
        mailbox.delete()


_RIGHTS = {
    "insert": "i",
    "delete": "t",
    "expunge": "e",
    "seen": "s",
    "keywords": "w",
    "create": "k",
    "delete_mailbox": "x",
}
_CHANGING = frozenset("iswted")  # with none of them a mailbox is only to be read


def may(mailbox: Mailbox, act: str) -> bool:
    """Whether the server lets us do this in a mailbox (RFC 4314 section 4): "insert", "delete" (mark for deletion),
    "expunge", "seen", "keywords", "create" (a mailbox inside), "delete_mailbox". Rights that were not told are all there.

    RFC 2086 servers tell `c` and `d` for what later became `k`, `x`, `t` and `e`.
    """
    rights = set(mailbox.rights)
    if not rights:
        return not mailbox.is_read_only or act in {"create", "delete_mailbox"}
    if not rights & set("kxte"):
        rights |= {new for old, news in (("c", "kx"), ("d", "tex")) if old in rights for new in news}
    return _RIGHTS[act] in rights


def is_read_only_by(rights: str) -> bool:
    """Whether these letters of RFC 4314 allow no change of messages. Empty: not told, so no."""
    return bool(rights) and not _CHANGING & set(rights)


def choose_role(mailbox: Mailbox, role: str) -> None:
    """The user's choice: give the role, taking it from the mailbox that has it. Discovery leaves both alone from now on
    (sync Y20). Raises `BadMailboxName` for Inbox, whose role is the protocol's."""
    if Role.INBOX in {role, mailbox.role}:
        raise BadMailboxName("what Inbox is for cannot be changed")
    if role == mailbox.role and mailbox.is_role_chosen:
        return
    with changes.recording(mailbox.account_id):
        holder = mailbox_with_role(mailbox.account_id, role) if role else None
        if holder is not None and holder != mailbox:
            update_mailbox(holder, role=Role.NONE, is_role_chosen=True)
        update_mailbox(mailbox, role=role, is_role_chosen=True)


def mailbox_with_role(account_id: int, role: str) -> Mailbox | None:
    """The account's mailbox for a role, if it has one."""
    return Mailbox.objects.filter(account_id=account_id, role=role).first()


def _refuse_taken(account_id: int, name: str, parent: Mailbox | None, *, but: Mailbox | None = None) -> None:
    same = Q(account_id=account_id, name=name, parent=parent)
    taken = Mailbox.objects.filter(same).first()
    if taken is not None and taken != but:
        raise MailboxNameTaken(taken.public_id)


def _recount_account(record: changes.Record) -> None:
    mailboxes = Mailbox.objects.filter(account_id=record.account_id)
    for mailbox_id, figures in counters.recount(mailbox.pk for mailbox in mailboxes).items():
        changed = Mailbox.objects.filter(pk=mailbox_id).exclude(**figures).update(**figures)
        if changed:
            record.touch(changes.MAILBOX_COUNTS, [mailbox_id])
