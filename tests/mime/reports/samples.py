"""Reports as servers write them, put together from their parts; the addresses are made up."""

from webmail.mime.parse import parse_message
from webmail.mime.part import Message
from webmail.mime.reports.read import read_report
from webmail.mime.reports.values import Report

DAEMON = "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.net>\nTo: ann@example.org\n"

RETURNED = "Message-ID: <m1@example.org>\nFrom: ann@example.org\nTo: bob@example.com\nSubject: Lunch\n\nHi.\n"


def message_of(text: str) -> Message:
    """The parsed message of a text with LF line ends."""
    return parse_message(text.encode("utf-8"))


def report_of(text: str) -> Report | None:
    """What the message of `text` reports."""
    return read_report(message_of(text))


def bounce(words: str, *, headers: str = DAEMON, subject: str = "Undelivered Mail Returned to Sender") -> str:
    """A bounce of plain text."""
    return f"{headers}Subject: {subject}\nMIME-Version: 1.0\n\n{words}"


def status_report(
    fields: str,
    *,
    words: str = "Your message was not delivered.",
    kind: str = "message/delivery-status",
    headers: str = DAEMON,
    returned: str = RETURNED,
    report_type: str = "delivery-status",
) -> str:
    """A multipart/report with the given fields as its second part."""
    return (
        f"{headers}Subject: Delivery Status Notification\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/report; report-type={report_type}; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{words}\n"
        f"--b\nContent-Type: {kind}\n\n{fields}\n"
        f"--b\nContent-Type: message/rfc822\n\n{returned}\n--b--\n"
    )
