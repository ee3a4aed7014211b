"""The mail page with scripts: rows open in place, acts renew the list, focus and place are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.browser.conftest import Faults
from webmail import dispatch
from webmail.journal.actions.keywords import set_keywords
from webmail.store.models import Email, Mailbox

pytestmark = pytest.mark.browser

TEXT = "From: {name} <{name}@example.net>\r\nTo: box@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.net>\r\n\r\n{body}\r\n"


def deliver(mailbox: Mailbox, subject: str, *, body: str = "Hello.", name: str = "ben", **fields: Any) -> Email:
    raw = TEXT.format(subject=subject, body=body, name=name).encode()
    return make_email_from_bytes(mailbox, raw, **fields)


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    make_mailbox(account, "Archive", role="archive")
    make_mailbox(account, "Trash", role="trash")
    make_mailbox(account, "Junk", role="junk")
    inbox = make_mailbox(account, "Inbox", role="inbox")
    for subject in ("one", "two", "three", "four"):
        deliver(inbox, subject)
    return inbox


@pytest.fixture
def page(inbox: Mailbox, alice: User, open_context: Any) -> Iterator[Page]:
    page: Page = open_context(alice)
    page.goto("/mail/inbox")
    yield page
    # Whatever was swapped: every id is there once.
    ids: list[str] = page.evaluate("[...document.querySelectorAll('[id]')].map(node => node.id)")
    assert sorted(ids) == sorted(set(ids))


def row(page: Page, subject: str) -> Any:
    return page.locator("#rows > .row", has=page.locator(f".row__subject:text-is('{subject}')"))


def expect_focus_on(page: Page, subject: str) -> None:
    focused = "document.activeElement.closest('.row')?.querySelector('.row__subject').textContent"
    page.wait_for_function(f"subject => {focused} === subject", arg=subject)


def test_a_row_opens_beside_the_list_and_has_its_own_address(page: Page, faults: Faults) -> None:
    row(page, "two").locator(".row__link").click()
    expect(page.locator("#thread-subject")).to_have_text("two")
    expect(row(page, "two")).to_have_attribute("aria-current", "true")
    assert "?t=t" in page.url
    page.reload()
    expect(page.locator("#thread-subject")).to_have_text("two")
    page.go_back()
    expect(page.locator("#thread-subject")).to_have_count(0)
    page.go_forward()
    expect(page.locator("#thread-subject")).to_have_text("two")
    assert faults == []


def test_opening_a_row_marks_it_as_read_everywhere(page: Page) -> None:
    expect(page.locator("#nav-inbox .nav__count")).to_have_text("4")
    row(page, "four").locator(".row__link").click()
    expect(page.locator("#nav-inbox .nav__count")).to_have_text("3")
    expect(row(page, "four")).not_to_have_class("row--unread")
    assert not Email.objects.get(subject="four").is_unread


def test_a_key_archives_the_focused_row_and_focus_goes_to_the_next(page: Page, faults: Faults) -> None:
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect_focus_on(page, "three")
    page.keyboard.press("e")
    expect(row(page, "three")).to_have_count(0)
    expect(page.locator(".toast__text")).to_have_text("Archived")
    expect_focus_on(page, "two")
    page.keyboard.press("z")
    expect(row(page, "three")).to_have_count(1)
    expect(page.locator(".toast__text")).to_contain_text("Undone")
    expect_focus_on(page, "three")
    assert faults == []


def test_archiving_what_is_open_opens_the_next_and_back_leads_to_the_list(page: Page) -> None:
    row(page, "two").locator(".row__link").click()
    expect(page.locator("#thread-subject")).to_have_text("two")
    page.keyboard.press("e")
    expect(row(page, "two")).to_have_count(0)
    expect(page.locator("#thread-subject")).to_have_text("one")
    expect(row(page, "one")).to_have_attribute("aria-current", "true")
    page.keyboard.press("u")
    expect(page.locator(".thread")).to_have_count(0)
    page.wait_for_url("**/mail/inbox")
    expect_focus_on(page, "one")


def test_several_rows_are_selected_and_acted_upon_together(page: Page) -> None:
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(page.locator(".list__count")).to_have_text("2 selected")
    page.locator(".list__bar [data-verb=read]").click()
    expect(page.locator(".toast__text")).to_have_text("2 conversations marked as read")
    expect(page.locator(".row--unread")).to_have_count(2)
    expect(page.locator(".row__check:checked")).to_have_count(2)


def test_the_star_is_set_in_place_and_the_open_bar_shows_it(page: Page) -> None:
    row(page, "two").locator(".row__link").click()
    expect(page.locator("#thread-subject")).to_have_text("two")
    page.keyboard.press("s")
    expect(page.locator("#reading-bar [data-verb=unstar]")).to_have_count(1)
    row(page, "one").locator(".row__check").check()
    page.locator("#reading-bar [data-verb=unstar]").click()
    expect(page.locator("#reading-bar [data-verb=star]")).to_have_count(1)
    page.locator("#reading-bar [data-verb=star]").click()
    expect(page.locator("#reading-bar [data-verb=unstar]")).to_have_count(1)
    expect(row(page, "one").locator(".row__check")).to_be_checked()
    expect(row(page, "two")).to_have_class("row row--starred")
    expect(page.locator("#thread-subject")).to_have_text("two")


def wait_for_listener(page: Page) -> None:
    """Until the stream of the page has subscribed: what is told before is not heard."""
    redis = dispatch.connect_redis()
    for _ in range(100):
        if redis.pubsub_numsub(dispatch.CHANGES_CHANNEL)[0][1]:
            return
        page.wait_for_timeout(100)
    raise AssertionError("nobody listens")


@pytest.mark.live
def test_what_changes_elsewhere_appears_without_moving_focus_or_selection(
    redis_server: Any, alice: User, inbox: Mailbox, page: Page, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests rang while nobody listened.
    monkeypatch.setattr(dispatch, "_quiet_until", 0.0)
    expect(row(page, "two")).to_have_count(1)
    wait_for_listener(page)
    row(page, "two").locator(".row__check").check()
    row(page, "one").locator(".row__link").focus()
    deliver(inbox, "new")
    set_keywords(alice, [Email.objects.get(subject="three")], add=["$flagged"])
    expect(row(page, "new")).to_have_count(1)
    expect(row(page, "three")).to_have_class("row row--unread row--starred")
    expect(page.locator("#nav-inbox .nav__count")).to_have_text("5")
    expect(page).to_have_title("(5) Inbox – Pillarbox")
    expect_focus_on(page, "one")
    expect(row(page, "two").locator(".row__check")).to_be_checked()
    assert faults == []


def test_new_mail_above_what_is_read_is_told_and_moves_nothing(inbox: Mailbox, page: Page, faults: Faults) -> None:
    for number in range(30):
        deliver(inbox, f"more{number}")
    page.reload()
    pane = page.locator("#list-scroll")
    pane.evaluate("pane => { pane.scrollTop = 600; }")
    page.wait_for_function("document.getElementById('list-scroll').scrollTop >= 600")
    top = "document.elementFromPoint(400, 500).closest('.row').id"
    before = page.evaluate(top)
    deliver(inbox, "new")
    page.evaluate("htmx.ajax('GET', '/mail/inbox', { target: '#list', swap: 'morph' })")
    expect(page.locator("#new-rows")).to_have_text("1 new")
    assert page.evaluate(top) == before
    page.locator("#new-rows").click()
    expect(page.locator("#new-rows")).to_have_count(0)
    expect_focus_on(page, "new")
    assert pane.evaluate("pane => pane.scrollTop") == 0
    assert faults == []


def test_deleting_for_good_asks_in_a_dialog(alice: User, inbox: Mailbox, page: Page) -> None:
    trash = Mailbox.objects.get(role="trash")
    deliver(trash, "old")
    page.goto(f"/mail/a/{trash.account.public_id}/m/{trash.public_id}")
    page.keyboard.press("j")
    page.keyboard.press("#")
    expect(page.locator("#dialog h2")).to_have_text("Delete this for good?")
    page.locator("#dialog [data-close-dialog]").click()
    expect(row(page, "old")).to_have_count(1)
    page.keyboard.press("#")
    page.locator("#dialog button[type=submit]").click()
    expect(row(page, "old")).to_have_count(0)


@pytest.mark.req("R1")
@pytest.mark.req("R2")
def test_no_script_of_a_mail_runs_and_its_document_is_opaque(inbox: Mailbox, page: Page, faults: Faults) -> None:
    html = (
        "<p id=a>Hello</p><script>top.hacked = 1</script><img src=x onerror='top.hacked = 1'>"
        "<svg onload='top.hacked=1'></svg><a href='javascript:top.hacked=1'>x</a><iframe srcdoc='<script>top.hacked=1</script>'></iframe>"
    )
    raw = f"From: eve@example.net\r\nSubject: evil\r\nContent-Type: text/html\r\n\r\n{html}\r\n".encode()
    make_email_from_bytes(inbox, raw)
    page.reload()
    row(page, "evil").locator(".row__link").click()
    frame = page.frame_locator(".message__frame")
    expect(frame.locator("p")).to_have_text("Hello")
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.querySelector('.message__frame').contentDocument") is None
    body_address = page.locator(".message__frame").get_attribute("src")
    page.goto(str(body_address))
    assert page.evaluate("self.origin") == "null"


@pytest.mark.req("R17")
def test_pictures_inside_a_mail_are_drawn_and_nothing_else_is_fetched(
    inbox: Mailbox, page: Page, faults: Faults
) -> None:
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    raw = (
        "From: ben@example.net\r\nSubject: picture\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
        '--b\r\nContent-Type: text/html\r\n\r\n<p>Look</p><img src="cid:pic"><img src="https://tracker.test/x.png">\r\n'
        f"--b\r\nContent-Type: image/png\r\nContent-ID: <pic>\r\nContent-Transfer-Encoding: base64\r\n\r\n{pixel}\r\n--b--\r\n"
    ).encode()
    make_email_from_bytes(inbox, raw)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    row(page, "picture").locator(".row__link").click()
    picture = page.frame_locator(".message__frame").locator("img").first
    expect(picture).to_be_visible()
    page.wait_for_function("document.querySelector('.message__frame')")
    handle = page.locator(".message__frame").element_handle()
    assert handle is not None
    frame = handle.content_frame()
    assert frame is not None
    frame.wait_for_function("document.images[0].naturalWidth === 1")
    assert all(address.startswith(page.url[: page.url.index("/mail")]) for address in asked)
    expect(page.locator(".message__content .notice")).to_contain_text("1 picture blocked")
    assert faults == []


def test_a_phone_shows_one_pane_and_never_scrolls_sideways(alice: User, inbox: Mailbox, open_context: Any) -> None:
    deliver(inbox, "wide" + "x" * 200, body="y" * 3_000)
    page: Page = open_context(alice, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.goto("/mail/inbox")
    expect(page.locator("#reading")).to_be_hidden()
    page.locator("#rows > .row").first.locator(".row__link").tap()
    expect(page.locator("#thread-subject")).to_be_visible()
    expect(page.locator("#list")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".thread__back").tap()
    expect(page.locator("#list")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".bottombar [popovertarget=sidebar]").tap()
    expect(page.locator("#sidebar")).to_be_visible()


def test_reading_and_archiving_work_without_scripts(alice: User, inbox: Mailbox, open_context: Any) -> None:
    page: Page = open_context(alice, java_script_enabled=False)
    page.goto("/mail/inbox")
    row(page, "two").locator(".row__link").click()
    expect(page.locator("#thread-subject")).to_have_text("two")
    page.locator("#reading-bar [data-verb=archive]").click()
    expect(row(page, "two")).to_have_count(0)
    expect(page.locator(".thread")).to_have_count(0)
    page.locator(".toast__action").click()
    expect(row(page, "two")).to_have_count(1)
    row(page, "one").locator(".row__check").check()
    page.locator(".list__bar [data-verb=archive]").click()
    expect(row(page, "one")).to_have_count(0)
