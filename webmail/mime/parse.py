"""Whole messages to `Message`: the only place where MIME is taken apart.

An own splitter over one buffer: `email.message_from_bytes` raises or loses content on some dozens of the messages we
test with, and copies an attachment several times. `parse_message` raises nothing but `MessageTooLargeError`; whatever
else is wrong becomes a defect and something readable (security.md R42, R43, R45).

The outermost delimiters are found first and everything else within the slices they leave, so a part whose own last
delimiter is missing ends where its parent says.
"""

import re

from webmail.mime.defects import Defect
from webmail.mime.describe import describe
from webmail.mime.embedded.find import add_files_of_text, add_parts_of_tnef, is_tnef_part, may_hold_files
from webmail.mime.embedded.smime import SMIME_TYPES, smime_content, smime_kind
from webmail.mime.header_defects import header_defects
from webmail.mime.headers import Headers, find_body, parse_list_headers, read_headers
from webmail.mime.limits import (
    MAX_BOUNDARY_BYTES,
    MAX_DEPTH,
    MAX_HEADER_BLOCK_BYTES,
    MAX_HEADERS,
    MAX_HEADERS_PER_MESSAGE,
    MAX_MESSAGE_BYTES,
    MAX_PARTS,
    MAX_SCANNED_BYTES,
    MessageTooLargeError,
)
from webmail.mime.parameters import ParameterValue, parse_parameters
from webmail.mime.part import Message, Part
from webmail.mime.transfer import is_known_encoding

_TEXT_TYPES = ("text/plain", "text/html")
# Signed content within signed content.
_MAX_SMIME_DEPTH = 3
_NESTED_TYPES = ("message/rfc822", "message/global", "message/news")
_DELIMITER_END = re.compile(rb"(--)?[ \t]*+(?=\r?\n|\Z)")
_MAX_NEAR_MISSES = 2_000
# What looks like a delimiter where the declared one does not occur: a line in front of a Content- field.
_GUESSED = re.compile(rb"(?:\A|\n)--([^\r\n]{1,200})\r?\n(?=Content-)", re.IGNORECASE)
_GUESS_BYTES = 64 * 1024


def parse_message(raw: bytes) -> Message:
    """Take a message apart. Raises `MessageTooLargeError` over MAX_MESSAGE_BYTES and nothing else."""
    if len(raw) > MAX_MESSAGE_BYTES:
        raise MessageTooLargeError(f"{len(raw)} bytes; at most {MAX_MESSAGE_BYTES} are taken apart")
    splitter = _Splitter(raw)
    root = splitter.read_entity(0, len(splitter.raw), "", 0, "text/plain")
    splitter.open_tnef(root)
    list_headers = parse_list_headers(splitter.raw[: min(splitter.first_body, MAX_HEADER_BLOCK_BYTES)])
    splitter.defects.update(dict.fromkeys(header_defects(root.headers, list_headers)))
    return Message(root.headers, list_headers, root, tuple(splitter.defects))


