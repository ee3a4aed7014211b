"""Filter CSS declarations by name and by VALUE (security R7, fact 1.3), in style attributes and in the rules of `sheets.py`.

A declaration survives only when every token of its value is one that its property is known to take (`properties.py`). What comes
out is written by us from checked tokens, never copied from the mail, in two forms: as the sender chose it, and with
`light-dark()` for a dark page. References to pictures are apart: whether and how they are written is the caller's decision.

The same few hundred declarations make up nearly all mail, so what each became is remembered, bounded in number and size.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote

import tinycss2

from webmail.mime.safe_html.properties import PROPERTIES, background
from webmail.mime.safe_html.values import Token

MAX_STYLE_CHARS: Final = 4_000
# Deep nesting makes no legal value; tinycss2 builds a tree of it.
MAX_BRACKETS: Final = 60
MAX_TOKENS: Final = 40
WIDE_PX: Final = 320  # wider than the smallest phone: `phone.py` lets go of it there
# What is remembered, at most: 8,192 x (300 + about 500) bytes and 2,048 x (1,000 + about 3,000) bytes.
_MAX_REMEMBERED_DECLARATION: Final = 300
_MAX_REMEMBERED_STYLE: Final = 1_000

TEXT_PROPERTY: Final = "--t"
# What stands on a picture: `light-dark()` is told to be light, and the text is what the sender chose.
ON_PICTURE: Final = f"color-scheme:only light;color:var({TEXT_PROPERTY})"

_URL_SLOT: Final = "\x04"
_COLOR: Final = re.compile("\x02([^\x02|]*+)\\|([^\x02\x03]*+)\x03")
_URL: Final = re.compile("\x04([^\x04\x05]*+)\x05")
# Splitting at semicolons is right when none can stand in a string, a bracket or a comment; a wrong split only costs meaning.
_SPLITTABLE: Final = re.compile(r"""[^\\/{}\[\]@<]*+""")
_WIDTH: Final = re.compile(r"(?:min-)?width:([0-9]++)(?:\.[0-9]++)?px\Z")
_URL_CHARS: Final = "._~:/?#@!$&*+,;=%-"

Refer = Callable[[str], "str | None"]  # from a picture's URL in the mail to the one to write, or None for none


@dataclass(frozen=True, slots=True)
class Declaration:
    """`name:value` as the sender chose it and for both schemes. `url`: of the picture that goes where the slot in both is."""

    plain: str
    adapted: str
    url: str = ""
    is_important: bool = False

    @property
    def wide_px(self) -> int:
        """The width in px that it fixes if that is more than `WIDE_PX`, else 0."""
        found = _WIDTH.match(self.plain)
        return min(4_000, int(found[1])) if found and int(found[1]) > WIDE_PX else 0


@dataclass(frozen=True, slots=True)
class Style:
    """A style attribute, filtered. `plain` and `adapted` are complete if there are no `urls`."""

    declarations: tuple[Declaration, ...] = ()
    plain: str = ""
    adapted: str = ""
    has_urls: bool = False
    wide: tuple[str, ...] = ()  # the declarations that fix a width of more than `WIDE_PX`

    def write(self, look: "Look") -> str:
        """The text of the attribute."""
        if self.has_urls or look.remembers_text:
            return write_declarations(self.declarations, look)
        return self.adapted if look.adapts else self.plain


@dataclass(frozen=True, slots=True)
class Look:
    """How the declarations of one mail are written.

    `adapts`: for a dark page too. `refer`: how a picture is named. `remembers_text`: there are pictures in the background, on
    which text keeps the colour it has on a light page; since a browser hands down only what a colour came out as, the chosen
    one is handed down beside it, in a custom property of ours.
    """

    adapts: bool
    refer: Refer
    remembers_text: bool = False


def read_style(style: str) -> Style:
    """The allowed part of a style attribute. Never raises; a hostile or huge value gives an empty `Style`."""
    if len(style) <= _MAX_REMEMBERED_STYLE:
        return _remembered_style(style)
    return _read_style(style)


def write_declarations(declarations: Iterable[Declaration], look: Look, *, keeps_importance: bool = False) -> str:
    """Declarations as text. One with a picture that `look` does not name is left out; those around it stay."""
    written = []
    has_picture = False
    for each in declarations:
        target = look.refer(each.url) if each.url else ""
        if target is None:
            continue
        text = each.adapted if look.adapts else each.plain
        if look.remembers_text and text.startswith("color:"):
            text += f";{TEXT_PROPERTY}:{each.plain[len('color:') :]}"
        if keeps_importance and each.is_important:
            text = text.replace(";", "!important;") + "!important"
        if target:  # last: the address of a picture may hold a semicolon
            has_picture = True
            text = text.replace(_URL_SLOT, f"url({quote(target, safe=_URL_CHARS)})", 1)
        written.append(text)
    if has_picture and look.remembers_text:
        written.append(ON_PICTURE)
    return ";".join(written)


def read_declaration(name: str, tokens: Sequence[Token], *, is_important: bool = False) -> tuple[Declaration, ...]:
    """What is allowed of one declaration: nothing, itself, or the several that a shorthand stands for."""
    values = [token for token in tokens if token.type not in {"whitespace", "comment"}]
    if not values or len(values) > MAX_TOKENS:
        return ()
    if name == "background":
        return tuple(_resolve(each, value, is_important=is_important) for each, value in background(values))
    rule = PROPERTIES.get(name)
    value = rule(values) if rule else None
    return (_resolve(name, value, is_important=is_important),) if value else ()


def read_declarations(nodes: Iterable[Token]) -> tuple[Declaration, ...]:
    """The declarations among the parsed contents of a block."""
    found: list[Declaration] = []
    for node in nodes:
        if node.type == "declaration":
            found += read_declaration(node.lower_name, node.value, is_important=node.important)
    return tuple(found)


def _resolve(name: str, value: str, *, is_important: bool) -> Declaration:
    """Take the marks of `values.py` out of a value."""
    url = ""
    if _URL_SLOT in value:
        found = _URL.search(value)
        url = found[1] if found else ""
        value = _URL.sub(_URL_SLOT, value)
    text = f"{name}:{value}"
    if "\x02" not in text:
        return Declaration(text, text, url, is_important)
    return Declaration(_COLOR.sub(r"\1", text), _COLOR.sub(r"light-dark(\1,\2)", text), url, is_important)


@lru_cache(maxsize=2_048)
def _remembered_style(style: str) -> Style:
    return _read_style(style)


def _read_style(style: str) -> Style:
    if len(style) > MAX_STYLE_CHARS or sum(map(style.count, "([{")) > MAX_BRACKETS:
        return Style()
    if _SPLITTABLE.fullmatch(style) and "url" not in style:
        pieces = [piece.strip(" \t\r\n\f") for piece in style.split(";")]
        declarations = tuple(each for piece in pieces if piece for each in _read_piece(piece))
    else:
        declarations = read_declarations(_parse(style))
    return Style(
        declarations=declarations,
        plain=";".join(each.plain for each in declarations),
        adapted=";".join(each.adapted for each in declarations),
        has_urls=any(each.url for each in declarations),
        wide=tuple(each.plain for each in declarations if each.wide_px),
    )


def _read_piece(piece: str) -> tuple[Declaration, ...]:
    """What lies between two semicolons."""
    if len(piece) > _MAX_REMEMBERED_DECLARATION:
        return read_declarations(_parse(piece))
    return _remembered_piece(piece)


@lru_cache(maxsize=8_192)
def _remembered_piece(piece: str) -> tuple[Declaration, ...]:
    return read_declarations(_parse(piece))


def _parse(style: str) -> list[Token]:
    return list(tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True))


def forget() -> None:
    """Forget what declarations became: for measuring."""
    _remembered_style.cache_clear()
    _remembered_piece.cache_clear()
