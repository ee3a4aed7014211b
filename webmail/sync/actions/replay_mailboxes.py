"""Telling an IMAP server which mailboxes users made, renamed, subscribed to and deleted. Called by `sync.actions.replay`, in order.

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
from webmail.protocols.imap.utf7 import encode_mailbox_name
from webmail.store import changes, mailboxes
from webmail.store.errors import MailboxNameTaken, MailboxNotEmpty
from webmail.store.models import Mailbox
from webmail.sync.mailbox.imap import raw_name_of

log = structlog.get_logger(__name__)


def replay_create(session: ImapSession, action: Action) -> None:
    """CREATE and SUBSCRIBE. A mailbox that is there already is taken as ours."""
    mailbox = action.mailbox
    if mailbox is None or mailbox.remote_name:
        entries.mark_done(action)
        return
    delimiter, raw_name = _wanted_name(session, mailbox)
    try:
        session.create_mailbox(raw_name)
    except PermanentlyRefused as error:
        if error.code != "ALREADYEXISTS" and raw_name not in _listed(session):
            raise
    _subscribe(session, raw_name, on=True)
    with changes.recording(action.account_id):
        Mailbox.objects.filter(pk=mailbox.pk).update(remote_name=raw_name.decode("latin-1"), delimiter=delimiter)
        entries.mark_done(action)
        dispatch.wake("sync.account", action.account_id)


def replay_rename(session: ImapSession, action: Action) -> None:
    """RENAME to the name the mailbox has now; what lies below moves along, and so do subscriptions."""
    mailbox = action.mailbox
    if mailbox is None:
        entries.mark_done(action)
        return
    if not mailbox.remote_name:
        entries.mark_done(action)  # its CREATE was refused
        drop_unmade(mailbox)
        return
    delimiter, new_name = _wanted_name(session, mailbox)
    old_name = raw_name_of(mailbox)
    if new_name != old_name:
        _leave(session, old_name)
        try:
            session.rename_mailbox(old_name, new_name)
        except PermanentlyRefused:
            listed = _listed(session)
            if new_name not in listed or old_name in listed:
                raise
    with changes.recording(action.account_id):
        moved = _move_subtree(mailbox, new_name.decode("latin-1"), delimiter)
        entries.mark_done(action)
    for old, new in moved:  # servers keep subscriptions by name (RFC 3501 6.3.6)
        _subscribe(session, old, on=False)
        _subscribe(session, new, on=True)


def replay_subscribe(session: ImapSession, action: Action) -> None:
    """SUBSCRIBE or UNSUBSCRIBE (RFC 3501 section 6.3.6). A mailbox that is gone is subscribed to by nobody."""
    mailbox = action.mailbox
    if mailbox is not None and mailbox.remote_name:
        session.subscribe(raw_name_of(mailbox), bool(action.arguments["subscribed"]))
    entries.mark_done(action)


def _move_subtree(mailbox: Mailbox, new_name: str, delimiter: str) -> list[tuple[bytes, bytes]]:
    """The mailbox and everything below it have new names on the server; ids stay (Y25). Returns (old, new) raw names of
    those that are subscribed."""
    old_name, old_end = mailbox.remote_name, mailbox.delimiter or delimiter
    if old_name == new_name:
        return []
    rows = [mailbox]
    if old_end:
        prefix = old_name + old_end
        below = Mailbox.objects.filter(account_id=mailbox.account_id, remote_name__startswith=prefix)
        # SQLite compares LIKE without regard to case.
        rows += [row for row in below if row.remote_name.startswith(prefix)]
    moved = []
    for row in rows:
        rest = row.remote_name[len(old_name) :]
        name = new_name + (rest.replace(old_end, delimiter) if old_end and delimiter else rest)
        Mailbox.objects.filter(pk=row.pk).update(remote_name=name, delimiter=delimiter)
        if row.is_subscribed:
            moved.append((row.remote_name.encode("latin-1"), name.encode("latin-1")))
    return moved


def replay_delete(session: ImapSession, action: Action) -> None:
    """DELETE. A mailbox that is gone already is what was wanted. One that got mail since is kept: nobody wanted that away."""
    raw_name = str(action.arguments["remote_name"]).encode("latin-1")
    try:
        _refuse_new_mail(session, raw_name, action.arguments.get("messages"))
        _leave(session, raw_name)
        session.delete_mailbox(raw_name)
    except PermanentlyRefused as error:
        if not error.server_text and not error.code:
            raise  # ours
        listed = _listed(session) if error.code != "NONEXISTENT" else set()
        if error.code != "NONEXISTENT" and (not listed or raw_name in listed):
            raise
    _subscribe(session, raw_name, on=False)
    entries.mark_done(action)


def _refuse_new_mail(session: ImapSession, raw_name: bytes, expected: int | None) -> None:
    """Raises `PermanentlyRefused` when the mailbox holds more than the user saw go. Messages only marked as deleted do not
    count: moving out leaves them where the server cannot expunge."""
    if expected is None or session.status(raw_name).messages <= expected:
        return
    session.select(raw_name, read_only=True)
    delta = session.fetch_keywords(1, None, changed_since=None)
    if sum(1 for row in delta.changed if not row.is_deleted) > expected:
        raise PermanentlyRefused("new mail has come into this mailbox, so it was not deleted")


def _leave(session: ImapSession, raw_name: bytes) -> None:
    """Out of a mailbox that is about to change: some servers refuse, some drop the connection."""
    if session.selected is not None and session.selected.raw_name.startswith(raw_name):
        session.select(b"INBOX", read_only=True)


def _subscribe(session: ImapSession, raw_name: bytes, *, on: bool) -> None:
    try:
        session.subscribe(raw_name, on)
    except PermanentlyRefused:  # some servers know no subscriptions; the mailbox is there, or gone, all the same
        log.info("replay.not_subscribed", on=on)


def take_back(action: Action) -> None:
    """The server refused for good. What was deleted comes back with the next complete LIST."""
    mailbox = action.mailbox
    if mailbox is None:
        return
    if action.kind == Action.Kind.SUBSCRIBE:
        mailboxes.update_mailbox(mailbox, is_subscribed=not action.arguments["subscribed"])
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
    return {info.raw_name for info in session.list_mailboxes(shared=True)}


def _wanted_name(session: ImapSession, mailbox: Mailbox) -> tuple[str, bytes]:
    """(delimiter, full raw name) the mailbox should have on the server: below its parent, whatever bytes that one is called
    by, or at the top of the user's own namespace (Y19). Raises `PermanentlyRefused` when it cannot be."""
    parent = mailbox.parent
    if parent is None:
        space = session.namespaces().personal
        delimiter = space.delimiter or (_known_delimiter(mailbox) if not space.prefix else "")
        above = space.prefix
    else:
        delimiter = parent.delimiter
        if not parent.remote_name:
            raise PermanentlyRefused(f"{parent.name} is not on the server")
        if not delimiter:
            raise PermanentlyRefused("this server keeps no mailbox inside another")
        above = raw_name_of(parent) + delimiter.encode("latin-1")
    if delimiter and delimiter in mailbox.name:
        raise PermanentlyRefused(f"on this server a name cannot hold “{delimiter}”")
    return delimiter, above + encode_mailbox_name(mailbox.name)


def _known_delimiter(mailbox: Mailbox) -> str:
    own = Mailbox.objects.filter(account_id=mailbox.account_id, namespace="").exclude(delimiter="")
    return own.values_list("delimiter", flat=True).first() or ""
