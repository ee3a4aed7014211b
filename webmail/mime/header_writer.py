"""Header fields as they go on the wire: RFC 5322 folding, RFC 2047 encoded words, RFC 2231 parameters.

Values in, lines out. Nothing with CR, LF or NUL gets through (security R32), everything is ASCII except an address that only
SMTPUTF8 can carry, and no line is longer than `MAX_LINE_BYTES`.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

from webmail.mime.addresses import Address
from webmail.mime.encoded_words import normalize_nfc

# RFC 5322 2.1.1, without the CRLF.
MAX_LINE_BYTES: Final = 998
_FOLD_AT: Final = 76
# RFC 2047 2 allows 75; with "Disposition-…: " in front a line still keeps within 78.
_MAX_WORD_CHARS: Final = 62
# A word that cannot be folded and is longer than this is encoded, so that it can.
_MAX_PLAIN_WORD_CHARS: Final = 200
_MAX_PARAMETER_CHARS: Final = 60
_MAX_EMAIL_BYTES: Final = 900

_BREAKS: Final = re.compile("[\r\n\x00]")
_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,70}")
_PLAIN_TEXT: Final = re.compile(r"[ -~]*")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+)*")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+")
_MESSAGE_ID: Final = re.compile(r"[!-;=?-~]{1,900}")
# Local part as dot-atom (leniently) or quoted string; domain or address literal. A draft may lack the domain.
_EMAIL: Final = re.compile(
    r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*+"|[^\s\x00-\x1f\x7f-\x9f"(),:;<>@\[\\\]]+)'
    r"(?:@(?:[^\s\x00-\x1f\x7f-\x9f\"(),:;<>@\[\\\]]+|\[[A-Za-z0-9.:]+\])?)?"
)
# RFC 2047 5(3): what may stand for itself in a Q word inside a phrase.
_Q_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


class BadHeaderValue(ValueError):
    """A value that no header can carry: the user must change it. The message names the field, never the value."""


def refuse_line_breaks(value: str, *, what: str) -> str:
    """Return `value`, or raise `BadHeaderValue` if it holds CR, LF or NUL (R32)."""
    if _BREAKS.search(value):
        raise BadHeaderValue(f"{what} holds a line break or a NUL character")
    return value


def wire_address(email: str) -> str:
    """The address for header and envelope: an international domain in its ASCII form (RFC 5891), the rest unchanged.

    A domain whose ASCII form would mean another one (Python knows IDNA 2003 only, which turns ß into ss) stays as it is and
    needs SMTPUTF8.
    """
    local, at, domain = email.rpartition("@")
    if not at or domain.isascii():
        return email
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
        is_same = ascii_domain.encode("ascii").decode("idna") == normalize_nfc(domain).lower()
    except UnicodeError:
        return email
    return f"{local}@{ascii_domain}" if is_same else email


def needs_smtputf8(addresses: Iterable[Address]) -> bool:
    """Whether one of the addresses can only be used with SMTPUTF8 (RFC 6531): non-ASCII left after `wire_address`."""
    return any(not wire_address(address.email).isascii() for address in addresses)


def unstructured_field(name: str, value: str) -> bytes:
    """A field of free text, such as Subject. Spaces inside are kept."""
    _check_name(name)
    refuse_line_breaks(value, what=name)
    is_plain = (
        _PLAIN_TEXT.fullmatch(value)
        and "=?" not in value
        and value == value.strip()
        and (len(value) <= _FOLD_AT or "  " not in value)
    )
    words = value.split(" ") if is_plain else encode_words(value)
    if any(len(word) > _MAX_PLAIN_WORD_CHARS for word in words):
        words = encode_words(value)
    return _fold(name, words)


def address_field(name: str, addresses: Sequence[Address]) -> bytes:
    """A field of addresses; a name without an address, as a draft may hold it, is written with empty brackets."""
    _check_name(name)
    words: list[str] = []
    for index, address in enumerate(addresses):
        written = _write_address(name, address)
        if index < len(addresses) - 1:
            written[-1] += ","
        words.extend(written)
    return _fold(name, words)


def message_id_field(name: str, message_ids: Sequence[str]) -> bytes:
    """A field of message ids, given with or without angle brackets."""
    words = []
    for message_id in message_ids:
        bare = refuse_line_breaks(message_id, what=name).strip().removeprefix("<").removesuffix(">")
        if not _MESSAGE_ID.fullmatch(bare):
            raise BadHeaderValue(f"{name} holds something that is no message id")
        words.append(f"<{bare}>")
    return _fold(name, words)


def parameter_field(name: str, value: str, parameters: Sequence[tuple[str, str]]) -> bytes:
    """A MIME field with parameters, long or non-ASCII ones by RFC 2231. `value` is ours or was checked by the caller."""
    words = [value]
    for key, text in parameters:
        for part in _write_parameter(key, refuse_line_breaks(text, what=f"{name} {key}")):
            words[-1] += ";"
            words.append(part)
    return _fold(name, words)


def encode_words(text: str) -> list[str]:
    """Encoded words (RFC 2047) for `text`, never splitting a character; B or Q, whichever is shorter. UTF-8 throughout."""
    raw = text.encode("utf-8", "replace")
    is_b = len(raw) * 4 / 3 < sum(1 if byte in _Q_PLAIN or byte == 0x20 else 3 for byte in raw)
    room = _MAX_WORD_CHARS - len("=?utf-8?B??=")
    words: list[str] = []
    piece: list[bytes] = []
    used = 0
    for character in raw.decode("utf-8", "replace"):
        unit = character.encode()
        size = len(unit) if is_b else len(_q_encode(unit))
        if used + size > (room * 3 // 4 if is_b else room):
            words.append(_encoded_word(b"".join(piece), is_b=is_b))
            piece, used = [], 0
        piece.append(unit)
        used += size
    if piece:
        words.append(_encoded_word(b"".join(piece), is_b=is_b))
    return words


def _encoded_word(raw: bytes, *, is_b: bool) -> str:
    return f"=?utf-8?B?{base64.b64encode(raw).decode('ascii')}?=" if is_b else f"=?utf-8?Q?{_q_encode(raw)}?="


def _q_encode(raw: bytes) -> str:
    return "".join(chr(byte) if byte in _Q_PLAIN else "_" if byte == 0x20 else f"={byte:02X}" for byte in raw)


def _write_address(field: str, address: Address) -> list[str]:
    name = refuse_line_breaks(address.name, what=field).strip()
    email = wire_address(refuse_line_breaks(address.email, what=field).strip())
    if (email and not _EMAIL.fullmatch(email)) or len(email.encode("utf-8", "replace")) > _MAX_EMAIL_BYTES:
        raise BadHeaderValue(f"{field} holds something that is no address")
    if not name:
        return [email] if email else ["<>"]
    return [*_write_phrase(name), f"<{email}>"]


def _write_phrase(name: str) -> list[str]:
    if not _PLAIN_TEXT.fullmatch(name) or "=?" in name or len(name) > _MAX_PLAIN_WORD_CHARS:
        return encode_words(name)
    if _ATOMS.fullmatch(name):
        return name.split(" ")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{escaped}"']


def _write_parameter(key: str, value: str) -> list[str]:
    if _PLAIN_TEXT.fullmatch(value) and len(value) <= _MAX_PARAMETER_CHARS:
        if _TOKEN.fullmatch(value):
            return [f"{key}={value}"]
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return [f'{key}="{escaped}"']
    pieces: list[str] = [""]
    for character in value.encode("utf-8", "replace").decode("utf-8", "replace"):
        encoded = quote(character, safe="")
        if len(pieces[-1]) + len(encoded) > _MAX_PARAMETER_CHARS:
            pieces.append("")
        pieces[-1] += encoded
    if len(pieces) == 1:
        return [f"{key}*=utf-8''{pieces[0]}"]
    # RFC 2231 4.1: the character set stands in the first segment only.
    return [
        f"{key}*{number}*={'' if number else chr(39).join(('utf-8', '', ''))}{piece}"
        for number, piece in enumerate(pieces)
    ]


def _check_name(name: str) -> None:
    if not _FIELD_NAME.fullmatch(name):
        raise BadHeaderValue("a header name holds a character that none may hold")


def _fold(name: str, words: Sequence[str]) -> bytes:
    """`Name: words`, folded between words; unfolding gives back the words joined by single spaces."""
    lines = [f"{name}: "]
    for index, word in enumerate(words):
        separator = " " if index else ""
        if index and len(lines[-1]) + 1 + len(word) > _FOLD_AT:
            lines.append("")
            separator = " "
        lines[-1] += separator + word
    field = "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n"
    if max(map(len, field.split(b"\r\n"))) > MAX_LINE_BYTES:
        raise BadHeaderValue(f"{name} holds a word longer than a line")
    return field
