"""One message's content: its body in a document of its own, its parts, its source, and its place in the reading pane."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from accounts.models import User
from webmail.mime.filenames import content_disposition
from webmail.mime.part import Part
from webmail.mime.safe_html.document import document_headers
from webmail.store.contents import NotHere, is_readable, read_raw
from webmail.store.emails import keywords_of, want_body
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Email
from webmail.store.queries.emails import get_email_for
from webmail.web.bodies import RASTER_TYPES, ContentUnreadable, body_document, parse_email, read_content
from webmail.web.came_back import find_blocks
from webmail.web.content_links import app_origin, body_address, content_origin, get_signed_email
from webmail.web.reading import build_message
from webmail.web.requests import UserRequest, signed_in
from webmail.web.rows import own_addresses

# What is served under its own name; all else is bytes to save (security R21).
SAVED_TYPES = frozenset(
    {
        *RASTER_TYPES,
        "application/pdf",
        "application/zip",
        "application/json",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "audio/mpeg",
        "audio/ogg",
        "text/calendar",
        "text/csv",
        "text/plain",
        "text/vcard",
        "message/rfc822",
        "video/mp4",
    }
)
# The first bytes of the pictures a browser may draw: the name in the mail alone is not believed.
_MAGIC = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
    "image/bmp": (b"BM",),
}
INERT = "sandbox; default-src 'none'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
MAX_SOURCE_BYTES = 1_000_000  # shown as text; the rest is in the download
MAX_POLLS = 60  # seconds a page waits for a body before it asks the reader


P = ParamSpec("P")


def for_reader(
    view: Callable[Concatenate[HttpRequest, User, Email, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, str, P], HttpResponse]:
    """Give the view its Email: by the key in the address, or for the signed-in person."""

    @wraps(view)
    def wrapper(request: HttpRequest, email_id: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if "k" in request.GET:
            user, email = get_signed_email(request, email_id)
        elif isinstance(request.user, User):
            user, email = request.user, get_email_for(request.user, email_id)
        else:
            return redirect_to_login(request.get_full_path())
        return view(request, user, email, *args, **kwargs)

    # Django passes the key by name, which a Callable type cannot say.
    return cast("Callable[Concatenate[HttpRequest, str, P], HttpResponse]", wrapper)


@signed_in
@require_safe
def content(request: UserRequest, email_id: str) -> HttpResponse:
    """A message opened in place: a folded one, or one whose body was awaited. Without htmx it is the message's page."""
    email = get_email_for(request.user, email_id)
    if not request.htmx:
        return redirect("message", email_id)
    polls = request.GET.get("polls", "0")
    count = int(polls) + 1 if polls.isdecimal() and len(polls) < 4 else 1
    own = own_addresses(request.user)
    view = build_message(
        request.user,
        email,
        own=own,
        keywords=keywords_of([email.pk])[email.pk],
        is_open=True,
        came_back=find_blocks(request.user, [email], own=own).get(email.pk),
    )
    return render(request, "mail/_content.html", {"message": view, "polls": count, "may_poll": count < MAX_POLLS})


@require_safe
@for_reader
def body(request: HttpRequest, user: User, email: Email) -> HttpResponse:
    """The HTML body as a document of its own, inert wherever it is opened (security R2)."""
    if "k" not in request.GET and settings.CONTENT_URL:
        return redirect(body_address(user, email))
    try:
        found = read_content(user, email)
    except ContentUnreadable as error:
        return _plain(str(error), status=404)
    if not found.html:
        raise Http404("this message has no HTML")
    response = HttpResponse(body_document(email, found))
    sources = [f"{content_origin(request)}/mail/m/{email.public_id}/", "data:"]
    headers = document_headers(image_sources=sources, frame_ancestors=[app_origin(request)])
    for name, value in headers.items():
        response.headers[name] = value
    # The policy says who may frame it; the older header knows no second host.
    exempt: HttpResponse = xframe_options_exempt(lambda _: response)(request)
    return exempt


