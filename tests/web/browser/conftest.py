"""A site on a free port and a browser that looks at it. Skips, saying why, where there is no Chromium or no built front end."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page

from accounts.models import User

WAIT_MS = 10_000


class Site:
    """The ASGI application in a thread of its own."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            ASGIStaticFilesHandler(get_asgi_application()),
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))
        connections.close_all()


@pytest.fixture
def site(transactional_db: None, chromium: Browser) -> Iterator[Site]:
    """The site, with its database empty again for each test."""
    found = Site()
    found.start()
    yield found
    found.close()


class Faults(list[str]):
    """What the browser complained of: a page that works complains of nothing."""


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def open_context(site: Site, chromium: Browser, faults: Faults) -> Iterator[Any]:
    """`open_context(user, **options)`: a browser window of this person, such as `viewport={"width": 390, "height": 844}`."""
    opened: list[BrowserContext] = []

    def open_one(user: User | None = None, **options: Any) -> Page:
        context = chromium.new_context(base_url=site.address, **{"viewport": {"width": 1440, "height": 900}, **options})
        context.set_default_timeout(WAIT_MS)
        opened.append(context)
        if user is not None:
            client = Client()
            client.force_login(user)
            value = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": site.address}])
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        return page

    yield open_one
    for context in opened:
        context.close()
