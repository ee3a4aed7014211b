"""Bytes of any character set, rightly or wrongly labelled, to text.

`decode_bytes` never raises and never gives lone surrogates. It reaches only text codecs: a label such as "zip" or
"punycode" taken from mail must not choose a Python codec that unpacks or needs quadratic time.
"""

import codecs
import re
from functools import lru_cache

import cchardet

from webmail.mime.limits import MAX_DETECT_BYTES

_LABEL = re.compile(r"[a-z0-9][a-z0-9_.:+-]{0,63}")
_SURROGATE = re.compile("[\ud800-\udfff]")

# Python's text codecs that are no character sets of mail; punycode and idna are quadratic, the escapes run on anything.
_REFUSED = frozenset({"idna", "punycode", "unicode_escape", "raw-unicode-escape", "raw_unicode_escape", "undefined"})
_REFUSED_LABELS = frozenset(
    {"unicode-escape", "raw-unicode-escape", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"}
)

# Labels that senders use for a larger set than the one they name, and labels Python does not know
# (https://encoding.spec.whatwg.org/ section 4.2 is the source of most).
_ALIASES = {
    "us-ascii": "ascii",
    "ansi_x3.4-1968": "ascii",
    "iso646-us": "ascii",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "iso-latin-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "l1": "cp1252",
    "ansi": "cp1252",
    "x-ansi": "cp1252",
    "x-cp1252": "cp1252",
    "iso-8859-9": "cp1254",
    "latin5": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "dos-874": "cp874",
    "iso-8859-8-i": "iso8859_8",
    "iso-8859-8-e": "iso8859_8",
    "iso-8859-6-i": "iso8859_6",
    "iso-8859-6-e": "iso8859_6",
    "logical": "iso8859_8",
    "visual": "iso8859_8",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gb2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "euc-cn": "gb18030",
    "euccn": "gb18030",
    "chinese": "gb18030",
    "hz-gb-2312": "hz",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601-1989": "cp949",
    "ks_c_5601": "cp949",
    "ksc_5601": "cp949",
    "ksc5601": "cp949",
    "ks-c-5601-1987": "cp949",
    "euc-kr": "cp949",
    "euckr": "cp949",
    "korean": "cp949",
    "windows-949": "cp949",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "cn-big5": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "ms_kanji": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp",
    "iso-2022-jp-1": "iso2022_jp_1",
    "iso-2022-jp-2": "iso2022_jp_2",
    "cp50220": "iso2022_jp",
    "cp50221": "iso2022_jp",
    "csiso2022jp": "iso2022_jp",
    "iso-2022-jp-ms": "iso2022_jp",
    "utf8": "utf-8",
    "utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "x-unicode-2-0-utf-7": "utf-7",
    "iso-10646-ucs-2": "utf-16-be",
    "ucs-2": "utf-16",
    "unicode": "utf-16",
    "macintosh": "mac_roman",
    "x-macintosh": "mac_roman",
    "x-mac-roman": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-ce": "mac_latin2",
    "koi": "koi8_r",
    "koi8": "koi8_r",
    "koi8-ru": "koi8_u",
}

# A word of seven-bit Japanese, Korean or Chinese starts with one of these.
_ISO_2022 = (
    (b"\x1b$B", "iso2022_jp"),
    (b"\x1b$@", "iso2022_jp"),
    (b"\x1b(J", "iso2022_jp"),
    (b"\x1b$)C", "iso2022_kr"),
)


@lru_cache(maxsize=512)
def find_codec(label: str) -> str | None:
    """The name of the Python codec for a charset label of mail, or None for an unknown one."""
    label = label.strip().strip("\"'").lower()
    if label in _ALIASES:
        return _ALIASES[label]
    if not _LABEL.fullmatch(label) or label in _REFUSED_LABELS:
        return None
    for candidate in (label, label.removeprefix("x-"), label.replace("cp-", "cp").replace("windows-", "cp")):
        try:
            info = codecs.lookup(candidate)
        except (LookupError, ValueError, ImportError):
            continue
        if info.name not in _REFUSED and getattr(info, "_is_text_encoding", True):
            return _ALIASES.get(info.name.replace("iso8859-", "iso-8859-"), info.name)
    return None


def decode_bytes(raw: bytes, charset: str | None) -> tuple[str, bool]:
    """Text of `raw`, and whether its label was unknown, wrong or its bytes malformed (U+FFFD stands for those).

    `charset`: the label, or None where there was none (RFC 8621 4.1.4 then allows a guess).
    """
    codec = find_codec(charset) if charset else "ascii"
    if codec in ("ascii", "cp1252", "utf-8") and raw.isascii():
        if b"\x1b" in raw and (seven_bit := _iso_2022_codec(raw)):
            return _decode_declared(raw, seven_bit)
        return raw.decode("ascii"), False
    if codec is None or codec == "ascii":
        text, is_sure = _decode_unlabelled(raw)
        return _clean(text), codec is None or not is_sure
    text, has_problem = _decode_declared(raw, codec)
    return _clean(text), has_problem


def _clean(text: str) -> str:
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _iso_2022_codec(raw: bytes) -> str | None:
    return next((codec for mark, codec in _ISO_2022 if mark in raw), None)


def _decode_unlabelled(raw: bytes) -> tuple[str, bool]:
    """Text without a usable label: UTF-8 if it is valid, else the best guess. The flag says whether we can be sure."""
    try:
        return raw.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        pass
    if raw.isascii():
        return raw.decode("ascii"), True
    guessed = None
    try:
        guessed = cchardet.detect(raw[:MAX_DETECT_BYTES]).get("encoding")
    except (ValueError, RuntimeError, UnicodeError):
        guessed = None
    codec = (find_codec(guessed) if guessed else None) or "cp1252"
    if codec in ("utf-8", "utf-8-sig", "ascii"):
        # Nearly valid UTF-8: a character cut off at the end, or one stray byte.
        return _decode_utf8(raw)[0], False
    try:
        return raw.decode(codec), False
    except (UnicodeError, ValueError, LookupError):
        # A guess that does not even fit.
        return raw.decode("cp1252", "replace"), False


def _decode_declared(raw: bytes, codec: str) -> tuple[str, bool]:
    if codec in ("utf-8", "utf-8-sig"):
        return _decode_utf8(raw)
    try:
        return raw.decode(codec), False
    except (UnicodeError, ValueError, LookupError):
        pass
    if codec.startswith("iso2022_jp"):
        return _decode_iso_2022_jp(raw)
    if codec.startswith("iso2022") and not raw.isascii():
        return _decode_unlabelled(raw)[0], True
    try:
        return raw.decode(codec, "replace"), True
    except (UnicodeError, ValueError, LookupError):
        return raw.decode("utf-8", "replace"), True


def _decode_utf8(raw: bytes) -> tuple[str, bool]:
    try:
        return raw.decode("utf-8-sig"), False
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
    sample = text[:MAX_DETECT_BYTES]
    broken = sample.count("\ufffd")
    good = sum(1 for character in sample if character > "\x7f") - broken
    if good < broken:
        # Hardly any valid sequence: another character set that is labelled UTF-8.
        guessed = cchardet.detect(raw[:MAX_DETECT_BYTES]).get("encoding") or "windows-1252"
        codec = find_codec(guessed)
        if codec and codec not in ("utf-8", "utf-8-sig", "ascii"):
            return raw.decode(codec, "replace"), True
    return text, True


def _decode_iso_2022_jp(raw: bytes) -> tuple[str, bool]:
    """ISO-2022-JP as mail programs of Windows write it: NEC and IBM characters, half-width katakana, 8-bit mixtures."""
    if not raw.isascii():
        return _decode_unlabelled(raw)[0], True
    for codec in ("iso2022_jp_ext", "iso2022_jp_2004"):
        try:
            return raw.decode(codec), False
        except (UnicodeError, ValueError):
            continue
    out: list[str] = []
    has_problem = False
    mode = b"(B"
    for index, segment in enumerate(raw.split(b"\x1b")):
        if index:
            width = 3 if segment[:2] == b"$(" else 2
            mode, body = segment[:width], segment[width:]
        else:
            body = segment
        if mode in (b"$B", b"$@"):
            text = _jis_to_shift_jis(body).decode("cp932", "replace")
        elif mode == b"(I":
            text = bytes(byte | 0x80 for byte in body).decode("cp932", "replace")
        else:
            text = body.decode("ascii", "replace")
        has_problem = has_problem or "\ufffd" in text or mode[:1] not in (b"(", b"$")
        out.append(text)
    return "".join(out), has_problem


def _jis_to_shift_jis(pairs: bytes) -> bytes:
    """Two-byte JIS X 0208 codes to Shift JIS, whose Windows table knows the vendors' rows; line ends pass through."""
    out = bytearray()
    position = 0
    while position < len(pairs):
        first = pairs[position]
        if first < 0x21 or position + 1 >= len(pairs):
            out.append(first if first < 0x21 else 0x3F)
            position += 1
            continue
        second = pairs[position + 1]
        lead = (first - 0x21) // 2 + 0x81
        out.append(lead if lead <= 0x9F else lead + 0x40)
        if first % 2:
            out.append(second + (0x1F if second < 0x60 else 0x20))
        else:
            out.append(min(second + 0x7E, 0xFF))
        position += 2
    return bytes(out)
