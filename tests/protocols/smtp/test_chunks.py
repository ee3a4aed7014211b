"""BDAT (RFC 3030). What may make the server take the message is one command: everything before it can be taken back."""

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.loopback import Peer
from tests.protocols.smtp.conversations import MESSAGE, ON_THE_WIRE, TO_ONE, TO_THREE, Talk, send
from tests.protocols.smtp.scripted_server import UNKNOWN, Answer, ScriptedSmtp
from webmail.protocols.errors import (
    ConnectionLost,
    DeadlineExceeded,
    PermanentlyRefused,
    ProtocolError,
    ServerError,
    ServerMisbehaved,
    TemporarilyRefused,
)
from webmail.protocols.smtp import body, wire
from webmail.protocols.smtp.replies import MAX_REPLY_BYTES, Reply
from webmail.protocols.smtp.session import LiveSmtpSession
from webmail.protocols.transport import READ_CHUNK_BYTES

CHUNKING = b"250-mail.example.org\r\n250 CHUNKING\r\n"
PIPELINED = b"250-mail.example.org\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
OFFERS = pytest.mark.parametrize("offer", [CHUNKING, PIPELINED], ids=["lockstep", "pipelining"])
BY_CHUNKS = b"Subject: hello\r\n\r\n.dot\r\nline\r\n"
LARGE = b"Subject: large\r\n\r\n" + b".a line of a large message\r\n" * 60_000  # 1.6 MB: six chunks and more


def bdats(server: ScriptedSmtp) -> list[bytes]:
    return [command for command in server.commands if command.startswith(b"BDAT")]


def begin(session: LiveSmtpSession, raw: bytes = MESSAGE) -> None:
    """Everything before the end of the message."""
    session.send_envelope(TO_ONE, size_bytes=len(raw), body_8bit=False)
    assert session.start_data().code == 354
    session.write_body(raw)


@pytest.mark.req("R65")
@OFFERS
def test_the_last_chunk_is_the_only_one_that_ends_the_message(offer: bytes, talk: Talk) -> None:
    session, server = talk({"EHLO": offer})
    begin(session)
    assert server.messages == []
    assert bdats(server) == [b"BDAT 1"]  # whether BDAT is known at all
    assert session.finish_data() == Reply(250, "2.0.0", "queued as 1")
    assert server.messages == [BY_CHUNKS]
    assert bdats(server) == [b"BDAT 1", b"BDAT 29 LAST"]
    assert "DATA" not in server.verbs


@OFFERS
def test_once_chunks_are_proven_a_short_message_is_one_of_them(offer: bytes, talk: Talk) -> None:
    session, server = talk({"EHLO": offer})
    for _ in range(3):
        assert send(session).is_positive
    assert bdats(server)[2:] == [b"BDAT 30 LAST", b"BDAT 30 LAST"]
    assert server.messages == [BY_CHUNKS] * 3
    assert session.messages_sent == 3


@OFFERS
def test_a_large_message_goes_in_bounded_chunks_and_ends_with_a_short_one(offer: bytes, talk: Talk) -> None:
    session, server = talk({"EHLO": offer})
    assert send(session, LARGE).is_positive
    assert server.messages == [LARGE]
    sizes = [int(command.split()[1]) for command in bdats(server)]
    assert len(sizes) > 6
    assert max(sizes) <= body.CHUNK_BYTES
    assert sizes[-1] <= body.LAST_CHUNK_BYTES + body.LINE_SEARCH_BYTES


def test_with_pipelining_chunks_do_not_wait_for_their_answers(talk: Talk) -> None:
    held: list[bytes] = []

    def answer_the_fifth_for_all(peer: Peer, line: bytes) -> bytes:
        held.append(b"250 octets\r\n")
        if len(held) == 1:
            return held[0]  # the piece that shows whether BDAT is known
        return b"".join(held[1:]) if len(held) == 5 else held[-1] if len(held) > 5 else b""

    session, server = talk({"EHLO": PIPELINED, "BDAT": answer_the_fifth_for_all})
    assert send(session, LARGE).is_positive
    assert server.messages == [LARGE]


