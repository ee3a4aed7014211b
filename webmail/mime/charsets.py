"""Bytes of any character set, rightly or wrongly labelled, to text.

`decode_bytes` never raises and never gives lone surrogates. The label counts unless the bytes themselves say that it is wrong:
they are valid UTF-8, or they are not valid as labelled, or Latin text would have hardly a letter without an accent.
"""

import re

import cchardet

from webmail.mime.charset_labels import find_codec
from webmail.mime.iso_2022 import decode_iso_2022_cn, decode_iso_2022_jp
from webmail.mime.limits import MAX_DETECT_BYTES

__all__ = ["decode_bytes", "find_codec", "html_charset"]

_SURROGATE = re.compile("[\ud800-\udfff]")
# A label is remembered with what it means; a longer one is none.
_MAX_LABEL_CHARS = 80
_UTF_8 = ("utf-8", "utf-8-sig")
_NOT_A_GUESS = ("utf-8", "utf-8-sig", "ascii")
_UTF_16 = ("utf-16", "utf-16-le", "utf-16-be")

# A word of seven-bit Japanese, Korean or Chinese starts with one of these.
_ISO_2022 = (
    (b"\x1b$B", "iso2022_jp"),
    (b"\x1b$@", "iso2022_jp"),
    (b"\x1b(J", "iso2022_jp"),
    (b"\x1b(I", "iso2022_jp"),
    (b"\x1b$)C", "iso2022_kr"),
    (b"\x1b$)A", "iso2022_cn"),
)
# How many characters of UTF-8 text in these sets is never: their own pairs look like it now and then.
_AMBIGUOUS = {"cp932": 5, "euc_jp": 5, "gb18030": 4, "big5hkscs": 4, "cp949": 4, "johab": 4, "cp874": 8, "cp950": 4}
# What labels of Latin text hide most often.
_OTHER_SCRIPTS = frozenset(
    {"cp1251", "koi8-r", "koi8_r", "iso8859-5", "mac-cyrillic", "cp866", "cp1253", "iso8859-7", "cp1255", "cp1256", "cp874",
     "gb18030", "big5hkscs", "cp932", "euc_jp", "cp949", "big5"}
)  # fmt: skip
# Sets of one byte for letters that do not stand in one word with Latin ones.
_ONE_BYTE_SCRIPTS = frozenset(
    {"cp1251", "koi8-r", "koi8_r", "koi8-u", "koi8_u", "iso8859-5", "mac-cyrillic", "mac_cyrillic", "cp855", "cp866", "cp1253",
     "iso8859-7", "cp1255", "iso8859-8", "cp1256", "iso8859-6", "cp874", "tis-620", "cp1258", "viscii"}
)  # fmt: skip
_HIGH_RUN = re.compile(rb"[\x80-\xff]++")
_FOREIGN_SAMPLE_BYTES = 4_096
_FOREIGN_LETTERS = 24

_META = re.compile(
    rb"<meta\b[^>]{0,300}?\bcharset\s{0,9}=\s{0,9}[\"']?([A-Za-z0-9_.:+-]{2,40})|<\?xml[^>]{0,100}?encoding=[\"']([\w.-]{2,40})",
    re.IGNORECASE,
)
_META_BYTES = 4_096


def html_charset(raw: bytes) -> str | None:
    """The character set that HTML names itself (WHATWG HTML 13.2.3.2), if it is one that extends ASCII."""
    found = _META.search(raw[:_META_BYTES])
    if found is None:
        return None
    label = (found.group(1) or found.group(2)).decode("ascii")
    codec = find_codec(label)
    return label if codec and not codec.startswith(("utf-16", "utf-32", "utf-7", "hz")) else None


def decode_bytes(raw: bytes, charset: str | None) -> tuple[str, bool]:
    """Text of `raw`, and whether its label was unknown, wrong or its bytes malformed (U+FFFD stands for those).

    `charset`: the label, or None where there was none (RFC 8621 4.1.4 then allows a guess).
    """
    codec = find_codec(charset[:_MAX_LABEL_CHARS]) if charset else "ascii"
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


def _guess(raw: bytes) -> str | None:
    try:
        label = cchardet.detect(raw[:MAX_DETECT_BYTES]).get("encoding")
    except (ValueError, RuntimeError, UnicodeError):
        return None
    return find_codec(label) if label else None


def _decode_unlabelled(raw: bytes) -> tuple[str, bool]:
    """Text without a usable label: UTF-8 if it is valid, else the best guess. The flag says whether we can be sure."""
    try:
        return raw.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        pass
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace"), True
    codec = _guess(raw) or "cp1252"
    if codec in _ONE_BYTE_SCRIPTS and _has_latin_words(raw):
        codec = "cp1252"
    if codec in _NOT_A_GUESS:
        # Nearly valid UTF-8: a character cut off at the end, or one stray byte.
        return _decode_utf8(raw)[0], False
    try:
        return raw.decode(codec), False
    except (UnicodeError, ValueError, LookupError):
        # A guess that does not even fit.
        return raw.decode("cp1252", "replace"), False


