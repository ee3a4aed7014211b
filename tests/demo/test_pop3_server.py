"""The POP3 server and its fake, driven by poplib."""

from __future__ import annotations

import base64
import poplib
import socket
from collections.abc import Iterator

import pytest

from tests.demo.conftest import make_mail
from tests.fakes.pop3 import FakePop3Server


@pytest.fixture
def server() -> Iterator[FakePop3Server]:
    with FakePop3Server() as fake:
        for number in range(1, 4):
            fake.store.append(fake.user, "INBOX", make_mail(number, body="one\r\n.two\r\nthree\r\n"))
        yield fake


def sign_in(server: FakePop3Server) -> poplib.POP3:
    client = poplib.POP3(server.host, server.port, timeout=10)
    client.user(server.user)
    client.pass_(server.password)
    return client


def stored(server: FakePop3Server) -> list[int]:
    return list(server.store.mailbox(server.user).messages)


def test_capabilities_are_listed(server: FakePop3Server) -> None:
    client = poplib.POP3(server.host, server.port)
    assert {"TOP", "UIDL", "PIPELINING", "USER"} <= set(client.capa())
    client.quit()


def test_a_wrong_password_is_refused_with_its_code(server: FakePop3Server) -> None:
    client = poplib.POP3(server.host, server.port)
    client.user(server.user)
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
        client.pass_("wrong")
    with pytest.raises(poplib.error_proto, match="Log in first"):
        client.stat()
    client.quit()


def test_messages_are_counted_listed_and_retrieved_unstuffed(server: FakePop3Server) -> None:
    client = sign_in(server)
    size = len(server.store.mailbox(server.user).messages[1].raw)
    assert client.stat() == (3, 3 * size)
    assert client.list()[1] == [f"{number} {size}".encode() for number in (1, 2, 3)]
    assert b"\r\n".join(client.retr(2)[1]) + b"\r\n" == server.store.mailbox(server.user).messages[2].raw
    assert client.top(1, 1)[1][-2:] == [b"", b"one"]
    with pytest.raises(poplib.error_proto):
        client.retr(4)
    client.quit()


def test_unique_ids_stay_the_same_over_sessions(server: FakePop3Server) -> None:
    first = sign_in(server)
    before = first.uidl()[1]
    first.dele(1)
    first.quit()
    second = sign_in(server)
    after = second.uidl()[1]
    second.quit()
    assert [row.split()[1] for row in after] == [row.split()[1] for row in before][1:]


def test_deleting_takes_effect_at_quit_only(server: FakePop3Server) -> None:
    client = sign_in(server)
    client.dele(1)
    client.dele(3)
    assert client.stat()[0] == 1
    assert stored(server) == [1, 2, 3]
    client.quit()
    assert stored(server) == [2]


def test_rset_takes_deletions_back(server: FakePop3Server) -> None:
    client = sign_in(server)
    client.dele(1)
    client.rset()
    client.quit()
    assert stored(server) == [1, 2, 3]


def test_a_connection_that_breaks_deletes_nothing(server: FakePop3Server) -> None:
    client = sign_in(server)
    client.dele(1)
    client.close()
    second = sign_in(server)
    assert second.stat()[0] == 3
    second.quit()


def test_commands_may_be_pipelined(server: FakePop3Server) -> None:
    token = base64.b64encode(f"\0{server.user}\0{server.password}".encode())
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        connection.sendall(b"AUTH PLAIN " + token + b"\r\nRETR 1\r\nRETR 2\r\nNOOP\r\nQUIT\r\n")
        with connection.makefile("rb") as lines:
            answer = lines.read()
    assert answer.count(b"+OK") == 6
    assert answer.count(b"\r\n.\r\n") == 2


@pytest.mark.req("Y86")
def test_unique_ids_can_be_doubled_or_changed(server: FakePop3Server) -> None:
    server.unique_id_rule = lambda message: "same"
    client = sign_in(server)
    assert client.uidl()[1] == [b"1 same", b"2 same", b"3 same"]
    server.unique_id_rule = lambda message: f"new-{message.uid}"
    assert client.uidl(2) == b"+OK 2 new-2"
    client.quit()


@pytest.mark.req("Y87")
def test_uidl_top_and_capa_can_be_absent() -> None:
    with FakePop3Server(without={"UIDL", "TOP", "CAPA"}) as fake:
        fake.store.append(fake.user, "INBOX", make_mail(1))
        client = sign_in(fake)
        for act in (client.uidl, lambda: client.top(1, 0), client.capa):
            with pytest.raises(poplib.error_proto, match="-ERR"):
                act()
        client.quit()


@pytest.mark.req("R85")
def test_a_locked_mailbox_refuses_once_and_then_opens(server: FakePop3Server) -> None:
    server.faults.in_use()
    with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
        sign_in(server)
    client = sign_in(server)
    client.quit()


@pytest.mark.req("Y90")
@pytest.mark.parametrize("is_carried_out", [False, True])
def test_quit_can_be_cut_before_or_after_it_is_carried_out(server: FakePop3Server, is_carried_out: bool) -> None:
    if is_carried_out:
        server.faults.cut_quit_answer()
    else:
        server.faults.cut_before_quit_answer()
    client = sign_in(server)
    client.dele(2)
    with pytest.raises((poplib.error_proto, OSError)):
        client.quit()
    assert stored(server) == ([1, 3] if is_carried_out else [1, 2, 3])
