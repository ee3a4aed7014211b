"""HTML to plain text, for previews, search and text twins. Its result is text and never goes into HTML unescaped.

A tokenizer that builds no tree: with a tree, 80 KB of `<font a=N><p>` grow to 12 million nodes (the HTML standard makes
each paragraph repeat the open formatting elements), in lexbor as in any conforming parser. This one is linear.
"""

import html
import re

from webmail.mime.limits import MAX_HTML_CHARS

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:]{0,40}+)((?:[^<>\"']++|<|\"[^\"]*+\"|'[^']*+')*+)>")
_TAG_NAME = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:]{0,40})")
_TEXT = re.compile(r"(?:[^<]++|<(?![A-Za-z/!?]))++")
_ALT = re.compile(r"\balt\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>]++))", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
# html.unescape would hand the digits to int(), which refuses more than 4,300 of them.
_LONG_NUMBER = re.compile(r"&#[0-9]{8,}+;?")
# A quote that is never closed makes the careful reading of tags fail; after so many failures the quick one serves.
_MAX_CAREFUL_FAILURES = 50

_RAW = frozenset(
    {"script", "style", "title", "template", "xmp", "iframe", "noembed", "noframes", "object", "svg", "math"}
)
# Up to the name only: looking on for the ">" behind each would be quadratic where there is none.
_RAW_END = {name: re.compile(f"</{name}", re.IGNORECASE) for name in _RAW}
_PARAGRAPHS = frozenset(
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "blockquote", "hr", "figure"]
)
_LINES = frozenset(
    [
        "address",
        "article",
        "aside",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dir",
        "div",
        "dt",
        "fieldset",
        "figcaption",
        "footer",
        "form",
        "header",
        "html",
        "li",
        "main",
        "nav",
        "option",
        "section",
        "summary",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "legend",
    ]
)
_MAX_QUOTE_DEPTH = 10
_MAX_ALT_CHARS = 200


class _Writer:
    """Lines of text in the making; quoted lines get a `>` for each enclosing blockquote."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.current: list[str] = []
        self.quote_depth = 0
        self.pre_depth = 0
        self.alts: list[str] = []

    def add_text(self, text: str) -> None:
        if "&" in text:
            text = html.unescape(_LONG_NUMBER.sub("\ufffd", text))
        if not self.pre_depth:
            self.current.append(_SPACE.sub(" ", text))
            return
        first, *others = text.replace("\r\n", "\n").split("\n")
        self.current.append(first)
        for line in others:
            self.end_line(is_forced=True)
            self.current.append(line)

    def end_line(self, *, is_forced: bool = False) -> None:
        line = "".join(self.current)
        line = line.rstrip() if self.pre_depth else " ".join(line.split())
        self.current = []
        if line or is_forced:
            marks = ">" * min(self.quote_depth, _MAX_QUOTE_DEPTH)
            self.lines.append(f"{marks} {line}" if marks and line else marks + line)

    def end_paragraph(self, *, closes_quote: bool = False) -> None:
        self.end_line()
        if closes_quote:
            self.quote_depth = max(0, self.quote_depth - 1)
        if self.lines and not self.lines[-1].strip(">"):
            # The blank line between two paragraphs belongs to the outer one.
            self.lines[-1] = min(self.lines[-1], ">" * self.quote_depth)
        elif self.lines:
            self.end_line(is_forced=True)

    def start_tag(self, name: str, attributes: str) -> None:
        if name == "br":
            self.end_line(is_forced=True)
        elif name in ("td", "th"):
            self.current.append(" ")
        elif name == "img":
            found = _ALT.search(attributes)
            if found and len(self.alts) < 50:
                self.alts.append(
                    html.unescape(_LONG_NUMBER.sub("", found.group(found.lastindex or 0)))[:_MAX_ALT_CHARS]
                )
        elif name in _PARAGRAPHS:
            self.end_paragraph()
            self.quote_depth += name == "blockquote"
            self.pre_depth += name == "pre"
        elif name in _LINES:
            self.end_line()
            if name == "li":
                self.current.append("- ")

    def end_tag(self, name: str) -> None:
        if name in _PARAGRAPHS:
            self.end_paragraph(closes_quote=name == "blockquote")
            if name == "pre":
                self.pre_depth = max(0, self.pre_depth - 1)
        elif name in _LINES:
            self.end_line()
        elif name in ("td", "th"):
            self.current.append(" ")

    def result(self) -> str:
        self.end_line()
        while self.lines and not self.lines[-1].strip("> "):
            self.lines.pop()
        text = "\n".join(self.lines).strip("\n")
        if not text.strip():
            # A mail made of one picture says in its alt text what it wants.
            text = "\n".join(alt for alt in self.alts if alt.strip())
        return text


def html_to_text(source: str) -> str:
    """The text of an HTML document: paragraphs apart by a blank line, quotations marked with `>`, no links, no images.

    At most MAX_HTML_CHARS of `source` are read. Linear in time whatever the nesting; never raises.
    """
    source = source[:MAX_HTML_CHARS].replace("\0", "")
    writer = _Writer()
    position, size, failures = 0, len(source), 0
    while position < size:
        if text := _TEXT.match(source, position):
            writer.add_text(text.group())
            position = text.end()
            continue
        tag = _TAG.match(source, position) if failures < _MAX_CAREFUL_FAILURES else None
        if tag is None:
            failures += source[position + 1 : position + 2].isalpha()
            position = _skip_odd(source, position, writer)
        else:
            position = _take_tag(source, tag.group(1), tag.group(2).lower(), tag.group(3), tag.end(), writer)
    return writer.result()


def _skip_odd(source: str, mark: int, writer: _Writer) -> int:
    """A comment, a declaration or a tag with an unclosed quote; returns where to go on."""
    if source.startswith("<!--", mark):
        end = source.find("-->", mark + 4)
        return len(source) if end < 0 else end + 3
    name = _TAG_NAME.match(source, mark)
    end = source.find(">", mark)
    if end < 0:
        return len(source)
    if name is None:
        return end + 1
    return _take_tag(source, name.group(1), name.group(2).lower(), "", end + 1, writer)


def _take_tag(source: str, slash: str, name: str, attributes: str, end: int, writer: _Writer) -> int:
    if slash:
        writer.end_tag(name)
        return end
    if name in _RAW and not attributes.endswith("/"):
        close = _RAW_END[name].search(source, end)
        after = -1 if close is None else source.find(">", close.end())
        return len(source) if after < 0 else after + 1
    writer.start_tag(name, attributes)
    return end
