"""FETCH answers from bytes to values: our own reader, because IMAPClient's is four times too slow and trusts the server.

It never raises on what a server sent: an answer without a usable UID is no row (sync Y15), an attribute out of range is
left out (security R38), a BODYSTRUCTURE too deep or too long becomes None (R39). It does no input or output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from webmail.protocols.imap.body_structure import build_structure
from webmail.protocols.imap.flags import keywords_of_flags
from webmail.protocols.imap.tokens import (
    BadSyntax,
    TooComplex,
    read_node,
    read_number,
    skip_node,
    token_value,
    tokenize,
)
from webmail.protocols.imap.types import BodyStructure, KeywordData, ListData
from webmail.protocols.imap.uid_set import MAX_UID

# Beyond it there is no structure and the raw message is read instead (R39). 1,000 parts need some 30,000; the length
# of the text is capped by `wire.MAX_RESPONSE_TEXT_BYTES`.
MAX_STRUCTURE_TOKENS = 50_000
MAX_SIZE_BYTES = 0x7FFF_FFFF_FFFF_FFFF
MAX_MODSEQ = 0x7FFF_FFFF_FFFF_FFFF  # 63 bits, RFC 7162 3.1
MAX_GMAIL_ID = 0xFFFF_FFFF_FFFF_FFFF
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A list row as nearly every server writes it: simple attributes in any order, the structure, the header fields last.
# Possessive all through; whatever does not fit goes to the general reader.
_LIST_HEAD = re.compile(
    rb"\* \d{1,10}+ FETCH \((?:(?:UID (\d{1,10}+)|FLAGS \(([^()\"{]*+)\)|INTERNALDATE \"([^\"\\]{1,40}+)\""
    rb"|RFC822\.SIZE (\d{1,18}+)|MODSEQ \((\d{1,18}+)\)|EMAILID \(([0-9A-Za-z_-]{1,255}+)\)) ){2,8}+BODYSTRUCTURE (?=\()"
)
_LIST_TAIL_MARK = b" BODY[HEADER.FIELDS ("
_LIST_TAIL = re.compile(rb" BODY\[HEADER\.FIELDS \([^()\"{\]]*+\)\] \{0\}\n\)")
# What opens a list in the structure of a message of nothing but text.
_TEXT_ONLY = re.compile(rb"\((?=\()|\(\"(?:text|charset|boundary|format|delsp|inline)\"", re.IGNORECASE)
_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), start=1
    )
}


@dataclass(slots=True)
class Response:
    """One untagged answer: its text without the line end, each literal replaced by its marker (see `tokens`)."""

    text: bytes
    literals: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class FetchRow:
    """The attributes of one FETCH answer that held; None where the server sent none."""

    uid: int | None = None
    flags: tuple[bytes, ...] | None = None
    internal_date: datetime | None = None
    size_bytes: int | None = None
    structure: BodyStructure | None = None
    body: bytes | None = None  # BODY[...], header fields or the message
    modseq: int | None = None
    email_id: str | None = None

    def list_data(self) -> ListData | None:
        """As a list row; None without UID or flags, when it is news about a message and not an answer."""
        if self.uid is None or self.body is None:
            return None
        keywords, is_deleted = keywords_of_flags(self.flags or ())
        return ListData(
            self.uid,
            keywords,
            self.internal_date or EPOCH,
            self.size_bytes or 0,
            self.body,
            self.structure is not None and self.structure.has_attachment(),
            self.modseq,
            self.email_id,
            is_deleted,
        )

    def keyword_data(self) -> KeywordData | None:
        """As keywords; None without UID or flags."""
        if self.uid is None or self.flags is None:
            return None
        keywords, is_deleted = keywords_of_flags(self.flags)
        return KeywordData(self.uid, keywords, is_deleted, self.modseq)


_Reader = Callable[[FetchRow, list[bytes], int, Sequence[bytes]], int]


def is_fetch(text: bytes) -> bool:
    """Whether an untagged answer is `* n FETCH`."""
    parts = text[:40].split(None, 3)
    return len(parts) > 2 and parts[2][:5].upper() == b"FETCH" and parts[1].isdigit()


def read_list_row(response: Response) -> ListData | None:
    """`* n FETCH (...)` as a list row; the same as `read_fetch` and `list_data`, three times as quick for usual rows."""
    data = _read_usual_row(response)
    if data is not None:
        return data
    row = read_fetch(response)
    return row.list_data() if row is not None else None


def _read_usual_row(response: Response) -> ListData | None:
    """A row without surprises, or None."""
    text = response.text
    head = _LIST_HEAD.match(text)
    at = text.rfind(_LIST_TAIL_MARK)
    if head is None or at <= head.end() or len(response.literals) != 1 or _LIST_TAIL.fullmatch(text, at) is None:
        return None
    uid_digits, flags, date, size, modseq, email_id = head.groups()
    if uid_digits is None or flags is None or text.count(b"UID ", 0, at) != 1:
        return None
    uid = int(uid_digits)
    has_attachment = _has_attachment(text[head.end() : at])
    if has_attachment is None or not 0 < uid <= MAX_UID:
        return None
    keywords, is_deleted = keywords_of_flags(tuple(flags.split()))
    return ListData(
        uid,
        keywords,
        (parse_internal_date(date) if date else None) or EPOCH,
        int(size or 0),
        response.literals[0],
        has_attachment,
        int(modseq or 0) or None,
        email_id.decode("ascii") if email_id else None,
        is_deleted,
    )


def _has_attachment(structure: bytes) -> bool | None:
    """What the whole structure would say; None when these bytes are not one well-formed structure."""
    if not structure.endswith(b")"):
        return None
    lowered = structure.lower()
    if b"name" not in lowered and b"attachment" not in lowered:
        lists = lowered.count(b"(")
        if lists == lowered.count(b")") == len(_TEXT_ONLY.findall(lowered)):
            return False
    tokens = tokenize(structure)
    if len(tokens) > MAX_STRUCTURE_TOKENS:
        return None
    try:
        node, after = read_node(tokens, 0, ())
        return build_structure(node).has_attachment() if after == len(tokens) else None
    except (BadSyntax, RecursionError):
        return None


def read_fetch(response: Response) -> FetchRow | None:
    """`* n FETCH (...)` as a row; None when it is something else or follows no grammar. Never raises."""
    tokens = tokenize(response.text)
    # tokens: * n FETCH ( name value name value )
    if len(tokens) < 4 or tokens[3] != b"(" or tokens[2].upper() != b"FETCH":
        return None
    row = FetchRow()
    literals = response.literals
    at = 4
    end = len(tokens)
    try:
        while at < end and tokens[at] != b")":
            name = tokens[at]
            reader = _READERS.get(name) or _READERS.get(name.upper())
            if reader is not None:
                at = reader(row, tokens, at + 1, literals)
            elif name[:5].upper() == b"BODY[":
                at = _read_body(row, tokens, at, literals)
            else:
                at = skip_node(tokens, at + 1)
    except (BadSyntax, IndexError, ValueError):
        return row if row.uid is not None and row.body is not None else None
    return row


def _read_uid(row: FetchRow, tokens: list[bytes], at: int, _: Sequence[bytes]) -> int:
    uid = read_number(tokens[at], highest=MAX_UID)
    if uid:
        if row.uid is not None and row.uid != uid:
            row.uid = None  # never under the wrong message
            raise BadSyntax("two UIDs in one answer")
        row.uid = uid
    return at + 1


def _read_flags(row: FetchRow, tokens: list[bytes], at: int, _: Sequence[bytes]) -> int:
    if tokens[at] != b"(":
        raise BadSyntax("flags without a list")
    close = tokens.index(b")", at)
    row.flags = tuple(tokens[at + 1 : close])
    return close + 1


def _read_date(row: FetchRow, tokens: list[bytes], at: int, literals: Sequence[bytes]) -> int:
    value = token_value(tokens[at], literals)
    row.internal_date = parse_internal_date(value) if value is not None else None
    return at + 1


def _read_size(row: FetchRow, tokens: list[bytes], at: int, _: Sequence[bytes]) -> int:
    row.size_bytes = read_number(tokens[at], highest=MAX_SIZE_BYTES)
    return at + 1


def _read_modseq(row: FetchRow, tokens: list[bytes], at: int, _: Sequence[bytes]) -> int:
    if tokens[at] != b"(":
        return skip_node(tokens, at)
    row.modseq = read_number(tokens[at + 1], highest=MAX_MODSEQ) or None
    return skip_node(tokens, at)


def _read_email_id(row: FetchRow, tokens: list[bytes], at: int, literals: Sequence[bytes]) -> int:
    if tokens[at] == b"(" and tokens[at + 1] != b")":
        value = token_value(tokens[at + 1], literals)
        # RFC 8474 7: 1 to 255 characters.
        row.email_id = value.decode("ascii", "replace") if value and len(value) <= 255 else None
    return skip_node(tokens, at)


def _read_gmail_id(row: FetchRow, tokens: list[bytes], at: int, _: Sequence[bytes]) -> int:
    # Gmail's id of a message, one for all its labels; an unsigned number of 64 bits.
    number = read_number(tokens[at], highest=MAX_GMAIL_ID)
    row.email_id = str(number) if number else None
    return at + 1


def _read_structure(row: FetchRow, tokens: list[bytes], at: int, literals: Sequence[bytes]) -> int:
    try:
        if len(tokens) > MAX_STRUCTURE_TOKENS:
            raise TooComplex("too many tokens")
        node, after = read_node(tokens, at, literals)
        row.structure = build_structure(node)
    except (BadSyntax, RecursionError):
        row.structure = None
        return skip_node(tokens, at)
    return after


def _read_body(row: FetchRow, tokens: list[bytes], at: int, literals: Sequence[bytes]) -> int:
    # BODY[] {0}, BODY[]<0> {0}, BODY[HEADER.FIELDS (A B)] {0}: the last splits into several tokens, up to one with "]".
    while b"]" not in tokens[at]:
        at += 1
    row.body = token_value(tokens[at + 1], literals) or b""
    return at + 2


_READERS: dict[bytes, _Reader] = {
    b"UID": _read_uid,
    b"FLAGS": _read_flags,
    b"INTERNALDATE": _read_date,
    b"RFC822.SIZE": _read_size,
    b"MODSEQ": _read_modseq,
    b"EMAILID": _read_email_id,
    b"X-GM-MSGID": _read_gmail_id,
    b"BODYSTRUCTURE": _read_structure,
}


def parse_internal_date(value: bytes) -> datetime | None:
    """`17-Jul-1996 02:44:25 -0700` (RFC 3501 date-time) as aware UTC; None when it is no date."""
    try:
        day, month, year = value[:11].strip().split(b"-")
        clock = value[-14:]
        midnight = _midnight(int(year), _MONTHS[month.lower()], int(day))
        offset = int(clock[10:12]) * 60 + int(clock[12:14])
        if clock[9:10] == b"-":
            offset = -offset
        seconds = int(clock[0:2]) * 3600 + (int(clock[3:5]) - offset) * 60 + int(clock[6:8])
        return midnight + timedelta(seconds=seconds)
    except (ValueError, KeyError, OverflowError):
        return None


@lru_cache(maxsize=4096)
def _midnight(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)
