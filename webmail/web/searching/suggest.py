"""What can be put into the search box next: what was searched for, people, operators, labels, mailboxes, saved searches.

Each suggestion is the whole query as it would be, so that a page only has to put it there. Nothing is searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import MailAccount, User
from webmail.mime.search_text import fold
from webmail.store.models import Mailbox
from webmail.store.queries.accounts import visible_mailboxes
from webmail.store.queries.labels import labels_of
from webmail.store.queries.saved_searches import saved_searches_of
from webmail.store.recent_searches import recent_searches
from webmail.store.search.operators import ALIASES, DATES, OPERATORS, PEOPLE
from webmail.web.searching.people import Known, people_like
from webmail.web.shell import mailbox_title

MAX_QUERY_CHARS = 1_000
_FIRST = ("from", "to", "subject", "has", "is", "in", "after", "larger")  # for an empty box
_DAYS = ("today", "yesterday", "monday")


@dataclass(frozen=True)
class Suggestion:
    """`query`: what the box holds then, the caret at its end unless `caret` says otherwise; `runs`: it is searched at once."""

    text: str
    query: str
    caret: int
    icon: str
    note: str = ""
    runs: bool = False


@dataclass(frozen=True)
class Group:
    """Suggestions under a heading. `is_history`: it can be cleared."""

    name: str
    suggestions: tuple[Suggestion, ...]
    is_history: bool = False


@dataclass(frozen=True)
class _Place:
    """The word at the caret, with the text around it."""

    before: str
    word: str
    after: str

    def put(self, text: str, *, label: str = "", icon: str, note: str = "", goes_on: bool = False) -> Suggestion:
        """The word replaced. `goes_on`: something is to be typed right behind it."""
        sign = "-" if self.word.startswith("-") else ""
        begun = f"{self.before}{sign}{text}" + ("" if goes_on else " ")
        return Suggestion(label or text, begun + self.after.lstrip(), len(begun), icon, note)


def suggest(user: User, accounts: Sequence[MailAccount], query: str, caret: int) -> list[Group]:
    """What fits to the word at the caret, in the order it is shown; groups without anything are left out."""
    if len(query) > MAX_QUERY_CHARS:
        return []
    place = _place(query, caret)
    operator, _sep, value = place.word.lstrip("-(").partition(":")
    name = ALIASES.get(operator.lower(), operator.lower())
    if _sep and name in OPERATORS:
        groups = [_values(user, accounts, place, operator, name, value.strip('"'))]
    elif not query.strip():
        groups = [_recent(user, "", 8), _saved(user, "", 5), _operators(place, "")]
    else:
        word = place.word.lstrip("-(")
        groups = [
            _recent(user, query, 3),
            _people(user, accounts, place, word, "from"),
            _operators(place, word),
            _labels(user, place, word, 3),
            _mailboxes(accounts, place, word, 3, "in"),
            _saved(user, word, 3),
        ]
    return [group for group in groups if group.suggestions]


def _place(query: str, caret: int) -> _Place:
    """Quotes keep blanks in a word."""
    begin, is_quoted = 0, False
    for at, char in enumerate(query[:caret]):
        if char == '"':
            is_quoted = not is_quoted
        elif char == " " and not is_quoted:
            begin = at + 1
    end = caret
    while end < len(query) and query[end] not in ' ")':
        end += 1
    word = query[begin:end]
    brackets = len(word) - len(word.lstrip("("))
    return _Place(query[: begin + brackets], word[brackets:], query[end:])


def _recent(user: User, query: str, limit: int) -> Group:
    wanted = fold(query).strip()
    found = [one for one in recent_searches(user) if _begins(one, wanted) and one.strip() != query.strip()][:limit]
    runs = tuple(Suggestion(one, one, len(one), "history", runs=True) for one in found)
    return Group(_("Recent searches"), runs, is_history=True)


def _saved(user: User, word: str, limit: int) -> Group:
    wanted = fold(word)
    found = [one for one in saved_searches_of(user) if _begins(one.name, wanted)][:limit]
    runs = (Suggestion(one.name, one.query, len(one.query), "bookmark", one.query, runs=True) for one in found)
    return Group(_("Saved searches"), tuple(runs))


def _people(user: User, accounts: Sequence[MailAccount], place: _Place, word: str, operator: str) -> Group:
    found = people_like(user, accounts, word, 6) if len(word) > 1 or place.word.endswith(":") else []
    return Group(_("People"), tuple(_person(place, one, operator) for one in found))


def _person(place: _Place, one: Known, operator: str) -> Suggestion:
    text = f"{operator}:{one.address}"
    return place.put(text, label=one.name or one.address, icon="user", note=one.address if one.name else "")


def _operators(place: _Place, word: str) -> Group:
    wanted = word.lower()
    names = [name for name in OPERATORS if name.startswith(wanted)] if wanted else list(_FIRST)
    if not wanted or len(wanted) > 1 or names:
        found = (place.put(f"{name}:", icon="text", note=OPERATORS[name].example, goes_on=True) for name in names[:8])
        return Group(_("Operators"), tuple(found))
    return Group("", ())


def _labels(user: User, place: _Place, word: str, limit: int, operator: str = "label") -> Group:
    wanted = fold(word)
    found = [one.name for one in labels_of(user) if _begins(one.name, wanted)][:limit]
    made = (place.put(f"{operator}:{_quoted(one)}", label=one, icon="tag") for one in found)
    return Group(_("Labels"), tuple(made))


def _mailboxes(accounts: Sequence[MailAccount], place: _Place, word: str, limit: int, operator: str) -> Group:
    wanted = fold(word)
    found: dict[str, Mailbox] = {}
    for mailbox in visible_mailboxes(accounts):
        if _begins(mailbox_title(mailbox), wanted) or _begins(mailbox.name, wanted):
            found.setdefault(str(mailbox.role or mailbox.name), mailbox)
    made = (
        place.put(f"{operator}:{_quoted(name)}", label=mailbox_title(mailbox), icon="folder")
        for name, mailbox in list(found.items())[:limit]
    )
    return Group(_("Mailboxes"), tuple(made))


def _values(user: User, accounts: Sequence[MailAccount], place: _Place, operator: str, name: str, value: str) -> Group:
    """What can stand behind an operator."""
    if name in PEOPLE:
        return _people(user, accounts, place, value, operator)
    if name == "label":
        return _labels(user, place, value, 8, operator)
    if name == "in":
        return _mailboxes(accounts, place, value, 8, operator)
    if name == "account":
        names = [one.name or one.address for one in accounts]
    elif name in DATES:
        names = list(_DAYS)
    else:
        names = list(OPERATORS[name].values)
    wanted = fold(value)
    made = [place.put(f"{operator}:{_quoted(one)}", icon="text") for one in names if fold(one).startswith(wanted)]
    if not made and not value:
        example = OPERATORS[name].example.partition(":")[2]
        made = [place.put(f"{operator}:{example}", icon="text", note=str(OPERATORS[name].takes))]
    return Group(str(OPERATORS[name].takes), tuple(made))


def _begins(name: str, wanted: str) -> bool:
    folded = fold(name)
    return folded.startswith(wanted) or f" {wanted}" in folded or f"/{wanted}" in folded


def _quoted(name: str) -> str:
    plain = name.replace('"', "")
    return plain if plain.replace("-", "").replace("_", "").isalnum() else f'"{plain}"'
