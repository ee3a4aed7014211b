"""Groups of fields, the form of all machine-readable reports (RFC 3464 2.1, RFC 8098 3.1, RFC 5965 3), as servers write them.

Blank lines between groups may be missing, or stand where none belong; fields may be in any order and case.
"""

import re
from collections.abc import Iterable
from typing import Final

from webmail.mime.encoded_words import header_to_str
from webmail.mime.headers import Headers, decode_text, parse_header_block
from webmail.mime.part import Part
from webmail.mime.reports.emails import tidy_email
from webmail.mime.reports.wording import clean_words

# What is read of one part with fields: 200 recipients with long diagnostics stay below it.
MAX_FIELD_BYTES: Final = 512 * 1024
MAX_GROUPS: Final = 1_000

_BLANK: Final = re.compile(rb"\n(?:[ \t]*+\n)++")
_RECIPIENT_LINE: Final = re.compile(rb"^(?:final|original)-recipient[ \t]*+:", re.IGNORECASE | re.MULTILINE)
_XTEXT: Final = re.compile(r"\+([0-9A-F]{2})")
_UTF8_XTEXT: Final = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
# The two characters that a program must encode in ORCPT; anything else may be the tag of an address (`me+42@`).
_ORCPT_XTEXT: Final = re.compile(r"\+(2B|3D)")
_TYPE: Final = re.compile(r"\s*(?P<type>[A-Za-z0-9-]{1,40})\s*;\s*(?P<value>.*)", re.DOTALL)
_MAX_VALUE: Final = 4_000


def field_groups(content: bytes) -> tuple[Headers, ...]:
    """The groups of fields of `content`, at most MAX_GROUPS; a group also ends where its recipient field comes again."""
    raw = content[:MAX_FIELD_BYTES]
    raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    groups: list[Headers] = []
    for block in _BLANK.split(raw):
        for piece in _split_repeated(block):
            if len(groups) >= MAX_GROUPS:
                return tuple(groups)
            headers = parse_header_block(piece)
            if len(headers):
                groups.append(headers)
    return tuple(groups)


def _split_repeated(block: bytes) -> Iterable[bytes]:
    """`block` cut before the second recipient of the same kind, as blank lines would have done."""
    if len(_RECIPIENT_LINE.findall(block)) < 2:
        return (block,)
    pieces: list[bytes] = []
    start, seen = 0, set[bytes]()
    for found in _RECIPIENT_LINE.finditer(block):
        name = found.group().rstrip(b" \t:").lower()
        if name in seen:
            pieces.append(block[start : found.start()])
            start, seen = found.start(), set()
        seen.add(name)
    return (*pieces, block[start:])


def field_content(part: Part) -> bytes:
    """The beginning of a part that holds fields; the transfer encoding undone."""
    content = part.decoded()
    return content if len(content) <= MAX_FIELD_BYTES else content[:MAX_FIELD_BYTES]


def typed_value(raw: bytes | None) -> tuple[str, str]:
    """Type in lower case and value of a field such as `rfc822; ann@example.org`; the type is "" where none is given."""
    if raw is None:
        return "", ""
    text = header_to_str(raw[:_MAX_VALUE])
    found = _TYPE.fullmatch(text)
    return (found["type"].lower(), found["value"].strip()) if found else ("", text.strip())


def recipient_email(raw: bytes | None) -> str:
    """The address of a recipient field (RFC 3464 2.3.1 and 2.3.2, RFC 6533 3), "" if it holds no Internet address."""
    kind, value = typed_value(raw)
    if kind == "x400" or not value:
        return ""
    value = value.partition(" (")[0] if value.endswith(")") else value
    value = decode_text(value)
    if kind == "utf-8" or "\\x{" in value:
        value = _UTF8_XTEXT.sub(_from_hex, value)
    return tidy_email(_ORCPT_XTEXT.sub(_from_hex, value))


def decode_xtext(text: str) -> str:
    """`text` without the encoding of RFC 3461 4, one clean line of at most 200 characters."""
    return clean_words(_XTEXT.sub(_from_hex, text), max_chars=200)


def _from_hex(found: re.Match[str]) -> str:
    number = int(found.group(1), 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
