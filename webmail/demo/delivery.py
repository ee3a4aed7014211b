"""Where accepted mail goes: to known users, back as a bounce, or to the "outside world" that answers once.

Pure work on a `DemoStore`, so that it can be tested without a socket. Nothing leaves the machine: every address that
is not ours ends in one visible mailbox.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING

from webmail.demo.addresses import DEMO_DOMAIN, MTA_NAME
from webmail.demo.imap_structure import header_value, split_header
from webmail.demo.mime_builder import build_message, encode_header, message_part, mixed, text_part
from webmail.demo.model import INBOX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from email.message import Message as Headers

    from webmail.demo.store import DemoStore

AUTO_REPLY = """Hello,

thank you for your message "{subject}". It really travelled: Pillarbox handed it to the demo server by SMTP, and this
answer came back into your mailbox the way any new mail does.

Nothing has left your machine. Every address that is not part of the demo ends up here, in the mailbox of
{outside}, so feel free to write to anyone you like.

I answer each person only once, so this is all you will hear from me.

The outside world
"""


@dataclass(frozen=True)
class Envelope:
    """The SMTP envelope. `sender` is empty for bounces."""

    sender: str
    recipients: tuple[str, ...]


class Postman:
    """Delivers accepted mail into a store. `clock` returns the present as an aware time."""

    def __init__(self, store: DemoStore, *, outside_user: str, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._outside_user = outside_user
        self._clock = clock
        self._counter = 0

    def deliver(self, envelope: Envelope, raw: bytes) -> None:
        """Deliver one message to every recipient; bounces and the auto-reply go to the sender at once."""
        unknown = [one for one in envelope.recipients if self._is_ours(one) and self._local_user(one) is None]
        outside = [one for one in envelope.recipients if not self._is_ours(one)]
        for recipient in dict.fromkeys(self._local_user(one) for one in envelope.recipients if self._is_ours(one)):
            if recipient is not None:
                self._put(recipient, envelope.sender, recipient, raw)
        for recipient in outside:
            self._put(self._outside_user, envelope.sender, recipient, raw)
        if envelope.sender and unknown:
            self._return_to_sender(envelope.sender, unknown, raw)
        if outside:
            self._answer_once(envelope.sender, outside[0], raw)

    @staticmethod
    def _is_ours(address: str) -> bool:
        return address.lower().rpartition("@")[2] == DEMO_DOMAIN

    def _local_user(self, address: str) -> str | None:
        """The user of an address; plus-addresses belong to the user before the plus."""
        local, _, domain = address.lower().rpartition("@")
        plain = f"{local.partition('+')[0]}@{domain}"
        return plain if plain in self._store.users else None

    def _put(self, user: str, sender: str, recipient: str, raw: bytes) -> None:
        now = self._clock()
        trace = (
            f"Return-Path: <{sender}>\r\n"
            f"Delivered-To: {recipient}\r\n"
            f"Received: from submission by {MTA_NAME} with ESMTPSA for <{recipient}>;\r\n\t{format_datetime(now)}\r\n"
        )
        self._store.append(user, INBOX, trace.encode("utf-8") + raw, internal_date=now)

    def _send_back(self, recipient: str, raw: bytes) -> None:
        user = self._local_user(recipient)
        if user is not None:
            self._put(user, "", recipient, raw)

    def _message_id(self) -> str:
        self._counter += 1
        return f"<{self._clock():%Y%m%d%H%M%S}.{self._counter}@{MTA_NAME}>"

    def _return_to_sender(self, sender: str, unknown: Sequence[str], raw: bytes) -> None:
        """A delivery status notification in the form of RFC 3464."""
        now = self._clock()
        explanation = (
            "This is the mail system at host " + MTA_NAME + ".\n\n"
            "I'm sorry to have to inform you that your message could not\n"
            "be delivered to one or more recipients. It's attached below.\n\n"
            + "".join(f"<{one}>: unknown user: there is no mailbox of this name here\n" for one in unknown)
        )
        status = f"Reporting-MTA: dns; {MTA_NAME}\r\nArrival-Date: {format_datetime(now)}\r\n"
        for one in unknown:
            status += (
                f"\r\nFinal-Recipient: rfc822; {one}\r\nOriginal-Recipient: rfc822; {one}\r\nAction: failed\r\n"
                f"Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 <{one}>: Recipient address rejected: User unknown\r\n"
            )
        report = mixed(
            text_part(explanation, charset="us-ascii", encoding="7bit"),
            text_part(status, subtype="delivery-status", main_type="message", charset=None, encoding="7bit"),
            message_part(split_header(raw)[0], subtype="rfc822-headers", main_type="text"),
            subtype="report",
            parameters=(("report-type", "delivery-status"),),
        )
        headers = [
            ("From", f"Mail Delivery System <MAILER-DAEMON@{MTA_NAME}>"),
            ("To", sender),
            ("Subject", "Undelivered Mail Returned to Sender"),
            ("Date", format_datetime(now)),
            ("Message-ID", self._message_id()),
            ("Auto-Submitted", "auto-replied"),
        ]
        self._send_back(sender, build_message(headers, report))

    def _answer_once(self, sender: str, recipient: str, raw: bytes) -> None:
        """A friendly answer, never to a bounce, an automatic message or a list (RFC 3834)."""
        headers = BytesHeaderParser().parsebytes(split_header(raw)[0])
        if not sender or _is_automatic(headers):
            return
        if not self._store.note_once("answered", f"{sender.lower()} {recipient.lower()}"):
            return
        now = self._clock()
        message_id = header_value(headers, "message-id") or ""
        subject = _readable(headers) or "(no subject)"
        references = " ".join(filter(None, [header_value(headers, "references"), message_id]))
        reply_headers = [
            ("From", recipient),
            ("To", parseaddr(header_value(headers, "from") or "")[1] or sender),
            ("Subject", encode_header(subject if re.match(r"re:", subject, re.IGNORECASE) else f"Re: {subject}")),
            ("Date", format_datetime(now)),
            ("Message-ID", self._message_id()),
            *([("In-Reply-To", message_id), ("References", references)] if message_id else []),
            ("Auto-Submitted", "auto-replied"),
        ]
        text = AUTO_REPLY.format(subject=subject, outside=self._outside_user)
        self._send_back(sender, build_message(reply_headers, text_part(text)))


def _is_automatic(headers: Headers) -> bool:
    return (header_value(headers, "auto-submitted") or "no").lower() != "no" or "list-id" in headers


def _readable(headers: Headers) -> str:
    subject = header_value(headers, "subject") or ""
    if not subject.isascii():  # sent as it is, with SMTPUTF8 or against the rules
        return subject.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        return str(make_header(decode_header(subject)))
    except (LookupError, ValueError):
        return subject
