"""Listening: what happens at a server wakes a worker soon, and one account in trouble is nobody else's."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts import services
from accounts.models import AccountState, MailAccount
from tests import factories
from tests.demo.conftest import make_mail
from tests.fakes.imap import FakeImapServer
from tests.servers.ports import free_port
from webmail.store.models import Mailbox
from webmail.sync import idle
from webmail.sync.idle import Watch

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "alice-password"


class Listening:
    """A watch whose wake-ups are kept, pumped by the test."""

    def __init__(self, **options: Any) -> None:
        self.woken: list[tuple[str, int]] = []
        self.watch = Watch(wake=lambda task, row_id: self.woken.append((task, row_id)), slice_s=0.1, **options)

    def until(self, is_true: Callable[[], object], *, timeout_s: float = 10.0) -> None:
        """Pump until it is true. Raises `TimeoutError`."""
        until = time.monotonic() + timeout_s
        while not is_true():
            if time.monotonic() > until:
                raise TimeoutError(f"woken so far: {self.woken}")
            self.watch.pump(timeout_s=0.05)

    def until_listening(self, count: int = 1) -> None:
        """Until so many accounts are listened to and the wake-ups of the beginning are over."""
        self.until(lambda: self.watch.figures()["listening"] == count)
        self.until(lambda: not self.watch.pump(timeout_s=0.3))
        self.woken.clear()


@pytest.fixture
def listening() -> Iterator[Listening]:
    made = Listening()
    yield made
    made.watch.close(timeout_s=5)


@pytest.fixture
def imap() -> Iterator[FakeImapServer]:
    with FakeImapServer() as server:
        yield server


def make_inbox(port: int, *, user: str = "alice@pillarbox.test", password: str = PASSWORD) -> Mailbox:
    owner = factories.make_user(f"owner{port}")
    account = factories.make_account(owner, incoming_port=port, incoming_username=user, password=password)
    return factories.make_mailbox(account, "INBOX", role="inbox")


def deliver(server: FakeImapServer, number: int = 1) -> None:
    server.store.append(server.user, "INBOX", make_mail(number))


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
    monkeypatch.setattr(idle, "FIRST_RETRY_S", 0.05)
    inbox = make_inbox(imap.port)
    listening.watch.refresh()
    listening.until_listening()

    imap.drop_connections()

    listening.until(lambda: imap.connection_count > 1 and ("sync.mailbox", inbox.pk) in listening.woken)


@pytest.mark.req("Y77")
def test_watchdog_asks_for_a_sign_of_life_and_goes_on_listening(imap):
    listening = Listening(watchdog_s=0.2)
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
        listening.until(lambda: "LOGOUT" in server.faults.commands)

        assert "SELECT" not in server.faults.commands
        assert listening.woken == []


def test_paused_account_is_left_alone(listening, imap):
    inbox = make_inbox(imap.port)
    listening.watch.refresh()
    listening.until_listening()

    services.pause_account(inbox.account)
    listening.watch.refresh()

    listening.until(lambda: imap.server.open_connections == 0)
    assert listening.watch.figures() == {"accounts": 0, "listening": 0}


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


def test_many_accounts_begin_one_after_the_other(listening, imap, monkeypatch):
    monkeypatch.setattr(idle, "STARTS_PER_REFRESH", 2)
    owner = factories.make_user()
    for _ in range(3):
        account = factories.make_account(owner, incoming_port=imap.port, incoming_username=imap.user, password=PASSWORD)
        factories.make_mailbox(account, "INBOX", role="inbox")

    listening.watch.refresh()
    assert listening.watch.figures()["accounts"] == 2
    listening.watch.refresh()

    listening.until_listening(3)


@pytest.mark.req("Y80")
def test_waits_grow_to_an_hour_and_differ():
    waits = [idle._retry_wait(failures) for failures in (1, 2, 5, 30)]

    assert waits[0] < 10
    assert waits == sorted(waits)
    assert 2000 < waits[-1] < 5000
    assert len({idle._retry_wait(3) for _ in range(5)}) > 1
