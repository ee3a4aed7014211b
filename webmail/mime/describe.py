"""A part from what its header says of it: type, file name, encoding and the rest (RFC 2045, 2183, 2392, RFC 8621 4.1.4)."""

import re

from webmail.mime.encoded_words import clean_text, decode_text, header_to_str
from webmail.mime.headers import Headers
from webmail.mime.parameters import ParameterValue, parse_parameters
from webmail.mime.part import Part

_TYPE = re.compile(r"[!#$%&'*+.^_`{|}~0-9a-z-]{1,127}/[!#$%&'*+.^_`{|}~0-9a-z-]{1,127}")
# Types that come without their second half (RFC 2045 5.2 asks for text/plain, which shows a sound file as text).
_BARE_TYPES = {
    "plain": "text/plain",
    "text": "text/plain",
    "multipart": "multipart/mixed",
    "message": "message/rfc822",
    "html": "text/html",
}
_SWAPPED_TYPES = {"plain/text": "text/plain", "html/text": "text/html"}
_MAX_CHARSET_CHARS = 80
# The encodings as nearly all programs write them.
_ENCODINGS = {
    b"7bit": "7bit",
    b"8bit": "8bit",
    b"base64": "base64",
    b"quoted-printable": "quoted-printable",
    b"binary": "binary",
}


def describe(headers: Headers, content_type: ParameterValue, default_type: str | None) -> Part:
    """A part with everything its header says; `default_type` if it has no Content-Type."""
    fields = headers.by_name()
    disposition = parse_parameters(_first(fields, "content-disposition"))
    name = disposition.text("filename") or content_type.text("name")
    kind = default_type or _repair_type(content_type.value, is_file=bool(name) or disposition.value == "attachment")
    is_text = kind.startswith("text/")
    charset = content_type.first("charset") if is_text else None
    location = headers.get_text("content-location") if "content-location" in fields else ""
    raw_cid, raw_encoding = _first(fields, "content-id"), _first(fields, "content-transfer-encoding")
    raw_languages = _first(fields, "content-language")
    return Part(
        part_id=None,
        type=kind,
        headers=headers,
        charset=(clean_text(charset[:_MAX_CHARSET_CHARS]).lower() or "us-ascii")
        if charset is not None
        else "us-ascii"
        if is_text
        else None,
        disposition=clean_text(disposition.value) or None,
        name=name or None,
        cid=_content_id(raw_cid) if raw_cid is not None else None,
        language=_languages(raw_languages) if raw_languages is not None else None,
        location="".join(location.split()) or None,
        encoding=_encoding(raw_encoding) if raw_encoding is not None else "",
    )


def _first(fields: dict[str, list[bytes]], name: str) -> bytes | None:
    values = fields.get(name)
    return values[0] if values else None


def _repair_type(value: str, *, is_file: bool) -> str:
    if _TYPE.fullmatch(value):
        return _SWAPPED_TYPES.get(value, value)
    bare = value.partition("/")[0].strip()
    if bare in _BARE_TYPES:
        return _BARE_TYPES[bare]
    # RFC 2045 5.2: what cannot be read as a type is plain text, but a file is better saved than shown.
    return "application/octet-stream" if is_file or bare in ("audio", "image", "video", "application") else "text/plain"


def _content_id(raw: bytes) -> str | None:
    text = clean_text("".join(header_to_str(raw[:2_000]).split()))
    return text.removeprefix("<").removesuffix(">") or None


def _languages(raw: bytes) -> tuple[str, ...] | None:
    tags = tuple(tag for piece in decode_text(raw[:2_000]).split(",") if (tag := piece.strip()))
    return tags or None


def _encoding(raw: bytes) -> str:
    known = _ENCODINGS.get(raw.strip().lower())
    if known is not None:
        return known
    words = raw[:200].decode("ascii", "replace").lower().replace(";", " ").strip().strip("\"'").split()
    return clean_text(words[0].strip("\"'")) if words else ""
