"""Content-Transfer-Encoding undone (RFC 2045 6, and uuencode and yEnc as old programs use them); never raises."""

import binascii
import re

from webmail.mime.embedded.yenc import decode_yenc

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_SPACE = b" \t\r\n"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))
_SOFT_BREAK = re.compile(rb"=[ \t]++(?=\r?\n)")
_UU_BEGIN = re.compile(rb"^begin(-base64)? [0-7]{3,4} [^\n]*+\n", re.MULTILINE)
_UU_END = re.compile(rb"^(?:end|====)\s*+$", re.MULTILINE)
_UU_BLOCK_BYTES = 1_000_000
_SIX_BITS = bytes(((byte - 32) & 63) + 32 for byte in range(256))

IDENTITY = frozenset({"", "7bit", "8bit", "binary", "7-bit", "8-bit", "8bits", "7bits", "none"})
BASE64 = frozenset({"base64", "base-64", "x-base64"})
QUOTED_PRINTABLE = frozenset({"quoted-printable", "quoted_printable", "quotedprintable", "qp"})
UUENCODE = frozenset({"uuencode", "x-uuencode", "x-uue", "uue"})
YENC = frozenset({"x-yenc", "yenc"})
_KNOWN = IDENTITY | BASE64 | QUOTED_PRINTABLE | UUENCODE | YENC


def is_known_encoding(encoding: str) -> bool:
    """Whether `decode_transfer` can undo this encoding, or there is nothing to undo."""
    return encoding in _KNOWN


def decode_transfer(raw: memoryview, encoding: str) -> bytes:
    """The content of a part; an unknown encoding is treated as none (RFC 8621 4.1.4)."""
    if encoding in BASE64:
        return decode_base64(raw)
    if encoding in QUOTED_PRINTABLE:
        return decode_quoted_printable(bytes(raw))
    if encoding in UUENCODE:
        return decode_uuencode(bytes(raw))
    if encoding in YENC:
        return decode_yenc(bytes(raw))
    return bytes(raw)


def decode_start(raw: memoryview, encoding: str, max_bytes: int) -> bytes:
    """The first `max_bytes` octets of the content, from so much of `raw` as they usually take."""
    if encoding in BASE64:
        # Four characters for three octets, and a line end to each 76 of them.
        return decode_base64(raw[: max_bytes * 3 // 2 + 100])[:max_bytes]
    if encoding in QUOTED_PRINTABLE:
        some = bytes(raw[: max_bytes * 3 + 100])
        if len(some) < len(raw) and (line_end := some.rfind(b"\n")) > 0:
            some = some[: line_end + 1]
        return decode_quoted_printable(some)[:max_bytes]
    if encoding in UUENCODE or encoding in YENC:
        return decode_transfer(raw[: max_bytes * 2 + 2_000], encoding)[:max_bytes]
    return bytes(raw[:max_bytes])


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
    end = _UU_END.search(raw, begin.end())
    lines = raw[begin.end() : end.start() if end is not None else len(raw)]
    if begin.group(1):
        return decode_base64(lines)
    blocks: list[bytes] = []
    start = 0
    while start < len(lines):
        # A block at a time: the lines of 50 MB as objects take 160 MB.
        stop = lines.find(b"\n", start + _UU_BLOCK_BYTES) + 1 or len(lines)
        blocks.append(b"".join([_decode_uu_line(line) for line in lines[start:stop].splitlines() if line]))
        start = stop
    return b"".join(blocks)


def _decode_uu_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # White space at the end was cut, junk added or a character changed: as many as the length byte says, of each six bits.
        # A Japanese system has made a yen sign of the backslash (JIS X 0201), and another one UTF-8 of it.
        line = line.replace(b"\xc2\xa5", b"\\").replace(b"\xa5", b"\\")
        size = (((line[0] - 32) & 63) * 4 + 5) // 3
        return binascii.a2b_uu(line[:size].translate(_SIX_BITS).ljust(size))
