"""Pages about bytes that are still on the server: they are asked for, and the page goes on by itself (sync Y93)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from webmail.store.emails import want_body
from webmail.store.models import Email
from webmail.store.reading.arriving import arriving
from webmail.web.reading.inert import plain

MAX_WAITS = 60  # seconds a page waits for something to come, before it says that the server does not send


def awaited_page(request: HttpRequest, email: Email) -> HttpResponse:
    """Say that the bytes are on their way, and how far, and look again in a second. Only text where no session is (R2)."""
    if email.body_error:
        return plain(email.body_error, status=404)
    want_body(email.pk)
    coming = arriving(email)
    waits = request.GET.get("waits", "0")
    count = int(waits) + 1 if waits.isdecimal() and len(waits) < 4 else 1
    host = email.account.incoming_host
    if count >= MAX_WAITS and not (coming is not None and coming.is_moving):
        return plain(_("%(host)s has not sent this yet. Try again later.") % {"host": host}, status=503)
    if not _is_content(request):
        response = render(request, "mail/awaited.html", {"email": email, "host": host, "coming": coming})
    else:
        response = plain(_("Fetching it from %(host)s. This page goes on by itself.") % {"host": host})
    query = request.GET.copy()
    query["waits"] = str(min(count, MAX_WAITS))
    response.headers["Refresh"] = f"1; url={request.path}?{query.urlencode()}"
    response.headers["Cache-Control"] = "no-store"
    return response


def _is_content(request: HttpRequest) -> bool:
    """Whether it was asked for by a key, maybe on the second host, which serves no page of ours."""
    found = request.resolver_match
    return found is not None and (found.url_name or "").startswith("content_")
