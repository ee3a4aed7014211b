"""How the ASGI application answers: a request for an ordinary view runs from the first middleware to the last in one thread.

Django's own handler changes between the event loop and a thread at each middleware that knows only one of them, and gives every
request a thread of its own, so that each opens the database anew. Here threads and their database connections are kept. Views
that wait (async ones: the event stream, pictures that are fetched) stay on the event loop, as Django has it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

MAX_THREADS = 16  # more requests at a time wait; each thread may hold a connection with some megabytes of pages


class Handler(ASGIHandler):
    """Beside Django's chain of middleware a second one, which is not async anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="request")
        self._plain: Any = BaseHandler()
        self._plain.load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The response, from the chain that suits the view."""
        if _is_async(request):
            found: HttpResponseBase = await super().get_response_async(request)
            return found
        return await sync_to_async(self._answer, thread_sensitive=False, executor=self._threads)(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        try:
            response: HttpResponseBase = self._plain.get_response(request)
            return response
        finally:
            for connection in connections.all(initialized_only=True):
                if not _may_stay_open(connection):
                    connection.close()


def _is_async(request: HttpRequest) -> bool:
    try:
        return iscoroutinefunction(resolve(request.path_info).func)
    except Resolver404:
        return False


def _may_stay_open(connection: BaseDatabaseWrapper) -> bool:
    """SQLite: opening it again costs more than a query. Others have a pool, which gets theirs back."""
    return connection.vendor == "sqlite" and not connection.errors_occurred and not connection.in_atomic_block
