import pytest

from tests.protocols.loopback import Peer
from tests.protocols.smtp.conversations import (
    MESSAGE,
    PIPELINING,
    TO_ONE,
    Talk,
    send,
    send_envelope_and_data,
)
from webmail.protocols.errors import (
    ConnectionLost,
    PermanentlyRefused,
    ProtocolError,
    ServerError,
    ServerMisbehaved,
    TemporarilyRefused,
)
from webmail.protocols.smtp.replies import MAX_REPLY_BYTES
from webmail.protocols.smtp.session import Reply
from webmail.protocols.transport import READ_CHUNK_BYTES

CHUNKS = 2 * READ_CHUNK_BYTES


@pytest.mark.req("R40")
@pytest.mark.req("R35")
@pytest.mark.parametrize(
    "stream",
    [b"250-more\r\n" * 100, b"250-" + b"x" * 8000 + b"\r\n", b"250 " + b"x" * 1_000_000, b"x" * 65_536, b"\r\n" * 100],
    ids=["endless lines", "long lines", "10 MB line", "no line end", "empty lines"],
)
@pytest.mark.parametrize("where", ["greeting", "EHLO"])
def test_an_endless_reply_while_opening_is_cut_off(where: str, stream: bytes, talk: Talk) -> None:
    with pytest.raises(ServerMisbehaved):
        talk({where: lambda peer, line: peer.flood(stream)})


@pytest.mark.req("R40")
@pytest.mark.req("R35")
@pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA", "dot"])
@pytest.mark.parametrize("stream", [b"250-more\r\n" * 100, b"250 " + b"x" * 1_000_000])
def test_an_endless_reply_ends_the_session_and_takes_no_memory(where: str, stream: bytes, talk: Talk) -> None:
    session, _ = talk({where: lambda peer, line: peer.flood(stream)})
    with pytest.raises(ServerMisbehaved):
        send(session)
    assert session._connection.is_closed
    assert session._connection.bytes_read <= MAX_REPLY_BYTES + CHUNKS


@pytest.mark.req("R40")
@pytest.mark.parametrize("where", ["greeting", "EHLO"])
def test_354_while_opening_ends_the_session(where: str, talk: Talk) -> None:
    with pytest.raises(ServerMisbehaved):
        talk({where: b"354 go ahead\r\n"})


@pytest.mark.req("R40")
@pytest.mark.parametrize("where", ["MAIL", "RCPT"])
@pytest.mark.parametrize("offered", [b"250 mail.example.org\r\n", PIPELINING])
def test_354_to_the_envelope_keeps_the_message_here(where: str, offered: bytes, talk: Talk) -> None:
    session, server = talk({"EHLO": offered, where: b"354 go ahead\r\n"})
    with pytest.raises(ServerMisbehaved):
        send(session)
    assert "DATA" not in server.verbs


@pytest.mark.req("R40")
def test_354_to_the_final_dot_is_unknown_and_not_accepted(talk: Talk) -> None:
    session, _ = talk({"dot": b"354 go ahead\r\n"})
    with pytest.raises(ConnectionLost):
        send(session)


@pytest.mark.req("R40")
def test_250_to_data_keeps_the_message_here(talk: Talk) -> None:
    session, server = talk({"DATA": b"250 fine\r\n"})
    with pytest.raises(ServerMisbehaved):
        send_envelope_and_data(session)
    assert server.messages == []


@pytest.mark.req("R40")
@pytest.mark.parametrize("offered", [b"250 mail.example.org\r\n", PIPELINING])
def test_two_answers_to_mail_are_not_taken_for_one_to_rcpt(offered: bytes, talk: Talk) -> None:
    def answer_twice(peer: Peer, line: bytes) -> bytes:
        if offered == PIPELINING:
            peer.line()  # RCPT, refused in the same packet, so that the test does not depend on timing
            return b"250 ok\r\n250 ok\r\n550 unknown\r\n"
        return b"250 ok\r\n250 ok\r\n"

    session, server = talk({"EHLO": offered, "MAIL": answer_twice, "RCPT": b"550 unknown\r\n"})
    with pytest.raises(ServerMisbehaved):
        send_envelope_and_data(session)
    assert "DATA" not in server.verbs


@pytest.mark.req("R40")
@pytest.mark.parametrize(
    ("early", "error"),
    [
        (b"250 thanks\r\n", TemporarilyRefused),
        (b"421 closing\r\n", TemporarilyRefused),
        (b"552 5.3.4 too big\r\n", PermanentlyRefused),
    ],
)
def test_a_reply_before_the_dot_keeps_the_dot_back(early: bytes, error: type[ServerError], talk: Talk) -> None:
    session, server = talk({"DATA": b"354 go\r\n" + early})
    session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
    session.start_data()
    with pytest.raises(error):
        session.write_body(MESSAGE)
    with pytest.raises((ProtocolError, RuntimeError)):
        session.finish_data()
    assert server.messages == []


def test_a_server_that_says_goodbye_between_messages_is_a_temporary_refusal(talk: Talk) -> None:
    session, _server = talk({"dot": b"250 ok\r\n421 4.4.2 idle too long\r\n"})
    assert send(session).is_positive
    with pytest.raises(TemporarilyRefused):
        session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)


@pytest.mark.req("R41")
@pytest.mark.parametrize("reply", [b"250\r\n", b"250 \r\n", b"250\n", b"250-\r\n250\r\n", b"250 caf\xc3\xa9 \xff\r\n"])
def test_a_reply_without_text_or_with_odd_bytes_is_understood(reply: bytes, talk: Talk) -> None:
    session, _ = talk({"MAIL": reply, "dot": reply})
    assert send(session).is_positive


@pytest.mark.parametrize(
    "reply", [b"25 ok\r\n", b"2500 ok\r\n", b"150 ok\r\n", b"ok\r\n", b"\r\n", b"250-a\r\n550 b\r\n", b"250_x\r\n"]
)
def test_what_is_no_reply_ends_the_session(reply: bytes, talk: Talk) -> None:
    session, _ = talk({"MAIL": reply})
    with pytest.raises(ServerMisbehaved):
        session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)


@pytest.mark.parametrize(
    ("raw", "reply"),
    [
        (b"550 5.1.1 unknown\r\n", Reply(550, "5.1.1", "unknown")),
        (b"550-5.1.1 un\r\n550 5.1.1 known\r\n", Reply(550, "5.1.1", "un known")),
        (b"550-5.1.1 un\r\n550 known\r\n", Reply(550, "5.1.1", "un known")),
        (b"550 2.1.1 odd\r\n", Reply(550, "", "2.1.1 odd")),
        (b"550 5.1.1\r\n", Reply(550, "5.1.1", "")),
        (b"550 5.1.1234 no\r\n", Reply(550, "", "5.1.1234 no")),
        (b"550 evil\x1b[2Jtext\x00\r\n", Reply(550, "", "evil [2Jtext")),
    ],
)
def test_a_refusal_keeps_status_and_text(raw: bytes, reply: Reply, talk: Talk) -> None:
    session, _ = talk({"MAIL": raw})
    assert session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False).mail_reply == reply
