"""What the bounding reader notices on its way through a mail, because a cleaner that sees one attribute at a time cannot.

Style sheets, what the links say, how large pictures are meant to be. All of it is as hostile as the mail; whoever uses it filters
it.

Links and pictures are found again by `url_key`: an attribute is decoded here by us and there by the HTML parser, and the two must
not be made to differ.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from html import escape, unescape
from html.entities import html5
from typing import Final

MAX_LINK_TEXT: Final = 2_000
MAX_LINKS: Final = 5_000
MAX_STYLES: Final = 50
MAX_SIZES: Final = 20  # of one picture

_ATTRIBUTE: Final = re.compile(
    r"[ \t\n\f\r/]*+([^ \t\n\f\r/>][^ \t\n\f\r/>=]*+)"
    r"(?:[ \t\n\f\r]*+=[ \t\n\f\r]*+"
    r"""(?:"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z)|([^ \t\n\f\r>"'][^ \t\n\f\r>]*+)|(?=>)|\Z))?+"""
)
_REFERENCE: Final = re.compile(r"&(?:#[0-9]++;?|#[xX][0-9a-fA-F]++;?|([A-Za-z][A-Za-z0-9]*+)(;?)(=?))")
_UNSEEN: Final = re.compile(r"[^!-~]+")
_MARGINS: Final = {
    "top": ("marginheight", "topmargin"),
    "bottom": ("marginheight", "bottommargin"),
    "left": ("marginwidth", "leftmargin"),
    "right": ("marginwidth", "rightmargin"),
}
_BODY_ATTRIBUTES: Final = ("id", "style", "bgcolor", "background", "text", "link", "lang", "dir", "align")


@dataclass(slots=True)
class Notices:
    """`styles`: text and `media` of each style sheet. `links`: what the links with a key say. `pictures`: width, height and
    style of the elements that show the picture with a key. `has_body`: the body element is among the markup, as `.pb-mail`;
    `body_style` is what its attribute says."""

    styles: list[tuple[str, str]] = field(default_factory=list)
    links: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    pictures: dict[str, set[tuple[str, str, str]]] = field(default_factory=lambda: defaultdict(set))
    has_body: bool = False
    body_style: str = ""
    _link: str | None = None
    _link_text: list[str] = field(default_factory=list)
    _link_chars: int = 0

    def start_tag(self, name: str, attributes: str) -> None:
        """A tag that is shown, and its attributes as they stand in the mail."""
        if name == "a":
            self.end_link()
            href = read_attributes(attributes).get("href")
            self._link = url_key(href) if href and len(self.links) < MAX_LINKS else None
        elif name == "img":
            found = read_attributes(attributes)
            sizes = self.pictures[url_key(found.get("src", ""))]
            if len(sizes) < MAX_SIZES:
                sizes.add((found.get("width", ""), found.get("height", ""), found.get("style", "")))

    def add_style(self, attributes: str, text: str) -> None:
        """The contents of a `<style>`."""
        found = read_attributes(attributes)
        if found.get("type", "").strip().lower() in {"", "text/css"} and len(self.styles) < MAX_STYLES:
            self.styles.append((text, found.get("media", "")))

    def add_text(self, text: str) -> None:
        """Text that is shown, references not resolved."""
        if self._link is not None and self._link_chars < MAX_LINK_TEXT:
            self._link_text.append(text)
            self._link_chars += len(text)

    def end_link(self) -> None:
        """The end of an `<a>`, or of the mail."""
        if self._link is not None:
            text = "".join(self._link_text)[:MAX_LINK_TEXT]
            self.links[self._link].add(unescape(text).strip())
        self._link, self._link_text, self._link_chars = None, [], 0

    def body_tag(self, attributes: str) -> str:
        """The body element as the `div` it becomes: its own class is ours, what else it says stays."""
        self.has_body = True
        found = read_attributes(attributes)
        self.body_style = found.get("style", "")
        found["style"] = _body_margins(found) + self.body_style
        kept = "".join(f' {name}="{escape(found[name])}"' for name in _BODY_ATTRIBUTES if found.get(name))
        return f'<div class="{escape("pb-mail " + found.get("class", "")).strip()}"{kept}>'


def _body_margins(attributes: dict[str, str]) -> str:
    """What `leftmargin`, `marginheight` and the like say, as declarations (HTML 15.3.2)."""
    written = []
    for side, names in _MARGINS.items():
        value = next((attributes[name].strip() for name in names if name in attributes), "")
        if value.isascii() and value.isdigit() and len(value) < 4:
            written.append(f"margin-{side}:{value}px;")
    return "".join(written)


def read_attributes(attributes: str) -> dict[str, str]:
    """Names in lower case and resolved values; of two with the same name the first counts, as in browsers."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(attributes):
        found.setdefault(name.lower(), attribute_text(double or single or bare))
    return found


def attribute_text(raw: str) -> str:
    """The value of an attribute with its character references resolved (HTML 13.2.5.73)."""
    return _REFERENCE.sub(_resolve, raw) if "&" in raw else raw


def _resolve(found: re.Match[str]) -> str:
    name, end, equals = found[1], found[2], found[3]
    if name is None:
        return unescape(found[0])
    # In attributes, a name without semicolon and before "=" or a letter is text: links are full of "&copy=1".
    is_known = name + end in html5 and (end or not equals)
    return (html5[name + end] + equals) if is_known else found[0]


def url_key(url: str) -> str:
    """A URL without what two decoders might read differently."""
    return _UNSEEN.sub("", url)
