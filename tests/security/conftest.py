"""A browser whose every foreign request ends in our listeners, and windows of it that are watched."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, sync_playwright

from accounts.models import User
from tests.conftest import CHROMIUM
from tests.security.listeners import Listeners
from tests.security.stand import Stand
from tests.security.vectors import Vector, own_vectors, public_vectors
from tests.security.watch import Watch
from tests.web.browser.conftest import Site
from webmail import dispatch

WAIT_MS = 20_000

OpenWatch = Callable[..., Watch]


@pytest.fixture(scope="session")
def own() -> list[Vector]:
    return own_vectors()


@pytest.fixture(scope="session")
def public(shared: Path) -> list[Vector]:
    return public_vectors(shared)


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    found = Listeners(tmp_path_factory.mktemp("listeners"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def chromium(listeners: Listeners, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with a profile of its own, because only a profile can say where names are looked up."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("no Chromium on this machine")
    if not (settings.BASE_DIR / "static" / "dist" / "main.js").exists():
        pytest.skip("the front end is not built: npm run build")
    profile = tmp_path_factory.mktemp("profile")
    listeners.write_preferences(profile)
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # as in tests/conftest.py
    with sync_playwright() as playwright:
        first = playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=path,
            args=[
                *(
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-background-networking",
                    "--no-first-run",
                    "--disable-lcd-text",
                ),
                *("--disable-component-update", "--disable-sync"),
                *listeners.arguments(),
            ],
        )
        assert first.browser is not None
        yield first.browser
        first.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(autouse=True)
def _silent_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Redis runs, and no page here waits to learn that."""
    monkeypatch.setattr(dispatch, "_quiet_until", math.inf)


@pytest.fixture
def site(transactional_db: None, chromium: Browser) -> Iterator[Site]:
    """As in tests/web/browser, in our Chromium."""
    found = Site()
    found.start()
    yield found
    found.close()


@pytest.fixture
def stand() -> Iterator[Stand]:
    found = Stand()
    yield found
    found.close()


@pytest.fixture
def open_watch(chromium: Browser, listeners: Listeners) -> Iterator[OpenWatch]:
    """`open_watch(address, user=None, is_raw=False)`: a watched window whose own site is at `address`."""
    contexts = []

    def open_one(address: str, user: User | None = None, *, is_raw: bool = False, height: int = 900) -> Watch:
        listeners.clear()
        context = chromium.new_context(base_url=address, viewport={"width": 1440, "height": height})
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        if user is not None:
            client = Client()
            client.force_login(user)
            value = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": address}])
        return Watch(context, own=[address], is_raw=is_raw)

    yield open_one
    for context in contexts:
        context.close()
