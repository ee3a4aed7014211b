"""What every cleaned mail must satisfy, body and style sheet, checked on a second parse by another parser (Lexbor).

It judges by rules of its own, not by the tables of the cleaner.
"""

import re
from collections.abc import Iterable
from typing import Any

import tinycss2
from selectolax.lexbor import LexborHTMLParser, LexborNode

from webmail.mime.safe_html.policy import ALLOWED_ATTRIBUTES, ALLOWED_TAGS
from webmail.mime.safe_html.sanitize import SafeHtml

NEVER_TAGS = {
    "script",
    "style",
    "svg",
    "math",
    "link",
    "meta",
    "base",
    "form",
    "input",
    "button",
    "select",
    "textarea",
    "object",
    "embed",
    "iframe",
    "frame",
    "frameset",
    "template",
    "noscript",
    "xmp",
    "title",
    "applet",
    "video",
    "audio",
    "source",
    "track",
    "canvas",
    "portal",
    "plaintext",
    "noembed",
    "noframes",
    "foreignobject",
    "image",
    "map",
    "area",
}
NEVER_ATTRIBUTES = {
    "name",
    "srcset",
    "poster",
    "cite",
    "ping",
    "action",
    "formaction",
    "xlink:href",
}
OWN_CLASSES = {"pb-quoted": "details", "pb-signature": "div", "pb-mail": "div"}
CSS_FUNCTIONS = {"rgb", "rgba", "hsl", "hsla", "light-dark", "linear-gradient", "radial-gradient", "calc", "repeat"}
NEVER_PROPERTIES = re.compile(
    r"position|z-index|transform|inset.*|top|left|right|bottom|content|cursor|behavior|.*filter|mask.*|clip.*|--(?!t\Z).*"
    r"|animation.*|transition.*|all|appearance|pointer-events|user-select|font-feature.*|src|-.*binding|.*shape.*"
)
UNITS = {"px", "pt", "pc", "in", "cm", "mm", "em", "rem", "ex", "ch", "deg", "fr"}
LINK = re.compile(r"(?:https?://[^/\\]|mailto:).*", re.IGNORECASE | re.DOTALL)
WARNED = re.compile(r"l/[0-9]+")
REMOTE = re.compile(r"r/[0-9]+")
DATA_IMAGE = re.compile(r"data:image/(?:png|gif|jpe?g|webp);base64,[A-Za-z0-9+/=]+", re.IGNORECASE)
NAME = r"[A-Za-z0-9_-]{1,700}"
COMPOUND = rf"(?:[a-z0-9]+|\*)?(?:[.#]m-{NAME}|:[a-z-]+(?:\((?:[0-9n+-]+|odd|even)\))?|:not\([^()]*\))*"
SCOPE = r"(?:html\[data-scheme=(?:auto|light|dark)\] )?\.pb-body"
# Of the mail: inside the scope, made of types, prefixed names and harmless pseudo-classes.
MAIL_SELECTOR = re.compile(
    rf"(?::where\({SCOPE}\) (?=\S){COMPOUND}|div:where\({SCOPE}(?: \.pb-mail)?\){COMPOUND})(?:[ >+~]{COMPOUND})*"
)
# Of ours, for what stands in attributes.
OWN_SELECTOR = re.compile(
    r":where\(\.pb-body\)"
    r"|:where\(\.pb-mail\[(?:bgcolor|text)=\"#[0-9a-f]{6}\"\]\)"
    r"|:where\(\.pb-mail\[link=\"#[0-9a-f]{6}\"\] a:any-link\)"
    r"|:where\(\.pb-mail\[background=\"[a-z0-9/._-]+\"\]\)|:where\(\.pb-body \[background\]\)"
    r"|:where\(\.pb-body [a-z]+\[(?:bgcolor|color)=\"#[0-9a-f]{6}\"\]\)"
    r"|\.pb-body (?:table|img|:is\(td,th\)|:not\(table,td,th,img\))"
    r"\[(?:width=\"[0-9]+\"|style\^=\"[a-z0-9:.-]+\"|style\*=\";[a-z0-9:.-]+\")\]"
)
PSEUDO = {
    "hover", "active", "focus", "link", "visited", "first-child", "last-child", "only-child", "first-of-type", "last-of-type",
    "only-of-type", "empty", "nth-child", "nth-last-child", "nth-of-type", "nth-last-of-type", "not", "where", "is", "any-link",
}  # fmt: skip
MEDIA = re.compile(
    r"(?:(?:not )?(?:screen|print|all)|(?:(?:not )?(?:screen|print|all) and )?CONDITION(?: and CONDITION)*)".replace(
        "CONDITION",
        r"\((?:(?:min|max)-(?:width|height):[0-9.]+(?:px|em|rem|pt|in|cm|mm|pc|ex|ch)?|orientation:[a-z]+"
        r"|-webkit-(?:min|max)-device-pixel-ratio:[0-9.]+|prefers-reduced-motion:[a-z-]+|hover:[a-z]+|prefers-color-scheme:(?:dark|light))\)",
    )
)


def assert_safe(
    html: str, *, css: str = "", own_urls: frozenset[str] = frozenset(), shows_remote: bool = False
) -> None:
    """Fail unless `html` and `css` hold only what is allowed and make no browser fetch anything but `own_urls`.

    `shows_remote`: pictures may also be `r/<number>`.
    """
    urls = _Urls(own_urls, shows_remote=shows_remote)
    tree = LexborHTMLParser(f"<!doctype html><html><head></head><body>{html}</body></html>")
    body = tree.body
    assert body is not None
    assert not (tree.head and tree.head.html != "<head></head>"), "something moved into the head"
    for node in body.traverse(include_text=True):
        assert node.tag != "-comment", "a comment survived"
        if node.is_element_node and node.mem_id != body.mem_id:
            _assert_safe_element(node, urls)
    assert_safe_css(css, urls)


