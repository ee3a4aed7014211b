"""The focus model and the selection (ux 4): after an act by mouse, keys or dragging the focus stands on a row, never on the body."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.factories import make_account, make_headers, make_item, make_mailbox, make_user
from tests.web.browser.conftest import Faults
from webmail.store import ingest
from webmail.store.models import Mailbox

pytestmark = pytest.mark.browser

FOCUSED = "() => document.activeElement.closest('.row')?.querySelector('.row__subject').textContent ?? document.activeElement.tagName"
# Every time the focus is on the body once something had it.
WATCH = """() => {
  window.fallen = [];
  const look = () => { if (document.activeElement === document.body) window.fallen.push(document.title); requestAnimationFrame(look); };
  look();
}"""


@pytest.fixture
def inbox(transactional_db: None) -> Mailbox:
    account = make_account(make_user())
    for name in ("archive", "trash", "junk"):
        make_mailbox(account, name.title(), role=name)
    make_mailbox(account, "Projects")
    inbox = make_mailbox(account, "Inbox", role="inbox")
    made = [make_item(inbox, headers=make_headers(subject=f"s{number}"), minutes=-number) for number in range(160)]
    ingest.ingest_emails(account.pk, made)
    return inbox


@pytest.fixture
def alice(inbox: Mailbox) -> User:
    return inbox.account.user


@pytest.fixture
def page(alice: User, open_context: Any) -> Iterator[Page]:
    page: Page = open_context(alice)
    page.goto("/mail/inbox")
    page.keyboard.press("j")
    expect_focus(page, "s0")
    page.evaluate(WATCH)
    yield page
    page.wait_for_function("() => document.activeElement !== document.body")
    assert page.evaluate("window.fallen") == []


def row(page: Page, subject: str) -> Any:
    return page.locator("#rows > .row", has=page.locator(f".row__subject:text-is('{subject}')"))


def expect_focus(page: Page, subject: str) -> None:
    page.wait_for_function(f"subject => ({FOCUSED})() === subject", arg=subject)


def expect_total(page: Page, number: int) -> None:
    """The server has done it, and the list says so."""
    expect(page.locator("#rows")).to_have_attribute("data-total", str(number))


def test_after_each_act_the_next_row_has_the_focus(page: Page, faults: Faults) -> None:
    page.keyboard.press("e")
    expect_focus(page, "s1")
    row(page, "s3").hover()
    row(page, "s3").locator("button[value^='delete ']").click()
    expect_focus(page, "s4")
    row(page, "s6").locator(".row__link").drag_to(page.locator(".sidebar [data-drop-mailbox]", has_text="Projects"))
    expect(row(page, "s6")).to_have_count(0)
    expect_total(page, 157)
    page.keyboard.press("z")
    expect_focus(page, "s6")
    expect_total(page, 158)
    for subject in ("s8", "s9"):
        row(page, subject).locator(".row__check").check()
    page.locator(".list__bar [data-verb=archive]").click()
    expect_focus(page, "s10")
    expect(page.locator(".list__bar")).to_be_hidden()
    expect_total(page, 156)
    assert faults == []


def test_a_refused_act_brings_the_rows_back(page: Page) -> None:
    page.route("**/mail/act", lambda route: route.fulfill(status=500, body="no"))
    page.keyboard.press("e")
    expect(page.locator(".toast")).to_have_count(1)
    expect(row(page, "s0")).to_have_count(1)
    expect_focus(page, "s0")


@pytest.mark.parametrize(("wish", "follows"), [("next", "s3"), ("previous", "s1"), ("list", "")])
def test_what_follows_an_open_conversation_is_the_persons_choice(page: Page, wish: str, follows: str) -> None:
    page.evaluate("wish => { document.documentElement.dataset.afterAct = wish; }", wish)
    row(page, "s2").locator(".row__link").click()
    expect(page.locator("#thread-subject")).to_have_text("s2")
    page.keyboard.press("#")
    expect(row(page, "s2")).to_have_count(0)
    if follows:
        expect(page.locator("#thread-subject")).to_have_text(follows)
    else:
        expect(page.locator(".thread")).to_have_count(0)
        expect_focus(page, "s3")
    expect_total(page, 159)


def test_a_selection_reaches_over_rows_not_yet_here_and_survives(page: Page, faults: Faults) -> None:
    row(page, "s2").locator(".row__check").check()
    row(page, "s5").locator(".row__link").click(modifiers=["Control"])
    expect(page.locator(".list__count")).to_have_text("2 selected")
    page.keyboard.press("End")
    expect_focus(page, "s159")
    row(page, "s155").locator(".row__link").click(modifiers=["Shift"])
    expect(page.locator(".list__count")).to_have_text("152 selected")
    page.evaluate("document.dispatchEvent(new Event('list:changed'))")
    page.keyboard.press("Home")
    expect_focus(page, "s0")
    expect(row(page, "s2")).to_have_attribute("aria-selected", "true")
    expect(row(page, "s3")).to_have_attribute("aria-selected", "false")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator(".list__count")).to_have_text("154 selected")
    assert faults == []


def test_all_that_match_are_selected_and_some_left_out(page: Page, faults: Faults) -> None:
    page.locator("[data-behaviour~=select-all]").check()
    line = page.locator("#selection-line")
    expect(line).to_contain_text("shown are selected")
    line.locator("button").click()
    expect(line).to_contain_text("All 160 are selected")
    row(page, "s1").locator(".row__check").uncheck()
    expect(page.locator(".list__count")).to_have_text("159 selected")
    with page.expect_request("**/mail/act") as sent:
        page.locator(".list__bar [data-verb=archive]").click()
    body = sent.value.post_data or ""
    assert "all=1" in body
    assert "but=" in body
    assert "ids=" not in body
    expect_total(page, 1)
    expect(row(page, "s1")).to_have_count(1)
    assert faults == []


def test_by_keys_alone_all_that_match_go_and_come_back(page: Page, faults: Faults) -> None:
    """More than what is in the page: 160 rows, of which the browser holds a part."""
    assert page.locator("#rows > .row").count() < 160
    for key in ("*", "a", "*", "a"):
        page.keyboard.press(key)
    expect(page.locator("#selection-line")).to_contain_text("All 160 are selected")
    with page.expect_request("**/mail/act") as sent:
        page.keyboard.press("e")
    body = sent.value.post_data or ""
    assert "all=1" in body
    assert "ids=" not in body
    expect_total(page, 0)
    expect(page.locator(".toast__text")).to_contain_text("160 conversations")
    page.keyboard.press("z")
    expect_total(page, 160)
    expect(row(page, "s0")).to_have_count(1)
    page.keyboard.press("j")
    page.wait_for_function(f"() => /^s\\d+$/.test(({FOCUSED})())")
    assert faults == []
