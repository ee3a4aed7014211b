"""Opaque, signed cursors: places in lists, and states to synchronise from.

A list cursor names the list it belongs to, by a hash of everything that chose or ordered its rows: used with another list it
is refused (rest section 4). A sync cursor holds the states of one account (section 3). Neither is a right: whoever uses
one must be allowed to see the account anyway.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core import signing

from webmail.api.problems import Problem
from webmail.store.queries.emails import Cursor, Page

_LIST_SALT = "webmail.api.list"
_SYNC_SALT = "webmail.api.sync"


def list_name(**choice: Any) -> str:
    """A short hash of what a list shows and how it is ordered."""
    text = json.dumps(choice, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Place:
    """Where a page begins: behind `after`, or in front of `before`, or at the top when both are None."""

    after: Cursor | None = None
    before: Cursor | None = None


def read_place(name: str, *, after: str | None, before: str | None) -> Place:
    """The place that the parameters `after` and `before` of a request name. Raises `Problem`."""
    if after and before:
        raise Problem("bad-request", "Only one of after and before can be given.")
    return Place(_read_list_cursor(name, after), _read_list_cursor(name, before))


def write_list_cursor(name: str, cursor: Cursor) -> str:
    """The cursor of a row."""
    value = [name, cursor.received_at.isoformat(), cursor.email_id]
    return signing.Signer(salt=_LIST_SALT).sign_object(value)


def _read_list_cursor(name: str, text: str | None) -> Cursor | None:
    if not text:
        return None
    try:
        of, received_at, email_id = signing.Signer(salt=_LIST_SALT).unsign_object(text)
        cursor = Cursor(datetime.fromisoformat(received_at), int(email_id))
    except (signing.BadSignature, ValueError, TypeError):
        raise Problem("invalid-cursor", "This is no cursor of ours.") from None
    if of != name:
        raise Problem("invalid-cursor", "The cursor belongs to a list with another filter.")
    return cursor


def neighbours(name: str, place: Place, page: Page) -> tuple[str | None, str | None]:
    """The cursors (next, prev) of a page."""
    if not page.rows:
        return None, None
    has_next = page.has_more if place.before is None else True
    has_prev = place.after is not None if place.before is None else page.has_more
    first, last = page.rows[0].cursor, page.rows[-1].cursor
    return (
        write_list_cursor(name, last) if has_next else None,
        write_list_cursor(name, first) if has_prev else None,
    )


def write_sync_cursor(account_id: str, states: Mapping[str, int]) -> str:
    """A cursor that remembers these states of an account, by type."""
    return signing.Signer(salt=_SYNC_SALT).sign_object([account_id, dict(states)])


def read_sync_cursor(account_id: str, text: str) -> dict[str, int]:
    """The states in a cursor. Raises `Problem` cursor-expired when it is broken or of another account."""
    try:
        of, states = signing.Signer(salt=_SYNC_SALT).unsign_object(text)
        found = {str(name): int(state) for name, state in states.items()}
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        raise Problem("cursor-expired", "This is no cursor of ours.") from None
    if of != account_id:
        raise Problem("cursor-expired", "The cursor belongs to another account.")
    return found
