"""What each attribute of a mail may say: the callback of the one cleaning pass. Whatever must be rewritten is rewritten here.

An attribute that nothing here knows is dropped. The callback must never raise: the cleaner would drop the attribute, which is
safe, but say so on standard error.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Final, cast
from urllib.parse import unquote

from webmail.mime.links import judge_link, without_tracking
from webmail.mime.safe_html.colors import legacy_color
from webmail.mime.safe_html.css import WIDE_PX, Look, read_style
from webmail.mime.safe_html.extra_rules import Attribute, ExtraRules
from webmail.mime.safe_html.notices import Notices, url_key
from webmail.mime.safe_html.policy import LINK_REL, LINK_TARGET
from webmail.mime.safe_html.remote import Kind, RemoteRefs, WarnedLink, WarnedLinks
from webmail.mime.safe_html.selectors import prefixed
from webmail.mime.trackers import recognise

MAX_URL_CHARS: Final = 8_000
# Base64 of about 150 KB: signatures and icons. Larger pictures belong into their own part.
MAX_DATA_IMAGE_CHARS: Final = 200_000
# Of those that differ: CSS parsing is the slowest step, about 0.4 s for this much.
MAX_STYLE_CHARS_PER_MESSAGE: Final = 200_000
MAX_TITLE_CHARS: Final = 500
MAX_CLASSES: Final = 40

# Classes that are written by us before the pass, each with the element it is for.
OWN_CLASSES: Final = {"pb-quoted": "details", "pb-signature": "div"}

# HTML and URL standard: browsers drop tab and line breaks anywhere in a URL and control characters around it.
_URL_NOISE: Final = re.compile("[\x00-\x1f\x7f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]")
_WEB_URL: Final = re.compile(r"(?P<scheme>https?:)?//(?=[^/\\?#\s])", re.IGNORECASE)
_MAILTO: Final = re.compile(r"mailto:[^\s]", re.IGNORECASE)
_CID: Final = re.compile(r"cid:(.+)", re.IGNORECASE)
_DATA_IMAGE: Final = re.compile(r"data:image/(?:png|gif|jpe?g|webp);base64,[A-Za-z0-9+/]++={0,2}", re.IGNORECASE)
_REMOTE: Final = re.compile(r"(?P<scheme>https?:)?[/\\]{2}(?=[^/\\?#\s])", re.IGNORECASE)

_DIMENSION: Final = re.compile(r"\d{1,4}(?:\.\d{1,3})?%?")
_PIXELS: Final = re.compile(r"\s*+(\d{1,4})(?:\.\d{0,9})?+\s*+(?:px)?+\s*+\Z", re.IGNORECASE)
_SMALL_NUMBER: Final = re.compile(r"[0-9]{1,3}")
_FONT_SIZE: Final = re.compile(r"[+-]?[0-9]")
_FONT_FACE: Final = re.compile(r"[\w ,.'-]{1,200}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,4}")
_ALIGN: Final = re.compile(
    r"left|right|center|justify|middle|top|bottom|baseline|texttop|absmiddle|absbottom|char", re.IGNORECASE
)

# Plain attributes and the whole of what each may say. Texts, colours, names, `style` and the URLs are treated one by one.
_VALUES: Final[dict[str, re.Pattern[str]]] = {
    "align": _ALIGN,
    "valign": _ALIGN,
    "dir": re.compile(r"ltr|rtl|auto", re.IGNORECASE),
    "lang": _LANGUAGE,
    "height": _DIMENSION,
    "face": _FONT_FACE,
    "size": _FONT_SIZE,
    "border": _SMALL_NUMBER,
    "cellpadding": _SMALL_NUMBER,
    "cellspacing": _SMALL_NUMBER,
    "hspace": _SMALL_NUMBER,
    "vspace": _SMALL_NUMBER,
    "colspan": _SMALL_NUMBER,
    "rowspan": _SMALL_NUMBER,
    "span": _SMALL_NUMBER,
    "start": re.compile(r"-?[0-9]{1,6}"),
    "value": re.compile(r"-?[0-9]{1,6}"),
    "type": re.compile(r"[1aAiI]|disc|circle|square"),
    "scope": re.compile(r"row|col|rowgroup|colgroup", re.IGNORECASE),
    "role": re.compile(r"presentation|none", re.IGNORECASE),
    "nowrap": re.compile(r"(?:nowrap|true)?", re.IGNORECASE),
    "noshade": re.compile(r"(?:noshade|true)?", re.IGNORECASE),
    "reversed": re.compile(r"(?:reversed)?", re.IGNORECASE),
    "open": re.compile(r"(?:open)?", re.IGNORECASE),
    "hidden": re.compile(r"(?:hidden)?", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Options:
    """How one mail is cleaned. `cid_urls`: Content-ID in lower case to the URL of ours that serves that part."""

    cid_urls: Mapping[str, str]
    adapts: bool
    remembers_text: bool
    strips_tracking: bool


class AttributeFilter:
    """The callback of one cleaning pass, and what it collects on the way."""

    def __init__(self, options: Options, notices: Notices, *, remote: RemoteRefs, links: WarnedLinks) -> None:
        self._options = options
        self._notices = notices
        self._remote = remote
        self._links = links
        self.look = Look(options.adapts, self._background_picture, options.remembers_text)
        self.extra = ExtraRules(adapts=options.adapts, remembers_text=options.remembers_text)
        self._style_chars = 0
        self._known: dict[tuple[str, str, str], str | None] = {}
        self._special: dict[str, Callable[[str, str, str], str | None]] = {
            "href": lambda _tag, _name, value: self._link_target(value),
            "target": lambda _tag, _name, _value: LINK_TARGET,
            "rel": lambda _tag, _name, _value: LINK_REL,
            "src": lambda _tag, _name, value: self._image_source(value),
            "alt": _short_text,
            "title": _short_text,
            "aria-label": _short_text,
            "style": lambda tag, _name, value: self._style(tag, value),
            "class": _class,
            "id": lambda _tag, _name, value: prefixed(value.strip()),
            "background": lambda _tag, _name, value: self._background(value),
            "width": self._width,
            "bgcolor": self._color,
            "color": self._color,
            "text": self._color,
            "link": self._color,
        }

    def note_canvas(self) -> None:
        """Before the pass: what the body's own style says of the page as a whole."""
        for each in read_style(self._notices.body_style).declarations:
            if each.plain.startswith("background-color:"):
                self.extra.add_canvas(each.adapted if self.look.adapts else each.plain)

    def filter(self, tag: str, name: str, value: str) -> str | None:
        """Return what the attribute may say, or None to drop it."""
        key = (tag, name, value)
        if key in self._known:
            return self._known[key]
        special = self._special.get(name)
        if special:
            found = special(tag, name, value)
        else:
            allowed = _VALUES.get(name)
            value = value.strip()
            found = value if allowed and allowed.fullmatch(value) else None
        self._known[key] = found
        return found

    def _link_target(self, value: str) -> str | None:
        """An http, https or mailto URL that means the same in every document; relative ones have no meaning in a mail (R14)."""
        if len(value) > MAX_URL_CHARS:
            return None
        url = _URL_NOISE.sub("", value).strip()
        web = _WEB_URL.match(url)
        if not web:
            return url if _MAILTO.match(url) else None
        url = url if web["scheme"] else f"https:{url}"
        target = without_tracking(url) if self._options.strips_tracking else url
        for text in sorted(self._notices.links.get(url_key(value), ())) or [""]:
            warning = judge_link(url, text)
            if warning is not None:
                return self._links.refer(WarnedLink(target, warning.shown, warning.reason))
        return target

    def _image_source(self, value: str) -> str | None:
        url, is_remote = self._picture(value)
        if url is None or not is_remote:
            return url
        sizes = self._notices.pictures.get(url_key(value)) or {("", "", "")}
        found = [recognise(url, width=width, height=height, style=style) for width, height, style in sorted(sizes)]
        # A known name first, then the unnamed "": once a tracking pixel, always one.
        return self._remote.refer(url, "picture", max((name for name in found if name is not None), default=None))

    def _background(self, value: str) -> str | None:
        target = self._background_picture(value)
        return self.extra.add_background(target) if target is not None and _is_plain(target) else None

    def _background_picture(self, value: str) -> str | None:
        """How a picture behind content is named in our document."""
        url, is_remote = self._picture(value)
        if url is None or not is_remote:
            return url
        kind: Kind = "background"
        return self._remote.refer(url, kind, recognise(url, width="", height="", style=""))

    def _picture(self, value: str) -> tuple[str | None, bool]:
        """The URL of a picture, and whether it is elsewhere; None where it is none that we show."""
        if len(value) > MAX_DATA_IMAGE_CHARS:
            return None, False
        url = _URL_NOISE.sub("", value).strip()
        content_id = _CID.fullmatch(url)
        if content_id:
            ids = self._options.cid_urls
            return ids.get(content_id[1].lower()) or ids.get(unquote(content_id[1]).lower()), False
        if url[:5].lower() == "data:":
            url = url.replace(" ", "")
            return (url if _DATA_IMAGE.fullmatch(url) else None), False
        remote = _REMOTE.match(url)
        if remote is None or len(url) > MAX_URL_CHARS:
            return None, False
        return f"{(remote['scheme'] or 'https:').lower()}//{url[remote.end() :]}".replace("\\", "/"), True

    def _style(self, tag: str, value: str) -> str | None:
        self._style_chars += len(value)
        if self._style_chars > MAX_STYLE_CHARS_PER_MESSAGE:
            return None
        style = read_style(value)
        for wide in style.wide:
            self.extra.add_width(tag, f'[style^="{wide}"]')
            self.extra.add_width(tag, f'[style*=";{wide}"]')
        return style.write(self.look) or None

    def _width(self, tag: str, _name: str, value: str) -> str | None:
        pixels = _PIXELS.match(value)
        if pixels:
            if int(pixels[1]) > WIDE_PX:
                self.extra.add_width(tag, f'[width="{pixels[1]}"]')
            return pixels[1]
        value = value.strip()
        return value if _DIMENSION.fullmatch(value) else None

    def _color(self, tag: str, name: str, value: str) -> str | None:
        color = legacy_color(value) if len(value) <= MAX_TITLE_CHARS else None
        return self.extra.add_color(tag, cast("Attribute", name), color) if color else None


def _is_plain(target: str) -> bool:
    return escape(target) == target and not re.search(r"[\s()\\\"'{};]", target)


def _class(tag: str, _name: str, value: str) -> str | None:
    """The classes, prefixed; those that we wrote ourselves as they are."""
    names = value.split()
    if len(names) == 1 and OWN_CLASSES.get(names[0]) == tag:
        return names[0]
    own = ["pb-mail"] if tag == "div" and names[:1] == ["pb-mail"] else []
    kept = own + [name for name in map(prefixed, names[len(own) : MAX_CLASSES]) if name]
    return " ".join(kept) or None


def _short_text(_tag: str, _name: str, value: str) -> str:
    return value[:MAX_TITLE_CHARS]
