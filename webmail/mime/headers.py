"""Header blocks: fields in order, their forms of RFC 8621 4.1.2, and the lean reader that sync uses for lists.

Takes bytes, never raises, keeps the caps of `limits`. Where a field occurs more than once the last one counts
(RFC 8621 4.1.3), in pages, REST and JMAP alike.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from webmail.mime.addresses import Address, parse_addresses
from webmail.mime.dates import parse_date
from webmail.mime.defects import Defect
from webmail.mime.encoded_words import clean_text, decode_text, header_to_str
from webmail.mime.limits import (
    MAX_HEADER_BLOCK_BYTES,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_MESSAGE_ID_CHARS,
    MAX_MESSAGE_IDS,
)

__all__ = [
    "Headers",
    "ListHeaders",
    "decode_text",
    "parse_date",
    "parse_header_block",
    "parse_list_headers",
    "parse_message_ids",
]

# RFC 5322 3.6.8: printable ASCII without the colon; a space before the colon is obsolete, but seen.
_FIELD = re.compile(rb"([!-9;-~]{1,998}+)[ \t]*+:")
_LINE = re.compile(rb"[^\n]*+\n|[^\n]++")
_BLANK_LINE = re.compile(rb"(?:\A|\n)\r?+\n")
# How far a line that is no field may stand from the next field for the block to go on behind it.
_JUNK_LINES = 3


class Headers:
    """The fields of one entity, in order, with their raw values (after the colon, folding kept)."""

    __slots__ = ("_index", "fields")

    def __init__(self, fields: tuple[tuple[str, bytes], ...] = ()) -> None:
        self.fields = fields
        self._index: dict[str, list[bytes]] | None = None

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.by_name()

    def get_all(self, name: str) -> tuple[bytes, ...]:
        """The raw values of all fields with this name, case-insensitive, in message order."""
        return tuple(self.by_name().get(name.lower(), ()))

    def get(self, name: str) -> bytes | None:
        """The raw value of the **last** field with this name, or None."""
        values = self.by_name().get(name.lower())
        return values[-1] if values else None

    def count(self, name: str) -> int:
        """How many fields have this name."""
        return len(self.by_name().get(name.lower(), ()))

    def get_first(self, name: str) -> bytes | None:
        """The raw value of the first field with this name: for Content-*, as IMAP servers build BODYSTRUCTURE."""
        values = self.by_name().get(name.lower())
        return values[0] if values else None

    def by_name(self) -> dict[str, list[bytes]]:
        """The raw values by lower-case name, in message order; not to be changed."""
        if self._index is None:
            self._index = {}
            for field_name, value in self.fields:
                self._index.setdefault(field_name.lower(), []).append(value)
        return self._index

    def get_text(self, name: str) -> str:
        """The last field with this name, decoded; "" if there is none."""
        value = self.get(name)
        return "" if value is None else decode_text(value)


def find_body(raw: bytes, start: int, end: int, *, is_strict: bool = False) -> tuple[int, int]:
    """Where the header block of the entity `raw[start:end]` ends and where its body starts.

    A blank line ends the block, and so does a line that cannot be a field unless more fields follow close behind;
    with `is_strict` the blank line alone.
    """
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return start, raw.index(b"\n", start) + 1
    blank = _BLANK_LINE.search(raw, start, end)
    block_end, body = (blank.start() + 1, blank.end()) if blank else (end, end)
    if is_strict:
        return block_end, body
    stray = _find_stray_line(raw, start, min(block_end, start + MAX_HEADER_BLOCK_BYTES))
    return (stray, stray) if stray is not None else (block_end, body)


def _find_stray_line(raw: bytes, start: int, end: int) -> int | None:
    """The first line of the block at which the body has begun without a blank line, or None."""
    stray, strays, position = -1, 0, start
    while position < end:
        line_end = raw.find(b"\n", position, end)
        line_end = end if line_end < 0 else line_end + 1
        is_first = position == start
        if _FIELD.match(raw, position, line_end):
            strays = 0
        elif strays or not (raw[position] in b" \t" or (is_first and raw.startswith((b"From ", b">From "), position))):
            stray = position if not strays else stray
            strays += 1
            if strays > _JUNK_LINES:
                return stray
        position = line_end
    return stray if strays else None


def parse_header_block(raw: bytes) -> Headers:
    """The fields of a header block, which may be followed by a blank line and a body."""
    return read_headers(raw, 0, len(raw))[0]


def read_headers(
    raw: bytes, start: int, end: int, *, max_headers: int = MAX_HEADERS
) -> tuple[Headers, tuple[Defect, ...]]:
    """The fields of the block `raw[start:end]` and the defects found: caps passed (R43), lines that are no field."""
    defects: dict[Defect, None] = {}
    block = raw[start : min(end, start + MAX_HEADER_BLOCK_BYTES)]
    if end - start > MAX_HEADER_BLOCK_BYTES:
        defects["header-block-too-large"] = None
    if b"\n" not in block and b"\r" in block:
        block = block.replace(b"\r", b"\n")
    fields: list[tuple[str, list[bytes]]] = []
    for found_line in _LINE.finditer(block):
        line = found_line.group()
        if line[0] in b" \t" and fields:
            fields[-1][1].append(line)
        elif found := _FIELD.match(line):
            if len(fields) >= max_headers:
                defects["too-many-headers"] = None
                break
            fields.append((found.group(1).decode("ascii"), [line[found.end() :]]))
        elif line in (b"\n", b"\r\n"):
            break
        elif fields or not line.startswith((b"From ", b">From ")):
            # The line of an mbox in front of the first field is no defect of the message.
            defects["stray-header-line"] = None
    return Headers(tuple((name, _join_value(lines, defects)) for name, lines in fields)), tuple(defects)


def _join_value(lines: list[bytes], defects: dict[Defect, None]) -> bytes:
    value = b"".join(lines) if len(lines) > 1 else lines[0]
    if len(value) > MAX_HEADER_BYTES:
        defects["header-too-large"] = None
        value = value[:MAX_HEADER_BYTES]
    return value.rstrip(b"\r\n")


_MESSAGE_ID = re.compile(r"<([^<>]{1,2000})>")
# One id and nothing else, as in nearly every Message-ID and most In-Reply-To fields.
_SOLE_ID = re.compile(rb"[ \t]*+<([!-;=?-~]{1,998}+)>\s*+")


def parse_message_ids(value: bytes | str) -> tuple[str, ...]:
    """The ids of a Message-ID, In-Reply-To or References field without angle brackets, each once, in order.

    Words without brackets count if there are no brackets at all and the word holds an @.
    """
    if isinstance(value, bytes) and (sole := _SOLE_ID.fullmatch(value)):
        return (sole[1].decode("ascii"),)
    text = header_to_str(value[:MAX_HEADER_BYTES])
    found = _MESSAGE_ID.findall(text)
    if not found:
        found = [word.strip("<>,;\"'") for word in text.split() if "@" in word]
    return _clean_ids(found)


def _clean_ids(found: list[str]) -> tuple[str, ...]:
    ids: dict[str, None] = {}
    for one in found:
        if not (one.isascii() and one.isprintable()) or " " in one:
            # Folding may have cut an id in two.
            one = clean_text("".join(one.split()))
        if one and len(one) <= MAX_MESSAGE_ID_CHARS:
            ids[one] = None
    return tuple(ids)[-MAX_MESSAGE_IDS:]


@dataclass(frozen=True, slots=True)
class ListHeaders:
    """What lists, threads and search need of the header; the same from IMAP's HEADER.FIELDS and from the whole message.

    `header_hash`: hex SHA-256 of these fields, white space and order of different fields apart; part of the
    fingerprint that finds a message again (jmap.md S4).
    """

    from_: tuple[Address, ...] = ()
    sender: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    subject: str = ""
    sent_at: datetime | None = None
    message_id: str | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    list_id: str = ""
    header_hash: str = ""


# The fields that ListHeaders is made from: ask an IMAP server for exactly these.
LIST_HEADER_FIELDS = (
    "date",
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "subject",
    "message-id",
    "in-reply-to",
    "references",
    "list-id",
)
_WANTED = {name.encode(): index for index, name in enumerate(LIST_HEADER_FIELDS)}
# The same by the spellings that nearly all programs use; None: known and not wanted.
_SPELLED: dict[bytes, int | None] = {
    **{spelled: index for name, index in _WANTED.items() for spelled in (name, name.title(), name.upper())},
    b"Message-ID": _WANTED[b"message-id"],
    b"List-ID": _WANTED[b"list-id"],
    b"List-Unsubscribe": None,
    b"Auto-Submitted": None,
}
_LIST_ID = re.compile(r"<([^<>]{1,255})>\s*$")
_MAX_LIST_ID_CHARS = 255


def parse_list_headers(raw_header_block: bytes) -> ListHeaders:
    """The lean decoder of sync: one pass over the lines, only wanted fields are looked at, about 15 microseconds."""
    last: list[bytes] = [b""] * len(LIST_HEADER_FIELDS)
    hashed = []
    for index, value in _wanted_values(raw_header_block):
        hashed.append(b"%d:%s\n" % (index, b" ".join(value.split())))
        last[index] = value
    date, from_, sender, reply_to, to, cc, bcc, subject, message_id, in_reply_to, references, list_id = last
    return ListHeaders(
        from_=parse_addresses(from_) if from_ else (),
        sender=parse_addresses(sender) if sender else (),
        reply_to=parse_addresses(reply_to) if reply_to else (),
        to=parse_addresses(to) if to else (),
        cc=parse_addresses(cc) if cc else (),
        bcc=parse_addresses(bcc) if bcc else (),
        subject=decode_text(subject) if subject else "",
        sent_at=parse_date(date) if date else None,
        message_id=_one_message_id(message_id) if message_id else None,
        in_reply_to=parse_message_ids(in_reply_to) if in_reply_to else (),
        references=parse_message_ids(references) if references else (),
        list_id=_parse_list_id(list_id) if list_id else "",
        header_hash=hashlib.sha256(b"".join(hashed)).hexdigest(),
    )


def _wanted_values(block: bytes) -> list[tuple[int, bytes]]:
    """Index in LIST_HEADER_FIELDS and raw value, folding kept, of each wanted field; sorted by index, then by place."""
    block = block[:MAX_HEADER_BLOCK_BYTES] if len(block) > MAX_HEADER_BLOCK_BYTES else block
    found: list[tuple[int, int, list[bytes]]] = []
    current: list[bytes] | None = None
    count = 0
    for line in block.split(b"\n" if b"\n" in block else b"\r"):
        if line.startswith((b" ", b"\t")):
            if current is not None:
                current.append(line)
            continue
        name, colon, value = line.partition(b":")
        if colon:
            count += 1
            index = _SPELLED[name] if name in _SPELLED else _WANTED.get(name.lower().rstrip())
            if index is None:
                current = None
            elif count <= MAX_HEADERS:
                current = [value]
                found.append((index, count, current))
        elif count and (not line or line == b"\r"):
            # The blank line behind the block; any other line without a colon is no field and ends none.
            break
    found.sort()
    return [(index, b"\n".join(lines)[:MAX_HEADER_BYTES].strip()) for index, _, lines in found]


def _one_message_id(value: bytes) -> str | None:
    ids = parse_message_ids(value)
    if ids:
        return ids[0]
    text = clean_text("".join(header_to_str(value[: MAX_MESSAGE_ID_CHARS * 2]).split())).strip("<>")
    return text[:MAX_MESSAGE_ID_CHARS] or None


def _parse_list_id(value: bytes) -> str:
    """The identifier of RFC 2919 without angle brackets, lower case; the whole text where there are none."""
    text = decode_text(value[:MAX_HEADER_BYTES])
    found = _LIST_ID.search(text)
    return (found.group(1) if found else text).strip().lower()[:_MAX_LIST_ID_CHARS]