def _has_latin_words(raw: bytes) -> bool:
    """Whether most bytes with the high bit stand next to Latin letters: accents of a Latin text, whatever the guess is."""
    sample = raw[:_FOREIGN_SAMPLE_BYTES]
    mixed = alone = 0
    for run in _HIGH_RUN.finditer(sample):
        start, end = run.span()
        is_mixed = sample[start - 1 : start].isalpha() or sample[end : end + 1].isalpha()
        mixed, alone = (mixed + 1, alone) if is_mixed and end - start <= 3 else (mixed, alone + 1)
    return mixed > 0 and mixed >= alone


def _decode_declared(raw: bytes, codec: str) -> tuple[str, bool]:
    if codec in _UTF_8:
        return _decode_utf8(raw)
    if codec in _UTF_16:
        return _decode_utf16(raw, codec)
    if codec.startswith("iso2022") or codec == "hz":
        return _decode_seven_bit(raw, codec)
    if not raw.isascii() and (text := _as_utf8(raw, codec)) is not None:
        return text, True
    try:
        text = raw.decode(codec)
    except (UnicodeError, ValueError, LookupError):
        return _decode_unfit(raw, codec), True
    if codec == "cp1252" and (foreign := _as_other_script(raw)) is not None:
        return foreign, True
    return text, False


def _as_utf8(raw: bytes, codec: str) -> str | None:
    """The text if it is UTF-8 although labelled `codec`."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    needed = _AMBIGUOUS.get(codec, 1)
    return text if needed == 1 or len(raw) - len(text) >= needed else None


def _as_other_script(raw: bytes) -> str | None:
    """The text if most letters of what is labelled as Latin have accents: Cyrillic, Greek, Chinese and others."""
    sample = raw[:_FOREIGN_SAMPLE_BYTES]
    high = sum(byte >= 0xC0 for byte in sample)
    letters = sum(sample.count(byte) for byte in b"etaoinsrhldcu")
    if high < _FOREIGN_LETTERS or high < 2 * letters:
        return None
    codec = _guess(raw)
    if codec not in _OTHER_SCRIPTS:
        return None
    try:
        return raw.decode(codec)
    except (UnicodeError, ValueError):
        return None


def _decode_unfit(raw: bytes, codec: str) -> str:
    """Bytes that are not valid in the set they are labelled with: another one that fits, or U+FFFD where they are not."""
    if codec in _AMBIGUOUS:
        text = raw.decode("utf-8", "replace")
        broken = text.count("\ufffd")
        # Most of it is UTF-8, some bytes of it were lost on the way.
        if (len(raw) - len(text)) // 2 > 8 * broken:
            return text
        guessed = _guess(raw)
        if guessed in _OTHER_SCRIPTS and guessed != codec:
            try:
                return raw.decode(guessed)
            except (UnicodeError, ValueError):
                pass
    try:
        return raw.decode(codec, "replace")
    except (UnicodeError, ValueError, LookupError):
        return raw.decode("utf-8", "replace")


def _decode_utf16(raw: bytes, codec: str) -> tuple[str, bool]:
    """UTF-16 with and without a byte order mark, and eight-bit text that is labelled with it."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        codec = "utf-16"
    elif b"\0" not in raw[:MAX_DETECT_BYTES] and (text := _as_eight_bit(raw)) is not None:
        return text, True
    elif codec == "utf-16":
        # RFC 2781 4.3 says big end first; the zero bytes of spaces and Latin letters know better.
        sample = raw[:MAX_DETECT_BYTES]
        codec = "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
    try:
        return raw.decode(codec), False
    except (UnicodeError, ValueError):
        return raw.decode(codec, "replace"), True


def _as_eight_bit(raw: bytes) -> str | None:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    # Chinese in UTF-16 is now and then valid UTF-8; it has hardly any spaces and letters.
    return text if sum(character.isascii() for character in text[:1_000]) * 2 > len(text[:1_000]) else None


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
        codec = _guess(raw) or "cp1252"
        return raw.decode("cp1252" if codec in _NOT_A_GUESS else codec, "replace"), True
    return text, True


def _decode_seven_bit(raw: bytes, codec: str) -> tuple[str, bool]:
    if not raw.isascii():
        return _decode_unlabelled(raw)[0], True
    if codec == "iso2022_cn":
        return decode_iso_2022_cn(raw)
    try:
        return raw.decode(codec), False
    except (UnicodeError, ValueError, LookupError):
        pass
    if codec.startswith("iso2022_jp"):
        return decode_iso_2022_jp(raw)
    return raw.decode(codec, "replace"), True
