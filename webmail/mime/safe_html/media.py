"""Media queries of a mail's style sheet, written anew from an allow-list (Media Queries 4).

A query about the colour scheme is taken out and told apart: here it is our document that has a scheme, which need not be that of
the device. The width of the device becomes that of the frame, which is where the mail is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from webmail.mime.safe_html.values import Token, length, number, split_at_commas

MAX_QUERIES: Final = 8
MAX_CONDITIONS: Final = 6

Scheme = Literal["", "light", "dark"]

_TYPES: Final = frozenset({"all", "screen", "print"})
_WIDTHS: Final = {
    f"{limit}-{name}": f"{limit}-{name.removeprefix('device-')}"
    for limit in ("min", "max")
    for name in ("width", "height", "device-width", "device-height")
}
_WORDS: Final = {
    "orientation": frozenset({"portrait", "landscape"}),
    "prefers-reduced-motion": frozenset({"reduce", "no-preference"}),
    "hover": frozenset({"hover", "none"}),
}
# Asked for to tell one kind of browser from another.
_RATIOS: Final = frozenset({"-webkit-min-device-pixel-ratio", "-webkit-max-device-pixel-ratio"})
_LENGTH: Final = length(high=20_000.0)


@dataclass(frozen=True, slots=True)
class Media:
    """Lists of queries that must all hold, the outermost first, and the colour scheme under which alone it holds, "" for either."""

    queries: tuple[str, ...] = ()
    scheme: Scheme = ""

    def within(self, outer: "Media") -> "Media | None":
        """What holds where both do; None where that is never."""
        if outer.scheme and self.scheme and outer.scheme != self.scheme:
            return None
        return Media(outer.queries + self.queries, outer.scheme or self.scheme)


ALWAYS: Final = Media()


def read_media(prelude: Sequence[Token]) -> tuple[Media, ...]:
    """What the queries ask for, one for each scheme that is spoken of. Empty: they hold never, or ask for the unknown."""
    layers = split_at_commas(prelude)
    if layers == [[]]:
        return (ALWAYS,)
    if len(layers) > MAX_QUERIES:
        return ()
    by_scheme: dict[Scheme, list[str]] = {}
    for layer in layers:
        found = _read_query(layer)
        if found is not None:
            by_scheme.setdefault(found[1], []).append(found[0])
    return tuple(
        Media(() if "" in queries else (",".join(dict.fromkeys(queries)),), scheme)
        for scheme, queries in by_scheme.items()
    )


def _read_query(tokens: Sequence[Token]) -> tuple[str, Scheme] | None:
    """One query without its colour scheme, "" for always, and that scheme; None for one that is not known."""
    rest = list(tokens)
    prefix = rest.pop(0).lower_value if rest and _is_word(rest[0], "only", "not") else ""
    kind = ""
    if rest and rest[0].type == "ident":
        kind = rest.pop(0).lower_value
        if kind not in _TYPES:
            return None
        if rest and (not _is_word(rest.pop(0), "and") or not rest):
            return None
    elif prefix:
        return None
    conditions, scheme = _read_conditions(rest)
    if conditions is None or (scheme and prefix == "not"):
        return None
    # "only screen" means "screen" to every browser of this century.
    start = f"not {kind}" if prefix == "not" else ("" if kind == "all" else kind)
    return " and ".join(filter(None, [start, *conditions])), scheme


def _read_conditions(tokens: Sequence[Token]) -> tuple[list[str] | None, Scheme]:
    """The conditions in brackets, joined by `and`; None where one is not known."""
    conditions: list[str] = []
    scheme: Scheme = ""
    if len(tokens) > 2 * MAX_CONDITIONS or (tokens and len(tokens) % 2 == 0):
        return None, ""
    for index, token in enumerate(tokens):
        if index % 2:
            if not _is_word(token, "and"):
                return None, ""
            continue
        found = _read_condition(token) if token.type == "() block" else None
        if found is None:
            return None, ""
        if found in {"light", "dark"}:
            scheme = "dark" if found == "dark" else "light"
        else:
            conditions.append(found)
    return conditions, scheme


def _read_condition(block: Token) -> str | None:
    """`(name:value)`, or "light" or "dark" for a scheme, or None."""
    inside = [token for token in block.content if token.type not in {"whitespace", "comment"}]
    if len(inside) != 3 or inside[0].type != "ident" or inside[1].type != "literal" or inside[1].value != ":":
        return None
    name, value = inside[0].lower_value, inside[2]
    if name in _WIDTHS:
        text = _LENGTH(value)
        if text is None and value.type == "number":
            text = f"{number(max(0.0, min(20_000.0, value.value)))}px"
        return f"({_WIDTHS[name]}:{text})" if text and "%" not in text else None
    if name in _RATIOS:
        return f"({name}:{number(value.value)})" if value.type == "number" and 0 <= value.value <= 10 else None
    word = value.lower_value if value.type == "ident" else ""
    if name == "prefers-color-scheme":
        return word if word in {"light", "dark"} else None
    return f"({name}:{word})" if word in _WORDS.get(name, ()) else None


def _is_word(token: Token, *words: str) -> bool:
    return token.type == "ident" and token.lower_value in words
