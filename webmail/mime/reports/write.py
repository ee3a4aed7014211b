"""Read receipts that we write: message disposition notifications, RFC 8098, as `multipart/report` (RFC 6522).

The caller decides whether one may be sent (`receipt_wanted` tells what must be asked); this only writes it, with two parts:
words for a person and fields for a program. The original is not returned: who asked for a receipt knows what was written.
"""

import binascii
import secrets
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from webmail.mime.addresses import Address
from webmail.mime.dates import parse_date
from webmail.mime.header_writer import (
    BadHeaderValue,
    address_field,
    message_id_field,
    parameter_field,
    refuse_line_breaks,
    unstructured_field,
    wire_address,
)
from webmail.mime.part import Message
from webmail.mime.reports.emails import tidy_email
from webmail.mime.reports.fields import recipient_email
from webmail.mime.reports.receipt_wishes import ReceiptRequest, receipt_wanted
from webmail.mime.reports.wording import clean_words

__all__ = ["BadHeaderValue", "ReceiptRequest", "build_receipt", "receipt_wanted"]

_MAX_SUBJECT_CHARS: Final = 200
_MAX_FIELD_CHARS: Final = 900


def build_receipt(
    original: Message,
    *,
    final_recipient: str,
    from_: Address,
    to: str,
    message_id: str,
    sent_at: datetime,
    is_automatic: bool,
    reporting_ua: str,
) -> bytes:
    """The bytes of a receipt which says that `original` was displayed; 7-bit, CRLF line ends.

    `final_recipient`: our address that got the message. `to`: the address of the request. `message_id`: of the receipt, with
    or without angle brackets. `is_automatic`: nobody was asked about this message. `reporting_ua`: host and program, as
    `mail.example.org; Pillarbox`. The envelope must have the null sender (RFC 8098 3). Raises `BadHeaderValue` for a value
    that no header can carry, and `ValueError` for a naive `sent_at`.
    """
    if sent_at.tzinfo is None:
        raise ValueError("sent_at must know its time zone")
    subject = clean_words(original.list_headers.subject, max_chars=_MAX_SUBJECT_CHARS)
    # Nobody can guess it to end a part early.
    boundary = f"=_{secrets.token_hex(16)}"
    original_id = original.list_headers.message_id
    head = [
        unstructured_field("Date", format_datetime(sent_at)),
        address_field("From", (from_,)),
        address_field("To", (Address("", to),)),
        unstructured_field("Subject", f"Read: {subject}".strip()),
        message_id_field("Message-ID", (message_id,)),
        *_answer_fields(original_id),
        unstructured_field("Auto-Submitted", "auto-replied"),
        b"MIME-Version: 1.0\r\n",
        parameter_field(
            "Content-Type", "multipart/report", (("report-type", "disposition-notification"), ("boundary", boundary))
        ),
    ]
    delimiter = f"--{boundary}".encode("ascii")
    parts = (
        _words_part(_words(original, subject, final_recipient)),
        _fields_part(original, original_id, final_recipient, is_automatic=is_automatic, reporting_ua=reporting_ua),
    )
    body = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts)
    return b"".join(head) + b"\r\n" + body + delimiter + b"--\r\n"


def _answer_fields(original_id: str | None) -> list[bytes]:
    if not original_id or not _is_plain_id(original_id):
        return []
    return [message_id_field(name, (original_id,)) for name in ("In-Reply-To", "References")]


def _is_plain_id(message_id: str) -> bool:
    """Whether the id, a stranger's, can stand in a header of ours."""
    return (
        message_id.isascii()
        and message_id.isprintable()
        and not set(message_id) & set("<> ")
        and len(message_id) <= _MAX_FIELD_CHARS
    )


def _words(original: Message, subject: str, recipient: str) -> str:
    date = original.list_headers.sent_at or parse_date(original.headers.get("date") or b"")
    sent = f" of {format_datetime(date)}" if date else ""
    about = f' with the subject "{subject}"' if subject else ""
    lines = (
        f"Your message{sent} to {clean_words(recipient)}{about} was shown on the recipient's screen.",
        "",
        "This does not mean that it was read or understood.",
    )
    return "\n".join(lines)


def _words_part(text: str) -> bytes:
    encoded = b"\r\n".join(
        binascii.b2a_qp(line.encode("utf-8", "replace")).replace(b"\n", b"\r\n") for line in text.split("\n")
    )
    head = parameter_field("Content-Type", "text/plain", (("charset", "utf-8"),))
    return head + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded + b"\r\n"


def _fields_part(
    original: Message, original_id: str | None, recipient: str, *, is_automatic: bool, reporting_ua: str
) -> bytes:
    mode = "automatic-action/MDN-sent-automatically" if is_automatic else "manual-action/MDN-sent-manually"
    fields = [("Reporting-UA", _ascii(reporting_ua, what="Reporting-UA"))]
    if was := recipient_email(original.headers.get("original-recipient")):
        # RFC 8098 3.2.3: what the server noted of the address that was written to.
        fields.append(("Original-Recipient", _typed_address(was)))
    fields.append(("Final-Recipient", _typed_address(_own_email(recipient))))
    if original_id and _is_plain_id(original_id):
        fields.append(("Original-Message-ID", f"<{original_id}>"))
    fields.append(("Disposition", f"{mode}; displayed"))
    head = b"Content-Type: message/disposition-notification\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    return head + b"".join(f"{name}: {value}\r\n".encode("ascii") for name, value in fields)


def _own_email(recipient: str) -> str:
    email = tidy_email(refuse_line_breaks(recipient, what="Final-Recipient"))
    if not email:
        raise BadHeaderValue("Final-Recipient holds something that is no address")
    return email


def _typed_address(email: str) -> str:
    """`rfc822;` and the address, or the 7-bit form of RFC 6533 3 where it is not ASCII."""
    written = wire_address(email)
    if written.isascii():
        return f"rfc822;{written}"
    escaped = "".join(char if char.isascii() and char not in "\\+=" else f"\\x{{{ord(char):02X}}}" for char in written)
    return f"utf-8;{escaped}"


def _ascii(text: str, *, what: str) -> str:
    value = refuse_line_breaks(text, what=what).strip()
    if not value.isascii() or not value.isprintable() or len(value) > _MAX_FIELD_CHARS:
        raise BadHeaderValue(f"{what} holds a character that it cannot carry")
    return value
