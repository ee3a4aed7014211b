"""The query language: words, phrases, -not, and operators such as from: and is:unread (ux section 7, first part).

A query that is not understood is an error at its place, never a guess. Pure text work: no rows here.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

MAX_QUERY_CHARS = 1_000
MAX_TERMS = 30

# Name of an operator -> what it takes, for the error text and the help beside the box.
OPERATORS = {
    "from": "a person, address or @domain",
    "to": "a person, address or @domain",
    "cc": "a person, address or @domain",
    "subject": "words of the subject",
    "body": "words of the text",
    "is": "unread, read, starred, answered, forwarded, draft",
    "has": "attachment",
    "in": "a mailbox's name or role, or anywhere",
    "before": "a date such as 2026-03-01",
    "after": "a date such as 2026-03-01",
    "larger": "a size such as 5M",
    "smaller": "a size such as 100K",
    "rfc822msgid": "a Message-ID",
}

_TOKEN = re.compile(
    r"""\s*(?P<not>-)?(?:(?P<operator>[A-Za-z0-9_]+):)?(?:"(?P<phrase>[^"]*)"|(?P<open>")|(?P<word>[^\s"]+))?""",
    re.ASCII,
)


class QueryFault(Exception):
    """The query cannot be understood. `position` counts characters from its beginning."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True)
class Term:
    """One condition. `operator` is empty for plain words; several terms must all hold."""

    operator: str
    value: str
    is_negated: bool = False
    position: int = 0

    def __str__(self) -> str:
        value = f'"{self.value}"' if re.search(r"\s", self.value) else self.value
        return f"{'-' if self.is_negated else ''}{self.operator + ':' if self.operator else ''}{value}"


def parse_query(text: str) -> list[Term]:
    """The terms of a query. Raises `QueryFault` with a message for people and the place of the fault."""
    if len(text) > MAX_QUERY_CHARS:
        raise QueryFault(f"A search may have {MAX_QUERY_CHARS} characters at most.", MAX_QUERY_CHARS)
    terms: list[Term] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None or found.end() == position:
            raise QueryFault("This part of the search cannot be read.", position)
        terms.append(_read_term(found))
        position = found.end()
        if len(terms) > MAX_TERMS:
            raise QueryFault(f"A search may have {MAX_TERMS} conditions at most.", position)
    return terms


def _read_term(found: re.Match[str]) -> Term:
    start = found.start() + len(found.group()) - len(found.group().lstrip())
    if found["open"]:
        raise QueryFault("The quotation that begins here is not closed.", found.start("open"))
    name = (found["operator"] or "").lower()
    value = found["phrase"] if found["phrase"] is not None else found["word"] or ""
    if name and name not in OPERATORS:
        if value.startswith("//") or name.isdigit():  # an address or a time of day: plain text
            return Term("", f"{found['operator']}:{value}", bool(found["not"]), start)
        close = difflib.get_close_matches(name, OPERATORS, n=1)
        hint = f" Did you mean {close[0]}:?" if close else " Put it in quotes to search for it as text."
        raise QueryFault(f"{name}: is no operator.{hint}", start)
    if not value.strip():
        if name:
            raise QueryFault(f"{name}: needs {OPERATORS[name]}.", start)
        raise QueryFault("There is nothing to search for here.", start)
    return Term(name, value.strip(), bool(found["not"]), start)
