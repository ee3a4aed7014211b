"""Does a plain text need letters of one width? Tables, code, patches and drawings made of characters do; prose does not."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

# Looked at, from the beginning: a log of a megabyte says in its first pages what it is.
_MAX_LINES: Final = 2_000
_MAX_LINE_CHARS: Final = 400
# This many lines must agree, next to each other.
_MIN_ROWS: Final = 3
_MIN_CODE_LINES: Final = 4
_MAX_GAPS: Final = 40

_BORDER: Final = re.compile(r"[\s>]*+[+|][-=+|: ]{3,}[+|]\s*+")
_DRAWING: Final = re.compile("[\u2500-\u259f]{2}")
_PATCH: Final = re.compile(r"diff --git |@@ -\d|--- a/|\+\+\+ b/|Index: \S")
_CODE: Final = re.compile(
    r"\s*+(?:#include\b|#!/|(?:public|private|static|def|class|function|void|int|const|let|var|import|package|return|SELECT|"
    r"INSERT|CREATE|if|for|while|else|elif|try|except|end|fi|done)\b.{0,200}[;{(:)]|[})\]]{1,3}[;,]?)\s*+\Z"
)
_CODE_END: Final = re.compile(r"[;{}]\s*+\Z|\)\s*+:\s*+\Z")
_GAP: Final = re.compile(r"(?<=\S)(?: {2,}|\t+)(?=\S)")
_WORD: Final = re.compile(r"\S*+")
_POINTER: Final = re.compile(r"\s*+[\^~]{1,80}[\^~-]*+\s*+")
_LOG: Final = re.compile(r"\[?(?:\d{4}-\d\d-\d\d[T ]|[A-Z][a-z]{2} +\d{1,2} )\d\d:\d\d:\d\d")
_MARKS: Final = re.compile(r"(?:> ?)+")


def needs_fixed_width(text: str) -> bool:
    """Whether lines of `text` stand under each other on purpose. Linear; looks at the first 2,000 lines."""
    lines = [_unquoted(line[:_MAX_LINE_CHARS]).rstrip() for line in text.split("\n", _MAX_LINES)[:_MAX_LINES]]
    return _is_drawn(lines) or _is_code(lines) or _has_columns(lines)


def _unquoted(line: str) -> str:
    marks = _MARKS.match(line)
    return line[marks.end() :] if marks else line


def _is_drawn(lines: Sequence[str]) -> bool:
    """Borders, boxes, patches, logs, and marks below a word."""
    borders = drawings = logs = piped = 0
    for line in lines:
        if _PATCH.match(line) or (_POINTER.fullmatch(line) and "^" in line and line[:2] == "  "):
            return True
        borders += bool(_BORDER.fullmatch(line))
        drawings += bool(_DRAWING.search(line))
        logs += bool(_LOG.match(line))
        piped = piped + 1 if line.count("|") >= 2 else 0
        if piped >= _MIN_ROWS:
            return True
    return borders >= 2 or drawings >= 2 or logs >= _MIN_CODE_LINES


def _is_code(lines: Sequence[str]) -> bool:
    count = sum(
        bool(_CODE.match(line)) or (line[:1] in " \t" and bool(_CODE_END.search(line))) for line in lines if line
    )
    return count >= _MIN_CODE_LINES and count * 8 >= sum(map(bool, lines))


def _has_columns(lines: Sequence[str]) -> bool:
    """Some lines next to each other in which words begin or end in the same column behind a gap, or with tabs between words."""
    columns: Counter[tuple[str, int]] = Counter()
    tabs = 0
    for line in lines:
        gaps = [found for found in _GAP.finditer(line) if line[found.start() - 1] not in ".!?"]
        tabs = tabs + 1 if any("\t" in found.group() for found in gaps) else 0
        edges = {edge for found in gaps for edge in _edges(line, found.end())} if len(gaps) <= _MAX_GAPS else set()
        columns = Counter({edge: columns[edge] + 1 for edge in edges})
        if tabs >= _MIN_ROWS or any(count >= _MIN_ROWS for count in columns.values()):
            return True
    return False


def _edges(line: str, start: int) -> tuple[tuple[str, int], tuple[str, int]]:
    """The columns in which the word that begins at `start` begins and ends."""
    word = _WORD.match(line, start)
    end = word.end() if word else start
    if "\t" not in line:
        return ("begin", start), ("end", end)
    return ("begin", len(line[:start].expandtabs(8))), ("end", len(line[:end].expandtabs(8)))
