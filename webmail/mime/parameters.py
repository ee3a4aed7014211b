"""Values with parameters: Content-Type and Content-Disposition, as RFC 2045, 2183 and 2231 have them and as they come.

One pass; a value is never rejected, what cannot be read is left out.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from webmail.mime.charsets import decode_bytes, find_codec
from webmail.mime.encoded_words import clean_text, decode_text, header_to_str
from webmail.mime.limits import MAX_HEADER_BYTES

_FOLDING = re.compile(r"\r?\n(?=[ \t])|[\r\n]")
_VALUE = re.compile(r"[^;]*+")
_NAME = re.compile(r"[\s;]*+([^=;]*+)(=?)[ \t]*+")
# A quoted value ends at the first quote that something like the next parameter follows: `name="a "b".txt"` is seen.
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.|"(?![ \t]*+(?:;|\Z|[A-Za-z*0-9-]++=)))*+)"?', re.DOTALL)
_UNESCAPE = re.compile(r'\\(["\\])')
# RFC 2231: name*, name*0, name*0*
_EXTENDED = re.compile(r"(.+?)\*(?:(\d{1,6})(\*)?)?")
# The same form where the star is missing.
_LABELLED = re.compile(r"([A-Za-z0-9_.:-]{2,40})'[A-Za-z-]{0,20}'(.*%[0-9A-Fa-f]{2}.*)", re.DOTALL)
_HIGH_ESCAPE = re.compile(r"%[89A-Fa-f][0-9A-Fa-f]")
_COMMENT = re.compile(r"\([^()]*+\)")


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """`value` without comments and parameters, lower case; `parameters` by lower-case name, each with its values in order."""

    value: str
    parameters: dict[str, list[str]]

    def first(self, name: str) -> str | None:
        """The first value of a parameter as it stood, or None."""
        values = self.parameters.get(name)
        return values[0] if values else None

    def text(self, name: str) -> str | None:
        """A parameter as people read it: continuations joined, RFC 2231 and (against the rules, but common) 2047 decoded."""
        extended = self._extended(name)
        if extended is not None:
            return extended
        plain = self.first(name)
        if plain is None:
            return None
        return _percent_decoded(plain) if "%" in plain else decode_text(plain)

    def _extended(self, name: str) -> str | None:
        segments: dict[int, tuple[str, bool]] = {}
        for key, values in self.parameters.items():
            if not key.startswith(name + "*"):
                continue
            found = _EXTENDED.fullmatch(key)
            if found and found.group(1) == name:
                number = int(found.group(2) or 0)
                segments.setdefault(number, (values[0], found.group(2) is None or found.group(3) is not None))
        return _join_segments(segments) if segments else None


def _percent_decoded(text: str) -> str:
    """A plain value in the coding of RFC 2231, with or without its charset: `UTF-8''%C3%BC.txt`, `%C3%BC.txt`."""
    labelled = _LABELLED.fullmatch(text)
    if labelled and (codec := find_codec(labelled.group(1))) is not None:
        return clean_text(decode_bytes(unquote_to_bytes(labelled.group(2)), codec)[0])
    if _HIGH_ESCAPE.search(text) and "=?" not in text:
        try:
            return clean_text(unquote_to_bytes(text.encode("utf-8", "replace")).decode("utf-8"))
        except UnicodeDecodeError:
            pass
    return decode_text(text)


def _join_segments(segments: dict[int, tuple[str, bool]]) -> str:
    charset: str | None = None
    raw: list[bytes] = []
    is_percent = False
    for position, number in enumerate(sorted(segments)):
        text, is_encoded = segments[number]
        if is_encoded and position == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        elif is_encoded and position == 0 and "'" in text and find_codec(text.partition("'")[0]):
            # The language and its quote are missing.
            charset, _, text = text.partition("'")
        data = text.encode("utf-8", "replace")
        is_percent = is_percent or is_encoded
        raw.append(unquote_to_bytes(data) if is_encoded else data)
    joined = b"".join(raw)
    if not is_percent:
        # Continuations of an encoded word: `name*0="=?utf-8?B?..."; name*1="...?="`.
        return decode_text(joined)
    return clean_text(decode_bytes(joined, charset or None)[0])


def parse_parameters(raw: bytes | None) -> ParameterValue:
    """A raw header value split; an absent one gives an empty value."""
    if not raw:
        return ParameterValue("", {})
    text = _FOLDING.sub("", header_to_str(raw[:MAX_HEADER_BYTES]))
    head = _VALUE.match(text)
    end = head.end() if head else 0
    value = text[:end]
    if "=" in value:
        # `text/plain charset=utf-8`: the semicolon is missing; `name=x.pdf`: the value is.
        first_word = value.split(None, 1)[0]
        value = first_word if "=" not in first_word else ""
        end = text.index(first_word) + len(first_word) if value else 0
    parameters: dict[str, list[str]] = {}
    while end < len(text) and (found := _NAME.match(text, end)):
        end = found.end()
        words = found.group(1).split()
        if found.group(2) and words:
            content, end = _read_value(text, end)
            parameters.setdefault(words[-1].lower(), []).append(content)
    return ParameterValue("".join(_COMMENT.sub("", value).split()).lower() if value else "", parameters)


def _read_value(text: str, start: int) -> tuple[str, int]:
    if text.startswith('"', start) and (quoted := _QUOTED.match(text, start)):
        content = quoted.group(1)
        return _UNESCAPE.sub(r"\1", content) if "\\" in content else content, quoted.end()
    plain = _VALUE.match(text, start)
    if plain is None:
        return "", start + 1
    content = plain.group().strip().strip('"')
    if len(content) > 2 and content[0] == content[-1] == "'":
        content = content[1:-1]
    return content, plain.end()
