"""A message as it came: its source as text, its header fields readable, and the file itself."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from webmail.mime.filenames import content_disposition
from webmail.mime.headers import decode_text
from webmail.store.contents import NotHere, is_readable, read_raw
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Email
from webmail.store.queries.emails import get_email_for
from webmail.web.reading.awaited import awaited_page
from webmail.web.reading.bodies import ContentUnreadable, parse_email
from webmail.web.reading.inert import make_inert, plain
from webmail.web.requests import UserRequest, signed_in

PIECE_BYTES = 1_000_000  # of a source, on one page


@signed_in
@require_safe
def source(request: UserRequest, email_id: str) -> HttpResponse:
    """The message as it came, as text, a piece at a time; `from` is the octet it begins at."""
    email = get_email_for(request.user, email_id)
    if email.blob_id is None:
        return awaited_page(request, email)
    raw = _raw(email)
    asked = request.GET.get("from", "0")
    start = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 12 else 0
    if start and start >= len(raw):
        raise Http404("the message ends before")
    end = _end_of_piece(raw, start)
    context = {
        "email": email,
        "text": raw[start:end].decode("utf-8", "replace"),
        "start": start,
        "end": end,
        "size_bytes": len(raw),
        "next": end if end < len(raw) else None,
    }
    return render(request, "mail/source.html", context)


@signed_in
@require_safe
def headers(request: UserRequest, email_id: str) -> HttpResponse:
    """All header fields in their order: decoded, or with `raw` as they came."""
    email = get_email_for(request.user, email_id)
    if not is_readable(email):
        return awaited_page(request, email)
    try:
        message = parse_email(email)
    except ContentUnreadable as error:
        return plain(str(error), status=404)
    is_raw = "raw" in request.GET
    fields = [
        (name, value.decode("utf-8", "replace").strip("\r\n") if is_raw else decode_text(value))
        for name, value in message.headers
    ]
    return render(request, "mail/headers.html", {"email": email, "fields": fields, "is_raw": is_raw})


@signed_in
@require_safe
def download(request: UserRequest, email_id: str) -> HttpResponse:
    """The message as a file, byte for byte."""
    email = get_email_for(request.user, email_id)
    if email.blob_id is None:
        return awaited_page(request, email)
    response = HttpResponse(_raw(email), content_type="message/rfc822")
    response.headers["Content-Disposition"] = content_disposition("attachment", f"{email.subject or 'message'}.eml")
    return make_inert(response)


def _end_of_piece(raw: bytes, start: int) -> int:
    """A page ends with a whole line, where there is one."""
    end = start + PIECE_BYTES
    if end >= len(raw):
        return len(raw)
    line_end = raw.rfind(b"\n", start, end)
    return line_end + 1 if line_end > start else end


def _raw(email: Email) -> bytes:
    try:
        return read_raw(email)
    except NotHere as error:
        raise Http404("this message has not been fetched yet") from error
    except (BlobMissing, BlobDamaged) as error:
        raise Http404("the stored copy of this message is damaged") from error
