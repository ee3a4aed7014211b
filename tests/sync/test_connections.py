"""The pool: kept, checked, dropped, counted."""

import threading

import pytest

from accounts import credentials
from accounts.models import MailAccount
from webmail.protocols.errors import AuthenticationRefused, BadArgument, ConnectionFailed
from webmail.sync import connections
from webmail.sync.connections import account_session
from webmail.sync.errors import TooManyConnections

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
    monkeypatch.setattr(connections, "CHECK_AFTER_S", -1.0)
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
    monkeypatch.setattr(connections, "KEEP_S", -1.0)

    with account_session(account):
        assert first.is_closed


@pytest.mark.req("R84")
@pytest.mark.req("Y81")
def test_no_more_than_three_for_an_account(full_server, connect, monkeypatch):
    monkeypatch.setattr(connections, "ADMISSION_S", 0.05)
    account = connect(full_server)

    with (
        account_session(account),
        account_session(account),
        account_session(account),
        pytest.raises(TooManyConnections),
        account_session(account),
    ):
        pass

    with account_session(account):
        pass
    assert full_server.connection_count == 3


@pytest.mark.req("Y81")
def test_waits_for_a_connection_that_becomes_free(full_server, connect, monkeypatch):
    monkeypatch.setattr(connections, "MAX_PER_ACCOUNT", 1)
    account = connect(full_server)
    pool = connections._Pool()
    first = pool.admit(account.pk, "host")
    found: list[object] = []
    waiting = threading.Thread(target=lambda: found.append(pool.admit(account.pk, "host")))
    waiting.start()

    pool.leave(first, None)
    waiting.join(5)

    assert len(found) == 1


@pytest.mark.req("R33")
def test_endpoint_of_an_account_that_cannot_send(full_server, connect):
    account = connect(full_server, outgoing_host="", outgoing_port=None)

    with pytest.raises(BadArgument):
        connections.endpoint(account, "outgoing")
