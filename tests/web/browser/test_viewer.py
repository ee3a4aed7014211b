"""Attached files in a real browser: cards, the viewer, the way between files by keys, all of it without scripts too."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.attached_files import CARD, INVITATION, PROGRAM, message_with, pdf, png, wav, zip_of
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.browser.conftest import Faults
from webmail import dispatch
from webmail.store.models import Email
from webmail.store.reading import drawings

pytestmark = pytest.mark.browser

FILES = (
    ("holiday.png", "image/png", png(900, 600, "steelblue")),
    ("contract with a long name that does not fit (final version 3).pdf", "application/pdf", pdf(3)),
    ("notes.txt", "text/plain", b"<script>document.title = 'pwned'</script>\r\n" * 3),
    ("tone.wav", "audio/wav", wav()),
    ("meeting.ics", "text/calendar", INVITATION),
    ("dora.vcf", "text/vcard", CARD),
    ("all.zip", "application/zip", zip_of(a=b"x")),
    ("invoice.pdf.exe", "application/octet-stream", PROGRAM),
)


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def email(alice: User, monkeypatch: pytest.MonkeyPatch) -> Email:
    def work(task: str, *row_ids: int) -> None:
        if task == drawings.TASK:
            drawings.make_drawing(*row_ids)

    monkeypatch.setattr(dispatch, "wake", work)  # a cpu worker that is at once there
    inbox = make_mailbox(make_account(alice), "Inbox", role="inbox")
    return make_email_from_bytes(inbox, message_with(*FILES))


@pytest.fixture
def page(alice: User, email: Email, open_context: Any) -> Page:
    found: Page = open_context(alice)
    found.goto(f"/mail/m/{email.public_id}")
    return found


def test_cards_show_pictures_and_names_with_their_ends(page: Page) -> None:
    cards = page.locator(".attached__file")
    expect(cards).to_have_count(len(FILES))
    for number, width in ((0, 320), (1, 214)):
        expect(cards.nth(number).locator(".attached__thumb")).to_have_js_property("naturalWidth", width)
    tail = cards.nth(1).locator(".attached__tail")
    expect(tail).to_have_text(FILES[1][0][-12:])
    box, card = tail.bounding_box(), cards.nth(1).bounding_box()
    assert box is not None
    assert card is not None
    assert box["x"] + box["width"] <= card["x"] + card["width"]
    expect(cards.nth(7)).to_contain_text("Program in disguise")
    expect(page.get_by_role("link", name="All as zip")).to_be_visible()


def test_keys_go_from_file_to_file_and_escape_goes_back(page: Page, faults: Faults) -> None:
    start = page.url
    page.locator(".attached__link").first.click()
    expect(page.locator(".viewer__name")).to_have_text("holiday.png")
    expect(page.locator(".viewer__picture img")).to_have_js_property("naturalWidth", 900)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".viewer__name")).to_contain_text("contract")
    expect(page.locator(".viewer__page img").first).to_have_js_property("naturalWidth", 1200)
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".viewer__name")).to_have_text("holiday.png")
    page.keyboard.press("Escape")
    page.wait_for_url(start)
    assert faults == []


@pytest.mark.req("R21")
def test_every_kind_is_shown_and_nothing_runs(page: Page, email: Email, faults: Faults) -> None:
    for number, says in (
        (4, "<script>document.title"),
        (6, "Budget <script>alert(1)</script>"),
        (7, "Dora <img src=x>"),
        (8, "a.txt"),
        (9, "There is no preview of this file."),
    ):
        page.goto(f"/mail/m/{email.public_id}/view/{number}")
        expect(page.locator("#main")).to_contain_text(says)
        assert "pwned" not in page.title()
    page.goto(f"/mail/m/{email.public_id}/view/5")
    player = page.frame_locator(".viewer__media").locator("audio")
    expect(player).to_be_visible()
    assert faults == []


def test_the_player_has_read_the_sound(page: Page, email: Email) -> None:
    page.goto(f"/mail/m/{email.public_id}/view/5")
    frame = next(one for one in page.frames if "/v/5" in one.url)
    frame.wait_for_selector("audio")
    with page.expect_response(lambda response: "/p/5" in response.url) as read:
        page.reload()
    assert read.value.headers["content-type"] == "audio/wav"
    expect(page.frame_locator(".viewer__media").locator("audio")).to_have_js_property("readyState", 4)


def test_without_scripts_the_viewer_works_by_its_links(alice: User, email: Email, open_context: Any) -> None:
    page: Page = open_context(alice, java_script_enabled=False)
    page.goto(f"/mail/m/{email.public_id}/view/2")
    assert page.locator(".viewer__picture img").is_visible()
    page.locator('[data-role="next"]').click()
    expect(page.locator(".viewer__name")).to_contain_text("contract")
    page.locator('[data-role="back"]').click()
    expect(page.locator(".attached__file")).to_have_count(len(FILES))


def test_on_a_phone_nothing_is_wider_than_the_screen(alice: User, email: Email, open_context: Any) -> None:
    page: Page = open_context(alice, viewport={"width": 390, "height": 844})
    for path in ("", *(f"/view/{number}" for number in range(2, 10)), "/headers", "/source"):
        page.goto(f"/mail/m/{email.public_id}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
