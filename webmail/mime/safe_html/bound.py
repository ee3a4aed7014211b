"""Bound what the HTML parser is given: size, depth, number of elements and attributes (security fact 1.1, R43).

HTML parsers walk their stack of open elements for most tags, so 50,000 nested <div> cost a minute. This module reads the
text once, in linear time, and writes a simpler text: only tags that cleaning would keep, each closed where it must be, never
deeper than `MAX_DEPTH`. It decides nothing about safety: its output is as hostile as its input, and `sanitize.py` parses and
cleans it. It must run before any parser.

Why it cannot be fooled about depth: every element whose tokens depend on the parser's state (raw text, SVG, MathML, select,
template) is left out, so what remains is read the same way by every parser, and end tags are written in the order of our own
stack. Formatting elements, which a parser opens again by itself, are counted apart and capped lower.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from html import escape
from typing import Final

from webmail.mime.safe_html.notices import Notices
from webmail.mime.safe_html.policy import (
    ALLOWED_TAGS,
    CLOSES_PARAGRAPH,
    ENDS_FOREIGN,
    FORMATTING,
    HEADINGS,
    HIDDEN_CONTENT,
    RAW_TEXT,
    SPECIAL,
    TABLE_PARTS,
    TABLE_SECTIONS,
    VOID,
)

MAX_HTML_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 200
# A parser opens these again in every block, so each counts once per block: 12 real levels are already unheard of.
MAX_OPEN_FORMATTING: Final = 12
MAX_ELEMENTS: Final = 50_000
# Each may walk the stack, so a flood of end tags is cut as well.
MAX_END_TAGS: Final = 2 * MAX_ELEMENTS
# Parsers look for duplicates by comparing each attribute with all before it.
MAX_ATTRIBUTES: Final = 64
# HTML 13.2.6.4.7: the adoption agency gives up after eight rounds; below that, it closes the element for certain.
_ADOPTION_ROUNDS: Final = 7

_ATTRIBUTE: Final = (
    r"[ \t\n\f\r/]*+[^ \t\n\f\r/>][^ \t\n\f\r/>=]*+"
    r"(?:[ \t\n\f\r]*+=[ \t\n\f\r]*+"
    r"""(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^ \t\n\f\r>"'][^ \t\n\f\r>]*+|(?=>)|\Z))?+"""
)
_ATTRIBUTE_PATTERN: Final = re.compile(_ATTRIBUTE)
_TAG: Final = re.compile(rf"<(/?)([a-zA-Z][^ \t\n\f\r/>]*+)((?:{_ATTRIBUTE})*+)([ \t\n\f\r/]*+)(>?)")
_COMMENT_END: Final = re.compile(r"--!?>")
_RAW_TEXT_END: Final = {name: re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE) for name in RAW_TEXT}
_NOT_TEXT: Final = re.compile("[\x00\ud800-\udfff]")

_NOTICED: Final = frozenset({"a", "img"})
# Nothing is to be said of these but that they open and close.
_PLAIN: Final = ALLOWED_TAGS - _NOTICED - RAW_TEXT - HIDDEN_CONTENT
_CELLS: Final = frozenset({"td", "th"})
_SCOPE: Final = frozenset({"table", "caption"}) | _CELLS
_TABLE_SCOPE: Final = frozenset({"table"})
_LIST_SCOPE: Final = _SCOPE | {"ol", "ul"}
_IMPLIES_END: Final = TABLE_PARTS | CLOSES_PARAGRAPH | {"a", "nobr", "li", "dd", "dt", "table", "hr"}
_ITEM_SCOPE: Final = SPECIAL - {"address", "div", "p"}


@dataclass(frozen=True)
class BoundedHtml:
    """Markup that is safe to give to a parser (in time, nothing else), whether something was cut to get there, and what was seen."""

    html: str
    is_truncated: bool
    notices: Notices = field(default_factory=Notices)


def bound_html(html: str) -> BoundedHtml:
    """Cap `html` at `MAX_HTML_BYTES` of UTF-8 and its structure at the limits above. Linear time; never raises."""
    html = _NOT_TEXT.sub("\ufffd", html)
    is_cut = False
    if len(html) * 4 > MAX_HTML_BYTES:
        raw = html.encode()
        is_cut = len(raw) > MAX_HTML_BYTES
        html = raw[:MAX_HTML_BYTES].decode(errors="ignore")
    reader = _Reader(html)
    reader.read()
    reader.notices.end_link()
    return BoundedHtml("".join(reader.tree.out), is_cut or reader.tree.is_simplified, reader.notices)


