"""Searches that mail servers are asked to do, as pages and workers look for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from accounts.models import MailAccount, User
from webmail.store.models import Mailbox, ServerSearch, ServerSearchHit

FRESH = timedelta(hours=1)  # what a server found is shown for so long; then it has to be asked again


def latest_searches(
    user: User, query: str, accounts: Sequence[MailAccount], mailbox: Mailbox | None
) -> list[ServerSearch]:
    """The last one of each account for this query and place, not older than `FRESH`; one query."""
    rows = ServerSearch.objects.filter(
        user=user, query=query, account__in=accounts, mailbox=mailbox, created_at__gt=timezone.now() - FRESH
    )
    return list({row.account_id: row for row in rows.order_by("id")}.values())


def found_ids(searches: Sequence[ServerSearch]) -> list[int]:
    """Ids of the Emails that servers found."""
    rows = ServerSearchHit.objects.filter(search__in=searches).order_by("email_id")
    return list(rows.values_list("email_id", flat=True).distinct())
