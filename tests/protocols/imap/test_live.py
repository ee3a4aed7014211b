"""The contract of a session against a live Dovecot, once with everything it offers and once with most of it hidden."""

import secrets
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from tests.protocols.imap.contract import *  # noqa: F403
from tests.protocols.imap.contract import PLAIN, OpenImap
from tests.servers.dovecot import DovecotServer
from tests.servers.process import ServerUnavailable
from webmail.protocols.errors import AuthenticationRefused, CertificateRefused, TlsFailed
from webmail.protocols.imap.session import ImapSession, LiveImapSession, open_session
from webmail.protocols.login import Login
from webmail.protocols.transport import Endpoint, Security

pytestmark = pytest.mark.live

LOOPBACK = (ip_network("127.0.0.0/8"),)
# Dovecot only hides what it does not name: it goes on sending COPYUID and APPENDUID (sync section 5).
FEW_CAPABILITIES = "IMAP4rev1 IDLE NAMESPACE"


@pytest.fixture(scope="module")
def modest_dovecot() -> Iterator[DovecotServer]:
    """A Dovecot that offers hardly more than RFC 3501."""
    try:
        server = DovecotServer(imap_capability=FEW_CAPABILITIES)
    except ServerUnavailable as error:
        pytest.skip(str(error))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(params=["all", "few"])
def open_imap(request: pytest.FixtureRequest) -> OpenImap:
    """Sessions of one fresh user."""
    server: DovecotServer = request.getfixturevalue("dovecot" if request.param == "all" else "modest_dovecot")
    name = f"imap-{secrets.token_hex(4)}"
    login = Login(name, server.add_user(name))
    endpoint = Endpoint("127.0.0.1", server.imap_port, Security.PLAIN, allow_networks=LOOPBACK)
    return lambda: open_session(endpoint, login)


@pytest.fixture
def alice(dovecot: DovecotServer) -> Login:
    name = f"alice-{secrets.token_hex(4)}"
    return Login(name, dovecot.add_user(name))


def secure(dovecot: DovecotServer, security: Security, *, trusted: bool = True, host: str = "localhost") -> Endpoint:
    port = dovecot.imaps_port if security is Security.TLS else dovecot.imap_port
    networks = (*LOOPBACK, ip_network("::1/128"))
    return Endpoint(host, port, security, allow_networks=networks, ca_file=str(dovecot.ca_file) if trusted else None)


def test_the_live_session_is_what_callers_code_against(open_imap: OpenImap) -> None:
    session: ImapSession = open_imap()
    assert isinstance(session, LiveImapSession)
    session.close()


@pytest.mark.req("R33")
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_session_over_tls_reads_mail(dovecot: DovecotServer, alice: Login, security: Security) -> None:
    with open_session(secure(dovecot, security, host="127.0.0.1"), alice) as session:
        assert session.supports("QRESYNC")
        raw = PLAIN % (1, 1) + b"x" * 200_000 + b"\r\n"
        session.append(b"INBOX", raw, keywords=[], internal_date=None)
        session.select(b"INBOX")
        assert [found for _, found in session.fetch_messages(session.search_uids())] == [raw]
        assert session.idle(timeout_s=0.05) == []


@pytest.mark.req("R33")
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_certificate_of_an_unknown_authority_is_refused(
    dovecot: DovecotServer, alice: Login, security: Security
) -> None:
    with pytest.raises(CertificateRefused):
        open_session(secure(dovecot, security, trusted=False, host="127.0.0.1"), alice)


def test_tls_on_a_plain_port_fails_as_tls(dovecot: DovecotServer, alice: Login) -> None:
    endpoint = Endpoint("127.0.0.1", dovecot.imap_port, Security.TLS, allow_networks=LOOPBACK)
    with pytest.raises(TlsFailed):
        open_session(endpoint, alice)


@pytest.mark.req("R51")
def test_a_wrong_password_is_told_apart(dovecot: DovecotServer, alice: Login) -> None:
    endpoint = Endpoint("127.0.0.1", dovecot.imap_port, Security.PLAIN, allow_networks=LOOPBACK)
    with pytest.raises(AuthenticationRefused) as caught:
        open_session(endpoint, Login(alice.username, "wrong"))
    assert caught.value.code == "AUTHENTICATIONFAILED"


@pytest.mark.req("Y20")
def test_roles_come_from_special_use(dovecot: DovecotServer, alice: Login) -> None:
    endpoint = Endpoint("127.0.0.1", dovecot.imap_port, Security.PLAIN, allow_networks=LOOPBACK)
    with open_session(endpoint, alice) as session:
        roles = {box.role: box for box in session.list_mailboxes() if box.role}
        assert {"inbox", "drafts", "sent", "trash", "junk", "archive"} <= roles.keys()
        assert roles["sent"].is_subscribed
        assert all(box.status is not None for box in roles.values())


@pytest.mark.req("Y30")
def test_a_mailbox_with_many_holes_is_read_in_few_commands(dovecot: DovecotServer, alice: Login) -> None:
    endpoint = Endpoint("127.0.0.1", dovecot.imap_port, Security.PLAIN, allow_networks=LOOPBACK)
    maildir = dovecot.maildir(alice.username)
    for number in range(1200):
        (maildir / "cur" / f"{1_700_000_000 + number}.M{number}P1.test:2,").write_bytes(PLAIN % (number, number))
    dovecot._own(*(maildir / "cur").iterdir())
    with open_session(endpoint, alice) as session:
        session.select(b"INBOX")
        uids = session.search_uids()
        odd = uids[::2]
        session.mark_deleted(uids[1::2])
        session.expunge(uids[1::2])
        assert session.search_uids() == odd
        newest_first = odd[::-1]
        rows = [row.uid for row in session.fetch_list_data(newest_first)]
        assert rows == newest_first
        assert len(session.fetch_keywords(1, None, changed_since=None).changed) == 600
