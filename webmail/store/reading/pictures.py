"""Pictures from elsewhere that a person has allowed, as rows: a page asks, a worker fetches (`sync.pictures`), a page serves.

Each person has rows of their own, though two may look at the same picture: whether it is here already must not tell one what
the other has read (security R20). A row stands for the reader's leave: nothing is fetched without one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from webmail import dispatch
from webmail.store.models import Blob, FetchState, RemotePicture
from webmail.store.sql import chunks

TASK = "pictures.fetch"
KEPT = timedelta(days=30)
TRY_AGAIN_AFTER = timedelta(minutes=10)  # what was refused is asked for again when somebody looks again
MAX_AT_ONCE = 300  # pictures of one message
MAX_FOUND = 1_000  # people a round of `sweep` rings for
PIECE = 1_000  # rows removed in one transaction


@dataclass(frozen=True)
class Fetched:
    """What became of a wish: a picture as we wrote it, or none."""

    blob: Blob | None = None
    type: str = ""


def url_hash(url: str) -> str:
    """How a row is found: the SHA-256 of its URL."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


def want_pictures(user_id: int, urls: Iterable[str]) -> None:
    """Have these fetched for this person: those that are not here yet. Safe to repeat; the worker is woken when there is work.

    Only the first `MAX_AT_ONCE` count.
    """
    by_hash = {url_hash(url): url for url in list(dict.fromkeys(urls))[:MAX_AT_ONCE] if _can_be_kept(url)}
    now = timezone.now()
    with transaction.atomic():
        rows = [RemotePicture(user_id=user_id, url_hash=key, url=url, wanted_at=now) for key, url in by_hash.items()]
        RemotePicture.objects.bulk_create(rows, ignore_conflicts=True)
        has_work = False
        for chunk in chunks(by_hash):
            mine = RemotePicture.objects.filter(user_id=user_id, url_hash__in=chunk)
            mine.filter(state=FetchState.REFUSED, done_at__lt=now - TRY_AGAIN_AFTER).update(
                state=FetchState.WANTED, reason="", wanted_at=now, done_at=None
            )
            has_work = has_work or mine.filter(state=FetchState.WANTED).exists()
        if has_work:
            dispatch.wake(TASK, user_id)


def _can_be_kept(url: str) -> bool:
    """PostgreSQL takes no NUL, and nothing takes half of a surrogate pair. No address that leads anywhere has them."""
    return "\x00" not in url and not any("\ud800" <= char <= "\udfff" for char in url)


def is_asked_for(user_id: int, url: str) -> bool:
    """Whether this person's page has asked for the picture, and need not ask again."""
    row = RemotePicture.objects.filter(user_id=user_id, url_hash=url_hash(url)).only("state", "done_at").first()
    if row is None:
        return False
    is_old = row.done_at is not None and row.done_at < timezone.now() - TRY_AGAIN_AFTER
    return not (row.state == FetchState.REFUSED and is_old)


def finished(user_id: int, key: str) -> Fetched | None:
    """What became of the picture with this hash of its URL; None while nobody has come to it. One query."""
    row = RemotePicture.objects.filter(user_id=user_id, url_hash=key).select_related("blob").first()
    if row is None:
        return Fetched()  # taken away meanwhile
    return None if row.state == FetchState.WANTED else Fetched(row.blob, row.type)


def wanted_of(user_id: int, count: int) -> list[RemotePicture]:
    """What is to be fetched for this person now, what was asked for last before the rest."""
    rows = RemotePicture.objects.filter(user_id=user_id, state=FetchState.WANTED)
    return list(rows.order_by("-wanted_at", "pk")[:count])


def finish(picture_id: int, blob: Blob, *, media_type: str) -> None:
    """It is here. Does nothing when somebody was quicker."""
    RemotePicture.objects.filter(pk=picture_id, state=FetchState.WANTED).update(
        state=FetchState.DONE, blob=blob, type=media_type, reason="", done_at=timezone.now()
    )


def refuse(picture_id: int, reason: str) -> None:
    """It is not shown. `reason`: words of ours, for the log and the panel."""
    RemotePicture.objects.filter(pk=picture_id, state=FetchState.WANTED).update(
        state=FetchState.REFUSED, reason=reason[:200], done_at=timezone.now()
    )


def forget(user_id: int, key: str) -> None:
    """Its bytes are lost: whoever looks next has it fetched again."""
    RemotePicture.objects.filter(user_id=user_id, url_hash=key, state=FetchState.DONE).delete()


def people_who_wait() -> list[int]:
    """People with pictures that no worker has come to."""
    wanted = RemotePicture.objects.filter(state=FetchState.WANTED)
    return list(wanted.order_by().values_list("user_id", flat=True).distinct()[:MAX_FOUND])


def remove_old_pictures() -> int:
    """What was fetched or refused a month ago; bytes go with the next collection. Part of `sweep`, safe to repeat."""
    count = 0
    old = RemotePicture.objects.filter(done_at__lt=timezone.now() - KEPT)
    while ids := list(old.values_list("pk", flat=True)[:PIECE]):
        count += RemotePicture.objects.filter(pk__in=ids).delete()[0]
    return count
