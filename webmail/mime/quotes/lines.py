"""What one line of a message may be: an attribution, a field of a quoted header, a rule, the start of a signature.

Pure questions about short strings, each in linear time; how the answers fit together is `structure`'s business.
"""

import re
from collections.abc import Iterable
from typing import Final

from webmail.mime.quotes.phrases import (
    CLOSINGS,
    FIELDS,
    FOOTER,
    FORWARDED,
    FORWARDED_BY,
    FROM,
    ORIGINAL,
    OTHER,
    READ_ON,
    SENT,
    SENT_FROM,
    STARTS,
    SUBJECT,
    WROTE,
    WROTE_ANYWHERE,
)

# Longer lines are prose: nothing below looks at them.
MAX_CUE_CHARS: Final = 400
_MAX_SIGN_OFF_CHARS: Final = 120

# Direction marks and what else is invisible; Gmail writes them around Hebrew and Arabic dates.
INVISIBLE: Final = "\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_NOISE: Final = re.compile(f"[{INVISIBLE}]")
_SPACE: Final = re.compile(r"\s+")


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(set(words), key=lambda word: (-len(word), word)))


_WROTE: Final = re.compile(rf"(?<![\w@.-])(?:{_any_of(WROTE)})(?![\w@-])|(?:{_any_of(WROTE_ANYWHERE)})")
_ENDS_WITH_WROTE: Final = re.compile(rf"(?:(?<![\w@.-])(?:{_any_of(WROTE)})|(?:{_any_of(WROTE_ANYWHERE)}))\W{{0,4}}\Z")
_START: Final = re.compile(
    rf"\W{{0,8}}(?:(?:{_any_of(STARTS)})(?!\w)|\d{{1,4}}[-./年. ]|[^\W\d_]{{2,14}}\.?,? \d{{1,2}}(?![:.h]?\d)|在|于|於|เมื่อ)"
)
# A time, a year, or a day and a month in figures.
_DATE: Final = re.compile(r"\d{1,2}[:.h]\d{2}|(?<!\d)(?:19|20)\d{2}(?!\d)|\d{1,2}[-/.]\s?\d{1,2}[-/.]|\d月")
_ADDRESS: Final = re.compile(r"[^\s@<>\[(]@[^\s@<>\])]")
_ENDS_OPEN: Final = re.compile(r"[:：>]\W{0,3}\Z")
_RULED_START: Final = re.compile(r"-{2,} ?on\b")

_FIELD_NAMES: Final = {name: role for role, names in FIELDS.items() for name in names}
_FIELD: Final = re.compile(r"[*_\s]{0,4}([^\W\d_][^:：\n]{0,24}?)[\s*_]{0,4}[:：](.?)", re.DOTALL)

# Fields that servers write: a header with them stands there as evidence, in a bounce or a report.
_RAW_FIELD: Final = re.compile(
    r"(?:received|mime-version|content-type|message-id|return-path|dkim-signature|x-[a-z-]{2,40}):", re.IGNORECASE
)

# From here on in Unicode are the scripts that put no spaces between words.
_UNSPACED: Final = "\u2e80"
_READ_ON: Final = re.compile(
    rf"(?<!\w)(?:{_any_of(word for word in READ_ON if word < _UNSPACED)})(?!\w)"
    rf"|{_any_of(word for word in READ_ON if word >= _UNSPACED)}"
)

_RULE: Final = re.compile(r"[-–—_=*~#+. ]{3,}")
_RULES_AROUND: Final = re.compile(r"[-–—_=*~#+>|:：.\s]+")
_WORD: Final = re.compile(r"\w")


def tidy(text: str) -> str:
    """`text` as the tables spell it: casefolded, without invisible characters, spaces collapsed."""
    return _SPACE.sub(" ", _NOISE.sub("", text)).strip().casefold() if not text.isascii() else _tidy_ascii(text)


def _tidy_ascii(text: str) -> str:
    return " ".join(text.split()).lower()


def may_be_attribution(text: str) -> bool:
    """Whether these lines (joined by spaces) say who wrote what follows, given that a quotation follows."""
    if not 3 <= len(text) <= MAX_CUE_CHARS:
        return False
    text = tidy(text)
    if not _ENDS_OPEN.search(text) and not _ENDS_WITH_WROTE.search(text):
        return False
    if _WROTE.search(text):
        return True
    return bool(_DATE.search(text) and _ADDRESS.search(text))


def is_whole_attribution(text: str) -> bool:
    """Whether this may be all of an attribution: two of a beginning, a date and an address are there."""
    text = tidy(text[: MAX_CUE_CHARS + 1])
    return bool(_START.match(text)) + bool(_DATE.search(text)) + bool(_ADDRESS.search(text)) >= 2


def starts_attribution(text: str) -> bool:
    """Whether an attribution may begin with this line: a word such as "On", a weekday or a date."""
    return bool(_START.match(tidy(text[: MAX_CUE_CHARS + 1])))


