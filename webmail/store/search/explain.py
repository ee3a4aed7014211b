"""How a query was understood, as chips: one for each part that a person can take out. Words in the language at hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webmail.store.search.operators import DATES, OPERATORS
from webmail.store.search.tree import And, Around, Form, Node, Not, Or, Term
from webmail.store.search.values import read_dates

_VALUES = {
    "unread": gettext_lazy("unread"),
    "read": gettext_lazy("read"),
    "starred": gettext_lazy("starred"),
    "important": gettext_lazy("important"),
    "answered": gettext_lazy("answered"),
    "forwarded": gettext_lazy("forwarded"),
    "draft": gettext_lazy("draft"),
    "muted": gettext_lazy("muted"),
    "snoozed": gettext_lazy("snoozed"),
    "scheduled": gettext_lazy("scheduled"),
    "attachment": gettext_lazy("attachment"),
    "link": gettext_lazy("link"),
    "label": gettext_lazy("label"),
    "pdf": gettext_lazy("PDF"),
    "image": gettext_lazy("picture"),
    "doc": gettext_lazy("document"),
    "sheet": gettext_lazy("spreadsheet"),
    "slides": gettext_lazy("slides"),
    "audio": gettext_lazy("audio"),
    "video": gettext_lazy("video"),
    "archive": gettext_lazy("archive"),
    "invite": gettext_lazy("invitation"),
    "anywhere": gettext_lazy("anywhere"),
    "me": gettext_lazy("me"),
}
_WITH_WORDS = frozenset({"is", "has", "mentions", "from", "to", "cc", "bcc", "with", "in"})


@dataclass(frozen=True, slots=True)
class Chip:
    """`label`: the operator in words, "" for plain words; `text`: the part of the query; `without`: the query that is left."""

    label: str
    value: str
    text: str
    position: int
    end: int
    without: str
    is_negated: bool = False


def explain(query: Node | None, text: str, *, now: datetime | None = None) -> list[Chip]:
    """The chips of a query in its order. `now`: aware, in the zone of the user; what "yesterday" is goes by it."""
    if query is None:
        return []
    parts = query.parts if isinstance(query, And) and not _has_own_brackets(query, text) else (query,)
    moment = now or datetime.now(UTC)
    chips = []
    for part in parts:
        others = [text[other.position : other.end] for other in parts if other is not part]
        inner, is_negated = (part.part, True) if isinstance(part, Not) else (part, False)
        label, value = _words(inner, moment)
        if is_negated:
            label, value = _("not"), f"{label}: {value}" if label else value
        chips.append(
            Chip(label, value, text[part.position : part.end], part.position, part.end, " ".join(others), is_negated)
        )
    return chips


def _has_own_brackets(query: And, text: str) -> bool:
    return query.position < query.parts[0].position and text[query.position] in "({"


def _words(node: Node, now: datetime) -> tuple[str, str]:
    if isinstance(node, Term):
        label = str(OPERATORS[node.operator].label) if node.operator else ""
        return label, _value(node, now)
    if isinstance(node, Or | And):
        labels = {_words(part, now)[0] for part in node.parts}
        word = _(" or ") if isinstance(node, Or) else _(" and ")
        if len(labels) == 1 and not any(isinstance(part, Or | And | Not) for part in node.parts):
            return labels.pop(), word.join(_words(part, now)[1] for part in node.parts)
        return "", word.join(_inner(part, now) for part in node.parts)
    if isinstance(node, Around):
        return "", _("%(left)s within %(count)d words of %(right)s") % {
            "left": _value(node.left, now),
            "count": node.distance,
            "right": _value(node.right, now),
        }
    return "", _inner(node, now)


def _inner(node: Node, now: datetime) -> str:
    if isinstance(node, Not):
        return _("not %(what)s") % {"what": _inner(node.part, now)}
    label, value = _words(node, now)
    shown = f"{label}: {value}" if label else value
    return f"({shown})" if isinstance(node, Or | And) else shown


def _value(term: Term, now: datetime) -> str:
    if term.operator in _WITH_WORDS and (found := _VALUES.get(term.value.lower())) is not None:
        return str(found)
    if term.operator in DATES and (dates := read_dates(term.value, now)) is not None:
        return _date(term.value, dates[0])
    if term.form is Form.PHRASE and not term.operator:
        return f"“{term.value}”"
    return f"+{term.value}" if term.form is Form.EXACT else term.value


def _date(written: str, begin: datetime) -> str:
    if written.isdecimal():
        return written
    # Two numbers are a month; everything else is a day.
    has_month_only = written[0].isdecimal() and written.count("-") + written.count("/") == 1
    return date_format(begin, "YEAR_MONTH_FORMAT" if has_month_only else "j M Y")