def test_without_pipelining_each_chunk_waits_for_its_answer(talk: Talk) -> None:
    seen: list[int] = []

    def count(peer: Peer, line: bytes) -> bytes:
        seen.append(bytes(peer.received).count(b"BDAT"))
        return b"250 octets\r\n"

    session, _ = talk({"EHLO": CHUNKING, "BDAT": count})
    assert send(session, LARGE).is_positive
    assert seen == list(range(1, len(seen) + 1))


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"\r\nno header", b"\n.\n"])
def test_a_message_that_begins_with_an_empty_line_shows_nothing_about_bdat_and_goes_by_data(
    raw: bytes, talk: Talk
) -> None:
    session, server = talk({"EHLO": CHUNKING})
    assert send(session, raw).is_positive
    assert bdats(server) == []
    assert send(session).is_positive
    assert send(session, b"").is_positive
    assert bdats(server)[-1] == b"BDAT 0 LAST"
    assert server.messages[1:] == [BY_CHUNKS, b""]


def test_chunks_are_used_neither_unasked_nor_where_they_are_unwanted(talk: Talk) -> None:
    for answers, may_chunk in (({}, True), ({"EHLO": PIPELINED}, False)):
        session, server = talk(answers, may_chunk=may_chunk)
        assert not session.uses_chunks
        assert send(session).is_positive
        assert bdats(server) == []
        assert server.messages == [ON_THE_WIRE]


@pytest.mark.req("R32")
@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"\r\n.\r\n", b"abc", b"\xff" * 9]), max_size=30))
def test_chunks_put_together_are_the_text_and_none_ends_within_a_line_end(pieces: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body, "CHUNK_BYTES", 5)
        patch.setattr(body, "LAST_CHUNK_BYTES", 3)
        patch.setattr(body, "LINE_SEARCH_BYTES", 4)
        raw = b"".join(pieces)
        chunks = list(body.cut_into_chunks(wire.to_crlf(raw)))
    assert b"".join(chunks) == b"".join(wire.to_crlf(raw))
    assert all(chunks[:-1])
    assert not any(one.endswith(b"\r") and two.startswith(b"\n") for one, two in itertools.pairwise(chunks))
    assert len(chunks[-1]) <= 3 + 4


# Servers that offer CHUNKING and do not take it ---------------------------------------------------------------


@pytest.mark.parametrize("code", [b"503 5.5.1 no", b"504 5.5.4 no", b"502 5.5.1 no", b"500 5.5.1 no"])
@OFFERS
def test_a_refused_first_chunk_is_followed_by_data_in_the_same_session(code: bytes, offer: bytes, talk: Talk) -> None:
    session, server = talk({"EHLO": offer, "BDAT": lambda peer, line: code + b"\r\n"})
    assert send(session).is_positive
    assert server.messages == [ON_THE_WIRE]
    assert server.verbs == ["EHLO", "MAIL", "RCPT", "BDAT", "RSET", "MAIL", "RCPT", "DATA"]
    assert not session.uses_chunks
    assert send(session).is_positive
    assert server.verbs[-3:] == ["MAIL", "RCPT", "DATA"]


@pytest.mark.req("R32")
@OFFERS
def test_a_server_that_takes_the_octets_for_commands_gets_none(offer: bytes, talk: Talk) -> None:
    evil = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\n"
    session, server = talk({"EHLO": offer, "BDAT": UNKNOWN})
    assert send(session, evil).is_positive
    assert server.messages == [evil + b".\r\n"]
    assert not any(b"evil" in one or b"victim" in one for one in server.commands)
    assert server.verbs == ["EHLO", "MAIL", "RCPT", "BDAT", "MRSET", "RSET", "MAIL", "RCPT", "DATA"]


def test_only_those_who_were_accepted_are_named_again(talk: Talk) -> None:
    def refuse_carol(peer: Peer, line: bytes) -> bytes:
        return b"550 no\r\n" if b"carol" in line else b"250 ok\r\n"

    session, server = talk({"EHLO": PIPELINED, "RCPT": refuse_carol, "BDAT": UNKNOWN})
    assert send(session, envelope=TO_THREE).is_positive
    assert [one for one in server.commands if b"carol" in one] == [b"RCPT TO:<carol@example.org>"]
    assert [one for one in server.commands if b"dave" in one] == [b"RCPT TO:<dave@example.org>"] * 2


