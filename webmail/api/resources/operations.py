"""What the mail server is still to be told, and what became of it."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Router

from accounts.models import MailAccount
from webmail.api import access
from webmail.api.answers import answer, link_header
from webmail.api.auth import ApiRequest
from webmail.api.cursors import list_name, read_place, write_list_cursor
from webmail.api.operations import operation
from webmail.api.resources.messages import Limit
from webmail.api.schemas.sync import OperationListOut, OperationOut
from webmail.journal.actions import putting_back
from webmail.journal.models import Action
from webmail.store.queries.emails import PAGE_SIZE, Cursor

router = Router(tags=["operations"])
_STATUS = {Action.Status.PENDING: "queued"}


@operation(
    router,
    "GET",
    "/accounts/{account_id}/operations",
    scope="mail.headers",
    answers={200: OperationListOut},
    problems=["invalid-cursor"],
)
def list_operations(
    request: ApiRequest,
    account_id: str,
    *,
    is_open: bool | None = None,
    limit: Limit = PAGE_SIZE,
    after: str | None = None,
) -> HttpResponse:
    """List operations on the mail server, newest first.

    `is_open=true`: only those that are not carried out yet.
    """
    account = access.account_for(request, account_id)
    name = list_name(kind="operations", account=account_id, open=is_open)
    place = read_place(name, after=after, before=None)
    found = access.operations_of(account)
    if is_open is not None:
        found = found.filter(status__in=Action.OPEN) if is_open else found.exclude(status__in=Action.OPEN)
    if place.after is not None:
        found = found.filter(pk__lt=place.after.email_id)
    rows = list(found[: limit + 1])
    last = rows[limit - 1] if len(rows) > limit else None
    next_cursor = write_list_cursor(name, Cursor(last.created_at, last.pk)) if last else None
    listed = OperationListOut(operations=[_operation(account, row) for row in rows[:limit]], next=next_cursor)
    return answer(request, listed, headers=link_header(request, next_cursor=next_cursor, prev_cursor=None))


@operation(
    router,
    "GET",
    "/accounts/{account_id}/operations/{operation_id}",
    scope="mail.headers",
    answers={200: OperationOut},
)
def get_operation(request: ApiRequest, account_id: str, operation_id: str) -> HttpResponse:
    """One operation: queued, running, done or failed, with the reason."""
    account = access.account_for(request, account_id)
    return answer(request, _operation(account, access.operation_for(account, operation_id)))


@operation(
    router,
    "DELETE",
    "/accounts/{account_id}/operations/{operation_id}",
    scope="mail.modify",
    answers={200: OperationOut},
    problems=["conflict"],
)
def stop_operation(request: ApiRequest, account_id: str, operation_id: str) -> HttpResponse:
    """Stop an operation on messages. What the mail server was not told yet is undone, the rest stays.

    One that is running stops after its present batch. Answers 409 when it has ended, or is about a mailbox.
    """
    account = access.account_for(request, account_id)
    action = access.operation_for(account, operation_id)
    putting_back.stop_action(action)
    action.refresh_from_db()
    return answer(request, _operation(account, action))


def _operation(account: MailAccount, action: Action) -> OperationOut:
    return OperationOut.model_validate(
        {
            "id": action.public_id,
            "account_id": account.public_id,
            "kind": action.kind,
            "status": _STATUS.get(Action.Status(action.status), action.status),
            "total": action.total,
            "done_count": action.done_count,
            "attempts": action.attempts,
            "error": action.error,
            "created_at": action.created_at,
            "done_at": action.done_at,
        }
    )
