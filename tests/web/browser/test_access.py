"""What axe cannot see of ux section 10: landmarks, skip links, headings, zoom, text spacing, forced colours, targets, the focus ring."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from webmail.store.models import Mailbox

pytestmark = pytest.mark.browser

RAW = "From: Ben <ben@example.net>\r\nTo: box@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.net>\r\n\r\nThe body of {subject}.\r\n"
# WCAG 2.2, 1.4.12.
SPACING = "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } p { margin-block-end: 2em !important; }"
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
# What has the focus and is covered by something else, at the place of its middle.
COVERED = """() => {
  const node = document.activeElement;
  const { left, top, width, height } = node.getBoundingClientRect();
  const over = document.elementFromPoint(left + width / 2, top + height / 2);
  const isSeen = over && (node.contains(over) || over.contains(node) || over.closest("label")?.contains(node) || node.closest("label")?.contains(over));
  return isSeen ? "" : `${node.outerHTML.slice(0, 120)} under ${over?.outerHTML.slice(0, 120)}`;
}"""
# Buttons, links and fields that are smaller than this each way; links within a sentence may be, and of a row the whole gutter ticks its box.
SMALL = """least => [...document.querySelectorAll("a, button, summary, input:not([type=hidden]), select")].filter((node) => {
  const box = (node.closest("label") ?? node).getBoundingClientRect();
  const isShown = node.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && box.width > 1 && box.bottom > 0;
  return isShown && !node.matches(".skip, p a, li p a, dd a, .row__check") && Math.min(box.width, box.height) < least - 0.5;
}).map((node) => `${node.outerHTML.slice(0, 140)} ${Math.round(node.getBoundingClientRect().width)}x${Math.round(node.getBoundingClientRect().height)}`)"""


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    for name in ("Archive", "Trash", "Junk"):
        make_mailbox(account, name, role=name.lower())
    inbox = make_mailbox(account, "Inbox", role="inbox")
    for number in range(40):
        make_email_from_bytes(inbox, RAW.format(subject=f"mail{number}").encode(), minutes=-number)
    return inbox


def expect_none_small(page: Page, least: int) -> None:
    small = page.evaluate(SMALL, least)
    assert not small, "\n".join(small)


def open_first(page: Page) -> None:
    page.goto("/mail/inbox")
    page.locator("#rows > .row .row__link").first.click()
    expect(page.locator("#thread-subject")).to_have_text("mail0")


def test_landmarks_headings_skip_links_and_the_ring(inbox: Mailbox, alice: User, open_context: Any) -> None:
    page: Page = open_context(alice)
    open_first(page)
    for role in ("banner", "main"):
        expect(page.get_by_role(role)).to_have_count(1)
    for name in ("Mailboxes",):
        expect(page.get_by_role("navigation", name=name)).to_have_count(1)
    expect(page.get_by_role("search").first).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("heading", level=2, name="mail0")).to_have_count(1)
    expect(page.get_by_role("article")).not_to_have_count(0)
    expect(page.get_by_role("tree")).to_have_count(1)
    expect(page.get_by_role("treeitem").first).to_be_visible()
    expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", "40")
    expect(page.locator("#status[aria-live=polite]")).to_have_count(1)
    expect(page.locator("#alert[aria-live=assertive]")).to_have_count(1)
    assert page.locator(".skip").evaluate_all(
        "links => links.every(one => document.querySelector(one.getAttribute('href')))"
    )
    page.locator(".skip").last.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_be_focused()
    # Down and up through rows that lie under headings, and through everything by Tab.
    page.locator("#rows .row__link").first.focus()
    for key in ["ArrowDown"] * 25 + ["ArrowUp"] * 25:
        page.keyboard.press(key)
        assert page.evaluate(COVERED) == ""
    for _ in range(25):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.matches('iframe, body, .skip, .separator, .thread__scroll')"):
            continue
        assert page.evaluate(COVERED) == ""


def test_zoom_spacing_forced_colours_and_targets(inbox: Mailbox, alice: User, open_context: Any) -> None:
    page: Page = open_context(alice)
    for width, height in ((720, 450), (320, 256)):  # 200 % and 400 %
        page.set_viewport_size({"width": width, "height": height})
        for address in ("/mail/inbox", "/settings/appearance", "/mail/search?q=mail1", "/activity"):
            page.goto(address)
            page.evaluate(
                "css => { const sheet = new CSSStyleSheet(); sheet.replaceSync(css); document.adoptedStyleSheets.push(sheet); }",
                SPACING,
            )
            assert page.evaluate(SIDEWAYS) <= 0, (width, address)
        open_first(page)
        assert page.evaluate(SIDEWAYS) <= 0, width
    page.set_viewport_size({"width": 1440, "height": 900})
    open_first(page)
    expect_none_small(page, 24)
    page.emulate_media(forced_colors="active")
    page.locator("#rows .row__link").nth(2).focus()
    page.keyboard.press("ArrowDown")
    style = page.evaluate(
        "() => { const one = getComputedStyle(document.activeElement); return [one.outlineStyle, parseFloat(one.outlineWidth)]; }"
    )
    assert style[0] != "none"
    assert style[1] >= 2
    edges = page.locator("#q, .button--primary").evaluate_all(
        "all => all.map(one => parseFloat(getComputedStyle(one.closest('.searchbox') ?? one).borderTopWidth))"
    )
    assert min(edges) > 0
    page.emulate_media(forced_colors="none", reduced_motion="reduce")
    moving = "() => document.getAnimations().filter(one => (one.effect?.getComputedTiming().activeDuration ?? 0) > 20).length"
    assert page.evaluate(moving) == 0
    phone: Page = open_context(alice, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    phone.goto("/mail/inbox")
    expect_none_small(phone, 44)
