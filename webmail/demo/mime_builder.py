"""Puts messages together byte by byte, so that the same input always gives the same bytes in any charset and encoding.

For the demo's own mail only. What users write is built by `webmail.mime`, which must cope with anything; this builder
may assume well-chosen input.
"""

from __future__ import annotations

import base64
import hashlib
import quopri
import re
import urllib.parse
from dataclasses import dataclass
from email.header import Header
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

BASE64_LINE_BYTES = 57  # 76 characters encoded
HEADER_LINE_CHARS = 76

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Part:
    """A MIME entity ready to be written: its header lines without the empty line, and its encoded body."""

    header: bytes
    body: bytes

    def to_bytes(self) -> bytes:
        """The entity as it stands inside a multipart."""
        return self.header + b"\r\n" + self.body


def encode_header(text: str, charset: str = "utf-8") -> str:
    """A header value: plain where it is ASCII, else encoded words in `charset`, folded."""
    if text.isascii():
        return text
    return str(Header(text, charset, maxlinelen=HEADER_LINE_CHARS).encode(linesep="\r\n"))


def encode_body(data: bytes, encoding: str) -> bytes:
    """Bytes with CRLF line ends in a content transfer encoding."""
    if encoding == "base64":
        lines = (data[start : start + BASE64_LINE_BYTES] for start in range(0, len(data), BASE64_LINE_BYTES))
        return b"".join(base64.b64encode(line) + b"\r\n" for line in lines)
    if encoding == "quoted-printable":
        return quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return data


def text_part(
    text: str,
    *,
    subtype: str = "plain",
    main_type: str = "text",
    charset: str | None = "utf-8",
    encoding: str = "quoted-printable",
    parameters: Parameters = (),
    disposition: str | None = None,
) -> Part:
    """A textual part. Line ends become CRLF; `charset` None leaves the parameter out and means ASCII."""
    data = re.sub(r"\r?\n", "\r\n", text).encode(charset or "ascii")
    named = (("charset", charset), *parameters) if charset else parameters
    return _part(f"{main_type}/{subtype}", named, encode_body(data, encoding), encoding, disposition=disposition)


def binary_part(
    data: bytes,
    content_type: str,
    *,
    filename: str,
    content_id: str | None = None,
    charset: str = "utf-8",
) -> Part:
    """An attachment, or with `content_id` an inline part that HTML refers to as cid."""
    kind = "inline" if content_id else "attachment"
    shown = f'"{filename}"' if filename.isascii() else f'"{encode_header(filename, charset)}"'
    extra = f"Content-ID: <{content_id}>\r\n" if content_id else ""
    header = f"Content-Type: {content_type}; name={shown}\r\nContent-Transfer-Encoding: base64\r\n"
    header += f"Content-Disposition: {kind};\r\n {_filename_parameter(filename)}\r\n{extra}"
    return Part(header.encode("ascii"), encode_body(data, "base64"))


def _filename_parameter(filename: str) -> str:
    if filename.isascii():
        return f'filename="{filename}"'
    encoded = urllib.parse.quote(filename, safe="")
    return f"filename*=utf-8''{encoded}"


def message_part(raw: bytes, *, subtype: str = "rfc822", main_type: str = "message") -> Part:
    """A whole message, or its header, as a part; never encoded."""
    return _part(f"{main_type}/{subtype}", (), raw, "8bit" if not raw.isascii() else "7bit")


def mixed(*parts: Part, subtype: str = "mixed", parameters: Parameters = (), preamble: str = "") -> Part:
    """A multipart. The boundary comes from the content, so it is unique and always the same."""
    joined = b"".join(part.to_bytes() for part in parts)
    boundary = f"=_{hashlib.sha256(subtype.encode() + joined).hexdigest()[:24]}"
    delimiter = f"--{boundary}".encode("ascii")
    body = preamble.encode("ascii") + (b"\r\n" if preamble else b"")
    body += b"".join(delimiter + b"\r\n" + part.to_bytes() + b"\r\n" for part in parts) + delimiter + b"--\r\n"
    return _part(f"multipart/{subtype}", (*parameters, ("boundary", boundary)), body, None)


def alternative(plain: Part, *richer: Part) -> Part:
    """The same content in several forms, plainest first."""
    return mixed(plain, *richer, subtype="alternative")


def related(root: Part, *resources: Part) -> Part:
    """HTML with the images it shows."""
    return mixed(root, *resources, subtype="related", parameters=(("type", "text/html"),))


def _part(
    content_type: str, parameters: Parameters, body: bytes, encoding: str | None, *, disposition: str | None = None
) -> Part:
    header = f"Content-Type: {content_type}" + "".join(f';\r\n {name}="{value}"' for name, value in parameters) + "\r\n"
    if encoding:
        header += f"Content-Transfer-Encoding: {encoding}\r\n"
    if disposition:
        header += f"Content-Disposition: {disposition}\r\n"
    return Part(header.encode("ascii"), body)


def build_message(headers: Iterable[tuple[str, str]], content: Part) -> bytes:
    """A complete message. Header values are already encoded; long ones without encoded words are folded at spaces."""
    lines = "".join(f"{fold(f'{name}: {value}')}\r\n" for name, value in headers)
    return lines.encode("utf-8") + b"MIME-Version: 1.0\r\n" + content.to_bytes()


def fold(line: str) -> str:
    """Fold a header line of more than 78 characters at its spaces (RFC 5322 2.2.3)."""
    if len(line) <= HEADER_LINE_CHARS + 2 or "\r\n" in line:
        return line
    rows, current = [], ""
    for word in line.split(" "):
        if current and len(current) + 1 + len(word) > HEADER_LINE_CHARS and not current.endswith(":"):
            rows.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    return "\r\n ".join([*rows, current])
