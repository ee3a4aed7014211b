"""Conversations."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from ninja import Router

from webmail.api import access, lists
from webmail.api.answers import answer, link_header, read_expand
from webmail.api.auth import ApiRequest
from webmail.api.cursors import list_name, neighbours, read_place
from webmail.api.operations import operation
from webmail.api.resources.messages import Limit
from webmail.api.schemas.messages import ThreadListOut, ThreadOut
from webmail.store.queries.emails import PAGE_SIZE, emails_in_thread
from webmail.store.queries.rows import read_rows

router = Router(tags=["threads"])


@operation(
    router,
    "GET",
    "/accounts/{account_id}/threads",
    scope="mail.headers",
    answers={200: ThreadListOut},
    problems=["invalid-cursor"],
)
def list_threads(
    request: ApiRequest,
    account_id: str,
    *,
    mailbox_id: str | None = None,
    is_unread: bool | None = None,
    keyword: str | None = None,
    limit: Limit = PAGE_SIZE,
    after: str | None = None,
    before: str | None = None,
) -> HttpResponse:
    """List conversations, newest first.

    Of one mailbox, or of all but Trash and Junk. A conversation stands at the place of its newest message there.
    """
    account = access.account_for(request, account_id)
    mailbox = access.mailbox_for(request, account, mailbox_id) if mailbox_id else None
    choice = lists.Choice(account, mailbox, is_unread, keyword)
    name = list_name(kind="threads", account=account_id, mailbox=mailbox_id, unread=is_unread, keyword=keyword)
    place = read_place(name, after=after, before=before)
    page = choice.page(request.auth.user, place=place, limit=limit, threaded=True)
    rows = lists.thread_rows(
        read_rows(page.rows, threaded=True), lists.Names.of([account]), with_preview=request.auth.has("mail.read")
    )
    next_cursor, prev_cursor = neighbours(name, place, page)
    headers = link_header(request, next_cursor=next_cursor, prev_cursor=prev_cursor)
    return answer(request, ThreadListOut(threads=rows, next=next_cursor, prev=prev_cursor), headers=headers)


@operation(router, "GET", "/accounts/{account_id}/threads/{thread_id}", scope="mail.headers", answers={200: ThreadOut})
def get_thread(request: ApiRequest, account_id: str, thread_id: str, expand: str | None = None) -> HttpResponse:
    """One conversation, oldest message first.

    `expand=messages` brings the messages along.
    """
    account = access.account_for(request, account_id)
    thread = access.thread_for(request, account, thread_id)
    found = emails_in_thread(thread)
    if not found:
        raise Http404("all its messages are deleted")
    shown = ThreadOut(id=thread_id, account_id=account_id, message_ids=[email.public_id for email in found])
    if "messages" in read_expand(expand, {"messages"}):
        for email in found:
            email.thread = thread
        with_preview = request.auth.has("mail.read")
        shown.messages = lists.whole_messages(found, lists.Names.of([account]), with_preview=with_preview)
    return answer(request, shown)
