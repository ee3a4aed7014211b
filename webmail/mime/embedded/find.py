"""The files in a text and in a winmail.dat as `Part`s, under the part that holds them (security R45).

All of the tree's users see them as they see any other part. Nothing here raises, and nothing is decoded that need not be:
a file in a text stays where it stands in the message and is decoded when somebody asks for it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from webmail.mime.charsets import decode_bytes
from webmail.mime.defects import Defect
from webmail.mime.embedded.compressed_rtf import MAX_RTF_BYTES, decompress_rtf
from webmail.mime.embedded.found import FoundFile
from webmail.mime.embedded.rtf import read_rtf
from webmail.mime.embedded.tnef import Tnef, TnefFile, is_tnef, read_tnef
from webmail.mime.embedded.uuencode import find_uuencoded
from webmail.mime.embedded.yenc import find_yenc
from webmail.mime.encoded_words import clean_text
from webmail.mime.filenames import type_of_name
from webmail.mime.headers import Headers
from webmail.mime.part import Part
from webmail.mime.transfer import IDENTITY, QUOTED_PRINTABLE

TNEF_TYPES: Final = frozenset({"application/ms-tnef", "application/vnd.ms-tnef", "application/x-ms-tnef"})
# Files of one text.
MAX_FILES_IN_TEXT: Final = 200
# Messages within the messages of a winmail.dat.
MAX_TNEF_DEPTH: Final = 4

_TNEF_NAME: Final = re.compile(r"winmail[\w.() -]{0,20}\.dat|.{1,200}\.tnef", re.IGNORECASE)
_MARKS: Final = (b"\nbegin ", b"\nbegin-base64 ", b"\n=ybegin ")
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
_BLANK_LOOKED_AT: Final = 4_000


def may_hold_files(raw: bytes, start: int, end: int, encoding: str) -> bool:
    """Whether a text may hold files: the quick look that every text gets. Text in base64 is not looked into."""
    if raw.find(b"begin", start, end) < 0 or not (encoding in IDENTITY or encoding in QUOTED_PRINTABLE):
        return False
    # A text comes behind the line end of its header, if it has one.
    return any(raw.find(mark, max(0, start - 1), end) >= 0 or raw.startswith(mark[1:], start, end) for mark in _MARKS)


def add_files_of_text(part: Part, max_parts: int) -> tuple[Defect, ...]:
    """Give a text the files that stand in it as `parts`, at most `max_parts`; `left_out` says where."""
    is_plain = part.encoding in IDENTITY
    content = bytes(part.source) if is_plain else part.decoded()
    found = _in_order(content, min(max_parts, MAX_FILES_IN_TEXT))
    if not found:
        return ()
    view = part.source if is_plain else memoryview(content)
    files = [_file_of_text(part.part_id or "1", some, view) for some in _pieces_together(found)]
    part.parts = tuple(_numbered(files))
    part.left_out = tuple((one.start, one.end) for one in found)
    return ("incomplete-file",) if any(one.is_cut for one in found) else ()


def _in_order(content: bytes, limit: int) -> list[FoundFile]:
    found: list[FoundFile] = []
    for one in sorted(
        [*_some(find_uuencoded(content), limit), *_some(find_yenc(content), limit)], key=lambda one: one.start
    ):
        if len(found) < limit and (not found or one.start >= found[-1].end):
            found.append(one)
    return found


def _some(found: Iterator[FoundFile], limit: int) -> list[FoundFile]:
    return [one for one, _ in zip(found, range(limit), strict=False)]


def _pieces_together(found: list[FoundFile]) -> Iterator[list[FoundFile]]:
    """The pieces of one file that follow each other are one file."""
    for is_piece, some in groupby(found, key=lambda one: (one.number > 0, one.name, one.total_bytes)):
        pieces = list(some)
        if is_piece[0] and [one.number for one in pieces] == list(range(1, len(pieces) + 1)):
            yield pieces
        else:
            yield from ([one] for one in pieces)


def _file_of_text(holder: str, pieces: list[FoundFile], view: memoryview) -> Part:
    first = pieces[0]
    name = clean_text(decode_bytes(first.name, None)[0])
    source = view[first.start : first.end]
    if len(pieces) > 1:
        source = memoryview(b"".join(bytes(view[one.start : one.end]) for one in pieces))
    part = _new_file(holder, name, source)
    part.encoding = first.encoding
    if first.number and len(pieces) == 1 and part.size_bytes < first.total_bytes:
        part.name = f"{name}.part{first.number}"
        part.type = "application/octet-stream"
    return part


def _numbered(files: Iterable[Part]) -> Iterator[Part]:
    counts: dict[str, int] = {}
    for part in files:
        letter = "y" if part.encoding == "x-yenc" else "u"
        counts[letter] = counts.get(letter, 0) + 1
        part.part_id = f"{part.part_id}.{letter}{counts[letter]}"
        yield part


def _new_file(part_id: str, name: str, source: memoryview, kind: str = "") -> Part:
    kind = kind if _TYPE.fullmatch(kind) and not kind.startswith("multipart/") else type_of_name(name)
    return Part(
        part_id,
        kind,
        Headers(),
        charset="us-ascii" if kind.startswith("text/") else None,
        disposition="attachment",
        name=name or None,
        source=source,
        is_embedded=True,
    )


def is_tnef_part(part: Part) -> bool:
    """Whether this leaf is a winmail.dat: by its type or name, and by its first bytes."""
    if part.type not in TNEF_TYPES and not (part.name and _TNEF_NAME.fullmatch(part.name)):
        return False
    return is_tnef(part.start(4))


@dataclass(slots=True)
class _Budget:
    """What is left for one winmail.dat and all that is inside of it: parts, and octets of RTF unpacked."""

    parts: int
    rtf_bytes: int = MAX_RTF_BYTES

    def take_part(self) -> bool:
        self.parts -= 1
        return self.parts >= 0


def add_parts_of_tnef(part: Part, texts: Iterable[Part], max_parts: int) -> tuple[Defect, ...]:
    """Give a winmail.dat its files as `parts`, and its body unless the message shows that already.

    `texts`: the texts of the message outside of it. Outlook writes the text of the body there and keeps the HTML inside.
    """
    shown = [one for one in texts if not is_blank(one)]
    found = read_tnef(memoryview(part.decoded()))
    budget = _Budget(max_parts)
    holder = part.part_id or "1"
    body: list[Part] = []
    if not any(one.type == "text/html" for one in shown):
        body = _body_of_tnef(holder, found, budget, wants_text=not shown)
    part.parts = (*body, *_files_of_tnef(holder, found.files, budget, 1))
    return ("damaged-tnef",) if found.is_damaged else ()


def is_blank(part: Part) -> bool:
    """Whether a text shows nothing."""
    return not part.start(_BLANK_LOOKED_AT).strip(b" \t\r\n\xa0")


def _body_of_tnef(holder: str, found: Tnef, budget: _Budget, *, wants_text: bool) -> list[Part]:
    """The body as HTML, or as text if there is none and text is wanted."""
    kind, charset, source = "text/html", found.charset, found.html
    if source is None and found.rtf is not None:
        rtf = decompress_rtf(bytes(found.rtf), budget.rtf_bytes)
        budget.rtf_bytes -= len(rtf)
        body = read_rtf(rtf)
        if body.is_html or not found.plain:
            kind = "text/html" if body.is_html else "text/plain"
            charset, source = "utf-8", memoryview(body.text.encode("utf-8", "replace"))
    if source is None and found.plain is not None:
        kind, charset, source = "text/plain", found.plain_charset, found.plain
    is_wanted = source is not None and (kind == "text/html" or wants_text)
    if source is None or not is_wanted or not bytes(source[:_BLANK_LOOKED_AT]).strip() or not budget.take_part():
        return []
    return [Part(f"{holder}.b1", kind, Headers(), charset=charset, source=source, is_embedded=True)]


def _files_of_tnef(holder: str, files: list[TnefFile], budget: _Budget, depth: int) -> list[Part]:
    return [
        _file_of_tnef(f"{holder}.t{number}", one, budget, depth)
        for number, one in enumerate(files, 1)
        if budget.take_part()
    ]


def _file_of_tnef(part_id: str, file: TnefFile, budget: _Budget, depth: int) -> Part:
    if not file.is_message:
        part = _new_file(part_id, file.name, file.data, file.type)
        if file.cid:
            part.cid, part.disposition = file.cid, None
        return part
    part = _new_file(part_id, file.name, file.data, "application/ms-tnef")
    if depth < MAX_TNEF_DEPTH:
        inner = read_tnef(file.data)
        body = _body_of_tnef(part_id, inner, budget, wants_text=True)
        for one in body:
            # A message within the message: its text is not the text of this one.
            one.disposition = "attachment"
            one.name = f"{file.name or 'message'}.{'html' if one.type == 'text/html' else 'txt'}"
        part.parts = (*body, *_files_of_tnef(part_id, inner.files, budget, depth + 1))
    return part
