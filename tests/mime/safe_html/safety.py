"""What every cleaned body must satisfy, checked on a second parse by another parser (Lexbor)."""

import re

import tinycss2
from selectolax.lexbor import LexborHTMLParser, LexborNode

from webmail.mime.safe_html.policy import ALLOWED_ATTRIBUTES, ALLOWED_TAGS

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
    "id",
    "name",
    "class",
    "srcset",
    "background",
    "poster",
    "cite",
    "ping",
    "action",
    "formaction",
    "xlink:href",
}
CSS_FUNCTIONS = {"rgb", "rgba", "hsl", "hsla"}
NEVER_PROPERTIES = re.compile(
    r"position|z-index|transform|inset|top|left|right|bottom|content|cursor|behavior|filter|mask|--.*"
)
LINK = re.compile(r"(?:https?://[^/\\]|mailto:).*", re.IGNORECASE | re.DOTALL)
DATA_IMAGE = re.compile(r"data:image/(?:png|gif|jpe?g|webp);base64,[A-Za-z0-9+/=]+", re.IGNORECASE)


def assert_safe(html: str, *, own_urls: frozenset[str] = frozenset()) -> None:
    """Fail unless `html` holds only what the policy allows and makes no browser fetch anything but `own_urls`."""
    tree = LexborHTMLParser(f"<!doctype html><html><head></head><body>{html}</body></html>")
    body = tree.body
    assert body is not None
    assert not (tree.head and tree.head.html != "<head></head>"), "something moved into the head"
    for node in body.traverse(include_text=True):
        assert node.tag != "-comment", "a comment survived"
        if node.is_element_node and node.mem_id != body.mem_id:
            _assert_safe_element(node, own_urls)


def _assert_safe_element(node: LexborNode, own_urls: frozenset[str]) -> None:
    tag = str(node.tag)
    assert tag in ALLOWED_TAGS - NEVER_TAGS, tag
    for name, value in node.attributes.items():
        where, text = f"{tag}[{name}]={value!r}", value or ""
        assert name in ALLOWED_ATTRIBUTES["*"] | ALLOWED_ATTRIBUTES.get(tag, frozenset()) | {"rel"}, where
        assert name not in NEVER_ATTRIBUTES, where
        assert not name.startswith(("on", "hx-", "data-")), where
        if name == "href":
            assert tag == "a", where
            assert LINK.fullmatch(text), where
        elif name == "src":
            assert tag == "img", where
            assert text in own_urls or DATA_IMAGE.fullmatch(text), where
        elif name == "style":
            assert_safe_style(text)
        elif name not in {"title", "alt"}:
            assert not re.search(r"[:/\\<>]|script", text, re.IGNORECASE) or name == "target", where
    if tag == "a":
        assert node.attributes.get("target") == "_blank", "a link opens inside the frame"
        assert node.attributes.get("rel") == "noopener noreferrer nofollow"


def assert_safe_style(style: str) -> None:
    """Fail unless the declarations are plain values."""
    assert not re.search(r"[\\!@{}<>]|url|//|/\*", style, re.IGNORECASE), style
    for node in tinycss2.parse_blocks_contents(style, skip_comments=False, skip_whitespace=True):
        assert node.type == "declaration", style
        assert not node.important, style
        assert not NEVER_PROPERTIES.fullmatch(node.lower_name), style
        for token in node.value:
            assert token.type not in {"url", "error", "{} block", "[] block", "() block", "at-keyword"}, style
            assert token.type != "function" or token.lower_name in CSS_FUNCTIONS, style
            assert token.type != "dimension" or token.lower_unit not in {"vw", "vh", "vmin", "vmax"}, style
            is_margin = node.lower_name.startswith("margin")
            assert not is_margin or not str(getattr(token, "value", "")).startswith("-"), style
