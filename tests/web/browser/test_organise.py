"""Organising in the browser: the picker by keys and mouse, labels beside the subject, undo, jobs, mute, emptying Trash (ux 4, 8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.factories import make_account, make_mailbox, make_user
from tests.web.browser.conftest import Faults
from tests.web.browser.test_mail import deliver, row
from webmail.journal.actions import selection
from webmail.store.labels import create_label
from webmail.store.models import Email, EmailKeyword, EmailMailbox, Label, Mailbox

pytestmark = pytest.mark.browser


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    for role in ("archive", "trash", "junk"):
        make_mailbox(account, role.title(), role=role)
    for name in ("Projects", "Éducation", "Receipts"):
        make_mailbox(account, name)
    inbox = make_mailbox(account, "Inbox", role="inbox")
    for subject in ("one", "two", "three", "four", "five"):
        deliver(inbox, subject)
    return inbox


@pytest.fixture
def page(inbox: Mailbox, alice: User, open_context: Any, faults: Faults) -> Iterator[Page]:
    page: Page = open_context(alice)
    page.goto("/mail/inbox")
    yield page
    assert faults == []


def names_in(subject: str) -> set[str]:
    rows = EmailMailbox.objects.filter(email__subject=subject).select_related("mailbox")
    return {found.mailbox.name for found in rows}


def lines(page: Page) -> Any:
    return page.locator("#picker-list > .picker__line")


def chosen(page: Page) -> Any:
    return page.locator('#picker-list > [aria-selected="true"] .picker__name')


def expect_focus_in_row(page: Page, subject: str) -> None:
    focused = "document.activeElement.closest('.row')?.querySelector('.row__subject').textContent"
    page.wait_for_function(f"subject => {focused} === subject", arg=subject)


def test_the_picker_moves_by_keys_and_undo_goes_back_two_steps(page: Page) -> None:
    page.keyboard.press("j")
    page.keyboard.press("v")
    expect(page.locator("#picker-title")).to_have_text("Move to")
    expect(page.locator("#picker-list")).not_to_contain_text("Create")
    # Escape leaves everything as it was.
    page.keyboard.press("Escape")
    expect(page.locator("#picker")).to_be_hidden()
    expect_focus_in_row(page, "five")
    # Typing narrows, accents folded; the keys of the page sleep meanwhile; Enter acts and focus goes on.
    page.keyboard.press("v")
    expect(lines(page)).not_to_have_count(0)
    page.keyboard.type("edu")
    expect(chosen(page)).to_have_text("Éducation")
    page.keyboard.press("ArrowDown")
    expect(chosen(page)).to_have_text("Create mailbox “edu”")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(row(page, "five")).to_have_count(0)
    expect(page.locator(".toast__text")).to_have_text("Moved to Éducation")
    expect_focus_in_row(page, "four")
    # The recent target is first now, and is taken by the mouse.
    page.keyboard.press("v")
    expect(lines(page).first).to_contain_text("Éducation")
    expect(lines(page).first).to_contain_text("recent")
    lines(page).first.click()
    expect(row(page, "four")).to_have_count(0)
    expect_focus_in_row(page, "three")
    page.keyboard.press("z")
    expect(row(page, "four")).to_have_count(1)
    expect(page.locator(".toast__text")).to_contain_text("Undone")
    page.keyboard.press("z")
    expect(row(page, "five")).to_have_count(1)
    assert names_in("four") == names_in("five") == {"Inbox"}


def test_labels_are_given_kept_open_made_and_taken_off(page: Page, alice: User) -> None:
    create_label(alice, "Urgent")
    create_label(alice, "Réunion")
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    page.keyboard.press("l")
    expect(lines(page)).to_have_count(2)
    page.keyboard.type("reu")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#picker-input")).to_have_value("")
    expect(page.locator("#picker-input")).to_be_focused()
    expect(lines(page).nth(1)).to_contain_text("given")
    page.keyboard.type("To read")
    expect(chosen(page)).to_have_text("Create label “To read”")
    page.keyboard.press("Enter")
    expect(page.locator("#picker")).to_be_hidden()
    expect(page.locator(".toast__text")).to_have_text("2 conversations labelled To read")
    expect(row(page, "five").locator(".chip")).to_have_text(["Réunion", "To read"])
    assert EmailKeyword.objects.filter(keyword=Label.objects.get(name="Réunion").keyword).count() == 2
    # The open conversation shows its labels, each with a way to take it off.
    row(page, "five").locator(".row__link").click()
    marks = page.locator("#reading-marks .mark")
    expect(marks).to_have_count(2)
    marks.first.locator(".mark__off").click()
    expect(marks).to_have_text(["To read"])
    # In the list of a label, y takes it off.
    page.locator("#reading-marks .mark a").click()
    expect(page.locator("#list-title")).to_have_text("To read")
    expect(row(page, "four")).to_have_count(1)
    row(page, "four").locator(".row__link").focus()
    page.keyboard.press("y")
    expect(row(page, "four")).to_have_count(0)
    expect(page.locator(".toast__text")).to_have_text("Label To read taken off")


def test_copy_goto_and_the_bar_of_what_is_open_use_the_same_picker(page: Page) -> None:
    row(page, "three").locator(".row__link").click()
    expect(page.locator("#thread-subject")).to_have_text("three")
    page.locator("#reading-bar details.menu > summary").click()
    page.locator("#reading-bar [data-picker=copy]").click()
    expect(page.locator("#picker-title")).to_have_text("Copy to")
    page.keyboard.type("proj")
    page.keyboard.press("Enter")
    expect(page.locator(".toast__text")).to_have_text("Copied to Projects")
    expect(row(page, "three")).to_have_count(1)
    assert names_in("three") == {"Inbox", "Projects"}
    page.locator("#reading-bar .thread__wide[data-picker=move]").click()
    page.keyboard.type("New place")
    expect(chosen(page)).to_have_text("Create mailbox “New place”")
    page.keyboard.press("Enter")
    expect(page.locator(".toast__text")).to_have_text("Moved to New place")
    expect(row(page, "three")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("l")
    expect(page.locator("#picker-title")).to_have_text("Go to")
    page.keyboard.type("new pl")
    expect(chosen(page)).to_have_text("New place")
    page.keyboard.press("Enter")
    expect(page.locator("#list-title")).to_have_text("New place")
    expect(row(page, "three")).to_have_count(1)


def test_all_that_match_are_moved_as_a_job_whose_progress_is_shown(
    page: Page, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "FIRST_BATCH", 2)
    for key in ("*", "a", "*", "a"):
        page.keyboard.press(key)
    page.keyboard.press("v")
    expect(lines(page)).not_to_have_count(0)
    page.keyboard.type("receipts")
    expect(chosen(page)).to_have_text("Receipts")
    page.keyboard.press("Enter")
    expect(page.locator(".toast__text")).to_contain_text("5 conversations")
    expect(page.locator("#jobs")).to_be_visible()
    page.locator("#jobs").click()
    expect(page.locator("#activity-jobs")).to_be_visible()
    expect(page.locator(".activity__bar")).to_have_count(1)
    expect(page.locator("#activity .activity__what").first).to_contain_text("5 conversations moved to Receipts")


def test_muting_is_marked_beside_the_subject_and_taken_off_there(page: Page) -> None:
    row(page, "two").locator(".row__link").click()
    expect(page.locator("#thread-subject")).to_have_text("two")
    page.keyboard.press("m")
    expect(page.locator(".toast__text")).to_contain_text("Muted")
    expect(page.locator("#reading-marks")).to_contain_text("Muted")
    assert EmailKeyword.objects.filter(email__subject="two", keyword="$muted").exists()
    page.locator("#reading-marks .mark__off").click()
    expect(page.locator("#reading-marks .mark")).to_have_count(0)
    assert not EmailKeyword.objects.filter(keyword="$muted").exists()
    # One message: its star, and unread from there on, which closes it.
    page.locator(".message__acts [value^=star]").click()
    expect(page.locator(".message__acts .is-starred")).to_have_count(1)
    expect(page.locator("#reading-bar [data-verb=unstar]")).to_have_count(1)
    page.keyboard.press("z")
    expect(page.locator(".message__acts .is-starred")).to_have_count(0)
    page.locator(".message__acts [value^=star]").click()
    expect(page.locator(".message__acts .is-starred")).to_have_count(1)
    page.locator(".message__acts details.menu > summary").click()
    page.locator(".message__acts [data-command=unread_from]").click()
    expect(page.locator(".thread")).to_have_count(0)
    expect(row(page, "two")).to_have_class("row row--unread row--starred")


def test_trash_is_emptied_after_a_question_with_the_number(page: Page) -> None:
    trash = Mailbox.objects.get(role="trash")
    for subject in ("old", "older"):
        deliver(trash, subject)
    page.goto(f"/mail/a/{trash.account.public_id}/m/{trash.public_id}")
    page.locator(".emptying button").click()
    expect(page.locator("#dialog h2")).to_have_text("Delete all 2 messages in Trash for good?")
    page.locator("#dialog [data-close-dialog]").click()
    expect(page.locator("#dialog")).to_be_hidden()
    expect(row(page, "old")).to_have_count(1)
    # What is selected is taken out of Trash instead.
    row(page, "older").locator(".row__check").check()
    page.locator(".list__bar [data-verb=restore]").click()
    expect(row(page, "older")).to_have_count(0)
    expect(page.locator(".toast__text")).to_have_text("Taken out of Trash")
    assert names_in("older") == {"Inbox"}
    page.locator(".emptying button").click()
    expect(page.locator("#dialog h2")).to_contain_text("Delete the message in Trash for good?")
    page.locator("#dialog button[type=submit]").click()
    expect(page.locator("#rows > .row")).to_have_count(0)
    expect(page.locator(".toast__text")).to_contain_text("Trash emptied")
    assert not Email.objects.filter(subject="old").exists() or not names_in("old")
