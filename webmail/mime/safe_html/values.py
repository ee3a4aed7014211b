"""Writers of single CSS values: each takes one token and returns our own text for it, or None if it may not stand there.

Nothing is copied from the mail: numbers are written from their value, words from a list, colours from what they mean. There is
no url(), var(), expression(), attr() or escape here, so nothing has to be recognised as bad (security R7).

A text may hold two marks of ours, which `css.py` resolves: a colour with its form for the dark (`COLOR_MARK`), and a picture's
URL (`URL_MARK`). No writer lets a control character of a mail through, so no mail can write a mark.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from tinycss2.color4 import parse_color as parse_function

from webmail.mime.safe_html.colors import Color, Role, adapt, color_from_hex, color_from_name

MAX_LENGTH_PX: Final = 4_000.0
MAX_FONT_PX: Final = 200.0
MAX_PERCENT: Final = 1_000.0
MAX_URL_CHARS: Final = 200_000

COLOR_MARK: Final = "\x02{}|{}\x03"
URL_MARK: Final = "\x04{}\x05"

_PX_PER_UNIT: Final = {
    "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78, "em": 16.0, "rem": 16.0, "ex": 8.0, "ch": 8.0,
}  # fmt: skip
_COLOR_FUNCTIONS: Final = frozenset({"rgb", "rgba", "hsl", "hsla"})
_HEX: Final = re.compile(r"[0-9a-fA-F]{3,8}\Z")
_CONTROLS: Final = re.compile("[\x00-\x20\x7f]")

Token = Any  # tinycss2 has no type information
Write = Callable[[Token], "str | None"]
Rule = Callable[[Sequence[Token]], "str | None"]


def number(value: float) -> str:
    """At most four digits behind the point, none needless."""
    return f"{value:.4f}".rstrip("0").rstrip(".") or "0"


def keyword(*words: str) -> Write:
    """One of `words`."""
    allowed = frozenset(words)

    def write(token: Token) -> str | None:
        return token.lower_value if token.type == "ident" and token.lower_value in allowed else None

    return write


def length(*, low: float = 0.0, high: float = MAX_LENGTH_PX) -> Write:
    """A length in px-like units between `low` and `high` px, a percentage, or zero."""

    def write(token: Token) -> str | None:
        if token.type == "number":
            return "0" if token.value == 0 else None
        if token.type == "percentage":
            is_fine = (low < 0 or token.value >= 0) and abs(token.value) <= MAX_PERCENT
            return f"{number(token.value)}%" if is_fine else None
        if token.type != "dimension" or token.lower_unit not in _PX_PER_UNIT:
            return None
        pixels = token.value * _PX_PER_UNIT[token.lower_unit]
        return f"{number(token.value)}{token.lower_unit}" if low <= pixels <= high else None

    return write


def difference(token: Token) -> str | None:
    """`calc()` in its one simple form: a percentage, plus or minus a length."""
    if token.type != "function" or token.lower_name != "calc":
        return None
    inside = [part for part in token.arguments if part.type != "whitespace"]
    if len(inside) != 3 or inside[1].type != "literal" or inside[1].value not in "+-":
        return None
    terms = [_TERM(inside[0]), _TERM(inside[2])]
    return f"calc({terms[0]} {inside[1].value} {terms[1]})" if None not in terms else None


_TERM: Final = length()


def plain_number(*, low: float, high: float) -> Write:
    """A number without unit."""

    def write(token: Token) -> str | None:
        return number(token.value) if token.type == "number" and low <= token.value <= high else None

    return write


def color(role: Role) -> Write:
    """A colour, marked with what it becomes in the dark as text, background or border."""

    def write(token: Token) -> str | None:
        text, found = _read_color(token)
        if text is None or found is None:
            return text
        adapted = adapt(found, role)
        return text if adapted == found else COLOR_MARK.format(text, adapted.css())

    return write


def any_of(*writers: Write) -> Write:
    """What the first writer that knows the token makes of it."""

    def write(token: Token) -> str | None:
        return next((text for text in (writer(token) for writer in writers) if text is not None), None)

    return write


def list_of(writer: Write, *, at_most: int = 1) -> Rule:
    """A property whose value is up to `at_most` tokens that `writer` knows."""

    def rule(tokens: Sequence[Token]) -> str | None:
        if len(tokens) > at_most:
            return None
        written = [writer(token) for token in tokens]
        return " ".join(text for text in written if text is not None) if None not in written else None

    return rule


def split_at_commas(tokens: Iterable[Token]) -> list[list[Token]]:
    """The layers of a value, without white space and comments."""
    layers: list[list[Token]] = [[]]
    for token in tokens:
        if token.type == "literal" and token.value == ",":
            layers.append([])
        elif token.type not in {"whitespace", "comment"}:
            layers[-1].append(token)
    return layers


def url_of(token: Token) -> str | None:
    """What a `url()` refers to, without blanks and control characters; None for any other token."""
    if token.type == "url":
        found = token.value
    elif token.type == "function" and token.lower_name == "url":
        inside = [part for part in token.arguments if part.type not in {"whitespace", "comment"}]
        found = inside[0].value if len(inside) == 1 and inside[0].type == "string" else ""
    else:
        return None
    return _CONTROLS.sub("", found) if len(found) <= MAX_URL_CHARS else ""


def _read_color(token: Token) -> tuple[str | None, Color | None]:
    """Our text for a colour, and which it is; words such as `inherit` have none."""
    if token.type == "hash":
        found = color_from_hex(token.value) if _HEX.match(token.value) else None
        return (f"#{token.value}", found) if found else (None, None)
    if token.type == "ident":
        word = token.lower_value
        if word in {"inherit", "initial", "currentcolor"}:
            return word, None
        found = color_from_name(word)
        return (word, found) if found else (None, None)
    if token.type == "function" and token.lower_name in _COLOR_FUNCTIONS:
        text = _color_function(token.lower_name, token.arguments)
        return (text, _color_of_function(text)) if text else (None, None)
    return None, None


def _color_function(name: str, arguments: Iterable[Token]) -> str | None:
    parts = []
    for token in arguments:
        if token.type == "number":
            parts.append(number(max(-1000.0, min(1000.0, token.value))))
        elif token.type == "percentage":
            parts.append(f"{number(max(0.0, min(100.0, token.value)))}%")
        elif token.type == "literal" and token.value == "/":
            parts.append("/")
        elif not (token.type == "whitespace" or (token.type == "literal" and token.value == ",")):
            return None
    numbers = [part for part in parts if part != "/"]
    if len(numbers) not in {3, 4} or parts.count("/") > 1:
        return None
    return f"{name}({','.join(numbers)})"


def _color_of_function(text: str) -> Color | None:
    found = parse_function(text)
    if found is None or isinstance(found, str):
        return None
    red, green, blue = (max(0.0, min(1.0, part)) for part in found.to("srgb").coordinates)
    return Color(red, green, blue, max(0.0, min(1.0, found.alpha)))
