"""Header text: RFC 2047 encoded words and raw 8-bit bytes to clean Unicode.

Everything here is one pass from left to right: `email.header` needs 12 s for 16,000 encoded words (security.md fact 1.6).
What comes out may go into a row or a page: NFC, no control characters, no NUL, no lone surrogates.
"""

import binascii
import re
import unicodedata
from functools import lru_cache

from webmail.mime.charsets import decode_bytes

# Only where a run begins: looking again at each of its characters would be quadratic.
_FOLD = re.compile(r"(?<![\r\n])[\r\n]++(?=[ \t])")
# Tab and line ends become a space, the other controls (C0, DEL, C1) and lone surrogates vanish.
_SPACE_CONTROL = re.compile(r"[\t\n\r\x0b\x0c\x85\u2028\u2029]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_COMBINING = "".join(chr(c) for c in range(0x300, 0x11000) if unicodedata.combining(chr(c)))
_COMBINING_RUN = re.compile(f"([{re.escape(_COMBINING)}]{{30}})[{re.escape(_COMBINING)}]+")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_SPACE = re.compile(r"\s")
# "=?=" is the end of a word whose padding stands in front of it.
_WORD_START = re.compile(r"=\?(?!=)")
# An escape in the middle: the padding of base64 stands at its end.
_Q_ESCAPE = re.compile(r"=[0-9A-Fa-f]{2}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]++={0,2}")
_MAX_CHARSET_CHARS = 80
# A word whose letter is neither B nor Q is looked at if it is no longer than words are.
_MAX_GUESSED_CHARS = 200
_MAX_CACHED_CHARS = 250


def normalize_nfc(text: str) -> str:
    """NFC in linear time: runs of more than 30 combining marks, which make sorting quadratic, are cut (UAX 15, 13)."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", cap_combining(text))


def cap_combining(text: str) -> str:
    """`text` with at most 30 combining marks in a row."""
    return _COMBINING_RUN.sub(r"\1", text)


def clean_text(text: str) -> str:
    """One line of text fit for a row or a page: no controls, no lone surrogates, NFC, no space at the ends."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return normalize_nfc(_CONTROL.sub("", _SPACE_CONTROL.sub(" ", text))).strip()


def header_to_str(raw: bytes | str) -> str:
    """A raw header value as text, not yet unfolded: 8-bit bytes read as UTF-8 (RFC 6532) or as the likeliest set."""
    if isinstance(raw, str):
        return raw
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    return decode_bytes(raw, None)[0]


def decode_text(raw: bytes | str) -> str:
    """A header value as people read it (RFC 8621 4.1.2.2): unfolded, encoded words decoded, controls removed, NFC.

    Also decodes words with spaces, missing padding, split characters, unknown or mislabelled charsets; what cannot be
    an encoded word stays as it is.
    """
    text = header_to_str(raw)
    if "\n" in text or "\r" in text:
        text = _FOLD.sub("", text)
    if "=?" in text:
        return _decode_short(text) if len(text) <= _MAX_CACHED_CHARS else clean_text(_decode_words(text))
    return clean_text(text)


@lru_cache(maxsize=4_096)
def _decode_short(text: str) -> str:
    # The names of a mailbox come again and again: half the time of a list header went into decoding them anew.
    return clean_text(_decode_words(text))


class _Run:
    """Neighbouring encoded words of one charset: senders split characters and even base64 groups between them."""

    def __init__(self) -> None:
        self.charset = ""
        self.raw = bytearray()
        self.base64 = ""

    def add(self, charset: str, encoding: str, payload: str) -> None:
        self.charset = charset
        if encoding == "b":
            self.base64 += payload
            if payload.endswith("=") or len(self.base64) % 4 == 0:
                self.close_base64()
        else:
            self.close_base64()
            self.raw += _decode_q(payload)

    def close_base64(self) -> None:
        if self.base64:
            self.raw += _decode_b(self.base64)
            self.base64 = ""

    def take(self) -> str:
        self.close_base64()
        if not self.raw:
            return ""
        text = decode_bytes(bytes(self.raw), self.charset or None)[0]
        self.raw.clear()
        return text


def _decode_words(text: str) -> str:
    out: list[str] = []
    run = _Run()
    position = 0
    while True:
        word = _next_word(text, position)
        if word is None:
            break
        start, end, charset, encoding, payload = word
        between = text[position:start]
        is_neighbour = bool(run.raw or run.base64) and not between.strip()
        if not is_neighbour or charset != run.charset:
            out.append(run.take())
        if not is_neighbour:
            out.append(between)
        run.add(charset, encoding, payload)
        position = end
    out.append(run.take())
    out.append(text[position:])
    return "".join(out)


def _next_word(text: str, position: int) -> tuple[int, int, str, str, str] | None:
    """The next encoded word: start, end, charset, "b" or "q", payload. Each character is looked at a bounded number of times."""
    while (start := text.find("=?", position)) >= 0:
        mark = text.find("?", start + 2, start + 2 + _MAX_CHARSET_CHARS)
        letter = text[mark + 1 : mark + 2].lower() if mark > 0 else ""
        if not (letter.isascii() and letter.isalpha()) or text[mark + 2 : mark + 3] != "?":
            position = start + 2
            continue
        following = _WORD_START.search(text, mark + 3)
        limit = following.start() if following else len(text)
        end = text.find("?=", mark + 3, limit + 1)
        if end >= 0:
            payload, after = text[mark + 3 : end], end + 2
        else:
            # The word was never closed. It ends where the next one begins, or with its last character.
            space = _SPACE.search(text, mark + 3, limit)
            after = space.start() if space else limit
            payload = text[mark + 3 : after].rstrip("?")
        if encoding := _encoding_of(letter, payload):
            charset = text[start + 2 : mark].partition("*")[0]
            return start, after, charset.strip().lower(), encoding, payload
        position = mark + 3
    return None


def _encoding_of(letter: str, payload: str) -> str:
    """The encoding that the payload is in: the letter may be the wrong one. "" where it is none."""
    is_q = _Q_ESCAPE.search(payload) is not None
    if letter == "q" or (is_q and (letter == "b" or len(payload) < _MAX_GUESSED_CHARS)):
        return "q"
    if letter == "b":
        return "b"
    is_base64 = len(payload) >= 4 and len(payload) % 4 == 0 and _BASE64.fullmatch(payload) is not None
    return "b" if is_base64 else ""


def _decode_q(payload: str) -> bytes:
    # As quoted-printable, with "_" for a space (RFC 2047 4.2); a wrong escape stays as it is.
    return binascii.a2b_qp(payload.encode("utf-8", "replace"), header=True)


def _decode_b(payload: str) -> bytes:
    raw = payload.encode("ascii", "ignore").translate(None, _NOT_BASE64)
    if len(raw) % 4 == 1:
        raw = raw[:-1]
    return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