def may_be_in_attribution(text: str) -> bool:
    """Whether this line has something of an attribution in it, and is no sentence."""
    text = tidy(text[: MAX_CUE_CHARS + 1])
    return not text.endswith(("!", "?")) and bool(_START.match(text) or _DATE.search(text) or _ADDRESS.search(text))


def is_certain_attribution(text: str) -> bool:
    """Whether these lines announce a quotation even when what follows carries no marks."""
    if not 8 <= len(text) <= MAX_CUE_CHARS // 2:
        return False
    text = tidy(text)
    if not text.endswith((":", "：")) or not _DATE.search(text):
        return False
    if not (_ENDS_WITH_WROTE.search(text) and (_START.match(text) or _RULED_START.match(text))):
        return False
    return bool(_ADDRESS.search(text)) or text.count(" ") >= 4


def field_role(text: str) -> str | None:
    """The role (a key of `phrases.FIELDS`) of a line such as `*From:* Anna`, or None."""
    found = _FIELD.match(text)
    if found is None or found[2] == "/":
        return None
    return _FIELD_NAMES.get(tidy(found[1]))


def is_raw_field(text: str) -> bool:
    """A header field that no mail program shows above what it answers."""
    return bool(_RAW_FIELD.match(text))


def is_original_mark(text: str) -> bool:
    """`-----Original Message-----` in any language."""
    if len(text) > _MAX_SIGN_OFF_CHARS or not _WORD.search(text):
        return False
    return text[:1] in "-–—_=*~#+>|." and tidy(_RULES_AROUND.sub(" ", text)) in _ORIGINAL


def is_forward_mark(text: str) -> bool:
    """`---------- Forwarded message ---------`, `Begin forwarded message:` and their like."""
    if len(text) > _MAX_SIGN_OFF_CHARS or not _WORD.search(text):
        return False
    if text[:1] not in "-–—_=*~#+|." and text[-1:] not in ":：":
        return False
    plain = tidy(_RULES_AROUND.sub(" ", text))
    return plain in _FORWARDED or (text.startswith("--") and plain.startswith(FORWARDED_BY))


_ORIGINAL: Final = frozenset(tidy(_RULES_AROUND.sub(" ", name)) for name in ORIGINAL)
_FORWARDED: Final = frozenset(tidy(_RULES_AROUND.sub(" ", name)) for name in FORWARDED)
_SENT_FROM: Final = tuple(map(tidy, SENT_FROM))
_FOOTER: Final = tuple(map(tidy, FOOTER))
_CLOSING: Final = frozenset(map(tidy, CLOSINGS))


def is_rule(text: str) -> bool:
    """A line drawn with characters."""
    return len(text) < 200 and bool(_RULE.fullmatch(text))


def is_sent_from(text: str) -> bool:
    """`Sent from my iPhone` and what else programs add below a text."""
    return len(text) <= _MAX_SIGN_OFF_CHARS and tidy(text).startswith(_SENT_FROM)


def is_footer(text: str) -> bool:
    """The first line of a legal notice, of a virus scanner's praise or of a mailing list's footer."""
    return tidy(text[:80]).lstrip("*_- ").startswith(_FOOTER)


def says_read_on(text: str) -> bool:
    """Whether this line sends the reader to what follows: "see my comments below", "FYI"."""
    return bool(_READ_ON.search(tidy(text[: 4 * MAX_CUE_CHARS])))


def is_closing(text: str) -> bool:
    """`Best regards,` in any language, alone on its line."""
    return len(text) <= 60 and tidy(text).rstrip(",.!;:–—- ") in _CLOSING


# A program wraps the list of recipients; more lines than these are text.
_MAX_WRAPPED_LINES: Final = 10


def header_roles(lines: list[str]) -> tuple[frozenset[str], int]:
    """The roles found in a header that begins with `lines`, and how many of the lines belong to it.

    A field may go on for some lines where a program has wrapped it; an empty line ends the header.
    """
    roles: set[str] = set()
    end = 0
    for at, line in enumerate(lines):
        role = field_role(line) if len(line) <= 4 * MAX_CUE_CHARS else None
        if role:
            roles.add(role)
            end = at + 1
        elif not line or at - end >= _MAX_WRAPPED_LINES or not roles:
            break
    return frozenset(roles), end


def is_quoted_header(roles: frozenset[str], lines: list[str], *, is_announced: bool, has_address: bool) -> bool:
    """Whether a header with these roles and lines stands above an answered message.

    `is_announced`: a rule, a mark or a program's own element stands in front, so less will do. Tickets and forms have "From:" and
    "To:" too: without a subject or the word "sent" there must be an address (`has_address`: one that is not written out).
    """
    count = len(roles - {OTHER})
    if FROM not in roles or count < 2:
        return False
    if is_announced:
        return True
    return count >= 3 and (not roles.isdisjoint({SUBJECT, SENT}) or has_address or any("@" in line for line in lines))
