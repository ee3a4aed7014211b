"""Keeping searches under a name. A query is kept as it was typed and understood anew each time: relative dates stay relative.

It must not run them: that is `store.search`.
"""

from __future__ import annotations

import unicodedata

from django.db import IntegrityError, transaction
from django.db.models import Max

from accounts.models import User
from webmail.store.errors import StoreError
from webmail.store.models import SavedSearch

MAX_NAME_CHARS = 100
MAX_QUERY_CHARS = 1_000
MAX_SEARCHES = 100  # of one person: the sidebar holds them all


class BadSearch(StoreError):
    """No name or no words, or too long."""


class SearchNameTaken(StoreError):
    """The person keeps a search of this name already."""


class TooManySearches(StoreError):
    """The person keeps as many searches as there can be."""


def save_search(user: User, name: str, query: str) -> SavedSearch:
    """Keep a query under a name, behind the others. Raises `BadSearch`, `SearchNameTaken`, `TooManySearches`."""
    name, query = _clean_name(name), query.strip()
    if not query or len(query) > MAX_QUERY_CHARS:
        raise BadSearch(f"a search has 1 to {MAX_QUERY_CHARS} characters")
    own = SavedSearch.objects.filter(user=user)
    _refuse_taken(user, name)
    if own.count() >= MAX_SEARCHES:
        raise TooManySearches(f"there can be {MAX_SEARCHES} saved searches at most")
    last = own.aggregate(last=Max("position"))["last"]
    try:
        with transaction.atomic():
            return SavedSearch.objects.create(user=user, name=name, query=query, position=(last or 0) + 1)
    except IntegrityError as error:  # in another window at the same moment
        raise SearchNameTaken(name) from error


def rename_search(search: SavedSearch, name: str) -> None:
    """Raises `BadSearch`, `SearchNameTaken`."""
    name = _clean_name(name)
    _refuse_taken(search.user, name, but=search)
    try:
        with transaction.atomic():
            SavedSearch.objects.filter(pk=search.pk).update(name=name)
    except IntegrityError as error:
        raise SearchNameTaken(name) from error
    search.name = name


def move_search(search: SavedSearch, places: int) -> None:
    """Towards the top (negative) or the bottom; at an end it stays there."""
    rows = list(SavedSearch.objects.filter(user=search.user))
    here = next(number for number, row in enumerate(rows) if row.pk == search.pk)
    rows.insert(max(0, min(here + places, len(rows) - 1)), rows.pop(here))
    for number, row in enumerate(rows):
        row.position = number
    SavedSearch.objects.bulk_update(rows, ["position"])


def delete_search(search: SavedSearch) -> None:
    """Forget it; no mail is touched."""
    search.delete()


def _clean_name(name: str) -> str:
    printable = "".join(char if unicodedata.category(char)[0] != "C" else " " for char in name)
    cleaned = " ".join(printable.split())
    if not cleaned or len(cleaned) > MAX_NAME_CHARS:
        raise BadSearch(f"a saved search has a name of 1 to {MAX_NAME_CHARS} characters")
    return cleaned


def _refuse_taken(user: User, name: str, *, but: SavedSearch | None = None) -> None:
    same = SavedSearch.objects.filter(user=user, name__iexact=name)
    if (same.exclude(pk=but.pk) if but is not None else same).exists():
        raise SearchNameTaken(name)
