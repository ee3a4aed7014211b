"""Acts on what another client moved or expunged first: they follow the Email, and wait only until it is known to be gone."""

from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from accounts.models import MailAccount
from tests.fakes.imap import FakeImapServer
from tests.sync.replay_rows import make_fake_account, make_remote, on_server, put, shown_in
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.actions.move import copy_emails, destroy_emails, move_emails
from webmail.journal.models import Action
from webmail.store import consistency
from webmail.store.models import Email, Mailbox
from webmail.sync import passes
from webmail.sync.actions.replay import replay_account
from webmail.sync.connections import close_kept_sessions
from webmail.sync.passes import sync_mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.req("Y74")]

WITHOUT = [(), ("MOVE",), ("UIDPLUS",), ("MOVE", "UIDPLUS")]
Start = Callable[..., tuple[FakeImapServer, Mailbox, list[Email]]]


@pytest.fixture
def start() -> Iterator[Start]:
    """A fake with ten messages in INBOX that are known here."""
    running: list[FakeImapServer] = []
    accounts: list[MailAccount] = []

    def start_one(*without: str) -> tuple[FakeImapServer, Mailbox, list[Email]]:
        server = FakeImapServer(without=without).start()
        running.append(server)
        account = make_fake_account(server)
        accounts.append(account)
        inbox = make_remote(account, "INBOX")
        emails = put(server, inbox, count=10)
        passes.sync_account(account.pk)
        return server, inbox, emails

    yield start_one
    close_kept_sessions()
    for server in running:
        server.stop()
    for account in accounts:
        assert consistency.check_account(account.pk) == []


def box(inbox: Mailbox, name: str) -> Mailbox:
    return Mailbox.objects.get(account=inbox.account, remote_name=name)


def replay_soon(inbox: Mailbox) -> int:
    """As if what waits had waited long enough."""
    Action.objects.filter(status__in=Action.OPEN).update(next_try_at=timezone.now())
    return replay_account(inbox.account_id)


@pytest.mark.parametrize("without", WITHOUT)
def test_a_move_follows_what_another_client_has_moved_first(start, without):
    server, inbox, (email, *_) = start(*without)
    move_emails(None, [email], target=box(inbox, "Archive"))
    server.store.move(server.user, "INBOX", [1], "Trash")

    assert replay_account(inbox.account_id) == 0  # a server says OK to what is not there
    passes.sync_account(inbox.account_id)
    assert replay_soon(inbox) == 1

    passes.sync_account(inbox.account_id)
    assert list(on_server(server, "Archive")) == [1]
    assert {flag for flags in on_server(server, "Trash").values() for flag in flags} <= {"\\Deleted"}
    assert shown_in(email) == {"Archive"}


@pytest.mark.parametrize("without", WITHOUT)
def test_of_several_only_what_is_not_there_waits(start, without):
    server, inbox, emails = start(*without)
    archive = box(inbox, "Archive")
    copy_emails(None, emails[:2], target=archive)
    move_emails(None, emails[2:4], target=archive)
    server.store.move(server.user, "INBOX", [1, 3], "Trash")

    assert replay_account(inbox.account_id) == 0
    passes.sync_account(inbox.account_id)
    replay_soon(inbox)
    passes.sync_account(inbox.account_id)
    replay_soon(inbox)
    passes.sync_account(inbox.account_id)

    assert not Action.objects.filter(status__in=Action.OPEN).exists()
    assert len(on_server(server, "Archive")) == 4
    assert [shown_in(email) for email in emails[:4]] == [
        {"Archive", "Trash"}, {"Inbox", "Archive"}, {"Archive"}, {"Archive"},
    ]  # fmt: skip


@pytest.mark.req("Y49")
def test_a_keyword_waits_for_what_was_lost_in_one_mailbox_and_not_found_in_another_yet(start):
    server, inbox, (email, *_) = start()
    server.store.move(server.user, "INBOX", [1], "Archive")
    sync_mailbox(inbox.pk)  # a pass that came no further
    email.refresh_from_db()
    assert email.orphaned_at is not None
    set_keywords(None, [email], add=["$seen"])

    assert replay_account(inbox.account_id) == 0
    passes.sync_account(inbox.account_id)
    assert replay_soon(inbox) == 1

    assert on_server(server, "Archive") == {1: {"\\Seen"}}


@pytest.mark.req("R82")
@pytest.mark.parametrize("act", ["keywords", "move", "copy", "destroy"])
def test_an_act_on_what_was_expunged_holds_up_others_only_until_all_was_looked_at(start, act):
    server, inbox, (email, other, *_) = start()
    server.store.expunge(server.user, "INBOX", [1])
    if act == "keywords":
        set_keywords(None, [email], add=["$seen"])
    elif act == "move":
        move_emails(None, [email], target=box(inbox, "Archive"))
    elif act == "copy":
        copy_emails(None, [email], target=box(inbox, "Archive"))
    else:
        destroy_emails(None, [email])
    set_keywords(None, [other], add=["$flagged"])

    for _ in range(3):
        passes.sync_account(inbox.account_id)
    replay_account(inbox.account_id)  # nothing is waited for any more

    assert set(Action.objects.values_list("status", flat=True)) == {Action.Status.DONE}
    assert on_server(server, "INBOX")[2] == {"\\Flagged"}
    assert on_server(server, "Archive") == {}
    assert "APPEND" not in server.faults.commands
