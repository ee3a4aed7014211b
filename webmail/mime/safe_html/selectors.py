"""Selectors of a mail's style sheet, written anew for our document: prefixed names, nothing outside of the mail's own body.

Allowed are types, classes, ids, `*`, the four combinators and the pseudo-classes of `_PSEUDO`. There are no attribute selectors
(they read values, CVE-2026-26079 and others), no `:has`, no pseudo-elements (they bring text of their own) and nothing unknown.
`[class=x]` and `[id=x]`, which mail uses for `.x` and `#x`, become those.

A selector is either written, or left out of its list (`None`), or makes its whole rule void as in a browser (`VoidRule`): the
hacks that single out old browsers count on that.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from tinycss2 import serialize

from webmail.mime.safe_html.policy import ALLOWED_TAGS
from webmail.mime.safe_html.values import Token

MAX_SELECTORS: Final = 200  # in one list
MAX_PARTS: Final = 12  # compounds of one selector: browsers try each of them on many elements
MAX_SIMPLE: Final = 8  # in one compound
MAX_NAME_CHARS: Final = 100
BODY: Final = "\x06"  # stands for the mail's own body element, which the caller knows

_PSEUDO: Final = frozenset(
    [
        "hover", "active", "focus", "link", "visited", "first-child", "last-child", "only-child", "first-of-type",
        "last-of-type", "only-of-type", "empty",
    ]
)  # fmt: skip
_NTH: Final = frozenset(["nth-child", "nth-last-child", "nth-of-type", "nth-last-of-type"])
_NTH_TEXT: Final = re.compile(r"odd|even|[+-]?\d{0,4}n?(?:[+-]\d{1,4})?")
_RENAMED: Final = re.compile(r"""\s*class\s*\^=\s*["']x_["']\s*""")
_NAME_CHAR: Final = re.compile(r"[^A-Za-z0-9_-]")
_TYPES: Final = ALLOWED_TAGS | {"html", "body"}


class VoidRule(Exception):
    """A selector that no browser knows: the rule it stands in does nothing."""


@lru_cache(maxsize=4_096)
def prefixed(name: str) -> str | None:
    """A class or id of a mail as it stands in our document, the same in sheets and in attributes (security R13)."""
    if not name or len(name) > MAX_NAME_CHARS:
        return None
    return "m-" + _NAME_CHAR.sub(lambda found: f"_{ord(found[0]):x}_", name)


def write_selectors(prelude: Sequence[Token]) -> tuple[str, ...]:
    """The selectors of a rule that may stay, with `BODY` for the body. Raises `VoidRule`."""
    lists = split_list(prelude)
    if len(lists) > MAX_SELECTORS:
        raise VoidRule
    written = [_Selector(tokens).write() for tokens in lists]
    return tuple(text for text in written if text is not None)


def split_list(prelude: Sequence[Token]) -> list[list[Token]]:
    """The selectors between the commas; white space inside them counts."""
    lists: list[list[Token]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            lists.append([])
        elif token.type != "comment":
            lists[-1].append(token)
    return lists


@dataclass(slots=True)
class _Compound:
    """What one element must be."""

    combinator: str  # before it; "" for the first
    type: str = ""
    simple: list[str] = field(default_factory=list)
    is_root: bool = False

    def text(self) -> str:
        if self.is_root or self.type == "body":
            return BODY + "".join(self.simple)
        return self.type + "".join(self.simple)


class _Selector:
    """One complex selector, read from left to right."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = _trim(tokens)
        self._compounds: list[_Compound] = []
        self._is_left_out = False

    def write(self) -> str | None:
        """None where it is to be left out. Raises `VoidRule`."""
        combinator: str | None = ""
        index = 0
        while index < len(self._tokens):
            token = self._tokens[index]
            if token.type == "whitespace":
                combinator = " " if combinator is None else combinator
                index += 1
            elif token.type == "literal" and token.value in {">", "+", "~"}:
                if combinator in {">", "+", "~", ""}:
                    raise VoidRule
                combinator = token.value
                index += 1
            else:
                if combinator is not None:
                    self._compounds.append(_Compound(combinator))
                    combinator = None
                index = self._read_simple(index)
        if combinator is not None and combinator != " ":
            raise VoidRule
        return None if self._is_left_out else self._joined()

    def _read_simple(self, index: int) -> int:
        """Take the simple selector at `index`; the index behind it."""
        token, compound = self._tokens[index], self._compounds[-1]
        following = self._tokens[index + 1] if index + 1 < len(self._tokens) else None
        if token.type == "ident" and not compound.type and not compound.simple:
            compound.type = token.lower_value
            compound.is_root = compound.type == "html"
            self._is_left_out |= compound.type not in _TYPES
        elif token.type == "literal" and token.value == "*" and not compound.type and not compound.simple:
            compound.type = "*"
        elif token.type == "hash" and token.is_identifier:
            self._add(compound, "#", prefixed(token.value))
        elif token.type == "literal" and token.value == "." and following is not None and following.type == "ident":
            self._add(compound, ".", prefixed(following.value))
            return index + 2
        elif token.type == "[] block":
            self._read_attribute(compound, token)
        elif token.type == "literal" and token.value == ":" and following is not None:
            return self._read_pseudo(compound, index + 1)
        else:
            raise VoidRule
        return index + 1

    def _add(self, compound: _Compound, mark: str, name: str | None) -> None:
        if name is None or len(compound.simple) >= MAX_SIMPLE:
            self._is_left_out = True
        else:
            compound.simple.append(mark + name)

    def _read_attribute(self, compound: _Compound, block: Token) -> None:
        """`[class=x]`, `[class~=x]` and `[id=x]`; others are left out."""
        inside = [token for token in block.content if token.type != "whitespace"]
        is_equal = len(inside) == 3 and inside[0].type == "ident" and inside[2].type in {"ident", "string"}
        if is_equal and inside[1].type == "literal" and inside[1].value in {"=", "~="}:
            name, value = inside[0].lower_value, inside[2].value
            if name in {"class", "id"} and not re.search(r"\s", value):
                self._add(compound, "." if name == "class" else "#", prefixed(value))
                return
        self._is_left_out = True

    def _read_pseudo(self, compound: _Compound, index: int) -> int:
        token = self._tokens[index]
        if token.type == "ident":
            name = token.lower_value
            if name.startswith("-"):
                raise VoidRule
            if name == "root":
                compound.is_root = True
            elif name in _PSEUDO:
                self._add(compound, ":", name)
            else:
                self._is_left_out = True
            return index + 1
        if token.type == "function" and token.lower_name in _NTH:
            self._add(compound, ":", _write_nth(token))
            return index + 1
        if token.type == "function" and token.lower_name == "not":
            self._read_not(compound, token.arguments)
            return index + 1
        if token.type == "function" or (token.type == "literal" and token.value == ":"):
            self._is_left_out = True
            return index + 2 if token.type == "literal" else index + 1
        raise VoidRule

    def _read_not(self, compound: _Compound, arguments: Sequence[Token]) -> None:
        """`:not()` of one simple selector. Of attributes only the one that asks whether a mail service renamed the classes."""
        inside = _trim(arguments)
        if len(inside) == 1 and inside[0].type == "[] block" and _RENAMED.fullmatch(serialize(inside[0].content)):
            return
        excluded = _Selector(inside)
        text = excluded.write()
        is_simple = len(excluded._compounds) == 1 and text is not None and BODY not in text
        self._add(compound, ":", f"not({text})" if is_simple else None)

    def _joined(self) -> str | None:
        compounds = self._compounds
        # The root and the body are one element here: "html body p" means "body p".
        while len(compounds) > 1 and compounds[0].is_root and not compounds[0].simple:
            is_inside = compounds[1].combinator in {" ", ">"}
            if not is_inside:
                return None
            if not (compounds[1].type == "body" or compounds[1].is_root):
                break
            compounds = compounds[1:]
        if not compounds or len(compounds) > MAX_PARTS:
            return None
        if any(each.is_root or each.type == "body" for each in compounds[1:]):
            return None
        return "".join((each.combinator if number else "") + each.text() for number, each in enumerate(compounds))


def _trim(tokens: Sequence[Token]) -> list[Token]:
    found = list(tokens)
    while found and found[0].type == "whitespace":
        found.pop(0)
    while found and found[-1].type == "whitespace":
        found.pop()
    if not found:
        raise VoidRule
    return found


def _write_nth(function: Token) -> str | None:
    """`nth-child(2n+1)` and its kin, from the tokens it is made of (CSS Syntax 6)."""
    text = ""
    for token in function.arguments:
        if token.type == "number" and token.is_integer:
            text += token.representation
        elif token.type == "dimension" and token.is_integer:
            text += token.representation.lower().removesuffix(token.lower_unit) + token.lower_unit
        elif token.type in {"ident", "literal"}:
            text += token.value
        elif token.type != "whitespace":
            return None
    text = text.lower()
    return f"{function.lower_name}({text})" if text and _NTH_TEXT.fullmatch(text) else None
