"""Messages we write: a `Composition` in, the bytes of RFC 5322 and MIME out, built once per message.

The bytes are frozen in the outbox, so nothing here may be called again for a retry. All output is 7-bit clean with CRLF line
ends, except addresses that need SMTPUTF8. The stored form carries Bcc; `without_bcc` makes the wire form (reliability R75).
"""

import base64
import binascii
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from webmail.mime.addresses import Address
from webmail.mime.header_writer import (
    BadHeaderValue,
    address_field,
    message_id_field,
    needs_smtputf8,
    parameter_field,
    refuse_line_breaks,
    unstructured_field,
    wire_address,
)

__all__ = [
    "Attachment",
    "BadHeaderValue",
    "Composition",
    "build_message",
    "needs_smtputf8",
    "new_message_id",
    "wire_address",
    "with_date",
    "without_bcc",
]

# Longer lines are legal up to 998 bytes, but relays have been seen to break them, and with them DKIM signatures.
_MAX_7BIT_LINE: Final = 78
# From this share of non-ASCII bytes on, base64 is shorter than quoted-printable.
_BASE64_FROM: Final = 0.2

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_BARE_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_TYPE: Final = re.compile(
    r"(?P<type>[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126})"
    r"(?P<parameters>(?:;[ ]?[a-z0-9-]+=[a-z0-9!#$&^_.+-]+)*)",
    re.IGNORECASE,
)
_CONTENT_ID: Final = re.compile(r"[!-;=?-~]{1,300}")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_HEADER_END: Final = re.compile(rb"(?:\A|\n)\r?\n")
_BCC_FIELD: Final = re.compile(rb"^bcc[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)", re.IGNORECASE | re.MULTILINE)
_DATE_FIELD: Final = re.compile(rb"^date[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)", re.IGNORECASE | re.MULTILINE)

# What `Composition` has a place for, or what only this module may write.
_OWN_FIELDS: Final = frozenset(
    [
        "bcc",
        "cc",
        "date",
        "disposition-notification-to",
        "from",
        "in-reply-to",
        "message-id",
        "mime-version",
        "references",
        "reply-to",
        "subject",
        "to",
    ]
)


@dataclass(frozen=True)
class Attachment:
    """One file of a message. `cid` without angle brackets; an inline one with a cid is a picture of the HTML."""

    name: str
    type: str
    content: bytes
    cid: str | None = None
    is_inline: bool = False


@dataclass(frozen=True)
class Composition:
    """Everything a new message says. Message ids may come with or without angle brackets; `sent_at` is aware."""

    from_: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    subject: str
    text: str
    html: str | None
    attachments: tuple[Attachment, ...]
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    message_id: str
    sent_at: datetime
    # Who wants to be told when it was read (RFC 8098 2.1); best nobody but the author.
    receipt_to: tuple[Address, ...] = ()
    extra_headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Entity:
    """A MIME entity: its Content fields, each with its CRLF, and its body."""

    fields: bytes
    body: bytes


def build_message(composition: Composition) -> bytes:
    """Return the stored form of the message, with its Bcc field.

    Raises `BadHeaderValue` for a line break or NUL in any header value or file name, a broken address, id, type or header name
    (R32), and `ValueError` for a naive `sent_at`.
    """
    entity = _build_body(composition)
    return b"".join((*_message_fields(composition), entity.fields, b"\r\n", entity.body))


def without_bcc(raw: bytes) -> bytes:
    """Return `raw` without its Bcc fields, folded lines included, and otherwise byte for byte the same (R75)."""
    end = _HEADER_END.search(raw)
    header_end = end.start() + 1 if end and end.start() else 0 if end else len(raw)
    return _BCC_FIELD.sub(b"", raw[:header_end]) + raw[header_end:]


def with_date(raw: bytes, moment: datetime) -> bytes:
    """Return a message of ours with another Date, and otherwise byte for byte the same. `moment` is aware."""
    if moment.tzinfo is None:
        raise ValueError("moment must know its time zone")
    end = _HEADER_END.search(raw)
    header_end = end.start() + 1 if end and end.start() else len(raw)
    field = unstructured_field("Date", format_datetime(moment))
    return _DATE_FIELD.sub(lambda _: field, raw[:header_end], count=1) + raw[header_end:]


def new_message_id(domain: str) -> str:
    """A fresh Message-ID without angle brackets at `domain`, which is best the one of the From address.

    Raises `BadHeaderValue` if `domain` cannot be written in ASCII.
    """
    ascii_domain = wire_address(f"x@{domain.strip()}").removeprefix("x@")
    if not _DOMAIN.fullmatch(ascii_domain):
        raise BadHeaderValue("the domain of a message id is no host name")
    return f"{uuid.uuid4()}@{ascii_domain}"


def _message_fields(composition: Composition) -> list[bytes]:
    if composition.sent_at.tzinfo is None:
        raise ValueError("sent_at must know its time zone")
    fields = [
        unstructured_field("Date", format_datetime(composition.sent_at)),
        address_field("From", (composition.from_,)),
    ]
    recipients = (
        ("To", composition.to),
        ("Cc", composition.cc),
        ("Bcc", composition.bcc),
        ("Reply-To", composition.reply_to),
        ("Disposition-Notification-To", composition.receipt_to),
    )
    fields.extend(address_field(name, addresses) for name, addresses in recipients if addresses)
    fields.append(unstructured_field("Subject", composition.subject))
    fields.append(message_id_field("Message-ID", (composition.message_id,)))
    ids = (("In-Reply-To", composition.in_reply_to), ("References", composition.references))
    fields.extend(message_id_field(name, values) for name, values in ids if values)
    for name, value in composition.extra_headers:
        if name.lower() in _OWN_FIELDS or name.lower().startswith("content-"):
            raise BadHeaderValue(f"{refuse_line_breaks(name, what='a header name')} cannot be an extra header")
        fields.append(unstructured_field(name, value))
    fields.append(b"MIME-Version: 1.0\r\n")
    return fields


