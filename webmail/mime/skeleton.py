"""Skeletons: a message with its attachments left empty (sync Y28). What is shown, searched and answered works from it.

The form: one line `PILLARBOX-SKELETON 1 {"2": 48213, ...}` that gives the size of each part left out, and below it an ordinary
message with the same MIME tree, so that section numbers, names and types come from the parser of whole messages. The sizes
stand outside of the message: nothing a stranger writes into a header can look like them. Whoever reads one must know that it
is one; a whole message is never looked at for this line.

A skeleton is taken apart again before it counts. One that does not give the parts it was made from is none, and the caller
keeps to the whole message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from webmail.mime.embedded.find import TNEF_TYPES
from webmail.mime.embedded.smime import SMIME_TYPES
from webmail.mime.headers import Headers, find_body
from webmail.mime.limits import MAX_BOUNDARY_BYTES, MAX_PARTS, MessageTooLargeError
from webmail.mime.parameters import parse_parameters
from webmail.mime.parse import parse_message
from webmail.mime.part import Message, Part
from webmail.mime.transfer import BASE64

SMALL_PART_BYTES = 8_192  # such a part is kept whatever it is: signatures, delivery reports, small pictures
MAX_TEXT_PART_BYTES = 1_048_576  # a larger text makes the message one that is fetched whole
MAX_CALENDAR_BYTES = 262_144
MIN_SAVING_BYTES = 32_768  # left out in all; below it the whole message costs hardly more

_MAGIC = b"PILLARBOX-SKELETON 1 "
_SHOWN_TYPES = frozenset({"text/plain", "text/html"})
# Those whose inside is the message: without them nobody could see what it says and which files it has.
_WRAPPING_TYPES = SMIME_TYPES | TNEF_TYPES
_BLANK = (b"\r\n\r\n", b"\n\n")
_BASE64_LINE = (57, 78)  # octets that a line of base64 holds, and takes with its line end (RFC 2045 6.8)


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity of a message. `header`: its block as it came, with the blank line. `part_id` is None for a multipart.

    `body` None: left out, or a multipart. `size_bytes`: what a download of a part left out gives, as far as is known.
    """

    part_id: str | None
    header: bytes
    body: bytes | memoryview | None = None
    size_bytes: int = 0
    parts: tuple[Entity, ...] = ()


def is_shown_text(kind: str, disposition: str | None) -> bool:
    """Whether a part of this type may be, or hold, the text that a person reads."""
    return (kind in _SHOWN_TYPES and disposition != "attachment") or kind in _WRAPPING_TYPES


def is_kept(kind: str, disposition: str | None, size_bytes: int) -> bool:
    """Whether a skeleton holds the body of such a part; `size_bytes` is its encoded size."""
    if size_bytes <= SMALL_PART_BYTES:
        return True
    if kind == "text/calendar":
        return size_bytes <= MAX_CALENDAR_BYTES
    return is_shown_text(kind, disposition) and size_bytes <= MAX_TEXT_PART_BYTES


def decoded_size(encoded_bytes: int, encoding: str) -> int:
    """About how many octets the content of a part has."""
    content, line = _BASE64_LINE
    return encoded_bytes * content // line if encoding in BASE64 else encoded_bytes


def build_skeleton(root: Entity) -> bytes | None:
    """The skeleton of a message; None when these entities do not make one that reads as they are."""
    sizes = {leaf.part_id: leaf.size_bytes for leaf in _leaves(root) if leaf.body is None and leaf.part_id}
    pieces: list[bytes | memoryview] = [_MAGIC, json.dumps(sizes, separators=(",", ":")).encode("ascii"), b"\r\n"]
    if not _write(root, pieces):
        return None
    raw = b"".join(pieces)
    return raw if _reads_as(raw, root) else None


