"""Listening: what happens at a server wakes a worker soon, and one account in trouble is nobody else's."""

from collections.abc import Iterator

import pytest
from django.db import OperationalError

from accounts import services
from accounts.models import AccountState, MailAccount
from tests import factories
from tests.demo.conftest import make_mail
from tests.fakes.imap import FakeImapServer
from tests.servers.ports import free_port
from tests.sync.listening import PASSWORD, Listening, deliver, make_inbox
from webmail.store.models import HostGate
from webmail.sync.watching import watch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def listening() -> Iterator[Listening]:
    made = Listening()
    yield made
    made.watch.close(timeout_s=5)


@pytest.fixture
def imap() -> Iterator[FakeImapServer]:
    with FakeImapServer() as server:
        yield server


@pytest.mark.req("Y75")
def test_new_mail_wakes_a_worker_within_two_seconds(listening, imap):
    inbox = make_inbox(imap.port)
    listening.watch.refresh()
    listening.until_listening()

    deliver(imap)

    listening.until(lambda: listening.woken, timeout_s=2.0)
    assert set(listening.woken) == {("sync.mailbox", inbox.pk)}


@pytest.mark.req("Y76")
def test_a_burst_of_events_is_one_wake_up(listening, imap):
    make_inbox(imap.port)
    listening.watch.refresh()
    listening.until_listening()

    for number in range(5):
        deliver(imap, number)
    listening.until(lambda: listening.woken)

    assert len(listening.woken) == 1


def test_mail_that_came_while_nobody_listened_is_asked_for_at_once(listening, imap, monkeypatch):
    monkeypatch.setattr(watch, "FIRST_RETRY_S", 0.05)
    inbox = make_inbox(imap.port)
    listening.watch.refresh()
    listening.until_listening()

    imap.drop_connections()

    listening.until(lambda: imap.connection_count > 1 and ("sync.mailbox", inbox.pk) in listening.woken)


@pytest.mark.req("Y77")
def test_watchdog_asks_for_a_sign_of_life_and_goes_on_listening(imap):
    listening = Listening(rounds_s=(0.2,))
    inbox = make_inbox(imap.port)
    try:
        listening.watch.refresh()
        listening.until(lambda: imap.faults.commands.count("NOOP") >= 2)
        listening.woken.clear()
        deliver(imap)
        listening.until(lambda: ("sync.mailbox", inbox.pk) in listening.woken)
        assert imap.connection_count == 1
    finally:
        listening.watch.close(timeout_s=5)


@pytest.mark.req("R51")
def test_refused_password_is_tried_once_and_told(listening, imap):
    inbox = make_inbox(imap.port, password="wrong")
    listening.watch.refresh()

    listening.until(lambda: MailAccount.objects.get().state == AccountState.AUTH_FAILED)
    listening.watch.refresh()

    assert "password" in MailAccount.objects.get().state_reason
    assert imap.connection_count == 1
    assert listening.watch.figures()["accounts"] == 0

    services.replace_password(inbox.account, incoming_password=PASSWORD)
    listening.watch.refresh()
    listening.until_listening()


@pytest.mark.req("Y77")
def test_server_without_idle_is_left_to_polling(listening):
    with FakeImapServer(without={"IDLE"}) as server:
        make_inbox(server.port)
        listening.watch.refresh()
        listening.until(lambda: "LOGOUT" in server.faults.commands and listening.watch.figures()["polled"])

        assert "SELECT" not in server.faults.commands
        assert listening.woken == []


def test_paused_account_is_left_alone(listening, imap):
    inbox = make_inbox(imap.port)
    listening.watch.refresh()
    listening.until_listening()

    services.pause_account(inbox.account)
    listening.watch.refresh()

    listening.until(lambda: imap.server.open_connections == 0)
    assert listening.watch.figures()["accounts"] == listening.watch.figures()["listening"] == 0


@pytest.mark.req("R91")
def test_dead_and_refusing_servers_do_not_disturb_others(listening, imap):
    make_inbox(free_port())
    with FakeImapServer() as refusing:
        refusing.faults.answer("EXAMINE", b"* 0 EXISTS\r\n", b"NO not now", times=None)
        make_inbox(refusing.port)
        inbox = make_inbox(imap.port)
        listening.watch.refresh()
        listening.until(lambda: listening.watch.figures()["listening"] >= 1)
        listening.woken.clear()

        deliver(imap)

        listening.until(lambda: ("sync.mailbox", inbox.pk) in listening.woken, timeout_s=2.0)


