"""The same session against aiosmtpd, a server that nobody here wrote. It judges by what it received."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.protocols.loopback import LOOPBACK
from tests.servers.certificates import CertificateAuthority
from webmail.protocols.errors import AuthenticationRefused, CertificateRefused, StartTlsMissing
from webmail.protocols.login import Login
from webmail.protocols.smtp.session import Envelope, open_session
from webmail.protocols.transport import Endpoint, Security


@dataclass
class Mailroom:
    """Keeps what comes in; knows one user and refuses one recipient."""

    received: list[tuple[str, list[str], bytes, list[str]]] = field(default_factory=list)

    # aiosmtpd finds its hooks by name.
    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.content, envelope.mail_options))
        return "250 2.0.0 kept"

    def check_login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"alice", "sésame".encode())
        return AuthResult(success=is_right, handled=False)


class AnyFreePort(Controller):
    """A controller that takes the port the system gives."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@dataclass
class Peer:
    """A running aiosmtpd."""

    port: int
    mailroom: Mailroom
    ca_file: Path

    def endpoint(self, security: Security, *, is_trusted: bool = True) -> Endpoint:
        ca_file = str(self.ca_file) if is_trusted else None
        return Endpoint("127.0.0.1", self.port, security, allow_networks=LOOPBACK, ca_file=ca_file)


def run_peer(directory: Path, *, has_tls: bool, mechanisms_left_out: tuple[str, ...] = ()) -> Iterator[Peer]:
    authority = CertificateAuthority(directory)
    certificate = authority.issue()
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    mailroom = Mailroom()
    controller = AnyFreePort(
        mailroom,
        hostname="127.0.0.1",
        port=0,
        enable_SMTPUTF8=True,
        authenticator=mailroom.check_login,
        auth_require_tls=False,
        auth_exclude_mechanism=mechanisms_left_out,
        tls_context=context if has_tls else None,
        require_starttls=has_tls,
    )
    controller.start()
    yield Peer(controller.port, mailroom, authority.ca_file)
    controller.stop()


@pytest.fixture
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    yield from run_peer(tmp_path_factory.mktemp("tls"), has_tls=True)


@pytest.fixture
def plain_peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    yield from run_peer(tmp_path_factory.mktemp("plain"), has_tls=False, mechanisms_left_out=("PLAIN",))


LOGIN = Login("alice", "sésame")
RAW = b"Subject: smuggling\r\n\r\n.\n..\r.\r\nbefore\n.\nMAIL FROM:<evil@example.org>\r\nend"
RECEIVED = b"Subject: smuggling\r\n\r\n.\r\n..\r\n.\r\nbefore\r\n.\r\nMAIL FROM:<evil@example.org>\r\nend\r\n"


@pytest.mark.req("R32")
def test_a_message_arrives_over_starttls_as_it_was_written(peer: Peer) -> None:
    envelope = Envelope("alice@example.org", ("bob@example.org", "nobody@example.org"))
    with open_session(peer.endpoint(Security.STARTTLS), LOGIN, ehlo_name="client.example.org") as session:
        result = session.send_envelope(envelope, size_bytes=len(RAW), body_8bit=False)
        assert result.accepted == ("bob@example.org",)
        assert result.recipient_replies["nobody@example.org"].enhanced == "5.1.1"
        assert session.start_data().code == 354
        session.write_body(RAW)
        assert peer.mailroom.received == []
        assert session.finish_data().text == "kept"
        session.quit()
    assert peer.mailroom.received == [
        ("alice@example.org", ["bob@example.org"], RECEIVED, [f"SIZE={len(RAW)}"]),
    ]


def test_international_addresses_arrive(peer: Peer) -> None:
    envelope = Envelope("jürgen@bücher.example", ("用户@例子.example",))
    with open_session(peer.endpoint(Security.STARTTLS), LOGIN, ehlo_name="client.example.org") as session:
        session.send_envelope(envelope, size_bytes=3, body_8bit=True)
        session.start_data()
        session.write_body("é\r\n".encode())
        assert session.finish_data().is_positive
    ((sender, recipients, content, options),) = peer.mailroom.received
    assert (sender, recipients) == ("jürgen@bücher.example", ["用户@例子.example"])
    assert {"SMTPUTF8", "BODY=8BITMIME"} <= set(options)
    assert content == "é\r\n".encode()


def test_the_login_mechanism_works_where_plain_is_missing(plain_peer: Peer) -> None:
    with open_session(plain_peer.endpoint(Security.PLAIN), LOGIN, ehlo_name="client.example.org") as session:
        assert session.capabilities["AUTH"] == "LOGIN"
        session.quit()


@pytest.mark.req("R68")
def test_a_wrong_password_is_refused(peer: Peer, plain_peer: Peer) -> None:
    for endpoint in (peer.endpoint(Security.STARTTLS), plain_peer.endpoint(Security.PLAIN)):
        with pytest.raises(AuthenticationRefused) as caught:
            open_session(endpoint, Login("alice", "wrong"), ehlo_name="client.example.org")
        assert caught.value.code == "5.7.8"


@pytest.mark.req("R33")
def test_neither_missing_starttls_nor_an_unknown_certificate_gets_the_password(peer: Peer, plain_peer: Peer) -> None:
    with pytest.raises(StartTlsMissing):
        open_session(plain_peer.endpoint(Security.STARTTLS), LOGIN, ehlo_name="client.example.org")
    with pytest.raises(CertificateRefused):
        open_session(peer.endpoint(Security.STARTTLS, is_trusted=False), LOGIN, ehlo_name="client.example.org")
