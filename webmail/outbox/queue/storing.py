"""Writing a submission down: its bytes first, durably and outside of a transaction, then its row with all that belongs to it.

What begins how is decided in `submit`; nothing here looks at the message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import OperationalError
from django.utils.translation import gettext as _

from accounts.models import Identity, MailAccount, User
from webmail import dispatch
from webmail.mime.addresses import Address
from webmail.outbox.models import Phase, Submission, SubmissionEvent, SubmissionRecipient
from webmail.outbox.queue import known
from webmail.outbox.queue.send_time import SendTime
from webmail.store import blobs, changes
from webmail.store.errors import StorageFull
from webmail.store.models import Blob

# What SQLite and PostgreSQL say when they cannot grow.
_NO_ROOM = ("disk is full", "disk i/o error", "no space left", "could not extend file")


@dataclass(frozen=True)
class Request:
    """What makes a submission besides the message."""

    user: User
    account: MailAccount
    identity: Identity
    idempotency_key: str
    request_hash: str = ""
    send_at: datetime | SendTime | None = None


@dataclass(frozen=True)
class Start:
    """How a submission begins: in the queue, or held until a time for a reason."""

    due_at: datetime
    held_for: str = ""
    text: str = ""
    zone: str = ""
    wall: str = ""
    look_at: datetime | None = None  # when a worker or the sweep looks at it first; None: when it is due
    met: tuple[Address, ...] = ()  # who is known from now on

    def columns(self) -> dict[str, Any]:
        return {
            "phase": Phase.HELD if self.held_for else Phase.QUEUED,
            "held_for": self.held_for,
            "send_at": self.due_at,
            "next_try_at": self.look_at or self.due_at,
            "send_zone": self.zone,
            "send_wall": self.wall,
            "last_reply": self.text,
        }


def store(
    raw: bytes,
    request: Request,
    envelope: Sequence[str],
    columns: Mapping[str, Any],
    *,
    start: Callable[[], Start],
    now: datetime,
) -> Submission:
    """When this returns, all of it is on disk. `start` runs within the transaction and may refuse by raising.

    Raises `StorageFull`, and `IntegrityError` when the user has a submission with this key.
    """
    with _room():
        return _insert(blobs.put_blob(raw), request, envelope, columns, start=start, now=now)


def _insert(
    blob: Blob,
    request: Request,
    envelope: Sequence[str],
    columns: Mapping[str, Any],
    *,
    start: Callable[[], Start],
    now: datetime,
) -> Submission:
    with changes.recording(request.account.pk) as record:
        begun = start()
        number = record.take(changes.SUBMISSION)[0]
        submission = Submission.objects.create(
            user=request.user,
            account=request.account,
            identity=request.identity,
            idempotency_key=request.idempotency_key,
            request_hash=request.request_hash,
            blob=blob,
            size_bytes=blob.size_bytes,
            created_at=now,
            created_modseq=number,
            updated_modseq=number,
            **columns,
            **begun.columns(),
        )
        SubmissionRecipient.objects.bulk_create(
            SubmissionRecipient(submission=submission, email=email) for email in envelope
        )
        SubmissionEvent.objects.create(submission=submission, at=now, phase=submission.phase, text=begun.text)
        known.remember(request.user, begun.met, now=now)
        blobs.link_blobs(request.account.pk, [blob.pk])
        if submission.phase == Phase.QUEUED:
            dispatch.wake("outbox.deliver", submission.pk)
    return submission


@contextmanager
def _room() -> Iterator[None]:
    """A database that cannot grow is said as a full disk is: nothing was stored, nothing was acknowledged (R88)."""
    try:
        yield
    except OperationalError as error:
        if any(words in str(error).lower() for words in _NO_ROOM):
            raise StorageFull(_("The message was not sent: the server has no room left.")) from error
        raise
