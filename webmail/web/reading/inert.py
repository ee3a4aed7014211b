"""Responses that a browser can do nothing with but show or save: for bytes that strangers wrote (security R21)."""

from __future__ import annotations

from typing import TypeVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase

R = TypeVar("R", bound=HttpResponseBase)

INERT = "sandbox; default-src 'none'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'"


def make_inert(response: R) -> R:
    """The same response with the headers that keep its content from doing anything."""
    response.headers["Content-Security-Policy"] = INERT
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def plain(text: str, *, status: int = 200) -> HttpResponse:
    """Text for a page of its own that is nothing but this text."""
    return make_inert(HttpResponse(text, content_type="text/plain; charset=utf-8", status=status))
