"""The command line: connect, sync and check_store, as an operator sees them."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts import credentials
from accounts.models import AuditEvent, ConnectionTest, MailAccount, User
from tests import factories
from tests.demo.conftest import fill
from tests.fakes.imap import FakeImapServer
from tests.fakes.smtp import RecordingSmtpSink
from webmail.store.models import Email, Mailbox

pytestmark = pytest.mark.django_db

PASSWORD = "alice-password"
ADDRESS = "alice@pillarbox.test"


@pytest.fixture
def alice() -> User:
    return factories.make_user("owner")


@pytest.fixture
def imap() -> Iterator[FakeImapServer]:
    with FakeImapServer() as server:
        yield server


@pytest.fixture
def sink() -> Iterator[RecordingSmtpSink]:
    with RecordingSmtpSink() as server:
        yield server


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`typed("line", ...)` is what comes on standard input."""
    return lambda *lines: monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def connect(imap: FakeImapServer, *more: str) -> str:
    incoming = f"imap://{ADDRESS.replace('@', '%40')}@127.0.0.1:{imap.port}"
    fixed = ("connect", "owner@pillarbox.test", "--address", ADDRESS, "--incoming", incoming, "--password-stdin")
    return run(*fixed, *more)


def test_connect_tries_the_servers_and_tells_each_step(alice, imap, sink, typed):
    typed(PASSWORD)
    said = connect(imap, "--outgoing", f"smtp://{ADDRESS.replace('@', '%40')}@127.0.0.1:{sink.port}")

    account = MailAccount.objects.get(user=alice)
    assert (account.incoming_username, account.outgoing_port) == (ADDRESS, sink.port)
    assert credentials.open_secret(account, purpose="incoming").value == PASSWORD
    assert "incoming.sign_in: ok" in said
    assert f"Connected {ADDRESS}" in said
    assert bytes(ConnectionTest.objects.get().sealed) == b""


def test_connect_answers_in_json(alice, imap, typed):
    typed(PASSWORD)

    answer = json.loads(connect(imap, "--json"))

    assert answer == {"account": MailAccount.objects.get().public_id, "address": ADDRESS}


@pytest.mark.req("R49")
def test_connect_explains_a_wrong_password_and_repeats_it_nowhere(alice, imap, typed):
    typed("S3CR3T-typed")

    with pytest.raises(CommandError, match="refuses the user name or password") as refused:
        connect(imap)

    assert "S3CR3T" not in str(refused.value)
    assert not MailAccount.objects.exists()
    assert "S3CR3T" not in repr([list(ConnectionTest.objects.values("report")), list(AuditEvent.objects.values())])


def test_connect_without_test_asks_no_server(alice, imap, typed):
    typed(PASSWORD, "another")

    connect(imap, "--no-test", "--outgoing", "smtps://u@mail.example.org")

    account = MailAccount.objects.get()
    assert imap.connection_count == 0
    assert credentials.open_secret(account, purpose="outgoing").value == "another"
    typed(PASSWORD)
    with pytest.raises(CommandError, match="already"):
        connect(imap, "--no-test")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nobody@x.test", "--address", ADDRESS, "--incoming", "imap://h"), "There is no user nobody@x.test"),
        (("owner@pillarbox.test", "--address", "nonsense", "--incoming", "imap://h"), "no e-mail address"),
        (("owner@pillarbox.test", "--address", ADDRESS, "--incoming", "ftp://h"), "--incoming: expected"),
    ],
)
def test_connect_says_what_is_wrong_with_its_arguments(alice, typed, arguments, complaint):
    typed(PASSWORD)
    with pytest.raises(CommandError, match=complaint):
        run("connect", *arguments, "--password-stdin")


def test_connect_needs_a_password(alice, imap, typed):
    typed()
    with pytest.raises(CommandError, match="no password"):
        connect(imap)


def test_sync_returns_when_all_mail_is_here_and_searchable(alice, imap, typed):
    fill(imap, 7)
    typed(PASSWORD)
    connect(imap)

    said = run("sync", ADDRESS, "--wait")

    assert Email.objects.filter(is_indexed=True, blob__isnull=False).count() == 7
    assert "7 of 7 messages listed, 7 stored" in said.splitlines()[-1]
    assert json.loads(run("sync", ADDRESS, "--wait", "--json"))[0]["stored"] == 7
    assert run("check_store", "--blobs") == "1 accounts, no faults.\n"


def test_sync_tells_why_an_account_fails(alice, imap, typed):
    typed("not-it")
    connect(imap, "--no-test")

    with pytest.raises(CommandError, match="password"):
        run("sync", ADDRESS, "--wait")


def test_sync_without_waiting_makes_the_account_due(alice, imap, typed):
    typed(PASSWORD)
    connect(imap)

    assert run("sync", ADDRESS).startswith("Asked for a pass")
    with pytest.raises(CommandError, match="no account"):
        run("sync", "nobody@x.test")


def test_check_store_names_what_is_wrong(alice):
    account = factories.make_account(alice)
    factories.make_mailbox(account)
    assert json.loads(run("check_store", "--json")) == {"accounts": 1, "faults": []}
    Mailbox.objects.update(total_emails=5)

    out = io.StringIO()
    with pytest.raises(CommandError, match="1 faults in 1 accounts"):
        call_command("check_store", stdout=out)
    assert "total_emails is 5" in out.getvalue()
