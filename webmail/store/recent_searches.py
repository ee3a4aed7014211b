"""What a person searched for last, for their own suggestions; nothing is kept of those who do not want it."""

from __future__ import annotations

from django.utils import timezone

from accounts.models import User
from webmail.store.models import RecentSearch

MAX_KEPT = 50  # of one person
MAX_QUERY_CHARS = 1_000


def remember_search(user: User, query: str) -> None:
    """This query was run now. Longer ones than are kept are left out."""
    if not user.keeps_searches or not 0 < len(query) <= MAX_QUERY_CHARS:
        return
    _row, is_new = RecentSearch.objects.update_or_create(user=user, query=query, defaults={"used_at": timezone.now()})
    if is_new:
        old = RecentSearch.objects.filter(user=user).order_by("-used_at", "-id").values_list("pk", flat=True)[MAX_KEPT:]
        RecentSearch.objects.filter(pk__in=list(old)).delete()


def recent_searches(user: User) -> list[str]:
    """The queries, the last one first: one query."""
    rows = RecentSearch.objects.filter(user=user).order_by("-used_at", "-id")
    return list(rows.values_list("query", flat=True)[:MAX_KEPT])


def forget_searches(user: User) -> None:
    """Clear the history."""
    RecentSearch.objects.filter(user=user).delete()
