"""The words of a report that people are meant to read, apart from the message it returns.

Many systems put both into one text. Where the returned message begins is told by a line of theirs, or by a header block.
"""

import re
from dataclasses import dataclass
from typing import Final

from webmail.mime.charsets import decode_bytes
from webmail.mime.part import Message, Part
from webmail.mime.preview import html_to_text
from webmail.mime.reports.returned import NOTHING, RETURNED_TYPES, Returned, read_lines, read_part

# What is looked at: an explanation stands at the top, and none is this long.
MAX_LINES: Final = 1_000
MAX_LINE_CHARS: Final = 500
_MAX_TEXT_BYTES: Final = 500_000
_MAX_TEXTS: Final = 5

# Lines that announce the returned message. With marks of decoration in front anywhere in the line, else at its start.
_DECORATED: Final = re.compile(
    r"[\s>]{0,10}[-=|*_#]{1,80}+.{0,40}?(?:original (?:message|mail|text)|returned (?:message|mail)|copy of (?:the|your) (?:\w{1,20} )?message"
    r"|message header|unsent message|message text|message body|message follows|mail follows|header of the (?:original|source|message)"
    r"|header and top|forwarded message|attached message|attachment is a copy|unzustellbare nachricht|mensaje original|mensagem original"
    r"|message d'origine|nachricht|original[- ]nachricht|undelivered message|附件|копия сообщения|text of the message|eml original"
    r"|line is a copy)",
    re.IGNORECASE,
)
_PLAIN: Final = re.compile(
    r"\s{0,10}(?:original message (?:follows|headers|details|as received|attached)|(?:the )?(?:original )?message headers?(?: follows?)?\s*:?$"
    r"|message headers follow|a copy of the original message|a summary of the undelivered message|your message reads|old message:?$"
    r"|included is a copy of|here is a copy of|the first \d{1,5} lines of|below (?:this line )?is a copy|the (?:original )?message (?:header )?follows"
    r"|original mail as follows|returned message:?$|the header of the original|unsent message"
    r"|original message:?$|begin forwarded message|kopie der nachricht|copie du message)",
    re.IGNORECASE,
)
_FIELD: Final = re.compile(r"[>\s]{0,3}(?P<name>[A-Za-z][A-Za-z0-9-]{1,60}):(?:\s|$)")
_FOLDED: Final = re.compile(r"[ \t]+\S")
# A header block has at least one of these among its first fields, and so many fields in a row.
_TELLING: Final = frozenset({"received", "message-id", "return-path", "dkim-signature", "mime-version", "x-received"})
_FIELDS_IN_A_ROW: Final = 3
_PART_HEADER: Final = re.compile(r"content-(?:type|transfer-encoding|disposition):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The lines of the explanation, trailing space removed, and the returned message."""

    lines: tuple[str, ...]
    returned: Returned = NOTHING


def read_explanation(message: Message) -> Explanation:
    """The texts of a report in front of the returned message, without files and nested messages."""
    lines: list[str] = []
    returned = NOTHING
    texts = 0
    for part in message.root.walk():
        if part.is_multipart:
            continue
        if part.type in RETURNED_TYPES:
            returned = read_part(part) if returned is NOTHING else returned
            break
        if part.type in ("text/plain", "text/html") and texts < _MAX_TEXTS and len(lines) < MAX_LINES:
            texts += 1
            shown, rest = split_returned(text_lines(part))
            lines.extend(shown)
            if rest:
                returned = read_lines(rest)
                break
            if part.type == "text/plain" and _is_alternative(message.root, part):
                break
    return Explanation(tuple(lines[:MAX_LINES]), returned)


def _is_alternative(root: Part, part: Part) -> bool:
    """Whether the text has a twin in HTML that says the same."""
    return any(one.type == "multipart/alternative" and part in one.parts for one in root.walk())


def text_lines(part: Part) -> list[str]:
    """The lines of a text part, at most twice MAX_LINES; HTML as text."""
    # Only the top is turned to text: the rest may be a returned message of any size.
    text = decode_bytes(part.start(_MAX_TEXT_BYTES), part.charset)[0]
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if part.type == "text/html" or text.lstrip()[:14].lower() in ("<!doctype html", "<html><head><"):
        text = html_to_text(text)
    return [line[:MAX_LINE_CHARS].rstrip() for line in text.split("\n", MAX_LINES * 2)[: MAX_LINES * 2]]


def split_returned(lines: list[str]) -> tuple[list[str], list[str]]:
    """The explanation and what follows it: the returned message, or nothing."""
    for index, line in enumerate(lines):
        if not line or (index == 0 and not line.strip()):
            continue
        if _DECORATED.match(line) or _PLAIN.match(line):
            return lines[:index], _skip_part_header(lines[index + 1 :])
        if index and _begins_header(lines, index):
            return lines[:index], lines[index:]
    return lines, []


def _begins_header(lines: list[str], index: int) -> bool:
    first = _FIELD.match(lines[index])
    if first is None or first["name"].lower().startswith("content-"):
        return False
    names: list[str] = []
    for line in lines[index : index + 12]:
        if found := _FIELD.match(line):
            names.append(found["name"].lower())
        elif not _FOLDED.match(line):
            break
    return len(names) >= _FIELDS_IN_A_ROW and not _TELLING.isdisjoint(names[:_FIELDS_IN_A_ROW])


def _skip_part_header(lines: list[str]) -> list[str]:
    """`lines` from the first field of a message on; a MIME part, or the rest of a rule, may come first."""
    for index, line in enumerate(lines[:30]):
        found = _FIELD.match(line)
        if found and not _PART_HEADER.match(line):
            return lines[index:]
    return lines
