"""What holds for every answer: nobody else keeps a copy, and nobody else's page makes us act."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

from webmail.web.reading.content_links import CONTENT_PATH, is_content_host
from webmail.web.views import errors

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
ZONE_COOKIE = "zone"  # written by static/js/schedule.js
MAX_ZONE_CHARS = 64
MAX_PATH_CHARS = 2_000  # no page has a longer one; the time that a pattern of the panel takes grows with its square


@sync_and_async_middleware
def short_addresses(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Refuse an address that is too long before anything compares it with the patterns of our pages (security R44)."""

    def is_too_long(request: HttpRequest) -> bool:
        return len(request.path_info) > MAX_PATH_CHARS

    def refuse() -> HttpResponse:
        return HttpResponse(status=HTTPStatus.REQUEST_URI_TOO_LONG, headers={"Cache-Control": "no-store, private"})

    if iscoroutinefunction(get_response):

        async def respond_async(request: HttpRequest) -> Any:
            return refuse() if is_too_long(request) else await get_response(request)

        return respond_async

    def respond(request: HttpRequest) -> Any:
        return refuse() if is_too_long(request) else get_response(request)

    return respond


@sync_and_async_middleware
def content_without_session(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """What a key opens knows no session, also when a browser sends its cookies along: nothing of it can depend on who has
    signed in, and nobody's session is read for each picture of a mail."""

    def forget(request: HttpRequest) -> None:
        if request.path_info.startswith(CONTENT_PATH):
            request.META.pop("HTTP_COOKIE", None)

    if iscoroutinefunction(get_response):

        async def respond_async(request: HttpRequest) -> Any:
            forget(request)
            return await get_response(request)

        return respond_async

    def respond(request: HttpRequest) -> Any:
        forget(request)
        return get_response(request)

    return respond


class PrivateResponses:
    """`Cache-Control: no-store, private` unless a view said otherwise (security R58); unsafe requests from other sites
    are refused by Fetch Metadata, besides the CSRF token (R55); the second host serves signed content and nothing else
    (R3); times are shown in the user's zone; signing out clears what the browser holds."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self.get_response):
            return self._respond_async(request)
        refusal = refusal_of(request)
        if refusal is not None:
            return finish(request, refusal(request))
        was_signed_in = request.user.is_authenticated
        with zone_of(request.user, request):
            return finish(request, self.get_response(request), was_signed_in=was_signed_in)

    async def _respond_async(self, request: HttpRequest) -> HttpResponse:
        refusal = refusal_of(request)
        if refusal is not None:
            return finish(request, await sync_to_async(refusal)(request))
        user = await request.auser()
        with zone_of(user, request):
            response = await self.get_response(request)
        return finish(request, response, was_signed_in=user.is_authenticated)


def refusal_of(request: HttpRequest) -> Callable[[HttpRequest], HttpResponse] | None:
    """What answers a request that is not let through; None lets it through."""
    if settings.CONTENT_URL and is_content_host(request) != _is_content(request):
        return _nothing
    return errors.forbidden if is_foreign(request) else None


def _nothing(_request: HttpRequest) -> HttpResponse:
    return HttpResponseNotFound()


def is_foreign(request: HttpRequest) -> bool:
    """An act that another site's page asks for. Browsers that send no Fetch Metadata are held by the CSRF token alone."""
    return request.method not in SAFE_METHODS and request.headers.get("Sec-Fetch-Site", "same-origin") not in {
        "same-origin",
        "none",
    }


def finish(request: HttpRequest, response: HttpResponse, *, was_signed_in: bool = False) -> HttpResponse:
    """Headers of every answer."""
    response.headers.setdefault("Cache-Control", "no-store, private")
    # Signing out puts an AnonymousUser there; the type alone is looked at, which asks no database.
    if was_signed_in and type(request.__dict__.get("user")) is AnonymousUser:
        response.headers["Clear-Site-Data"] = '"cookies", "storage"'
    return response


def zone_of(user: Any, request: HttpRequest) -> AbstractContextManager[None]:
    """Times in the zone the person has chosen, else in that of the browser, which a script tells, else in the server's."""
    for name in (getattr(user, "timezone", ""), request.COOKIES.get(ZONE_COOKIE, "")[:MAX_ZONE_CHARS]):
        try:
            return timezone.override(ZoneInfo(unquote(name) or "-"))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return timezone.override(None)


def _is_content(request: HttpRequest) -> bool:
    return request.path_info.startswith(CONTENT_PATH)
