"""A person's saved searches."""

from __future__ import annotations

from django.http import Http404

from accounts.models import User
from webmail.store.models import SavedSearch


def saved_searches_of(user: User) -> list[SavedSearch]:
    """All of them, in the person's order: one query."""
    return list(SavedSearch.objects.filter(user=user))


def get_saved_search_for(user: User, public_id: str) -> SavedSearch:
    """Raises Http404 when it is not the user's."""
    found = SavedSearch.objects.filter(user=user, public_id=public_id).first()
    if found is None:
        raise Http404("no such saved search")
    return found
