"""The lines of an HTML message and where they stand in it, read from the output of `safe_html.bound.bound_html`.

One pass over text that is regular already (few elements deep, tags complete, no raw text); no tree is built. For each place it
keeps the chain of open elements, since a wrapper may begin and end only where the very same elements are open.
"""

import html
import re
from dataclasses import dataclass, field
from typing import Final

from webmail.mime.quotes.containers import Role, role_of
from webmail.mime.quotes.kinds import Cue, Line
from webmail.mime.quotes.lines import INVISIBLE

_ATTRIBUTE: Final = (
    r"[ \t\n\f\r/]*+[^ \t\n\f\r/>][^ \t\n\f\r/>=]*+"
    r"(?:[ \t\n\f\r]*+=[ \t\n\f\r]*+"
    r"""(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^ \t\n\f\r>"'][^ \t\n\f\r>]*+|(?=>)|\Z))?+"""
)
_TOKEN: Final = re.compile(rf"[^<]++|<(/?)([a-zA-Z][^ \t\n\f\r/>]*+)((?:{_ATTRIBUTE})*+)[ \t\n\f\r/]*+>|<")
_EDGES: Final = re.compile(rf"[\s\xa0{INVISIBLE}]*+")
_SPACE: Final = re.compile(r"[\s\xa0]+")
# html.unescape would hand the digits to int(), which refuses more than 4,300 of them.
_LONG_NUMBER: Final = re.compile(r"&#[0-9]{8,}+;?")
# Nothing asks about more of a line.
_MAX_LINE_CHARS: Final = 2_000

_VOID: Final = frozenset({"br", "hr", "img", "wbr", "col", "input", "source", "embed", "area", "link", "meta", "base"})
_INLINE: Final = frozenset(
    [
        "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "img", "ins",
        "kbd", "mark", "nobr", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "td",
        "th", "time", "tt", "u", "var", "wbr",
    ]
)  # fmt: skip
_REOPENED: Final = frozenset({"a", "nobr"})
_SCOPES: Final = frozenset({"td", "th", "caption", "table"})
_NO_PLACE: Final = frozenset({"table", "tbody", "thead", "tfoot", "tr", "colgroup", "ul", "ol", "dl"})
_CUES: Final = {
    Role.ATTRIBUTION: Cue.ATTRIBUTION,
    Role.INTRODUCTION: Cue.INTRODUCTION,
    Role.SIGNATURE: Cue.SIGNATURE,
    Role.HEADER: Cue.HEADER,
    Role.FORWARDED: Cue.FORWARDED,
}

NOWHERE: Final = -1


@dataclass(slots=True, eq=False)
class Chain:
    """The innermost open element at some place and, by `parent`, all around it. Two places with the same Chain object have exactly
    the same elements open.

    `start`: offset of its start tag; `end`: of the end tag (the length of the text while it is open, NOWHERE if something opened in
    it was left open); `seen`: how many visible
    things stood in front of it.
    """

    name: str
    parent: "Chain | None"
    start: int
    seen: int
    end: int
    depth: int = 0
    is_unsure: bool = False
    cue: Cue = Cue.NONE
    in_paragraph: bool = False

    @property
    def can_hold(self) -> bool:
        """Whether a parser leaves a block where it stands here: not in a paragraph, not between the cells of a table."""
        return not self.in_paragraph and self.name not in _NO_PLACE


@dataclass(slots=True)
class PlacedLine(Line):
    """A line with its place: `start` and `end` around what is visible, the elements open at both, and what was seen before it."""

    start: int = 0
    end: int = 0
    chain: Chain | None = None
    end_chain: Chain | None = None
    seen: int = 0


@dataclass
class Page:
    """`lines` in order; `places`: (offset, chain) behind each tag, ascending."""

    lines: list[PlacedLine] = field(default_factory=list)
    places: list[tuple[int, Chain]] = field(default_factory=list)
    size: int = 0


def read_page(bounded: str) -> Page:
    """Read the lines of `bounded`. Linear in its length times the (bounded) depth of misnested elements."""
    reader = _Reader(bounded)
    reader.read()
    return reader.page


