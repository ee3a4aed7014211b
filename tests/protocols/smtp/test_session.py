import base64
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.protocols.loopback import LoopbackServer, Peer, serving
from tests.protocols.smtp.scripted_server import Answer, ScriptedSmtp
from tests.servers.certificates import CertificateAuthority
from webmail.protocols.errors import (
    AuthenticationRefused,
    BadArgument,
    ConnectionLost,
    DeadlineExceeded,
    PermanentlyRefused,
    ProtocolError,
    ServerError,
    ServerMisbehaved,
    StartTlsMissing,
    TemporarilyRefused,
)
from webmail.protocols.login import Login
from webmail.protocols.smtp import timeouts
from webmail.protocols.smtp.replies import MAX_REPLY_BYTES
from webmail.protocols.smtp.session import Envelope, LiveSmtpSession, Reply, SmtpSession, open_session
from webmail.protocols.transport import READ_CHUNK_BYTES, Security

MESSAGE = b"Subject: hello\r\n\r\n.dot\nline\r"
ON_THE_WIRE = b"Subject: hello\r\n\r\n..dot\r\nline\r\n.\r\n"
TO_ONE = Envelope("alice@example.org", ("bob@example.org",))
TO_THREE = Envelope("alice@example.org", ("bob@example.org", "carol@example.org", "dave@example.org"))
LOGIN = Login("alice", "sesame")
PIPELINING = b"250-mail.example.org\r\n250-PIPELINING\r\n250 SIZE 0\r\n"
CHUNKS = 2 * READ_CHUNK_BYTES

Talk = Callable[..., tuple[LiveSmtpSession, ScriptedSmtp]]


