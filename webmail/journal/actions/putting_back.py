"""Taking an Action back: the server refused it for good, or the user stopped it. What the server was told already stays.

Rows go back in bounded transactions, each with its ActionEmails, so a process that dies in between is continued. It must not
talk to a server.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from django.utils import timezone
from django.utils.translation import gettext as _

from webmail import dispatch
from webmail.journal import entries
from webmail.journal.actions import keywords, move
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action, ActionEmail
from webmail.store import changes, leases
from webmail.store.sql import chunks

BATCH = 2_000  # Emails put back in one transaction: some tenths of a second
LEASE_S = 60.0  # longer than one batch by far

_Undo = Callable[[changes.Record, Action, Sequence[ActionEmail]], None]
_UNDO: Mapping[str, _Undo] = {
    Action.Kind.KEYWORDS: keywords.undo_rows,
    Action.Kind.MOVE: move.undo_rows,
    Action.Kind.COPY: move.undo_rows,
    Action.Kind.DESTROY: move.undo_rows,
    Action.Kind.TRANSFER: move.undo_rows,
}
_DESTROYS = frozenset({Action.Kind.DESTROY, Action.Kind.TRANSFER})


def put_back(action: Action, *, but_begun: bool = False) -> int:
    """Undo what was not told to the server yet; returns for how many rows. Call it under the account's replay lease.

    `but_begun`: leave alone what may lie in another account already; `sync.actions.transfer` brings that to its end.
    """
    if action.kind not in _UNDO:
        return 0
    count = 0
    while True:
        with changes.recording(action.account_id) as record:
            Action.objects.select_for_update().filter(pk=action.pk).first()  # before the clock, as `selection` does
            rows = entries.open_rows([action], limit=BATCH, but_begun=but_begun)
            if not rows:
                return count
            put_back_rows(record, action, rows)
        count += len(rows)


def put_back_rows(record: changes.Record, action: Action, rows: Sequence[ActionEmail]) -> None:
    """Undo these rows of an Action about Emails, and forget them."""
    _UNDO[action.kind](record, action, rows)
    for chunk in chunks(row.pk for row in rows):
        ActionEmail.objects.filter(pk__in=chunk).delete()


def drop_ended(action: Action) -> None:
    """After an Action that ended early: Emails that it has taken from their last place already go."""
    if action.kind in _DESTROYS:
        with changes.recording(action.account_id) as record:
            move.drop_homeless(record, action)


def stop_action(action: Action) -> bool:
    """The user wants no more of it: what was not told to the server yet is put back, the rest stays. True when that is done
    already; False when a worker is at it and stops after its present batch.

    Raises `ActionRefused` for acts on mailboxes, and for what came to an end.
    """
    if action.kind not in _UNDO:
        raise ActionRefused(_("This cannot be stopped."))
    if not Action.objects.filter(pk=action.pk, status__in=Action.OPEN).update(stop_wanted_at=timezone.now()):
        refuse_ended()
    owner = f"stop:{os.getpid()}:{threading.get_ident()}"
    with leases.leased(entries.replay_lease(action.account_id), owner=owner, seconds=LEASE_S) as lease:
        if lease is not None:
            finish_stop(action)
        dispatch.wake("journal.replay", action.account_id)  # those behind it need not wait any more
        return action.status == Action.Status.STOPPED


def refuse_ended() -> NoReturn:
    """Raises `ActionRefused`: there is nothing left to stop."""
    raise ActionRefused(_("This has come to an end already."))


def finish_stop(action: Action) -> None:
    """Stop an Action under the account's replay lease. One that has begun to send messages to another account stays open until
    those have come to their end."""
    Action.objects.filter(pk=action.pk).update(unapplied=[])
    put_back(action, but_begun=True)
    if not entries.open_rows([action], limit=1):
        entries.mark_stopped(action)
        drop_ended(action)
