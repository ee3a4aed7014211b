"""Moving and copying Emails into another account: the bytes are sent there, and only when they have arrived the source goes.

Emails go in batches, each through the phases below; a batch that was cut anywhere is taken up again and nothing is lost or
doubled (sync Y71, Y72).

    bytes here            fetched when they are not
    noted                 the target's UIDNEXT in `Action.progress`, the rows `begun`: from now on a copy may lie there
    sent                  APPEND; what it answered is in `ActionEmail.progress`. Before any repeat the target is looked through
    arrived               found in the target and its rows written: `ActionEmail.arrived`, in one transaction
    gone from the source  \\Deleted and UID EXPUNGE, and the rows are settled

A target that is only ours needs no sending. What cannot be sent goes back to where it was, with words. It must not decide what is
tried again: `sync.actions.replay` does, and is told with `AtTarget` which of the two servers made trouble.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from accounts.models import AccountState
from webmail.journal import entries
from webmail.journal.actions import putting_back
from webmail.journal.actions.move import drop_homeless
from webmail.journal.models import Action, ActionEmail
from webmail.protocols.errors import PermanentlyRefused
from webmail.store import changes
from webmail.store.models import Mailbox, Placement
from webmail.store.sql import chunks
from webmail.sync import points
from webmail.sync.actions import replay_emails, transfer_delivery
from webmail.sync.actions.transfer_delivery import Delivery
from webmail.sync.actions.transfer_letters import Letter, gather
from webmail.sync.connections import account_session
from webmail.sync.errors import SyncError

BATCH = 100  # Emails carried together: so many are looked for again after a cut
MAX_REMEMBERED = 1_000  # Emails of an act that can be undone when it is done
BATCH_BYTES = 33_554_432  # and so many bytes of them, at least one Email


class AtTarget(SyncError):
    """The server of the other account made trouble: `error` says which. It says nothing about our own."""

    def __init__(self, target: Mailbox, error: Exception) -> None:
        super().__init__(str(error))
        self.target = target
        self.error = error


class TargetAway(SyncError):
    """Nothing can be sent to the other account just now; the message says why, for people."""


def replay_transfer(action: Action, renew: Callable[[], object]) -> None:
    """Carry out a TRANSFER as far as it goes, and bring it to its end. `renew` keeps the replay lease alive.

    Raises `AtTarget`, and for the own account what a session raises, `PermanentlyRefused` and `NotLocated`. Batches that were
    settled stay so.
    """
    target = _target(action)
    while rows := _next_batch(action):
        renew()
        _carry(action, target, rows)
        points.reached("transfer.settled")
    if action.status in Action.OPEN:
        _finish(action)


def _target(action: Action) -> Mailbox:
    target = action.mailbox
    if target is None:
        raise PermanentlyRefused("the mailbox it should go to is gone")
    if is_local(target):
        return target
    if not target.remote_name:
        making = Action.objects.filter(mailbox=target, kind=Action.Kind.CREATE_MAILBOX, status__in=Action.OPEN)
        if making.exists():
            raise AtTarget(target, TargetAway(f"{target.name} is not on its server yet"))
        raise PermanentlyRefused("the mailbox it should go to is not on the server")
    if target.account.state == AccountState.PAUSED:
        raise AtTarget(target, TargetAway(f"{target.account.name} is paused"))
    if target.account.state == AccountState.AUTH_FAILED:
        raise AtTarget(target, TargetAway(f"{target.account.name} needs its password"))
    return target


def is_local(target: Mailbox) -> bool:
    """Whether the mailbox is only ours."""
    return target.account.is_pop3 or target.source == Mailbox.Source.LOCAL


def _next_batch(action: Action) -> list[ActionEmail]:
    if entries.is_stop_wanted([action]):
        putting_back.finish_stop(action)  # what was begun is left, and comes to its end
    rows = entries.open_rows([action], limit=BATCH)
    sizes = dict(action.emails.filter(pk__in=[row.pk for row in rows]).values_list("pk", "email__size_bytes"))
    total = 0
    for number, row in enumerate(rows):
        total += sizes[row.pk]
        if number and total > BATCH_BYTES:
            return rows[:number]
    return rows


def _carry(action: Action, target: Mailbox, rows: Sequence[ActionEmail]) -> None:
    waiting = [row for row in rows if row.arrived_id is None]
    letters, refused = gather(action, waiting) if waiting else ([], {})
    delivery = _deliver(action, target, letters) if letters else Delivery()
    refused |= delivery.refused
    _put_back(action, [row for row in rows if row.email_id in refused], next(iter(refused.values()), ""))
    arrived = delivery.arrived | {row.email_id for row in rows if row.arrived_id is not None}
    _leave(action, target, [row for row in rows if row.email_id in arrived])
    if delivery.trouble is not None:
        raise AtTarget(target, delivery.trouble)
    entries.save_progress(action, {key: step for key, step in action.progress.items() if key != "arrivals"})


def _deliver(action: Action, target: Mailbox, letters: Sequence[Letter]) -> Delivery:
    if is_local(target):
        return transfer_delivery.file_here(action, target, letters)
    try:
        with account_session(target.account) as session:
            return transfer_delivery.send(session, action, target, letters)
    except transfer_delivery.SERVER_TROUBLE as error:
        raise AtTarget(target, error) from error


def _put_back(action: Action, rows: Sequence[ActionEmail], words: str) -> None:
    """Single messages that cannot go: the others do, and the end of the Action tells why not all."""
    if not rows:
        return
    with changes.recording(action.account_id) as record:
        entries.save_progress(action, {**action.progress, "refused": words})
        putting_back.put_back_rows(record, action, rows)


def _leave(action: Action, target: Mailbox, rows: Sequence[ActionEmail]) -> None:
    """The copies are there: take the Emails out of their sources."""
    moving = [row for row in rows if row.source_id is not None]
    if moving and not action.account.is_pop3 and _has_places([row.email_id for row in moving]):
        with account_session(action.account) as session:
            replay_emails.take_out(session, action, moving, target)
    entries.settle([row for row in rows if not row.is_done])


def _has_places(email_ids: Sequence[int]) -> bool:
    return any(Placement.objects.filter(email_id__in=chunk).exists() for chunk in chunks(email_ids))


def _finish(action: Action) -> None:
    words = str(action.progress.get("refused", ""))
    _remember_arrivals(action)
    with changes.recording(action.account_id) as record:
        if entries.is_stop_wanted([action]):
            entries.mark_stopped(action)
        elif words:
            entries.mark_failed(action, error=f"Not all could be moved. {words}")
        else:
            entries.mark_done(action)
        drop_homeless(record, action)


def _remember_arrivals(action: Action) -> None:
    """The rows go with the Emails that are gone here: note what an undo needs."""
    if not 0 < action.total <= MAX_REMEMBERED:
        return
    arrived: dict[str, list[int]] = defaultdict(list)
    moved = action.emails.filter(source__isnull=False, arrived__isnull=False).order_by("id")
    for source_id, email_id in moved.values_list("source_id", "arrived_id"):
        arrived[str(source_id)].append(email_id or 0)
    entries.save_arguments(action, {**action.arguments, "arrived": arrived})
