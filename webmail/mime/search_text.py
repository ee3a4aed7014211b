"""What full-text search compares: the same folding for what is indexed and for what is asked."""

import re
import unicodedata

from webmail.mime.body import decompose
from webmail.mime.encoded_words import cap_combining
from webmail.mime.html_text import html_to_text
from webmail.mime.limits import MAX_HTML_CHARS, MAX_SEARCH_BYTES
from webmail.mime.part import Message, Part

# The marks that people leave out when they type: Latin, Greek and Cyrillic accents, Hebrew and Arabic points. Not the
# kana voicing marks, nor the vowel signs of Indic scripts: without them it is another word.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u0610-\u061a\u064b-\u065f\u0670"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
# Letters that are a base letter with a stroke to people but not to Unicode, and what is invisible.
_LETTERS = str.maketrans(
    {
        "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "ŋ": "n", "ĸ": "k", "æ": "ae", "œ": "oe",
        "þ": "th", "ß": "ss", "\u00ad": "", "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": "",
        "\u034f": "", "\u2019": "'", "\u2018": "'", "\0": "",
    }
)  # fmt: skip
_SPACE = re.compile(r"\s+")
_SURROGATE = re.compile("[\ud800-\udfff]")
# A plain twin shorter than this may be "your program cannot show HTML": the HTML is searched as well.
_SHORT_PLAIN_CHARS = 300
# How much of a text is kept as it was written, to show where a hit is.
MAX_WRITTEN_CHARS = 10_000
# Read of one part: its text is cut at MAX_SEARCH_BYTES, and markup takes about as much again.
_MAX_SOURCE_BYTES = 2 * MAX_HTML_CHARS


def fold(text: str) -> str:
    """Text for comparison: case, accents, width and ligatures make no difference ("Größe" and "GROSSE" are equal)."""
    if text.isascii():
        return text.lower().replace("\0", "")
    text = unicodedata.normalize("NFKD", cap_combining(_SURROGATE.sub("", text).casefold()))
    text = _MARKS.sub("", text).casefold().translate(_LETTERS)
    return unicodedata.normalize("NFC", text)


def body_search_text(message: Message) -> str:
    """The folded text of the body and the names of the attachments, white space collapsed, at most 512 KB of UTF-8."""
    names = [fold(part.name) for part in message.root.walk() if part.name]
    # Names first: the cut must not cost them.
    return _cut(" ".join(text for text in (*names, fold_text(written_text(message))) if text))


def fold_text(written: str) -> str:
    """The folded form of what `written_text` gave, at most 512 KB of UTF-8."""
    return _cut(fold(written))


def written_text(message: Message) -> str:
    """The text of the body as it was written, white space collapsed, at most about 512 KB."""
    body = decompose(message.root)
    texts: list[str] = []
    size = 0
    plain_size = 0
    seen: set[int] = set()
    for parts, is_html in ((body.text_body, False), (body.html_body, True)):
        if is_html and plain_size >= _SHORT_PLAIN_CHARS:
            break
        for part in parts:
            if id(part) in seen or size > MAX_SEARCH_BYTES:
                continue
            seen.add(id(part))
            text = _written_text(part)
            plain_size += len(text)
            size += len(text)
            texts.append(text)
    return " ".join(text for text in texts if text)


def _written_text(part: Part) -> str:
    if not part.type.startswith("text/"):
        return ""
    text = part.text(max_bytes=_MAX_SOURCE_BYTES)[0]
    text = html_to_text(text) if part.type == "text/html" else text[:MAX_HTML_CHARS]
    return _SPACE.sub(" ", _SURROGATE.sub("", text)[:MAX_SEARCH_BYTES]).strip()


def _cut(text: str) -> str:
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= MAX_SEARCH_BYTES else raw[:MAX_SEARCH_BYTES].decode("utf-8", "ignore")
