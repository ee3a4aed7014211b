"""S/MIME in one piece (RFC 8551): what kind it is, and what a signed or compressed one holds. Bounded, raises nothing.

Nothing is verified or decrypted here.
"""

import binascii
import re
import zlib
from typing import Any, Final

from asn1crypto import cms

SMIME_TYPES: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
# What is opened, octets, and what comes out of a compressed one.
MAX_SMIME_BYTES: Final = 20_000_000

_START_BYTES: Final = 200
_PEM: Final = re.compile(rb"\A(?:-----BEGIN [A-Z0-9 ]{1,40}-----)?\s*+(MI[A-Za-z0-9+/\s]{100})")
_OID: Final = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
_CONSTRUCTED: Final = 0x20
_PIECES_TAG: Final = 0x24
# A message of MAX_SMIME_BYTES in pieces of 400 octets.
_MAX_ELEMENTS: Final = 50_000
_KINDS: Final = {
    _OID + b"\x02": "signed",
    _OID + b"\x03": "encrypted",
    b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17": "encrypted",
    b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09": "compressed",
}


def smime_kind(content: bytes) -> str:
    """ "signed", "encrypted", "compressed", or "" for bytes that are none of them."""
    start = _der(content[:_START_BYTES])[:40]
    return next((kind for oid, kind in _KINDS.items() if oid in start), "")


def smime_content(content: bytes) -> bytes | None:
    """The MIME entity inside a signed or compressed one, b"" for certificates alone; None if it cannot be read."""
    kind = smime_kind(content)
    if kind not in ("signed", "compressed") or len(content) > MAX_SMIME_BYTES:
        return None
    try:
        der = _der(content)
        if not _has_few_elements(der):
            return None
        data = cms.ContentInfo.load(der)["content"]
        native: Any = data["encap_content_info"]["content"].native
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, binascii.Error):
        return None
    if native is None:
        return b""
    if not isinstance(native, bytes):
        return None
    if kind == "signed":
        return native
    try:
        return zlib.decompressobj().decompress(native, MAX_SMIME_BYTES)
    except zlib.error:
        return None


def _has_few_elements(data: bytes) -> bool:
    """Whether there are no more elements to walk through than honest programs write.

    Those of indefinite length (X.690 8.1.3.6) have to be walked through to find their end, and the pieces of a constructed
    OCTET STRING are joined by the library in time that grows with the square of their number.
    """
    position = 0
    for _ in range(_MAX_ELEMENTS):
        if position + 2 > len(data):
            return True
        tag, is_indefinite = data[position], data[position + 1] == 0x80
        size = _length_at(data, position + 1)
        if size is None:
            return True
        length, position = size
        if not (is_indefinite or tag == _PIECES_TAG or (tag & _CONSTRUCTED and position < _START_BYTES)):
            position += length
    return False


def _length_at(data: bytes, position: int) -> tuple[int, int] | None:
    """A length (0 for the indefinite form) and where it ends; None if it is cut off or too long."""
    first = data[position] if position < len(data) else 0xFF
    if first <= 0x80:
        return first & 0x7F, position + 1
    count = first & 0x7F
    if count > 4 or position + 1 + count > len(data):
        return None
    return int.from_bytes(data[position + 1 : position + 1 + count], "big"), position + 1 + count


def _der(content: bytes) -> bytes:
    """The bytes of a file that is in base64 although its header says nothing of it."""
    if not content.startswith((b"-----BEGIN", b"MI")) or _PEM.match(content) is None:
        return content
    body = re.sub(rb"-----[A-Z0-9 ]{1,60}-----", b"", content)
    clean = body.translate(None, b"\r\n\t -")
    try:
        return binascii.a2b_base64(clean[: len(clean) // 4 * 4])
    except binascii.Error:
        return content
