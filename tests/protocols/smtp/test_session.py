import pytest

from tests.protocols.loopback import Peer, serving
from tests.protocols.smtp.conversations import (
    MESSAGE,
    ON_THE_WIRE,
    PIPELINING,
    TO_ONE,
    TO_THREE,
    Talk,
    send,
)
from tests.protocols.smtp.scripted_server import Answer, ScriptedSmtp
from webmail.protocols.errors import (
    BadArgument,
    PermanentlyRefused,
)
from webmail.protocols.smtp.session import Envelope, Reply, open_session


@pytest.mark.req("R65")
def test_each_phase_is_a_step_of_its_own_and_the_dot_comes_last(talk: Talk) -> None:
    session, server = talk()
    result = session.send_envelope(TO_ONE, size_bytes=30, body_8bit=True)
    assert result.mail_reply == Reply(250, "2.1.0", "sender ok")
    assert result.recipient_replies == {"bob@example.org": Reply(250, "2.1.5", "recipient ok")}
    assert server.verbs == ["EHLO", "MAIL", "RCPT"]
    assert session.start_data() == Reply(354, "", "go ahead")
    session.write_body(MESSAGE)
    assert server.messages == []
    assert session.finish_data() == Reply(250, "2.0.0", "queued as 1")
    session.quit()
    assert server.messages == [ON_THE_WIRE]
    assert server.commands == [
        b"EHLO client.example.org",
        b"MAIL FROM:<alice@example.org> SIZE=30 BODY=8BITMIME",
        b"RCPT TO:<bob@example.org>",
        b"DATA",
        b"QUIT",
    ]


def test_the_session_tells_what_the_server_can_do(talk: Talk) -> None:
    session, _ = talk(
        {"EHLO": b"250-mail.example.org greets you\r\n250-size 42\r\n250-AUTH=LOGIN\r\n250 auth PLAIN XOAUTH2\r\n"}
    )
    assert session.max_size == 42
    assert session.supports("Size")
    assert not session.supports("PIPELINING")
    assert dict(session.capabilities) == {"SIZE": "42", "AUTH": "LOGIN PLAIN XOAUTH2"}


def test_a_server_that_knows_no_ehlo_is_greeted_the_old_way(talk: Talk) -> None:
    session, server = talk({"EHLO": b"502 what\r\n"})
    assert send(session).is_positive
    assert server.verbs[:3] == ["EHLO", "HELO", "MAIL"]
    assert dict(session.capabilities) == {}


def test_several_messages_travel_on_one_connection(talk: Talk) -> None:
    session, server = talk()
    for _ in range(3):
        assert send(session).is_positive
    session.quit()
    assert server.messages == [ON_THE_WIRE] * 3


def test_an_empty_message_is_a_lone_dot(talk: Talk) -> None:
    session, server = talk()
    assert send(session, b"").is_positive
    session.quit()
    assert server.messages == [b".\r\n"]


def test_with_pipelining_the_whole_envelope_is_written_before_the_first_answer(talk: Talk) -> None:
    def answer_all_at_the_end(peer: Peer, line: bytes) -> bytes:
        rest = [peer.line() for _ in range(3)]
        return b"250 mail\r\n" + b"".join(b"550 no\r\n" if b"carol" in rcpt else b"250 yes\r\n" for rcpt in rest)

    session, _server = talk({"EHLO": PIPELINING, "MAIL": answer_all_at_the_end})
    result = session.send_envelope(TO_THREE, size_bytes=5, body_8bit=False)
    assert {address: reply.code for address, reply in result.recipient_replies.items()} == {
        "bob@example.org": 250,
        "carol@example.org": 550,
        "dave@example.org": 250,
    }
    assert session.start_data().code == 354


def test_without_pipelining_each_command_waits_for_its_answer(talk: Talk) -> None:
    seen: list[bytes] = []

    def remember(peer: Peer, line: bytes) -> bytes:
        seen.append(bytes(peer.received))
        return b"250 ok\r\n"

    session, _ = talk({"MAIL": remember, "RCPT": remember})
    session.send_envelope(TO_THREE, size_bytes=5, body_8bit=False)
    assert [data.count(b"RCPT") for data in seen] == [0, 1, 2, 3]


@pytest.mark.parametrize("offer", [b"", PIPELINING])
@pytest.mark.req("R68")
def test_results_are_kept_for_each_recipient(offer: bytes, talk: Talk) -> None:
    answers = {b"bob": b"250 yes\r\n", b"carol": b"451 4.3.0 later\r\n", b"dave": b"550 5.1.1 unknown\r\n"}
    script: dict[str, Answer] = {
        "RCPT": lambda peer, line: next(text for name, text in answers.items() if name in line)
    }
    if offer:
        script["EHLO"] = offer
    session, _server = talk(script)
    result = session.send_envelope(TO_THREE, size_bytes=5, body_8bit=False)
    replies = list(result.recipient_replies.values())
    assert result.accepted == ("bob@example.org",)
    assert [(reply.is_positive, reply.is_temporary, reply.is_permanent) for reply in replies] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert replies[2] == Reply(550, "5.1.1", "unknown")


