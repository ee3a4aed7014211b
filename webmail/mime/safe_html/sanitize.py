"""Clean the HTML of a mail: bound it, then one pass of nh3 over the parse tree, serialised once (security R4-R7, R13, R17).

Remote content is off: nothing in the result makes a browser fetch anything except the `cid:` images the caller maps. Do not edit
the returned text in any way; whatever must be rewritten is rewritten in the attribute callback below (CVE-2024-42009).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import nh3

from webmail.mime.safe_html.bound import bound_html
from webmail.mime.safe_html.css import filter_style
from webmail.mime.safe_html.policy import ALLOWED_ATTRIBUTES, ALLOWED_TAGS, LINK_REL, LINK_TARGET

MAX_URL_CHARS: Final = 8_000
# Base64 of about 150 KB: signatures and icons. Larger pictures belong into their own part.
MAX_DATA_IMAGE_CHARS: Final = 200_000
# Pure-Python CSS parsing is the slowest step: about 0.5 s for this much.
MAX_STYLE_CHARS_PER_MESSAGE: Final = 300_000
MAX_TITLE_CHARS: Final = 500

# HTML and URL standard: browsers drop tab and line breaks anywhere in a URL and control characters around it.
_URL_NOISE: Final = re.compile("[\x00-\x1f\x7f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]")
_WEB_URL: Final = re.compile(r"(?P<scheme>https?:)?//(?=[^/\\?#\s])", re.IGNORECASE)
_MAILTO: Final = re.compile(r"mailto:[^\s]", re.IGNORECASE)
_CID: Final = re.compile(r"cid:(.+)", re.IGNORECASE)
_DATA_IMAGE: Final = re.compile(r"data:image/(?:png|gif|jpe?g|webp);base64,[A-Za-z0-9+/]+={0,2}", re.IGNORECASE)
_REMOTE: Final = re.compile(r"\s*(?:https?:|ftp:|//|\\\\)", re.IGNORECASE)

_DIMENSION: Final = re.compile(r"\d{1,4}(?:\.\d{1,3})?%?")
_SMALL_NUMBER: Final = re.compile(r"[0-9]{1,3}")
_FONT_SIZE: Final = re.compile(r"[+-]?[0-9]")
_COLOR: Final = re.compile(r"#?[0-9A-Fa-f]{3,8}|[A-Za-z]{3,20}")
_FONT_FACE: Final = re.compile(r"[\w ,.'-]{1,200}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,4}")
_ALIGN: Final = re.compile(
    r"left|right|center|justify|middle|top|bottom|baseline|texttop|absmiddle|absbottom|char", re.IGNORECASE
)

# Plain attributes and the whole of what each may say. `title`, `alt`, `style` and the URLs are treated one by one.
_VALUES: Final[dict[str, re.Pattern[str]]] = {
    "align": _ALIGN,
    "valign": _ALIGN,
    "dir": re.compile(r"ltr|rtl|auto", re.IGNORECASE),
    "lang": _LANGUAGE,
    "width": _DIMENSION,
    "height": _DIMENSION,
    "bgcolor": _COLOR,
    "color": _COLOR,
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
}


@dataclass(frozen=True)
class SafeHtml:
    """Cleaned HTML for the body of a document, exactly as serialised.

    `blocked_remote` counts the remote references left out (images, backgrounds, CSS); `is_truncated` says that a limit cut
    something, so that the page can offer the source.
    """

    html: str
    blocked_remote: int
    has_remote: bool
    is_truncated: bool = False


def sanitize(html: str, *, cid_urls: Mapping[str, str]) -> SafeHtml:
    """Clean `html` for display.

    `cid_urls` maps a Content-ID without angle brackets (RFC 2392) to the URL of ours that serves that part. Linear in the size of
    the input, which is cut at 1 MB. Never raises.
    """
    bounded = bound_html(html)
    attributes = _AttributeFilter(cid_urls)
    cleaner = nh3.Cleaner(
        tags=set(ALLOWED_TAGS),
        clean_content_tags={"script", "style"},
        attributes={tag: set(names) for tag, names in ALLOWED_ATTRIBUTES.items()},
        attribute_filter=attributes.filter,
        strip_comments=True,
        link_rel=LINK_REL,
        set_tag_attribute_values={"a": {"target": LINK_TARGET}},
        url_schemes={"http", "https", "mailto", "cid", "data"},
    )
    cleaned = cleaner.clean(bounded.html)
    return SafeHtml(cleaned, attributes.blocked_remote, attributes.blocked_remote > 0, bounded.is_truncated)


class _AttributeFilter:
    """The callback of one cleaning pass; it counts what it blocks. An attribute it does not know is dropped."""

    def __init__(self, cid_urls: Mapping[str, str]) -> None:
        self.blocked_remote = 0
        self._cid_urls = {cid.strip().strip("<>").lower(): url for cid, url in cid_urls.items()}
        self._styles: dict[str, tuple[str, int]] = {}
        self._style_chars = 0
        self._special: dict[tuple[str, str], Callable[[str], str | None]] = {
            ("a", "href"): _link_target,
            ("a", "target"): lambda _: LINK_TARGET,
            ("a", "rel"): lambda _: LINK_REL,
            ("img", "src"): self._image_source,
            ("img", "alt"): _short_text,
        }
        self._anywhere: dict[str, Callable[[str], str | None]] = {
            "style": self._style,
            "title": _short_text,
            "background": self._remote_reference,
            "srcset": self._remote_reference,
        }

    def filter(self, tag: str, name: str, value: str) -> str | None:
        """Return what the attribute may say, or None to drop it."""
        special = self._special.get((tag, name)) or self._anywhere.get(name)
        if special:
            return special(value)
        allowed = _VALUES.get(name)
        value = value.strip()
        return value if allowed and allowed.fullmatch(value) else None

    def _remote_reference(self, value: str) -> None:
        self.blocked_remote += bool(_REMOTE.match(_URL_NOISE.sub("", value)))

    def _image_source(self, value: str) -> str | None:
        if len(value) > MAX_DATA_IMAGE_CHARS:
            return None
        url = _URL_NOISE.sub("", value).strip()
        content_id = _CID.fullmatch(url)
        if content_id:
            return self._cid_urls.get(content_id[1].lower()) or self._cid_urls.get(unquote(content_id[1]).lower())
        if url[:5].lower() == "data:":
            url = url.replace(" ", "")
            return url if _DATA_IMAGE.fullmatch(url) else None
        self._remote_reference(url)
        return None

    def _style(self, value: str) -> str | None:
        text, blocked = self._styles.get(value, ("", -1))
        if blocked < 0:
            self._style_chars += len(value)
            if self._style_chars > MAX_STYLE_CHARS_PER_MESSAGE:
                return None
            filtered = filter_style(value)
            text, blocked = self._styles[value] = (filtered.text, filtered.blocked_remote)
        self.blocked_remote += blocked
        return text or None


def _link_target(value: str) -> str | None:
    """An http, https or mailto URL that means the same in every document; relative ones have no meaning in a mail (R14)."""
    if len(value) > MAX_URL_CHARS:
        return None
    url = _URL_NOISE.sub("", value).strip()
    web = _WEB_URL.match(url)
    if web:
        return url if web["scheme"] else f"https:{url}"
    return url if _MAILTO.match(url) else None


def _short_text(value: str) -> str:
    return value[:MAX_TITLE_CHARS]
