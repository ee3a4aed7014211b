"""Turns the written conversations into threads of messages: who wrote what to whom, when, in answer to which.

It knows no mailboxes of a store and builds no bytes; `messages` does both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from webmail.demo.addresses import IMAP_USER, OWNER_NAME, POP3_USER

_TITLE = re.compile(r"## (.+?) \| (\w+) \| (\d+)\Z")
_AUTHOR = re.compile(r"@(\w+) \+(\d+)\Z")


@dataclass(frozen=True)
class Person:
    """Somebody who writes. `offset_h` is their distance from UTC in hours."""

    name: str
    address: str
    offset_h: int = 0

    @property
    def domain(self) -> str:
        """Where their Message-IDs come from."""
        return self.address.rpartition("@")[2]


PEOPLE = {
    "lena": Person("Lena Brandt", "lena.brandt@harbourhouse.example", 1),
    "priya": Person("Priya Nair", "priya.nair@harbourhouse.example", 1),
    "mateo": Person("Mateo Ruiz", "mateo@ruizstudio.example", 1),
    "tom": Person("Tom Okafor", "tom@okafor-timber.example", 0),
    "ingrid": Person("Ingrid Solberg", "ingrid.solberg@northquay.example", 1),
    "yuki": Person("Yuki Tanaka", "yuki.tanaka@kaigan.example", 9),
    "dana": Person("Dana Whitlock", "dana@whitlockprint.example", 0),
    "sam": Person("Sam Adeyemi", "sam.adeyemi@example.org", 0),
    "elias": Person("Elias Papadakis", "elias@papadakis.example", 2),
    "noor": Person("Noor Haddad", "noor.haddad@marsa.example", 2),
    "mum": Person("Maggie Hale", "maggie.hale@homefarm.example", 0),
    "jo": Person("Jo Hale", "jo@johale.example", 0),
    "bert": Person("Bert Lowther", "bert.lowther@homefarm.example", 0),
    "hazel": Person("Hazel Quist", "hazel@harbourchoir.example", 0),
    "piet": Person("Piet Vermeer", "piet@boathouse.example", 1),
    "finch": Person("Edith Finch", "e.finch@allotments.example", 0),
}

OWNERS = {"imap": Person(OWNER_NAME, IMAP_USER, 1), "pop3": Person(OWNER_NAME, POP3_USER, 1)}


@dataclass(frozen=True)
class Turn:
    """One message of a conversation."""

    author: Person
    others: tuple[Person, ...]
    subject: str
    text: str
    at: datetime
    position: int
    is_own: bool


@dataclass(frozen=True)
class Conversation:
    """Messages that answer each other, oldest first. `mailbox` is where the received ones lie."""

    subject: str
    mailbox: str
    turns: tuple[Turn, ...]


def parse_conversations(source: str, *, owner: Person, now: datetime) -> list[Conversation]:
    """Read the format of `conversations_work`. Raises `ValueError` for a line that is out of place."""
    found = []
    for block in filter(None, re.split(r"(?m)^(?=## )", source.strip())):
        title, _, rest = block.partition("\n")
        match = _TITLE.match(title)
        if match is None:
            raise ValueError(f"not a title: {title}")
        start = now - timedelta(days=int(match[3]), hours=3)
        turns = _parse_turns(rest, match[1], owner=owner, start=start, now=now)
        found.append(Conversation(match[1], match[2], turns))
    return found


def _parse_turns(source: str, subject: str, *, owner: Person, start: datetime, now: datetime) -> tuple[Turn, ...]:
    pieces = re.split(r"(?m)^(@\w+ \+\d+)$", source.strip())
    entries = []
    for position in range(1, len(pieces), 2):
        match = _AUTHOR.match(pieces[position])
        if match is None:
            raise ValueError(f"not an author: {pieces[position]}")
        author = owner if match[1] == "me" else PEOPLE[match[1]]
        entries.append((author, int(match[2]), pieces[position + 1].strip()))
    members = tuple(dict.fromkeys([author for author, _, _ in entries] + [owner]))
    total_h = sum(hours for _, hours, _ in entries)
    # A conversation never reaches into the future: one that would is moved back as a whole.
    at = min(start, now - timedelta(hours=total_h, minutes=17 * len(entries) + 20))
    turns = []
    for number, (author, hours, text) in enumerate(entries):
        at += timedelta(hours=hours, minutes=0 if number == 0 else 7 + 11 * number % 17)
        others = tuple(member for member in members if member != author)
        title = subject if number == 0 else f"Re: {subject}"
        turns.append(Turn(author, others, title, text, at, number, is_own=author == owner))
    return tuple(turns)
