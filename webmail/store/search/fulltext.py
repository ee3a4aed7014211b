"""What is asked of the full-text index: terms joined by "all" and "any", as FTS5, as `tsquery`, or of one document's terms."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, Q
from django.db.models.expressions import RawSQL

from webmail.mime.search_terms import ACCOUNT

# Hits up to which their ids are put into the statement: those are then fetched, and nothing else is looked at.
FEW = 1_500


@dataclass(frozen=True, slots=True)
class Exact:
    """This term."""

    term: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """A term that begins so."""

    term: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """Each of the parts."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of the parts at least."""

    parts: tuple[Expression, ...]


Expression = Exact | Prefix | AllOf | AnyOf


def all_of(parts: Iterable[Expression]) -> Expression:
    """One expression; of a single part that part."""
    found = tuple(dict.fromkeys(parts))
    return found[0] if len(found) == 1 else AllOf(found)


def any_of(parts: Iterable[Expression]) -> Expression:
    """One expression; of a single part that part."""
    found = tuple(dict.fromkeys(parts))
    return found[0] if len(found) == 1 else AnyOf(found)


def to_match(expression: Expression) -> str:
    """For FTS5."""
    if isinstance(expression, Exact | Prefix):
        quoted = expression.term.replace('"', '""')
        return f'"{quoted}"*' if isinstance(expression, Prefix) else f'"{quoted}"'
    word = " AND " if isinstance(expression, AllOf) else " OR "
    return f"({word.join(map(to_match, expression.parts))})"


def to_tsquery(expression: Expression) -> str:
    """For PostgreSQL."""
    if isinstance(expression, Exact | Prefix):
        quoted = expression.term.replace("\\", "\\\\").replace("'", "''")
        return f"'{quoted}':*" if isinstance(expression, Prefix) else f"'{quoted}'"
    word = " & " if isinstance(expression, AllOf) else " | "
    return f"({word.join(map(to_tsquery, expression.parts))})"


@dataclass(frozen=True)
class Terms:
    """The terms of one document, to be asked in Python as the databases are."""

    text: str
    _words: frozenset[str] = field(init=False)
    _sorted: list[str] = field(init=False)

    def __post_init__(self) -> None:
        words = self.text.split()
        object.__setattr__(self, "_words", frozenset(words))
        object.__setattr__(self, "_sorted", sorted(words))

    def match(self, expression: Expression) -> bool:
        """Whether the document is a hit."""
        if isinstance(expression, Exact):
            return expression.term in self._words
        if isinstance(expression, Prefix):
            at = bisect_left(self._sorted, expression.term)
            return at < len(self._sorted) and self._sorted[at].startswith(expression.term)
        return (all if isinstance(expression, AllOf) else any)(map(self.match, expression.parts))


class _AmongHits(Func):
    """Whether the row at hand is among the hits, which are gathered once.

    The plus keeps SQLite from fetching 30,000 hits one by one from a wide table to sort them: it walks an index by date, in which all that
    a list needs stands, and looks each row up among the hits. To ask the index anew for each row would be far slower: it gathers all words
    that begin as asked each time.
    """

    output_field = BooleanField()

    def __init__(self, key: F, query: str) -> None:
        super().__init__(key)
        self.query = query

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper, **_extra: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        """See Django."""
        key, params = compiler.compile(self.get_source_expressions()[0])
        sign = "+" if connection.vendor == "sqlite" else ""
        return f"{sign}{key} IN ({_SELECT[connection.vendor]})", [*params, self.query]


_SELECT = {
    "sqlite": "SELECT rowid FROM store_search WHERE store_search MATCH %s",
    "postgresql": "SELECT email_id FROM store_searchdocument WHERE terms @@ %s::tsquery",
}


def of_accounts(expression: Expression, account_ids: Sequence[int]) -> Expression:
    """The expression for mail of these accounts alone: what others have must not count among the hits."""
    return all_of([any_of(Exact(f"{ACCOUNT}{one}") for one in account_ids), expression])


def hits(expression: Expression, *, limit: int) -> list[int]:
    """Ids of Emails whose documents are hits, at most `limit`, in no particular order. One query."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_SELECT[connection.vendor]} LIMIT %s", [_query(expression), limit])
        return [row[0] for row in cursor.fetchall()]


def _query(expression: Expression) -> str:
    return to_match(expression) if connection.vendor == "sqlite" else to_tsquery(expression)


def condition(expression: Expression) -> Q:
    """Emails that are hits. One query, to see whether they are few."""
    found = hits(expression, limit=FEW + 1)
    return with_ids(found) if len(found) <= FEW else Q(_AmongHits(F("pk"), _query(expression)))


def with_ids(ids: Iterable[int]) -> Q:
    """Emails with these ids. They are no parameters because there may be more of them than a statement can have."""
    listed = ", ".join(str(int(one)) for one in ids)
    if not listed:
        return Q(pk__in=())
    return Q(pk__in=RawSQL(f"SELECT id FROM store_email WHERE id IN ({listed})", []))  # noqa: S608, S611


def leaves(expression: Expression) -> Iterator[Exact | Prefix]:
    """The terms asked for."""
    if isinstance(expression, Exact | Prefix):
        yield expression
    else:
        for part in expression.parts:
            yield from leaves(part)
