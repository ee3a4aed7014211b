"""Read receipts: those that come, when one is wanted, and those we write (RFC 8098)."""

from datetime import UTC, datetime

import pytest

from tests.mime.reports.samples import DAEMON, message_of, report_of, status_report
from webmail.mime.addresses import Address
from webmail.mime.header_writer import BadHeaderValue
from webmail.mime.parse import parse_message
from webmail.mime.reports.read import read_report
from webmail.mime.reports.write import ReceiptRequest, build_receipt, receipt_wanted

FIELDS = """Reporting-UA: mail.example.com; Foo 1.0
Original-Recipient: rfc822;bob@example.com
Final-Recipient: rfc822;bob@inner.example.com
Original-Message-ID: <m1@example.org>
Disposition: {}
"""
BOB = "From: Bob <bob@example.com>\nTo: ann@example.org\n"


def receipt(disposition: str, *, words: str = "Your message was displayed.", headers: str = BOB) -> str:
    return status_report(
        FIELDS.format(disposition),
        words=words,
        kind="message/disposition-notification",
        headers=headers,
        report_type="disposition-notification",
    )


@pytest.mark.parametrize(
    ("disposition", "action"),
    [
        ("manual-action/MDN-sent-manually; displayed", "displayed"),
        ("automatic-action/MDN-sent-automatically; deleted", "deleted"),
        ("manual-action/MDN-sent-manually; Displayed/error", "displayed"),
        ("manual-action/MDN-sent-manually; denied", "denied"),
        ("manual-action/MDN-sent-manually; processed", "processed"),
        # That somebody read it counts only where it is said.
        ("automatic-action/MDN-sent-automatically; failed", "processed"),
        ("nonsense", "processed"),
    ],
)
def test_a_receipt_tells_who_did_what_with_which_message(disposition: str, action: str) -> None:
    report = report_of(receipt(disposition))
    assert report is not None
    assert (report.kind, report.message_id, report.subject) == ("receipt", "m1@example.org", "Lunch")
    (reader,) = report.recipients
    assert (reader.email, reader.action, reader.is_permanent) == ("bob@example.com", action, False)


def test_a_refusal_in_the_form_of_a_receipt_is_a_failure() -> None:
    report = report_of(
        receipt(
            "automatic-action/MDN-sent-automatically; deleted",
            words="Your message to <bob@example.com> was automatically rejected:\nQuota exceeded\n",
            headers="Auto-Submitted: auto-replied (rejected)\n" + DAEMON,
        )
    )
    assert report is not None
    assert report.kind == "delivery"
    (recipient,) = report.recipients
    assert (recipient.email, recipient.action, recipient.reason) == ("bob@example.com", "failed", "mailbox-full")
    assert report.message_id == "m1@example.org"


def wants(
    headers: str = "", *, asks: str = "ann@example.org", path: str = "<ann@example.org>"
) -> ReceiptRequest | None:
    return receipt_wanted(
        message_of(
            f"Return-Path: {path}\nFrom: Ann <ann@example.org>\nTo: bob@example.com\nMessage-ID: <m1@example.org>\n"
            f"Disposition-Notification-To: {asks}\nSubject: Lunch\n{headers}\nHi.\n"
        )
    )


def test_a_request_of_the_sender_needs_no_further_question() -> None:
    assert wants() == ReceiptRequest("ann@example.org", needs_consent=False)
    assert wants(asks="Ann <ann@EXAMPLE.org>") == ReceiptRequest("ann@EXAMPLE.org", needs_consent=False)


@pytest.mark.parametrize("path", ["<bounces@example.org>", "<Ann@example.org>", "(none)"])
def test_another_return_path_needs_consent(path: str) -> None:
    assert wants(path=path) == ReceiptRequest("ann@example.org", needs_consent=True)


@pytest.mark.parametrize(
    ("headers", "asks", "path"),
    [
        ("List-Id: <l.example.org>\n", "ann@example.org", "<ann@example.org>"),
        ("List-Post: <mailto:l@example.org>\n", "ann@example.org", "<ann@example.org>"),
        ("Precedence: bulk\n", "ann@example.org", "<ann@example.org>"),
        ("Precedence: LIST\n", "ann@example.org", "<ann@example.org>"),
        ("Precedence: junk\n", "ann@example.org", "<ann@example.org>"),
        ("Auto-Submitted: auto-generated\n", "ann@example.org", "<ann@example.org>"),
        ("Content-Type: multipart/report; boundary=b\n", "ann@example.org", "<ann@example.org>"),
        ("Disposition-Notification-Options: x=required,y\n", "ann@example.org", "<ann@example.org>"),
        ("Disposition-Notification-To: eve@example.net\n", "ann@example.org", "<ann@example.org>"),
        ("", "ann@example.org, eve@example.net", "<ann@example.org>"),
        ("", "nobody", "<ann@example.org>"),
        ("", "", "<ann@example.org>"),
        ("", "ann@example.org", "<>"),
    ],
)
def test_lists_machines_and_unclear_requests_get_no_receipt(headers: str, asks: str, path: str) -> None:
    assert wants(headers, asks=asks, path=path) is None


