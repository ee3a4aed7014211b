"""The mailboxes of an account."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from ninja import Router

from accounts.models import MailAccount
from webmail.api import access, acts
from webmail.api.answers import answer, check_match, nothing
from webmail.api.auth import ApiRequest
from webmail.api.operations import operation
from webmail.api.schemas.accounts import MailboxChangeIn, MailboxIn, MailboxListOut, MailboxOut, RightsOut
from webmail.journal.actions import mailboxes as actions
from webmail.journal.models import Action
from webmail.store import mailboxes
from webmail.store.models import Mailbox, Role
from webmail.store.queries.accounts import AccountTree, MailboxNode, SyncProgress, build_tree, visible_mailboxes

router = Router(tags=["mailboxes"])
LIST, ONE = "/accounts/{account_id}/mailboxes", "/accounts/{account_id}/mailboxes/{mailbox_id}"


@operation(router, "GET", LIST, scope="mail.headers", answers={200: MailboxListOut})
def list_mailboxes(request: ApiRequest, account_id: str) -> HttpResponse:
    """The mailbox tree with its counters."""
    return answer(request, MailboxListOut(mailboxes=mailboxes_of(access.account_for(request, account_id))))


@operation(router, "GET", ONE, scope="mail.headers", answers={200: MailboxOut})
def get_mailbox(request: ApiRequest, account_id: str, mailbox_id: str) -> HttpResponse:
    """One mailbox."""
    account = access.account_for(request, account_id)
    mailbox = access.mailbox_for(request, account, mailbox_id)
    return answer(request, _one(account, mailbox), etag=_etag(mailbox))


@operation(
    router,
    "POST",
    LIST,
    scope="mailboxes.write",
    answers={201: MailboxOut},
    problems=["already-exists", "conflict", "invalid-properties"],
)
def create_mailbox(request: ApiRequest, account_id: str, body: MailboxIn) -> HttpResponse:
    """Make a mailbox."""
    account = access.account_for(request, account_id)
    parent = acts.wanted_mailbox(request, account, body.parent_id, "/parent_id") if body.parent_id else None
    made = actions.create_mailbox(request.auth.user, account.pk, name=body.name, parent=parent)
    headers = {"Location": f"/api/v1/accounts/{account_id}/mailboxes/{made.public_id}", **_pending(account, made)}
    return answer(request, _one(account, made), status=201, etag=_etag(made), headers=headers)


@operation(
    router,
    "PATCH",
    ONE,
    scope="mailboxes.write",
    answers={200: MailboxOut},
    problems=["already-exists", "conflict", "invalid-properties", "state-mismatch"],
    headers=["If-Match"],
)
def update_mailbox(request: ApiRequest, account_id: str, mailbox_id: str, body: MailboxChangeIn) -> HttpResponse:
    """Rename a mailbox or move it in the tree. Its id stays."""
    account = access.account_for(request, account_id)
    mailbox = access.mailbox_for(request, account, mailbox_id)
    check_match(request, _etag(mailbox))
    parent = mailbox.parent
    if "parent_id" in body.model_fields_set:
        parent = acts.wanted_mailbox(request, account, body.parent_id, "/parent_id") if body.parent_id else None
    name = body.name if body.name is not None else mailbox.name
    actions.rename_mailbox(request.auth.user, mailbox, name=name, parent=parent)
    changed = access.mailbox_for(request, account, mailbox_id)
    return answer(request, _one(account, changed), etag=_etag(changed), headers=_pending(account, changed))


@operation(
    router,
    "DELETE",
    ONE,
    scope="mailboxes.write",
    answers={204: None},
    problems=["conflict", "mailbox-has-email", "state-mismatch"],
    headers=["If-Match"],
)
def delete_mailbox(
    request: ApiRequest, account_id: str, mailbox_id: str, *, remove_messages: bool = False
) -> HttpResponse:
    """Delete a mailbox.

    With `remove_messages=true` its messages go with it, but for those that are in another mailbox too; that needs the
    scope `mail.delete` as well.
    """
    account = access.account_for(request, account_id)
    mailbox = access.mailbox_for(request, account, mailbox_id)
    check_match(request, _etag(mailbox))
    if remove_messages:
        request.auth.require("mail.delete")
    actions.delete_mailbox(request.auth.user, mailbox, remove_emails=remove_messages)
    latest = access.operations_of(account).filter(kind=Action.Kind.DELETE_MAILBOX, status__in=Action.OPEN)[:1]
    return nothing(headers=acts.operation_headers(list(latest)))


def mailboxes_of(account: MailAccount) -> list[MailboxOut]:
    """All mailboxes people see, each parent before its children."""
    tree = AccountTree(account, build_tree(visible_mailboxes([account])), SyncProgress(0, 0, 0))
    ids = {node.mailbox.pk: node.mailbox.public_id for node in tree.flat()}
    return [_mailbox(node, ids.get(node.mailbox.parent_id or 0)) for node in tree.flat()]


def _one(account: MailAccount, mailbox: Mailbox) -> MailboxOut:
    found = next((one for one in mailboxes_of(account) if one.id == mailbox.public_id), None)
    if found is None:
        raise Http404("hidden: it is gone from the server")
    return found


def _mailbox(node: MailboxNode, parent_id: str | None) -> MailboxOut:
    mailbox = node.mailbox
    is_free = mailbox.role != Role.INBOX
    return MailboxOut(
        id=mailbox.public_id,
        parent_id=parent_id,
        name=mailbox.name,
        role=mailbox.role,
        sort_order=mailbox.sort_order,
        depth=node.depth,
        is_subscribed=mailbox.is_subscribed,
        is_selectable=mailbox.is_selectable,
        total_messages=mailbox.total_emails,
        unread_messages=mailbox.unread_emails,
        total_threads=mailbox.total_threads,
        unread_threads=mailbox.unread_threads,
        rights=RightsOut(
            may_add=mailbox.is_selectable and mailboxes.may(mailbox, "insert"),
            may_remove=mailbox.is_selectable and mailboxes.may(mailbox, "delete"),
            may_rename=is_free and mailboxes.may(mailbox, "delete_mailbox"),
            may_delete=is_free and mailboxes.may(mailbox, "delete_mailbox"),
            may_create_child=mailboxes.may(mailbox, "create"),
        ),
    )


def _etag(mailbox: Mailbox) -> str:
    mailbox.refresh_from_db(fields=["props_modseq", "counts_modseq"])
    return f"{mailbox.props_modseq}.{mailbox.counts_modseq}"


def _pending(account: MailAccount, mailbox: Mailbox) -> dict[str, str]:
    return acts.operation_headers(
        list(access.operations_of(account).filter(mailbox=mailbox, status__in=Action.OPEN)[:1])
    )
