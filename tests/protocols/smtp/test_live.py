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


def test_postfix_reports_with_our_id_and_the_address_as_we_know_it(
    postfix: PostfixServer, dovecot: DovecotServer
) -> None:
    """RFC 3461: ENVID and ORCPT come back in the report."""
    alice, bob = dovecot.new_user("alice"), dovecot.new_user("bob")
    envelope = smtp.Envelope(alice.address, (bob.address,), ret="HDRS", envid="our id+1", notify=("SUCCESS", "FAILURE"))
    raw = b"Subject: asks for a report\r\n\r\nhello\r\n"
    with open_submission(postfix, Security.TLS, Login(alice.name, alice.password)) as session:
        assert session.supports("DSN")
        session.send_envelope(envelope, size_bytes=len(raw), body_8bit=False)
        session.start_data()
        session.write_body(raw)
        assert session.finish_data().is_positive
        session.quit()
    report = wait_for_message(dovecot, alice).decode()
    assert "Original-Envelope-Id: our id+1\r\n" in report
    assert f"Original-Recipient: rfc822;{bob.address}\r\n" in report
    assert "hello" not in report


@pytest.mark.parametrize(
    "address",
    [
        "jürgen@pillarbox.test",
        "用户+a=b@pillarbox.test",
        "a+b=c@pillarbox.test",
        '"a b\\\\c"@pillarbox.test',
    ],
)
def test_postfix_understands_every_original_address(
    address: str, postfix: PostfixServer, dovecot: DovecotServer
) -> None:
    user = dovecot.new_user()
    with open_submission(postfix, Security.TLS, Login(user.name, user.password)) as session:
        result = session.send_envelope(
            smtp.Envelope(user.address, (user.address, address)), size_bytes=10, body_8bit=False
        )
        session.quit()
    assert result.accepted == (user.address,)
    assert result.recipient_replies[address].code in {550, 554}  # nobody of that name; a parameter would be 501
    assert result.recipient_replies[address].enhanced in {"5.1.1", "5.7.1"}


def test_several_messages_by_chunks_count_on_one_session(postfix: PostfixServer, dovecot: DovecotServer) -> None:
    user = dovecot.new_user()
    with open_submission(postfix, Security.STARTTLS, Login(user.name, user.password)) as session:
        for number in range(5):
            session.noop()
            raw = b"Subject: %d\r\n\r\n.\r\n" % number + b"line\r\n" * number * 10_000
            session.send_envelope(smtp.Envelope(user.address, (user.address,)), size_bytes=len(raw), body_8bit=False)
            session.start_data()
            session.write_body(raw)
            assert session.finish_data().is_positive
            assert session.is_alive()
        assert session.messages_sent == 5
        assert session.uses_chunks
        session.quit()
