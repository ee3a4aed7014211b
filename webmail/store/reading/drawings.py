"""Pictures made of attached files: thumbnails, and pages of PDFs. A page asks by a row, a worker draws, everybody who holds
the same message shares the picture.

The key is the message's hash and the place of the part in it, never a name (security R23). All of it can be made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from webmail import dispatch
from webmail.mime.limited.answer import DRAWING, Answer, JobFailed, LimitExceeded
from webmail.mime.limited.children import run_limited
from webmail.store import blobs, contents
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Drawing, Email, FetchState

log = structlog.get_logger(__name__)

TASK = "drawings.make"
KEPT = timedelta(days=60)  # since it was last looked at
TOUCHED_AFTER = timedelta(days=7)  # so that looking at one is not a write each time
MAX_FOUND = 1_000  # rows that a round of `sweep` rings for
PIECE = 1_000  # rows removed in one transaction
_JOBS = {Drawing.Kind.THUMBNAIL: "thumbnail", Drawing.Kind.PAGE: "pdf-page"}


def want_drawing(
    email: Email, part_id: str, *, kind: Drawing.Kind, page: int = 0, nested: Sequence[str] = ()
) -> Drawing:
    """The drawing of a part, made or asked for now. `email`: its bytes must be here, else `contents.NotHere`.

    `nested`: the part lies in a message within the message, at the end of these part ids.
    """
    if email.blob is None:
        raise contents.NotHere("this message has not been fetched yet")
    place = "/".join((*nested, part_id))
    drawing, is_new = Drawing.objects.get_or_create(
        sha256=email.blob.sha256, part_id=place, kind=kind, page=page, defaults={"email": email}
    )
    if drawing.state == FetchState.WANTED:
        if not is_new and drawing.email_id is None:
            Drawing.objects.filter(pk=drawing.pk, email=None).update(email=email)
        dispatch.wake(TASK, drawing.pk)
    elif drawing.done_at is not None and drawing.done_at < timezone.now() - TOUCHED_AFTER:
        Drawing.objects.filter(pk=drawing.pk).update(done_at=timezone.now())
    return drawing


def finished(drawing_id: int) -> Drawing | None:
    """The drawing when a worker has come to an end with it."""
    done = Drawing.objects.filter(pk=drawing_id).exclude(state=FetchState.WANTED)
    return done.select_related("blob").first()


def make_drawing(drawing_id: int) -> None:
    """Draw what is wanted. Safe to repeat: a drawing that is made is left alone, and two workers make the same.

    What a child cannot draw within its limits is refused for good; bytes that are lost are asked for again by whoever looks.
    """
    drawing = Drawing.objects.select_related("email__blob").get(pk=drawing_id)
    if drawing.state != FetchState.WANTED:
        return
    email = drawing.email
    try:
        if email is None or email.blob is None or email.blob.sha256 != drawing.sha256:
            raise contents.NotHere("the message of this drawing is gone")
        raw = contents.read_raw(email)
    except (contents.NotHere, BlobMissing, BlobDamaged):
        Drawing.objects.filter(pk=drawing_id, state=FetchState.WANTED).delete()
        return
    _finish(drawing, _draw(drawing, raw))


def wanted_drawings() -> list[int]:
    """Rows that no worker has come to, the newest first: somebody looks at that page now."""
    wanted = Drawing.objects.filter(state=FetchState.WANTED)
    return list(wanted.order_by("-wanted_at").values_list("pk", flat=True)[:MAX_FOUND])


def remove_old_drawings() -> int:
    """Drawings nobody has looked at for long; their bytes go with the next collection. Part of `sweep`."""
    count = 0
    old = Drawing.objects.filter(done_at__lt=timezone.now() - KEPT)
    while ids := list(old.values_list("pk", flat=True)[:PIECE]):
        count += Drawing.objects.filter(pk__in=ids).delete()[0]
    return count


def _draw(drawing: Drawing, raw: bytes) -> Answer:
    *nested, part_id = drawing.part_id.split("/")
    options = {"part_id": part_id, "nested": nested, "page": drawing.page}
    try:
        return run_limited(_JOBS[Drawing.Kind(drawing.kind)], raw, options, limits=DRAWING)
    except LimitExceeded as error:
        return Answer({"refused": error.what})
    except JobFailed as error:
        log.warning("drawings.failed", drawing=drawing.pk, email=drawing.email_id, error=str(error))
        return Answer({"refused": "failed"})


def _finish(drawing: Drawing, answer: Answer) -> None:
    now = timezone.now()
    refused = answer.meta.get("refused", "")
    row = Drawing.objects.filter(pk=drawing.pk, state=FetchState.WANTED)
    if refused:
        row.update(state=FetchState.REFUSED, reason=refused[:200], done_at=now)
        return
    blob = blobs.put_blob(answer.data)
    with transaction.atomic():
        row.update(
            state=FetchState.DONE,
            blob=blob,
            type=answer.meta["type"],
            width=answer.meta["width"],
            height=answer.meta["height"],
            pages=answer.meta["pages"],
            done_at=now,
        )
