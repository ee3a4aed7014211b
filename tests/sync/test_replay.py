"""The order of Actions and what becomes of them, whatever they are."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from accounts import services
from accounts.models import AccountState, MailAccount
from tests.factories import make_email, make_mailbox
from tests.fakes.imap import FakeImapServer
from tests.outbox.letters import make_sender
from tests.sync.replay_rows import make_fake_account, make_remote, on_server, put, replay_due
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.actions.mailboxes import create_mailbox
from webmail.journal.actions.move import destroy_emails, move_emails
from webmail.journal.models import Action
from webmail.protocols.errors import AuthenticationRefused, ConnectionFailed, PermanentlyRefused
from webmail.store import consistency, leases
from webmail.store.ingest import Place
from webmail.store.models import Email, Mailbox, Placement
from webmail.sync.actions.replay import replay_account
from webmail.sync.connections import close_kept_sessions

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Iterator[FakeImapServer]:
    with FakeImapServer() as running:
        yield running
        close_kept_sessions()


@pytest.mark.req("Y66")
def test_acts_are_told_in_the_order_they_were_done(server):
    inbox = make_remote(make_fake_account(server), "INBOX")
    (email,) = put(server, inbox)
    for adding, removing in ((["$seen"], []), ([], ["$seen"]), (["$seen"], [])):
        set_keywords(None, [email], add=adding, remove=removing)
    assert replay_account(inbox.account_id) == 3
    assert on_server(server, "INBOX") == {1: {"\\Seen"}}
    assert server.faults.commands.count("UID STORE") == 3
    assert replay_account(inbox.account_id) == 0


@pytest.mark.req("R82")
def test_acts_done_while_the_server_is_down_are_told_when_it_is_back(server):
    inbox = make_remote(make_fake_account(server), "INBOX")
    (email,) = put(server, inbox)
    close_kept_sessions()
    MailAccount.objects.update(incoming_port=1)
    set_keywords(None, [email], add=["$seen"])

    with pytest.raises(ConnectionFailed):
        replay_account(inbox.account_id)
    action = Action.objects.get()
    assert (action.status, action.attempts) == (Action.Status.PENDING, 1)
    assert action.error == "Nothing answers at this server and port."
    assert action.next_try_at > timezone.now()

    MailAccount.objects.update(incoming_port=server.port)
    assert replay_due(inbox.account) == 1
    assert on_server(server, "INBOX") == {1: {"\\Seen"}}
    assert Action.objects.get().error == ""


@pytest.mark.req("R83")
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AUTHENTICATIONFAILED", AuthenticationRefused),
        ("EXPIRED", AuthenticationRefused),
        ("CONTACTADMIN", PermanentlyRefused),
    ],
)
def test_refused_sign_in_is_no_refusal_of_the_act(server, code, kind):
    inbox = make_remote(make_fake_account(server), "INBOX")
    (email,) = put(server, inbox)
    close_kept_sessions()
    server.faults.refuse("LOGIN", code=code)
    server.faults.refuse("AUTHENTICATE", code=code)
    set_keywords(None, [email], add=["$seen"])
    with pytest.raises(kind):
        replay_account(inbox.account_id)
    assert Action.objects.get().status == Action.Status.PENDING
    account = MailAccount.objects.get()
    assert account.state == (AccountState.FAILING if code == "CONTACTADMIN" else AccountState.AUTH_FAILED)
    server.faults.clear()
    services.resume_account(account)
    assert replay_due(account) == 1


@pytest.mark.parametrize("state", [AccountState.PAUSED, AccountState.AUTH_FAILED])
def test_account_that_is_not_to_be_used_is_left_alone(server, state):
    inbox = make_remote(make_fake_account(server), "INBOX")
    set_keywords(None, put(server, inbox), add=["$seen"])
    MailAccount.objects.update(state=state)
    assert replay_account(inbox.account_id) == 0
    assert Action.objects.get().attempts == 0


@pytest.mark.req("Y82")
def test_only_one_worker_replays_an_account(server):
    inbox = make_remote(make_fake_account(server), "INBOX")
    set_keywords(None, put(server, inbox), add=["$seen"])
    with leases.leased(f"replay:{inbox.account_id}", owner="another", seconds=60):
        assert replay_account(inbox.account_id) == 0
    assert replay_account(inbox.account_id) == 1


@pytest.mark.req("R82")
def test_act_of_a_worker_that_died_is_taken_up_again(server):
    inbox = make_remote(make_fake_account(server), "INBOX")
    set_keywords(None, put(server, inbox), add=["$seen"])
    Action.objects.update(status=Action.Status.RUNNING, attempts=1)
    assert replay_account(inbox.account_id) == 1
    assert on_server(server, "INBOX") == {1: {"\\Seen"}}


@pytest.fixture
def pop3() -> MailAccount:
    return make_sender(protocol="pop3")


def mailbox_of(account: MailAccount, role: str) -> Mailbox:
    found = Mailbox.objects.filter(account=account, role=role).first()
    return found or make_mailbox(account, role.title(), role=role)


@pytest.mark.req("Y90")
def test_acts_on_pop3_accounts_are_done_at_once(pop3: Any):
    inbox, archive = mailbox_of(pop3, "inbox"), mailbox_of(pop3, "archive")
    moved, destroyed = (make_email(inbox, place=Place(inbox.pk, uidl=uidl)) for uidl in ("a", "b"))
    set_keywords(None, [moved], add=["$seen"])
    move_emails(None, [moved], target=archive)
    destroy_emails(None, [destroyed])
    create_mailbox(pop3.user, pop3.pk, name="Work")

    assert replay_account(pop3.pk) == 3

    assert set(Action.objects.values_list("status", flat=True)) == {Action.Status.DONE}
    assert list(Email.objects.all()) == [moved]
    assert Placement.objects.get(uidl="b").email is None  # known still, or it would come again as new
    assert consistency.check_account(pop3.pk) == []
