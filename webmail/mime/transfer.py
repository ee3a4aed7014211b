"""Content-Transfer-Encoding undone (RFC 2045 6, and uuencode as old programs use it); never raises."""

import binascii
import re

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_SPACE = b" \t\r\n"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))
_SOFT_BREAK = re.compile(rb"=[ \t]++(?=\r?\n)")
_UU_BEGIN = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} [^\n]*\n", re.MULTILINE)

IDENTITY = frozenset({"", "7bit", "8bit", "binary", "7-bit", "8-bit", "8bits", "7bits", "none"})
BASE64 = frozenset({"base64", "base-64", "x-base64"})
QUOTED_PRINTABLE = frozenset({"quoted-printable", "quoted_printable", "quotedprintable", "qp"})
UUENCODE = frozenset({"uuencode", "x-uuencode", "x-uue", "uue"})


def is_known_encoding(encoding: str) -> bool:
    """Whether `decode_transfer` can undo this encoding, or there is nothing to undo."""
    return encoding in IDENTITY or encoding in BASE64 or encoding in QUOTED_PRINTABLE or encoding in UUENCODE


def decode_transfer(raw: memoryview, encoding: str) -> bytes:
    """The content of a part; an unknown encoding is treated as none (RFC 8621 4.1.4)."""
    if encoding in BASE64:
        return decode_base64(raw)
    if encoding in QUOTED_PRINTABLE:
        return decode_quoted_printable(bytes(raw))
    if encoding in UUENCODE:
        return decode_uuencode(bytes(raw))
    return bytes(raw)


def decode_base64(raw: memoryview | bytes) -> bytes:
    """Base64 with junk, missing padding, or several padded runs behind each other; text behind the padding is left out."""
    data = bytes(raw)
    padding = data.find(b"=")
    if padding >= 0 and (tail := data[padding:].lstrip(b"=" + _SPACE)):
        return _decode_runs(data[:padding], tail)
    try:
        return binascii.a2b_base64(raw)
    except binascii.Error:
        return _decode_run(data)


def _decode_run(data: bytes) -> bytes:
    clean = data.translate(None, _NOT_BASE64 + b"=")
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def _decode_runs(head: bytes, tail: bytes) -> bytes:
    packed = tail.translate(None, _SPACE)
    if len(packed) % 4 or packed.translate(None, _BASE64):
        # A footer that a mailing list put behind the data, not more data.
        return _decode_run(head)
    return b"".join(_decode_run(run) for run in (head, *packed.split(b"=")) if run)


def decode_quoted_printable(raw: bytes) -> bytes:
    """Quoted-printable; a wrong escape stays as it is (RFC 2045 6.7), white space behind a soft break is dropped."""
    if b"= " in raw or b"=\t" in raw:
        raw = _SOFT_BREAK.sub(b"=", raw)
    return binascii.a2b_qp(raw)


def decode_uuencode(raw: bytes) -> bytes:
    """The file between `begin` and `end`; without `begin` the content stays as it is."""
    begin = _UU_BEGIN.search(raw)
    if begin is None:
        return raw
    out = bytearray()
    for line in raw[begin.end() :].splitlines():
        if line.strip() in (b"end", b"====") or not line.strip():
            if line.strip():
                break
            continue
        out += _decode_uu_line(line)
    return bytes(out)


def _decode_uu_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Trailing white space was cut or junk added: take as many characters as the length byte says.
        size = (((line[0] - 32) & 63) * 4 + 5) // 3
        try:
            return binascii.a2b_uu(line[:size].ljust(size))
        except binascii.Error:
            return b""