def skeleton_of(raw: bytes) -> bytes | None:
    """The skeleton of a message whose bytes are here; None when it would save little or not read the same."""
    try:
        message = parse_message(raw)
    except MessageTooLargeError:
        return None
    left_out = 0
    for part in _real_leaves(message):
        size = len(part.source)
        if is_shown_text(part.type, part.disposition) and size > MAX_TEXT_PART_BYTES:
            return None
        left_out += 0 if is_kept(part.type, part.disposition, size) else size
    if left_out < MIN_SAVING_BYTES:
        return None
    root = _entity_of(message.root)
    block_end, body = find_body(raw, 0, len(raw))
    return build_skeleton(replace(root, header=raw[:body] if body > block_end else root.header))


def parse_skeleton(raw: bytes) -> Message:
    """The message of a skeleton; `Message.left_out` names the parts whose content is not in it.

    Raises `ValueError` when the bytes are no skeleton, and `MessageTooLargeError`.
    """
    line, _, rest = raw.partition(b"\r\n")
    if not line.startswith(_MAGIC):
        raise ValueError("these bytes are no skeleton")
    sizes: dict[str, int] = json.loads(line[len(_MAGIC) :])
    message = parse_message(rest)
    for part in message.root.walk():
        if part.part_id in sizes:
            part.known_size(sizes[part.part_id])
    return replace(message, left_out=frozenset(sizes))


def _real_leaves(message: Message) -> Iterator[Part]:
    """The leaves that IMAP knows: what lies within them comes and goes with them."""
    return (part for part in message.root.walk() if not part.is_multipart and not part.is_embedded)


def _leaves(entity: Entity) -> Iterator[Entity]:
    if entity.part_id is not None:
        yield entity
    for part in entity.parts:
        yield from _leaves(part)


def _write(entity: Entity, pieces: list[bytes | memoryview]) -> bool:
    pieces.append(entity.header)
    if entity.part_id is not None and entity.body is not None:
        pieces.append(entity.body)
        return True
    if entity.header not in (b"\r\n", b"\n") and not entity.header.endswith(_BLANK):
        pieces.append(b"\r\n" if entity.header.endswith(b"\n") or not entity.header else b"\r\n\r\n")
    if entity.part_id is not None:
        return True
    boundary = _boundary(entity.header)
    if not boundary or not entity.parts or len(entity.parts) > MAX_PARTS:
        return False
    for part in entity.parts:
        pieces.append(b"--" + boundary + b"\r\n")
        if not _write(part, pieces):
            return False
        pieces.append(b"\r\n")
    pieces.append(b"--" + boundary + b"--\r\n")
    return True


_CONTENT_TYPE = re.compile(rb"^content-type[ \t]*:((?:[^\n]|\n[ \t])*)", re.IGNORECASE | re.MULTILINE)


def _boundary(header: bytes) -> bytes:
    found = _CONTENT_TYPE.search(header)
    text = parse_parameters(found.group(1)).text("boundary") if found else None
    boundary = (text or "").rstrip().encode("utf-8", "replace")
    return boundary if len(boundary) <= MAX_BOUNDARY_BYTES else b""


def _reads_as(raw: bytes, root: Entity) -> bool:
    """Whether taking the skeleton apart gives the parts it was made from, each with the same number and content."""
    try:
        message = parse_skeleton(raw)
    except MessageTooLargeError:
        return False
    found: Sequence[Part] = list(_real_leaves(message))
    expected = list(_leaves(root))
    return len(found) == len(expected) and all(
        part.part_id == leaf.part_id
        and part.source == (b"" if leaf.body is None else leaf.body)
        # A type that a server reads otherwise than we do must not cost a text.
        and (leaf.body is not None or not is_shown_text(part.type, part.disposition))
        for part, leaf in zip(found, expected, strict=True)
    )


def _entity_of(part: Part) -> Entity:
    header = _header_of(part.headers)
    if part.is_multipart:
        return Entity(None, header, parts=tuple(map(_entity_of, part.parts)))
    if is_kept(part.type, part.disposition, len(part.source)):
        return Entity(part.part_id, header, part.source)
    return Entity(part.part_id, header, None, part.size_bytes)


def _header_of(headers: Headers) -> bytes:
    return b"".join(name.encode("ascii") + b":" + value + b"\r\n" for name, value in headers) + b"\r\n"
