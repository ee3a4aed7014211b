"""The demo's submission server and where accepted mail goes, driven by smtplib."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest

from webmail.demo.addresses import IMAP_PASSWORD, IMAP_USER, OUTSIDE_USER, POP3_USER
from webmail.demo.server import DemoServer


@pytest.fixture
def demo() -> Iterator[DemoServer]:
    with DemoServer(fill=False) as server:
        yield server


@pytest.fixture
def client(demo: DemoServer) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(demo.host, demo.smtp_port, timeout=10) as connection:
        connection.login(IMAP_USER, IMAP_PASSWORD)
        yield connection


def letter(to: str, *, subject: str = "Hello", headers: tuple[tuple[str, str], ...] = ()) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = IMAP_USER, to, subject
    message["Message-ID"] = "<letter-1@pillarbox.test>"
    for name, value in headers:
        message[name] = value
    message.set_content("How are you?\n.dotted line\n")
    return message


def inbox(demo: DemoServer, user: str) -> list[EmailMessage]:
    parser = BytesParser(policy=policy.default)
    return [parser.parsebytes(one.raw) for one in demo.store.mailbox(user).messages.values()]


def test_the_server_offers_what_clients_need(demo: DemoServer) -> None:
    with smtplib.SMTP(demo.host, demo.smtp_port, timeout=10) as client:
        client.ehlo()
        assert {"size", "8bitmime", "smtputf8", "auth"} <= set(client.esmtp_features)
        assert {"PLAIN", "LOGIN"} <= set(client.esmtp_features["auth"].split())


def test_a_message_may_come_in_chunks_and_only_the_last_one_delivers(demo: DemoServer, client: smtplib.SMTP) -> None:
    client.ehlo()
    assert client.has_extn("chunking")
    client.mail(IMAP_USER)
    assert bdat(client, b"nobody yet\r\n") == 503
    client.rcpt(POP3_USER)
    assert bdat(client, b"Subject: in chunks\r\n\r\n.a dot\r\n") == 250
    assert inbox(demo, POP3_USER) == []
    assert bdat(client, b"end\r\n", is_last=True) == 250
    (found,) = inbox(demo, POP3_USER)
    assert found["Subject"] == "in chunks"
    assert found.get_content().splitlines() == [".a dot", "end"]
    assert bdat(client, b"more\r\n", is_last=True) == 503
    assert client.docmd("BDAT some")[0] == 501
    client.send_message(letter(POP3_USER))  # and the other way still works
    assert len(inbox(demo, POP3_USER)) == 2


def test_chunks_beyond_the_size_are_refused_and_not_kept(demo: DemoServer, client: smtplib.SMTP) -> None:
    client.ehlo()
    client.mail(IMAP_USER)
    client.rcpt(POP3_USER)
    assert bdat(client, bytes(20_000_000)) == 250
    assert bdat(client, bytes(20_000_000)) == 552
    assert bdat(client, b"end", is_last=True) == 503
    assert inbox(demo, POP3_USER) == []


def bdat(client: smtplib.SMTP, octets: bytes, *, is_last: bool = False) -> int:
    """Send a chunk; the code of the answer."""
    client.send(b"BDAT %d%b\r\n%b" % (len(octets), b" LAST" if is_last else b"", octets))
    return client.getreply()[0]


def test_mail_needs_a_login_and_the_right_password(demo: DemoServer) -> None:
    with smtplib.SMTP(demo.host, demo.smtp_port, timeout=10) as client:
        client.ehlo()
        assert client.mail(IMAP_USER)[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(IMAP_USER, "wrong")


def test_auth_login_works_too(demo: DemoServer) -> None:
    with smtplib.SMTP(demo.host, demo.smtp_port, timeout=10) as client:
        client.ehlo()
        client.user, client.password = IMAP_USER, IMAP_PASSWORD
        assert client.auth("LOGIN", client.auth_login)[0] == 235


def test_mail_to_both_demo_users_arrives_in_both_inboxes(demo: DemoServer, client: smtplib.SMTP) -> None:
    client.send_message(letter(f"{POP3_USER}, {IMAP_USER.replace('@', '+tag@')}"))
    for user in (POP3_USER, IMAP_USER):
        (found,) = inbox(demo, user)
        assert found["Subject"] == "Hello"
        assert found["Return-Path"] == f"<{IMAP_USER}>"
        assert ".dotted line" in found.get_content()


def test_an_unknown_user_of_the_domain_bounces_after_acceptance(demo: DemoServer, client: smtplib.SMTP) -> None:
    client.send_message(letter(f"nobody@pillarbox.test, {POP3_USER}"))
    (bounce,) = inbox(demo, IMAP_USER)
    assert bounce.get_content_type() == "multipart/report"
    assert bounce.get_param("report-type") == "delivery-status"
    kinds = [part.get_content_type() for part in bounce.iter_parts()]
    assert kinds == ["text/plain", "message/delivery-status", "text/rfc822-headers"]
    text = bounce.as_string()
    assert "Final-Recipient: rfc822; nobody@pillarbox.test" in text
    assert "Status: 5.1.1" in text
    assert "<letter-1@pillarbox.test>" in text
    assert bounce["Return-Path"] == "<>"
    assert len(inbox(demo, POP3_USER)) == 1


def test_the_outside_world_keeps_the_mail_and_answers_once(demo: DemoServer, client: smtplib.SMTP) -> None:
    client.send_message(letter("friend@example.org", subject="Grüße 🎉"))
    client.send_message(letter("friend@example.org", subject="Again"))
    assert [one["Subject"] for one in inbox(demo, OUTSIDE_USER)] == ["Grüße 🎉", "Again"]
    (answer,) = inbox(demo, IMAP_USER)
    assert answer["Subject"] == "Re: Grüße 🎉"
    assert answer["From"] == "friend@example.org"
    assert answer["In-Reply-To"] == "<letter-1@pillarbox.test>"
    assert "Grüße 🎉" in answer.get_content()


@pytest.mark.parametrize("header", [("Auto-Submitted", "auto-replied"), ("List-Id", "<list.example.org>")])
def test_automatic_mail_is_never_answered(demo: DemoServer, client: smtplib.SMTP, header: tuple[str, str]) -> None:
    client.send_message(letter("friend@example.org", headers=(header,)))
    assert len(inbox(demo, OUTSIDE_USER)) == 1
    assert inbox(demo, IMAP_USER) == []


def test_eight_bit_and_international_mail_is_kept_as_it_is(demo: DemoServer, client: smtplib.SMTP) -> None:
    raw = "Subject: Grüße\r\nFrom: a@pillarbox.test\r\n\r\nschöne Grüße\r\n".encode()
    client.sendmail(IMAP_USER, ["jörg@example.org"], raw, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    (message,) = demo.store.mailbox(OUTSIDE_USER).messages.values()
    assert message.raw.endswith(raw)


def test_a_message_above_the_announced_size_is_refused(demo: DemoServer, client: smtplib.SMTP) -> None:
    client.ehlo()
    assert client.mail(IMAP_USER, [f"SIZE={64 * 1024 * 1024}"])[0] == 552