@require_safe
@for_reader
def part(request: HttpRequest, user: User, email: Email, part_id: str) -> HttpResponse:
    """The bytes of one part: to save, or, for pictures and plain text, to look at."""
    if not is_readable(email):
        return _waiting(request, email)
    try:
        message = parse_email(email)
    except ContentUnreadable as error:
        return _plain(str(error), status=404)
    found = message.part(part_id)
    if found is None:
        raise Http404("no such part")
    if part_id in message.left_out:
        return _waiting(request, email)
    raw = found.decoded()
    shows = "show" in request.GET and may_show(found, raw)
    response = HttpResponse(raw, content_type=_type_of(found, raw, shows=shows))
    name = found.name or (f"{email.subject}.eml" if found.type == "message/rfc822" else None)
    response.headers["Content-Disposition"] = content_disposition("inline" if shows else "attachment", name)
    return _inert(response)


@signed_in
@require_safe
def source(request: UserRequest, email_id: str) -> HttpResponse:
    """The message as it came, as text."""
    email = get_email_for(request.user, email_id)
    if email.blob_id is None:
        return _waiting(request, email)
    raw = _raw(email)
    text = raw[:MAX_SOURCE_BYTES].decode("utf-8", "replace")
    if len(raw) > MAX_SOURCE_BYTES:
        text += "\n\n" + _("[The rest is in the downloaded message.]")
    return _plain(text)


@signed_in
@require_safe
def download(request: UserRequest, email_id: str) -> HttpResponse:
    """The message as a file."""
    email = get_email_for(request.user, email_id)
    if email.blob_id is None:
        return _waiting(request, email)
    response = HttpResponse(_raw(email), content_type="message/rfc822")
    response.headers["Content-Disposition"] = content_disposition("attachment", f"{email.subject or 'message'}.eml")
    return _inert(response)


def _waiting(request: HttpRequest, email: Email) -> HttpResponse:
    """Bytes that are still on the server: they are asked for, and the browser asks again until they are here (sync Y93)."""
    if email.body_error:
        return _plain(email.body_error, status=404)
    want_body(email.pk)
    waits = request.GET.get("waits", "0")
    count = int(waits) + 1 if waits.isdecimal() and len(waits) < 4 else 1
    host = email.account.incoming_host
    if count >= MAX_POLLS:
        return _plain(_("%(host)s has not sent this yet. Try again later.") % {"host": host}, status=503)
    response = _plain(_("Fetching it from %(host)s. This page goes on by itself.") % {"host": host})
    query = request.GET.copy()
    query["waits"] = str(count)
    response.headers["Refresh"] = f"1; url={request.path}?{query.urlencode()}"
    response.headers["Cache-Control"] = "no-store"
    return response


def may_show(found: Part, raw: bytes) -> bool:
    """Pictures that are what they say, and plain text. Never SVG, HTML or XML."""
    return found.type == "text/plain" or any(raw.startswith(magic) for magic in _MAGIC.get(found.type, ()))


def _type_of(found: Part, raw: bytes, *, shows: bool) -> str:
    if found.type == "text/plain":
        return "text/plain; charset=utf-8" if _is_utf8(raw) else f"text/plain; charset={_charset(found.charset)}"
    if found.type in SAVED_TYPES and (shows or found.type not in RASTER_TYPES or may_show(found, raw)):
        return found.type
    return "application/octet-stream"


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


def _raw(email: Email) -> bytes:
    try:
        return read_raw(email)
    except NotHere as error:
        raise Http404("this message has not been fetched yet") from error
    except (BlobMissing, BlobDamaged) as error:
        raise Http404("the stored copy of this message is damaged") from error


def _plain(text: str, *, status: int = 200) -> HttpResponse:
    return _inert(HttpResponse(text, content_type="text/plain; charset=utf-8", status=status))


def _inert(response: HttpResponse) -> HttpResponse:
    response.headers["Content-Security-Policy"] = INERT
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
