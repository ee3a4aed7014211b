"""The pages from right to left: places, directions of texts, keys and gestures are those of an Arabic reader (ux section 10, K6)."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.browser.conftest import Faults
from webmail.store.models import Mailbox

pytestmark = pytest.mark.browser

TEXT = "From: {name} <ben@example.net>\r\nTo: box@example.org\r\nSubject: {subject}\r\nMessage-ID: <{number}@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
ENGLISH = ("Ben Hale", "Budget (draft 2): is it ready?", "Is it? See page 3.")
ARABIC = ("محمد علي", "خطة الميناء 2026 (Q3)", "مرحبا، الأرقام جاهزة.\r\n\r\nSecond paragraph in English.")
# Where the middle of a part lies, from 0 (left) to 1 (right).
MIDDLE = "(node) => { const box = node.getBoundingClientRect(); return (box.left + box.right) / 2 / innerWidth; }"
# Where the letters of these words were drawn: their left edges, in the order of the text. Words lie in one text node.
LETTERS = """(node, words) => {
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const begin = walker.currentNode.data.indexOf(words);
    if (begin < 0) continue;
    return [...words].map((_, at) => {
      const range = document.createRange();
      range.setStart(walker.currentNode, begin + at);
      range.setEnd(walker.currentNode, begin + at + 1);
      return range.getBoundingClientRect().left;
    });
  }
  return [];
}"""
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


@pytest.fixture
def alice(transactional_db: None) -> User:
    alice = make_user()
    alice.language = "ar"
    alice.save()
    return alice


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    inbox = make_mailbox(account, "Inbox", role="inbox")
    make_mailbox(account, "Archive", role="archive")
    for number, (name, subject, body) in enumerate((ENGLISH, ARABIC)):
        raw = TEXT.format(name=name, subject=subject, number=number, body=body).encode()
        make_email_from_bytes(inbox, raw, minutes=number, keywords=["$flagged"])
    return inbox


def middle(page: Page, selector: str) -> float:
    found: float = page.locator(selector).first.evaluate(MIDDLE)
    return found


def runs_right(place: Locator, words: str) -> bool:
    """Whether these words are drawn from left to right."""
    drawn: list[float] = place.evaluate(LETTERS, words)
    assert len(drawn) == len(words)
    return drawn == sorted(drawn)


def width_of(page: Page, selector: str) -> int:
    width: float = page.locator(selector).evaluate("node => node.getBoundingClientRect().width")
    return round(width)


def test_an_arabic_page_is_a_mirror_and_every_text_keeps_its_own_direction(
    inbox: Mailbox, alice: User, open_context: Any, faults: Faults
) -> None:
    page: Page = open_context(alice)
    page.goto("/mail/inbox")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    across = [middle(page, part) for part in ("#reading", "#list", ".sidebar")]
    assert across == sorted(across), "the sidebar on the right, what is read on the left"
    arabic, english = (page.locator("#rows > .row").nth(number) for number in (0, 1))
    in_row = [english.locator(part).evaluate(MIDDLE) for part in (".row__date", ".row__people", ".row__gutter")]
    assert in_row == sorted(in_row)
    # The star lies where the text of either language leaves room for it.
    for row in (arabic, english):
        text = row.locator(".row__subject").bounding_box()
        star = row.locator(".row__star").bounding_box()
        assert text
        assert star
        assert star["x"] + star["width"] <= text["x"]
    assert runs_right(english.locator(".row__subject"), ENGLISH[1]), "its brackets and question mark too"
    assert not runs_right(arabic.locator(".row__subject"), "خطة")
    expect(arabic.locator(".row__text")).to_have_css("direction", "rtl")
    expect(english.locator(".row__text")).to_have_css("direction", "ltr")
    # Keys mean rows and not sides; the edge of the list grows to the left.
    page.keyboard.press("j")
    expect(arabic.locator(".row__link")).to_be_focused()
    page.keyboard.press("j")
    expect(english.locator(".row__link")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#thread-subject")).to_have_text(ARABIC[1])
    written = page.locator(".message .text").first
    assert runs_right(written, "Second paragraph in English.")
    assert not runs_right(written, "مرحبا")
    width = width_of(page, "#list")
    between = page.locator("[data-separator=list]")
    box = between.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, 500)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 40, 500, steps=4)
    page.mouse.up()
    assert width_of(page, "#list") == width + 40
    # Words of scripts are Arabic as well, keys stand in the order they are pressed.
    english.locator(".row__check").check()
    expect(page.locator("#list [data-behaviour~=count]")).to_have_text("حُدد 1")
    page.keyboard.press("?")
    keys = page.locator("#keys .keys__one", has_text="g").first
    drawn = [key.evaluate(MIDDLE) for key in keys.locator("kbd").all()]
    assert len(drawn) == 2
    assert drawn == sorted(drawn)
    assert faults == []


def test_no_arabic_page_of_a_small_telephone_scrolls_sideways(inbox: Mailbox, alice: User, open_context: Any) -> None:
    page: Page = open_context(alice, viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    for address in (
        "/mail/inbox",
        "/mail/search?q=budget+in:inbox",
        "/outbox",
        "/settings/",
        "/settings/appearance",
        "/activity",
    ):
        page.goto(address)
        assert page.evaluate(OVERFLOW) <= 0, address
    page.goto("/mail/inbox")
    page.locator("#rows .row__link").first.tap()
    expect(page.locator("#thread-subject")).to_have_text(ARABIC[1])
    assert page.evaluate(OVERFLOW) <= 0
    back = page.locator(".thread__back, .phonehead a").locator("visible=true").first
    assert back.evaluate(MIDDLE) > 0.5
    back.tap()
    page.locator(".bottombar [popovertarget=sidebar]").tap()
    drawer = page.locator(".sidebar:popover-open")
    expect(drawer).to_be_visible()
    page.wait_for_function(
        "() => Math.round(document.querySelector('.sidebar').getBoundingClientRect().right) === innerWidth"
    )
