"""POP3 servers in trouble: refusals, cuts at every command, lists that contradict themselves, deaths of ours."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AccountState, LeaveOnServer, MailAccount
from tests.fakes.pop3 import FakePop3Server
from tests.sync.conftest import ids_in, inbox_of, letter, sync
from webmail.demo.pop3_server import DEFAULT_CAPABILITIES, Pop3Config
from webmail.store import consistency
from webmail.store.models import Email, Placement
from webmail.sync import points

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """Stands for the end of the process."""


def deliver(server: FakePop3Server, *numbers: int) -> None:
    for number in numbers:
        server.store.append(server.user, "INBOX", letter(number, body="x" * number))


def on_server(server: FakePop3Server) -> int:
    return len(server.store.mailbox(server.user).messages)


def assert_stored(account: MailAccount, *numbers: int) -> None:
    assert sorted(ids_in(inbox_of(account))) == sorted(f"Letter {number}" for number in numbers)
    assert Email.objects.filter(account=account).count() == len(numbers)
    assert consistency.check_account(account.pk) == []


def offering(*words: str) -> Pop3Config:
    return Pop3Config(capabilities=(*DEFAULT_CAPABILITIES, *words))


@pytest.mark.req("R85")
@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("[IN-USE] locked", AccountState.FAILING),
        ("[SYS/TEMP] later", AccountState.FAILING),
        ("[SYS/PERM] no", AccountState.FAILING),
        ("[LOGIN-DELAY] too early", AccountState.OK),
        ("[AUTH] wrong", AccountState.AUTH_FAILED),
    ],
)
def test_refused_sign_in_asks_for_a_password_only_when_it_is_about_one(pop3_server, connect, code, state):
    deliver(pop3_server, 1)
    account = sync(connect(pop3_server))
    pop3_server.faults.refuse("AUTH", f"-ERR {code}".encode())

    sync(account)

    assert account.state == state
    assert account.next_sync_at > timezone.now() or state == AccountState.AUTH_FAILED
    assert_stored(account, 1)


@pytest.mark.req("Y79")
@pytest.mark.req("R85")
def test_delay_between_logins_is_kept(connect, monkeypatch):
    monkeypatch.setattr("webmail.sync.maildrop.pop3_plan._BATCH", 1)
    monkeypatch.setattr("webmail.sync.passes.MAILBOX_SLICE_S", -1.0)
    with FakePop3Server(config=offering("LOGIN-DELAY 1800")) as server:
        deliver(server, 1, 2)

        account = sync(connect(server))

        assert Email.objects.count() == 1
        assert account.next_sync_at > timezone.now() + timedelta(minutes=29)


@pytest.mark.parametrize(
    ("offer", "policy", "is_told"),
    [
        ("EXPIRE 7", LeaveOnServer.KEEP, True),
        ("EXPIRE 7", LeaveOnServer.AFTER_DAYS, True),
        ("EXPIRE 30", LeaveOnServer.AFTER_DAYS, False),
        ("EXPIRE 0", LeaveOnServer.WHEN_DELETED, True),
        ("EXPIRE 0", LeaveOnServer.AT_ONCE, False),
        ("EXPIRE NEVER", LeaveOnServer.KEEP, False),
    ],
)
def test_server_that_deletes_sooner_than_wished_is_told(connect, offer, policy, is_told):
    with FakePop3Server(config=offering(offer)) as server:
        account = sync(connect(server, leave_on_server=policy, leave_days=14))

    assert account.state == AccountState.OK
    assert ("The server" in account.state_reason) == is_told


@pytest.mark.req("R85")
@pytest.mark.req("Y90")
@pytest.mark.parametrize("how", ["before", "within", "refused"])
@pytest.mark.parametrize("command", ["CAPA", "AUTH", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "QUIT"])
@pytest.mark.parametrize("without", [set(), {"PIPELINING"}, {"UIDL"}])
def test_cut_at_any_command_leaves_a_right_state(connect, command, how, without):
    with FakePop3Server(without=without) as server:
        deliver(server, 1, 2, 3)
        account = sync(connect(server, leave_on_server=LeaveOnServer.KEEP))
        deliver(server, 4, 5)
        MailAccount.objects.filter(pk=account.pk).update(leave_on_server=LeaveOnServer.AT_ONCE)
        if how == "before":
            server.faults.cut(command)
        elif how == "within":
            server.faults.cut_answer(command, after_bytes=3)
        else:
            server.faults.refuse(command, b"-ERR [SYS/TEMP] later")

        sync(account)
        assert account.state != AccountState.AUTH_FAILED
        counted = Placement.objects.filter(gone_at__isnull=False).count()
        assert counted <= 5 - on_server(server), "counted as deleted without an answer to QUIT"
        server.faults.clear()
        sync(account, passes_made=2)

        assert_stored(account, 1, 2, 3, 4, 5)
        assert on_server(server) == 0
        assert Placement.objects.filter(gone_at=None).count() == 0


@pytest.mark.req("Y88")
@pytest.mark.parametrize("moment", ["pop3.retrieved", "pop3.bytes_stored", "pop3.rows_written", "pop3.committed"])
def test_death_fetches_at_most_one_batch_again(pop3_server, connect, monkeypatch, moment):
    monkeypatch.setattr("webmail.sync.maildrop.pop3_plan._BATCH", 4)
    deliver(pop3_server, *range(1, 21))
    account = connect(pop3_server)
    seen: list[str] = []

    def die_at_the_third(name: str) -> None:
        seen.append(name)
        if seen.count(moment) == 3:
            raise Killed

    monkeypatch.setattr(points, "observer", die_at_the_third)
    with pytest.raises(Killed):
        sync(account)
    monkeypatch.setattr(points, "observer", None)

    sync(account)

    assert_stored(account, *range(1, 21))
    assert pop3_server.faults.commands.count("RETR") <= 24


@pytest.mark.req("Y90")
@pytest.mark.parametrize("moment", ["pop3.before_dele", "pop3.marked"])
def test_death_before_quit_repeats_dele_only(pop3_server, connect, monkeypatch, moment):
    deliver(pop3_server, 1, 2)
    account = connect(pop3_server, leave_on_server=LeaveOnServer.AT_ONCE)

    def die(name: str) -> None:
        if name == moment:
            raise Killed

    monkeypatch.setattr(points, "observer", die)
    with pytest.raises(Killed):
        sync(account)
    monkeypatch.setattr(points, "observer", None)
    assert on_server(pop3_server) == 2
    assert Placement.objects.filter(gone_at=None).count() == 2
    pop3_server.faults.commands.clear()

    sync(account)

    assert on_server(pop3_server) == 0
    assert "RETR" not in pop3_server.faults.commands
    assert_stored(account, 1, 2)


# Lists that contradict themselves -------------------------------------------------------------------------------------


@pytest.mark.req("R81")
@pytest.mark.req("Y86")
@pytest.mark.parametrize("command", ["LIST", "UIDL"])
def test_empty_list_beside_a_count_is_not_believed(pop3_server, connect, command):
    deliver(pop3_server, 1, 2, 3)
    account = sync(connect(pop3_server, leave_on_server=LeaveOnServer.WHEN_DELETED))
    pop3_server.faults.change_answer(command, lambda data: b"+OK\r\n.\r\n")

    sync(account)

    assert account.state == AccountState.FAILING
    assert Placement.objects.filter(gone_at=None).count() == 3
    assert on_server(pop3_server) == 3
    sync(account)
    assert account.state == AccountState.OK
    assert_stored(account, 1, 2, 3)


@pytest.mark.req("R81")
@pytest.mark.parametrize("command", ["LIST", "UIDL"])
def test_short_list_proves_nobodys_absence(pop3_server, connect, command):
    deliver(pop3_server, *range(1, 7))
    account = sync(connect(pop3_server))
    MailAccount.objects.filter(pk=account.pk).update(leave_on_server=LeaveOnServer.AT_ONCE)
    deliver(pop3_server, 7)
    pop3_server.faults.change_answer(command, lambda data: b"\r\n".join(data.split(b"\r\n")[:3]) + b"\r\n.\r\n")
    pop3_server.faults.commands.clear()

    sync(account)

    assert "DELE" not in pop3_server.faults.commands
    assert not Placement.objects.filter(gone_at__isnull=False).exists()
    sync(account, passes_made=2)
    assert_stored(account, *range(1, 8))
    assert on_server(pop3_server) == 0


@pytest.mark.req("Y86")
def test_message_without_a_name_among_others_comes_once(pop3_server, connect):
    deliver(pop3_server, 1, 2, 3)
    pop3_server.faults.change_answer(
        "UIDL", lambda data: b"\r\n".join(line for line in data.split(b"\r\n") if line[:2] != b"2 "), times=2
    )

    account = sync(connect(pop3_server), passes_made=2)
    assert_stored(account, 1, 2, 3)

    sync(account)
    assert_stored(account, 1, 2, 3)
    assert pop3_server.faults.commands.count("RETR") == 3


# Without UIDL ---------------------------------------------------------------------------------------------------------


@pytest.mark.req("Y87")
@pytest.mark.parametrize("without", [{"UIDL"}, {"UIDL", "TOP"}])
def test_unchanged_maildrop_without_uidl_costs_a_few_looks(connect, without):
    with FakePop3Server(without=without) as server:
        deliver(server, *range(1, 61))
        account = sync(connect(server))
        server.faults.commands.clear()

        sync(account)
        looks = server.faults.commands.count("RETR") + server.faults.commands.count("TOP")
        assert looks <= 5
        deliver(server, 61)
        server.store.expunge(server.user, "INBOX", [5, 30])
        server.faults.commands.clear()
        sync(account)

        looks = server.faults.commands.count("RETR") + server.faults.commands.count("TOP")
        assert looks <= 40
        assert_stored(account, *range(1, 62))
        assert Placement.objects.filter(gone_at__isnull=False).count() == 2


@pytest.mark.req("Y87")
@pytest.mark.parametrize("without", [{"UIDL"}, {"UIDL", "TOP"}])
def test_without_uidl_only_proved_mail_is_deleted(connect, without):
    with FakePop3Server(without=without) as server:
        deliver(server, *range(1, 9))
        account = sync(connect(server))
        MailAccount.objects.filter(pk=account.pk).update(leave_on_server=LeaveOnServer.AT_ONCE)

        sync(account)

        assert on_server(server) == 0
        assert_stored(account, *range(1, 9))
