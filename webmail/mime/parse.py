"""Whole messages to `Message`: the only place where MIME is taken apart.

An own splitter over one buffer: `email.message_from_bytes` raises or loses content on some dozens of the messages we
test with, and copies an attachment several times. `parse_message` raises nothing but `MessageTooLargeError`; whatever
else is wrong becomes a defect and something readable (security.md R42, R43, R45).

The outermost delimiters are found first and everything else within the slices they leave, so a part whose own last
delimiter is missing ends where its parent says.
"""

import re

from webmail.mime.encoded_words import clean_text, decode_text, header_to_str
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

_TYPE = re.compile(r"[!#$%&'*+.^_`{|}~0-9a-z-]{1,127}/[!#$%&'*+.^_`{|}~0-9a-z-]{1,127}")
_NESTED_TYPES = ("message/rfc822", "message/global", "message/news")
# Types that come without their second half (RFC 2045 5.2 asks for text/plain, which shows a sound file as text).
_BARE_TYPES = {
    "plain": "text/plain",
    "text": "text/plain",
    "multipart": "multipart/mixed",
    "message": "message/rfc822",
    "html": "text/html",
}
_SWAPPED_TYPES = {"plain/text": "text/plain", "html/text": "text/html"}
# What looks like a delimiter where the declared one does not occur: a line in front of a Content- field.
_GUESSED = re.compile(rb"(?:\A|\n)--([^\r\n]{1,200})\r?\n(?=Content-)", re.IGNORECASE)
_GUESS_BYTES = 64 * 1024


def parse_message(raw: bytes) -> Message:
    """Take a message apart. Raises `MessageTooLargeError` over MAX_MESSAGE_BYTES and nothing else."""
    if len(raw) > MAX_MESSAGE_BYTES:
        raise MessageTooLargeError(f"{len(raw)} bytes; at most {MAX_MESSAGE_BYTES} are taken apart")
    splitter = _Splitter(raw)
    root = splitter.read_entity(0, len(splitter.raw), "", 0, "text/plain")
    list_headers = parse_list_headers(splitter.raw[: min(splitter.first_body, MAX_HEADER_BLOCK_BYTES)])
    return Message(root.headers, list_headers, root, tuple(splitter.defects))


class _Splitter:
    """One message being taken apart, with the caps that hold for all of it."""

    def __init__(self, raw: bytes) -> None:
        self.defects: dict[str, None] = {}
        if b"\n" not in raw and b"\r" in raw:
            self.defects["bare-cr-line-ends"] = None
            raw = raw.replace(b"\r", b"\n")
        self.raw = raw
        self.view = memoryview(raw)
        self.part_count = 0
        self.scanned_bytes = 0
        self.header_budget = MAX_HEADERS_PER_MESSAGE
        self.first_body = 0

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
        content_type = parse_parameters(raw_type)
        part = _describe(headers, content_type, default_type if raw_type is None else None)
        if part.type.startswith("multipart/"):
            if depth < MAX_DEPTH and self.scanned_bytes < MAX_SCANNED_BYTES:
                part.parts = self.read_multipart(part.type, content_type, (body, end), section, depth + 1)
                return part
            self.defects["too-deep"] = None
            part.type = "application/octet-stream"
        part.part_id = section or "1"
        part.source = self.view[body:end]
        if part.type in _NESTED_TYPES:
            part.parser = parse_message
        return part

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
        """The slices between the delimiter lines of `boundary` (RFC 2046 5.1.1), or None if it does not occur.

        The line must hold nothing else: one delimiter may be the beginning of another.
        """
        self.scanned_bytes += end - start
        line = re.escape(boundary) + rb"(--)?[ \t]*+(?=\r?\n|\Z)"
        slices: list[tuple[int, int]] = []
        part_start: int | None = None
        is_closed = False
        first = re.compile(rb"--" + line).match(self.raw, start, end)
        found = first or re.compile(rb"\n--" + line).search(self.raw, start, end)
        following = re.compile(rb"\n--" + line)
        while found is not None:
            if part_start is not None:
                slices.append((part_start, self.before_line(part_start, found.start())))
            line_end = self.raw.find(b"\n", found.end(), end)
            part_start = end if line_end < 0 else line_end + 1
            is_closed = found.group(1) is not None
            if is_closed or len(slices) > MAX_PARTS:
                break
            found = following.search(self.raw, max(found.end(), part_start - 1), end)
        if part_start is None:
            return None
        if not is_closed:
            self.defects["missing-final-boundary"] = None
            if part_start < end:
                slices.append((part_start, end))
        return slices

    def before_line(self, start: int, line_feed: int) -> int:
        """The end of a part whose delimiter follows `line_feed`: the line end in front belongs to the delimiter."""
        end = line_feed - 1 if line_feed > start and self.raw[line_feed - 1] == 0x0D else line_feed
        return max(start, end)


def _describe(headers: Headers, content_type: ParameterValue, default_type: str | None) -> Part:
    """A part with everything its header says; `default_type` if it has no Content-Type."""
    disposition = parse_parameters(headers.get_first("content-disposition"))
    name = disposition.text("filename") or content_type.text("name")
    kind = default_type or _repair_type(content_type.value, is_file=bool(name) or disposition.value == "attachment")
    charset = content_type.first("charset")
    if not kind.startswith("text/"):
        charset = None
    location = headers.get_text("content-location")
    return Part(
        part_id=None,
        type=kind,
        headers=headers,
        charset=(clean_text(charset).lower() or "us-ascii") if charset is not None else _implied_charset(kind),
        disposition=disposition.value or None,
        name=name or None,
        cid=_content_id(headers),
        language=_languages(headers),
        location="".join(location.split()) or None,
        encoding=_encoding(headers),
    )


def _repair_type(value: str, *, is_file: bool) -> str:
    if _TYPE.fullmatch(value):
        return _SWAPPED_TYPES.get(value, value)
    bare = value.partition("/")[0].strip()
    if bare in _BARE_TYPES:
        return _BARE_TYPES[bare]
    # RFC 2045 5.2: what cannot be read as a type is plain text, but a file is better saved than shown.
    return "application/octet-stream" if is_file or bare in ("audio", "image", "video", "application") else "text/plain"


def _implied_charset(kind: str) -> str | None:
    return "us-ascii" if kind.startswith("text/") else None


def _content_id(headers: Headers) -> str | None:
    raw = headers.get_first("content-id")
    if raw is None:
        return None
    text = clean_text("".join(header_to_str(raw[:2_000]).split()))
    return text.removeprefix("<").removesuffix(">") or None


def _languages(headers: Headers) -> tuple[str, ...] | None:
    raw = headers.get_first("content-language")
    if raw is None:
        return None
    tags = tuple(tag for piece in decode_text(raw[:2_000]).split(",") if (tag := piece.strip()))
    return tags or None


def _encoding(headers: Headers) -> str:
    raw = headers.get_first("content-transfer-encoding")
    if raw is None:
        return ""
    words = raw[:200].decode("ascii", "replace").lower().replace(";", " ").strip().strip("\"'").split()
    return clean_text(words[0].strip("\"'")) if words else ""
