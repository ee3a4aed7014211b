"""Hostile text for a pattern: made from the pattern itself, and a set that has hurt parsers of mail before.

The first kind reads the parsed pattern: each repetition is fed what it repeats behind what leads to it, closed by what does
not fit; whole examples are repeated, whole or cut short. Nothing here knows what the pattern is for.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

CANDIDATES = "a0 -_.@<>\n\t\r\"'()=?:;,/\\+*#&![]{}|~^%$ZéЖ\u200c\ud800\x00"
NEAR_MISSES = ("", "\x00", "\n!")
MAX_LEAD_CHARS = 400
REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
SEED = 44

GENERIC = (
    *(" ", "<", ">", "(", ")", "[", '"', "'", "\n", "\r", "\t", "a", "0", "=", ":", ";", ",", "@", ".", "-", "_", "/", "\\", "&"),
    *("\r\n", "\n ", " \n", "=?", "=?a?q?", "?=", "a ", "a.", "a@", "@a.", "a=", "a:", "a-", "<a", "<a ", "</", "<!--", "--\n", "\n--"),
    *("> ", ">\n", '"a', '\\"', "a,", "<a@b>,", "&#", "%0", "http://", "//", "re: ", "re:", "[a] ", "é", "\u200c", "\u200b ", "\ud800"),
    *("begin 644 a\n", "Content-", "a b ", "(a", "[a", "{a", "1.", "From: ", "url(", "ab12", "\x00"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attack:
    """`lead`, then `unit` as often as fits, then `tail`."""

    lead: str
    unit: str
    tail: str

    def text(self, size: int) -> str:
        """The hostile text, `size` characters."""
        room = size - len(self.lead) - len(self.tail)
        return self.lead + (self.unit * (room // len(self.unit) + 1))[:room] + self.tail


def mixed_text(size: int) -> str:
    """Units of the generic set in random order, always the same."""
    chosen = random.Random(SEED).choices(GENERIC, k=size)
    return "".join(chosen)[:size]


def attacks_on(pattern: re.Pattern[Any]) -> list[Attack]:
    """All attacks on one pattern, each once."""
    text = pattern.pattern
    source = text.decode("latin-1") if isinstance(text, bytes) else text
    tree = _parser.parse(source, pattern.flags & ~(re.UNICODE if isinstance(text, bytes) else 0))
    units = dict.fromkeys((*(("", unit) for unit in GENERIC), *_repetitions(list(tree), "")))
    whole = _example(list(tree), 1)
    for example in {whole, whole[:-1], whole[1:], _example(list(tree), 3)} - {""}:
        units["", example] = None
    found: dict[Attack, None] = {}
    for lead, unit in units:
        shown, repeated = lead[-MAX_LEAD_CHARS:], unit[:MAX_LEAD_CHARS]
        # The generic ones are many: what follows them is told apart by those made from the pattern.
        for tail in NEAR_MISSES if shown or repeated not in GENERIC else ("\x00",):
            found[Attack(shown, repeated, tail)] = None
        if shown:
            found[Attack("", (shown + repeated)[:MAX_LEAD_CHARS], "")] = None
            found[Attack("", (shown + repeated * 40)[:MAX_LEAD_CHARS], "")] = None
    return list(found)


def _repetitions(nodes: list[Any], lead: str) -> Iterator[tuple[str, str]]:
    """(what leads there, what is repeated) for each repetition in the pattern."""
    for kind, argument in nodes:
        if kind in REPEATS and argument[1] > 1:
            yield from ((lead, unit) for unit in _variants(list(argument[2])) if unit)
        for inner in _within(kind, argument):
            yield from _repetitions(inner, lead)
        lead += _example([(kind, argument)], 1)


def _within(kind: Any, argument: Any) -> list[list[Any]]:
    """The sequences of nodes inside of a node."""
    if kind in REPEATS:
        return [list(argument[2])]
    if kind is sre.BRANCH:
        return [list(branch) for branch in argument[1]]
    if kind is sre.SUBPATTERN:
        return [list(argument[3])]
    if kind is sre.ATOMIC_GROUP:
        return [list(argument)]
    return [list(argument[1])] if kind in (sre.ASSERT, sre.ASSERT_NOT) else []


def _variants(nodes: list[Any]) -> set[str]:
    """What one round of a repetition may be: each branch, several characters of each set, inner repetitions short and long."""
    found = {_example(nodes, 1), _example(nodes, 12)}
    if len(nodes) == 1:
        kind, argument = nodes[0]
        if kind is sre.IN:
            found.update(_members(argument)[:4])
        elif kind is sre.ANY:
            found.update(" a.")
        elif kind not in REPEATS:
            for inner in _within(kind, argument)[:12]:
                found |= _variants(inner)
    return found


def _example(nodes: list[Any], rounds: int) -> str:
    return "".join(_one_example(kind, argument, rounds) for kind, argument in nodes)


def _one_example(kind: Any, argument: Any, rounds: int) -> str:
    """Text that the node matches; `rounds`: how often a repetition that may be left out is taken."""
    if kind is sre.LITERAL:
        return chr(argument)
    if kind is sre.NOT_LITERAL:
        return next(mark for mark in CANDIDATES if ord(mark) != argument)
    if kind is sre.ANY:
        return "a"
    if kind is sre.IN:
        return (_members(argument) or ["a"])[0]
    if kind is sre.BRANCH:
        return _example(list(argument[1][0]), rounds)
    if kind is sre.SUBPATTERN:
        return _example(list(argument[3]), rounds)
    if kind is sre.ATOMIC_GROUP:
        return _example(list(argument), rounds)
    if kind in REPEATS:
        least, most, inner = argument
        return _example(list(inner), rounds) * min(max(least, rounds), most, 400)
    if kind is sre.ASSERT and argument[0] > 0:
        return _example(list(argument[1]), rounds)
    return ""


def _members(items: list[Any]) -> list[str]:
    """Some characters of a set: of ours those that are in it, else the first of its own."""
    is_negated = bool(items) and items[0][0] is sre.NEGATE
    rest = items[1:] if is_negated else items
    found = [mark for mark in CANDIDATES if any(_holds(item, mark) for item in rest) != is_negated]
    if not is_negated:
        # The set's own first: what is listed singly is what the pattern is about.
        found = [*(chr(value) for kind, value in rest if kind is sre.LITERAL), *found]
        found += [chr(value[0]) for kind, value in rest if kind is sre.RANGE]
    return list(dict.fromkeys(found))


def _holds(item: tuple[Any, Any], mark: str) -> bool:
    kind, value = item
    if kind is sre.LITERAL:
        return ord(mark) == int(value)
    if kind is sre.RANGE:
        return bool(value[0] <= ord(mark) <= value[1])
    tests = {
        sre.CATEGORY_DIGIT: mark.isdigit(),
        sre.CATEGORY_NOT_DIGIT: not mark.isdigit(),
        sre.CATEGORY_SPACE: mark.isspace(),
        sre.CATEGORY_NOT_SPACE: not mark.isspace(),
        sre.CATEGORY_WORD: mark.isalnum() or mark == "_",
        sre.CATEGORY_NOT_WORD: not (mark.isalnum() or mark == "_"),
    }
    return tests[value]
