"""All that is read, found and organised works in a browser that runs no scripts (issue 6, ux section 1)."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from tests.factories import (
    PASSWORD,
    make_account,
    make_email_from_bytes,
    make_headers,
    make_item,
    make_mailbox,
    make_user,
)
from webmail.store import ingest
from webmail.store.models import Email, Label, Mailbox

pytestmark = pytest.mark.browser

RAW = "From: Ben <ben@example.net>\r\nTo: box@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.net>\r\n\r\nThe body of {subject}.\r\n"
MANY = 120


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    for name, role in (("Archive", "archive"), ("Trash", "trash"), ("Junk", "junk"), ("Projects", "")):
        make_mailbox(account, name, role=role)
    Label.objects.create(user=alice, name="Bills", keyword="bills", color=3)
    inbox = make_mailbox(account, "Inbox", role="inbox")
    old = [make_item(inbox, headers=make_headers(subject=f"old{number}"), minutes=-number) for number in range(MANY)]
    ingest.ingest_emails(account.pk, old)
    for minute, subject in enumerate(("one", "two", "three", "four", "five", "six")):
        make_email_from_bytes(inbox, RAW.format(subject=subject).encode(), minutes=10 + minute)
    return inbox


@pytest.fixture
def page(inbox: Mailbox, alice: User, open_context: Any) -> Page:
    """Signed in by the form."""
    page: Page = open_context(java_script_enabled=False)
    page.goto("/mail/inbox")
    page.locator("[name=login]").fill(alice.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/mail/inbox")
    return page


def row(page: Page, subject: str) -> Locator:
    return page.locator("#rows > .row", has=page.locator(f".row__subject:text-is('{subject}')"))


def mailboxes_of(subject: str) -> set[str]:
    return set(Email.objects.get(subject=subject).mailbox_rows.values_list("mailbox__name", flat=True))


def test_mail_is_read_found_and_organised(page: Page, alice: User) -> None:
    # The list, its next page and back.
    expect(page.locator("#rows > .row").first.locator(".row__subject")).to_have_text("six")
    page.locator("[rel=next]").click()
    page.wait_for_url("**at=*")
    expect(page.locator("#rows > .row").first.locator(".row__subject")).to_have_text("old44")
    page.locator("[rel=prev]").click()
    expect(row(page, "six")).to_have_count(1)

    # Opened, then each act from where it stands.
    row(page, "six").locator(".row__link").click()
    expect(page.locator("#thread-subject")).to_have_text("six")
    expect(page.locator(".thread")).to_contain_text("The body of six.")
    assert Email.objects.get(subject="six").keyword_rows.filter(keyword="$seen").exists()
    page.goto("/mail/inbox")
    row(page, "five").locator(".row__star").click()
    expect(row(page, "five").locator(".row__star")).to_have_attribute("value", "unstar " + _id(row(page, "five")))
    row(page, "five").hover()
    row(page, "five").locator("button[value^='archive ']").click()
    expect(row(page, "five")).to_have_count(0)
    assert mailboxes_of("five") == {"Archive"}
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(row(page, "five")).to_have_count(1)
    assert mailboxes_of("five") == {"Inbox"}
    row(page, "four").hover()
    row(page, "four").locator("button[value^='delete ']").click()
    expect(row(page, "four")).to_have_count(0)
    assert mailboxes_of("four") == {"Trash"}

    # Several at once: a label and a move through their pages.
    for subject in ("three", "two"):
        row(page, subject).locator(".row__check").check()
    page.locator(".list__bar [data-picker=label]").click()
    page.get_by_role("button", name="Bills").click()
    expect(row(page, "two").locator(".chip")).to_have_text("Bills")
    expect(row(page, "three").locator(".chip")).to_have_text("Bills")
    for subject in ("three", "two"):
        row(page, subject).locator(".row__check").check()
    page.locator(".list__bar [data-picker=move], .list__bar [formaction*=pick][value=move]").first.click()
    page.locator("main").get_by_role("button", name="Projects").click()
    expect(row(page, "two")).to_have_count(0)
    assert mailboxes_of("two") == mailboxes_of("three") == {"Projects"}

    # Search, and one that is not understood.
    page.locator("#q").fill("label:bills")
    page.locator("#q").press("Enter")
    expect(page.locator("#rows > .row")).to_have_count(2)
    page.locator("#q").fill("before:yesterdayish")
    page.locator("#q").press("Enter")
    expect(page.locator(".search-fault mark")).to_have_text("yesterdayish")


def test_mailboxes_settings_and_signing_out(page: Page, alice: User, inbox: Mailbox) -> None:
    page.goto(f"/settings/accounts/{inbox.account.public_id}/mailboxes")
    page.locator("main [name=name]").first.fill("Receipts")
    page.locator("main").get_by_role("button", name="Make mailbox").click()
    expect(page.locator("main")).to_contain_text("Receipts")
    assert Mailbox.objects.filter(name="Receipts").exists()
    page.goto("/settings/appearance")
    page.locator("main [name=theme][value=dark]").first.check(force=True)
    page.locator("main").get_by_role("button", name="Save").first.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/activity")
    expect(page.locator("main h1")).to_be_visible()
    page.goto("/accounts/logout/")
    page.get_by_role("button", name="Sign out").last.click()
    page.goto("/mail/inbox")
    expect(page.locator("[name=password]")).to_be_visible()


def _id(found: Locator) -> str:
    return found.get_attribute("data-id") or ""
