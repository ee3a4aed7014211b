"""Keys in the browser (ux section 8, features 36 and 38): lists, sequences, overlay, palette, settings, the message frame, and
twenty messages sorted without touching a mouse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.browser.conftest import Faults
from tests.web.browser.test_focus import WATCH
from webmail.store.models import Email, Label, Mailbox

pytestmark = pytest.mark.browser

PLAIN = "From: {who} <{who}@example.net>\r\nTo: box@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.net>\r\n\r\n{subject} body.\r\n"
FRAMED = (
    "From: Ben <ben@example.net>\r\nTo: box@example.org\r\nSubject: framed\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
    '<p>A paragraph that is long enough to select.</p><p><a href="https://example.net/x">a link</a></p>\r\n'
)


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    for name, role in (("Archive", "archive"), ("Trash", "trash"), ("Junk", "junk"), ("Projects", "")):
        make_mailbox(account, name, role=role)
    return make_mailbox(account, "Inbox", role="inbox")


def deliver(inbox: Mailbox, *subjects: str, who: str = "ben") -> None:
    for subject in subjects:
        make_email_from_bytes(inbox, PLAIN.format(who=who, subject=subject).encode())


@pytest.fixture
def open_page(inbox: Mailbox, alice: User, open_context: Any, faults: Faults) -> Iterator[Any]:
    """`open_page()`: the inbox, as alice sees it. Afterwards the browser must have complained of nothing."""

    def open_one(address: str = "/mail/inbox", **options: Any) -> Page:
        page: Page = open_context(alice, **options)
        page.goto(address)
        return page

    yield open_one
    assert faults == []


def row(page: Page, subject: str) -> Locator:
    return page.locator("#rows > .row", has=page.locator(f".row__subject:text-is('{subject}')"))


def expect_row_focus(page: Page, subject: str) -> None:
    page.wait_for_function(
        "subject => document.activeElement.closest('.row')?.querySelector('.row__subject').textContent.trim() === subject",
        arg=subject,
    )


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_sequences_wait_are_shown_and_can_be_left_and_letters_are_typed_in_fields(
    inbox: Mailbox, open_page: Any
) -> None:
    deliver(inbox, "one", "two", "three")
    page = open_page()
    press(page, "g")
    hint = page.locator("#key-wait")
    expect(hint).to_contain_text("Inbox")
    press(page, "Escape")
    expect(hint).to_have_count(0)
    press(page, "g", "x")
    expect(hint).to_have_count(0)
    expect(page.locator(".row__check:checked")).to_have_count(0)
    press(page, "*", "a")
    expect(page.locator(".row__check:checked")).to_have_count(3)
    press(page, "*", "n")
    expect(page.locator(".row__check:checked")).to_have_count(0)
    press(page, "j", "Shift+J", "Shift+ArrowDown")
    expect(page.locator(".row__check:checked")).to_have_count(3)
    press(page, "*", "n")
    expect_row_focus(page, "one")
    press(page, "/")
    page.keyboard.type("je")
    expect(page.locator("#q")).to_have_value("je")
    expect(page.locator("#rows > .row")).to_have_count(3)
    page.locator("#q").fill("")
    press(page, "Escape", "Escape")
    page.locator("#list-title").evaluate("node => { node.tabIndex = -1; node.focus(); }")
    press(page, "g", "s")
    page.wait_for_url("**/mail/starred")


@pytest.mark.parametrize("typed", [{"key": "у", "code": "KeyE"}, {"key": "e", "code": "KeyE"}])
def test_letters_of_other_scripts_are_found_by_their_place(
    inbox: Mailbox, open_page: Any, typed: dict[str, str]
) -> None:
    deliver(inbox, "one", "two")
    page = open_page()
    press(page, "j")
    expect_row_focus(page, "two")
    dispatch = "init => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {bubbles: true, cancelable: true, ...init}))"
    page.evaluate(dispatch, {**typed, "repeat": True})
    expect(row(page, "two")).to_have_count(1)
    page.evaluate(dispatch, {**typed, "ctrlKey": True})
    expect(row(page, "two")).to_have_count(1)
    page.evaluate(dispatch, typed)
    expect(row(page, "two")).to_have_count(0)
    expect_row_focus(page, "one")


def test_the_overlay_shows_own_keys_is_searched_and_gives_the_focus_back(
    inbox: Mailbox, alice: User, open_page: Any
) -> None:
    alice.keys = {"archive": ["w"]}
    alice.save()
    deliver(inbox, "one")
    page = open_page()
    press(page, "j", "?")
    overlay = page.locator("#keys")
    expect(overlay.locator("[data-role=find]")).to_be_focused()
    expect(overlay.locator(".keys__line").filter(has_text="Archive").first.locator("kbd")).to_have_text("w")
    expect(overlay.locator("[data-role=note]")).to_contain_text("another webmail")
    page.keyboard.type("mute")
    expect(overlay.locator(".keys__line:visible")).to_have_count(1)
    page.keyboard.type("zz")
    expect(overlay.locator("[data-role=none]")).to_be_visible()
    press(page, "Escape")
    if overlay.is_visible():
        press(page, "Escape")  # the first one emptied the field
    expect(overlay).to_be_hidden()
    expect_row_focus(page, "one")
    press(page, "e")
    expect(row(page, "one")).to_have_count(1)
    press(page, "w")
    expect(row(page, "one")).to_have_count(0)


def test_the_palette_finds_commands_places_and_people(inbox: Mailbox, alice: User, open_page: Any) -> None:
    deliver(inbox, "one", "two", who="änna")
    page = open_page()
    press(page, "j", "Control+k")
    box = page.locator("#palette [role=combobox]")
    options = page.locator("#palette [role=option]")
    expect(box).to_be_focused()
    page.keyboard.type("arch")
    expect(options.first).to_contain_text("Archive")
    expect(options.first).to_have_attribute("aria-selected", "true")
    box.fill("anna")
    expect(options.first).to_contain_text("Mail with änna")
    box.fill("starred")
    expect(options.first.locator("kbd")).to_have_text(["g", "s"])
    box.fill("proj")
    expect(options.first).to_contain_text("Projects")
    press(page, "ArrowDown", "ArrowUp")
    expect(box).to_have_attribute("aria-activedescendant", "palette-0")
    press(page, "Enter")
    page.wait_for_url("**/mail/a/*/m/*")
    press(page, "Control+k")
    expect(options.first).to_contain_text("Projects")
    box.fill("mark as re")
    press(page, "Escape")
    expect(page.locator("#palette")).to_be_hidden()
    page.goto("/mail/inbox")
    press(page, "j", "Control+k")
    page.keyboard.type("star, or")
    press(page, "Enter")
    expect(page.locator(".row--starred")).to_have_count(1)
    page.locator("#q").focus()
    press(page, "Control+k")
    expect(page.locator("#palette")).to_be_hidden()


def test_500_mailboxes_are_ranked_within_a_letter(inbox: Mailbox, open_page: Any) -> None:
    """30 ms a letter is the design's number; here the work is counted, since machines differ: twelve lines, whatever there is."""
    for number in range(500):
        make_mailbox(inbox.account, f"Folder number {number}")
    page = open_page()
    press(page, "Control+k")
    page.keyboard.type("number 49")
    options = page.locator("#palette [role=option]")
    expect(options.first).to_contain_text("Folder number 49")
    expect(options).to_have_count(12)


