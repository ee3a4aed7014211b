"""Everything that changed since a cursor, in one request (rest section 3)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from django.http import HttpResponse
from ninja import Query, Router

from accounts.models import Identity, MailAccount
from webmail.api import access, lists, sending
from webmail.api.answers import answer
from webmail.api.auth import ApiRequest
from webmail.api.cursors import read_sync_cursor, write_sync_cursor
from webmail.api.operations import operation
from webmail.api.problems import Problem
from webmail.api.resources.identities import identity_out
from webmail.api.resources.mailboxes import mailboxes_of
from webmail.api.schemas.messages import ThreadOut
from webmail.api.schemas.sync import ObjectsOut, SyncPageOut, TypeChangesOut
from webmail.outbox.queries import submissions_of
from webmail.store import changes
from webmail.store.models import Email
from webmail.store.queries.emails import MAX_PAGE_SIZE

router = Router(tags=["sync"])


@dataclass(frozen=True)
class _Type:
    """A type of the store, and the scope that shows it."""

    state: str
    scope: str


_TYPES: Mapping[str, _Type] = {
    "messages": _Type(changes.EMAIL, "mail.headers"),
    "mailboxes": _Type(changes.MAILBOX, "mail.headers"),
    "threads": _Type(changes.THREAD, "mail.headers"),
    "identities": _Type(changes.IDENTITY, "accounts.read"),
    "submissions": _Type(changes.SUBMISSION, "mail.read"),
}


@operation(router, "GET", "/sync", scope="mail.headers", answers={200: SyncPageOut}, problems=["cursor-expired"])
def get_changes(
    request: ApiRequest,
    account: str,
    since: str | None = None,
    types: str | None = None,
    include: Literal["objects"] | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE_SIZE)] = MAX_PAGE_SIZE,
) -> HttpResponse:
    """What changed in an account since a cursor.

    Without `since`: the cursor of now. Take it first, list everything after, then ask with it: nothing is lost between the
    two. `types`: messages, mailboxes, threads, identities, submissions, separated by commas; all that the credential may see
    by default. `limit` holds for each type; `has_more` says to ask again at once. A message in `updated` that is not known
    yet counts as new, and so does its thread.
    """
    found = access.account_for(request, account)
    wanted = _wanted(request, types)
    if since is None:
        cursor = write_sync_cursor(account, changes.states_of(found.pk))
        return answer(request, SyncPageOut(account_id=account, changes={}, cursor=cursor, has_more=False))
    states = read_sync_cursor(account, since)
    pages = {
        name: changes.changes_since(found.pk, _TYPES[name].state, states.get(_TYPES[name].state, 0), max_changes=limit)
        for name in wanted
    }
    states |= {_TYPES[name].state: page.new_state for name, page in pages.items() if page.new_state}
    pages = _without_deleted(found, pages)
    shown = SyncPageOut(
        account_id=account,
        changes={
            name: TypeChangesOut(
                created=list(page.created),
                updated=list(page.updated),
                destroyed=list(page.destroyed),
                only_counts=page.only_counts,
            )
            for name, page in pages.items()
        },
        objects=_objects(request, found, pages) if include else None,
        cursor=write_sync_cursor(account, states),
        has_more=any(page.has_more for page in pages.values()),
    )
    return answer(request, shown)


def _wanted(request: ApiRequest, types: str | None) -> list[str]:
    if types is None:
        return [name for name, kind in _TYPES.items() if request.auth.has(kind.scope)]
    names = list(dict.fromkeys(name.strip() for name in types.split(",") if name.strip()))
    for name in names:
        if name not in _TYPES:
            raise Problem("bad-request", f"types: there is no {name}. There are {', '.join(_TYPES)}.")
        request.auth.require(_TYPES[name].scope)
    return names


def _without_deleted(account: MailAccount, pages: Mapping[str, changes.Changes]) -> dict[str, changes.Changes]:
    """A message in no mailbox is deleted for clients, though its row waits for the server's word; so is its thread."""
    shown = dict(pages)
    for name, path in (("messages", "public_id"), ("threads", "thread__public_id")):
        if name in shown:
            page = shown[name]
            alive = _placed(account, path, {*page.created, *page.updated})
            shown[name] = replace(
                page,
                created=tuple(one for one in page.created if one in alive),
                updated=tuple(one for one in page.updated if one in alive),
                destroyed=(*page.destroyed, *(one for one in page.updated if one not in alive)),
            )
    if "messages" in shown and "threads" in shown:
        # A thread itself does not change when its last message leaves the mailboxes.
        gone = Email.objects.filter(account=account, public_id__in=shown["messages"].destroyed)
        threads = set(gone.values_list("thread__public_id", flat=True))
        told = shown["threads"]
        ended = threads - _placed(account, "thread__public_id", threads) - {*told.destroyed}
        shown["threads"] = replace(told, destroyed=(*told.destroyed, *sorted(ended)))
    return shown


def _placed(account: MailAccount, path: str, ids: Collection[str]) -> set[str]:
    """Those of the ids whose message, or one of whose messages, is in a mailbox."""
    found = Email.objects.filter(account=account, mailbox_rows__isnull=False, **{f"{path}__in": ids})
    return set(found.values_list(path, flat=True))


def _objects(request: ApiRequest, account: MailAccount, pages: Mapping[str, changes.Changes]) -> ObjectsOut:
    found = ObjectsOut()
    for name, page in pages.items():
        ids = [*page.created, *page.updated]
        if ids:
            setattr(found, name, _READERS[name](request, account, ids))
    return found


def _messages(request: ApiRequest, account: MailAccount, ids: Sequence[str]) -> Collection[object]:
    found = Email.objects.filter(account=account, public_id__in=ids).select_related("thread", "blob").order_by("id")
    names = lists.Names.of([account])
    return lists.whole_messages(list(found), names, with_preview=request.auth.has("mail.read"))


def _mailboxes(_request: ApiRequest, account: MailAccount, ids: Sequence[str]) -> Collection[object]:
    wanted = set(ids)
    return [mailbox for mailbox in mailboxes_of(account) if mailbox.id in wanted]


def _threads(_request: ApiRequest, account: MailAccount, ids: Sequence[str]) -> Collection[object]:
    rows = Email.objects.filter(account=account, thread__public_id__in=ids, mailbox_rows__isnull=False).distinct()
    members: dict[str, list[str]] = {}
    for thread_id, email_id, _ in rows.order_by("received_at", "id").values_list(
        "thread__public_id", "public_id", "received_at"
    ):
        members.setdefault(thread_id, []).append(email_id)
    return [
        ThreadOut(id=thread_id, account_id=account.public_id, message_ids=inside)
        for thread_id, inside in members.items()
    ]


def _identities(_request: ApiRequest, account: MailAccount, ids: Sequence[str]) -> Collection[object]:
    return [identity_out(one) for one in Identity.objects.filter(account=account, public_id__in=ids)]


def _submissions(request: ApiRequest, account: MailAccount, ids: Sequence[str]) -> Collection[object]:
    found = submissions_of(request.auth.user, accounts=[account]).filter(public_id__in=ids)
    return [sending.submission_out(one, is_alone=False) for one in found]


_READERS: Mapping[str, Callable[[ApiRequest, MailAccount, Sequence[str]], Collection[object]]] = {
    "messages": _messages,
    "mailboxes": _mailboxes,
    "threads": _threads,
    "identities": _identities,
    "submissions": _submissions,
}