@pytest.fixture
def talk() -> Iterator[Talk]:
    """Opens a session with a scripted server: `talk({"MAIL": b"..."}, login=...)`."""
    open_servers: list[LoopbackServer] = []

    def start(
        answers: dict[str, Answer] | None = None, *, login: Login | None = None, security: Security = Security.PLAIN
    ) -> tuple[LiveSmtpSession, ScriptedSmtp]:
        script = ScriptedSmtp(answers)
        open_servers.append(LoopbackServer(script))
        return open_session(open_servers[-1].endpoint(security), login, ehlo_name="client.example.org"), script

    yield start
    for server in open_servers:
        server.stop()


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply may take 0.3 s, the final dot 0.6 s."""
    monkeypatch.setattr(timeouts, "SCALE", 0.001)


def send(session: SmtpSession, raw: bytes = MESSAGE, envelope: Envelope = TO_ONE) -> Reply:
    """All phases, as the caller that expects no trouble would go through them."""
    assert session.send_envelope(envelope, size_bytes=len(raw), body_8bit=False).accepted
    assert session.start_data().code == 354
    session.write_body(raw)
    return session.finish_data()


def send_envelope_and_data(session: SmtpSession) -> Reply:
    """The phases before the message."""
    session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
    return session.start_data()


# The way it should go -----------------------------------------------------------------------------------------


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


# Opening ------------------------------------------------------------------------------------------------------


@pytest.mark.req("R68")
@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"greeting": b"421 4.3.2 shutting down\r\n"}, TemporarilyRefused),
        ({"greeting": b"450 busy\r\n"}, TemporarilyRefused),
        ({"greeting": b"554 no service\r\n"}, PermanentlyRefused),
        ({"greeting": b"354 go ahead\r\n"}, ServerMisbehaved),
        ({"greeting": None}, ConnectionLost),
        ({"EHLO": b"421 too busy\r\n"}, TemporarilyRefused),
        ({"EHLO": b"451 later\r\n"}, TemporarilyRefused),
        ({"EHLO": b"550 go away\r\n", "HELO": b"550 go away\r\n"}, PermanentlyRefused),
        ({"EHLO": None}, ConnectionLost),
    ],
)
def test_trouble_while_opening_has_its_cause(
    answers: dict[str, Answer], error: type[ProtocolError], talk: Talk
) -> None:
    with pytest.raises(error):
        talk(answers)


def offer(mechanisms: str) -> bytes:
    return f"250-mail.example.org\r\n250 AUTH {mechanisms}\r\n".encode()


def b64(text: str) -> bytes:
    return base64.b64encode(text.encode())


def test_plain_is_used_when_offered(talk: Talk) -> None:
    _, server = talk({"EHLO": offer("LOGIN PLAIN")}, login=LOGIN)
    assert server.commands[1] == b"AUTH PLAIN " + b64("\0alice\0sesame")


def test_plain_is_said_again_to_a_server_that_ignored_the_first_time(talk: Talk) -> None:
    def ask_again(peer: Peer, line: bytes) -> bytes:
        peer.send(b"334 \r\n")
        assert peer.line() == b64("\0alice\0sesame")
        return b"235 ok\r\n"

    talk({"EHLO": offer("PLAIN"), "AUTH": ask_again}, login=LOGIN)


def test_login_is_used_when_nothing_better_is_offered(talk: Talk) -> None:
    said: list[bytes] = []

    def ask_twice(peer: Peer, line: bytes) -> bytes:
        for question in ("Username:", "Password:"):
            peer.send(b"334 " + b64(question) + b"\r\n")
            said.append(base64.b64decode(peer.line()))
        return b"235 ok\r\n"

    talk({"EHLO": offer("LOGIN CRAM-MD5"), "AUTH": ask_twice}, login=LOGIN)
    assert said == [b"alice", b"sesame"]


def test_a_token_goes_by_xoauth2(talk: Talk) -> None:
    _, server = talk({"EHLO": offer("PLAIN XOAUTH2")}, login=Login("alice@example.org", "t0ken", "XOAUTH2"))
    assert server.commands[1] == b"AUTH XOAUTH2 " + b64("user=alice@example.org\x01auth=Bearer t0ken\x01\x01")


def test_a_refused_token_is_asked_to_the_end(talk: Talk) -> None:
    def refuse(peer: Peer, line: bytes) -> bytes:
        peer.send(b"334 " + b64('{"status":"400"}') + b"\r\n")
        assert peer.line() == b""
        return b"535 5.7.8 expired\r\n"

    with pytest.raises(AuthenticationRefused) as caught:
        talk({"EHLO": offer("XOAUTH2"), "AUTH": refuse}, login=Login("alice", "old", "XOAUTH2"))
    assert caught.value.code == "5.7.8"
    assert caught.value.server_text == "expired"


@pytest.mark.req("R68")
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"535 5.7.8 no\r\n", AuthenticationRefused),
        (b"534 5.7.9 use an app password\r\n", AuthenticationRefused),
        (b"454 4.7.0 later\r\n", TemporarilyRefused),
        (b"421 closing\r\n", TemporarilyRefused),
        (b"504 5.5.4 mechanism\r\n", PermanentlyRefused),
        (b"250 ok\r\n", ServerMisbehaved),
        (b"354 go ahead\r\n", ServerMisbehaved),
    ],
)
def test_a_refused_sign_in_has_its_cause_and_never_shows_the_secret(
    reply: bytes, error: type[ProtocolError], talk: Talk
) -> None:
    with pytest.raises(error) as caught:
        talk({"EHLO": offer("PLAIN"), "AUTH": reply}, login=LOGIN)
    assert "sesame" not in repr(caught.value)


def test_a_server_that_asks_for_ever_is_cut_off(talk: Talk) -> None:
    def ask_for_ever(peer: Peer, line: bytes) -> bytes:
        while True:
            peer.send(b"334 more\r\n")
            peer.line()

    with pytest.raises(ServerError):
        talk({"EHLO": offer("PLAIN"), "AUTH": ask_for_ever}, login=LOGIN)


@pytest.mark.parametrize("offered", [b"250 mail.example.org\r\n", offer("CRAM-MD5"), offer("XOAUTH2")])
def test_without_a_common_mechanism_nothing_secret_is_said(offered: bytes, talk: Talk) -> None:
    with pytest.raises(PermanentlyRefused):
        talk({"EHLO": offered}, login=LOGIN)


def test_a_token_is_never_sent_as_a_password(talk: Talk) -> None:
    with pytest.raises(PermanentlyRefused):
        talk({"EHLO": offer("PLAIN LOGIN")}, login=Login("alice", "t0ken", "XOAUTH2"))


@pytest.mark.req("R31")
@pytest.mark.parametrize("bad", ["a\rb", "a\nb", "a\0b"])
def test_a_login_with_a_line_break_cannot_be_made(bad: str) -> None:
    for username, password in ((bad, "x"), ("x", bad)):
        with pytest.raises(BadArgument):
            Login(username, password)
    with pytest.raises(BadArgument):
        Login("a", "b\x01auth=Bearer c", "XOAUTH2")
    with pytest.raises(BadArgument):
        Login("a", "b", "CRAM-MD5")


def test_a_login_never_shows_its_secret() -> None:
    assert "sesame" not in repr(LOGIN) + str(LOGIN) + f"{LOGIN}"
    assert "alice" in repr(LOGIN)


# STARTTLS -----------------------------------------------------------------------------------------------------

OFFERS_TLS = b"250-mail.example.org\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"


@pytest.mark.req("R33")
@pytest.mark.parametrize(
    "answers",
    [
        {"EHLO": offer("PLAIN")},
        {"EHLO": b"502 no\r\n"},
        {"EHLO": OFFERS_TLS, "STARTTLS": b"454 4.7.0 no key\r\n"},
        {"EHLO": OFFERS_TLS, "STARTTLS": b"250 sure\r\n"},
        {"EHLO": OFFERS_TLS, "STARTTLS": b"220 go\r\n250-mail.example.org\r\n250 AUTH PLAIN\r\n"},
    ],
    ids=["not offered", "no EHLO", "refused", "wrong code", "injected"],
)
def test_without_starttls_no_secret_leaves(answers: dict[str, Answer]) -> None:
    script = ScriptedSmtp(answers)
    with serving(script) as server, pytest.raises(StartTlsMissing):
        open_session(server.endpoint(Security.STARTTLS), LOGIN, ehlo_name="client.example.org")
    assert set(script.verbs) <= {"EHLO", "HELO", "STARTTLS"}


@pytest.mark.req("R33")
def test_what_was_offered_before_tls_is_forgotten(tmp_path_factory: pytest.TempPathFactory) -> None:
    authority = CertificateAuthority(tmp_path_factory.mktemp("ca"))
    certificate = authority.issue()

    def begin_tls(peer: Peer, line: bytes) -> bytes:
        peer.send(b"220 go\r\n")
        peer.start_tls(certificate)
        peer.line()
        return b"250-mail.example.org\r\n250-SIZE 7\r\n250 AUTH PLAIN\r\n"

    script = ScriptedSmtp({"EHLO": OFFERS_TLS, "STARTTLS": begin_tls})
    with serving(script) as server:
        endpoint = server.endpoint(Security.STARTTLS, ca_file=authority.ca_file)
        with open_session(endpoint, LOGIN, ehlo_name="client.example.org") as session:
            assert dict(session.capabilities) == {"SIZE": "7", "AUTH": "PLAIN"}
            assert send(session, b"x").is_positive
    assert script.verbs == ["EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"]


# Lost connections ---------------------------------------------------------------------------------------------


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


# Servers that misbehave ---------------------------------------------------------------------------------------


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
