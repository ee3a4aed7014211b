"""The lines of a message as `structure` sees them, and what it says of each. Only values."""

from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """What a line is."""

    BLANK = "blank"
    OWN = "own"
    QUOTED = "quoted"
    ATTRIBUTION = "attribution"
    FORWARDED = "forwarded"
    SIGNATURE = "signature"
    FOOTER = "footer"


class Cue(Enum):
    """What the markup around a line says about it."""

    NONE = "none"
    ATTRIBUTION = "attribution"  # an element of a program that holds the attribution
    INTRODUCTION = "introduction"  # an element in which an attribution and then a quotation stand
    SIGNATURE = "signature"
    REST = "rest"  # from here on, everything is quoted
    HEADER = "header"  # a header of an answered message begins here, if it looks like one at all
    FORWARDED = "forwarded"


@dataclass(slots=True)
class Line:
    """One line as it is seen: its text without quotation marks and the spaces around it.

    `depth`: how many quotations it is in; `is_unsure`: the outermost of them may be a mere indentation. `has_picture` and
    `is_rule`: what else is in it. `has_address`: a link to a mail address.
    """

    text: str
    depth: int = 0
    cue: Cue = Cue.NONE
    is_unsure: bool = False
    has_picture: bool = False
    is_rule: bool = False
    has_address: bool = False

    @property
    def is_blank(self) -> bool:
        return not (self.text or self.has_picture or self.is_rule)


@dataclass(frozen=True)
class Structure:
    """The kind of each line, and the runs of lines (from, to) that may fold."""

    kinds: list[Kind]
    folds: list[tuple[int, int]] = field(default_factory=list)
