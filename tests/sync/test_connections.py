"""The pool: kept, checked, dropped, counted."""

import threading

import pytest

from accounts import credentials
from accounts.models import MailAccount
from webmail.protocols.errors import AuthenticationRefused, ConnectionFailed, TemporarilyRefused
from webmail.store import gates
from webmail.store.models import HostGate
from webmail.sync import admission, connections
from webmail.sync.admission import Pacer, Pool, Ticket
from webmail.sync.connections import account_session
from webmail.sync.errors import TooManyConnections
from webmail.sync.submission import routes_of

pytestmark = pytest.mark.django_db


def test_session_is_kept_and_used_again(full_server, connect):
    account = connect(full_server)

    for _ in range(3):
        with account_session(account) as session:
            session.noop()

    assert full_server.connection_count == 1


def test_error_inside_closes_the_session(full_server, connect):
    account = connect(full_server)

    with pytest.raises(ConnectionFailed), account_session(account):
        raise ConnectionFailed("as if")
    with account_session(account) as session:
        session.noop()

    assert full_server.connection_count == 2


def test_new_password_does_not_meet_an_old_session(full_server, connect):
    account = connect(full_server)
    with account_session(account):
        pass
    credentials.store_secret(account, purpose="incoming", value="wrong")

    with pytest.raises(AuthenticationRefused), account_session(account):
        pass


def test_changed_host_does_not_meet_an_old_session(full_server, connect):
    account = connect(full_server)
    with account_session(account):
        pass
    MailAccount.objects.filter(pk=account.pk).update(incoming_host="localhost")
    account.refresh_from_db()

    with account_session(account):
        pass

    assert full_server.connection_count == 2


def test_dead_session_is_replaced(full_server, connect, monkeypatch):
    monkeypatch.setattr(admission, "CHECK_AFTER_S", -1.0)
    account = connect(full_server)
    with account_session(account):
        pass
    full_server.drop_connections()

    with account_session(account) as session:
        session.noop()

    assert full_server.connection_count == 2


def test_idle_session_is_dropped(full_server, connect, monkeypatch):
    account = connect(full_server)
    with account_session(account) as first:
        pass
    monkeypatch.setattr(admission, "KEEP_S", -1.0)

    with account_session(account):
        assert first.is_closed


@pytest.mark.req("R84")
@pytest.mark.req("Y81")
def test_two_for_an_account_and_one_more_for_backfill(full_server, connect, monkeypatch):
    monkeypatch.setattr(admission, "ADMISSION_S", 0.05)
    account = connect(full_server)

    with account_session(account), account_session(account):
        with pytest.raises(TooManyConnections), account_session(account):
            pass
        with account_session(account, for_backfill=True):
            with pytest.raises(TooManyConnections), account_session(account, for_backfill=True):
                pass
            assert full_server.connection_count == 3
        with pytest.raises(TooManyConnections), account_session(account):
            pass


@pytest.mark.req("Y81")
def test_waits_for_a_connection_that_becomes_free():
    pool = Pool()
    first = Ticket(1, "host", max_host=1)
    pool.admit(first)
    waiting = threading.Thread(target=lambda: pool.admit(Ticket(1, "host", max_host=1), wait_s=5))
    waiting.start()

    pool.leave(first, None)
    waiting.join(5)

    assert not waiting.is_alive()
    assert pool.open_at("host", "imap") == 1


@pytest.mark.req("Y84")
def test_account_with_fewest_connections_goes_first():
    pool = Pool()
    busy = [Ticket(1, "host", max_host=2) for _ in range(2)]
    for ticket in busy:
        pool.admit(ticket)
    order: list[int] = []

    def wait(account_id: int) -> None:
        pool.admit(Ticket(account_id, "host", max_account=3, for_backfill=account_id == 1, max_host=2), wait_s=5)
        order.append(account_id)

    threads = [threading.Thread(target=wait, args=(account_id,), daemon=True) for account_id in (1, 2)]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        while len(pool._waiting) < number:
            pass
    pool.leave(busy[0], None)
    threads[1].join(5)
    assert order == [2]

    pool.leave(busy[1], None)
    threads[0].join(5)
    assert order == [2, 1]


@pytest.mark.req("Y80")
def test_new_connections_to_a_host_come_at_its_pace_after_a_burst():
    pacer = Pacer(burst=3, clock=lambda: 100.0)

    waits = [pacer.wait_s("host", 10.0) for _ in range(6)]

    assert waits == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])
    assert pacer.wait_s("other", 10.0) == 0


@pytest.mark.req("Y81")
@pytest.mark.req("R83")
def test_too_many_connections_lower_the_gate_for_all_processes(full_server, connect):
    account = connect(full_server)
    with account_session(account):
        pass
    assert connections.pool.open_at(account.incoming_host, "imap") == 1
    full_server.faults.refuse("NOOP", text="Too many simultaneous connections")

    with pytest.raises(TemporarilyRefused), account_session(account) as session:
        session.noop()

    gate = HostGate.objects.get(host=account.incoming_host)
    assert "Too many" in gate.reason
    assert connections._limit_of_host(account.incoming_host) == gate.limit == 1
    assert connections.pool.open_at(account.incoming_host, "imap") == 0


@pytest.mark.req("Y81")
def test_gate_recovers_step_by_step():
    gates.lower_gate("Mail.Example.org", limit=2, reason="full")
    gate = HostGate.objects.get(host="mail.example.org")

    limits = [
        gates.limit_of("mail.example.org", usual=5, now=gate.until + gates.STEP * steps) for steps in (-1, 0, 1, 2, 9)
    ]

    assert limits == [2, 3, 4, 5, 5]


@pytest.mark.req("R33")
def test_account_that_cannot_send_has_no_server_for_it(full_server, connect):
    account = connect(full_server, outgoing_host="", outgoing_port=None)

    assert routes_of(account) == []


@pytest.mark.req("Y84")
def test_who_finds_enough_others_waiting_comes_back_later_instead_of_holding_a_thread():
    pool = Pool()
    taken = Ticket(1, "host", max_host=1)
    pool.admit(taken)
    waiting = [Ticket(number, "host", max_host=1) for number in range(2, 2 + admission.WAITING_OF_HOST)]
    threads = [threading.Thread(target=pool.admit, args=(ticket,), kwargs={"wait_s": 10}) for ticket in waiting]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        while len(pool._waiting) < number:
            pass

    with pytest.raises(TooManyConnections):
        pool.admit(Ticket(9, "host", max_host=1), wait_s=10)
    elsewhere = Ticket(9, "other host")
    pool.admit(elsewhere, wait_s=0)

    pool.leave(taken, None)
    for _ in threads:
        while (served := next((ticket for ticket in waiting if ticket not in pool._waiting), None)) is None:
            pass
        waiting.remove(served)
        pool.leave(served, None)
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
