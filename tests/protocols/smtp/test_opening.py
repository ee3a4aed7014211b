import base64

import pytest

from tests.protocols.loopback import Peer, serving
from tests.protocols.smtp.conversations import (
    LOGIN,
    Talk,
    send,
)
from tests.protocols.smtp.scripted_server import Answer, ScriptedSmtp
from tests.servers.certificates import CertificateAuthority
from webmail.protocols.errors import (
    AuthenticationRefused,
    BadArgument,
    ConnectionLost,
    PermanentlyRefused,
    ProtocolError,
    ServerError,
    ServerMisbehaved,
    StartTlsMissing,
    TemporarilyRefused,
)
from webmail.protocols.login import Login
from webmail.protocols.smtp.session import open_session
from webmail.protocols.transport import Security


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
