"""Find the signature of a text that no "-- " announces: a closing, a name, ways to reach its owner.

A guess, so it only ever changes how lines look (and what a preview leaves out), never whether they are shown.
"""

import re
from typing import Final

from webmail.mime.quotes.lines import is_closing, is_rule, is_sent_from, tidy

# Longer lines are sentences; more lines than these, or words in a line, are a text.
_MAX_LINE_CHARS: Final = 70
_MAX_LINES: Final = 24
_MAX_BLOCK_LINES: Final = 9
_MAX_WORDS: Final = 9

_PHONE: Final = re.compile(r"(?:\+|\(|\b0|\b\d)[\d()/. \-]{6,24}\d")
_WEB: Final = re.compile(r"(?:https?://|www\.)\S|(?<![\w@])\w[\w.-]{1,60}@[\w-]{1,60}\.\w")
_LABEL: Final = re.compile(
    r"(?:t|f|m|tel|fax|phone|mobile|mobil|cell|office|e-?mail|web|skype|twitter|linkedin)\b ?[.:]"
)
# An end, or another sentence behind it; "E. Doe, Ph.D." has neither.
_SENTENCE: Final = re.compile(r"\w\w[.!?…]\Z|\w\w[.!?] [^\W\d_]")
_WORD: Final = re.compile(r"\w{2,40}")
_NO_NAME: Final = frozenset({"com", "org", "net", "mail", "example", "info", "www", "the", "and"})


def split_signature(text: str, *, sender: str = "") -> tuple[str, str]:
    """`text` in two: what is said, and the signature under it ("" if there is none). Line ends become LF.

    `sender`: the name or address of who wrote it, without which only a closing ("Best regards,") proves anything. `text` must hold
    no quotation (see `reply.new_text`).
    """
    lines = text.replace("\r\n", "\n").rstrip().split("\n")
    names = _names_of(sender)
    start = _signature_start(lines, names)
    if start is None or not any(line.strip() for line in lines[:start]):
        return text, ""
    return "\n".join(lines[:start]).rstrip(), "\n".join(lines[start:])


def _names_of(sender: str) -> frozenset[str]:
    return frozenset(_WORD.findall(tidy(sender.replace(".", " ").replace("_", " ")))) - _NO_NAME


def _signature_start(lines: list[str], names: frozenset[str]) -> int | None:
    """The first line of the signature, looking upwards from the end."""
    first = max(0, len(lines) - _MAX_LINES)
    tail = [(at, lines[at].strip()) for at in range(first, len(lines))]
    return _ruled_start(tail, names) or _closing_start(tail, names) or _named_start(tail, names)


def _ruled_start(tail: list[tuple[int, str]], names: frozenset[str]) -> int | None:
    """A drawn line, and below it short lines with a name or a way to reach somebody."""
    for index in range(len(tail) - 2, 0, -1):
        at, line = tail[index]
        if line[:1] in "-_=" and is_rule(line):
            below = [text for _, text in tail[index + 1 :] if text]
            fits = all(len(text) <= _MAX_LINE_CHARS for text in below)
            return at if fits and any(_has_name(text, names) or _reaches(text) for text in below) else None
    return None


def _closing_start(tail: list[tuple[int, str]], names: frozenset[str]) -> int | None:
    """The last closing, when below it stand a few short lines, the first of them a name by its look."""
    for index in range(len(tail) - 1, max(-1, len(tail) - 1 - _MAX_BLOCK_LINES), -1):
        at, line = tail[index]
        if is_closing(line):
            below = [text for _, text in tail[index + 1 :] if text]
            if not below or not all(map(_is_short, below)):
                return None
            return at if _looks_like_name(below[0]) or _has_name(below[0], names) else None
    return None


def _named_start(tail: list[tuple[int, str]], names: frozenset[str]) -> int | None:
    """The last block of lines, when it names the sender and says nothing else but who and where they are.

    A name may stand in a block of its own above the ways to reach its owner.
    """
    start = _block_start(tail, len(tail))
    block = [text for _, text in tail[start:]]
    if not names or not block or start == 0 or len(block) > _MAX_BLOCK_LINES or not all(map(_is_short, block)):
        return None
    is_named = [_has_name(text, names) for text in block]
    reaches = any(map(_reaches, block))
    if not any(is_named[:2]) and not (any(is_named) and reaches):
        return None
    if reaches:
        end = start - 1
        above = _block_start(tail, end)
        texts = [text for _, text in tail[above:end]]
        if 0 < len(texts) <= 2 and above > 0 and all(map(_is_short, texts)) and _has_name(texts[0], names):
            start = above
    return tail[start][0]


def _block_start(tail: list[tuple[int, str]], end: int) -> int:
    """Where the lines without a blank one between them begin that end before `end`."""
    start = end
    while start > 0 and tail[start - 1][1]:
        start -= 1
    return start


def _has_name(line: str, names: frozenset[str]) -> bool:
    return bool(names) and not names.isdisjoint(_WORD.findall(tidy(line)))


def _reaches(line: str) -> bool:
    return bool(_WEB.search(line) or _PHONE.search(line) or _LABEL.match(tidy(line)) or is_sent_from(line))


def _is_short(line: str) -> bool:
    if len(line) > _MAX_LINE_CHARS:
        return False
    return _reaches(line) or (line.count(" ") < _MAX_WORDS and not _SENTENCE.search(line))


def _looks_like_name(line: str) -> bool:
    words = line.split()
    return 1 <= len(words) <= 4 and len(line) <= 40 and not _SENTENCE.search(line) and line[:1] == line[:1].upper()
