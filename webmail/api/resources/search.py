"""Search over all accounts that the credential may see."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpResponse
from ninja import Router

from accounts.models import User
from webmail.api import access, lists
from webmail.api.answers import answer, link_header
from webmail.api.auth import ApiRequest
from webmail.api.cursors import list_name, neighbours, read_place
from webmail.api.operations import operation
from webmail.api.resources.messages import Limit
from webmail.api.schemas.messages import MessageListOut
from webmail.store.queries.emails import PAGE_SIZE, list_query
from webmail.store.queries.rows import read_rows
from webmail.store.search.parse import parse_query
from webmail.store.search.run import search_emails

router = Router(tags=["search"])


@operation(
    router,
    "GET",
    "/search",
    scope="mail.read",
    answers={200: MessageListOut},
    problems=["invalid-cursor", "unsupported-filter"],
)
def search_messages(
    request: ApiRequest,
    q: str,
    *,
    account_id: str | None = None,
    limit: Limit = PAGE_SIZE,
    after: str | None = None,
    before: str | None = None,
    count: bool = False,
) -> HttpResponse:
    """Find messages, newest first.

    `q` holds words, phrases in quotes, `+exact` words, a minus in front of what must not be there, OR, brackets, and operators:
    `from:` `to:` `cc:` `bcc:` `with:` `deliveredto:` `list:` `subject:` `body:` `mentions:me` `header:` `is:` `has:` `filename:`
    `in:` `label:` `account:` `before:` `after:` `on:` `older_than:` `newer_than:` `larger:` `smaller:` `rfc822msgid:`. Trash and
    Junk are left out unless `in:` says otherwise.
    """
    found = [access.account_for(request, account_id)] if account_id else access.accounts_for(request)
    user = request.auth.user
    hits = search_emails(user, parse_query(q), accounts=found, zone=_zone(user))
    name = list_name(kind="search", q=q, accounts=[account.public_id for account in found])
    place = read_place(name, after=after, before=before)
    page = list_query(hits, threaded=False, after=place.after, before=place.before, limit=limit)
    rows = lists.message_rows(read_rows(page.rows, threaded=False), lists.Names.of(found), with_preview=True)
    next_cursor, prev_cursor = neighbours(name, place, page)
    total = hits.count() if count else None
    headers = link_header(request, next_cursor=next_cursor, prev_cursor=prev_cursor)
    return answer(
        request, MessageListOut(messages=rows, next=next_cursor, prev=prev_cursor, total=total), headers=headers
    )


def _zone(user: User) -> tzinfo:
    try:
        return ZoneInfo(user.timezone) if user.timezone else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
