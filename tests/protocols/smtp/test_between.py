"""Between two messages of one session: what a pool asks, and what a server does to a session that waits."""

import time

import pytest

from tests.protocols.loopback import Peer, serving
from tests.protocols.smtp.conversations import LOGIN, MESSAGE, ON_THE_WIRE, TO_ONE, Talk, send
from tests.protocols.smtp.scripted_server import Answer, ScriptedSmtp
from tests.servers.certificates import CertificateAuthority
from webmail.protocols.errors import (
    ConnectionLost,
    PermanentlyRefused,
    ProtocolError,
    ServerMisbehaved,
    TemporarilyRefused,
)
from webmail.protocols.smtp.session import Envelope, LiveSmtpSession, open_session
from webmail.protocols.transport import Security


def wait_for_what_comes(session: LiveSmtpSession) -> None:
    """Until something, or the end, has arrived; nothing of it is taken."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if session._connection.has_data(wait_s=0.05):
                return
        except ConnectionLost:
            return


def test_a_session_counts_what_was_accepted_and_nothing_else(talk: Talk) -> None:
    refused = [b"554 no\r\n", b"250 ok\r\n", b"451 later\r\n", b"250 ok\r\n"]
    session, server = talk({"dot": lambda peer, line: refused.pop(0)})
    assert [send(session).is_positive for _ in range(4)] == [False, True, False, True]
    assert session.messages_sent == 2
    assert len(server.messages) == 4


def test_an_idle_session_is_alive_and_says_nothing(talk: Talk) -> None:
    session, server = talk()
    assert session.is_alive()
    assert send(session).is_positive
    assert session.is_alive()
    assert "NOOP" not in server.verbs
    session.noop()
    assert server.verbs[-1] == "NOOP"
    assert send(session).is_positive
    assert not session.is_closed


@pytest.mark.req("R40")
@pytest.mark.parametrize(
    "last_words",
    [b"421 4.4.2 idle too long\r\n", b"", b"250 surprise\r\n", b"nonsense", b"550 no\r\n"],
    ids=["421", "hung up", "250", "nonsense", "550"],
)
def test_what_came_while_waiting_is_never_the_answer_to_mail(last_words: bytes, talk: Talk, short_waits: None) -> None:
    def speak_later(peer: Peer, line: bytes) -> bytes:
        peer.send(b"250 ok\r\n" + last_words)
        if not last_words:
            peer.close()
        return b""

    for is_asked in (True, False):
        session, server = talk({"dot": speak_later})
        assert send(session).is_positive
        wait_for_what_comes(session)
        if is_asked:
            assert not session.is_alive()
            assert session.is_closed
        with pytest.raises((ConnectionLost, TemporarilyRefused)):
            session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
        assert session.is_closed
        assert server.verbs.count("MAIL") == 1
        session.quit()


def test_within_a_message_no_session_is_idle(talk: Talk) -> None:
    session, _ = talk()
    session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
    assert not session.is_alive()
    assert not session.is_closed
    with pytest.raises(RuntimeError):
        session.noop()
    session.reset()
    assert session.is_alive()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"421 4.3.2 closing\r\n", TemporarilyRefused),
        (b"500 what\r\n", PermanentlyRefused),
        (b"354 go ahead\r\n", ServerMisbehaved),
        (b"220 hello\r\n", ServerMisbehaved),
        (b"nonsense\r\n", ServerMisbehaved),
        (None, ConnectionLost),
        (lambda peer, line: peer.stall(), ConnectionLost),
        (lambda peer, line: peer.flood(b"250-more\r\n" * 50), ServerMisbehaved),
    ],
    ids=["421", "500", "354", "220", "nonsense", "closed", "silence", "flood"],
)
@pytest.mark.parametrize("command", ["NOOP", "RSET"])
def test_noop_and_rset_that_are_not_answered_with_250_end_the_session(
    command: str, answer: Answer, error: type[ProtocolError], talk: Talk, short_waits: None
) -> None:
    session, _ = talk({command: answer})
    assert send(session).is_positive
    with pytest.raises(error):
        session.noop() if command == "NOOP" else session.reset()
    assert session.is_closed
    assert not session.is_alive()
    assert session.messages_sent == 1


@pytest.mark.req("R65")
@pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP"])
@pytest.mark.parametrize("offer", [b"250-x\r\n250 PIPELINING\r\n", b"250-x\r\n250 CHUNKING\r\n"], ids=["DATA", "BDAT"])
def test_421_at_any_place_ends_the_session_before_the_message_is_sent(where: str, offer: bytes, talk: Talk) -> None:
    session, server = talk({"EHLO": offer, where: b"421 4.3.2 shutting down\r\n"})
    try:
        session.noop()
        session.reset()
        result = session.send_envelope(TO_ONE, size_bytes=5, body_8bit=False)
        if result.accepted:
            reply = session.start_data()
            if reply.is_positive:
                session.write_body(MESSAGE)
                assert where in {"DATA", "BDAT"}  # of the other way to carry it
                assert session.finish_data().is_positive
                return
    except TemporarilyRefused:
        pass
    assert session.is_closed
    assert server.messages == []


def test_requiretls_is_refused_on_a_connection_in_the_clear_before_a_byte(talk: Talk) -> None:
    session, server = talk({"EHLO": b"250-x\r\n250 REQUIRETLS\r\n"})
    with pytest.raises(PermanentlyRefused) as caught:
        session.send_envelope(
            Envelope("a@example.org", ("b@example.org",), requires_tls=True), size_bytes=5, body_8bit=False
        )
    assert caught.value.code == "5.7.30"
    assert server.verbs == ["EHLO"]
    assert send(session).is_positive


def test_requiretls_is_said_after_starttls(tmp_path_factory: pytest.TempPathFactory) -> None:
    authority = CertificateAuthority(tmp_path_factory.mktemp("ca"))
    certificate = authority.issue()

    def begin_tls(peer: Peer, line: bytes) -> bytes:
        peer.send(b"220 go\r\n")
        peer.start_tls(certificate)
        peer.line()
        return b"250-mail.example.org\r\n250-REQUIRETLS\r\n250-CHUNKING\r\n250 AUTH PLAIN\r\n"

    script = ScriptedSmtp({"EHLO": b"250-x\r\n250 STARTTLS\r\n", "STARTTLS": begin_tls})
    with serving(script) as server:
        endpoint = server.endpoint(Security.STARTTLS, ca_file=authority.ca_file)
        with open_session(endpoint, LOGIN, ehlo_name="client.example.org") as session:
            assert session.is_alive()
            envelope = Envelope("alice@example.org", ("bob@example.org",), requires_tls=True)
            assert send(session, envelope=envelope).is_positive
            assert session.is_alive()
    assert b"MAIL FROM:<alice@example.org> REQUIRETLS" in script.commands
    assert script.messages == [ON_THE_WIRE.replace(b"..dot", b".dot").removesuffix(b".\r\n")]


def test_a_server_that_wants_tls_before_the_login_is_named_so(talk: Talk) -> None:
    with pytest.raises(PermanentlyRefused, match="without encryption") as caught:
        talk({"EHLO": b"250-x\r\n250 STARTTLS\r\n"}, login=LOGIN)
    assert caught.value.code == "5.7.11"