def test_after_a_reset_the_next_envelope_may_follow(talk: Talk) -> None:
    session, server = talk({"RCPT": lambda peer, line: b"550 no\r\n" if b"bob" in line else b"250 yes\r\n"})
    assert session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False).accepted == ()
    with pytest.raises(RuntimeError):
        session.start_data()
    session.reset()
    assert send(session, envelope=Envelope("alice@example.org", ("carol@example.org",))).is_positive
    assert len(server.messages) == 1


@pytest.mark.parametrize("offer", [b"250 mail.example.org\r\n", PIPELINING])
def test_after_a_refused_sender_no_recipient_counts(offer: bytes, talk: Talk) -> None:
    session, _ = talk({"EHLO": offer, "MAIL": b"452 4.3.1 full\r\n", "RCPT": b"503 sender first\r\n"})
    result = session.send_envelope(TO_THREE, size_bytes=5, body_8bit=False)
    assert result.mail_reply == Reply(452, "4.3.1", "full")
    assert result.recipient_replies == {}


@pytest.mark.parametrize("code", [b"451 4.3.0 later", b"554 5.6.0 no"])
def test_a_refusal_of_the_data_or_of_the_message_is_a_reply(code: bytes, talk: Talk) -> None:
    session, _ = talk({"DATA": code + b"\r\n"})
    session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
    assert not session.start_data().is_positive
    session, _ = talk({"dot": code + b"\r\n"})
    reply = send(session)
    assert (reply.is_temporary, reply.is_permanent) == (code[:1] == b"4", code[:1] == b"5")
    assert send(session) == reply


# Order of the phases ------------------------------------------------------------------------------------------


def test_a_phase_out_of_order_is_a_fault_of_ours_and_writes_nothing(talk: Talk) -> None:
    session, server = talk()
    for early in (session.start_data, session.finish_data, lambda: session.write_body(b"x")):
        with pytest.raises(RuntimeError):
            early()
    session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
    with pytest.raises(RuntimeError):
        session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
    session.start_data()
    with pytest.raises(RuntimeError):
        session.reset()
    session.write_body(b"x")
    for late in (session.reset, session.start_data, lambda: session.write_body(b"x")):
        with pytest.raises(RuntimeError):
            late()
    assert session.finish_data().is_positive
    assert server.messages == [b"x\r\n.\r\n"]


@pytest.mark.req("R65")
@pytest.mark.parametrize("leave", ["quit", "close"])
def test_leaving_inside_a_message_neither_ends_nor_sends_it(leave: str, talk: Talk) -> None:
    session, server = talk()
    session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
    session.start_data()
    session.write_body(MESSAGE)
    getattr(session, leave)()
    assert server.messages == []
    assert "QUIT" not in server.verbs


@pytest.mark.req("R32")
@pytest.mark.parametrize(
    "address", ["bob@example.org\r\nDATA", "bob@example.org\n", "bob\0@example.org", "bob@example.org> X"]
)
def test_a_bad_address_writes_nothing(address: str, talk: Talk) -> None:
    session, server = talk()
    with pytest.raises(BadArgument):
        session.send_envelope(Envelope("alice@example.org", (address,)), size_bytes=5, body_8bit=False)
    with pytest.raises(BadArgument):
        session.send_envelope(Envelope(address, ("bob@example.org",)), size_bytes=5, body_8bit=False)
    assert send(session).is_positive
    assert server.verbs == ["EHLO", "MAIL", "RCPT", "DATA"]


@pytest.mark.parametrize("name", ["", "a b", "client\r\nMAIL", "client\n", "<x>"])
def test_a_bad_name_of_ours_is_refused_before_connecting(name: str) -> None:
    with serving(ScriptedSmtp()) as server:
        with pytest.raises(BadArgument):
            open_session(server.endpoint(), None, ehlo_name=name)
        assert server.peers == []


def test_what_the_server_cannot_carry_is_refused_before_mail(talk: Talk) -> None:
    session, server = talk({"EHLO": b"250-mail.example.org\r\n250 SIZE 100\r\n"})
    for envelope, size, body_8bit in (
        (TO_ONE, 101, False),
        (TO_ONE, 5, True),
        (Envelope("ä@example.org", TO_ONE.rcpt_to), 5, False),
    ):
        with pytest.raises(PermanentlyRefused):
            session.send_envelope(envelope, size_bytes=size, body_8bit=body_8bit)
    assert server.verbs == ["EHLO"]
