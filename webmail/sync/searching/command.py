"""A query as search keys of IMAP (RFC 3501 6.4.4): what a server can be asked, and what is left to be looked at here.

IMAP compares parts of words and knows no stems, so a server may find more and less than our index does. Nothing is asked of it
that would exclude a hit of ours by day: dates go out a day wider, because servers compare in their own zone, and are looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from webmail.protocols.imap.wire import LiteralArgument, quoted
from webmail.store.search.operators import AGES, DATES, SIZES
from webmail.store.search.tree import And, Around, Node, Not, Or, Term
from webmail.store.search.values import read_age, read_dates, read_size

Key = bytes | LiteralArgument
Keys = tuple[Key, ...]

MAX_KEYS = 200  # of one command
_TEXTS = {"": b"TEXT", "subject": b"SUBJECT", "body": b"BODY"}
_PEOPLE = {
    "from": (b"FROM",),
    "to": (b"TO",),
    "cc": (b"CC",),
    "bcc": (b"BCC",),
    "with": (b"FROM", b"TO", b"CC", b"BCC"),
    "deliveredto": (b"HEADER Delivered-To",),
}
_STATES: dict[str, bytes] = {
    "unread": b"UNSEEN",
    "read": b"SEEN",
    "starred": b"FLAGGED",
    "answered": b"ANSWERED",
    "draft": b"DRAFT",
    "forwarded": b"KEYWORD $Forwarded",
}
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_HEADER_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@dataclass(frozen=True)
class ServerQuery:
    """`keys`: what the server is asked, none when it cannot be asked anything. `local`: what its hits must fulfil besides."""

    keys: Keys
    local: Node | None


@dataclass(frozen=True)
class Person:
    """Who asks: `addresses` are what `me` means; `now` is aware, in the person's zone."""

    addresses: Sequence[str]
    now: datetime


def server_query(tree: Node, person: Person) -> ServerQuery:
    """The parts of a query that stand side by side are divided between the server and us."""
    parts = tree.parts if isinstance(tree, And) else (tree,)
    keys: list[Key] = []
    local: list[Node] = []
    for part in parts:
        found = _keys(part, person)
        if found is None or len(keys) + len(found) > MAX_KEYS:
            local.append(part)
            continue
        keys += found
        if not _is_exact(part):
            local.append(part)
    rest = local[0] if len(local) == 1 else And(tuple(local)) if local else None
    return ServerQuery(tuple(keys), rest)


def needs_utf8(keys: Keys) -> bool:
    """Whether the command has to name a charset."""
    return any(isinstance(key, LiteralArgument) for key in keys)


def _is_exact(node: Node) -> bool:
    """Whether the server's word is enough: dates are asked for in a wider frame."""
    if isinstance(node, Term):
        return node.operator not in DATES | AGES
    return all(_is_exact(part) for part in node.parts) if isinstance(node, And | Or) else True


def _keys(node: Node, person: Person) -> Keys | None:
    """None: IMAP has no words for it."""
    if isinstance(node, Term):
        return _term(node, person)
    if isinstance(node, Around):
        return _joined([_keys(node.left, person), _keys(node.right, person)])
    if isinstance(node, Not):
        inner = _keys(node.part, person)
        return (b"NOT", *_one(inner)) if inner and _is_exact(node.part) and not _has_around(node.part) else None
    parts = [_keys(part, person) for part in node.parts]
    return _joined(parts) if isinstance(node, And) else _either(parts)


def _has_around(node: Node) -> bool:
    if isinstance(node, And | Or):
        return any(_has_around(part) for part in node.parts)
    return isinstance(node, Around) or (isinstance(node, Not) and _has_around(node.part))


def _joined(parts: Sequence[Keys | None]) -> Keys | None:
    if any(part is None for part in parts):
        return None
    return tuple(key for part in parts if part for key in part)


def _either(parts: Sequence[Keys | None]) -> Keys | None:
    found = [part for part in parts if part]
    if not found or len(found) < len(parts):
        return None
    keys = _one(found[-1])
    for part in reversed(found[:-1]):
        keys = (b"OR", *_one(part), *keys)
    return keys


def _one(keys: Keys) -> Keys:
    """As one search key: in brackets unless it is one by itself. No blank may stand inside of a bracket, and what sends the
    command puts one behind a literal: there a key that is always true closes it."""
    if len(keys) == 1 or (len(keys) == 2 and _is_string(keys[1])):
        return keys
    first, *inner, last = keys
    opened = b"(" + first if isinstance(first, bytes) else first
    closed: Keys = (last + b")",) if isinstance(last, bytes) else (last, b"ALL)")
    return (opened, *inner, *closed)


def _is_string(key: Key) -> bool:
    return isinstance(key, LiteralArgument) or key.startswith(b'"')


def _term(term: Term, person: Person) -> Keys | None:
    name, value = term.operator, term.value
    if name in _TEXTS:
        return _text(_TEXTS[name], value)
    if name in _PEOPLE:
        values = person.addresses if value.lower() == "me" else (value,)
        return _either([_text(field, one) for one in values for field in _PEOPLE[name]])
    if name == "list":
        return _text(b"HEADER List-Id", value)
    if name == "rfc822msgid":
        return _text(b"HEADER Message-ID", value.strip("<>"))
    if name == "header":
        header, _sep, wanted = value.partition("=")
        return _text(b"HEADER " + header.encode(), wanted) if header and set(header) <= _HEADER_NAME else None
    if name == "is":
        state = _STATES.get(value.lower())
        return None if state is None else (state,)
    if name in SIZES:
        return _size(name, value)
    return _dates(term, person) if name in DATES | AGES else None


def _text(name: bytes, value: str) -> Keys | None:
    """A name with a string; what cannot be on a line of IMAP has no words in it."""
    cleaned = " ".join("".join(char if char.isprintable() else " " for char in value).split())
    if not cleaned:
        return None
    try:
        raw = cleaned.encode()
    except UnicodeEncodeError:
        return None
    return (name, quoted(raw) if cleaned.isascii() else LiteralArgument(raw))


def _size(name: str, value: str) -> Keys | None:
    size = read_size(value)
    if size is None or not 0 < size < 2**32:
        return None
    return {
        "larger": (b"LARGER %d" % size,),
        "smaller": (b"SMALLER %d" % size,),
        "minsize": (b"LARGER %d" % (size - 1),),
        "maxsize": (b"SMALLER %d" % (size + 1),),
    }[name]


def _dates(term: Term, person: Person) -> Keys | None:
    day = timedelta(days=1)
    try:
        if term.operator in AGES:
            moment = read_age(term.value, person.now)
            if moment is None:
                return None
            return (
                _day(b"BEFORE", moment + 2 * day) if term.operator == "older_than" else _day(b"SINCE", moment - day),
            )
        found = read_dates(term.value, person.now)
        if found is None:
            return None
        begin, end = found
        if term.operator == "before":
            return (_day(b"BEFORE", begin + day),)
        since = _day(b"SINCE", begin - day)
        return (since, _day(b"BEFORE", end + day)) if term.operator == "on" else (since,)
    except (OverflowError, ValueError):
        return None


def _day(name: bytes, moment: datetime) -> bytes:
    return b"%s %d-%s-%04d" % (name, moment.day, _MONTHS[moment.month - 1], moment.year)
