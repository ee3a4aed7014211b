"""POP3 accounts at every server: mail comes once, stays or goes as the account says, and what is deleted here is deleted there."""

from __future__ import annotations

import poplib
import re

import pytest

from accounts.models import AccountState, MailAccount
from tests.factories import make_account, make_user
from tests.servers.dovecot import MailUser
from tests.sync_servers.conftest import POP3_ROWS, Rows, Server, letter
from webmail.journal.actions.move import destroy_emails
from webmail.store import blobs, consistency
from webmail.store.models import Email
from webmail.sync import passes
from webmail.sync.actions.replay import replay_account

pytestmark = [pytest.mark.django_db, pytest.mark.live, pytest.mark.req("Y85")]


class Pop3Stage:
    """A new person at the server, with accounts of POP3."""

    def __init__(self, row: str, server: Server) -> None:
        self.row, self.server = row, server
        self.person: MailUser = server.new_user()

    def client(self) -> poplib.POP3:
        """Another program, logged in."""
        client = poplib.POP3("127.0.0.1", self.server.pop3_port, timeout=20)
        client.user(self.person.name)
        client.pass_(self.person.password)
        return client

    def account(self, **settings: object) -> MailAccount:
        return make_account(
            make_user(),
            protocol="pop3",
            address=self.person.address,
            incoming_port=self.server.pop3_port,
            incoming_username=self.person.name,
            password=self.person.password,
            **settings,
        )

    def deliver(self, *numbers: int) -> None:
        for number in numbers:
            self.server.deliver(self.person.name, letter(number))

    def sync(self, account: MailAccount, times: int = 2) -> None:
        for _ in range(times):
            passes.sync_account(account.pk)
        account.refresh_from_db()
        assert account.state == AccountState.OK, account.state_reason
        assert consistency.check_account(account.pk) == []

    def on_server(self) -> list[bytes]:
        """The bytes of every message, as a stranger retrieves them."""
        client = self.client()
        count = client.stat()[0]
        found = [b"\r\n".join(client.retr(number)[1]) + b"\r\n" for number in range(1, count + 1)]
        client.quit()
        return found


@pytest.fixture(params=POP3_ROWS)
def pop3(request: pytest.FixtureRequest, rows: Rows, db: None) -> Pop3Stage:
    stage = Pop3Stage(request.param, rows.server(request.param))
    client = stage.client()
    print(f"{stage.row}: {sorted(client.capa())}")
    client.quit()
    return stage


def held(account: MailAccount) -> list[bytes]:
    rows = Email.objects.filter(account=account).select_related("blob").order_by("subject")
    return [blobs.read_blob(email.blob) for email in rows if email.blob is not None]


def delivered(raw: bytes) -> bytes:
    """As it was before Mailutils wrote the UIDL into the header."""
    return re.sub(rb"X-UIDL: [^\r]*\r\n", b"", raw)


def test_mail_comes_once_with_its_bytes_and_stays(pop3):
    pop3.deliver(1, 2, 3)
    account = pop3.account(leave_on_server="keep")
    pop3.sync(account)
    pop3.deliver(4)
    pop3.sync(account)
    assert len(held(account)) == 4
    assert sorted(held(account)) == sorted(pop3.on_server())


@pytest.mark.req("Y90")
def test_mail_goes_from_the_server_once_it_is_here(pop3):
    pop3.deliver(1, 2, 3)
    account = pop3.account(leave_on_server="at_once")
    pop3.sync(account)
    assert [delivered(raw) for raw in held(account)] == [letter(number) for number in (1, 2, 3)]
    assert pop3.on_server() == []
    pop3.deliver(4)
    pop3.sync(account)
    assert len(held(account)) == 4
    assert pop3.on_server() == []


@pytest.mark.req("Y90")
def test_what_is_destroyed_here_is_deleted_there(pop3):
    pop3.deliver(1, 2, 3)
    account = pop3.account(leave_on_server="when_deleted")
    pop3.sync(account)
    destroy_emails(None, [Email.objects.get(account=account, subject="Letter 2")])
    replay_account(account.pk)
    pop3.sync(account)
    assert [delivered(raw) for raw in pop3.on_server()] == [letter(1), letter(3)]
    assert len(held(account)) == 2


def test_mail_deleted_by_another_program_stays_here_and_does_not_come_twice(pop3):
    pop3.deliver(1, 2)
    account = pop3.account(leave_on_server="keep")
    pop3.sync(account)
    client = pop3.client()
    client.dele(1)
    client.quit()
    pop3.deliver(3)
    pop3.sync(account)
    assert sorted(Email.objects.filter(account=account).values_list("subject", flat=True)) == [
        "Letter 1",
        "Letter 2",
        "Letter 3",
    ]


def test_a_mailbox_without_mail(pop3):
    account = pop3.account()
    pop3.sync(account)
    assert held(account) == []
