"""A query as a tree. Every node knows where it stands in the text, so that a fault is shown and a part taken out there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    """How a value was written, and so how it is compared."""

    WORD = "word"  # beginnings and stems
    EXACT = "exact"  # +word: this very form
    PHRASE = "phrase"  # "in this order"


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `operator` is empty for plain words, else its usual name. `following`: the plain words right behind it,
    which a person may have meant to be part of the value."""

    operator: str
    value: str
    position: int = 0
    end: int = 0
    form: Form = Form.WORD
    value_position: int = 0
    following: tuple[str, ...] = ()

    def __str__(self) -> str:
        quoted = {Form.PHRASE: f'"{self.value}"', Form.EXACT: f"+{self.value}"}.get(self.form, self.value)
        return f"{self.operator}:{quoted}" if self.operator else quoted


@dataclass(frozen=True, slots=True)
class Not:
    """What must not hold."""

    part: Node
    position: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts."""

    parts: tuple[Node, ...]
    position: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Or:
    """One of the parts at least."""

    parts: tuple[Node, ...]
    position: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Around:
    """Two words or phrases with at most `distance` words between."""

    left: Term
    right: Term
    distance: int
    position: int = 0
    end: int = 0


Node = Term | Not | And | Or | Around


def terms_of(node: Node | None) -> Iterator[Term]:
    """All conditions of a query in the order of the text, also negated ones."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, Not):
        yield from terms_of(node.part)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from terms_of(part)
    elif isinstance(node, Around):
        yield node.left
        yield node.right


def wanted_terms(node: Node | None) -> Iterator[Term]:
    """Those of `terms_of` that are not below a Not: what a hit has."""
    if isinstance(node, And | Or):
        for part in node.parts:
            yield from wanted_terms(part)
    elif not isinstance(node, Not):
        yield from terms_of(node)