@pytest.mark.req("R65")
@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"RSET": b"500 what\r\n"}, TemporarilyRefused),
        ({"RSET": b"421 bye\r\n"}, ProtocolError),
        ({"RSET": None}, ConnectionLost),
        ({"RCPT": (b"250 ok\r\n", b"550 changed my mind\r\n")}, TemporarilyRefused),
        ({"RCPT": (b"250 ok\r\n", b"450 not so fast\r\n")}, TemporarilyRefused),
        ({"MAIL": (b"250 ok\r\n", b"354 go ahead\r\n")}, ServerMisbehaved),
        ({"DATA": b"451 later\r\n"}, TemporarilyRefused),
        ({"DATA": b"554 no\r\n"}, PermanentlyRefused),
        ({"DATA": b"250 fine\r\n"}, ServerMisbehaved),
        ({"DATA": None}, ConnectionLost),
    ],
)
def test_what_goes_wrong_on_the_way_back_to_data_is_certainly_not_sent(
    answers: dict[str, Answer | tuple[bytes, bytes]], error: type[ProtocolError], talk: Talk
) -> None:
    script = {verb: in_turn(*answer) if isinstance(answer, tuple) else answer for verb, answer in answers.items()}
    session, server = talk({"EHLO": CHUNKING, "BDAT": UNKNOWN, **script})
    with pytest.raises(error):
        begin(session)
    assert session.is_closed
    assert server.messages == []


def in_turn(*replies: bytes) -> Answer:
    """One after the other; the last one for ever."""
    left = list(replies)
    return lambda peer, line: left.pop(0) if len(left) > 1 else left[0]


# Refused, cut and hostile -------------------------------------------------------------------------------------


@pytest.mark.req("R65")
@OFFERS
@pytest.mark.parametrize("which", [1, 2, 4])
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"552 5.3.4 too big\r\n", PermanentlyRefused),
        (b"452 4.3.1 full\r\n", TemporarilyRefused),
        (b"421 4.3.2 closing\r\n", TemporarilyRefused),
        (b"354 go ahead\r\n", ServerMisbehaved),
        (b"nonsense\r\n", ServerMisbehaved),
        (b"250 ok\r\n250 ok\r\n552 5.3.4 too big\r\n", ServerError),
        (None, ConnectionLost),
    ],
    ids=["5xx", "4xx", "421", "3xx", "no reply", "too many", "cut"],
)
def test_a_refused_or_cut_chunk_means_that_the_message_was_not_sent(
    which: int, reply: bytes | None, error: type[ProtocolError], offer: bytes, talk: Talk
) -> None:
    seen: list[bytes] = []

    def answer(peer: Peer, line: bytes) -> bytes | None:
        seen.append(line)
        return reply if len(seen) == which else b"250 ok\r\n"

    session, server = talk({"EHLO": offer, "BDAT": answer})
    with pytest.raises(error):
        send(session, LARGE)
    assert session.is_closed
    assert server.messages == []
    assert not any(command.endswith(b"LAST") for command in bdats(server))
    session.quit()


@pytest.mark.req("R65")
def test_codes_about_bdat_are_a_refusal_once_chunks_were_taken(talk: Talk) -> None:
    session, server = talk({"EHLO": PIPELINED, "BDAT": in_turn(b"250 ok\r\n", b"503 5.5.1 no\r\n")})
    with pytest.raises(PermanentlyRefused):
        begin(session, LARGE)
    assert server.messages == []
    assert "DATA" not in server.verbs