def assert_safe_result(
    cleaned: SafeHtml, *, shows_remote: bool = False, own_urls: frozenset[str] = frozenset()
) -> None:
    """`assert_safe` for all that one cleaning returned."""
    assert_safe(cleaned.html, css=cleaned.css, own_urls=own_urls, shows_remote=shows_remote)
    for ref in cleaned.remote:
        assert re.match(r"https?://[^/\\?#\s]", ref.url), ref
    for link in cleaned.links:
        assert re.match(r"https?://[^/\\?#\s]", link.url, re.IGNORECASE), link


class _Urls:
    """What may be fetched."""

    def __init__(self, own: frozenset[str], *, shows_remote: bool) -> None:
        self._own = own
        self._shows_remote = shows_remote

    def allow(self, url: str) -> bool:
        return url in self._own or bool(DATA_IMAGE.fullmatch(url) or (self._shows_remote and REMOTE.fullmatch(url)))


def _assert_safe_element(node: LexborNode, urls: _Urls) -> None:
    tag = str(node.tag)
    assert tag in ALLOWED_TAGS - NEVER_TAGS, tag
    for name, value in node.attributes.items():
        where, text = f"{tag}[{name}]={value!r}", value or ""
        assert name in ALLOWED_ATTRIBUTES["*"] | ALLOWED_ATTRIBUTES.get(tag, frozenset()) | {"rel"}, where
        assert name not in NEVER_ATTRIBUTES, where
        assert not name.startswith(("on", "hx-", "data-")), where
        if name == "href":
            assert tag == "a", where
            assert LINK.fullmatch(text) or WARNED.fullmatch(text), where
        elif name == "src":
            assert tag == "img", where
            assert urls.allow(text), where
        elif name == "background":
            assert urls.allow(text), where
        elif name == "style":
            assert_safe_style(text, urls)
        elif name in {"class", "id"}:
            for each in text.split(" "):
                assert re.fullmatch(rf"m-{NAME}", each) or (name == "class" and OWN_CLASSES.get(each) == tag), where
        elif name not in {"title", "alt", "aria-label"}:
            assert not re.search(r"[:/\\<>]|script", text, re.IGNORECASE) or name == "target", where
    if tag == "a":
        assert node.attributes.get("target") == "_blank", "a link opens inside the frame"
        assert node.attributes.get("rel") == "noopener noreferrer nofollow"


def assert_safe_style(style: str, urls: _Urls | None = None) -> None:
    """Fail unless the declarations of a style attribute are plain values."""
    assert not re.search(r"[\\!@{}<>]|//|/\*|[\x00-\x08]", re.sub(r"url\(data:[^)]*\)", "", style)), style
    for node in tinycss2.parse_blocks_contents(style, skip_comments=False, skip_whitespace=True):
        _assert_safe_declaration(node, urls, style)
        assert not node.important, style


def assert_safe_css(css: str, urls: _Urls | None = None) -> None:
    """Fail unless a style sheet only reaches into the body of the mail, with plain values."""
    assert not re.search(r"[\\<]|/\*|[\x00-\x08]", css), css
    _assert_safe_rules(tinycss2.parse_stylesheet(css, skip_comments=False, skip_whitespace=True), urls)


def _assert_safe_rules(rules: Iterable[Any], urls: _Urls | None) -> None:
    for rule in rules:
        text = rule.serialize()
        if rule.type == "at-rule":
            assert rule.lower_at_keyword == "media", text
            for query in tinycss2.serialize(rule.prelude).strip().split(","):
                assert MEDIA.fullmatch(query.strip()), text
            inside = tinycss2.parse_rule_list(rule.content, skip_comments=False, skip_whitespace=True)
            _assert_safe_rules(inside, urls)
            continue
        assert rule.type == "qualified-rule", text
        block = tinycss2.serialize(rule.content)
        if re.fullmatch(r"html(?:\[data-scheme=[a-z]+\])?", tinycss2.serialize(rule.prelude)):
            assert re.fullmatch(r"background-color:[A-Za-z0-9#,.()% -]+(?:!important)?", block), text
            continue
        for selector in re.split(r",(?![^()]*\))", tinycss2.serialize(rule.prelude).strip()):
            assert MAIL_SELECTOR.fullmatch(selector) or OWN_SELECTOR.fullmatch(selector), selector
            assert set(re.findall(r":([a-z-]+)", re.sub(r'"[^"]*"', "", selector))) <= PSEUDO, selector
        for node in tinycss2.parse_blocks_contents(rule.content, skip_comments=False, skip_whitespace=True):
            _assert_safe_declaration(node, urls, text)


def _assert_safe_declaration(node: Any, urls: _Urls | None, where: str) -> None:
    assert node.type == "declaration", where
    assert not NEVER_PROPERTIES.fullmatch(node.lower_name), where
    value = tinycss2.serialize(node.value)
    if node.lower_name == "color" and value == "var(--t)":
        return
    is_margin = node.lower_name.startswith("margin")
    for token in _walk(node.value):
        assert token.type not in {"error", "{} block", "[] block", "() block", "at-keyword"}, where
        if token.type == "url":
            assert node.lower_name == "background-image", where
            assert urls is not None, where
            assert urls.allow(token.value), where
        assert token.type != "function" or token.lower_name in CSS_FUNCTIONS, where
        assert token.type != "dimension" or token.lower_unit in UNITS, where
        assert not is_margin or not str(getattr(token, "value", "")).startswith("-"), where


def _walk(tokens: Iterable[Any]) -> Iterable[Any]:
    for token in tokens:
        yield token
        yield from _walk(getattr(token, "arguments", ()))
