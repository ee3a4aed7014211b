"""The query language (ux section 7): from a text to a tree. Pure text work: no rows here.

    query   = any { "OR" any }                      AND binds closer than OR
    any     = near { ["AND"] near }
    near    = not [ "AROUND" number not ]           a word or a phrase at either side
    not     = ( "-" | "NOT" ) not | part
    part    = "(" query ")" | "{" { not } "}" | name ":" ( part | value ) | value
    value   = '"' text '"' | ["+"] word

AND, OR, NOT and AROUND are words of the language in capitals only. What is not understood is a `QueryFault` at its place. Words
that hold nothing to search for, such as "&", are left out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from webmail.mime.search_text import fold
from webmail.mime.search_words import words_of
from webmail.store.search.faults import QueryFault
from webmail.store.search.operators import (
    AGES,
    ALIASES,
    DATES,
    NOT_HERE,
    OPERATORS,
    SIZES,
    VALUE_ALIASES,
)
from webmail.store.search.tree import And, Around, Form, Node, Not, Or, Term, terms_of
from webmail.store.search.values import read_age, read_dates, read_size

__all__ = ["MAX_DEPTH", "MAX_QUERY_CHARS", "MAX_TERMS", "QueryFault", "parse_query"]

MAX_QUERY_CHARS = 1_000
MAX_TERMS = 50
MAX_DEPTH = 20  # brackets within brackets
MAX_DISTANCE = 50  # of AROUND, words
_MAX_FOLLOWING = 4

_QUOTES = {'"': '"', "“": '”“"', "„": '“”"', "«": "»"}
_NAME = re.compile(r"([^\W\d_][\w-]{0,40}):")
# Schemes without "//", and drive letters: plain words with a colon.
_PLAIN_NAMES = frozenset({"http", "https", "ftp", "mailto", "tel", "sms", "urn", "data", "cid", "geo"})
_SAMPLE_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def parse_query(text: str) -> Node | None:
    """The tree of a query; None for an empty one. Raises `QueryFault` with a message for people and the place of the fault."""
    if len(text) > MAX_QUERY_CHARS:
        message = _("A search may have %(count)d characters at most.") % {"count": MAX_QUERY_CHARS}
        raise QueryFault(message, MAX_QUERY_CHARS, len(text))
    parser = _Parser(text)
    node = parser.query("")
    parser.expect_end()
    if node is None and text.strip():
        raise QueryFault(_("There is nothing to search for here."), 0, len(text))
    for term in terms_of(node):
        check_value(term)
    return node


def check_value(term: Term) -> None:
    """Raises `QueryFault` when the value can be no value of its operator, whatever mail there is."""
    operator = OPERATORS.get(term.operator)
    if operator is None:
        return
    value = term.value.lower()
    if operator.values and value not in operator.values:
        message = _("%(operator)s:%(value)s is not known. There are: %(values)s.") % {
            "operator": term.operator,
            "value": term.value,
            "values": ", ".join(operator.values),
        }
        close = difflib.get_close_matches(value, operator.values, n=1)
        raise QueryFault(
            f"{message} {_did_you_mean(f'{term.operator}:{close[0]}')}" if close else message, *_span(term)
        )
    is_right = (
        (term.operator not in SIZES or read_size(term.value) is not None)
        and (term.operator not in DATES or read_dates(term.value, _SAMPLE_NOW) is not None)
        and (term.operator not in AGES or read_age(term.value, _SAMPLE_NOW) is not None)
        and (term.operator != "header" or not term.value.startswith("="))
    )
    if not is_right:
        raise QueryFault(_needs(term.operator), *_span(term))


def _span(term: Term) -> tuple[int, int]:
    return term.value_position, term.end


def _needs(name: str) -> str:
    return _("%(operator)s: needs %(what)s.") % {"operator": name, "what": OPERATORS[name].takes}


def _did_you_mean(what: str) -> str:
    return _("Did you mean %(what)s?") % {"what": what}


@dataclass
class _Parser:
    """Reads from left to right; `at` is the next character."""

    text: str
    at: int = 0
    depth: int = 0
    count: int = 0

    # Characters and words -----------------------------------------------------------------------------------------

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def peek(self) -> str:
        self.skip()
        return self.text[self.at : self.at + 1]

    def take_keyword(self, word: str) -> bool:
        """Whether the keyword stands here; then it is read."""
        self.skip()
        end = self.at + len(word)
        if not self.text.startswith(word, self.at) or not (end >= len(self.text) or self.text[end] in ' \t\n(){}"“„'):
            return False
        self.at = end
        return True

    def at_close(self) -> bool:
        return self.peek() in {"", ")", "}"}

    def expect_end(self) -> None:
        if self.peek():
            raise QueryFault(_("No bracket was opened that this one could close."), self.at, self.at + 1)

    # Grammar --------------------------------------------------------------------------------------------------------

    def query(self, operator: str) -> Node | None:
        start = self.at
        parts = [self.conjunction(operator)]
        while True:
            self.skip()
            mark = self.at
            if not self.take_keyword("OR"):
                break
            if parts[-1] is None and self.at_close() is False and not self.text[start:mark].strip():
                raise self.lonely("OR", mark)
            if self.at_close():
                raise self.lonely("OR", mark)
            parts.append(self.conjunction(operator))
        return _joined(Or, parts)

    def conjunction(self, operator: str) -> Node | None:
        parts: list[Node | None] = []
        has_any = False
        while not self.at_close():
            mark = self.at
            if self.is_keyword("OR"):
                if not has_any:
                    raise self.lonely("OR", mark)
                break
            if self.take_keyword("AND"):
                if not has_any or self.at_close() or self.is_keyword("OR") or self.is_keyword("AND"):
                    raise self.lonely("AND", mark)
                continue
            parts.append(self.near(operator))
            has_any = True
        return _joined(And, parts)

    def is_keyword(self, word: str) -> bool:
        mark = self.at
        found = self.take_keyword(word)
        self.at = mark
        return found

    def lonely(self, word: str, mark: int) -> QueryFault:
        message = _("%(word)s needs something to search for at either side. In small letters it is a plain word.")
        return QueryFault(message % {"word": word}, mark, mark + len(word))

    def near(self, operator: str) -> Node | None:
        self.skip()
        if self.is_keyword("AROUND"):
            raise self.lonely("AROUND", self.at)
        left = self.negation(operator)
        self.skip()
        mark = self.at
        if not self.take_keyword("AROUND"):
            return left
        distance = self.distance(mark)
        if self.at_close():
            raise self.lonely("AROUND", mark)
        right = self.negation(operator)
        if not (isinstance(left, Term) and isinstance(right, Term)) or left.operator not in {"", "body", "subject"}:
            raise QueryFault(_("AROUND stands between two words or phrases."), mark, mark + len("AROUND"))
        if right.operator not in {"", left.operator}:
            raise QueryFault(_("AROUND looks for both words in the same place."), right.position, right.end)
        return Around(left, replace(right, operator=left.operator), distance, left.position, right.end)

    def distance(self, mark: int) -> int:
        self.skip()
        found = re.compile(r"\(?(\d{1,3})\)?(?=\s|$)", re.ASCII).match(self.text, self.at)
        if not found or not 0 < int(found[1]) <= MAX_DISTANCE:
            message = _("AROUND needs a number of words from 1 to %(most)d behind it, such as AROUND 5.")
            raise QueryFault(message % {"most": MAX_DISTANCE}, mark, mark + len("AROUND"))
        self.at = found.end()
        return int(found[1])

    def negation(self, operator: str) -> Node | None:
        self.skip()
        mark = self.at
        if self.text.startswith("-", mark) and mark + 1 < len(self.text) and not self.text[mark + 1].isspace():
            self.at += 1
        elif not self.take_keyword("NOT"):
            return self.part(operator)
        elif self.at_close():
            raise QueryFault(_("NOT needs something behind it that must not be there."), mark, mark + 3)
        with_more = self.text[self.at : self.at + 1]
        if with_more == "-" and set(self.text[self.at :].split(maxsplit=1)[0]) == {"-"}:
            self.at += len(self.text[self.at :].split(maxsplit=1)[0])  # a line of dashes
            return None
        self.enter(mark)
        part = self.negation(operator)
        self.depth -= 1
        return None if part is None else Not(part, mark, self.at)

    def enter(self, mark: int) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            message = _("A search may have %(count)d brackets within each other at most.") % {"count": MAX_DEPTH}
            raise QueryFault(message, mark, mark + 1)

    def part(self, operator: str) -> Node | None:
        start = self.peek()
        mark = self.at
        if start == "(":
            return self.group(mark, ")", self.query, operator)
        if start == "{":
            return self.group(mark, "}", self.alternatives, operator)
        return self.term(operator)

    def group(self, mark: int, close: str, inner: Callable[[str], Node | None], operator: str) -> Node | None:
        self.at += 1
        self.enter(mark)
        node = inner(operator)
        self.depth -= 1
        if self.peek() != close:
            raise QueryFault(_("The bracket opened here is not closed."), mark, mark + 1)
        self.at += 1
        if node is None:
            raise QueryFault(_("There is nothing in these brackets."), mark, self.at)
        return node if isinstance(node, Around) else replace(node, position=mark, end=self.at)

    def alternatives(self, operator: str) -> Node | None:
        parts: list[Node | None] = []
        while not self.at_close():
            if self.take_keyword("OR") and self.at_close():
                break
            parts.append(self.near(operator))
        return _joined(Or, parts)

    # Terms ------------------------------------------------------------------------------------------------------------

    def term(self, operator: str) -> Node | None:
        mark = self.at
        if not operator and (name := _NAME.match(self.text, self.at)) and self.is_operator(name[1], name.end()):
            return self.operator_term(mark, name)
        if operator and (name := _NAME.match(self.text, self.at)) and self.is_operator(name[1], name.end()):
            message = _("Inside of %(operator)s:( ) there can be no other operator.") % {"operator": operator}
            raise QueryFault(message, mark, name.end())
        value, form, value_position = self.value(operator)
        return self.made(Term(operator, value, mark, self.at, form, value_position))

    def is_operator(self, name: str, end: int) -> bool:
        rest = self.text[end : end + 2]
        return not (rest == "//" or name.lower() in _PLAIN_NAMES or (len(name) == 1 and rest[:1] == "\\"))

    def operator_term(self, mark: int, found: re.Match[str]) -> Node | None:
        written = found[1].lower()
        name = ALIASES.get(written, written)
        if name in NOT_HERE:
            raise QueryFault(str(NOT_HERE[name]), mark, found.end())
        if name not in OPERATORS:
            raise self.unknown(written, mark, found.end())
        self.at = found.end()
        following = self.text[self.at : self.at + 1]
        if not following or following.isspace() or following in ")}":
            message = _needs(name)
            if following.isspace() and self.text[self.at :].strip():
                message += " " + _("No blank may stand behind the colon.")
            raise QueryFault(message, mark, found.end())
        if following in "({":
            node = self.part(name)
            return node if node is None or isinstance(node, Around) else replace(node, position=mark)
        value, form, value_position = self.value(name)
        if not value:
            raise QueryFault(_needs(name), mark, self.at)
        value = VALUE_ALIASES.get((name, value.lower()), value)
        return self.made(Term(name, value, mark, self.at, form, value_position, self.following(name)))

    def unknown(self, name: str, mark: int, end: int) -> QueryFault:
        close = difflib.get_close_matches(name, [*OPERATORS, *ALIASES], n=1)
        message = _("%(name)s: is no operator.") % {"name": name}
        hint = _did_you_mean(f"{close[0]}:") if close else _("Put it in quotes to search for it as text.")
        return QueryFault(f"{message} {hint}", mark, end)

    def value(self, operator: str) -> tuple[str, Form, int]:
        """What is asked for: in quotes, or up to the next blank or the bracket that closes."""
        is_exact = self.text.startswith("+", self.at)
        mark = self.at
        if is_exact and self.text[self.at + 1 : self.at + 2].strip():
            self.at += 1
        begin = self.at
        if self.text[self.at] in _QUOTES:
            return self.quoted(), Form.PHRASE, begin
        word = self.word()
        if operator == "header" and word.endswith("=") and self.text[self.at : self.at + 1] in {*_QUOTES}:
            word += self.quoted()
        return word, Form.EXACT if is_exact and begin > mark and operator != "header" else Form.WORD, begin

    def quoted(self) -> str:
        mark = self.at
        closing = _QUOTES[self.text[mark]]
        end = next((at for at in range(mark + 1, len(self.text)) if self.text[at] in closing), -1)
        if end < 0:
            raise QueryFault(_("The quotation that begins here is not closed."), mark, mark + 1)
        self.at = end + 1
        return self.text[mark + 1 : end].strip()

    def word(self) -> str:
        begin = self.at
        inner = 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char.isspace() or char == '"':
                break
            if char in "({":
                inner += 1
            elif char in ")}":
                if not inner:
                    break
                inner -= 1
            self.at += 1
        return self.text[begin : self.at]

    def following(self, name: str) -> tuple[str, ...]:
        """Plain words behind the value of an operator that names something."""
        if name not in {"in", "label", "account"}:
            return ()
        found: list[str] = []
        for word in self.text[self.at :].split():
            if len(found) == _MAX_FOLLOWING or not word[0].isalnum() or ":" in word or word in {"AND", "OR", "NOT"}:
                break
            found.append(word.rstrip(")}"))
            if word[-1] in ")}":
                break
        return tuple(found)

    def made(self, term: Term) -> Term | None:
        self.count += 1
        if self.count > MAX_TERMS:
            message = _("A search may have %(count)d conditions at most.") % {"count": MAX_TERMS}
            raise QueryFault(message, term.position, term.end)
        if term.operator in {"", "subject", "body"} and not words_of(fold(term.value)):
            if term.form is Form.PHRASE or term.operator:
                raise QueryFault(_("There is nothing to search for here."), term.position, term.end)
            return None
        return term


def _joined(kind: type[And] | type[Or], parts: list[Node | None]) -> Node | None:
    found = [part for part in parts if part is not None]
    if len(found) < 2:
        return found[0] if found else None
    return kind(tuple(found), found[0].position, found[-1].end)
