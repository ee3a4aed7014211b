"""What goes over the wire while a session begins: login, STARTTLS, certificates."""

import base64
from collections.abc import Callable

import pytest

from tests.protocols.imap.scripted import answer_quietly, imap_script, on
from tests.protocols.imap.talking import ALICE, commands
from tests.protocols.loopback import Peer, serving
from tests.servers.certificates import CertificateAuthority
from webmail.protocols.errors import (
    AuthenticationRefused,
    CertificateRefused,
    ConnectionLost,
    DeadlineExceeded,
    PermanentlyRefused,
    ServerMisbehaved,
    StartTlsMissing,
    TemporarilyRefused,
)
from webmail.protocols.imap import wire
from webmail.protocols.imap.session import open_session
from webmail.protocols.login import Login
from webmail.protocols.transport import Security

# Login ------------------------------------------------------------------------------------------------------


def test_the_password_is_not_in_the_repr() -> None:
    assert "s3cret" not in repr(ALICE)


def test_plain_is_sent_base64_after_the_challenge() -> None:
    with serving(imap_script()) as server:
        open_session(server.endpoint(), Login("älice", "pä ss")).close()
        assert base64.b64encode("\0älice\0pä ss".encode()) in commands(server)


def test_login_quotes_both_arguments_where_plain_is_not_offered() -> None:
    with serving(imap_script(capabilities=b"IMAP4rev1")) as server:
        open_session(server.endpoint(), Login('al "ice', "p\\w")).close()
        assert any(line.endswith(b'LOGIN "al \\"ice" "p\\\\w"') for line in commands(server))


def test_xoauth2_answers_the_error_challenge_with_nothing() -> None:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if not command.startswith(b"AUTHENTICATE"):
            return False
        peer.send(b"+ \r\n")
        peer.line()
        peer.send(b"+ " + base64.b64encode(b'{"status":"401"}') + b"\r\n")
        assert peer.line() == b""
        peer.send(tag + b" NO [AUTHENTICATIONFAILED] token expired\r\n")
        return True

    with serving(imap_script(answer)) as server, pytest.raises(AuthenticationRefused) as caught:
        open_session(server.endpoint(), Login("a", "token", "XOAUTH2"))
    assert caught.value.server_text == "token expired"


def test_endless_challenges_end() -> None:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if command.startswith(b"AUTHENTICATE"):
            while True:
                peer.send(b"+ \r\n")
                peer.line()
        return False

    with serving(imap_script(answer)) as server, pytest.raises(ServerMisbehaved):
        open_session(server.endpoint(), ALICE)


@pytest.mark.req("R51")
@pytest.mark.parametrize(
    ("end", "kind", "code"),
    [
        (b"NO [AUTHENTICATIONFAILED] no", AuthenticationRefused, "AUTHENTICATIONFAILED"),
        (b"NO no", AuthenticationRefused, ""),
        (b"NO [UNAVAILABLE] later", TemporarilyRefused, "UNAVAILABLE"),
        (b"NO [LIMIT] too many", TemporarilyRefused, "LIMIT"),
        (b"BAD what?", PermanentlyRefused, ""),
    ],
)
def test_a_refused_login_says_what_to_do(end: bytes, kind: type[Exception], code: str) -> None:
    with (
        serving(imap_script(on(b"LOGIN", b"", end=end), capabilities=b"IMAP4rev1")) as server,
        pytest.raises(kind) as caught,
    ):
        open_session(server.endpoint(), ALICE)
    assert type(caught.value) is kind
    assert getattr(caught.value, "code", "") == code


def test_no_password_goes_out_where_login_is_disabled() -> None:
    with serving(imap_script(capabilities=b"IMAP4rev1 LOGINDISABLED")) as server:
        with pytest.raises(PermanentlyRefused):
            open_session(server.endpoint(), ALICE)
        assert b"s3cret" not in server.peers[0].received


@pytest.mark.parametrize(
    ("greeting", "kind"),
    [
        (b"* BYE [UNAVAILABLE] maintenance\r\n", TemporarilyRefused),
        (b"* BYE Too many connections\r\n", TemporarilyRefused),
        (b"* BYE go away\r\n", ConnectionLost),
        (b"* PREAUTH hello\r\n", ServerMisbehaved),
        (b"220 mail ESMTP\r\n", ServerMisbehaved),
        (b"* OK \xff\xfe\r\n* NOTHING\r\n", DeadlineExceeded),
    ],
)
def test_strange_greetings_end_in_a_named_error(
    greeting: bytes, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "CONNECT_S", 0.3)

    def script(peer: Peer) -> None:
        peer.send(greeting)
        peer.stall() if kind is DeadlineExceeded else imap_script(greeting=b"")(peer)

    with serving(script) as server, pytest.raises(kind):
        open_session(server.endpoint(), ALICE)


# STARTTLS ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


def _no_starttls(peer: Peer) -> None:
    imap_script()(peer)


def _preauth(peer: Peer) -> None:
    imap_script(greeting=b"* PREAUTH welcome\r\n", capabilities=b"IMAP4rev1 STARTTLS AUTH=PLAIN")(peer)


def _refused(peer: Peer) -> None:
    imap_script(on(b"STARTTLS", b"", end=b"NO not now"), capabilities=b"IMAP4rev1 STARTTLS AUTH=PLAIN")(peer)


def _injected(peer: Peer) -> None:
    script = on(b"STARTTLS", b"", end=b"OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN")
    imap_script(script, capabilities=b"IMAP4rev1 STARTTLS AUTH=PLAIN")(peer)


@pytest.mark.req("R33")
@pytest.mark.parametrize("script", [_no_starttls, _preauth, _refused, _injected])
def test_without_clean_starttls_no_credential_is_sent(script: Callable[[Peer], None]) -> None:
    with serving(script) as server:
        with pytest.raises(StartTlsMissing):
            open_session(server.endpoint(Security.STARTTLS), ALICE)
        sent = bytes(server.peers[0].received).upper()
        assert b"AUTHENTICATE" not in sent
        assert b"LOGIN" not in sent


def _starttls_script(authority: CertificateAuthority) -> Callable[[Peer], None]:
    certificate = authority.issue()

    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if command == b"STARTTLS":
            peer.send(tag + b" OK go\r\n")
            peer.start_tls(certificate)
            while True:
                tag, _, command = peer.line().partition(b" ")
                answer_quietly(peer, tag, command, b"IMAP4rev1 AUTH=PLAIN MOVE")
        return False

    return imap_script(answer, capabilities=b"IMAP4rev1 STARTTLS AUTH=XEVIL")


@pytest.mark.req("R33")
def test_after_starttls_only_what_was_said_inside_counts(authority: CertificateAuthority) -> None:
    with serving(_starttls_script(authority)) as server:
        session = open_session(server.endpoint(Security.STARTTLS, ca_file=authority.ca_file), ALICE)
        assert session.capabilities == {"IMAP4REV1", "AUTH=PLAIN", "MOVE"}
        session.close()


@pytest.mark.req("R33")
def test_a_certificate_nobody_vouches_for_gets_no_credential(authority: CertificateAuthority) -> None:
    with serving(_starttls_script(authority)) as server:
        with pytest.raises(CertificateRefused):
            open_session(server.endpoint(Security.STARTTLS), ALICE)
        assert b"AUTHENTICATE" not in server.peers[0].received
