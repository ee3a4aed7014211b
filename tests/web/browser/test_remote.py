"""Pictures from elsewhere in a real browser: none before the reader says so, then from us alone; with and without scripts."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from PIL import Image
from playwright.sync_api import Page, expect

from accounts.models import SenderRule, User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.protocols.http.server import Asked, Web, ok, web
from tests.protocols.loopback import Peer
from tests.web.browser.conftest import Faults
from webmail.protocols.http.fetch import USER_AGENT
from webmail.store.models import Email
from webmail.sync.pictures import fetch

pytestmark = pytest.mark.browser

RED = (200, 30, 40)


def encoded() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), RED).save(out, "PNG")
    return out.getvalue()


PICTURE = encoded()


def answer(peer: Peer, asked: Asked) -> None:
    ok(PICTURE, "Set-Cookie: reader=7")(peer, asked)


@pytest.fixture
def upstream() -> Iterator[Web]:
    with web(answer) as running:
        yield running


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def email(alice: User, upstream: Web) -> Email:
    inbox = make_mailbox(make_account(alice), "Inbox", role="inbox")
    html = (
        f'<p>Hello</p><img src="{upstream.url("/hero.png")}" width="64" height="64" alt="hero">'
        f'<table background="{upstream.url("/back.png")}" width="64" height="64"><tr><td>&nbsp;</td></tr></table>'
        f'<img src="{upstream.url("/track/open.php?u=1&id=2")}" width="1" height="1">'
    )
    head = "From: Shop <news@shop.example>\r\nSubject: News\r\nMessage-ID: <1@shop.example>\r\nContent-Type: text/html\r\n\r\n"
    return make_email_from_bytes(inbox, f"{head}{html}".encode())


@pytest.fixture
def worker(alice: User) -> Iterator[None]:
    """What `sweep` and the net worker do: look for wishes again and again."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.05):
            fetch.fetch_pictures(alice.pk)
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    ended.set()
    thread.join(20)


def red_pixels(page: Page) -> int:
    """How many pixels of the window have the colour of the pictures."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return sum(count for count, color in picture.getcolors(picture.width * picture.height) or [] if color == RED)


def wait_for_red(page: Page, at_least: int) -> None:
    for _ in range(100):
        if red_pixels(page) >= at_least:
            return
        page.wait_for_timeout(100)
    raise AssertionError("the pictures are not drawn")


def expect_only_ours(upstream: Web) -> None:
    """The stranger was asked by our server, for the pictures and not for what tracks."""
    assert sorted(asked.path for asked in upstream.requests) == ["/back.png", "/hero.png"]
    for asked in upstream.requests:
        assert asked.get("User-Agent") == USER_AGENT
        assert not {"cookie", "referer", "accept-language", "sec-fetch-site"} & set(asked.names)


@pytest.mark.req("R17")
@pytest.mark.req("R18")
@pytest.mark.usefixtures("worker")
def test_pictures_appear_when_the_reader_asks_and_the_browser_asks_nobody_but_us(
    alice: User, email: Email, upstream: Web, open_context: Any, faults: Faults
) -> None:
    page: Page = open_context(alice)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/mail/m/{email.public_id}")
    bar = page.locator(".remote")
    expect(bar).to_contain_text("2 pictures and 1 tracker blocked: Mailchimp.")
    page.wait_for_timeout(500)
    assert upstream.requests == []
    assert red_pixels(page) == 0
    bar.get_by_role("button", name="Show pictures").click()
    wait_for_red(page, 2 * 64 * 64 * 9 // 10)
    expect(page.locator(".remote")).to_contain_text("1 tracker blocked: Mailchimp.")
    expect_only_ours(upstream)
    port = str(upstream.server.port)
    assert not [url for url in asked if f":{port}" in url]
    assert faults == []


@pytest.mark.req("R18")
@pytest.mark.usefixtures("worker")
def test_without_scripts_the_same_buttons_do_the_same(
    alice: User, email: Email, upstream: Web, open_context: Any
) -> None:
    page: Page = open_context(alice, java_script_enabled=False)
    page.goto(f"/mail/m/{email.public_id}")
    page.get_by_role("button", name="Always from this sender").click()
    wait_for_red(page, 2 * 64 * 64 * 9 // 10)
    expect_only_ours(upstream)
    assert SenderRule.objects.get().value == "news@shop.example"
    page.goto(f"/mail/m/{email.public_id}")
    wait_for_red(page, 2 * 64 * 64 * 9 // 10)
    page.get_by_role("button", name="Stop showing them").click()
    page.get_by_role("button", name="Show pictures").wait_for()
    assert not SenderRule.objects.exists()
