"""What is wrong with the header fields of a message, told from what was read of them anyway. Cheap; raises nothing."""

import re
from typing import Final

from webmail.mime.defects import Defect
from webmail.mime.headers import Headers, ListHeaders

# RFC 5322 3.6: fields that occur at most once.
_ONCE: Final = (
    "from", "date", "subject", "to", "cc", "sender", "reply-to", "message-id", "in-reply-to", "references", "mime-version",
)  # fmt: skip
_START: Final = re.compile(rb"=\?[^=?\s]")
_WORD: Final = re.compile(rb"=\?[^?\s]{1,80}+\?[bBqQ]\?[^?\s]*+\?=")


def header_defects(headers: Headers, shown: ListHeaders) -> list[Defect]:
    """The defects of the message's own header. `shown`: the same fields, decoded."""
    found: list[Defect] = []
    fields = headers.by_name()
    if any(len(fields[name]) > 1 for name in _ONCE if name in fields):
        found.append("repeated-field")
    if shown.sent_at is None and (headers.get("date") or b"").strip():
        found.append("bad-date")
    found.extend(_encoding_defects(headers, shown))
    return found


def _encoding_defects(headers: Headers, shown: ListHeaders) -> list[Defect]:
    found: list[Defect] = []
    raw = [value for name in ("subject", "from", "to", "cc", "reply-to") if (value := headers.get(name))]
    if not all(value.isascii() for value in raw) and not all(map(_is_utf8, raw)):
        found.append("eight-bit-header")
    names = [address.name for address in (*shown.from_, *shown.to, *shown.cc, *shown.reply_to)]
    text = "\n".join([shown.subject, *names])
    # Somebody may write "=?" himself; then it is inside of an encoded word.
    if "\ufffd" in text or (
        "=?" in text and any(len(_START.findall(value)) > len(_WORD.findall(value)) for value in raw)
    ):
        found.append("broken-encoded-word")
    return found


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