def _build_body(composition: Composition) -> _Entity:
    pictures = [one for one in composition.attachments if composition.html is not None and one.is_inline and one.cid]
    files = [one for one in composition.attachments if one not in pictures]
    body = _text_entity("plain", composition.text)
    if composition.html is not None:
        html = _text_entity("html", composition.html)
        if pictures:
            html = _multipart("related", [html, *map(_file_entity, pictures)], (("type", "text/html"),))
        body = _multipart("alternative", [body, html])
    return _multipart("mixed", [body, *map(_file_entity, files)]) if files else body


def _multipart(subtype: str, parts: list[_Entity], parameters: tuple[tuple[str, str], ...] = ()) -> _Entity:
    # "=_" occurs in neither quoted-printable nor base64, and nobody can guess the rest to end a 7bit part early.
    boundary = f"=_{secrets.token_hex(16)}"
    fields = parameter_field("Content-Type", f"multipart/{subtype}", (*parameters, ("boundary", boundary)))
    delimiter = f"--{boundary}".encode("ascii")
    pieces: list[bytes] = []
    for part in parts:
        pieces.extend((delimiter, b"\r\n", part.fields, b"\r\n", part.body, b"\r\n"))
    return _Entity(fields, b"".join((*pieces, delimiter, b"--\r\n")))


def _text_entity(subtype: str, text: str) -> _Entity:
    lines = _LINE_END.split(text)
    if lines[-1]:
        lines.append("")
    raw = "\r\n".join(lines).encode("utf-8", "replace")
    encoding, body = _encode_text(raw)
    fields = parameter_field("Content-Type", f"text/{subtype}", (("charset", "utf-8"),))
    return _Entity(fields + _encoding_field(encoding), body)


def _encode_text(raw: bytes) -> tuple[str, bytes]:
    """The transfer encoding that suits text with CRLF line ends, and the encoded text."""
    if _is_7bit(raw, max_line=_MAX_7BIT_LINE) and not re.search(rb"^From ", raw, re.MULTILINE):
        return "7bit", raw
    non_ascii = len(raw.translate(None, bytes(range(128))))
    if non_ascii > _BASE64_FROM * len(raw):
        return "base64", _base64(raw)
    return "quoted-printable", b"\r\n".join(map(_quoted_printable_line, raw.split(b"\r\n")))


def _quoted_printable_line(line: bytes) -> bytes:
    encoded = binascii.b2a_qp(line).replace(b"\n", b"\r\n")
    # Mailbox files put ">" before such a line and break a signature with it.
    return b"=46" + encoded[1:] if encoded.startswith(b"From ") else encoded


def _is_7bit(raw: bytes, *, max_line: int) -> bool:
    return raw.isascii() and b"\0" not in raw and max(map(len, raw.split(b"\r\n"))) <= max_line


def _base64(raw: bytes) -> bytes:
    return base64.encodebytes(raw).replace(b"\n", b"\r\n")


def _encoding_field(encoding: str) -> bytes:
    return f"Content-Transfer-Encoding: {encoding}\r\n".encode("ascii")


def _file_entity(attachment: Attachment) -> _Entity:
    kind, parameters = _read_type(attachment)
    encoding, body = "base64", b""
    if kind == "message/rfc822":
        # RFC 2046 5.2.1 forbids base64 here; what 7bit cannot carry becomes message/global (RFC 6532 3.7), which allows it.
        body = _BARE_LINE_END.sub(b"\r\n", attachment.content)
        encoding = "7bit" if _is_7bit(body, max_line=998) else "base64"
        kind = kind if encoding == "7bit" else "message/global"
    if encoding == "base64":
        body = _base64(attachment.content)
    disposition = "inline" if attachment.is_inline else "attachment"
    name = [("filename", attachment.name)] if attachment.name else []
    fields = [
        parameter_field("Content-Type", kind, parameters),
        _encoding_field(encoding),
        parameter_field("Content-Disposition", disposition, name),
    ]
    if attachment.cid:
        cid = attachment.cid.removeprefix("<").removesuffix(">")
        if not _CONTENT_ID.fullmatch(cid):
            raise BadHeaderValue("a Content-ID holds a character that none may hold")
        fields.append(f"Content-ID: <{cid}>\r\n".encode("ascii"))
    return _Entity(b"".join(fields), body)


def _read_type(attachment: Attachment) -> tuple[str, list[tuple[str, str]]]:
    found = _TYPE.fullmatch(attachment.type.strip())
    if not found or found["type"].lower().startswith("multipart/"):
        raise BadHeaderValue("the type of an attachment is no type/subtype")
    pairs = [part.strip().partition("=") for part in found["parameters"].split(";") if part.strip()]
    parameters = [(key.lower(), value) for key, _, value in pairs]
    kind = found["type"].lower()
    is_labelled = any(key == "charset" for key, _ in parameters)
    if kind.startswith("text/") and not is_labelled and _is_utf8(attachment.content):
        parameters.append(("charset", "utf-8"))
    return kind, parameters


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
