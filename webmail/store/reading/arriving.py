"""How much of a large message that somebody waits for has come from its server so far. Written piece by piece, forgotten when all
is here; losing it costs a line on a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError
from django.utils import timezone

from webmail.store.models import BodyProgress, Email

MOVING = timedelta(seconds=30)  # since the last piece: it is still coming
LARGE_BYTES = 8_388_608  # a larger one comes in pieces (sync Y94)


@dataclass(frozen=True)
class Arriving:
    """What is here of how much. `is_moving`: something came a moment ago."""

    received_bytes: int
    size_bytes: int
    is_moving: bool


def counted(email_id: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same pieces; how far they are can be read while they pass. Each count is a transaction of its own."""
    received = 0
    for piece in pieces:
        received += len(piece)
        _note(email_id, received)
        yield piece
    BodyProgress.objects.filter(email_id=email_id).delete()


def arriving(email: Email) -> Arriving | None:
    """How far it is; None when nothing has come yet, or it is no large message."""
    if email.size_bytes <= LARGE_BYTES:
        return None
    row = BodyProgress.objects.filter(email_id=email.pk).first()
    if row is None:
        return None
    size = max(email.size_bytes, row.received_bytes)
    return Arriving(row.received_bytes, size, timezone.now() - row.updated_at < MOVING)


def _note(email_id: int, received_bytes: int) -> None:
    try:
        BodyProgress.objects.update_or_create(
            email_id=email_id, defaults={"received_bytes": received_bytes, "updated_at": timezone.now()}
        )
    except IntegrityError:
        return  # the Email went while its bytes came
