"""The defects that show only when content is decoded: for who asks for them, not for each message that is read."""

from typing import Final

from webmail.mime.charsets import find_codec
from webmail.mime.defects import Defect
from webmail.mime.part import Message, Part
from webmail.mime.transfer import BASE64

# Looked at of each part, octets: enough to tell.
_LOOKED_AT_BYTES: Final = 1_000_000
_BASE64_BYTES: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"


def find_defects(message: Message) -> tuple[Defect, ...]:
    """All defects of a message: those of its structure (`Message.defects`) and those of its content."""
    found: dict[Defect, None] = dict.fromkeys(message.defects)
    for part in message.root.walk():
        if part.part_id is not None and part.part_id not in message.left_out:
            found.update(dict.fromkeys(_of_part(part)))
    return tuple(found)


def _of_part(part: Part) -> list[Defect]:
    found: list[Defect] = []
    if part.encoding in BASE64 and not _is_base64(bytes(part.source[:_LOOKED_AT_BYTES]), len(part.source)):
        found.append("bad-base64")
    if not part.type.startswith("text/"):
        return found
    text, has_problem = part.text(_LOOKED_AT_BYTES)
    if part.charset is not None and find_codec(part.charset) is None:
        found.append("unknown-charset")
    if "\ufffd" in text:
        found.append("undecodable-bytes")
    elif has_problem and not found and not part.is_embedded:
        found.append("wrong-charset")
    return found


def _is_base64(start: bytes, size: int) -> bool:
    if start.translate(None, _BASE64_BYTES):
        return False
    packed = start.translate(None, b" \t\r\n")
    body = packed.rstrip(b"=")
    return len(start) < size or (b"=" not in body and len(packed) % 4 == 0 and len(packed) - len(body) <= 2)
