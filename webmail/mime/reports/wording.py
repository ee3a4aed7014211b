"""Strangers' words made fit to show: one line, no controls, nothing invisible, nothing that turns the direction of writing.

What servers write into reports often repeats what a sender wrote; none of it may shape the line it is shown in.
"""

import re
from typing import Final

from webmail.mime.encoded_words import clean_text
from webmail.mime.reports.values import MAX_TEXT_CHARS

# Fillers, joiners and selectors that take no room, beyond what is not printable: marks of direction, tags, private characters.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_SPACE: Final = re.compile(r"\s+")
_MAX_SOURCE_CHARS: Final = 20_000


def clean_words(text: str, *, max_chars: int = MAX_TEXT_CHARS) -> str:
    """`text` as one line of at most `max_chars`, an ellipsis where it was cut. Only the first 20,000 characters are read."""
    line = _SPACE.sub(" ", clean_text(text[:_MAX_SOURCE_CHARS]))
    if not line.isascii():
        line = "".join(char for char in _INVISIBLE.sub("", line) if char.isprintable())
    line = line.strip()
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"
