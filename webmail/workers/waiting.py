"""Rows that wait for work, so that a wake-up that got lost only costs time (decision: rows are the queue).

Finders only read. `Bells` rings for what they find, and not again for a while: while no worker runs, messages would pile
up in Redis.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial

from django.db.models import Q
from django.utils import timezone

from accounts.models import AccountState, ConnectionTest, IncomingProtocol, MailAccount
from webmail import dispatch
from webmail.journal.actions import selection
from webmail.journal.models import Action
from webmail.store import server_searches
from webmail.store.models import Email
from webmail.store.reading import drawings, pictures, sender_checks
from webmail.sync.outgoing import draft_copies

RING_AGAIN_S = 30.0
MAX_FOUND = 1_000  # rows a finder returns at once; the next round finds the rest
FORGOTTEN_AFTER = timedelta(seconds=5)  # a connection test that no worker has taken by then

STOPPED = (AccountState.PAUSED, AccountState.AUTH_FAILED)  # nothing is asked of their servers

Finder = Callable[[], Iterable[int]]


def due_accounts() -> list[int]:
    """Accounts whose next pass is due: POP3, servers without IDLE, and the regular full pass of all others."""
    due = MailAccount.objects.filter(next_sync_at__lte=timezone.now()).exclude(state__in=STOPPED)
    return list(due.order_by("next_sync_at").values_list("pk", flat=True)[:MAX_FOUND])


def accounts_with_due_actions() -> list[int]:
    """Accounts with acts of users that the server must still be told. POP3 accounts finish theirs without a server."""
    due = Action.objects.filter(status__in=Action.OPEN, next_try_at__lte=timezone.now()).exclude(
        ~Q(account__incoming_protocol=IncomingProtocol.POP3), account__state__in=STOPPED
    )
    return list(due.order_by().values_list("account_id", flat=True).distinct()[:MAX_FOUND])


def wanted_bodies() -> list[int]:
    """Messages somebody opened whose bytes are not here, the last opened first."""
    wanted = Email.objects.filter(body_wanted_at__isnull=False, blob=None, body_error="").exclude(
        account__state__in=STOPPED
    )
    return list(wanted.order_by("-body_wanted_at").values_list("pk", flat=True)[:MAX_FOUND])


def accounts_to_index() -> list[int]:
    """Accounts with bytes that were not parsed yet, or with Emails that are not in the search index yet."""
    raw = Email.objects.filter(is_indexed=False, blob__isnull=False)
    text = Email.objects.filter(is_indexed=False, text_blob__isnull=False)
    unfound = Email.objects.filter(has_document=False)
    found = {
        account_id
        for rows in (raw, text, unfound)
        for account_id in rows.order_by().values_list("account_id", flat=True).distinct()[:MAX_FOUND]
    }
    return sorted(found)[:MAX_FOUND]


def forgotten_tests() -> list[int]:
    """Connection tests that wait longer than a worker needs to take one."""
    waiting = ConnectionTest.objects.filter(
        status=ConnectionTest.Status.PENDING, created_at__lt=timezone.now() - FORGOTTEN_AFTER
    )
    return list(waiting.order_by("pk").values_list("pk", flat=True)[:MAX_FOUND])


def forgotten_checks() -> list[int]:
    """Emails whose sender was to be checked by now."""
    return sender_checks.waiting_checks(timezone.now() - FORGOTTEN_AFTER, MAX_FOUND)


FINDERS: Mapping[str, Finder] = {
    "sync.account": due_accounts,
    selection.TASK: partial(selection.unfinished_actions, MAX_FOUND),
    "journal.replay": accounts_with_due_actions,
    "sync.body": wanted_bodies,
    "sync.drafts": draft_copies.accounts_with_work,
    "index.account": accounts_to_index,
    drawings.TASK: drawings.wanted_drawings,
    pictures.TASK: pictures.people_who_wait,
    "connections.test": forgotten_tests,
    sender_checks.TASK: forgotten_checks,
    server_searches.TASK: partial(server_searches.open_searches, MAX_FOUND),
}


class Bells:
    """Remembers what it rang for in this process."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rung: dict[tuple[str, int], float] = {}

    def ring(self, task: str, row_ids: Iterable[int]) -> int:
        """Wake the task for each row it was not woken for within `RING_AGAIN_S`. Returns how many."""
        now = self._clock()
        self._rung = {key: at for key, at in self._rung.items() if now - at < RING_AGAIN_S}
        fresh = [row_id for row_id in row_ids if (task, row_id) not in self._rung]
        for row_id in fresh:
            dispatch.wake(task, row_id)
            self._rung[task, row_id] = now
        return len(fresh)
