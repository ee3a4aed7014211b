"""Filter the declarations of a style attribute by name and by VALUE (security R7, fact 1.3).

A declaration survives only when every token of its value is one that its property is known to take: keywords from a list,
colours, numbers and lengths within caps. No url(), var(), expression(), calc(), escapes, positioning or transforms exist here,
so nothing has to be recognised as bad. What comes out is written by us from checked tokens, never copied from the mail.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import tinycss2
from tinycss2.color3 import parse_color

MAX_STYLE_CHARS: Final = 4_000
# Deep nesting makes no legal value; tinycss2 builds a tree of it.
MAX_BRACKETS: Final = 60
MAX_LENGTH_PX: Final = 4_000.0
MAX_FONT_PX: Final = 200.0
MAX_TOKENS: Final = 40

_PX_PER_UNIT: Final = {
    "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78, "em": 16.0, "rem": 16.0, "ex": 8.0, "ch": 8.0,
}  # fmt: skip
MAX_PERCENT: Final = 1_000.0

_REMOTE: Final = re.compile(r"(?:(?:https?|ftp):)?[/\\]{2}", re.IGNORECASE)
_COLOR_HASH: Final = re.compile(r"(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})\Z")
_WORD: Final = re.compile(r"-?[a-zA-Z][a-zA-Z-]{0,39}\Z")
_FONT_NAME: Final = re.compile(r"[\w .-]{1,60}\Z")

Token = Any  # tinycss2 has no type information
Write = Callable[[Token], "str | None"]


@dataclass(frozen=True)
class FilteredStyle:
    """Declarations that may stand in a style attribute, and how many remote references were left out."""

    text: str
    blocked_remote: int


def filter_style(style: str) -> FilteredStyle:
    """Return the allowed part of a style attribute, normalised. Never raises; a hostile or huge value gives no text."""
    blocked = len(_REMOTE.findall(style))
    if len(style) > MAX_STYLE_CHARS or sum(map(style.count, "([{")) > MAX_BRACKETS:
        return FilteredStyle("", blocked)
    kept = []
    for node in tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True):
        if node.type == "declaration":
            written = _write_declaration(node.lower_name, node.value)
            if written:
                kept.append(written)
    return FilteredStyle(";".join(kept), blocked)


def _write_declaration(name: str, tokens: Sequence[Token]) -> str | None:
    """`name:value`, or None. `!important` is not among the tokens: the value is kept, the flag is lost (R7)."""
    values = [token for token in tokens if token.type not in {"whitespace", "comment"}]
    if len(values) > MAX_TOKENS or any(token.type == "comment" for token in tokens):
        return None
    if name == "background":
        # Of the shorthand only the colour is shown: an image would be remote or unreadable behind text.
        colors = [color for color in map(_color, values) if color]
        return f"background-color:{colors[0]}" if len(colors) == 1 else None
    rule = _PROPERTIES.get(name)
    value = rule(values) if rule and values else None
    return f"{name}:{value}" if value else None


def _number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".") or "0"


def _keyword(*words: str) -> Write:
    allowed = frozenset(words)

    def write(token: Token) -> str | None:
        return token.lower_value if token.type == "ident" and token.lower_value in allowed else None

    return write


def _length(*, low: float = 0.0, high: float = MAX_LENGTH_PX) -> Write:
    """A length in px-like units between `low` and `high` px, a percentage, or zero."""

    def write(token: Token) -> str | None:
        if token.type == "number":
            return "0" if token.value == 0 else None
        if token.type == "percentage":
            is_fine = (low < 0 or token.value >= 0) and abs(token.value) <= MAX_PERCENT
            return f"{_number(token.value)}%" if is_fine else None
        if token.type != "dimension" or token.lower_unit not in _PX_PER_UNIT:
            return None
        pixels = token.value * _PX_PER_UNIT[token.lower_unit]
        return f"{_number(token.value)}{token.lower_unit}" if low <= pixels <= high else None

    return write


def _plain_number(*, low: float, high: float) -> Write:
    def write(token: Token) -> str | None:
        return _number(token.value) if token.type == "number" and low <= token.value <= high else None

    return write


def _color(token: Token) -> str | None:
    if token.type == "hash":
        return f"#{token.value}" if _COLOR_HASH.match(token.value) else None
    if token.type == "ident":
        is_color = token.lower_value in {"inherit", "initial"} or parse_color(token) is not None
        return str(token.lower_value) if is_color else None
    if token.type == "function" and token.lower_name in {"rgb", "rgba", "hsl", "hsla"}:
        return _color_function(token.lower_name, token.arguments)
    return None


def _color_function(name: str, arguments: Iterable[Token]) -> str | None:
    parts = []
    for token in arguments:
        if token.type == "number":
            parts.append(_number(max(-1000.0, min(1000.0, token.value))))
        elif token.type == "percentage":
            parts.append(f"{_number(max(0.0, min(100.0, token.value)))}%")
        elif token.type == "literal" and token.value == "/":
            parts.append("/")
        elif not (token.type == "whitespace" or (token.type == "literal" and token.value == ",")):
            return None
    numbers = [part for part in parts if part != "/"]
    if len(numbers) not in {3, 4} or parts.count("/") > 1:
        return None
    return f"{name}({','.join(numbers)})"


def _any_of(*writers: Write) -> Write:
    def write(token: Token) -> str | None:
        return next((text for text in (writer(token) for writer in writers) if text is not None), None)

    return write


def _list_of(writer: Write, *, at_most: int = 1) -> Callable[[Sequence[Token]], str | None]:
    """A property whose value is up to `at_most` tokens that `writer` knows."""

    def rule(tokens: Sequence[Token]) -> str | None:
        if len(tokens) > at_most:
            return None
        written = [writer(token) for token in tokens]
        return " ".join(text for text in written if text is not None) if None not in written else None

    return rule


def _font_family(tokens: Sequence[Token]) -> str | None:
    families: list[list[str]] = [[]]
    for token in tokens:
        if token.type == "literal" and token.value == ",":
            families.append([])
        elif token.type == "ident" and _WORD.match(token.value):
            families[-1].append(token.value)
        elif token.type == "string" and _FONT_NAME.match(token.value):
            families[-1].append(f"'{token.value}'")
        else:
            return None
    names = [" ".join(family) for family in families if family]
    return ",".join(names) if names else None


def _font(tokens: Sequence[Token]) -> str | None:
    """The shorthand: style and weight words, size[/line-height], family (CSS Fonts 2.7)."""
    before: list[str] = []
    for index, token in enumerate(tokens):
        word = _FONT_WORD(token)
        if word is not None:
            before.append(word)
            continue
        size = _FONT_SIZE(token)
        rest = list(tokens[index + 1 :])
        if size is None:
            return None
        if len(rest) > 1 and rest[0].type == "literal" and rest[0].value == "/":
            line_height = _LINE_HEIGHT(rest[1])
            if line_height is None:
                return None
            size, rest = f"{size}/{line_height}", rest[2:]
        family = _font_family(rest) if rest else None
        return " ".join([*before, size, family]) if family else None
    return None


_SIZE: Final = _length()
_SIZE_OR_AUTO: Final = _any_of(_SIZE, _keyword("auto", "inherit", "none", "max-content", "min-content", "fit-content"))
_BORDER_WIDTH: Final = _any_of(_length(high=100.0), _keyword("thin", "medium", "thick"))
_BORDER_STYLE: Final = _keyword(
    "none", "hidden", "dotted", "dashed", "solid", "double", "groove", "ridge", "inset", "outset"
)
_BORDER: Final = _list_of(_any_of(_BORDER_WIDTH, _BORDER_STYLE, _color), at_most=3)
_FONT_SIZE: Final = _any_of(
    _length(high=MAX_FONT_PX),
    _keyword("xx-small", "x-small", "small", "medium", "large", "x-large", "xx-large", "smaller", "larger", "inherit"),
)
_FONT_WORD: Final = _any_of(
    _keyword("normal", "italic", "oblique", "bold", "bolder", "lighter", "small-caps"), _plain_number(low=100, high=900)
)
_LINE_HEIGHT: Final = _any_of(_plain_number(low=0, high=10), _length(high=500.0), _keyword("normal", "inherit"))
_DECORATION: Final = _any_of(
    _keyword("none", "underline", "overline", "line-through", "solid", "double", "dotted", "dashed", "wavy", "inherit"),
    _color,
)
_LIST_STYLE: Final = _keyword(
    "none", "disc", "circle", "square", "decimal", "lower-alpha", "upper-alpha", "lower-roman", "upper-roman", "lower-latin",
    "upper-latin", "lower-greek", "decimal-leading-zero", "inside", "outside",
)  # fmt: skip

_PROPERTIES: Final[dict[str, Callable[[Sequence[Token]], str | None]]] = {
    "color": _list_of(_color),
    "background-color": _list_of(_color),
    "opacity": _list_of(_plain_number(low=0, high=1)),
    "font": _font,
    "font-family": _font_family,
    "font-size": _list_of(_FONT_SIZE),
    "font-style": _list_of(_keyword("normal", "italic", "oblique", "inherit")),
    "font-variant": _list_of(_keyword("normal", "small-caps", "inherit")),
    "font-weight": _list_of(_FONT_WORD),
    "line-height": _list_of(_LINE_HEIGHT),
    "letter-spacing": _list_of(_any_of(_length(low=-5.0, high=50.0), _keyword("normal"))),
    "word-spacing": _list_of(_any_of(_length(high=50.0), _keyword("normal"))),
    "text-align": _list_of(_keyword("left", "right", "center", "justify", "start", "end", "inherit")),
    "text-decoration": _list_of(_DECORATION, at_most=3),
    "text-decoration-line": _list_of(_DECORATION),
    "text-decoration-color": _list_of(_color),
    "text-indent": _list_of(_length(high=200.0)),
    "text-transform": _list_of(_keyword("none", "capitalize", "uppercase", "lowercase")),
    "vertical-align": _list_of(
        _any_of(
            _keyword("baseline", "sub", "super", "top", "text-top", "middle", "bottom", "text-bottom", "inherit"),
            _length(low=-50.0, high=50.0),
        )
    ),
    "white-space": _list_of(_keyword("normal", "nowrap", "pre", "pre-wrap", "pre-line", "break-spaces")),
    "word-break": _list_of(_keyword("normal", "break-all", "keep-all", "break-word")),
    "word-wrap": _list_of(_keyword("normal", "break-word")),
    "overflow-wrap": _list_of(_keyword("normal", "break-word", "anywhere")),
    "hyphens": _list_of(_keyword("none", "manual", "auto")),
    "direction": _list_of(_keyword("ltr", "rtl")),
    "unicode-bidi": _list_of(_keyword("normal", "embed", "isolate", "plaintext")),
    "display": _list_of(
        _keyword(
            "none",
            "block",
            "inline",
            "inline-block",
            "list-item",
            "table",
            "inline-table",
            "table-row",
            "table-cell",
            "table-row-group",
            "table-header-group",
            "table-footer-group",
            "table-column",
            "table-caption",
        )
    ),
    "visibility": _list_of(_keyword("visible", "hidden", "collapse")),
    "overflow": _list_of(_keyword("visible", "hidden", "auto")),
    "float": _list_of(_keyword("left", "right", "none")),
    "clear": _list_of(_keyword("left", "right", "both", "none")),
    "box-sizing": _list_of(_keyword("border-box", "content-box")),
    "border-collapse": _list_of(_keyword("collapse", "separate")),
    "border-spacing": _list_of(_length(high=200.0), at_most=2),
    "caption-side": _list_of(_keyword("top", "bottom")),
    "empty-cells": _list_of(_keyword("show", "hide")),
    "table-layout": _list_of(_keyword("auto", "fixed")),
    "list-style": _list_of(_LIST_STYLE, at_most=2),
    "list-style-type": _list_of(_LIST_STYLE),
    "list-style-position": _list_of(_LIST_STYLE),
    "border": _BORDER,
    "border-width": _list_of(_BORDER_WIDTH, at_most=4),
    "border-style": _list_of(_BORDER_STYLE, at_most=4),
    "border-color": _list_of(_color, at_most=4),
    "border-radius": _list_of(_SIZE, at_most=4),
    "margin": _list_of(_SIZE_OR_AUTO, at_most=4),
    "padding": _list_of(_SIZE, at_most=4),
    **{
        name: _list_of(_SIZE_OR_AUTO)
        for name in ("width", "height", "min-width", "min-height", "max-width", "max-height")
    },
    **{f"margin-{side}": _list_of(_SIZE_OR_AUTO) for side in ("top", "right", "bottom", "left")},
    **{f"padding-{side}": _list_of(_SIZE) for side in ("top", "right", "bottom", "left")},
    **{f"border-{side}": _BORDER for side in ("top", "right", "bottom", "left")},
    **{f"border-{side}-width": _list_of(_BORDER_WIDTH) for side in ("top", "right", "bottom", "left")},
    **{f"border-{side}-style": _list_of(_BORDER_STYLE) for side in ("top", "right", "bottom", "left")},
    **{f"border-{side}-color": _list_of(_color) for side in ("top", "right", "bottom", "left")},
    **{
        f"border-{corner}-radius": _list_of(_SIZE)
        for corner in ("top-left", "top-right", "bottom-left", "bottom-right")
    },
}