class _Reader:
    def __init__(self, source: str) -> None:
        self.page = Page(size=len(source))
        self._source = source
        self._chain = Chain("", None, 0, 0, len(source))
        self._seen = 0
        self._line: PlacedLine | None = None
        self._pieces: list[str] = []
        self._line_chars = 0
        self._pre = 0
        self._links = 0
        self._rest = False

    def read(self) -> None:
        for token in _TOKEN.finditer(self._source):
            name = token[2]
            if name is None:
                self._take_text(token.group(), token.start())
            elif token[1]:
                self._close(name, token.start())
                self.page.places.append((token.end(), self._chain))
            else:
                self._open(name, token[3], token.start(), token.end())
                self.page.places.append((token.end(), self._chain))
        self._end_line()

    def _take_text(self, raw: str, start: int) -> None:
        if self._pre and "\n" in raw:
            for at, piece in enumerate(raw.split("\n")):
                if at:
                    self._end_line(is_forced=True)
                self._add_text(piece, start)
                start += len(piece) + 1
            return
        self._add_text(raw, start)

    def _add_text(self, raw: str, start: int) -> None:
        if raw.isspace():
            if self._line is not None:
                self._pieces.append(" ")
            return
        text = raw
        if "&" in raw:
            text = html.unescape(_LONG_NUMBER.sub("\ufffd", raw[:_MAX_RAW_CHARS]))
        if _EDGES.fullmatch(text):
            if self._line is not None and text:
                self._pieces.append(" ")
            return
        line = self._visible(start + len(raw) - len(raw.lstrip()))
        line.end = start + len(raw.rstrip())
        if self._line_chars < _MAX_LINE_CHARS:
            self._pieces.append(text[:_MAX_LINE_CHARS])
            self._line_chars += len(text)

    def _visible(self, start: int) -> PlacedLine:
        """The line that is being read, begun if there is none; something visible is added to it."""
        if self._line is None:
            chain = self._chain
            cue = Cue.REST if self._rest else chain.cue
            self._rest = False
            self._line = PlacedLine(
                "", chain.depth, cue, chain.is_unsure, start=start, chain=chain, end_chain=chain, seen=self._seen
            )
        self._seen += 1
        self._line.end_chain = self._chain
        return self._line

    def _end_line(self, *, is_forced: bool = False) -> None:
        line = self._line
        if line is None:
            if is_forced:
                self.page.lines.append(PlacedLine("", self._chain.depth, is_unsure=self._chain.is_unsure))
            return
        self._line = None
        text = _SPACE.sub(" ", "".join(self._pieces))
        self._pieces, self._line_chars = [], 0
        line.text = "-- " if text.lstrip() == "-- " else text.strip()
        self._take_marks(line)
        self.page.lines.append(line)

    @staticmethod
    def _take_marks(line: PlacedLine) -> None:
        """Hotmail, and plain text turned into HTML, mark quotations with ">"."""
        if line.text.startswith(">"):
            marks = _MARKS.match(line.text)
            if marks:
                line.depth += marks.group().count(">")
                line.is_unsure = line.is_unsure and line.depth == 0
                line.text = line.text[marks.end() :].strip()

    def _open(self, raw_name: str, attributes: str, start: int, end: int) -> None:
        name = raw_name.lower()
        if name not in _INLINE:
            self._end_line(is_forced=name == "br")
        if name in _VOID:
            self._take_void(name, attributes, start, end)
            return
        if name in _REOPENED:
            if self._links:
                self._drop(name, start)
            self._links += 1
        if name == "a" and self._line is not None and "mailto:" in attributes:
            self._line.has_address = True
        if name in ("td", "th") and self._line is not None:
            self._pieces.append(" ")
        parent = self._chain
        chain = Chain(name, parent, start, self._seen, len(self._source), parent.depth, parent.is_unsure, parent.cue)
        chain.in_paragraph = name == "p" or (parent.in_paragraph and name not in _SCOPES)
        self._pre += name == "pre"
        self._give_role(chain, role_of(name, attributes))
        self._chain = chain

    def _give_role(self, chain: Chain, role: Role | None) -> None:
        if role is None:
            return
        if role in {Role.QUOTATION, Role.INDENTATION}:
            chain.is_unsure = role is Role.INDENTATION and (chain.is_unsure or not chain.depth)
            chain.depth += 1
            chain.cue = Cue.NONE
            self._end_introduction(chain.parent)
        elif role is Role.REST:
            self._rest = self._rest or not chain.depth
        elif not chain.depth:
            chain.cue = _CUES[role]

    @staticmethod
    def _end_introduction(chain: Chain | None) -> None:
        """Only what stands in front of the first quotation introduces it; what comes behind may be an answer."""
        while chain is not None and chain.cue is Cue.INTRODUCTION:
            chain.cue = Cue.NONE
            chain = chain.parent

    def _take_void(self, name: str, attributes: str, start: int, end: int) -> None:
        if name == "img":
            line = self._visible(start)
            line.has_picture = True
            line.end = end
        elif name == "hr":
            if role_of(name, attributes) is Role.REST:
                self._rest = self._rest or not self._chain.depth
            line = self._visible(start)
            line.is_rule = True
            line.end = end
            self._end_line()

    def _close(self, raw_name: str, start: int) -> None:
        name = raw_name.lower()
        if name not in _INLINE:
            self._end_line()
        chain: Chain = self._chain
        if chain.name == name and chain.parent is not None:
            self._shut(chain, start)
            self._chain = chain.parent
        else:
            self._drop(name, start)

    def _shut(self, chain: Chain, at: int) -> None:
        chain.end = at
        self._pre -= chain.name == "pre"
        self._links -= chain.name in _REOPENED

    def _drop(self, name: str, at: int) -> None:
        """Close the nearest `name`, and let what was opened in it stay open, as parsers do with misnested formatting."""
        above: list[Chain] = []
        chain: Chain | None = self._chain
        while chain is not None and chain.name != name:
            if name in _REOPENED and chain.name in _SCOPES:
                return
            above.append(chain)
            chain = chain.parent
        if chain is None or chain.parent is None:
            return
        self._shut(chain, at if not above else NOWHERE)
        base = chain.parent
        for old in reversed(above):
            # In front of this end tag, the innermost element is open and nothing else in it.
            old.end = at if old is above[0] else NOWHERE
            base = Chain(
                old.name, base, old.start, -1, self.page.size, old.depth, old.is_unsure, old.cue, old.in_paragraph
            )
        self._chain = base


# Of a text with references, as much as a line can need.
_MAX_RAW_CHARS: Final = 8_000
_MARKS: Final = re.compile(r"(?:> ?)+")
