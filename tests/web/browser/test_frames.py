"""Frames of bodies in a real browser: as high as their text, fitted on a phone, dark in the dark, and out of each other's reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.browser.conftest import Faults, Site
from webmail.store.models import Email, Mailbox

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEMPLATES = Path(__file__).resolve().parents[4] / "shared" / "corpus" / "templates"
QUOTED = (
    '<div dir="ltr">Thursday is fine.</div><br><div class="gmail_quote"><div class="gmail_attr">On Monday Ann wrote:</div>'
    '<blockquote class="gmail_quote"><p>When do we meet?</p><p>Ann</p></blockquote></div>'
)
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


def letter(inbox: Mailbox, html: str) -> Email:
    raw = f"From: ben@example.net\r\nSubject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}"
    return make_email_from_bytes(inbox, raw.encode())


def read(page: Page, email: Email) -> FrameLocator:
    """Open the message and wait for its frame to be measured."""
    page.goto(f"/mail/m/{email.public_id}")
    expect(page.locator(".message__body.is-measured")).to_have_count(1)
    return page.frame_locator(".message__frame")


def height_of(page: Page) -> float:
    box = page.locator(".message__frame").bounding_box()
    assert box is not None
    return box["height"]


@pytest.mark.parametrize("lines", [1, 40, 300])
def test_a_frame_is_as_high_as_its_text(
    alice: User, inbox: Mailbox, open_context: Any, faults: Faults, lines: int
) -> None:
    page = open_context(alice)
    frame = read(page, letter(inbox, "".join(f"<p style='margin:0;height:20px'>{n}</p>" for n in range(lines))))
    expect(frame.locator("p").last).to_have_text(str(lines - 1))
    expect(page.locator(".message__frame")).to_have_css("height", f"{lines * 20}px")
    assert faults == []


def test_a_frame_grows_with_a_picture_that_comes_late(alice: User, inbox: Mailbox, open_context: Any) -> None:
    raw = (
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
        '--b\r\nContent-Type: text/html\r\n\r\n<img src="cid:p" style="display:block;width:300px">\r\n'
        "--b\r\nContent-Type: image/png\r\nContent-ID: <p>\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==\r\n--b--\r\n"
    )
    page = open_context(alice)
    read(page, make_email_from_bytes(inbox, raw.encode()))
    expect(page.locator(".message__frame")).to_have_css("height", "300px")


@pytest.mark.req("R8")
def test_a_frame_has_a_greatest_height(alice: User, inbox: Mailbox, open_context: Any) -> None:
    page = open_context(alice)
    read(page, letter(inbox, "<div style='height:3900px'></div>" * 20 + "<p>end</p>"))
    expect(page.locator(".message__frame")).to_have_css("height", "20000px")


def test_quoted_text_is_shown_on_request_and_the_frame_grows(alice: User, inbox: Mailbox, open_context: Any) -> None:
    page = open_context(alice)
    frame = read(page, letter(inbox, QUOTED))
    expect(frame.get_by_text("Thursday is fine.")).to_be_visible()
    expect(frame.get_by_text("When do we meet?")).to_be_hidden()
    before = height_of(page)
    page.get_by_role("link", name="Show quoted text").click()
    expect(frame.get_by_text("When do we meet?")).to_be_visible()
    expect(page.locator(".message__body.is-measured")).to_have_count(1)
    assert height_of(page) > before
    expect(page.get_by_role("link", name="Show quoted text")).to_have_count(0)


def test_wide_mail_is_fitted_on_a_phone_and_the_page_never_scrolls_sideways(
    alice: User, inbox: Mailbox, open_context: Any
) -> None:
    page = open_context(alice, viewport=PHONE)
    read(page, letter(inbox, "<pre style='white-space:pre'>" + "x" * 50 + "</pre>"))
    expect(page.locator(".message__body.is-scaled")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    read(page, letter(inbox, "<pre style='white-space:pre'>" + "x" * 400 + "</pre>"))
    expect(page.locator(".message__body.is-wide")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.corpus
@pytest.mark.skipif(not TEMPLATES.is_dir(), reason="the mail corpus is not beside the project")
def test_real_newsletters_do_not_make_a_phone_scroll_sideways(alice: User, inbox: Mailbox, open_context: Any) -> None:
    page = open_context(alice, viewport=PHONE)
    names = [*sorted(TEMPLATES.glob("postmark/*/*/*/content.html"))[::1], *TEMPLATES.glob("leemunroe/*.html")]
    assert len(names) >= 30
    wide = []
    for path in names:
        read(page, letter(inbox, path.read_text(encoding="utf-8", errors="replace")))
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            wide.append(path.parent.name)
    assert wide == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_mail_follows_the_theme_and_can_be_seen_as_it_was_sent(
    alice: User, inbox: Mailbox, open_context: Any, scheme: str
) -> None:
    page = open_context(alice, color_scheme=scheme)
    email = letter(inbox, "<table bgcolor='#ffffff'><tr><td style='color:#222222'>Hello</td></tr></table>")
    frame = read(page, email)
    cell = frame.locator("td")
    luminance = "one => getComputedStyle(one).color.match(/[\\d.]+/g).slice(0, 3).map(Number).reduce((a, b) => a + b)"
    assert (cell.evaluate(luminance) > 380) == (scheme == "dark")
    page.locator(".message__acts .menu summary").click()
    page.get_by_role("link", name="Original colours").click()
    expect(page.locator(".message__body.is-measured")).to_have_count(1)
    expect(page.frame_locator(".message__frame").locator("td")).to_have_css("color", "rgb(34, 34, 34)")


@pytest.mark.req("R2")
def test_the_twin_is_seen_reached_and_spoken_by_nobody(
    alice: User, inbox: Mailbox, open_context: Any, site: Site
) -> None:
    page = open_context(alice)
    html = "<a id=a href='https://x.test/'>link</a><script>parent.postMessage({height: 9999, width: 1}, '*')</script>"
    read(page, letter(inbox, html))
    frame, twin = page.locator(".message__frame"), page.locator(".message__twin")
    assert frame.get_attribute("sandbox") == "allow-popups allow-popups-to-escape-sandbox"
    assert twin.get_attribute("sandbox") == "allow-scripts"
    assert (twin.get_attribute("aria-hidden"), twin.get_attribute("tabindex")) == ("true", "-1")
    expect(twin).to_have_css("visibility", "hidden")
    expect(twin).to_have_css("pointer-events", "none")
    assert height_of(page) < 200
    assert page.evaluate("document.querySelector('.message__twin').contentDocument") is None
    response = page.request.get(str(twin.get_attribute("src")))
    policy = response.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "script-src 'sha256-" in policy
    assert "unsafe-inline'; frame-ancestors" in policy  # styles only
    page.goto(str(twin.get_attribute("src")))
    assert page.evaluate("self.origin") == "null"


def test_a_number_from_another_window_moves_no_frame(alice: User, inbox: Mailbox, open_context: Any) -> None:
    page = open_context(alice)
    read(page, letter(inbox, "<p>Hello</p>"))
    before = height_of(page)
    page.evaluate("window.postMessage({height: 5000, width: 5000}, '*')")
    page.evaluate("new Promise(done => setTimeout(done, 0))")
    assert height_of(page) == before


def test_without_scripts_a_body_is_read_and_its_quote_opened(alice: User, inbox: Mailbox, open_context: Any) -> None:
    page = open_context(alice, java_script_enabled=False)
    page.goto(f"/mail/m/{letter(inbox, QUOTED).public_id}")
    frame = page.frame_locator(".message__frame")
    expect(frame.get_by_text("Thursday is fine.")).to_be_visible()
    page.get_by_role("link", name="Show quoted text").click()
    expect(page.frame_locator(".message__frame").get_by_text("When do we meet?")).to_be_visible()


def test_the_page_for_paper_holds_all_of_a_message(alice: User, inbox: Mailbox, open_context: Any) -> None:
    page = open_context(alice, color_scheme="dark")
    email = letter(inbox, QUOTED)
    page.goto(f"/mail/m/{email.public_id}/print")
    expect(page.locator(".message__body.is-measured")).to_have_count(1)
    expect(page.frame_locator(".message__frame").get_by_text("When do we meet?")).to_be_visible()
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.locator(".sidebar, .topbar")).to_have_count(0)
    page.goto(f"/mail/t/{email.thread.public_id}/print")
    expect(page.get_by_text("ben@example.net")).to_be_visible()


def test_the_colours_of_a_sender_are_remembered(alice: User, inbox: Mailbox, open_context: Any) -> None:
    page = open_context(alice, color_scheme="dark")
    html = "<table bgcolor='#ffffff'><tr><td style='color:#222222'>Hello</td></tr></table>"
    read(page, letter(inbox, html))
    page.keyboard.press("Shift+H")
    cell = page.frame_locator(".message__frame").locator("td")
    expect(cell).to_have_css("color", "rgb(34, 34, 34)")
    page.locator(".message__acts .menu summary").click()
    page.get_by_role("button", name="Always original for this sender").click()
    expect(page.locator(".message__body.is-measured")).to_have_count(1)
    read(page, letter(inbox, html + "2"))
    expect(cell).to_have_css("color", "rgb(34, 34, 34)")
    page.locator(".message__acts .menu summary").click()
    page.get_by_role("button", name="Dark colours for this sender").click()
    expect(cell).not_to_have_css("color", "rgb(34, 34, 34)")
