"""Submission to Postfix, read back by POP3 from Dovecot: both clients against servers that people really run."""

import time

import pytest

from tests.protocols.loopback import LOOPBACK
from tests.servers.dovecot import DovecotServer, MailUser
from tests.servers.postfix import PostfixServer
from webmail.protocols.errors import AuthenticationRefused, PermanentlyRefused
from webmail.protocols.login import Login
from webmail.protocols.pop3 import session as pop3
from webmail.protocols.smtp import session as smtp
from webmail.protocols.transport import Endpoint, Security

pytestmark = pytest.mark.live


def open_submission(postfix: PostfixServer, security: Security, login: Login) -> smtp.LiveSmtpSession:
    port = postfix.tls_port if security is Security.TLS else postfix.port
    endpoint = Endpoint("127.0.0.1", port, security, allow_networks=LOOPBACK, ca_file=str(postfix.ca_file))
    return smtp.open_session(endpoint, login, ehlo_name="client.example.org")


def wait_for_message(dovecot: DovecotServer, user: MailUser, *, timeout_s: float = 20) -> bytes:
    """The one message of the user, once Postfix has delivered it."""
    endpoint = Endpoint("127.0.0.1", dovecot.pop3_port, Security.PLAIN, allow_networks=LOOPBACK)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with pop3.open_session(endpoint, Login(user.name, user.password)) as session:
            for _, raw in session.retrieve_many(list(session.sizes()), max_bytes=1_000_000):
                return raw
    pytest.fail("the message never arrived: " + dovecot.log_tail())


@pytest.mark.req("R32")
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_message_goes_through_postfix_to_dovecot_unharmed(
    security: Security, postfix: PostfixServer, dovecot: DovecotServer
) -> None:
    alice, bob = dovecot.new_user("alice"), dovecot.new_user("bob")
    envelope = smtp.Envelope(alice.address, (bob.address, "nobody-here@pillarbox.test"))
    body = b".\n..\r.\r\nbefore\n.\nMAIL FROM:<evil@pillarbox.test>\r\nlast"
    raw = b"Subject: dots\r\nMessage-ID: <dots@pillarbox.test>\r\n\r\n" + body
    with open_submission(postfix, security, Login(alice.name, alice.password)) as session:
        assert session.supports("PIPELINING")
        assert session.max_size
        result = session.send_envelope(envelope, size_bytes=len(raw), body_8bit=False)
        assert result.accepted == (bob.address,)
        assert result.recipient_replies["nobody-here@pillarbox.test"].is_permanent
        assert session.start_data().code == 354
        session.write_body(raw)
        assert session.finish_data().is_positive
        session.quit()
    received = wait_for_message(dovecot, bob)
    assert received.endswith(b"\r\n\r\n.\r\n..\r\n.\r\nbefore\r\n.\r\nMAIL FROM:<evil@pillarbox.test>\r\nlast\r\n")


def test_postfix_names_the_cause_of_a_refusal(postfix: PostfixServer, dovecot: DovecotServer) -> None:
    user = dovecot.new_user()
    with pytest.raises(AuthenticationRefused):
        open_submission(postfix, Security.TLS, Login(user.name, "wrong"))
    with open_submission(postfix, Security.TLS, Login(user.name, user.password)) as session:
        assert session.max_size is not None
        with pytest.raises(PermanentlyRefused):
            session.send_envelope(
                smtp.Envelope(user.address, (user.address,)), size_bytes=session.max_size + 1, body_8bit=False
            )
        session.quit()


@pytest.mark.req("R65")
def test_postfix_drops_a_message_without_its_dot(postfix: PostfixServer, dovecot: DovecotServer) -> None:
    user = dovecot.new_user()
    login = Login(user.name, user.password)
    for raw in (b"Subject: dropped\r\n\r\n", b"Subject: kept\r\n\r\n"):
        with open_submission(postfix, Security.TLS, login) as session:
            session.send_envelope(smtp.Envelope(user.address, (user.address,)), size_bytes=len(raw), body_8bit=False)
            session.start_data()
            session.write_body(raw)
            if b"kept" in raw:
                assert session.finish_data().is_positive
    assert b"Subject: kept" in wait_for_message(dovecot, user)
