"""The list as one long scroll: real height, rows fetched as they come near, and a place that survives everything (ux 4, 11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.factories import make_account, make_email, make_headers, make_item, make_mailbox, make_user
from tests.web.browser.conftest import Faults
from webmail.store import ingest
from webmail.store.models import Email, Mailbox

pytestmark = pytest.mark.browser

COUNT = 400
# What stands first under the heading of the list, and how far down, in px.
TOP = """() => {
  const pane = document.getElementById("list-scroll").getBoundingClientRect();
  const row = document.elementFromPoint(pane.left + 120, pane.top + 40)?.closest(".row");
  return row ? [row.querySelector(".row__subject").textContent, Math.round(row.getBoundingClientRect().top - pane.top)] : null;
}"""
FOCUSED = "() => document.activeElement.closest('.row')?.querySelector('.row__subject').textContent ?? document.activeElement.tagName"


def deliver(inbox: Mailbox, subject: str, minutes: int) -> Email:
    return make_email(inbox, headers=make_headers(subject=subject), minutes=minutes)


@pytest.fixture
def inbox(transactional_db: None) -> Mailbox:
    account = make_account(make_user())
    make_mailbox(account, "Archive", role="archive")
    inbox = make_mailbox(account, "Inbox", role="inbox")
    made = [make_item(inbox, headers=make_headers(subject=f"s{number}"), minutes=-number) for number in range(COUNT)]
    ingest.ingest_emails(account.pk, made)
    return inbox


@pytest.fixture
def alice(inbox: Mailbox) -> User:
    return inbox.account.user


@pytest.fixture
def page(alice: User, open_context: Any) -> Iterator[Page]:
    page: Page = open_context(alice)
    page.goto("/mail/inbox")
    expect(page.locator("#rows")).to_have_attribute("aria-rowcount", str(COUNT))
    yield page
    ids: list[str] = page.evaluate("[...document.querySelectorAll('[id]')].map(node => node.id)")
    assert sorted(ids) == sorted(set(ids))


def scroll_to(page: Page, share: float) -> list[Any]:
    """Scroll to this share of the height and wait until rows stand there and the address says so; returns what is at the top."""
    page.evaluate(
        "share => { const p = document.getElementById('list-scroll'); p.scrollTop = share * p.scrollHeight; }", share
    )
    page.wait_for_function(f"() => Boolean(({TOP})()) && !document.querySelector('.is-waiting')")
    page.wait_for_function(
        "() => Math.abs(Number(new URL(location.href).searchParams.get('at')) - Number(document.elementFromPoint("
        "document.getElementById('list-scroll').getBoundingClientRect().left + 120, document.getElementById('list-scroll')"
        ".getBoundingClientRect().top + 40).closest('.row')?.dataset.index)) < 2"
    )
    top: list[Any] = page.evaluate(TOP)
    return top


def test_the_list_is_as_high_as_all_its_rows_and_holds_only_those_around(page: Page, faults: Faults) -> None:
    heights: list[float] = page.evaluate(
        "() => [document.getElementById('list-scroll').scrollHeight, document.querySelector('.row').getBoundingClientRect().height]"
    )
    assert heights[0] >= COUNT * heights[1]
    for share in (0.3, 0.5, 0.98, 0.6):
        scroll_to(page, share)
    assert page.locator("#rows > .row").count() < 150
    shown: list[int] = page.evaluate(
        "[...document.querySelectorAll('#rows > .row')].map(row => [Number(row.dataset.index), Number(row.getAttribute('aria-rowindex'))])"
        ".filter(([index, place]) => place === index + 1).map(([index]) => index)"
    )
    assert shown == sorted(shown)
    assert len(shown) == page.locator("#rows > .row").count()
    assert [f"s{number}" for number in shown] == page.locator("#rows .row__subject").all_text_contents()
    # One way in by Tab, and a grid that says what it is.
    assert page.locator('#rows .row__link[tabindex="0"]').count() == 1
    assert page.locator("#rows").get_attribute("role") == "grid"
    assert faults == []


def test_the_place_survives_reload_a_new_tab_opening_and_back(page: Page, faults: Faults) -> None:
    top = scroll_to(page, 0.5)
    page.reload()
    page.wait_for_function(f"top => JSON.stringify(({TOP})()) === JSON.stringify(top)", arg=top)
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_function(f"subject => ({TOP})()?.[0] === subject", arg=top[0])
    other.close()
    page.locator("#rows > .row", has_text=top[0]).first.locator(".row__link").click()
    expect(page.locator("#thread-subject")).to_have_text(top[0])
    page.reload()
    expect(page.locator("#thread-subject")).to_have_text(top[0])
    page.wait_for_function(f"subject => ({TOP})()?.[0] === subject", arg=top[0])
    page.go_back()
    expect(page.locator(".thread")).to_have_count(0)
    page.wait_for_function(f"subject => ({TOP})()?.[0] === subject", arg=top[0])
    page.go_forward()
    expect(page.locator("#thread-subject")).to_have_text(top[0])
    assert faults == []


def test_keys_reach_both_ends_and_pages_between(page: Page, faults: Faults) -> None:
    page.keyboard.press("j")
    for key, expected in (("End", f"s{COUNT - 1}"), ("Home", "s0"), ("ArrowDown", "s1")):
        page.keyboard.press(key)
        page.wait_for_function(f"subject => ({FOCUSED})() === subject", arg=expected)
    page.keyboard.press("PageDown")
    page.wait_for_function(f"() => Number(({FOCUSED})().slice(1)) > 8")
    assert faults == []


def test_mail_that_comes_moves_nothing_that_is_looked_at(inbox: Mailbox, page: Page, faults: Faults) -> None:
    page.keyboard.press("j")
    top = scroll_to(page, 0.5)
    for number in range(3):
        deliver(inbox, f"new{number}", 1 + number)
    page.evaluate("htmx.ajax('GET', '/mail/inbox', { target: '#list', swap: 'morph' })")
    page.evaluate("document.dispatchEvent(new Event('list:changed'))")
    expect(page.locator("#rows")).to_have_attribute("aria-rowcount", str(COUNT + 3))
    page.wait_for_function(f"top => JSON.stringify(({TOP})()) === JSON.stringify(top)", arg=top)
    assert page.evaluate(FOCUSED) == "s0"
    expect(page.locator("#new-rows")).to_have_text("3 new")
    page.locator("#new-rows").click()
    page.wait_for_function(f"() => ({FOCUSED})() === 'new2'")
    expect(page.locator("#new-rows")).to_have_count(0)
    assert faults == []


def test_rows_that_do_not_come_are_told_and_can_be_asked_for_again(page: Page) -> None:
    page.route("**/mail/inbox?*at=*", lambda route: route.abort())
    page.evaluate("document.getElementById('list-scroll').scrollTop = 15000")
    expect(page.locator("#rows-wait")).to_contain_text("could not be loaded")
    assert page.evaluate(TOP) is None
    page.unroute("**/mail/inbox?*at=*")
    page.locator("#rows-wait button").click()
    page.wait_for_function(f"() => Boolean(({TOP})())")
    expect(page.locator("#rows-wait")).to_have_count(0)
    assert page.evaluate("document.activeElement !== document.body")


def test_without_scripts_pages_lead_through_the_list(alice: User, open_context: Any) -> None:
    page: Page = open_context(alice, java_script_enabled=False)
    page.goto("/mail/inbox")
    expect(page.locator("#rows > .row")).to_have_count(50)
    page.locator('[rel="next"]').click()
    expect(page.locator("#rows .row__subject").first).to_have_text("s50")
    page.locator('[rel="prev"]').click()
    expect(page.locator("#rows .row__subject").first).to_have_text("s0")
