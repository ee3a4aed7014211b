"""Pictures that workers make of attached files: thumbnails, and the pages of PDFs. The view waits for them, holding no thread.

They are drawn anew from pixels and served as what we wrote; where there is none, the answer is 404 and the page shows a sign.
"""

from __future__ import annotations

from functools import partial

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseNotFound

from webmail.mime.attached.drawing import MAX_PAGES
from webmail.store import blobs
from webmail.store.contents import NotHere
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Drawing, FetchState
from webmail.store.queries.emails import get_email_for
from webmail.store.reading import drawings
from webmail.web.reading.held import wait_for
from webmail.web.reading.inert import make_inert
from webmail.web.reading.places import split_place
from webmail.web.requests import UserRequest, signed_in

# A browser opens about six connections: small pictures must not keep them all from the next click for long.
THUMBNAIL_WAIT_S = 5.0
PAGE_WAIT_S = 10.0
LIFETIME_S = 7 * 86_400  # in the browser's own cache: the bytes below an address never change


async def thumbnail(request: HttpRequest, email_id: str, place: str) -> HttpResponse:
    """A small picture of a picture, or of a PDF's first page. `place` as of `places`."""
    return await _drawn(request, email_id, place, kind=Drawing.Kind.THUMBNAIL)


async def page(request: HttpRequest, email_id: str, number: str, place: str) -> HttpResponse:
    """One page of a PDF, counted from 1."""
    count = int(number)
    if not 1 <= count <= MAX_PAGES:
        return HttpResponseNotFound()
    return await _drawn(request, email_id, place, kind=Drawing.Kind.PAGE, number=count - 1)


async def _drawn(
    request: HttpRequest, email_id: str, place: str, *, kind: Drawing.Kind, number: int = 0
) -> HttpResponse:
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    asked = await sync_to_async(_ask)(request, email_id, place, kind=kind, number=number)
    if asked.status_code != 200:
        return asked
    seconds = THUMBNAIL_WAIT_S if kind == Drawing.Kind.THUMBNAIL else PAGE_WAIT_S
    done = await wait_for(partial(drawings.finished, int(asked.content)), seconds=seconds)
    return await sync_to_async(_serve)(done)


@signed_in
def _ask(request: UserRequest, email_id: str, place: str, *, kind: Drawing.Kind, number: int) -> HttpResponse:
    """The id of the row that was asked for, as the content of an answer; or an answer that says why not."""
    email = get_email_for(request.user, email_id)
    nested, part_id = split_place(place)
    try:
        drawing = drawings.want_drawing(email, part_id, kind=kind, page=number, nested=nested)
    except NotHere:
        return HttpResponseNotFound()
    return HttpResponse(str(drawing.pk))


def _serve(drawing: Drawing | None) -> HttpResponse:
    if drawing is None or drawing.state != FetchState.DONE or drawing.blob is None:
        return HttpResponseNotFound()
    try:
        raw = blobs.read_blob(drawing.blob)
    except (BlobMissing, BlobDamaged):
        Drawing.objects.filter(pk=drawing.pk).delete()  # made again for the next who looks
        return HttpResponseNotFound()
    response = make_inert(HttpResponse(raw, content_type=drawing.type))
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = f"private, max-age={LIFETIME_S}"
    return response
