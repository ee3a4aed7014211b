"""The line of text that a message list shows under the subject (RFC 8621 4.1.4 `preview`)."""

import re

from webmail.mime.body import decompose
from webmail.mime.encoded_words import clean_text
from webmail.mime.html_text import html_to_text
from webmail.mime.limits import MAX_PREVIEW_CHARS, MAX_PREVIEW_SOURCE_CHARS
from webmail.mime.part import Message, Part

__all__ = ["html_to_text", "make_preview", "preview_of_text"]

# What newsletters pad their first line with so that nothing else shows up behind it: soft hyphen, grapheme joiner,
# zero-width spaces, byte order mark, Braille and Hangul blanks. Joiners (U+200C, U+200D) count only in such runs:
# emoji and Persian words need them.
_INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2060-\u2064\u2800\u3164\ufeff\uffa0"
_PADDING = re.compile(f"[{_INVISIBLE}]+")
_PADDING_RUN = re.compile("(?:(?<=\\s)[\u200c\u200d]|[\u200c\u200d](?=\\s)|[\u200c\u200d]{2,})")
_REFERENCE_LINES = ("On ", "Am ", "Le ", "El ", "Il ", "Op ", "Den ", "Dne ", "W dniu ", "Em ", "På ", "В ")
_ATTRIBUTION_ENDS = (":", "wrote:", "schrieb:", "écrit :", "escribió:", "ha scritto:", "написал:", "napsal:")
_SEPARATOR = re.compile(r"[-_=*~#+. ]{3,}")
_FORWARD = re.compile(
    r"-{2,}\s*+(?:original message|forwarded message|ursprüngliche nachricht)\s*+-{2,}", re.IGNORECASE
)
# The header that Outlook and its kin put above the message they answer, instead of marking it.
_QUOTED_FROM = re.compile(r"\*?(?:From|Von|De|Da|Van|Från|Fra|Od|От)\s?:\*? .{0,300}", re.IGNORECASE)
_QUOTED_NEXT = re.compile(
    r"\*?(?:To|Sent|Date|Cc|Subject|An|Gesendet|Datum|Betreff|À|Envoyé|Objet|Para|Enviado|A|Inviato|Aan|"
    r"Verzonden|Till|Skickat|Til|Sendt|Do|Komu|Odesláno|Кому|Отправлено)\s?:",
    re.IGNORECASE,
)
# A source line longer than this is no attribution and need not be looked at as one.
_MAX_ATTRIBUTION_CHARS = 300


def make_preview(message: Message) -> str:
    """At most 256 characters of what the sender wrote: without quotations and signature, white space collapsed.

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
        return html_to_text(part.text()[0][:MAX_PREVIEW_SOURCE_CHARS])
    if part.type.startswith("text/"):
        return part.text()[0][:MAX_PREVIEW_SOURCE_CHARS]
    return ""


def preview_of_text(text: str) -> str:
    """The preview of a plain text (at most 256 characters); of what is quoted if nothing else is there."""
    text = text[:MAX_PREVIEW_SOURCE_CHARS]
    return _collapse(_new_lines(text)) or _collapse(text.splitlines())


def _new_lines(text: str) -> list[str]:
    """The lines in front of signature and answered message that are no quotation, attribution or rule."""
    kept: list[str] = []
    size = 0
    lines = [stripped for line in text.splitlines() if (stripped := line.strip())]
    for index, line in enumerate(lines):
        if kept and (line == "--" or _starts_answered(lines, index)):
            break
        if line.startswith(">"):
            _drop_attribution(kept)
        elif len(line) >= 200 or not (_SEPARATOR.fullmatch(line) or _FORWARD.fullmatch(line)):
            kept.append(line)
            size += len(line)
            if size > 8 * MAX_PREVIEW_CHARS:
                break
    return kept


def _starts_answered(lines: list[str], index: int) -> bool:
    line = lines[index]
    if len(line) > _MAX_ATTRIBUTION_CHARS:
        return False
    if _FORWARD.fullmatch(line):
        return True
    return bool(_QUOTED_FROM.fullmatch(line)) and any(
        _QUOTED_NEXT.match(later) for later in lines[index + 1 : index + 3]
    )


def _drop_attribution(kept: list[str]) -> None:
    """Takes `On Monday, Anna wrote:` off the end, one line or two."""
    if not kept or not kept[-1].endswith(_ATTRIBUTION_ENDS) or len(kept[-1]) > _MAX_ATTRIBUTION_CHARS:
        return
    if kept[-1].startswith(_REFERENCE_LINES):
        kept.pop()
    elif len(kept) > 1 and kept[-2].startswith(_REFERENCE_LINES) and len(kept[-2]) <= _MAX_ATTRIBUTION_CHARS:
        del kept[-2:]
    elif "@" in kept[-1]:
        kept.pop()


def _collapse(lines: list[str]) -> str:
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
