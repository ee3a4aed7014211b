"""Telling an IMAP server which mailboxes users made, renamed and deleted. Called by `sync.replay`, in order.

Names are taken from the rows as they are now and from what the server calls the parent, so two renames in a row, or one above
the other, each say the right thing. A refusal is believed only after a look: what is there already, or gone already, is done
(sync Y71). It must not decide what is tried again and what is taken back.
"""

from __future__ import annotations

import structlog

from webmail import dispatch
from webmail.journal import entries
from webmail.journal.models import Action
from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.utf7 import BadMailboxName, decode_strictly, encode_mailbox_name
from webmail.store import changes, mailboxes
from webmail.store.errors import MailboxNameTaken, MailboxNotEmpty
from webmail.store.models import Mailbox
from webmail.sync.imap import raw_name_of

log = structlog.get_logger(__name__)


def replay_create(session: ImapSession, action: Action) -> None:
    """CREATE and SUBSCRIBE. A mailbox that is there already is taken as ours."""
    mailbox = action.mailbox
    if mailbox is None or mailbox.remote_name:
        entries.mark_done(action)
        return
    delimiter = _delimiter(mailbox)
    path = _path(mailbox, delimiter)
    raw_name = encode_mailbox_name(path)
    try:
        session.create_mailbox(path)
    except PermanentlyRefused as error:
        if error.code != "ALREADYEXISTS" and raw_name not in _listed(session):
            raise
    try:
        session.subscribe(raw_name, on=True)
    except PermanentlyRefused:  # some servers know no subscriptions; the mailbox is there all the same
        log.info("replay.not_subscribed", mailbox=mailbox.pk)
    with changes.recording(action.account_id):
        Mailbox.objects.filter(pk=mailbox.pk).update(remote_name=raw_name.decode("ascii"), delimiter=delimiter)
        entries.mark_done(action)
        dispatch.wake("sync.account", action.account_id)


def replay_rename(session: ImapSession, action: Action) -> None:
    """RENAME to the name the mailbox has now; what lies below moves along."""
    mailbox = action.mailbox
    if mailbox is None:
        entries.mark_done(action)
        return
    if not mailbox.remote_name:
        entries.mark_done(action)  # its CREATE was refused
        drop_unmade(mailbox)
        return
    delimiter = _delimiter(mailbox)
    path = _path(mailbox, delimiter)
    old_name, new_name = raw_name_of(mailbox), encode_mailbox_name(path)
    if new_name != old_name:
        try:
            session.rename_mailbox(old_name, path)
        except PermanentlyRefused:
            listed = _listed(session)
            if new_name not in listed or old_name in listed:
                raise
    with changes.recording(action.account_id):
        _move_subtree(mailbox, mailbox.remote_name, new_name.decode("ascii"), delimiter)
        entries.mark_done(action)


def _move_subtree(mailbox: Mailbox, old_name: str, new_name: str, delimiter: str) -> None:
    """The mailbox and everything below it have new names on the server; ids stay (Y25)."""
    Mailbox.objects.filter(pk=mailbox.pk).update(remote_name=new_name)
    prefix = old_name + delimiter
    for child in Mailbox.objects.filter(account_id=mailbox.account_id, remote_name__startswith=prefix):
        # SQLite compares LIKE without regard to case.
        if child.remote_name.startswith(prefix):
            name = new_name + delimiter + child.remote_name[len(prefix) :]
            Mailbox.objects.filter(pk=child.pk).update(remote_name=name)


def replay_delete(session: ImapSession, action: Action) -> None:
    """DELETE. A mailbox that is gone already is what was wanted."""
    raw_name = str(action.arguments["remote_name"]).encode("latin-1")
    try:
        session.delete_mailbox(raw_name)
    except PermanentlyRefused as error:
        listed = _listed(session) if error.code != "NONEXISTENT" else set()
        if error.code != "NONEXISTENT" and (not listed or raw_name in listed):
            raise
    entries.mark_done(action)


def take_back(action: Action) -> None:
    """The server refused for good. What was deleted comes back with the next complete LIST."""
    mailbox = action.mailbox
    if mailbox is None:
        return
    if action.kind == Action.Kind.RENAME_MAILBOX:
        parent = Mailbox.objects.filter(pk=action.arguments["old_parent"]).first()
        try:
            mailboxes.update_mailbox(mailbox, name=action.arguments["old_name"], parent=parent)
        except MailboxNameTaken:  # by a mailbox made since; the next LIST settles who is called what
            log.info("replay.name_taken", mailbox=mailbox.pk)


def drop_unmade(mailbox: Mailbox | None) -> None:
    """A mailbox that the server refused to make goes, once nothing is to be put into it any more; so do those above it."""
    while mailbox is not None and not mailbox.remote_name and mailbox.source == Mailbox.Source.REMOTE:
        concerned = Action.objects.filter(mailbox=mailbox)
        if concerned.filter(status__in=Action.OPEN).exists():
            return
        parent = mailbox.parent
        try:
            with changes.recording(mailbox.account_id):
                concerned.update(mailbox=None)  # they tell the user what became of it, and outlive it
                mailboxes.delete_mailbox(mailbox)
        except MailboxNotEmpty:
            log.info("replay.mailbox_kept", mailbox=mailbox.pk)
            return
        mailbox = parent


def _listed(session: ImapSession) -> set[bytes]:
    return {info.raw_name for info in session.list_mailboxes()}


def _delimiter(mailbox: Mailbox) -> str:
    if mailbox.parent is not None and mailbox.parent.delimiter:
        return mailbox.parent.delimiter
    known = Mailbox.objects.filter(account_id=mailbox.account_id).exclude(delimiter="")
    return known.values_list("delimiter", flat=True).first() or "/"


def _path(mailbox: Mailbox, delimiter: str) -> str:
    """The full name the server should have, decoded. Raises `PermanentlyRefused` when it cannot be."""
    if delimiter in mailbox.name:
        raise PermanentlyRefused(f"on this server a name cannot hold “{delimiter}”")
    if mailbox.parent is None:
        return mailbox.name
    raw_parent = raw_name_of(mailbox.parent)
    if not raw_parent:
        raise PermanentlyRefused(f"{mailbox.parent.name} is not on the server")
    try:
        above = decode_strictly(raw_parent)
    except BadMailboxName:
        above = ""
    if not above or encode_mailbox_name(above) != raw_parent:
        raise PermanentlyRefused(f"the server's name of {mailbox.parent.name} cannot be written")
    return above + delimiter + mailbox.name
