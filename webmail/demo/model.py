"""What a demo store is made of: users, mailboxes, messages and the words for flags. No behaviour beyond counters."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

INBOX = "INBOX"
FIRST_UIDVALIDITY = 1_700_000_001

STANDARD_MAILBOXES = (
    (INBOX, None),
    ("Drafts", "\\Drafts"),
    ("Sent", "\\Sent"),
    ("Archive", "\\Archive"),
    ("Junk", "\\Junk"),
    ("Trash", "\\Trash"),
)

SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
_SYSTEM_BY_LOWER = {flag.lower(): flag for flag in SYSTEM_FLAGS}


def canonical_flags(flags: Iterable[str]) -> frozenset[str]:
    """Flags with system flags in RFC 3501 spelling; `\\Recent` is dropped, as clients cannot set it."""
    return frozenset(_SYSTEM_BY_LOWER.get(flag.lower(), flag) for flag in flags if flag.lower() != "\\recent")


def canonical_name(name: str) -> str:
    """RFC 3501 5.1: INBOX is the same mailbox in any case."""
    return INBOX if name.upper() == INBOX else name


@dataclass(slots=True)
class Message:
    """One message in one mailbox. `derived` caches what servers compute from `raw`, which never changes."""

    uid: int
    raw: bytes
    flags: frozenset[str]
    internal_date: datetime
    modseq: int
    derived: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def content_id(self) -> str:
        """SHA-256 of the bytes, hexadecimal: equal in every mailbox that holds the same message."""
        if "content_id" not in self.derived:
            self.derived["content_id"] = hashlib.sha256(self.raw).hexdigest()
        return str(self.derived["content_id"])


@dataclass(slots=True)
class Mailbox:
    """Messages by ascending UID, and the counters of RFC 3501 2.3.1 and RFC 7162 3.1."""

    name: str
    object_id: str
    uidvalidity: int
    special_use: str | None = None
    uidnext: int = 1
    highest_modseq: int = 1
    is_subscribed: bool = True
    is_selectable: bool = True
    messages: dict[int, Message] = field(default_factory=dict)
    expunged: list[tuple[int, int]] = field(default_factory=list)
    """(modseq, uid) of every expunge, oldest first: what VANISHED (EARLIER) is answered from."""

    def next_modseq(self) -> int:
        """Raise the mailbox's change counter and return it."""
        self.highest_modseq += 1
        return self.highest_modseq


@dataclass(slots=True)
class User:
    """An account with its mailboxes by name, in the order they were made."""

    address: str
    password: str
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
