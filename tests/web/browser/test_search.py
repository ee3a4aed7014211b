"""Searching in the browser (ux 7): suggestions by keys, chips, faults at their place, hits marked, saved, all of them acted on."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.browser.conftest import Faults
from webmail.store.models import EmailMailbox, Mailbox
from webmail.web.searching import people

pytestmark = pytest.mark.browser

HITS = 60
RAW = "From: {who} <{who}@example.net>\r\nTo: box@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.net>\r\n\r\nThe harbour is closed.\r\n"
SELECTED = "() => { const q = document.getElementById('q'); return q.value.slice(q.selectionStart, q.selectionEnd); }"


@pytest.fixture
def alice(transactional_db: None) -> User:
    people.forget_all()
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    make_mailbox(account, "Archive", role="archive")
    inbox = make_mailbox(account, "Inbox", role="inbox")
    Mailbox.objects.update(backfill_uid=1)
    for number in range(HITS):
        who = "ben" if number < HITS - 1 else "anna"
        make_email_from_bytes(inbox, RAW.format(who=who, subject=f"s{number}").encode(), minutes=number)
    return inbox


def options(page: Page) -> Any:
    return page.locator("#q-options [role=option]")


def test_a_query_is_typed_with_suggestions_understood_as_chips_and_saved(
    alice: User, inbox: Mailbox, open_context: Any, faults: Faults
) -> None:
    page: Page = open_context(alice)
    page.goto("/mail/inbox")
    box = page.locator("#q")
    page.keyboard.press("/")
    expect(box).to_be_focused()
    box.press_sequentially("fro")
    expect(options(page).first).to_contain_text("from:")
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")  # completes, and the focus stays
    expect(box).to_have_value("from:")
    box.press_sequentially("be")
    expect(options(page)).to_have_count(1)
    expect(options(page).first).to_contain_text("ben@example.net")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "q-option-0-0")
    page.keyboard.press("Enter")
    expect(box).to_have_value("from:ben@example.net ")
    box.press_sequentially("harbour")
    page.keyboard.press("Enter")

    expect(page.locator("#list-figure")).to_have_text(f"{HITS - 1} results")
    expect(page.locator("#rows")).to_have_attribute("aria-rowcount", str(HITS - 1))
    mark = page.locator("#rows .row__snippet mark").first
    expect(mark).to_have_text("harbour")
    assert mark.evaluate("node => getComputedStyle(node).backgroundColor") != "rgba(0, 0, 0, 0)"
    chips = page.locator("#search-chips .search-chip__text")
    expect(chips).to_have_count(2)
    chips.first.click()
    expect(box).to_be_focused()
    assert page.evaluate(SELECTED) == "from:ben@example.net"
    page.keyboard.press("Escape")
    expect(box).to_have_value("")
    page.keyboard.press("Escape")
    expect(box).not_to_be_focused()

    page.locator(".search-save summary").click()
    page.locator("#search-name").fill("Ben on harbours")
    with page.expect_navigation():
        page.locator(".search-save button[type=submit]").click()
    expect(page.locator("#nav-common")).to_contain_text("Ben on harbours")
    page.get_by_role("link", name="Remove from:ben@example.net").click()
    expect(page.locator("#list-figure")).to_have_text(f"{HITS} results")
    expect(box).to_have_value("harbour")
    assert faults == []


def test_a_fault_stands_at_its_place_and_hits_are_acted_on_as_any_list(
    alice: User, inbox: Mailbox, open_context: Any
) -> None:
    page: Page = open_context(alice)
    page.goto("/mail/inbox")
    box = page.locator("#q")
    box.fill("harbour befor:2020")
    box.press("Enter")
    expect(page.locator("#q-fault")).to_contain_text("Did you mean before:?")
    expect(page.locator(".search-fault mark")).to_have_text("befor:")
    expect(box).to_be_focused()
    assert page.evaluate(SELECTED) == "befor:"
    box.fill("harbour")
    expect(page.locator("#q-fault")).to_have_count(0)
    box.press("Enter")

    expect(page.locator("#list-figure")).to_have_text(f"{HITS} results")
    page.locator('[data-behaviour~="select-all"]').check()
    page.get_by_role("button", name=f"Select all {HITS} that match").click()
    expect(page.locator(".list__count")).to_contain_text(str(HITS))
    page.locator('.list__bar [data-verb="archive"]').click()
    expect(page.locator("#toasts")).to_contain_text(str(HITS))
    expect(page.locator("#rows .chip").first).to_have_text("Archive")
    assert not EmailMailbox.objects.filter(mailbox=inbox).exists()


def test_a_phone_has_suggestions_over_the_whole_width(alice: User, inbox: Mailbox, open_context: Any) -> None:
    page: Page = open_context(alice, viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto("/mail/search")
    page.locator("#q").tap()
    expect(options(page).first).to_be_visible()
    found = page.locator("#q-suggest").bounding_box()
    assert found is not None
    assert (found["x"], found["width"]) == (0, 390)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    options(page).filter(has_text="is:").first.tap()
    expect(page.locator("#q")).to_have_value("is:")
    options(page).filter(has_text="unread").first.tap()
    page.locator("#q").press("Enter")
    expect(page.locator("#list-figure")).to_have_text(f"{HITS} results")
