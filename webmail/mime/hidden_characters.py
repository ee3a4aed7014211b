"""Characters that are not seen but change what is: in names, subjects and addresses they only serve deceivers (R15).

One place for all of them. What languages need stays: joiners between letters, and marks that give a neutral character its
direction without turning others.
"""

import re
from typing import Final

# Embeddings, overrides and isolates (UAX 9, 2): they turn the order of what follows, beyond the text they stand in.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_NEVER_SEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls, but for tab and line ends
    "\u00ad\u180e\u200b\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]++"
)
# A direction mark is of use beside a letter of a script that runs from right to left, and nowhere else.
_MARKS = re.compile("[\u061c\u200e\u200f]++")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
# Joiners change the form of letters of many scripts, of emoji too; between Latin letters they only hide.
_JOINERS = re.compile("[\u200c\u200d]++")
_LAST_LATIN = "\u024f"


def neutralise(text: str) -> str:
    """`text` without characters that hide or reorder: fit to stand beside other text on a page."""
    if text.isascii() and text.isprintable():
        return text
    shown = _NEVER_SEEN.sub("", text)
    shown = _JOINERS.sub(_keep_joiner, shown)
    return shown if _RIGHT_TO_LEFT.search(shown) else _MARKS.sub("", shown)


def _keep_joiner(found: re.Match[str]) -> str:
    """One joiner between two letters that may need it, else nothing."""
    before = found.string[found.start() - 1] if found.start() else ""
    after = found.string[found.end() : found.end() + 1]
    return found[0][0] if before > _LAST_LATIN and after > _LAST_LATIN else ""


def has_turns(text: str) -> bool:
    """Whether the text turns the reading direction, or hides characters between letters."""
    return not text.isascii() and (_TURNS.search(text) is not None or "\u200b" in text or "\u2060" in text)
