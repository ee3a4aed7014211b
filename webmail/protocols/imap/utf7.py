"""Mailbox names on the wire: modified UTF-7 (RFC 3501 5.1.3) to text and back. A bad name is shown escaped, never fatal."""

from __future__ import annotations

import base64
import binascii
import unicodedata

from webmail.protocols.errors import BadArgument
from webmail.protocols.guard import refuse_line_breaks


class BadMailboxName(ValueError):
    """The bytes are no valid modified UTF-7."""


def encode_mailbox_name(name: str) -> bytes:
    """Text -> modified UTF-7, normalised to NFC first. Raises `BadArgument` for line breaks, NUL or lone surrogates."""
    refuse_line_breaks(name, what="the mailbox name")
    if not name:
        raise BadArgument("the mailbox name is empty")
    out = bytearray()
    waiting: list[str] = []
    for char in unicodedata.normalize("NFC", name):
        if " " <= char <= "~":
            out += _shifted(waiting)
            out += b"&-" if char == "&" else char.encode("ascii")
        else:
            waiting.append(char)
    out += _shifted(waiting)
    return bytes(out)


def _shifted(waiting: list[str]) -> bytes:
    if not waiting:
        return b""
    try:
        raw = "".join(waiting).encode("utf-16-be")
    except UnicodeEncodeError as error:
        raise BadArgument("the mailbox name holds half a character") from error
    waiting.clear()
    return b"&" + base64.b64encode(raw).rstrip(b"=").replace(b"/", b",") + b"-"


def decode_strictly(raw: bytes) -> str:
    """Modified UTF-7 -> text as sent (no NFC). Raises `BadMailboxName`."""
    out: list[str] = []
    at = 0
    while at < len(raw):
        amp = raw.find(b"&", at)
        plain = raw[at:] if amp < 0 else raw[at:amp]
        if any(byte < 0x20 or byte > 0x7E for byte in plain):
            raise BadMailboxName("a byte outside printable ASCII")
        out.append(plain.decode("ascii"))
        if amp < 0:
            break
        end = raw.find(b"-", amp)
        if end < 0:
            raise BadMailboxName("a shift that does not end")
        out.append(_unshifted(raw[amp + 1 : end]) if end > amp + 1 else "&")
        at = end + 1
    return "".join(out)


def _unshifted(chunk: bytes) -> str:
    if b"/" in chunk or b"=" in chunk:
        raise BadMailboxName("not the modified alphabet")
    padded = chunk.replace(b",", b"/") + b"=" * (-len(chunk) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BadMailboxName("a broken shift") from error


def decode_mailbox_name(raw: bytes) -> str:
    """The name to show: decoded and NFC. What cannot be decoded or would deceive the eye is kept escaped (R37)."""
    if b"&" not in raw and raw.isascii() and (plain := raw.decode("ascii")).isprintable():
        return plain  # nearly every name
    try:
        text = unicodedata.normalize("NFC", decode_strictly(raw))
    except BadMailboxName:
        try:
            # Some servers send UTF-8 although nobody enabled it (RFC 6855); such a name reads well as it is.
            text = raw.decode("utf-8") if not raw.isascii() else raw.decode("ascii")
        except UnicodeDecodeError:
            text = raw.decode("ascii", "backslashreplace")
    return "".join(char if char.isprintable() or char == "\u3000" else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii") if not char.isspace() or char in "\r\n\t" else " "
