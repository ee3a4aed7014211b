"""Plain text bodies as HTML, and format=flowed (RFC 3676).

The HTML is written from parsed pieces of text, each escaped once where it is written (security R10); no replacement ever
runs over HTML. The result is a fragment for `safe_html.document` with `PLAIN_TEXT_CSS`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from webmail.mime.fixed_width import needs_fixed_width
from webmail.mime.plain_links import write_line
from webmail.mime.quotes.fold import FOLD_END, fold_start
from webmail.mime.quotes.kinds import Kind
from webmail.mime.quotes.signature import split_signature
from webmail.mime.quotes.structure import read_structure
from webmail.mime.quotes.text import LINE_END, SIGNATURE_LINE, read_lines, split_marks

__all__ = ["needs_fixed_width", "plain_text_to_html", "unflow"]

# Deeper quotes are shown at this level: nested boxes would leave no room for text.
MAX_QUOTE_LEVEL: Final = 12
# A signature that no mark announces is looked for in this much of the end of the text.
_MAX_SIGNATURE_CHARS: Final = 4_000

_STUFFED_MARKS: Final = re.compile(r">+")


@dataclass(frozen=True)
class _Row:
    """A line as it is written: its quote level (0 is the sender's own text), what it says, and what it is."""

    level: int
    content: str
    kind: Kind


def plain_text_to_html(text: str, *, label: str = "…", sender: str = "") -> str:
    """Return an HTML fragment for a plain text body: links, quotes folded and nested, the signature apart.

    Lines are parted by `<br>` inside `<div class="text">`, quotes are `<blockquote class="quote" data-level="n">` inside each other,
    a signature is `<div class="text pb-signature">`. What is quoted at the end is in `<details class="pb-quoted">` under `label`
    (see `quotes.fold`). `sender` (name or address) helps to find a signature that "-- " does not announce. A format=flowed body goes
    through `unflow` first.
    """
    rows, folds = _read_rows(text, sender)
    out = ['<div class="plain">']
    position = 0
    for start, end in folds:
        out += _write_rows(_without_blank_ends(rows[position:start]))
        out += (fold_start(label), *_write_rows(_without_blank_ends(rows[start:end])), FOLD_END)
        position = end
    rest = rows[position:]
    out += _write_rows(_without_blank_ends(rest) if folds else rest)
    out.append("</div>")
    return "".join(out)


def unflow(text: str, delsp: bool) -> str:  # noqa: FBT001 - the parameter's name in RFC 3676
    """Undo format=flowed (RFC 3676 4): join the lines of a paragraph, remove space-stuffing, keep quote depth as "> " marks.

    `delsp` is the DelSp parameter: the space before a soft line break is then no part of the text (4.3). Lines end in LF.
    """
    paragraphs: list[tuple[int, list[str]]] = []
    is_open = False
    for line in LINE_END.split(text):
        marks = _STUFFED_MARKS.match(line)
        depth = marks.end() if marks else 0
        content = line[depth:].removeprefix(" ")
        is_signature = content == SIGNATURE_LINE
        # 4.5: a flowed line before another depth is a mistake of the sender; it ends its paragraph.
        if not (is_open and paragraphs[-1][0] == depth and not is_signature):
            paragraphs.append((depth, []))
        is_open = content.endswith(" ") and not is_signature
        paragraphs[-1][1].append(content[:-1] if is_open and delsp else content)
    return "\n".join(_mark_quote(depth, "".join(pieces)) for depth, pieces in paragraphs)


def _mark_quote(depth: int, content: str) -> str:
    return f"{'>' * depth} {content}" if depth else content


def _read_rows(text: str, sender: str) -> tuple[list[_Row], list[tuple[int, int]]]:
    raw = LINE_END.split(text)
    while raw and not raw[-1].strip():
        raw.pop()
    if not raw:
        return [], []
    lines = read_lines("\n".join(raw))
    structure = read_structure(lines)
    rows = [
        _Row(min(line.depth, MAX_QUOTE_LEVEL), split_marks(written)[1], kind)
        for written, line, kind in zip(raw, lines, structure.kinds, strict=True)
    ]
    if sender and Kind.SIGNATURE not in structure.kinds:
        _guess_signature(rows, sender)
    return rows, structure.folds


def _guess_signature(rows: list[_Row], sender: str) -> None:
    """Mark the end of the last own text as a signature where it looks like one."""
    end = next((at + 1 for at in range(len(rows) - 1, -1, -1) if rows[at].kind is Kind.OWN), 0)
    start = end
    size = 0
    while start and rows[start - 1].kind in {Kind.OWN, Kind.BLANK} and size < _MAX_SIGNATURE_CHARS:
        start -= 1
        size += len(rows[start].content) + 1
    _, signature = split_signature("\n".join(row.content for row in rows[start:end]), sender=sender)
    for at in range(end - signature.count("\n") - 1 if signature else end, end):
        if rows[at].kind is Kind.OWN:
            rows[at] = _Row(0, rows[at].content, Kind.SIGNATURE)


def _without_blank_ends(rows: Sequence[_Row]) -> Sequence[_Row]:
    start, end = 0, len(rows)
    while start < end and not rows[start].content.strip() and not rows[start].level:
        start += 1
    while end > start and not rows[end - 1].content.strip() and not rows[end - 1].level:
        end -= 1
    return rows[start:end]


def _write_rows(rows: Sequence[_Row]) -> Iterator[str]:
    level = 0
    for block in _read_blocks(rows):
        yield from (f'<blockquote class="quote" data-level="{step}">' for step in range(level + 1, block.level + 1))
        yield "</blockquote>" * max(0, level - block.level)
        level = block.level
        style = "text pb-signature" if block.is_signature else "text"
        yield f'<div class="{style}">{"<br>".join(map(write_line, block.lines))}</div>'
    yield "</blockquote>" * level


@dataclass(frozen=True)
class _Block:
    """Lines of one level."""

    level: int
    lines: list[str]
    is_signature: bool = False


def _read_blocks(rows: Sequence[_Row]) -> Iterator[_Block]:
    block = _Block(0, [])
    for row in rows:
        is_blank = row.kind is Kind.BLANK and not row.level and not block.level
        is_signature = block.is_signature if is_blank else row.kind is Kind.SIGNATURE
        if row.level != block.level or is_signature != block.is_signature:
            if block.lines:
                yield block
            block = _Block(row.level, [], is_signature)
        block.lines.append(row.content)
    if block.lines:
        yield block
