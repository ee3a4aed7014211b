"""Messages: lists of them, one of them, and what is done to them. Their insides are in `message_content`."""

from __future__ import annotations

from typing import Annotated, Any

from django.db import transaction
from django.http import HttpResponse
from ninja import Query, Router
from pydantic import AwareDatetime

from accounts.models import MailAccount
from webmail.api import access, acts, bodies, lists
from webmail.api.answers import answer, check_match, dumped, link_header, nothing, pick_fields, read_expand
from webmail.api.auth import ApiRequest
from webmail.api.cursors import list_name, neighbours, read_place
from webmail.api.operations import operation
from webmail.api.schemas.messages import (
    BatchIn,
    BatchOut,
    BatchResultOut,
    MessageChangeIn,
    MessageListOut,
    MessageOut,
)
from webmail.store.models import Email
from webmail.store.queries.emails import MAX_PAGE_SIZE, PAGE_SIZE
from webmail.store.queries.rows import read_rows

router = Router(tags=["messages"])
LIST, ONE = "/accounts/{account_id}/messages", "/accounts/{account_id}/messages/{message_id}"
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE_SIZE)]


@operation(router, "GET", LIST, scope="mail.headers", answers={200: MessageListOut}, problems=["invalid-cursor"])
def list_messages(
    request: ApiRequest,
    account_id: str,
    *,
    mailbox_id: str | None = None,
    is_unread: bool | None = None,
    keyword: str | None = None,
    has_attachment: bool | None = None,
    received_after: AwareDatetime | None = None,
    received_before: AwareDatetime | None = None,
    limit: Limit = PAGE_SIZE,
    after: str | None = None,
    before: str | None = None,
    count: bool = False,
    fields: str | None = None,
) -> HttpResponse:
    """List messages, newest first.

    Of one mailbox, or of all. `after` and `before` take the cursors `next` and `prev` of another page of the same list; mail
    that arrives meanwhile neither repeats nor skips a row. `fields` picks fields, separated by commas.
    """
    account = access.account_for(request, account_id)
    mailbox = access.mailbox_for(request, account, mailbox_id) if mailbox_id else None
    choice = lists.Choice(account, mailbox, is_unread, keyword, has_attachment, received_after, received_before)
    name = list_name(
        kind="messages", account=account_id, mailbox=mailbox_id, unread=is_unread, keyword=keyword,
        files=has_attachment, since=received_after, until=received_before,
    )  # fmt: skip
    place = read_place(name, after=after, before=before)
    user = request.auth.user
    page = choice.page(user, place=place, limit=limit, threaded=False)
    rows = lists.message_rows(
        read_rows(page.rows, threaded=False), lists.Names.of([account]), with_preview=request.auth.has("mail.read")
    )
    next_cursor, prev_cursor = neighbours(name, place, page)
    total = choice.emails(user, threaded=False).count() if count else None
    listed = MessageListOut(messages=rows, next=next_cursor, prev=prev_cursor, total=total)
    headers = link_header(request, next_cursor=next_cursor, prev_cursor=prev_cursor)
    picked = pick_fields(rows, fields)
    value: Any = listed if picked is None else {**dumped(listed), "messages": picked}
    return answer(request, value, headers=headers)


# Before the address of one message, which would take `batch` for its id.
@operation(
    router,
    "POST",
    f"{LIST}/batch",
    scope="mail.modify",
    answers={200: BatchOut},
    problems=["invalid-properties", "conflict", "unsupported-filter"],
)
def change_messages(request: ApiRequest, account_id: str, body: BatchIn) -> HttpResponse:
    """Do one thing to many messages.

    Ids that do not exist are told and leave the others alone; all else is one transaction here and one group of operations
    on the mail server. With `filter` any number of messages is changed, some thousands in a transaction.
    """
    account = access.account_for(request, account_id)
    if body.filter is not None:
        actions = acts.act_on_matching(request, account, body, body.filter)
        done = BatchOut(results=[], operation_ids=[action.public_id for action in actions])
        return answer(request, done, headers=acts.operation_headers(actions))
    ids = list(dict.fromkeys(body.ids))
    with transaction.atomic():
        found = access.emails_for(request, account, ids)
        actions = acts.act_on_many(request, account, body, found)
    results = [BatchResultOut(id=one, code=None if one in found else "not-found") for one in ids]
    done = BatchOut(results=results, operation_ids=[action.public_id for action in actions])
    return answer(request, done, headers=acts.operation_headers(actions))


@operation(router, "GET", ONE, scope="mail.headers", answers={200: MessageOut})
def get_message(request: ApiRequest, account_id: str, message_id: str, expand: str | None = None) -> HttpResponse:
    """One message.

    `expand=body` brings its text, its sanitised HTML and its files along, when its bytes are here; that needs the scope
    `mail.read`.
    """
    account = access.account_for(request, account_id)
    email = access.email_for(request, account, message_id)
    message = whole(request, account, email)
    if "body" in read_expand(expand, {"body"}):
        request.auth.require("mail.read")
        message.body = bodies.body_of(email) if bodies.fetching(request, email) is None else None
    return answer(request, message, etag=lists.etag_of(email))


@operation(
    router,
    "PATCH",
    ONE,
    scope="mail.modify",
    answers={200: MessageOut},
    problems=["invalid-properties", "conflict", "state-mismatch"],
    headers=["If-Match"],
)
def update_message(request: ApiRequest, account_id: str, message_id: str, body: MessageChangeIn) -> HttpResponse:
    """Change the keywords of a message, or the mailboxes it is in.

    The answer shows the new state at once; `X-Operation-Id` names what the mail server is still to be told.
    """
    account = access.account_for(request, account_id)
    email = access.email_for(request, account, message_id)
    check_match(request, lists.etag_of(email))
    actions = acts.change_message(request, account, email, body)
    changed = access.email_for(request, account, message_id)
    headers = acts.operation_headers(actions)
    return answer(request, whole(request, account, changed), etag=lists.etag_of(changed), headers=headers)


@operation(
    router,
    "DELETE",
    ONE,
    scope="mail.modify",
    answers={204: None},
    problems=["state-mismatch"],
    headers=["If-Match"],
)
def delete_message(request: ApiRequest, account_id: str, message_id: str, *, permanent: bool = False) -> HttpResponse:
    """Put a message into Trash, or delete it for good.

    For good with `permanent=true`, and when it is in Trash already; that needs the scope `mail.delete`.
    """
    account = access.account_for(request, account_id)
    email = access.email_for(request, account, message_id)
    check_match(request, lists.etag_of(email))
    actions = acts.destroy(request, [email]) if permanent else acts.trash(request, account, [email])
    return nothing(headers=acts.operation_headers(actions))


def whole(request: ApiRequest, account: MailAccount, email: Email) -> MessageOut:
    """The message as this credential may see it."""
    with_preview = request.auth.has("mail.read")
    return lists.whole_messages([email], lists.Names.of([account]), with_preview=with_preview)[0]
