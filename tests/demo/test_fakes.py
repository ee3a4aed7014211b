"""The scripted faults: each does what it says, once, and the server is well behaved again afterwards."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator

import pytest

from tests.demo.conftest import fill, make_mail
from tests.demo.raw_client import RawImap
from tests.fakes.cutting_proxy import FROM_CLIENT, FROM_SERVER, CuttingProxy
from tests.fakes.imap import FakeImapServer
from tests.fakes.smtp import RecordingSmtpSink

MAIL = b"Subject: token-1\r\n\r\n..leading dots\r\n.\r\nend\r\n"


@pytest.fixture
def sink() -> Iterator[RecordingSmtpSink]:
    with RecordingSmtpSink() as server:
        yield server


def send(port: int, *recipients: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.sendmail("alice@pillarbox.test", recipients or ("bob@example.org",), MAIL)


# IMAP


def test_a_command_is_refused_once_with_its_code(imap: FakeImapServer, raw: RawImap) -> None:
    imap.faults.refuse("UID MOVE", code="OVERQUOTA", when=b"Archive")
    raw.command("SELECT INBOX")
    assert b" NO [OVERQUOTA]" in raw.command("UID MOVE 1 Archive")[-1]
    assert 1 in imap.store.mailbox(imap.user).messages
    assert b" OK " in raw.command("UID MOVE 1 Archive")[-1]
    assert imap.faults.commands.count("UID MOVE") == 2


@pytest.mark.req("R81")
def test_list_is_empty_once(imap: FakeImapServer, raw: RawImap) -> None:
    imap.faults.empty_list()
    assert len(raw.command('LIST "" "*"')) == 1
    assert len(raw.command('LIST "" "*"')) == 7


@pytest.mark.req("Y27")
def test_list_shows_a_name_that_cannot_be_decoded(imap: FakeImapServer, raw: RawImap) -> None:
    imap.faults.list_bad_name(b'"&Jjo!"')
    assert raw.command('LIST "" "*"')[0].endswith(b'"&Jjo!"')


@pytest.mark.req("Y51")
def test_uidvalidity_can_really_change(imap: FakeImapServer, raw: RawImap) -> None:
    imap.store.expunge(imap.user, "INBOX", [1])
    before = imap.store.mailbox(imap.user).uidvalidity
    assert imap.flip_uidvalidity() != before
    raw.command("SELECT INBOX")
    assert raw.command("UID SEARCH ALL")[0] == b"* SEARCH 1 2"
    assert imap.flip_uidvalidity(to=5) == 5


@pytest.mark.req("Y52")
def test_uidvalidity_can_be_a_lie(imap: FakeImapServer, raw: RawImap) -> None:
    imap.faults.shift_uidvalidity(0)
    assert any(b"[UIDVALIDITY 0]" in line for line in raw.command("SELECT INBOX"))


@pytest.mark.req("Y46")
def test_a_vanished_that_is_not_true_can_be_sent(imap: FakeImapServer, raw: RawImap) -> None:
    imap.faults.bogus_vanished("NOOP", b"12:*")
    assert raw.command("NOOP")[0] == b"* VANISHED 12:*"


@pytest.mark.parametrize("reset", [False, True])
def test_a_named_command_cuts_the_connection_before_it_runs(imap: FakeImapServer, raw: RawImap, reset: bool) -> None:
    imap.faults.cut("UID STORE", reset=reset)
    raw.command("SELECT INBOX")
    with pytest.raises(ConnectionError):
        raw.command("UID STORE 1 +FLAGS (\\Seen)")
    assert imap.store.mailbox(imap.user).messages[1].flags == frozenset()


def test_an_answer_is_cut_after_the_command_has_run(imap: FakeImapServer, raw: RawImap) -> None:
    imap.faults.cut_answer("UID STORE", after_bytes=5)
    raw.command("SELECT INBOX")
    with pytest.raises(ConnectionError):
        raw.command("UID STORE 1 +FLAGS (\\Seen)")
    assert imap.store.mailbox(imap.user).messages[1].flags == {"\\Seen"}


def test_the_connection_ends_after_a_number_of_bytes(imap: FakeImapServer, raw: RawImap) -> None:
    raw.command("SELECT INBOX")
    imap.faults.cut_after_bytes(100)
    raw.send("UID FETCH 1:* (BODY.PEEK[])")
    received = b""
    while data := raw.read_line():
        received += data
    assert len(received) == 100


def test_another_client_acts_in_the_worst_moment(imap: FakeImapServer, raw: RawImap) -> None:
    raw.command("SELECT INBOX")
    imap.faults.run_before("UID STORE", lambda: imap.store.expunge(imap.user, "INBOX", [2]))
    assert b" OK " in raw.command("UID STORE 1:3 +FLAGS (\\Seen)")[-1]
    assert list(imap.store.mailbox(imap.user).messages) == [1, 3]


def test_open_connections_can_be_dropped_and_new_ones_work(imap: FakeImapServer, raw: RawImap) -> None:
    raw.command("NOOP")
    imap.drop_connections()
    with pytest.raises(ConnectionError):
        raw.command("NOOP")
    with RawImap(imap.port) as second:
        second.login(imap.user, imap.password)


def test_any_greeting_can_be_sent(imap: FakeImapServer) -> None:
    imap.faults.greeting_line = b"* PREAUTH welcome\r\n"
    with RawImap(imap.port) as client:
        assert client.greeting == b"* PREAUTH welcome\r\n"


# SMTP


def test_the_sink_keeps_envelope_wire_bytes_and_content(sink: RecordingSmtpSink) -> None:
    send(sink.port, "bob@example.org", "carol@example.org")
    (message,) = sink.messages
    assert message.sender == "alice@pillarbox.test"
    assert message.recipients == ("bob@example.org", "carol@example.org")
    assert message.content == MAIL
    assert message.wire.endswith(b"\r\n..\r\nend\r\n.\r\n")


def test_the_sink_checks_the_password_and_can_insist_on_it() -> None:
    with RecordingSmtpSink(requires_auth=True) as sink, smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
        client.ehlo()
        assert client.mail("alice@pillarbox.test")[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(sink.user, "wrong")
        client.login(sink.user, sink.password)
        client.sendmail(sink.user, ["bob@example.org"], MAIL)
        assert sink.messages[0].authenticated_as == sink.user


@pytest.mark.req("R68")
@pytest.mark.parametrize("phase", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT"])
def test_each_phase_can_refuse_once(sink: RecordingSmtpSink, phase: str) -> None:
    sink.reply(phase, b"554 5.0.0 no", times=2 if phase == "EHLO" else 1)
    if phase == "EHLO":
        sink.reply("HELO", b"554 5.0.0 no")
    with pytest.raises(smtplib.SMTPException):
        send(sink.port)
    assert sink.messages == []
    sink.scripts.clear()
    send(sink.port)
    assert len(sink.wait_for_messages(1)) == 1


def test_one_recipient_can_be_refused(sink: RecordingSmtpSink) -> None:
    sink.reply("RCPT", b"450 4.2.1 later", when=b"carol@")
    send(sink.port, "bob@example.org", "carol@example.org")
    assert sink.messages[0].recipients == ("bob@example.org",)


@pytest.mark.req("R65")
@pytest.mark.fault("F2")
@pytest.mark.parametrize(("phase", "is_kept"), [("MAIL", False), ("DATA", False), ("DOT", False), ("after dot", True)])
def test_the_connection_can_be_cut_around_the_dot(sink: RecordingSmtpSink, phase: str, is_kept: bool) -> None:
    if phase == "after dot":
        sink.cut_after_dot()
    else:
        sink.cut(phase)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(sink.port)
    assert len(sink.messages) == int(is_kept)


@pytest.mark.req("R67")
def test_quit_can_answer_421_after_success(sink: RecordingSmtpSink) -> None:
    sink.refuse_quit()
    with pytest.raises(smtplib.SMTPResponseException):
        send(sink.port)
    assert len(sink.messages) == 1


def test_an_answer_can_be_late(sink: RecordingSmtpSink) -> None:
    sink.delay("DOT", 0.3)
    with socket.create_connection(("127.0.0.1", sink.port), timeout=10) as client, client.makefile("rb") as lines:
        for command in (
            b"",
            b"EHLO me\r\n",
            b"MAIL FROM:<a@example.org>\r\n",
            b"RCPT TO:<b@example.org>\r\n",
            b"DATA\r\n",
        ):
            client.sendall(command)
            while lines.readline()[3:4] == b"-":
                pass
        client.settimeout(0.05)
        client.sendall(b"Subject: x\r\n\r\n.\r\n")
        sink.wait_for_messages(1)
        with pytest.raises(TimeoutError):
            client.recv(1)


# Proxy


def test_the_proxy_passes_everything_on(sink: RecordingSmtpSink) -> None:
    with CuttingProxy(port=sink.port, latency_s=0.001) as proxy:
        send(proxy.port)
    assert sink.messages[0].content == MAIL
    assert proxy.bytes_passed[FROM_CLIENT] > len(MAIL)


@pytest.mark.fault("F2")
@pytest.mark.parametrize("chunk_bytes", [1, 65536])
def test_the_proxy_cuts_after_the_dot_and_the_server_has_the_message(sink: RecordingSmtpSink, chunk_bytes: int) -> None:
    with CuttingProxy(port=sink.port) as proxy:
        proxy.chunk_bytes = chunk_bytes
        proxy.cut_after(FROM_CLIENT, b"\r\n.\r\n")
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            send(proxy.port)
        assert len(sink.wait_for_messages(1)) == 1
        send(proxy.port)
    assert len(sink.messages) == 2


def test_the_proxy_cuts_before_an_answer_arrives(imap: FakeImapServer) -> None:
    with CuttingProxy(port=imap.port) as proxy:
        proxy.cut_before(FROM_SERVER, b"[APPENDUID", reset=True)
        with RawImap(proxy.port) as client:
            client.login(imap.user, imap.password)
            mail = make_mail(9)
            with pytest.raises(ConnectionError):
                client.command(b"APPEND Sent {%d+}\r\n%b" % (len(mail), mail))
    assert len(imap.store.mailbox(imap.user, "Sent").messages) == 1


def test_the_proxy_cuts_after_a_number_of_bytes(imap: FakeImapServer) -> None:
    fill(imap, 20, "Archive")
    with CuttingProxy(port=imap.port) as proxy:
        proxy.chunk_bytes = 64
        with RawImap(proxy.port) as client:
            client.login(imap.user, imap.password)
            client.command("SELECT Archive")
            proxy.cut_after_bytes(FROM_SERVER, 500)
            with pytest.raises(ConnectionError):
                client.command("UID FETCH 1:* (BODY.PEEK[])")


def test_a_black_hole_holds_bytes_back_and_can_end(imap: FakeImapServer) -> None:
    with CuttingProxy(port=imap.port) as proxy, RawImap(proxy.port) as client:
        client.login(imap.user, imap.password)
        proxy.is_black_hole = True
        tag = client.send("NOOP")
        proxy.is_black_hole = False
        assert b" OK " in client.read_answer(tag)[-1]


def test_new_connections_can_be_refused(imap: FakeImapServer) -> None:
    with CuttingProxy(port=imap.port) as proxy:
        proxy.refuses = True
        try:
            with RawImap(proxy.port) as client:
                assert client.greeting == b""
        except ConnectionError:
            pass
        assert imap.connection_count == 0