@pytest.mark.req("R68")
@pytest.mark.parametrize("code", [b"451 4.3.0 later", b"554 5.6.0 no", b"503 5.5.1 no"])
def test_a_refused_last_chunk_is_a_reply_and_rset_comes_before_the_next_mail(code: bytes, talk: Talk) -> None:
    session, server = talk({"EHLO": CHUNKING, "dot": in_turn(code + b"\r\n", b"250 ok\r\n")})
    reply = send(session)
    assert (reply.is_temporary, reply.is_permanent) == (code[:1] == b"4", code[:1] == b"5")
    assert session.messages_sent == 0
    assert send(session).is_positive
    assert server.verbs == ["EHLO", "MAIL", "RCPT", "BDAT", "BDAT", "RSET", "MAIL", "RCPT", "BDAT"]
    assert send(session).is_positive
    assert server.verbs.count("RSET") == 1


@pytest.mark.req("R65")
@pytest.mark.fault("F2")
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, ConnectionLost),
        (lambda peer, line: peer.reset(), ConnectionLost),
        (b"354 go ahead\r\n", ServerMisbehaved),
        (b"nonsense\r\n", ServerMisbehaved),
        (lambda peer, line: peer.stall(), DeadlineExceeded),
        (lambda peer, line: peer.flood(b"250-more\r\n" * 100), ServerMisbehaved),
        (lambda peer, line: peer.drip(b"250-more\r\n", every_s=0.01), DeadlineExceeded),
    ],
    ids=["closed", "reset", "3xx", "no reply", "silence", "flood", "drip"],
)
def test_no_answer_to_the_last_chunk_is_unknown(
    answer: Answer, error: type[ConnectionLost], talk: Talk, short_waits: None
) -> None:
    session, server = talk({"EHLO": PIPELINED, "dot": answer})
    begin(session)
    with pytest.raises(error):
        session.finish_data()
    assert server.messages == [BY_CHUNKS]  # the server has it: only the caller's "unconfirmed" is right
    assert session._connection.bytes_read <= 2 * MAX_REPLY_BYTES + 2 * READ_CHUNK_BYTES


@pytest.mark.req("R65")
@pytest.mark.fault("F2")
@pytest.mark.parametrize(
    ("last_words", "error"),
    [(b"", TemporarilyRefused), (b"421 4.4.2 too slow\r\n", TemporarilyRefused), (b"554 no\r\n", PermanentlyRefused)],
)
def test_what_is_seen_before_the_last_chunk_leaves_no_doubt(
    last_words: bytes, error: type[ServerError], talk: Talk
) -> None:
    hung_up = threading.Event()
    proceed = threading.Event()

    def take_then_go(peer: Peer, line: bytes) -> None:
        peer.send(b"250 octets\r\n")
        proceed.wait(5)
        peer.send(last_words)
        peer.close()
        hung_up.set()

    session, server = talk({"EHLO": CHUNKING, "BDAT": take_then_go})
    begin(session)
    proceed.set()
    assert hung_up.wait(5)
    with pytest.raises(error):
        session.finish_data()
    assert server.messages == []


@pytest.mark.req("R36")
def test_a_server_that_stops_reading_chunks_runs_into_the_deadline(talk: Talk, short_waits: None) -> None:
    seen: list[bytes] = []

    def stop_reading(peer: Peer, line: bytes) -> bytes:
        seen.append(line)
        if len(seen) > 1:
            peer.stall()
        return b"250 ok\r\n"

    session, server = talk({"EHLO": PIPELINED, "BDAT": stop_reading})
    with pytest.raises(DeadlineExceeded):
        begin(session, LARGE * 20)
    assert server.messages == []


@pytest.mark.req("R65")
@pytest.mark.parametrize("leave", ["quit", "close"])
def test_leaving_between_chunks_neither_ends_nor_sends_the_message(leave: str, talk: Talk) -> None:
    session, server = talk({"EHLO": CHUNKING})
    begin(session)
    with pytest.raises(RuntimeError):
        session.reset()
    getattr(session, leave)()
    assert server.messages == []
    assert server.verbs == ["EHLO", "MAIL", "RCPT", "BDAT"]


def test_a_goodbye_between_rcpt_and_the_first_chunk_writes_no_chunk(talk: Talk) -> None:
    session, server = talk({"EHLO": CHUNKING, "RCPT": b"250 ok\r\n421 4.3.2 closing\r\n"})
    session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
    with pytest.raises(TemporarilyRefused):
        session.start_data()
    assert bdats(server) == []