def test_who_does_not_ask_gets_none() -> None:
    assert receipt_wanted(message_of("From: ann@example.org\nSubject: x\n\nHi.\n")) is None


def build(
    original: str, *, final_recipient: str = "bob@example.com", is_automatic: bool = False, ua: str = ""
) -> bytes:
    return build_receipt(
        message_of(original),
        final_recipient=final_recipient,
        from_=Address("Bob Ä", "bob@example.com"),
        to="ann@example.org",
        message_id="r1@example.com",
        sent_at=datetime(2026, 5, 4, 12, 0, tzinfo=UTC),
        is_automatic=is_automatic,
        reporting_ua=ua or "mail.example.com; Pillarbox 1.0",
    )


ORIGINAL = (
    "From: ann@example.org\nMessage-ID: <m1@example.org>\nDate: Mon, 4 May 2026 10:00:00 +0000\n"
    "Original-Recipient: rfc822;robert@example.com\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n\nHi.\n"
)


def test_a_receipt_of_ours_is_read_as_what_it_says() -> None:
    raw = build(ORIGINAL)
    message = parse_message(raw)
    assert [part.type for part in message.root.walk()] == [
        "multipart/report",
        "text/plain",
        "message/disposition-notification",
    ]
    report = read_report(message)
    assert report is not None
    assert (report.kind, report.message_id) == ("receipt", "m1@example.org")
    assert [(one.email, one.action) for one in report.recipients] == [("robert@example.com", "displayed")]
    assert message.headers.get_text("auto-submitted") == "auto-replied"
    assert message.headers.get_text("subject") == "Read: Grüße"
    assert message.list_headers.in_reply_to == ("m1@example.org",)
    assert b"report-type=disposition-notification" in raw
    words = message.root.parts[0].text()[0]
    assert "Grüße" in words
    assert "bob@example.com" in words
    assert not message.defects


@pytest.mark.parametrize(
    ("is_automatic", "mode"),
    [(False, b"manual-action/MDN-sent-manually"), (True, b"automatic-action/MDN-sent-automatically")],
)
def test_the_fields_are_those_of_the_standard(is_automatic: bool, mode: bytes) -> None:
    raw = build(ORIGINAL, is_automatic=is_automatic)
    fields = raw.partition(b"message/disposition-notification\r\n")[2]
    for line in (
        b"Reporting-UA: mail.example.com; Pillarbox 1.0",
        b"Original-Recipient: rfc822;robert@example.com",
        b"Final-Recipient: rfc822;bob@example.com",
        b"Original-Message-ID: <m1@example.org>",
        b"Disposition: " + mode + b"; displayed",
    ):
        assert b"\r\n" + line + b"\r\n" in fields
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_an_address_beyond_ascii_is_written_in_seven_bits() -> None:
    raw = build(ORIGINAL, final_recipient="björn@example.com")
    assert b"Final-Recipient: utf-8;bj\\x{F6}rn@example.com\r\n" in raw


def test_a_strangers_message_cannot_write_into_the_receipt() -> None:
    raw = build(
        "From: ann@example.org\nMessage-ID: <a\rBcc: x@evil.example>\nOriginal-Recipient: rfc822;x@y\r z: 1\n"
        "Subject: =?utf-8?Q?Hi=0D=0ABcc:_eve=40evil.example=E2=80=AE?=\n\nHi.\n"
    )
    message = parse_message(raw)
    assert "bcc" not in message.headers
    assert not any(line.lower().startswith((b"bcc", b" z")) for line in raw.split(b"\r\n"))
    assert "\u202e" not in message.list_headers.subject


@pytest.mark.parametrize(
    ("recipient", "ua"), [("nobody", ""), ("b@example.com\r\nX: 1", ""), ("b@example.com", "x\nY: 1")]
)
def test_what_no_header_can_carry_is_refused(recipient: str, ua: str) -> None:
    with pytest.raises(BadHeaderValue):
        build(ORIGINAL, final_recipient=recipient, ua=ua)
