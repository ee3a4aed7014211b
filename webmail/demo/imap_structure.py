"""Takes a message apart for FETCH: ENVELOPE, BODYSTRUCTURE and the exact bytes of any section.

Bytes are sliced, never re-encoded, so a part is what was stored. This is the server's side of a demo: it is not the
parser of the product, which lives in `webmail.mime` and must survive hostile mail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.message import Message as Headers
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from typing import TYPE_CHECKING

from webmail.demo.imap_syntax import Bad, as_text, nstring, parse_arguments, quote

if TYPE_CHECKING:
    from webmail.demo.model import Message

MAX_NESTING = 50

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_SECTION = re.compile(
    r"((?:\d++\.?)*+)(HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)?\s*(\(.*\))?\Z", re.IGNORECASE | re.DOTALL
)


@dataclass(slots=True)
class Part:
    """A MIME entity: header with its empty line, body, and parts or the message it holds."""

    header: bytes
    body: bytes
    headers: Headers
    content_type: str
    parts: list[Part] = field(default_factory=list)
    message: Part | None = None

    @property
    def lines(self) -> int:
        """Lines of the body as BODYSTRUCTURE counts them."""
        return self.body.count(b"\n")


def parts_of(message: Message) -> Part:
    """The message's tree of parts, computed once."""
    if "parts" not in message.derived:
        message.derived["parts"] = split_entity(message.raw)
    part = message.derived["parts"]
    if not isinstance(part, Part):
        raise TypeError("derived parts overwritten")
    return part


def split_entity(raw: bytes, *, default_type: str = "text/plain", depth: int = 0) -> Part:
    """Split an entity into header and body, and multiparts and message/rfc822 into what they hold."""
    header, body = split_header(raw)
    headers = BytesHeaderParser().parsebytes(header)
    content_type = headers.get_content_type() if "content-type" in headers else default_type
    part = Part(header, body, headers, content_type)
    if depth >= MAX_NESTING:
        return part
    if content_type.startswith("multipart/"):
        boundary = headers.get_boundary()
        inner_type = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
        for piece in split_multipart(body, boundary.encode("utf-8", "surrogateescape") if boundary else b""):
            part.parts.append(split_entity(piece, default_type=inner_type, depth=depth + 1))
        if not part.parts:
            part.content_type = "text/plain"  # RFC 3501 has no form for a multipart without parts
    elif content_type == "message/rfc822":
        part.message = split_entity(body, depth=depth + 1)
    return part


def split_header(raw: bytes) -> tuple[bytes, bytes]:
    """Header with its empty line, and body. A message without an empty line is all header."""
    if raw.startswith((b"\r\n", b"\n")):
        end = raw.index(b"\n") + 1
        return raw[:end], raw[end:]
    match = _HEADER_END.search(raw)
    return (raw, b"") if match is None else (raw[: match.end()], raw[match.end() :])


def split_multipart(body: bytes, boundary: bytes) -> list[bytes]:
    """The bytes between boundary lines; the line end before a boundary belongs to the boundary (RFC 2046 5.1.1)."""
    if not boundary:
        return []
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    pieces: list[bytes] = []
    start: int | None = None
    for match in delimiter.finditer(body):
        if start is not None:
            pieces.append(_after_line_end(body, start, match.start()))
        start = None if match[1] else match.end()
        if match[1]:
            break
    if start is not None:
        pieces.append(_after_line_end(body, start, len(body)))
    return pieces


def _after_line_end(body: bytes, start: int, end: int) -> bytes:
    if body.startswith(b"\r\n", start):
        start += 2
    elif body.startswith(b"\n", start):
        start += 1
    return body[start:end]


def header_value(headers: Headers, name: str) -> str | None:
    """The first header of this name as it was sent, unfolded; encoded words stay encoded."""
    for key, value in headers.raw_items():
        if key.lower() == name:
            return _FOLD.sub("", str(value)).strip()
    return None


def envelope(headers: Headers) -> bytes:
    """ENVELOPE, RFC 3501 7.4.2. Sender and Reply-To fall back to From, as the RFC asks."""
    sender = header_value(headers, "from")
    fields = [nstring(header_value(headers, "date")), nstring(header_value(headers, "subject"))]
    fields += [_addresses(header_value(headers, name) or sender) for name in ("from", "sender", "reply-to")]
    fields += [_addresses(header_value(headers, name)) for name in ("to", "cc", "bcc")]
    fields += [nstring(header_value(headers, name)) for name in ("in-reply-to", "message-id")]
    return b"(" + b" ".join(fields) + b")"


def _addresses(value: str | None) -> bytes:
    if not value:
        return b"NIL"
    try:
        pairs = getaddresses([value])
    except RecursionError:  # thousands of nested comments
        return b"NIL"
    entries = []
    for name, address in pairs:
        if not (name or address):
            continue
        local, _, domain = address.rpartition("@")
        entries.append(b"(%b NIL %b %b)" % (nstring(name or None), nstring(local or address), nstring(domain or None)))
    return b"(" + b"".join(entries) + b")" if entries else b"NIL"