def test_keys_are_changed_by_pressing_them(inbox: Mailbox, alice: User, open_page: Any, faults: Faults) -> None:
    page = open_page("/settings/keys")
    line = page.locator("#key-archive")
    line.locator("[name=key]").focus()
    press(page, "s")
    expect(line.locator("[data-role=fault]")).to_contain_text("s is taken: “Star, or take the star off”")
    faults.clear()  # the browser tells of the refusal as well
    press(page, "Control+Alt+a")
    expect(line.locator("[data-keys='Ctrl+Alt+a']")).to_be_visible()
    expect(line.locator("[data-role=fault]")).to_be_hidden()
    line.locator("[data-keys=e]").click()
    expect(line.locator("[data-keys]")).to_have_count(1)
    alice.refresh_from_db()
    assert alice.keys == {"archive": ["Ctrl+Alt+a"]}
    line.locator("[data-role=reset]").click()
    expect(line.locator("[data-keys=e]")).to_be_visible()
    page.locator("label.segment", has_text="Outlook").click()
    expect(page.locator("#key-compose [data-keys=n]")).to_be_visible()
    expect(page.locator("[data-role=note]").first).to_contain_text("Outlook on the web")
    page.locator("#keyset-find").fill("mute")
    expect(page.locator(".keyset__line:visible")).to_have_count(1)
    alice.refresh_from_db()
    assert (alice.key_preset, alice.keys) == ("outlook", {})


def test_keys_work_after_a_click_into_the_frame_and_its_text_can_be_copied(inbox: Mailbox, open_page: Any) -> None:
    deliver(inbox, "one")
    make_email_from_bytes(inbox, FRAMED.encode())
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    row(page, "framed").locator(".row__link").click()
    frame = page.frame_locator("iframe.message__frame")
    text = frame.get_by_text("A paragraph")
    in_page = "() => document.activeElement.matches('.message__line')"
    text.click(position={"x": 2, "y": 8})
    page.wait_for_function(in_page)
    page.keyboard.down("Shift")
    text.click(position={"x": 200, "y": 8})
    page.keyboard.up("Shift")
    page.wait_for_function(in_page)
    page.keyboard.down("Control")
    page.wait_for_function("() => document.activeElement.matches('iframe')")
    page.keyboard.press("c")
    page.keyboard.up("Control")
    page.mouse.move(5, 5)
    page.wait_for_function(in_page)
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "paragraph" in copied
    assert copied in "A paragraph that is long enough to select."
    # By Tab the frame keeps the focus, so that its links can be walked.
    page.locator("iframe.message__frame").evaluate(
        "node => node.closest('.message').querySelector('.message__line').focus()"
    )
    for _ in range(30):
        press(page, "Tab")
        if page.evaluate("document.activeElement.matches('iframe')"):
            break
    assert page.evaluate("document.activeElement.matches('iframe')")
    press(page, "Shift+Tab")
    page.wait_for_function("() => !document.activeElement.matches('iframe')")
    text.click(position={"x": 2, "y": 8})
    page.mouse.move(5, 5)
    page.wait_for_function("() => !document.activeElement.matches('iframe')")
    press(page, "e")
    expect(row(page, "framed")).to_have_count(0)


