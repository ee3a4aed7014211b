"""What holds for every address under /api/v1/, around ninja's views: HEAD, OPTIONS, 404, 405, and headers of every answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver
from django.views.decorators.csrf import csrf_exempt

from webmail.api.correlation import request_id
from webmail.api.problems import Problem, problem_response

View = Callable[..., HttpResponseBase]


def at_the_edge(view: View) -> View:
    """The view as it is served. CSRF is checked by `webmail.api.auth` where a session is used."""

    @wraps(view)
    def served(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = _respond(view, request, *args, **kwargs)
        response["X-Request-Id"] = request_id(request)
        response["Vary"] = "Authorization, Cookie, Accept"
        response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        return response

    return csrf_exempt(served)


def _respond(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    if "\0" in request.path or any("\0" in text for values in request.GET.lists() for text in values[1]):
        return problem_response(request, Problem("bad-request", "The address holds a NUL."))
    method = request.method
    if method == "HEAD":
        # Servers leave the body of an answer to HEAD out by themselves.
        request.method = "GET"
    try:
        response = view(request, *args, **kwargs)
    except Http404:
        response = problem_response(request, Problem("not-found", "There is no such address."))
    request.method = method
    if response.status_code != 405:
        return response
    allowed = {name.strip() for name in response.get("Allow", "").split(",") if name.strip()}
    allowed |= {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())
    headers = {"Allow": ", ".join(sorted(allowed))}
    if method == "OPTIONS":
        return HttpResponse(status=204, headers=headers)
    return problem_response(request, Problem("method-not-allowed", headers=headers))


def served(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """The patterns with their views at the edge."""
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            pattern.callback = at_the_edge(pattern.callback)
    return patterns


@at_the_edge
def no_such_address(request: HttpRequest) -> HttpResponse:
    """What is under /api/v1/ and is no address of ours."""
    return problem_response(request, Problem("not-found", "There is no such address."))
