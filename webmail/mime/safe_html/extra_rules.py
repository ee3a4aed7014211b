"""Rules of ours for one mail: what its attributes cannot say themselves.

An attribute holds no `light-dark()`, so each colour in one gets a rule; a `div` that stands for the body of the mail does not know
the body's attributes; and widths that a sender fixed for a desk are let go of on a phone (ux section 5). The rules of the first two
kinds weigh nothing in the cascade (`:where`), as the attributes they stand for.
"""

from typing import Final, Literal

from webmail.mime.safe_html.colors import Color, Role, adapt
from webmail.mime.safe_html.css import ON_PICTURE, TEXT_PROPERTY

MAX_RULES: Final = 500  # of each kind
PHONE: Final = "@media screen and (max-width:640px)"
LIGHT_TEXT: Final = "#1a1d23"  # of the document, where a mail says nothing

Attribute = Literal["bgcolor", "color", "text", "link"]

_ROLES: Final[dict[Attribute, Role]] = {"bgcolor": "background", "color": "text", "text": "text", "link": "text"}
_CELLS: Final = frozenset({"td", "th"})


class ExtraRules:
    """Collects what one pass over the attributes asks for."""

    def __init__(self, *, adapts: bool, remembers_text: bool) -> None:
        self._adapts = adapts
        self._remembers_text = remembers_text
        self._colors: dict[tuple[str, Attribute], Color] = {}
        self._backgrounds: dict[str, None] = {}
        self._widths: dict[tuple[str, str], None] = {}
        self._canvas = ""

    def add_color(self, tag: str, name: Attribute, color: Color) -> str:
        """A colour in an attribute, as it is to be written there."""
        written = color.css()
        if len(self._colors) < MAX_RULES:
            self._colors[f'{tag}[{name}="{written}"]', name] = color
        return written

    def add_background(self, target: str) -> str:
        """A picture in an attribute `background`, given as the reference of ours that is written there."""
        if len(self._backgrounds) < MAX_RULES:
            self._backgrounds[target] = None
        return target

    def add_canvas(self, declaration: str) -> None:
        """The background colour that the body has in its `style`: a browser paints it beyond the body."""
        self._canvas = declaration

    def add_width(self, tag: str, selector: str) -> None:
        """A fixed width. `selector`: how its attribute is told from others, such as `[width="600"]`."""
        kind = tag if tag in {"table", "img"} else "cell" if tag in _CELLS else "other"
        if len(self._widths) < MAX_RULES:
            self._widths[kind, selector] = None

    def write(self) -> str:
        """The rules, to stand before those of the mail."""
        rules = [self._color_rule(selector, name, color) for (selector, name), color in self._colors.items()]
        if self._remembers_text:
            rules.insert(0, f":where(.pb-body){{{TEXT_PROPERTY}:{LIGHT_TEXT}}}")
            if self._backgrounds:
                rules.append(f":where(.pb-body [background]){{{ON_PICTURE}}}")
        rules += [
            f':where(.pb-mail[background="{target}"]){{background-image:url({target})}}' for target in self._backgrounds
        ]
        canvas = f"html{{{self._canvas}}}" if self._canvas else ""
        return "\n".join(filter(None, [*rules, canvas, self._phone_rules()]))

    def _color_rule(self, selector: str, name: Attribute, color: Color) -> str:
        is_body = selector.startswith("div[")
        adapted = adapt(color, _ROLES[name]) if self._adapts else color
        if adapted == color and not is_body and not (self._remembers_text and name == "color"):
            return ""
        value = color.css() if adapted == color else f"light-dark({color.css()},{adapted.css()})"
        place = f".pb-mail{selector[3:]}" if is_body else f".pb-body {selector}"
        if name == "link":
            return f":where({place} a:any-link){{color:{value}}}"
        if name == "bgcolor":
            return f":where({place}){{background-color:{value}}}" + (
                f"html{{background-color:{value}}}" if is_body else ""
            )
        memory = f";{TEXT_PROPERTY}:{color.css()}" if self._remembers_text else ""
        return f":where({place}){{color:{value}{memory}}}"

    def _phone_rules(self) -> str:
        blocks = {
            "table": "width:100%!important;min-width:0!important",
            "cell": "width:auto!important;min-width:0!important",
            "other": "width:auto!important;min-width:0!important;max-width:100%!important",
        }
        # A share of its cell, so that it does not widen the table; one that is not loaded keeps its height.
        blocks["img"] = "width:100%!important"
        parts = {"table": "table", "img": "img", "cell": ":is(td,th)", "other": ":not(table,td,th,img)"}
        written = []
        for kind, block in blocks.items():
            selectors = [f".pb-body {parts[kind]}{selector}" for found, selector in self._widths if found == kind]
            if selectors:
                written.append(f"{','.join(selectors)}{{{block}}}")
        return f"{PHONE}{{{''.join(written)}}}" if written else ""
