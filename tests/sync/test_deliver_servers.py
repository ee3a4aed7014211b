"""Further outgoing servers: tried in order as long as nothing has begun, never after that, never for what the message is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import credentials, services
from accounts.models import AccountState, MailAccount, OutgoingServer
from tests.fakes.smtp import RecordingSmtpSink
from tests.outbox.letters import make_sender, submit
from tests.servers.ports import free_port
from webmail.outbox.models import Phase, Submission
from webmail.outbox.queue import moves
from webmail.sync.connections import close_kept_sessions
from webmail.sync.outgoing import servers
from webmail.sync.outgoing.deliver import deliver_account, deliver_submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def first() -> Iterator[RecordingSmtpSink]:
    with RecordingSmtpSink() as server:
        yield server
        close_kept_sessions()


@pytest.fixture
def second() -> Iterator[RecordingSmtpSink]:
    with RecordingSmtpSink() as server:
        yield server
        close_kept_sessions()


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    servers.forget()


def sender_at(port: int, *further: int, **fields: object) -> MailAccount:
    """An account with the further servers at these ports. Their host differs from the first one's by name only. POP3: Sent
    is ours, so that nothing but SMTP is spoken."""
    account = make_sender(protocol="pop3", outgoing_port=port, **fields)
    for number in further:
        services.add_outgoing_server(account, "localhost", number, "plain", "", "")
    return MailAccount.objects.get(pk=account.pk)


def deliver(submission: Submission) -> Submission:
    Submission.objects.filter(pk=submission.pk).update(next_try_at=timezone.now())
    deliver_submission(submission.pk)
    return moves.reload(submission)


def test_next_server_takes_what_the_first_cannot_be_asked_for(second):
    account = sender_at(free_port(), second.port)
    after = deliver(submit(account))
    assert (after.phase, after.attempts, after.server) == (Phase.DONE, 1, "localhost")
    assert "Sent by localhost." in after.events.get(phase=Phase.ACCEPTED).text
    assert len(second.messages) == 1


@pytest.mark.parametrize(
    ("phase", "reply"),
    [
        ("CONNECT", b"421 4.3.2 try later"),
        ("CONNECT", b"554 5.7.1 go away"),
        ("EHLO", b"451 4.3.0 not now"),
        ("MAIL", b"451 4.3.0 not now"),
        ("MAIL", b"421 4.3.2 closing"),
        ("MAIL", b"550 5.4.5 daily sending limit exceeded"),
    ],
)
@pytest.mark.req("R68")
def test_refusal_before_anything_was_accepted_leads_to_the_next_server(first, second, phase, reply):
    first.reply(phase, reply)
    account = sender_at(first.port, second.port)
    after = deliver(submit(account))
    assert (after.phase, after.attempts) == (Phase.DONE, 1)
    assert first.messages == []
    assert len(second.messages) == 1


@pytest.mark.parametrize("phase", ["CONNECT", "EHLO", "MAIL"])
def test_connection_that_breaks_before_anything_was_accepted_leads_to_the_next_server(first, second, phase):
    first.cut(phase)
    after = deliver(submit(sender_at(first.port, second.port)))
    assert after.phase == Phase.DONE
    assert [len(first.messages), len(second.messages)] == [0, 1]


@pytest.mark.parametrize(("phase", "expected"), [("RCPT", Phase.RETRY), ("DATA", Phase.RETRY), ("DOT", Phase.RETRY)])
@pytest.mark.req("R65")
def test_temporary_refusal_after_a_recipient_was_in_question_asks_nobody_else(first, second, phase, expected):
    first.reply(phase, b"451 4.3.0 not now")
    after = deliver(submit(sender_at(first.port, second.port)))
    assert after.phase == expected
    assert second.commands == []


@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.req("R68")
def test_permanent_refusal_of_the_message_asks_nobody_else(first, second, phase):
    first.reply(phase, b"554 5.7.1 not such mail")
    after = deliver(submit(sender_at(first.port, second.port)))
    assert after.phase == Phase.FAILED
    assert second.commands == []


@pytest.mark.req("R65")
@pytest.mark.fault("F2")
def test_doubt_asks_nobody_else(first, second):
    first.cut_after_dot()
    account = sender_at(first.port, second.port)
    assert deliver(submit(account)).phase == Phase.UNCONFIRMED
    assert second.commands == []
    assert len(first.messages) == 1


@pytest.mark.req("R69")
def test_only_when_every_server_failed_it_is_a_retry_that_names_them(first):
    first.reply("CONNECT", b"421 4.3.2 try later")
    account = sender_at(first.port, free_port())
    after = deliver(submit(account))
    assert (after.phase, after.attempts, after.server) == (Phase.RETRY, 1, "localhost")
    assert "127.0.0.1: " in after.last_reply
    assert "try later" in after.last_reply
    assert "localhost: Nothing answers at this server and port." in after.last_reply
    assert after.next_try_at > timezone.now() + timedelta(minutes=6)


@pytest.mark.req("R68")
def test_refused_login_is_passed_over_and_the_account_goes_on(first, second):
    first.requires_auth = True
    account = sender_at(first.port, outgoing_username="alice@pillarbox.test", password="wrong")
    services.add_outgoing_server(account, "localhost", second.port, "plain", "alice@pillarbox.test", second.password)
    assert deliver(submit(account)).phase == Phase.DONE
    assert deliver(submit(account)).phase == Phase.DONE
    account.refresh_from_db()
    assert account.state != AccountState.AUTH_FAILED
    assert [one.authenticated_as for one in second.messages] == ["alice@pillarbox.test"] * 2
    assert sum(line.startswith(b"AUTH") for line in first.commands) == 1  # no wrong password again and again (R51)


@pytest.mark.req("R68")
def test_when_every_server_refuses_the_login_the_account_is_stopped(first, second):
    account = sender_at(first.port, outgoing_username="alice@pillarbox.test", password="wrong")
    services.add_outgoing_server(account, "localhost", second.port, "plain", "alice@pillarbox.test", "")
    rows = [submit(account), submit(account)]
    deliver_account(account.pk)
    account.refresh_from_db()
    assert account.state == AccountState.AUTH_FAILED
    assert [moves.reload(row).phase for row in rows] == [Phase.RETRY, Phase.QUEUED]
    assert first.messages == second.messages == []


@pytest.mark.req("R76")
def test_limit_after_the_message_has_begun_leads_to_the_next_server_in_another_try(first, second):
    first.reply("DOT", b"550 5.4.5 daily sending limit exceeded")
    account = sender_at(first.port, second.port)
    rows = [submit(account), submit(account)]
    deliver_account(account.pk)
    deliver_account(account.pk)
    assert [moves.reload(row).phase for row in rows] == [Phase.DONE] * 2
    assert first.messages == []
    assert len(second.messages) == 2


def test_dead_server_is_asked_once_for_many_messages(first, second):
    first.reply("CONNECT", b"421 4.3.2 try later", times=None)
    account = sender_at(first.port, second.port)
    for _ in range(5):
        submit(account)
    deliver_account(account.pk)
    assert len(second.messages) == 5
    assert first.connection_count == 1
    assert second.connection_count == 1


def test_trouble_of_a_further_server_is_noted_and_goes_away(first, second):
    account = sender_at(free_port(), free_port(), second.port)
    deliver(submit(account))
    dead, alive = OutgoingServer.objects.filter(account=account)
    assert dead.trouble == "Nothing answers at this server and port."
    assert alive.trouble == ""
    OutgoingServer.objects.filter(pk=dead.pk).update(port=first.port)
    deliver(submit(account))
    dead.refresh_from_db()
    assert dead.trouble == ""
    assert len(first.messages) == 1


@pytest.mark.req("R26")
def test_further_server_in_a_forbidden_network_is_not_connected_to(second, settings: Any):
    account = sender_at(free_port(), second.port)
    settings.ALLOW_NETWORKS = []
    after = deliver(submit(account))
    assert after.phase == Phase.FAILED
    assert second.connection_count == 0


# Settings -----------------------------------------------------------------------------------------------------------


def order_of(account: MailAccount) -> list[str]:
    return [one.host for one in account.outgoing_servers.order_by("position", "id")]


def test_servers_are_added_moved_and_removed():
    account = make_sender()
    a, b, c = (services.add_outgoing_server(account, f"{name}.example.org", 465, "tls", "", "") for name in "abc")
    services.move_outgoing_server(c, up=True)
    assert order_of(account) == ["a.example.org", "c.example.org", "b.example.org"]
    services.move_outgoing_server(a, up=True)
    services.move_outgoing_server(b, up=False)
    assert order_of(account) == ["a.example.org", "c.example.org", "b.example.org"]
    services.remove_outgoing_server(a)
    services.move_outgoing_server(c, up=False)
    assert order_of(account) == ["b.example.org", "c.example.org"]


@pytest.mark.req("R47")
def test_secret_of_a_server_is_sealed_and_opens_nowhere_else():
    account = make_sender(password="own")
    server = services.add_outgoing_server(account, "a.example.org", 465, "tls", "me", "marker-secret")
    other = services.add_outgoing_server(account, "b.example.org", 465, "tls", "me", "")
    server.refresh_from_db()
    assert b"marker-secret" not in bytes(server.sealed)
    assert credentials.open_server_secret(server).value == "marker-secret"
    assert credentials.open_server_secret(other).value == "own"
    OutgoingServer.objects.filter(pk=other.pk).update(key_id=server.key_id, sealed=bytes(server.sealed))
    other.refresh_from_db()
    with pytest.raises(credentials.CredentialDamaged):
        credentials.open_server_secret(other)


@pytest.mark.req("R48")
def test_new_key_seals_the_secret_of_a_server_and_the_old_one_still_opens(settings: Any):
    server = services.add_outgoing_server(make_sender(), "a.example.org", 465, "tls", "me", "first")
    settings.CREDENTIAL_KEYS = {"new": b"n" * 32, **settings.CREDENTIAL_KEYS}
    assert credentials.open_server_secret(OutgoingServer.objects.get(pk=server.pk)).value == "first"
    credentials.store_server_secret(server, "second")
    row = OutgoingServer.objects.get(pk=server.pk)
    assert row.key_id == "new"
    assert credentials.open_server_secret(row).value == "second"
