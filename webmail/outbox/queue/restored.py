"""After a backup was restored: what waited then may have been sent since, so nothing of it leaves unasked (R92).

A number in the database counts up while the queue runs, and a file beside the database, which is in no backup, counts with
it. The database writes first, so its number is never behind the file's, unless the database is an older one than the file
has seen.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from webmail.outbox.models import HeldFor, Phase, QueueMark, Submission
from webmail.outbox.queue.moves import FREE, first_look, publish, update_if
from webmail.store import changes
from webmail.store.sql import chunks

HELD_TEXT = (
    "Held: it was waiting in the backup that Pillarbox was restored from, and may have been sent since. "
    "Look into Sent, then send it or take it back."
)
UNCONFIRMED_TEXT = "Perhaps sent: it was being sent when the backup was made. Pillarbox looks whether it has left."
_BATCH = 200
_NOTHING_HAS_LEFT = (Phase.QUEUED, Phase.RETRY, Phase.HELD, Phase.CLAIMED, Phase.IN_DATA)


def hold_restored() -> int:
    """Hold everything that waits, and put in doubt what was being sent; returns how many. Safe to repeat."""
    held, doubtful = {"held_for": HeldFor.RESTORE, **FREE}, {"next_try_at": first_look(), "lease_until": None}
    waiting = Submission.objects.filter(phase__in=_NOTHING_HAS_LEFT).exclude(phase=Phase.HELD, held_for=HeldFor.RESTORE)
    count = _move_all(waiting, _NOTHING_HAS_LEFT, Phase.HELD, text=HELD_TEXT, **held)
    sending = Submission.objects.filter(phase=Phase.DOT_SENT)
    return count + _move_all(sending, (Phase.DOT_SENT,), Phase.UNCONFIRMED, text=UNCONFIRMED_TEXT, **doubtful)


def _move_all(
    rows: QuerySet[Submission], sources: Collection[Phase], target: Phase, *, text: str, **columns: Any
) -> int:
    """Each by its own compare-and-set, the changes of an account in few commits."""
    count = 0
    for account_id in list(rows.order_by().values_list("account_id", flat=True).distinct()):
        for batch in chunks(rows.filter(account_id=account_id).only("pk").order_by("pk"), _BATCH):
            with changes.recording(account_id) as record:
                moved = [row.pk for row in batch if update_if(row, sources, target, where={}, text=text, **columns)]
                publish(record, [(pk, target, text) for pk in moved])
            count += len(moved)
    return count


def check_restored(mark_file: Path, *, is_joining: bool = False) -> bool:
    """Whether the database was restored from a backup; then its queue is held by now. Counts on in both places.

    Call it before anything is delivered, and often: sends between two calls are what a restored queue may repeat. Without
    the file, a database that has counted before is one on a new machine, unless that machine `is_joining` others at work.
    Raises `OSError` when the file cannot be written.
    """
    # The file first: whatever it says, the database said before.
    seen = _read(mark_file)
    number = QueueMark.objects.filter(pk=1).values_list("number", flat=True).first() or 0
    is_restored = (number > 0 and not is_joining) if seen is None else number < seen
    if is_restored:
        hold_restored()
    _write(mark_file, _advance(seen or 0))
    return is_restored


def _advance(seen: int) -> int:
    """Count one on from whatever is further."""
    with transaction.atomic():
        QueueMark.objects.get_or_create(pk=1)
        QueueMark.objects.filter(pk=1, number__lt=seen).update(number=seen)
        QueueMark.objects.filter(pk=1).update(number=F("number") + 1)
        return QueueMark.objects.values_list("number", flat=True).get(pk=1)


def _read(mark_file: Path) -> int | None:
    try:
        return int(mark_file.read_text("ascii"))
    except FileNotFoundError:
        return None
    except ValueError:
        return None  # torn by other hands than ours: as if it were not there


def _write(mark_file: Path, number: int) -> None:
    """All or nothing, and durable: a temporary file, its sync, its name, the directory's sync."""
    temporary = mark_file.with_name(f"{mark_file.name}.{os.getpid()}-{threading.get_ident()}.new")
    with temporary.open("w", encoding="ascii") as file:
        file.write(str(number))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(mark_file)
    directory = os.open(mark_file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
