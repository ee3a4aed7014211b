"""The CSS properties that mail may use, and what each may say. Only tables and the rules of the longer values.

Never add anything that leaves its own box or paints over others: position, z-index, inset, transform, filter, clip, mask,
animation, content, cursor, negative margins (security R7, R8).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from webmail.mime.safe_html.values import (
    MAX_FONT_PX,
    URL_MARK,
    Rule,
    Token,
    Write,
    any_of,
    color,
    difference,
    keyword,
    length,
    list_of,
    number,
    plain_number,
    split_at_commas,
    url_of,
)

MAX_SHADOWS: Final = 4
MAX_STOPS: Final = 8
MAX_TRACKS: Final = 12

_WORD: Final = re.compile(r"-?[a-zA-Z][a-zA-Z-]{0,39}\Z")
_FONT_NAME: Final = re.compile(r"[\w .-]{1,60}\Z")

_TEXT_COLOR: Final = color("text")
_BACKGROUND_COLOR: Final = color("background")
_BORDER_COLOR: Final = color("border")

_SIZE: Final = length()
_SIZE_OR_AUTO: Final = any_of(
    _SIZE, keyword("auto", "inherit", "initial", "none", "max-content", "min-content", "fit-content"), difference
)
_BORDER_WIDTH: Final = any_of(length(high=100.0), keyword("thin", "medium", "thick"))
_BORDER_STYLE: Final = keyword(
    "none", "hidden", "dotted", "dashed", "solid", "double", "groove", "ridge", "inset", "outset"
)
_BORDER: Final = list_of(any_of(_BORDER_WIDTH, _BORDER_STYLE, _BORDER_COLOR), at_most=3)
_FONT_SIZE: Final = any_of(
    length(high=MAX_FONT_PX),
    keyword("xx-small", "x-small", "small", "medium", "large", "x-large", "xx-large", "smaller", "larger", "inherit"),
)
_FONT_WORD: Final = any_of(
    keyword("normal", "italic", "oblique", "bold", "bolder", "lighter", "small-caps"), plain_number(low=100, high=900)
)
_LINE_HEIGHT: Final = any_of(plain_number(low=0, high=10), length(high=500.0), keyword("normal", "inherit"))
_DECORATION: Final = any_of(
    keyword("none", "underline", "overline", "line-through", "solid", "double", "dotted", "dashed", "wavy", "inherit"),
    _TEXT_COLOR,
)
_LIST_STYLE: Final = keyword(
    "none", "disc", "circle", "square", "decimal", "lower-alpha", "upper-alpha", "lower-roman", "upper-roman", "lower-latin",
    "upper-latin", "lower-greek", "decimal-leading-zero", "inside", "outside",
)  # fmt: skip
_ALIGN: Final = keyword(
    "normal", "start", "end", "center", "flex-start", "flex-end", "left", "right", "stretch", "baseline", "space-between",
    "space-around", "space-evenly", "auto",
)  # fmt: skip
_DISPLAY: Final = keyword(
    "none", "block", "inline", "inline-block", "list-item", "table", "inline-table", "table-row", "table-cell",
    "table-row-group", "table-header-group", "table-footer-group", "table-column", "table-column-group", "table-caption",
    "flex", "inline-flex", "grid", "inline-grid", "flow-root", "initial", "inherit",
)  # fmt: skip
_SIDE: Final = any_of(length(low=-2_000.0, high=2_000.0), keyword("left", "right", "top", "bottom", "center"))
_REPEAT: Final = keyword("repeat", "repeat-x", "repeat-y", "no-repeat", "space", "round")
_BACKGROUND_SIZE: Final = any_of(_SIZE, keyword("auto", "cover", "contain"))
_BACKGROUND_BOX: Final = keyword("border-box", "padding-box", "content-box")
_IGNORED_IN_BACKGROUND: Final = any_of(keyword("scroll", "fixed", "local", "none"), _BACKGROUND_BOX)
_TRACK: Final = any_of(_SIZE, keyword("auto", "max-content", "min-content"))
_SHADOW_LENGTH: Final = length(low=-50.0, high=100.0)
_BREAK: Final = keyword("auto", "avoid", "always", "left", "right", "page", "avoid-page")
_OVERFLOW: Final = keyword("visible", "hidden", "auto", "scroll")


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


def _radius(tokens: Sequence[Token]) -> str | None:
    """One to four radii, or two such lists with a slash between them (CSS Backgrounds 4.1)."""
    slashes = [index for index, token in enumerate(tokens) if token.type == "literal" and token.value == "/"]
    if not slashes:
        return _RADII(tokens)
    across, down = _RADII(tokens[: slashes[0]]), _RADII(tokens[slashes[0] + 1 :])
    return f"{across} / {down}" if across and down else None


_RADII: Final = list_of(_SIZE, at_most=4)


def _shadow(tokens: Sequence[Token]) -> str | None:
    """Shadows close to their box: at most 50 px beside it, 100 px blurred."""
    if len(tokens) == 1 and _NONE(tokens[0]):
        return "none"
    layers = split_at_commas(tokens)
    if len(layers) > MAX_SHADOWS:
        return None
    written = [_one_shadow(layer) for layer in layers]
    return ",".join(text for text in written if text) if all(written) else None


_NONE: Final = keyword("none")


def _one_shadow(tokens: Sequence[Token]) -> str | None:
    words = [text for text in map(any_of(keyword("inset"), _PLAIN_COLOR), tokens) if text is not None]
    lengths = [text for text in map(_SHADOW_LENGTH, tokens) if text is not None and "%" not in text]
    if len(lengths) not in {2, 3, 4} or len(words) + len(lengths) != len(tokens) or len(words) > 2:
        return None
    if any(token.type == "dimension" and token.value > 50 for token in tokens[:2]):
        return None
    return " ".join([*lengths, *words])


def _PLAIN_COLOR(token: Token) -> str | None:  # noqa: N802 - stands beside the constant writers
    """A colour that stays as it is in the dark: shadows are dark already."""
    text = _TEXT_COLOR(token)
    return text.partition("|")[0].lstrip("\x02") if text else None


def _gradient(token: Token) -> str | None:
    """`linear-gradient()` and `radial-gradient()` of plain colours."""
    if token.type != "function" or token.lower_name not in {"linear-gradient", "radial-gradient"}:
        return None
    parts = split_at_commas(token.arguments)
    if not parts[0] or len(parts) > MAX_STOPS + 1:
        return None
    first = _direction(parts[0], token.lower_name)
    stops = [_STOP(part) for part in (parts[1:] if first else parts)]
    if len(stops) < 2 or not all(stops):
        return None
    return f"{token.lower_name}({','.join(filter(None, [first, *stops]))})"


_TURNS: Final = {"deg": 1.0, "turn": 360.0, "grad": 0.9}
_STOP: Final = list_of(any_of(_BACKGROUND_COLOR, length(low=-2_000.0)), at_most=3)
_DIRECTION: Final = list_of(keyword("to", "left", "right", "top", "bottom"), at_most=3)
_SHAPE: Final = list_of(
    keyword("circle", "ellipse", "at", "center", "top", "left", "right", "bottom", "farthest-corner"), at_most=4
)


def _direction(tokens: Sequence[Token], name: str) -> str | None:
    if name == "radial-gradient":
        return _SHAPE(tokens)
    if len(tokens) == 1 and tokens[0].type == "dimension" and tokens[0].lower_unit in _TURNS:
        return f"{number(tokens[0].value * _TURNS[tokens[0].lower_unit] % 360)}deg"
    return _DIRECTION(tokens)


def _image(token: Token) -> str | None:
    url = url_of(token)
    return URL_MARK.format(url) if url else _gradient(token)


def _background_image(tokens: Sequence[Token]) -> str | None:
    return (_image(tokens[0]) or _NONE(tokens[0])) if len(tokens) == 1 else None


def background(tokens: Sequence[Token]) -> list[tuple[str, str]]:
    """The shorthand, of one layer, as the properties it sets; only its colour where anything in it is not understood."""
    layer = _Layer()
    unknown = [token for token in tokens if not layer.take(token)]
    colors = [("background-color", layer.colors[0])] if len(layer.colors) == 1 else []
    if unknown or len(layer.colors) > 1 or len(layer.images) > 1 or max(len(layer.sides), len(layer.sizes)) > 2:
        return colors
    if not layer.images:
        return colors or ([("background-color", "transparent")] if any(map(_NONE, tokens)) else [])
    more = {"repeat": layer.repeats, "position": layer.sides, "size": layer.sizes}
    rest = "".join(f";background-{name}:{' '.join(values)}" for name, values in more.items() if values)
    return [*colors, ("background-image", layer.images[0] + rest)]


@dataclass(slots=True)
class _Layer:
    """The parts of a background, as far as they were read."""

    colors: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    repeats: list[str] = field(default_factory=list)
    sides: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    is_after_slash: bool = False

    def take(self, token: Token) -> bool:
        """Put a token where it belongs; False for one that is not known."""
        if token.type == "literal" and token.value == "/" and self.sides:
            self.is_after_slash = True
            return True
        places = [
            (_BACKGROUND_COLOR, self.colors),
            (_image, self.images),
            (_BACKGROUND_SIZE, self.sizes) if self.is_after_slash else (_SIDE, self.sides),
            (_REPEAT, self.repeats),
        ]
        for writer, place in places:
            found = writer(token)
            if found is not None:
                place.append(found)
                return True
        return _IGNORED_IN_BACKGROUND(token) is not None


def _tracks(tokens: Sequence[Token]) -> str | None:
    """The columns of a grid: sizes, `fr`, and `repeat(n, size)`."""
    written: list[str | None] = []
    for token in tokens:
        if token.type == "function" and token.lower_name == "repeat":
            parts = split_at_commas(token.arguments)
            is_count = len(parts) == 2 and len(parts[0]) == 1 and parts[0][0].type == "number"
            if not is_count or not 1 <= parts[0][0].value <= MAX_TRACKS or len(parts[1]) != 1:
                return None
            size = _track(parts[1][0])
            written.append(f"repeat({number(parts[0][0].value)},{size})" if size else None)
        else:
            written.append(_track(token))
    if not written or len(written) > MAX_TRACKS or not all(written):
        return None
    return " ".join(filter(None, written))


def _track(token: Token) -> str | None:
    if token.type == "dimension" and token.lower_unit == "fr" and 0 < token.value <= 100:
        return f"{number(token.value)}fr"
    return _TRACK(token)


def _sided(name: str, rule: Rule) -> dict[str, Rule]:
    """A property of one side, for each of them; `{}` in `name` stands for the side."""
    sides = ("top", "right", "bottom", "left", "block-start", "block-end", "inline-start", "inline-end")
    return {name.format(side): rule for side in sides}


def _one(writer: Write) -> Rule:
    return list_of(writer)


_SIZES: Final = ("width", "height", "inline-size", "block-size")

PROPERTIES: Final[dict[str, Rule]] = {
    "color": _one(_TEXT_COLOR),
    "background-color": _one(_BACKGROUND_COLOR),
    "background-image": _background_image,
    "background-position": list_of(_SIDE, at_most=2),
    "background-repeat": list_of(_REPEAT, at_most=2),
    "background-size": list_of(_BACKGROUND_SIZE, at_most=2),
    "background-clip": _one(_BACKGROUND_BOX),
    "background-origin": _one(_BACKGROUND_BOX),
    "opacity": _one(plain_number(low=0, high=1)),
    "font": _font,
    "font-family": _font_family,
    "font-size": _one(_FONT_SIZE),
    "font-style": _one(keyword("normal", "italic", "oblique", "inherit")),
    "font-variant": _one(keyword("normal", "small-caps", "inherit", "tabular-nums")),
    "font-weight": _one(any_of(_FONT_WORD, keyword("inherit"))),
    "line-height": _one(_LINE_HEIGHT),
    "letter-spacing": _one(any_of(length(low=-5.0, high=50.0), keyword("normal", "inherit"))),
    "word-spacing": _one(any_of(length(high=50.0), keyword("normal"))),
    "text-align": _one(keyword("left", "right", "center", "justify", "start", "end", "inherit")),
    "text-align-last": _one(keyword("auto", "left", "right", "center", "justify", "start", "end")),
    "text-decoration": list_of(_DECORATION, at_most=3),
    "text-decoration-line": list_of(_DECORATION, at_most=2),
    "text-decoration-style": _one(keyword("solid", "double", "dotted", "dashed", "wavy")),
    "text-decoration-color": _one(_TEXT_COLOR),
    "text-decoration-thickness": _one(any_of(length(high=20.0), keyword("auto", "from-font"))),
    "text-underline-offset": _one(any_of(length(high=20.0), keyword("auto"))),
    "text-indent": _one(length(high=200.0)),
    "text-transform": _one(keyword("none", "capitalize", "uppercase", "lowercase", "inherit")),
    "text-overflow": _one(keyword("clip", "ellipsis")),
    "text-wrap": _one(keyword("wrap", "nowrap", "balance", "pretty")),
    "vertical-align": _one(
        any_of(
            keyword("baseline", "sub", "super", "top", "text-top", "middle", "bottom", "text-bottom", "inherit"),
            length(low=-50.0, high=50.0),
        )
    ),
    "white-space": _one(keyword("normal", "nowrap", "pre", "pre-wrap", "pre-line", "break-spaces", "inherit")),
    "word-break": _one(keyword("normal", "break-all", "keep-all", "break-word")),
    "word-wrap": _one(keyword("normal", "break-word")),
    "overflow-wrap": _one(keyword("normal", "break-word", "anywhere")),
    "hyphens": _one(keyword("none", "manual", "auto")),
    "tab-size": _one(plain_number(low=0, high=16)),
    "direction": _one(keyword("ltr", "rtl")),
    "unicode-bidi": _one(keyword("normal", "embed", "isolate", "plaintext")),
    "display": _one(_DISPLAY),
    "visibility": _one(keyword("visible", "hidden", "collapse")),
    "overflow": list_of(_OVERFLOW, at_most=2),
    "overflow-x": _one(_OVERFLOW),
    "overflow-y": _one(_OVERFLOW),
    "float": _one(keyword("left", "right", "none", "inline-start", "inline-end")),
    "clear": _one(keyword("left", "right", "both", "none")),
    "box-sizing": _one(keyword("border-box", "content-box")),
    "box-shadow": _shadow,
    "object-fit": _one(keyword("fill", "contain", "cover", "none", "scale-down")),
    "flex": list_of(any_of(plain_number(low=0, high=100), _SIZE_OR_AUTO), at_most=3),
    "flex-grow": _one(plain_number(low=0, high=100)),
    "flex-shrink": _one(plain_number(low=0, high=100)),
    "flex-basis": _one(_SIZE_OR_AUTO),
    "flex-direction": _one(keyword("row", "row-reverse", "column", "column-reverse")),
    "flex-wrap": _one(keyword("nowrap", "wrap", "wrap-reverse")),
    "flex-flow": list_of(
        keyword("row", "row-reverse", "column", "column-reverse", "nowrap", "wrap", "wrap-reverse"), at_most=2
    ),
    "order": _one(plain_number(low=-100, high=100)),
    **{f"{what}-{how}": _one(_ALIGN) for what in ("align", "justify") for how in ("items", "content", "self")},
    "gap": list_of(length(high=400.0), at_most=2),
    "row-gap": _one(length(high=400.0)),
    "column-gap": _one(any_of(length(high=400.0), keyword("normal"))),
    "grid-template-columns": _tracks,
    "grid-template-rows": _tracks,
    "column-count": _one(any_of(plain_number(low=1, high=20), keyword("auto"))),
    "column-width": _one(_SIZE_OR_AUTO),
    "border-collapse": _one(keyword("collapse", "separate")),
    "border-spacing": list_of(length(high=200.0), at_most=2),
    "caption-side": _one(keyword("top", "bottom")),
    "empty-cells": _one(keyword("show", "hide")),
    "table-layout": _one(keyword("auto", "fixed")),
    "list-style": list_of(_LIST_STYLE, at_most=2),
    "list-style-type": _one(_LIST_STYLE),
    "list-style-position": _one(_LIST_STYLE),
    **{f"page-break-{where}": _one(_BREAK) for where in ("before", "after", "inside")},
    **{f"break-{where}": _one(_BREAK) for where in ("before", "after", "inside")},
    "outline": list_of(any_of(length(high=20.0), _BORDER_STYLE, _BORDER_COLOR), at_most=3),
    "border": _BORDER,
    "border-block": _BORDER,
    "border-inline": _BORDER,
    "border-width": list_of(_BORDER_WIDTH, at_most=4),
    "border-style": list_of(_BORDER_STYLE, at_most=4),
    "border-color": list_of(_BORDER_COLOR, at_most=4),
    "border-radius": _radius,
    "margin": list_of(_SIZE_OR_AUTO, at_most=4),
    "margin-block": list_of(_SIZE_OR_AUTO, at_most=2),
    "margin-inline": list_of(_SIZE_OR_AUTO, at_most=2),
    "padding": list_of(_SIZE, at_most=4),
    "padding-block": list_of(_SIZE, at_most=2),
    "padding-inline": list_of(_SIZE, at_most=2),
    **{limit + name: _one(_SIZE_OR_AUTO) for name in _SIZES for limit in ("", "min-", "max-")},
    **_sided("margin-{}", _one(_SIZE_OR_AUTO)),
    **_sided("padding-{}", _one(_SIZE)),
    **_sided("border-{}", _BORDER),
    **_sided("border-{}-width", _one(_BORDER_WIDTH)),
    **_sided("border-{}-style", _one(_BORDER_STYLE)),
    **_sided("border-{}-color", _one(_BORDER_COLOR)),
    **{
        f"border-{corner}-radius": list_of(_SIZE, at_most=2)
        for corner in ("top-left", "top-right", "bottom-left", "bottom-right")
    },
}
