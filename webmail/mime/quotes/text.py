"""Plain text as lines for `structure`."""

import re
from typing import Final

from webmail.mime.quotes.kinds import Line
from webmail.mime.quotes.lines import may_be_attribution

LINE_END: Final = re.compile(r"\r\n|\r|\n")
# The space behind each mark belongs to it (RFC 3676 4.5).
QUOTE_MARKS: Final = re.compile(r"(?:> ?)+")
SIGNATURE_LINE: Final = "-- "
# What some programs of Usenet's time put there instead: "| text", ": text", "Anna> text". Only behind an attribution.
_OTHER_MARKS: Final = re.compile(r"[ \t]{0,4}([|}:%#]|[^\W\d_]{1,12}>)")


def split_marks(line: str) -> tuple[int, str]:
    """How often `line` is quoted, and what it says."""
    if not line.startswith(">"):
        return 0, line
    marks = QUOTE_MARKS.match(line)
    if marks is None:
        return 0, line
    return marks.group().count(">"), line[marks.end() :]


def read_lines(text: str) -> list[Line]:
    """The lines of a plain text body, each with its depth. A format=flowed body goes through `plain_text.unflow` first."""
    lines: list[Line] = []
    mark = ""
    for raw in LINE_END.split(text):
        depth, content = split_marks(raw)
        if not depth and raw[:1] not in ("", "-"):
            other = _OTHER_MARKS.match(raw)
            mark = other[1] if other and (other[1] == mark or _announced(lines)) else ""
            depth = int(bool(mark))
        elif depth:
            mark = ""
        lines.append(Line(content if content == SIGNATURE_LINE else content.strip(), depth))
    return lines


def _announced(lines: list[Line]) -> bool:
    """Whether the lines read so far end with an attribution."""
    last = next((at for at in range(len(lines) - 1, max(len(lines) - 4, -1), -1) if lines[at].text), None)
    if last is None or not lines[last].text.endswith(":") or lines[last].depth:
        return False
    text = lines[last].text
    return may_be_attribution(text) or (last > 0 and may_be_attribution(f"{lines[last - 1].text} {text}"))
