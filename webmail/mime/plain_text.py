"""Plain text bodies as HTML, and format=flowed (RFC 3676).

The HTML is written from parsed pieces of text, each escaped once where it is written (security R10); no replacement ever
runs over HTML. The result is a fragment for `safe_html.document` with `PLAIN_TEXT_CSS`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final

# Deeper quotes are shown at this level: nested boxes would leave no room for text.
MAX_QUOTE_LEVEL: Final = 12
MAX_URL_CHARS: Final = 2_000

_SIGNATURE: Final = "-- "
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_QUOTE_MARKS: Final = re.compile(r"(?:> ?)+")
_STUFFED_MARKS: Final = re.compile(r">+")
# No quotes, angle brackets or backslashes; no control, bidi or other invisible characters.
_URL_CHARS: Final = (
    r"[^\s<>\"'`{}|\\^\x00-\x1f\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\uffff]"
)
_LINK: Final = re.compile(
    rf"(?<![\w@.-])(?:https?://{_URL_CHARS}{{1,{MAX_URL_CHARS}}}"
    rf"|mailto:[\w.!#$%&*+/=?^-]{{1,64}}@{_URL_CHARS}{{1,400}}"
    r"|[\w.!#$%&*+=?^-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@-]))",
    re.IGNORECASE,
)
_CLOSERS: Final = {")": "(", "]": "["}


@dataclass(frozen=True)
class _Block:
    """Lines of one quote level (0 is the sender's own text)."""

    level: int
    lines: list[str]
    is_signature: bool = False


def plain_text_to_html(text: str) -> str:
    """Return an HTML fragment for a plain text body: links, nested quotes, the signature apart.

    Quotes are `<blockquote class="quote" data-level="n">` inside each other, the signature is `<div class="signature">`, lines
    are parted by `<br>` inside `<div class="text">`. A format=flowed body goes through `unflow` first.
    """
    out = ['<div class="plain">']
    level = 0
    for block in _read_blocks(text):
        out.extend(f'<blockquote class="quote" data-level="{step}">' for step in range(level + 1, block.level + 1))
        out.append("</blockquote>" * max(0, level - block.level))
        level = block.level
        style = "text signature" if block.is_signature else "text"
        out.append(f'<div class="{style}">{"<br>".join(map(_write_line, block.lines))}</div>')
    out.append("</blockquote>" * level)
    out.append("</div>")
    return "".join(out)


def unflow(text: str, delsp: bool) -> str:  # noqa: FBT001 - the parameter's name in RFC 3676
    """Undo format=flowed (RFC 3676 4): join the lines of a paragraph, remove space-stuffing, keep quote depth as "> " marks.

    `delsp` is the DelSp parameter: the space before a soft line break is then no part of the text (4.3). Lines end in LF.
    """
    paragraphs: list[tuple[int, list[str]]] = []
    is_open = False
    for line in _LINE_END.split(text):
        marks = _STUFFED_MARKS.match(line)
        depth = marks.end() if marks else 0
        content = line[depth:].removeprefix(" ")
        is_signature = content == _SIGNATURE
        # 4.5: a flowed line before another depth is a mistake of the sender; it ends its paragraph.
        if not (is_open and paragraphs[-1][0] == depth and not is_signature):
            paragraphs.append((depth, []))
        is_open = content.endswith(" ") and not is_signature
        paragraphs[-1][1].append(content[:-1] if is_open and delsp else content)
    return "\n".join(_mark_quote(depth, "".join(pieces)) for depth, pieces in paragraphs)


def _mark_quote(depth: int, content: str) -> str:
    return f"{'>' * depth} {content}" if depth else content


def _read_blocks(text: str) -> Iterator[_Block]:
    lines = _LINE_END.split(text)
    while lines and not lines[-1].strip():
        lines.pop()
    block = _Block(0, [])
    for line in lines:
        marks = _QUOTE_MARKS.match(line)
        level = min(marks.group().count(">"), MAX_QUOTE_LEVEL) if marks else 0
        content = line[marks.end() :] if marks else line
        is_signature = level == 0 and (content == _SIGNATURE or (block.is_signature and level == block.level))
        if level != block.level or is_signature != block.is_signature:
            if block.lines:
                yield block
            block = _Block(level, [], is_signature)
        block.lines.append(content)
    if block.lines:
        yield block


def _write_line(line: str) -> str:
    out = []
    position = 0
    for found in _LINK.finditer(line):
        shown = _trim_link(found.group())
        out.append(escape(line[position : found.start()]))
        out.append(_write_link(shown))
        position = found.start() + len(shown)
    out.append(escape(line[position:]))
    return "".join(out)


def _write_link(shown: str) -> str:
    has_scheme = shown[:7].lower() in {"http://", "https:/", "mailto:"}
    target = shown if has_scheme else f"mailto:{shown}"
    return f'<a href="{escape(target)}" target="_blank" rel="noopener noreferrer nofollow">{escape(shown)}</a>'


def _trim_link(url: str) -> str:
    """Leave out the punctuation of the sentence around a link, and a bracket that was opened before it."""
    counts = {closer: url.count(closer) - url.count(opener) for closer, opener in _CLOSERS.items()}
    while url:
        last = url[-1]
        if last in ".,;:!?*_~…":
            url = url[:-1]
        elif counts.get(last, 0) > 0:
            counts[last] -= 1
            url = url[:-1]
        else:
            break
    return url