class _Splitter:
    """One message being taken apart, with the caps that hold for all of it."""

    def __init__(self, raw: bytes) -> None:
        self.defects: dict[Defect, None] = {}
        if b"\n" not in raw and b"\r" in raw:
            self.defects["bare-cr-line-ends"] = None
            raw = raw.replace(b"\r", b"\n")
        self.raw = raw
        self.view = memoryview(raw)
        self.part_count = 0
        self.scanned_bytes = 0
        self.header_budget = MAX_HEADERS_PER_MESSAGE
        self.first_body = 0
        self.smime_depth = 0
        self.tnef_parts: list[Part] = []

    def read_entity(self, start: int, end: int, section: str, depth: int, default_type: str) -> Part:
        """The entity `raw[start:end]`. `section`: its IMAP section number, "" for the message itself."""
        self.part_count += 1
        block_end, body = find_body(self.raw, start, end, is_strict=self.header_budget <= 0)
        headers, defects = read_headers(self.raw, start, block_end, max_headers=min(MAX_HEADERS, self.header_budget))
        self.header_budget -= len(headers)
        self.defects.update(dict.fromkeys(defects))
        if not section:
            self.first_body = block_end
        if body == block_end and body < end:
            self.defects["missing-blank-line"] = None
        raw_type = headers.get_first("content-type")
        if headers.count("content-type") > 1:
            self.defects["several-content-types"] = None
        content_type = parse_parameters(raw_type)
        part = describe(headers, content_type, default_type if raw_type is None else None)
        if raw_type is not None and part.type != content_type.value:
            self.defects["bad-content-type"] = None
        if part.type.startswith("multipart/"):
            if depth < MAX_DEPTH and self.scanned_bytes < MAX_SCANNED_BYTES:
                part.parts = self.read_multipart(part.type, content_type, (body, end), section, depth + 1)
                return part
            self.defects["too-deep"] = None
            part.type = "application/octet-stream"
        part.part_id = section or "1"
        part.source = self.view[body:end]
        self.open_leaf(part, body, end, depth)
        return part

    def open_leaf(self, part: Part, body: int, end: int, depth: int) -> None:
        """What a leaf holds besides its own content: a message, files, a signed entity."""
        if not is_known_encoding(part.encoding):
            self.defects["unknown-transfer-encoding"] = None
        if part.type == "text/plain":
            if part.disposition != "attachment" and may_hold_files(self.raw, body, end, part.encoding):
                self.note(add_files_of_text(part, MAX_PARTS - self.part_count))
                self.part_count += len(part.parts)
        elif part.type in _NESTED_TYPES:
            part.parser = parse_message
        elif part.type in SMIME_TYPES or (part.name and part.name.lower().endswith(".p7m")):
            self.open_smime(part, depth)
        elif is_tnef_part(part):
            self.tnef_parts.append(part)

    def note(self, defects: tuple[Defect, ...]) -> None:
        self.defects.update(dict.fromkeys(defects))

    def open_smime(self, part: Part, depth: int) -> None:
        """The entity that is signed or compressed in one piece becomes a part of its part."""
        content = part.decoded()
        if self.smime_depth >= _MAX_SMIME_DEPTH or smime_kind(content) not in ("signed", "compressed"):
            return
        inner = smime_content(content)
        if not inner:
            # Certificates alone have nothing inside.
            self.note(("unreadable-smime",) if inner is None else ())
            return
        splitter = _Splitter(inner)
        splitter.smime_depth = self.smime_depth + 1
        splitter.part_count, splitter.header_budget = self.part_count, self.header_budget
        root = splitter.read_entity(0, len(splitter.raw), f"{part.part_id}.s1", depth + 1, "text/plain")
        for one in root.walk():
            one.is_embedded = True
        part.parts = (root,)
        self.part_count, self.header_budget = splitter.part_count, splitter.header_budget
        self.tnef_parts += splitter.tnef_parts
        self.note(tuple(splitter.defects))

    def open_tnef(self, root: Part) -> None:
        """The files of winmail.dat; after all else, since its text counts only where the message has no other."""
        if not self.tnef_parts:
            return
        texts = [part for part in root.walk() if part.type in _TEXT_TYPES and part.disposition != "attachment"]
        for part in self.tnef_parts:
            self.note(add_parts_of_tnef(part, texts, MAX_PARTS - self.part_count))
            self.part_count += sum(1 for _ in part.walk()) - 1

    def read_multipart(
        self, kind: str, content_type: ParameterValue, body: tuple[int, int], section: str, depth: int
    ) -> tuple[Part, ...]:
        """The parts between the delimiters; without any delimiter the body itself as one part of text."""
        start, end = body
        default_type = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        prefix = f"{section}." if section else ""
        slices = self.find_slices(content_type, start, end)
        if slices is None:
            self.defects["multipart-without-parts"] = None
            self.part_count += 1
            text = Part(f"{prefix}1", "text/plain", Headers(), charset="us-ascii", source=self.view[start:end])
            return (text,) if bytes(text.source[:1_000]).strip() else ()
        parts: list[Part] = []
        for number, (part_start, part_end) in enumerate(slices, 1):
            if self.part_count >= MAX_PARTS:
                self.defects["too-many-parts"] = None
                break
            parts.append(self.read_entity(part_start, part_end, f"{prefix}{number}", depth, default_type))
        if kind == "multipart/appledouble":
            _share_name(parts)
        return tuple(parts)

    def find_slices(self, content_type: ParameterValue, start: int, end: int) -> list[tuple[int, int]] | None:
        """Where the parts lie, or None if there is no delimiter. Of two declared delimiters the first that occurs counts."""
        declared = list(content_type.parameters.get("boundary", ()))
        if not declared and (extended := content_type.text("boundary")):
            declared = [extended]
        if len(declared) > 1:
            self.defects["several-boundaries"] = None
        for text in declared[:5]:
            boundary = text.rstrip().encode("utf-8", "replace")
            if len(boundary) > MAX_BOUNDARY_BYTES:
                self.defects["boundary-too-long"] = None
                continue
            if boundary and (slices := self.split_at(boundary, start, end)) is not None:
                return slices
        guessed = _GUESSED.search(self.raw[start : min(end, start + _GUESS_BYTES)])
        if guessed is None:
            return None
        self.defects["wrong-boundary"] = None
        return self.split_at(guessed.group(1).rstrip(), start, end)

    def split_at(self, boundary: bytes, start: int, end: int) -> list[tuple[int, int]] | None:
        """The slices between the delimiter lines of `boundary` (RFC 2046 5.1.1), or None if it does not occur."""
        self.scanned_bytes += end - start
        slices: list[tuple[int, int]] = []
        part_start: int | None = None
        is_found = is_closed = False
        mark = b"\n--" + boundary
        found = self.find_delimiter(mark[1:], start, start + len(mark) - 1, end) or self.find_delimiter(
            mark, start, end, end
        )
        while found is not None and len(slices) <= MAX_PARTS:
            is_found = True
            line_start, rest = found
            if part_start is not None:
                slices.append((part_start, self.before_line(part_start, line_start)))
            line_end = self.raw.find(b"\n", rest.end(), end)
            behind = end if line_end < 0 else line_end + 1
            if rest.group(1) is not None:
                part_start, is_closed = None, True
            else:
                if is_closed:
                    # Two levels share one delimiter, and the inner one has ended: what follows is not thrown away.
                    self.defects["parts-behind-end"] = None
                part_start, is_closed = behind, False
            found = self.find_delimiter(mark, max(rest.end(), behind - 1), end, end)
        if not is_found:
            return None
        if part_start is not None:
            self.defects["missing-final-boundary"] = None
            if part_start < end:
                slices.append((part_start, end))
        return slices

    def find_delimiter(self, mark: bytes, start: int, stop: int, end: int) -> tuple[int, re.Match[bytes]] | None:
        """Where `mark` stands in `raw[start:stop]` with nothing but its line's end behind it, and the match of that end.

        The line must hold nothing else: one delimiter may be the beginning of another. Compiling an expression for each
        delimiter would take longer than all else; only text made of near misses gets one.
        """
        for _ in range(_MAX_NEAR_MISSES):
            at = self.raw.find(mark, start, stop)
            if at < 0:
                return None
            if rest := _DELIMITER_END.match(self.raw, at + len(mark), end):
                return at, rest
            start = at + 1
        found = re.compile(re.escape(mark) + _DELIMITER_END.pattern).search(self.raw, start, stop)
        return (found.start(), found) if found else None

    def before_line(self, start: int, line_feed: int) -> int:
        """The end of a part whose delimiter follows `line_feed`: the line end in front belongs to the delimiter."""
        end = line_feed - 1 if line_feed > start and self.raw[line_feed - 1] == 0x0D else line_feed
        return max(start, end)


def _share_name(forks: list[Part]) -> None:
    """Only one half of a file of a Mac may say what it is called (RFC 1740 5)."""
    name = next((part.name for part in forks if part.name), None)
    for part in forks:
        part.name = part.name or name