def body_structure(part: Part, *, extended: bool) -> bytes:
    """BODYSTRUCTURE, or BODY without extension data; RFC 3501 7.4.2."""
    main_type, _, subtype = part.content_type.upper().partition("/")
    if part.parts:
        inner = b"".join(body_structure(child, extended=extended) for child in part.parts)
        structure = b"%b %b" % (inner, quote(subtype.encode("utf-8", "replace")))
        if extended:
            structure += b" %b %b NIL NIL" % (_type_parameters(part), _disposition(part))
        return b"(" + structure + b")"
    encoding = header_value(part.headers, "content-transfer-encoding") or "7bit"
    fields = [
        nstring(main_type),
        nstring(subtype),
        _type_parameters(part),
        nstring(header_value(part.headers, "content-id")),
        nstring(header_value(part.headers, "content-description")),
        nstring(encoding.lower()),
        b"%d" % len(part.body),
    ]
    if part.message is not None:
        inner_message = part.message
        fields += [envelope(inner_message.headers), body_structure(inner_message, extended=extended)]
        fields.append(b"%d" % part.lines)
    elif main_type == "TEXT":
        fields.append(b"%d" % part.lines)
    if extended:
        language = header_value(part.headers, "content-language")
        fields += [b"NIL", _disposition(part), nstring(language), b"NIL"]
    return b"(" + b" ".join(fields) + b")"


def _type_parameters(part: Part) -> bytes:
    default = [("charset", "us-ascii")] if part.content_type == "text/plain" else []
    return _parameters(_raw_parameters(part.headers, "content-type") or default)


def _disposition(part: Part) -> bytes:
    value = header_value(part.headers, "content-disposition")
    if not value:
        return b"NIL"
    kind = value.partition(";")[0].strip()
    return b"(%b %b)" % (nstring(kind), _parameters(_raw_parameters(part.headers, "content-disposition")))


def _raw_parameters(headers: Headers, name: str) -> list[tuple[str, str]]:
    """Parameters as sent: an RFC 2231 `filename*=` keeps its star and its encoding, as real servers pass it on."""
    value = header_value(headers, name) or ""
    pairs = re.findall(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)', value)
    return [(key.lower(), re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text) for key, text in pairs]


def _parameters(pairs: list[tuple[str, str]]) -> bytes:
    if not pairs:
        return b"NIL"
    return b"(" + b" ".join(nstring(key) + b" " + nstring(value) for key, value in pairs) + b")"


def section_bytes(message: Message, section: str) -> bytes | None:
    """The bytes of a BODY[section], None where the message has no such part. Raises `Bad` for a malformed section."""
    match = _SECTION.match(section)
    if match is None or (match[3] and not (match[2] or "").upper().startswith("HEADER.FIELDS")):
        raise Bad("Invalid BODY section")
    keyword = (match[2] or "").upper()
    numbers = [int(number) for number in match[1].split(".") if number]
    if not section:
        return message.raw
    part = _find_part(parts_of(message), numbers)
    if part is None:
        return None
    if keyword == "MIME":
        return part.header
    if numbers and not keyword:
        return part.body
    holder = part if not numbers else part.message
    if holder is None:
        return None
    if keyword == "TEXT":
        return holder.body
    if keyword == "HEADER":
        return holder.header
    names = {as_text(name).lower() for name in _field_names(match[3])}
    return select_fields(holder.header, names, inverted=keyword.endswith(".NOT"))


def _field_names(text: str | None) -> list[bytes]:
    parsed = parse_arguments((text or "").encode("utf-8", "surrogateescape"))
    if len(parsed) != 1 or not isinstance(parsed[0], list):
        raise Bad("Invalid list of header fields")
    return [name for name in parsed[0] if isinstance(name, bytes)]


def _find_part(part: Part, numbers: list[int]) -> Part | None:
    current: Part = part
    for position, number in enumerate(numbers):
        if position and current.message is not None:
            current = current.message
        if current.parts:
            if not 0 < number <= len(current.parts):
                return None
            current = current.parts[number - 1]
        elif number != 1:
            return None
    return current


def select_fields(header: bytes, names: set[str], *, inverted: bool) -> bytes:
    """The header lines of these (lower-case) names with their folded lines, or all others, and the empty line."""
    kept: list[bytes] = []
    wanted = False
    for line in header.splitlines(keepends=True):
        if line in (b"\r\n", b"\n"):
            break
        if not line.startswith((b" ", b"\t")):
            name = line.partition(b":")[0].strip().decode("utf-8", "surrogateescape").lower()
            wanted = (name in names) is not inverted
        if wanted:
            kept.append(line)
    return b"".join(kept) + b"\r\n"