class _Tree:
    """The stack of open elements, kept at least as deep as any parser's would be."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.is_simplified = False
        self._stack: list[str] = []
        self._open: defaultdict[str, int] = defaultdict(int)
        self._dropped: defaultdict[str, int] = defaultdict(int)
        self._formatting = 0
        self._elements = 0
        self._end_tags = 0

    def open_element(self, name: str, markup: str) -> None:
        """Write a start tag unless a limit forbids it; then its end tag will be left out as well."""
        if name in TABLE_PARTS and not self._open["table"]:
            return  # parsers ignore it too
        if self._elements >= MAX_ELEMENTS:
            self._drop(name)
            return
        if name in _IMPLIES_END:
            self._close_implied(name)
        if name not in VOID:
            if len(self._stack) >= MAX_DEPTH or (name in FORMATTING and self._formatting >= MAX_OPEN_FORMATTING):
                self._drop(name)
                return
            self._push(name)
        self._elements += 1
        self.out.append(markup)

    def close_element(self, name: str) -> None:
        """Write the end tags that close `name`, or nothing where a parser would ignore it."""
        if self._dropped[name]:
            self._dropped[name] -= 1
            return
        self._end_tags += 1
        if self._stack and self._stack[-1] == name:  # as in all mail that is well made
            self._stack.pop()
            self._open[name] -= 1
            self._formatting -= name in FORMATTING
            self.out.append(f"</{name}>")
            return
        index = self._find_open(name) if self._end_tags <= MAX_END_TAGS else None
        if index is None:
            return
        above = self._stack[index + 1 :]
        if name in FORMATTING:
            if len(above) <= _ADOPTION_ROUNDS:
                self.out.append(f"</{name}>")
                self._remove(index)
        elif name in SPECIAL or SPECIAL.isdisjoint(above):
            self._close_from(index)

    def _drop(self, name: str) -> None:
        self.is_simplified = True
        if name not in VOID:
            self._dropped[name] += 1

    def _push(self, name: str) -> None:
        self._stack.append(name)
        self._open[name] += 1
        self._formatting += name in FORMATTING

    def _remove(self, index: int) -> None:
        name = self._stack.pop(index)
        self._open[name] -= 1
        self._formatting -= name in FORMATTING

    def _close_from(self, index: int, *, is_formatting_kept: bool = False) -> None:
        """Close everything from `index` up, innermost first, with an end tag each, needed or not.

        A parser may have closed some of it already, or may not have closed what we expect it to: the end tag settles it.
        """
        closed = self._stack[index:]
        kept = [name for name in closed if is_formatting_kept and name in FORMATTING]
        for name in reversed(closed):
            self._open[name] -= 1
            self._formatting -= name in FORMATTING
            if name not in FORMATTING or not is_formatting_kept:
                self.out.append(f"</{name}>")
        del self._stack[index:]
        for name in kept:
            self._push(name)

    def _nearest(self, names: frozenset[str], stop_at: frozenset[str]) -> int | None:
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index] in names:
                return index
            if self._stack[index] in stop_at:
                return None
        return None

    def _find_open(self, name: str) -> int | None:
        if name in HEADINGS:
            names = HEADINGS
            if not any(self._open[each] for each in names):
                return None
        elif not self._open[name]:
            return None
        else:
            names = frozenset({name})
        if name == "table" or name in TABLE_PARTS:
            return self._nearest(names, _TABLE_SCOPE)
        return self._nearest(names, _LIST_SCOPE if name == "li" else _SCOPE)

    def _close_implied(self, name: str) -> None:
        """Mirror the end tags that a parser implies before a start tag (HTML 13.2.6.4.7, .9 to .15)."""
        if name in TABLE_PARTS:
            self._close_table_parts(name)
            return
        if name == "table" and self._open["table"]:
            # Outside of a cell a parser takes this for the end of the table around it.
            index = self._nearest(_TABLE_SCOPE, _SCOPE)
            if index is not None:
                self._close_from(index, is_formatting_kept=True)
        if name in {"a", "nobr"}:
            index = self._find_open(name)
            if index is not None:
                self._remove(index)
            return
        if name in {"li", "dd", "dt"}:
            self._close_item(frozenset({"li"}) if name == "li" else frozenset({"dd", "dt"}))
        if name in CLOSES_PARAGRAPH and self._open["p"]:
            index = self._nearest(frozenset({"p"}), _SCOPE)
            if index is not None:
                self._close_from(index, is_formatting_kept=True)

    def _close_item(self, names: frozenset[str]) -> None:
        if any(self._open[each] for each in names):
            index = self._nearest(names, _ITEM_SCOPE)
            if index is not None:
                self._close_from(index, is_formatting_kept=True)

    def _close_table_parts(self, name: str) -> None:
        table = self._nearest(_TABLE_SCOPE, frozenset())
        keep = len(self._stack) if table is None else table + 1
        parents = (TABLE_SECTIONS, frozenset({"tr"})) if name in _CELLS else (TABLE_SECTIONS,) if name == "tr" else ()
        for parent in parents:
            if keep < len(self._stack) and self._stack[keep] in parent:
                keep += 1
        self._close_from(keep)


def _bounded(attributes: str) -> str:
    """The attributes of a tag, or none where they are too many."""
    if len(attributes) > 4 * MAX_ATTRIBUTES and len(_ATTRIBUTE_PATTERN.findall(attributes)) > MAX_ATTRIBUTES:
        return ""
    return attributes


class _Reader:
    """A tokenizer for the states of HTML 13.2.5 that can occur outside raw text and foreign content."""

    def __init__(self, html: str) -> None:
        self.tree = _Tree()
        self.notices = Notices()
        self._html = html
        self._position = 0
        self._unclosed: set[str] = set()
        self._hidden: str = ""
        self._hidden_depth = 0
        self._foreign_html_depth = 0

    def read(self) -> None:
        """Read to the end, or to a tag, comment or raw text that never ends (parsers drop what follows it)."""
        html, size = self._html, len(self._html)
        while self._position < size:
            start = html.find("<", self._position)
            if start < 0:
                self._add_text(html[self._position :])
                return
            if start > self._position:
                self._add_text(html[self._position : start])
            self._position = start
            if not self._read_markup():
                return

    def _add_text(self, text: str) -> None:
        if text and not self._hidden:
            self.tree.out.append(text)
            self.notices.add_text(text)

    def _read_markup(self) -> bool:
        html, start = self._html, self._position
        tag = _TAG.match(html, start)
        if tag:
            self._position = tag.end()
            name = tag[2].lower()
            if not tag[5]:
                return False
            if self._hidden or name not in _PLAIN:
                return self._take_tag(tag, name)
            if tag[1]:
                self.tree.close_element(name)
            else:
                self.tree.open_element(name, f"<{name}{_bounded(tag[3])}>")
            return True
        if html.startswith("<!--", start):
            end = _COMMENT_END.search(html, start + 2)
            self._position = end.end() if end else start
            return end is not None
        if html.startswith(("<!", "<?", "</"), start):
            self._position = html.find(">", start) + 1
            return self._position > 0
        # Written as a reference, so that what we leave out after it can never turn it into a tag.
        self._add_text("&lt;")
        self._position = start + 1
        return True

    def _take_tag(self, tag: re.Match[str], name: str) -> bool:
        is_end = tag[1] == "/"
        if self._hidden and not self._take_hidden(tag, name, is_end=is_end):
            return True
        if name == "plaintext" and not is_end:
            self._add_text(escape(self._html[self._position :]))
            return False
        if name in RAW_TEXT and not is_end:
            return self._skip_raw_text(tag, name)
        if name in HIDDEN_CONTENT:
            self._enter_hidden(tag, name, is_end=is_end)
            return True
        self._write_tag(tag, name, is_end=is_end)
        return True

    def _skip_raw_text(self, tag: re.Match[str], name: str) -> bool:
        """Go on behind the content of an element like `<script>`; False when it never ends."""
        end = _RAW_TEXT_END[name].search(self._html, self._position)
        if end is None:
            return False
        if name == "style" and not self._hidden:
            self.notices.add_style(_bounded(tag[3]), self._html[self._position : end.start()])
        self._position = end.start()
        return True

    def _write_tag(self, tag: re.Match[str], name: str, *, is_end: bool) -> None:
        if is_end:
            if name == "a":
                self.notices.end_link()
            if name in ALLOWED_TAGS:
                self.tree.close_element(name)
            return
        if name in _NOTICED:
            self.notices.start_tag(name, _bounded(tag[3]))
        if name == "body":
            # A fragment has no body; this one stands for it. A second one is no element in a browser either.
            if not self.notices.has_body:
                self.tree.open_element("div", self.notices.body_tag(_bounded(tag[3])))
            return
        if name in ALLOWED_TAGS:
            self.tree.open_element(name, f"<{name}{_bounded(tag[3])}>")

    def _enter_hidden(self, tag: re.Match[str], name: str, *, is_end: bool) -> None:
        is_empty = is_end or (name in {"svg", "math"} and "/" in tag[4])
        if is_empty or name in self._unclosed:
            return
        if re.compile(f"</{name}", re.IGNORECASE).search(self._html, self._position):
            self._hidden, self._hidden_depth, self._foreign_html_depth = name, 1, 0
        else:
            self._unclosed.add(name)

    def _take_hidden(self, tag: re.Match[str], name: str, *, is_end: bool) -> bool:
        """Follow a tag inside hidden content; True when the content ended just before it."""
        if name == self._hidden:
            self._hidden_depth += -1 if is_end else "/" not in tag[4]
            if not self._hidden_depth:
                self._hidden = ""
            return False
        if self._hidden not in {"svg", "math"}:
            return False
        if name in {"foreignobject", "desc", "annotation-xml", "mtext", "mi", "mo", "mn", "ms"}:
            self._foreign_html_depth += -1 if is_end else 1
        elif not is_end and name in ENDS_FOREIGN and self._foreign_html_depth <= 0:
            self._hidden = ""
            return True
        return False
