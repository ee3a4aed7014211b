"""What holds for every answer: nobody else keeps a copy, and nobody else's page makes us act."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class PrivateResponses:
    """`Cache-Control: no-store, private` unless a view said otherwise (security R58); unsafe requests from other sites
    are refused by Fetch Metadata, besides the CSRF token (R55); times are shown in the user's zone."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if iscoroutinefunction(self.get_response):
            return self._respond_async(request)  # type: ignore[return-value]
        if is_foreign(request):
            return refuse(request)
        with _users_zone(request):
            return finish(request, self.get_response(request))

    async def _respond_async(self, request: HttpRequest) -> HttpResponse:
        if is_foreign(request):
            return refuse(request)
        return finish(request, await self.get_response(request))  # type: ignore[misc]


def is_foreign(request: HttpRequest) -> bool:
    """An act that another site's page asks for. Browsers that send no Fetch Metadata are held by the CSRF token alone."""
    return request.method not in SAFE_METHODS and request.headers.get("Sec-Fetch-Site", "same-origin") not in {
        "same-origin",
        "none",
    }


def refuse(request: HttpRequest) -> HttpResponse:
    """The answer to a foreign act."""
    return render(request, "error.html", {"status": 403, "title": "Refused", "detail": ""}, status=403)


def finish(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Headers of every answer."""
    response.headers.setdefault("Cache-Control", "no-store, private")
    return response


def _users_zone(request: HttpRequest) -> timezone.override:
    name = getattr(request.user, "timezone", "") if hasattr(request, "user") else ""
    return timezone.override(ZoneInfo(name) if name else None)
