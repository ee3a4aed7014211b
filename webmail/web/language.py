"""The language of an answer: the person's, else the browser's; on pages of nobody as well.

It only activates; the catalogues are Django's business, the zone of times is that of `middleware.PrivateResponses`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.utils import translation


class LanguageMiddleware:
    """Pages are written in `User.language`, else in what `Accept-Language` asks for among `settings.LANGUAGES`."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self.get_response):
            return self._respond_async(request)
        with translation.override(language_of(request.user, request)):
            return self.get_response(request)

    async def _respond_async(self, request: HttpRequest) -> Any:
        with translation.override(language_of(await request.auser(), request)):
            return await self.get_response(request)


def language_of(user: Any, request: HttpRequest) -> str:
    """A code of `settings.LANGUAGES`."""
    chosen: str = getattr(user, "language", "")
    return chosen if chosen in dict(settings.LANGUAGES) else translation.get_language_from_request(request)


def current_language() -> str:
    """For `<html lang>`."""
    return translation.get_language() or settings.LANGUAGE_CODE


def current_direction() -> str:
    """For `<html dir>`: rtl or ltr."""
    return "rtl" if translation.get_language_bidi() else "ltr"
