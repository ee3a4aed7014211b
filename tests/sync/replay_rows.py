"""Rows that the replay tests begin with: an account at a server, its mailboxes, and messages as a pass would have stored them."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone

from accounts.models import MailAccount
from tests.factories import make_mailbox
from tests.fakes.imap import FakeImapServer
from tests.outbox.letters import make_raw, make_sender
from webmail.journal.models import Action
from webmail.protocols.imap.session import ImapSession
from webmail.store import changes
from webmail.store.models import Email, Mailbox, Placement
from webmail.sync.actions.replay import replay_account
from webmail.sync.connections import account_session
from webmail.sync.mailbox import placements
from webmail.sync.mailbox.imap import raw_name_of

ROLES = {"INBOX": "inbox", "Drafts": "drafts", "Archive": "archive", "Trash": "trash"}


def make_fake_account(server: FakeImapServer) -> MailAccount:
    """An account of the fake's only user."""
    return make_sender(incoming_port=server.port, incoming_username=server.user, password=server.password)


def make_remote(account: MailAccount, name: str, **fields: object) -> Mailbox:
    """The row of a mailbox the server has."""
    with account_session(account) as session:
        selected = session.select(name.encode())
    return make_mailbox(account, name, role=ROLES.get(name, ""), uidvalidity=selected.uidvalidity, **fields)


def read_in(mailbox: Mailbox) -> list[Email]:
    """Store what the server has in a mailbox, as a pass does; returns its Emails by UID."""
    with account_session(mailbox.account) as session:
        session.select(raw_name_of(mailbox))
        rows = list(session.fetch_list_data(session.search_uids()))
    with changes.recording(mailbox.account_id) as record:
        placements.store_list_data(record, mailbox, rows, holdable=None)
    return list(Email.objects.filter(placements__mailbox=mailbox).order_by("placements__uid"))


def read_rows(session: ImapSession, mailbox: Mailbox) -> None:
    """Store what the server has in a mailbox and its cursor."""
    selected = session.select(raw_name_of(mailbox))
    rows = list(session.fetch_list_data(session.search_uids()))
    mailbox.uidvalidity, mailbox.uidnext = selected.uidvalidity, selected.uidnext
    mailbox.save(update_fields=["uidvalidity", "uidnext"])
    with changes.recording(mailbox.account_id) as record:
        placements.store_list_data(record, mailbox, rows, holdable=None)


def put(server: FakeImapServer, mailbox: Mailbox, *, count: int = 1, flags: Iterable[str] = ()) -> list[Email]:
    """Messages on the fake and in the rows."""
    for _ in range(count):
        server.store.append(server.user, mailbox.remote_name, make_raw(), flags=flags)
    return read_in(mailbox)[-count:]


def on_server(server: FakeImapServer, name: str) -> dict[int, frozenset[str]]:
    """The flags of a mailbox's messages on the fake, by UID."""
    box = server.store.mailbox(server.user, name)
    with server.store.lock:
        return {uid: message.flags for uid, message in box.messages.items()}


def places(email: Email) -> list[tuple[str, int | None, bool]]:
    """Where an Email lies: (mailbox, UID, is deleted)."""
    rows = Placement.objects.filter(email=email).order_by("mailbox__name")
    return list(rows.values_list("mailbox__name", "uid", "is_deleted"))


def shown_in(email: Email) -> set[str]:
    """The mailboxes an Email is shown in."""
    return set(Mailbox.objects.filter(email_rows__email=email).values_list("name", flat=True))


def replay_due(account: MailAccount) -> int:
    """Replay as if every wait were over."""
    Action.objects.filter(account=account).update(next_try_at=timezone.now())
    return replay_account(account.pk)
