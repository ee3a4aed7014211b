import threading

import pytest

from tests.protocols.loopback import Peer
from tests.protocols.smtp.conversations import (
    ON_THE_WIRE,
    PIPELINING,
    TO_ONE,
    TO_THREE,
    Talk,
    send,
    send_envelope_and_data,
)
from tests.protocols.smtp.scripted_server import Answer
from webmail.protocols.errors import (
    ConnectionLost,
    DeadlineExceeded,
    TemporarilyRefused,
)
from webmail.protocols.smtp import timeouts


@pytest.mark.req("R65")
@pytest.mark.fault("F2")
@pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA"])
def test_a_cut_before_the_data_is_told_by_its_phase(where: str, talk: Talk) -> None:
    session, server = talk({where: None})
    with pytest.raises(ConnectionLost):
        send_envelope_and_data(session)
    assert server.messages == []


@pytest.mark.req("R65")
@pytest.mark.fault("F2")
def test_a_cut_in_the_middle_of_the_message_comes_out_of_write_body(talk: Talk) -> None:
    def hang_up(peer: Peer, line: bytes) -> None:
        peer.send(b"354 go\r\n")
        peer.until(b"line\r\n")
        peer.reset()

    session, server = talk({"DATA": hang_up})
    session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
    session.start_data()
    with pytest.raises(ConnectionLost):
        session.write_body(b"line\r\n" * 10_000_000)
    assert server.messages == []


@pytest.mark.req("R65")
@pytest.mark.fault("F2")
def test_a_cut_after_the_dot_comes_out_of_finish_data_alone(talk: Talk) -> None:
    session, server = talk({"dot": None})
    with pytest.raises(ConnectionLost):
        send(session)
    assert server.messages == [ON_THE_WIRE]  # the server has it: only the caller's "unconfirmed" is right


@pytest.mark.req("R65")
@pytest.mark.fault("F2")
def test_a_cut_seen_before_the_dot_leaves_no_doubt(talk: Talk) -> None:
    hung_up = threading.Event()
    proceed = threading.Event()

    def hang_up(peer: Peer, line: bytes) -> None:
        peer.send(b"354 go\r\n")
        peer.until(b"line\r\n")
        proceed.wait(5)
        peer.close()
        hung_up.set()

    session, _ = talk({"DATA": hang_up})
    send_envelope_and_data(session)
    session.write_body(b"line\r\n")
    proceed.set()
    assert hung_up.wait(5)
    with pytest.raises(TemporarilyRefused):
        session.finish_data()


@pytest.mark.req("R70")
@pytest.mark.fault("F2")
def test_the_final_dot_is_waited_for_longer_than_any_other_reply(talk: Talk, short_waits: None) -> None:
    def slow(peer: Peer, line: bytes) -> bytes:
        peer._stopping.wait(0.4)  # above the 0.3 s of a reply, below the 0.6 s of the dot
        return b"250 at last\r\n"

    session, _ = talk({"dot": slow})
    assert send(session).is_positive
    assert (timeouts.CONNECT_S, timeouts.REPLY_S, timeouts.BODY_BLOCK_S, timeouts.FINAL_DOT_S) == (30, 300, 180, 600)


@pytest.mark.req("R70")
@pytest.mark.fault("F2")
def test_a_dot_that_is_never_answered_is_unknown(talk: Talk, short_waits: None) -> None:
    session, _ = talk({"dot": lambda peer, line: peer.stall()})
    with pytest.raises(DeadlineExceeded):
        send(session)


@pytest.mark.req("R36")
def test_a_dripping_reply_runs_into_the_deadline(talk: Talk, short_waits: None) -> None:
    session, _server = talk({"MAIL": lambda peer, line: peer.drip(b"250-more\r\n", every_s=0.01)})
    with pytest.raises(DeadlineExceeded):
        session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)


@pytest.mark.req("R36")
def test_a_server_that_stops_reading_the_message_runs_into_the_deadline(talk: Talk, short_waits: None) -> None:
    def stop_reading(peer: Peer, line: bytes) -> None:
        peer.send(b"354 go\r\n")
        peer.stall()

    session, _ = talk({"DATA": stop_reading})
    session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
    session.start_data()
    with pytest.raises(DeadlineExceeded):
        session.write_body(bytes(30_000_000))


@pytest.mark.req("R67")
@pytest.mark.fault("F2")
@pytest.mark.parametrize(
    "answer",
    [
        b"421 4.3.2 closing\r\n",
        b"nonsense\r\n",
        None,
        lambda peer, line: peer.reset(),
        lambda peer, line: peer.stall(),
        lambda peer, line: peer.flood(b"250-" + b"x" * 1000 + b"\r\n"),
    ],
    ids=["421", "nonsense", "closed", "reset", "silence", "flood"],
)
def test_nothing_at_quit_undoes_what_was_accepted(answer: Answer, talk: Talk, short_waits: None) -> None:
    session, server = talk({"QUIT": answer})
    assert send(session).is_positive
    session.quit()
    session.quit()
    session.close()
    assert server.messages == [ON_THE_WIRE]


def test_quit_after_a_lost_connection_is_quiet(talk: Talk) -> None:
    session, _ = talk({"MAIL": None})
    with pytest.raises(ConnectionLost):
        session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
    session.quit()
    with pytest.raises(ConnectionLost):
        session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)


@pytest.mark.parametrize("offered", [b"250 mail.example.org\r\n", PIPELINING])
def test_after_421_every_recipient_left_has_that_reply(offered: bytes, talk: Talk) -> None:
    session, server = talk(
        {"EHLO": offered, "RCPT": lambda peer, line: b"250 ok\r\n" if b"bob" in line else b"421 4.3.2 bye\r\n"}
    )
    result = session.send_envelope(TO_THREE, size_bytes=5, body_8bit=False)
    assert [reply.code for reply in result.recipient_replies.values()] == [250, 421, 421]
    with pytest.raises(ConnectionLost):
        session.start_data()
    assert server.messages == []