def test_messages_of_a_conversation_are_walked_and_folded(inbox: Mailbox, open_page: Any) -> None:
    first = "From: Ben <ben@example.net>\r\nTo: box@example.org\r\nSubject: talk\r\nMessage-ID: <a@x>\r\n\r\nfirst\r\n"
    second = first.replace("<a@x>", "<b@x>\r\nIn-Reply-To: <a@x>\r\nReferences: <a@x>").replace("first", "second")
    make_email_from_bytes(inbox, first.encode())
    make_email_from_bytes(inbox, second.encode())
    page = open_page()
    press(page, "j", "o")
    messages = page.locator("#reading details.message")
    expect(messages).to_have_count(2)
    press(page, ":")
    expect(page.locator("#reading details.message[open]")).to_have_count(0)
    focused = (
        "at => [...document.querySelectorAll('#reading .message > summary')].indexOf(document.activeElement) === at"
    )
    press(page, "p", "p")
    page.wait_for_function(focused, arg=0)
    press(page, "n")
    page.wait_for_function(focused, arg=1)
    press(page, "p", "Enter")
    expect(messages.first).to_have_attribute("open", "")
    press(page, ";")
    expect(page.locator("#reading details.message[open]")).to_have_count(2)
    press(page, "u")
    expect(page.locator("#reading .thread")).to_have_count(0)
    expect_row_focus(page, "talk")


def focus_is_somewhere(page: Page) -> None:
    page.wait_for_function("() => document.activeElement && document.activeElement !== document.body")


def test_twenty_messages_are_sorted_by_keyboard_alone(inbox: Mailbox, alice: User, open_page: Any) -> None:
    """Open, archive, label, move, undo, search, select all that match: no pointer, and the focus is never lost."""
    Label.objects.create(user=alice, name="Travel", keyword="travel")
    for number in range(20):
        deliver(inbox, f"mail {number:02}", who="shop" if number < 6 else "ben")
    page = open_page()
    listed = page.locator("#rows > .row")
    expect(listed).to_have_count(20)

    press(page, "j", "Enter")
    expect(page.locator("#thread-subject")).to_have_text("mail 19")
    page.evaluate(WATCH)
    press(page, "e")
    expect(listed).to_have_count(19)
    focus_is_somewhere(page)
    press(page, "u")
    expect(page.locator("#reading .thread")).to_have_count(0)
    expect_row_focus(page, "mail 18")

    press(page, "#")
    expect(listed).to_have_count(18)
    expect_row_focus(page, "mail 17")
    expect(page.locator(".toast__text")).to_contain_text("Moved to Trash")
    press(page, "z")
    expect(listed).to_have_count(19)
    expect_row_focus(page, "mail 18")

    press(page, "x", "Shift+J")
    expect(page.locator(".row__check:checked")).to_have_count(2)
    press(page, "l")
    expect(page.locator("#picker-list [role=option]").first).to_be_visible()
    page.keyboard.type("trav")
    press(page, "Enter")
    expect(page.locator(".row .chip", has_text="Travel")).to_have_count(2)
    focus_is_somewhere(page)

    press(page, "v")
    expect(page.locator("#picker-list [role=option]").first).to_be_visible()
    page.keyboard.type("proj")
    press(page, "Enter")
    expect(listed).to_have_count(17)
    focus_is_somewhere(page)

    press(page, "j", "s")
    expect(page.locator(".row--starred")).to_have_count(1)
    press(page, "Shift+I")
    expect(page.locator(".row:focus-within.row--unread")).to_have_count(0)

    press(page, "/")
    assert page.evaluate("window.fallen") == []
    page.keyboard.type("from:shop")
    press(page, "Enter")
    page.wait_for_url("**/mail/search?*")
    expect(listed).to_have_count(6)
    press(page, "Escape")
    page.locator("#rows .row__link").first.wait_for()
    page.evaluate("document.activeElement.blur()")
    press(page, "j", "*", "a", "*", "a", "e")
    expect(page.locator(".toast__text")).to_contain_text("6 conversations")
    focus_is_somewhere(page)
    press(page, "g", "i")
    page.wait_for_url("**/mail/inbox*")
    expect(listed).to_have_count(11)
    assert Email.objects.filter(mailbox_rows__mailbox__role="archive").count() == 7
    assert Email.objects.filter(mailbox_rows__mailbox__name="Projects").count() == 2
    assert Email.objects.filter(keyword_rows__keyword="travel").count() == 2