@pytest.mark.req("Y80")
def test_many_accounts_begin_at_the_pace_of_their_host(listening, imap, monkeypatch):
    monkeypatch.setattr(watch, "OPENERS_PER_HOST", 1)
    owner = factories.make_user()
    for _ in range(3):
        account = factories.make_account(owner, incoming_port=imap.port, incoming_username=imap.user, password=PASSWORD)
        factories.make_mailbox(account, "INBOX", role="inbox")

    listening.watch.refresh()
    listening.watch.pump(timeout_s=0)
    assert sum(entry.is_opening for entry in listening.watch._entries.values()) == 1

    listening.until_listening(3)


@pytest.mark.req("Y80")
def test_waits_grow_to_an_hour_and_differ():
    waits = [watch._retry_wait(failures) for failures in (1, 2, 5, 30)]

    assert waits[0] < 10
    assert waits == sorted(waits)
    assert 2000 < waits[-1] < 5000
    assert len({watch._retry_wait(3) for _ in range(5)}) > 1


@pytest.mark.req("Y77")
def test_server_that_refuses_idle_is_polled(listening, imap):
    imap.faults.refuse("IDLE", text="not for you", times=None)
    make_inbox(imap.port)
    listening.watch.refresh()

    listening.until(lambda: listening.watch.figures()["polled"] == 1)


@pytest.mark.req("Y77")
def test_server_that_tells_nothing_in_idle_is_found_out_and_polled(imap):
    listening = Listening(rounds_s=(0.1,))
    make_inbox(imap.port)
    # Every NOOP tells what IDLE has kept back.
    imap.faults.change_answer("NOOP", lambda data: b"* 7 EXISTS\r\n" + data, times=None)
    try:
        listening.watch.refresh()
        listening.until(lambda: listening.watch.figures()["polled"] == 1)
        assert listening.watch.figures()["listening"] == 0
    finally:
        listening.watch.close(timeout_s=5)


@pytest.mark.req("Y81")
def test_too_many_connections_lower_the_gate_and_ask_for_no_password(listening, imap):
    for command in ("AUTHENTICATE", "LOGIN"):
        imap.faults.refuse(command, code="LIMIT", text="Maximum number of connections exceeded", times=None)
    inbox = make_inbox(imap.port)
    listening.watch.refresh()

    listening.until(lambda: HostGate.objects.filter(host=inbox.account.incoming_host).exists())

    assert MailAccount.objects.get().state != AccountState.AUTH_FAILED
    assert listening.watch.figures()["polled"] == 1


@pytest.mark.req("Y48")
def test_expunge_in_idle_leads_to_a_look(listening, imap):
    deliver(imap)
    inbox = make_inbox(imap.port)
    listening.watch.refresh()
    listening.until_listening()

    imap.store.expunge(imap.user, "INBOX", [1])

    listening.until(lambda: ("sync.mailbox", inbox.pk) in listening.woken, timeout_s=2.0)


@pytest.mark.req("Y76")
def test_notify_tells_of_every_mailbox(dovecot, mail_user):
    listening = Listening()
    inbox = make_inbox(dovecot.imap_port, user=mail_user.name, password=mail_user.password)
    dovecot.doveadm("mailbox", "create", "-u", mail_user.name, "Work")
    work = factories.make_mailbox(inbox.account, "Work")
    try:
        listening.watch.refresh()
        listening.until_listening()
        assert listening.watch.figures()["notify"] == 1

        dovecot.deliver(mail_user.name, make_mail(1), mailbox="Work")
        listening.until(lambda: ("sync.mailbox", work.pk) in listening.woken)
        dovecot.deliver(mail_user.name, make_mail(2))
        listening.until(lambda: ("sync.mailbox", inbox.pk) in listening.woken)
        dovecot.doveadm("mailbox", "create", "-u", mail_user.name, "New")
        listening.until(lambda: ("sync.account", inbox.account_id) in listening.woken)
    finally:
        listening.watch.close(timeout_s=5)


@pytest.mark.req("R83")
@pytest.mark.parametrize("is_in_idle", [False, True])
def test_alert_reaches_the_user(listening, imap, is_in_idle):
    alert = b"* OK [ALERT] Maintenance at noon\r\n"
    imap.faults.change_answer("IDLE", lambda data: data + alert if is_in_idle else alert + data)
    inbox = make_inbox(imap.port)

    listening.watch.refresh()

    listening.until(lambda: "Maintenance at noon" in MailAccount.objects.get(pk=inbox.account_id).state_reason)


@pytest.mark.req("R91")
def test_database_that_is_away_does_not_end_the_connections(listening, imap, monkeypatch):
    def away(*_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(watch.alerts, "tell", away)
    imap.faults.change_answer("IDLE", lambda data: data + b"* OK [ALERT] Maintenance at noon\r\n")
    inbox = make_inbox(imap.port)
    listening.watch.refresh()
    listening.until_listening()

    deliver(imap)

    listening.until(lambda: ("sync.mailbox", inbox.pk) in listening.woken, timeout_s=2.0)
    assert imap.connection_count == 1
