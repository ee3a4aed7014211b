"""The line of text that a message list shows under the subject (RFC 8621 4.1.4 `preview`)."""

import re
from collections.abc import Iterable

from webmail.mime.body import decompose
from webmail.mime.encoded_words import clean_text
from webmail.mime.html_text import html_to_text
from webmail.mime.limits import MAX_PREVIEW_CHARS, MAX_PREVIEW_SOURCE_CHARS
from webmail.mime.part import Message, Part
from webmail.mime.quotes.lines import is_forward_mark
from webmail.mime.quotes.reply import new_text
from webmail.mime.quotes.text import split_marks

__all__ = ["html_to_text", "make_preview", "preview_of_text"]

# What newsletters pad their first line with so that nothing else shows up behind it: soft hyphen, grapheme joiner,
# zero-width spaces, byte order mark, Braille and Hangul blanks. Joiners (U+200C, U+200D) count only in such runs:
# emoji and Persian words need them.
_INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2060-\u2064\u2800\u3164\ufeff\uffa0"
_PADDING = re.compile(f"[{_INVISIBLE}]+")
_PADDING_RUN = re.compile("(?:(?<=\\s)[\u200c\u200d]|[\u200c\u200d](?=\\s)|[\u200c\u200d]{2,})")
_SEPARATOR = re.compile(r"[-_=*~#+. ]{3,200}")
# Most messages say what is new at their beginning; only when nothing is there is all of a long one read.
_FIRST_CHARS = 16_000


def make_preview(message: Message) -> str:
    """At most 256 characters of what is new in the message: without quotations and signature, white space collapsed.

    "" if the message has no text.
    """
    body = decompose(message.root)
    for parts in (body.text_body, body.html_body):
        for part in parts:
            if preview := preview_of_text(_plain_text(part)):
                return preview
    return ""


def _plain_text(part: Part) -> str:
    if part.type == "text/html":
        return html_to_text(part.text(MAX_PREVIEW_SOURCE_CHARS)[0])
    if part.type.startswith("text/"):
        return part.text(MAX_PREVIEW_SOURCE_CHARS)[0]
    return ""


def preview_of_text(text: str) -> str:
    """The preview of a plain text (at most 256 characters); of what is quoted if nothing else is there."""
    text = text[:MAX_PREVIEW_SOURCE_CHARS]
    for source in (text[:_FIRST_CHARS], text):
        lines = (line for line in new_text(source).splitlines() if not _is_ornament(line.strip()))
        if preview := _collapse(lines):
            return preview
        if len(text) <= _FIRST_CHARS:
            break
    return _collapse(split_marks(line)[1] for line in text.splitlines())


def _is_ornament(line: str) -> bool:
    return bool(_SEPARATOR.fullmatch(line)) or is_forward_mark(line)


def _collapse(lines: Iterable[str]) -> str:
    pieces: list[str] = []
    size = 0
    for line in lines:
        words = " ".join(_PADDING_RUN.sub("", _PADDING.sub("", line)).split())
        if words:
            pieces.append(words)
            size += len(words) + 1
            if size > 2 * MAX_PREVIEW_CHARS:
                break
    text = " ".join(clean_text(" ".join(pieces)[: 4 * MAX_PREVIEW_CHARS]).split())
    if len(text) <= MAX_PREVIEW_CHARS:
        return text
    cut = text[:MAX_PREVIEW_CHARS]
    word_end = cut.rfind(" ")
    return cut[:word_end] if word_end > MAX_PREVIEW_CHARS // 2 else cut
