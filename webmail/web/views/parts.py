"""The bytes of one part: to save, or, for what a browser shows without running anything, to look at (security R21).

What is shown in place is decided by the first bytes, never by a name or a type that the sender wrote.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from webmail.mime.attached.kinds import RASTER_TYPES, describe_file
from webmail.mime.filenames import content_disposition, safe_filename
from webmail.mime.opened import NoSuchPart, descend
from webmail.mime.part import Part
from webmail.store.contents import is_readable
from webmail.store.models import Email
from webmail.store.queries.emails import get_email_for
from webmail.web.reading.awaited import awaited_page
from webmail.web.reading.bodies import ContentUnreadable, parse_email
from webmail.web.reading.content_links import Opened, app_origin, content_origin, content_path
from webmail.web.reading.inert import make_inert, plain
from webmail.web.reading.places import split_place
from webmail.web.reading.players import PLAYED_TYPES, POLICY, player_document
from webmail.web.reading.ranges import ranged_response
from webmail.web.reading.readers import for_reader
from webmail.web.requests import UserRequest, signed_in

# What is saved under its own type; all else is bytes.
SAVED_TYPES = frozenset(
    {
        *RASTER_TYPES,
        *PLAYED_TYPES,
        "application/pdf",
        "application/zip",
        "application/json",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "text/calendar",
        "text/csv",
        "text/plain",
        "text/vcard",
        "message/rfc822",
    }
)
PICTURE_LIFETIME_S = 6 * 3600  # in the browser's own cache; as long as the key in the address is the same


@signed_in
@require_safe
def part(request: UserRequest, email_id: str, place: str) -> HttpResponse:
    """The bytes of one part: to save, or, for pictures and plain text, to look at. `place` as of `places`."""
    email = get_email_for(request.user, email_id)
    nested, part_id = split_place(place)
    shows = "show" in request.GET
    if not settings.CONTENT_URL:
        return part_response(request, email, part_id, shows=shows, nested=nested)
    found = _find(request, email, part_id, nested=nested)
    if isinstance(found, HttpResponse):
        return found
    # Strangers' bytes come from the second host alone (security R3).
    return redirect(f"{content_path(request.user, email, nested=nested)}p/{part_id}{'' if shows else '?save=1'}")


@require_safe
@for_reader
def content_part(request: HttpRequest, opened: Opened, part_id: str) -> HttpResponse:
    """A picture inside the frame of a body, or what a viewer shows."""
    shows = "save" not in request.GET
    response = part_response(request, opened.email, part_id, shows=shows, nested=opened.nested)
    if response.status_code == 200 and response.headers["Content-Type"] in RASTER_TYPES and shows:
        response.headers["Cache-Control"] = f"private, max-age={PICTURE_LIFETIME_S}"
    return response


@require_safe
@for_reader
def content_media(request: HttpRequest, opened: Opened, part_id: str) -> HttpResponse:
    """A document that holds nothing but the browser's own player for a sound or a film, in a sandbox of its own."""
    found = _find(request, opened.email, part_id, nested=opened.nested)
    if isinstance(found, HttpResponse):
        return found
    kind = describe_file(found).found_type
    if kind not in PLAYED_TYPES:
        raise Http404("this is nothing to play")
    media = f"{content_origin(request)}{request.path.removesuffix(f'v/{part_id}')}p/{part_id}"
    name = safe_filename(found.name, type=found.type)
    page = player_document(f"../p/{part_id}", name=name, is_audio=kind.startswith("audio/"))
    response = make_inert(HttpResponse(page))
    response.headers["Content-Security-Policy"] = POLICY.format(media=media, app=app_origin(request))
    # The policy says who may frame it; the older header knows no second host.
    exempt: HttpResponse = xframe_options_exempt(lambda _request: response)(request)
    return exempt


def part_response(
    request: HttpRequest, email: Email, part_id: str, *, shows: bool, nested: Sequence[str] = ()
) -> HttpResponse:
    """The bytes of a part; `shows`: in place, if the browser may draw them. `nested`: of a message within the message."""
    found = _find(request, email, part_id, nested=nested)
    if isinstance(found, HttpResponse):
        return found
    raw = found.decoded()
    shown_type = _shown_type(found, raw) if shows else ""
    response = ranged_response(request, raw, content_type=shown_type or _saved_type(found, raw))
    name = found.name or (f"{email.subject}.eml" if found.type == "message/rfc822" else None)
    response.headers["Content-Disposition"] = content_disposition(
        "inline" if shown_type else "attachment", safe_filename(name, type=found.type)
    )
    return make_inert(response)


def _find(request: HttpRequest, email: Email, part_id: str, *, nested: Sequence[str]) -> Part | HttpResponse:
    """The part, or the page that is shown while its bytes are on their way. Raises Http404."""
    if not is_readable(email):
        return awaited_page(request, email)
    try:
        message = parse_email(email)
        if nested and nested[0] in message.left_out:
            return awaited_page(request, email)
        message = descend(message, nested)
    except ContentUnreadable as error:
        return plain(str(error), status=404)
    except NoSuchPart as error:
        raise Http404("no such part") from error
    found = message.part(part_id)
    if found is None:
        raise Http404("no such part")
    return awaited_page(request, email) if part_id in message.left_out else found


def _shown_type(found: Part, raw: bytes) -> str:
    """The type to show it under; "" for what is only saved. Never SVG, HTML or XML."""
    kind = describe_file(found).found_type
    if kind in RASTER_TYPES or kind in PLAYED_TYPES:
        return kind
    return _text_type(found, raw) if found.type == "text/plain" else ""


def _saved_type(found: Part, raw: bytes) -> str:
    if found.type == "text/plain":
        return _text_type(found, raw)
    if found.type in RASTER_TYPES and describe_file(found).found_type not in RASTER_TYPES:
        return "application/octet-stream"
    return found.type if found.type in SAVED_TYPES else "application/octet-stream"


def _text_type(found: Part, raw: bytes) -> str:
    return f"text/plain; charset={'utf-8' if _is_utf8(raw) else _charset(found.charset)}"


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _charset(
    name: str | None, allowed: Collection[str] = ("iso-8859-1", "iso-8859-15", "windows-1252", "koi8-r")
) -> str:
    return name if name is not None and name in allowed else "iso-8859-1"
