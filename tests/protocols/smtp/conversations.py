"""What the SMTP tests send, and how: all phases in a row, or those before the message."""

from collections.abc import Callable

from tests.protocols.smtp.scripted_server import ScriptedSmtp
from webmail.protocols.login import Login
from webmail.protocols.smtp.session import Envelope, LiveSmtpSession, Reply, SmtpSession

MESSAGE = b"Subject: hello\r\n\r\n.dot\nline\r"
ON_THE_WIRE = b"Subject: hello\r\n\r\n..dot\r\nline\r\n.\r\n"
TO_ONE = Envelope("alice@example.org", ("bob@example.org",))
TO_THREE = Envelope("alice@example.org", ("bob@example.org", "carol@example.org", "dave@example.org"))
LOGIN = Login("alice", "sesame")
PIPELINING = b"250-mail.example.org\r\n250-PIPELINING\r\n250 SIZE 0\r\n"

Talk = Callable[..., tuple[LiveSmtpSession, ScriptedSmtp]]


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
