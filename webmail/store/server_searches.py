"""Asking mail servers for what is not wholly here: rows that workers carry out (`sync.searching`), and their end."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import transaction
from django.utils import timezone

from accounts.models import IncomingProtocol, MailAccount, User
from webmail import dispatch
from webmail.store.models import Mailbox, ServerSearch, ServerSearchHit
from webmail.store.queries.server_searches import FRESH

TASK = "search.server"
MAX_QUERY_CHARS = 1_000
MAX_OPEN = 20  # of one person: further ones end the oldest
_ERROR_CHARS = 600


def begin_searches(
    user: User, query: str, accounts: Sequence[MailAccount], mailbox: Mailbox | None
) -> list[ServerSearch]:
    """One search for each account that has a server which can search; one that is under way is not begun again."""
    if not 0 < len(query) <= MAX_QUERY_CHARS:
        return []
    made = []
    with transaction.atomic():
        own = ServerSearch.objects.filter(user=user)
        own.filter(created_at__lt=timezone.now() - FRESH).exclude(status__in=ServerSearch.OPEN).delete()
        for account in accounts:
            same = own.filter(account=account, query=query, mailbox=mailbox, status__in=ServerSearch.OPEN)
            if account.incoming_protocol == IncomingProtocol.IMAP and not same.exists():
                made.append(ServerSearch.objects.create(user=user, account=account, query=query, mailbox=mailbox))
        newest = own.filter(status__in=ServerSearch.OPEN).order_by("-id").values_list("pk", flat=True)
        _stop(list(newest[MAX_OPEN:]))
    for one in made:
        dispatch.wake(TASK, one.pk)
    return made


def stop_searches(user: User, query: str) -> None:
    """No further mailbox is asked for these words; what was found stays."""
    rows = ServerSearch.objects.filter(user=user, query=query, status__in=ServerSearch.OPEN)
    _stop(list(rows.values_list("pk", flat=True)))


def _stop(ids: Collection[int]) -> None:
    rows = ServerSearch.objects.filter(pk__in=ids, status__in=ServerSearch.OPEN)
    rows.update(status=ServerSearch.Status.STOPPED, done_at=timezone.now())


def note_progress(search: ServerSearch, *, done: int, total: int) -> bool:
    """So many mailboxes are done. Returns False when somebody has stopped it."""
    search.mailboxes_done, search.mailboxes_total = done, total
    rows = ServerSearch.objects.filter(pk=search.pk, status__in=ServerSearch.OPEN)
    return bool(rows.update(status=ServerSearch.Status.RUNNING, mailboxes_done=done, mailboxes_total=total))


def add_hits(search: ServerSearch, email_ids: Collection[int]) -> None:
    """The server found these; those that are known as found stay so."""
    rows = [ServerSearchHit(search=search, email_id=pk) for pk in email_ids]
    ServerSearchHit.objects.bulk_create(rows, ignore_conflicts=True, batch_size=300)


def finish(search: ServerSearch, *, error: str = "") -> None:
    """It came to an end, perhaps because of `error`, which is for people. A stopped one stays stopped."""
    status = ServerSearch.Status.FAILED if error else ServerSearch.Status.DONE
    rows = ServerSearch.objects.filter(pk=search.pk, status__in=ServerSearch.OPEN)
    rows.update(status=status, error=error[:_ERROR_CHARS], done_at=timezone.now())


def open_searches(limit: int) -> list[int]:
    """Ids of those that wait for a worker, also because theirs has died; the oldest first."""
    rows = ServerSearch.objects.filter(status__in=ServerSearch.OPEN).order_by("id")
    return list(rows.values_list("pk", flat=True)[:limit])
