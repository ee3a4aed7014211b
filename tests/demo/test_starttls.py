"""STARTTLS on all three servers: offered only before it is done, and required where configured."""

from __future__ import annotations

import poplib
import smtplib
import ssl
from pathlib import Path

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from tests.demo.raw_client import RawImap
from tests.fakes.imap import FakeImapServer
from tests.fakes.pop3 import FakePop3Server
from tests.fakes.smtp import RecordingSmtpSink
from tests.servers.certificates import CertificateAuthority
from webmail.demo.imap_session import ImapConfig
from webmail.demo.pop3_server import Pop3Config


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's TLS context that trust each other."""
    directory: Path = tmp_path_factory.mktemp("tls")
    authority = CertificateAuthority(directory)
    certificate = authority.issue()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate.cert_file, certificate.key_file)
    return server, ssl.create_default_context(cafile=str(authority.ca_file))


def test_imap_starttls_protects_the_login(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_tls, client_tls = contexts
    with FakeImapServer(config=ImapConfig(ssl_context=server_tls, requires_tls=True)) as server:
        client = IMAPClient(server.host, server.port, ssl=False, timeout=10)
        assert client.has_capability("STARTTLS")
        assert client.has_capability("LOGINDISABLED")
        with pytest.raises(LoginError, match="PRIVACYREQUIRED"):
            client.login(server.user, server.password)
        client.starttls(client_tls)
        assert not client.has_capability("STARTTLS")
        client.login(server.user, server.password)
        assert client.select_folder("INBOX")[b"EXISTS"] == 0
        client.logout()


def test_imap_implicit_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_tls, client_tls = contexts
    with FakeImapServer(config=ImapConfig(ssl_context=server_tls, is_implicit_tls=True)) as server:
        client = IMAPClient(server.host, server.port, ssl=True, ssl_context=client_tls, timeout=10)
        client.login(server.user, server.password)
        client.logout()


@pytest.mark.req("R33")
def test_bytes_sent_along_with_starttls_are_dropped(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with FakeImapServer(config=ImapConfig(ssl_context=contexts[0])) as server, RawImap(server.port) as client:
        client.send_raw(b"t1 STARTTLS\r\nt2 NOOP\r\n")
        assert client.read_line().startswith(b"t1 OK")
    assert "NOOP" not in server.faults.commands


def test_pop3_stls(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_tls, client_tls = contexts
    with FakePop3Server(config=Pop3Config(ssl_context=server_tls, requires_tls=True)) as server:
        client = poplib.POP3(server.host, server.port, timeout=10)
        with pytest.raises(poplib.error_proto, match="TLS first"):
            client.user(server.user)
        client.stls(client_tls)
        assert "STLS" not in client.capa()
        client.user(server.user)
        client.pass_(server.password)
        client.quit()


def test_the_sink_tells_whether_a_message_came_by_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_tls, client_tls = contexts
    with RecordingSmtpSink(ssl_context=server_tls) as sink:
        with smtplib.SMTP(sink.host, sink.port, timeout=10) as client:
            client.starttls(context=client_tls)
            client.sendmail("a@example.org", ["b@example.org"], b"Subject: x\r\n\r\ny\r\n")
        assert sink.messages[0].is_tls
