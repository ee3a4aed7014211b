"""An open page stays true: new mail, counts, no network, a session that ends, notifications, troubles (ux section 6, features 122, 126)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts import services
from accounts.models import AccountState, MailAccount, User
from tests.factories import PASSWORD, make_headers, make_item
from tests.servers.redis import RedisServer
from tests.web.browser.conftest import Faults
from tests.web.browser.test_mail import alice, deliver, expect_focus_on, inbox, row
from webmail import dispatch
from webmail.store import ingest
from webmail.store.models import Email, Mailbox

__all__ = ["alice", "inbox"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.live]

STATE = "document.getElementById('sync-state').dataset.position"
# Chromium without a window shows no notifications: what the page asks for is written down instead.
NOTIFICATIONS = """
  window.shown = [];
  window.Notification = class { constructor(title, options) { this.title = title; window.shown.push({ title, ...options, made: this }); } close() {} };
  Object.defineProperty(window.Notification, "permission", { get: () => window.consent ?? "granted" });
  window.Notification.requestPermission = async () => { window.consent = "granted"; };
"""


@pytest.fixture(autouse=True)
def ringing(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests rang while nobody listened: that is forgotten."""
    monkeypatch.setattr(dispatch, "_quiet_until", 0.0)


def arrive(mailbox: Mailbox, subject: str) -> Email:
    item = make_item(mailbox, headers=make_headers(subject=subject, from_name="Ben Moore"))
    item = ingest.NewEmail(**{**vars(item), "received_at": timezone.now()})
    return Email.objects.get(pk=ingest.ingest_emails(mailbox.account_id, [item])[0])


def test_new_mail_comes_in_at_the_top_and_is_told_by_a_pill_further_down(
    inbox: Mailbox, alice: User, open_context: Any, faults: Faults
) -> None:
    for number in range(60):
        deliver(inbox, f"old{number}", minutes=-number)
    page: Page = open_context(alice)
    other = page.context.new_page()
    page.goto("/mail/inbox")
    other.goto("/settings/")
    expect(page).to_have_title("(64) Inbox – Pillarbox")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect_focus_on(page, "three")
    arrive(inbox, "fresh")
    expect(row(page, "fresh")).to_have_count(1)
    expect_focus_on(page, "three")
    expect(page).to_have_title("(65) Inbox – Pillarbox")
    # Title, icon and count of every tab.
    page.wait_for_function("() => document.querySelector('link[rel=icon]').href.startsWith('data:image/png')")
    other.wait_for_function("() => document.querySelector('link[rel=icon]').href.startsWith('data:image/png')")
    expect(page.locator("#new-rows")).to_have_count(0)

    scroll = page.locator("#list-scroll")
    scroll.evaluate("pane => { pane.scrollTop = 1500; }")
    page.wait_for_function("() => document.querySelector('#rows > .row[aria-rowindex=\"30\"]')")
    seen = "[...document.querySelectorAll('#rows > .row')].find(row => row.getBoundingClientRect().top > 300)"
    mark = page.evaluate(f"({{ id: {seen}.id, top: {seen}.getBoundingClientRect().top }})")
    arrive(inbox, "fresher")
    arrive(inbox, "freshest")
    expect(page.locator("#new-rows")).to_have_text("2 new")
    moved = page.evaluate("mark => document.getElementById(mark.id).getBoundingClientRect().top - mark.top", mark)
    assert abs(moved) < 2
    page.locator("#new-rows").click()
    expect(row(page, "freshest")).to_be_in_viewport()
    expect(page.locator("#new-rows")).to_have_count(0)
    assert faults == []


def test_acts_without_a_network_wait_with_a_clock_and_are_done_when_it_is_back(
    inbox: Mailbox, alice: User, open_context: Any
) -> None:
    page: Page = open_context(alice)
    page.goto("/mail/inbox")
    page.wait_for_function(f"() => {STATE} !== ''")
    page.context.set_offline(True)
    bar = page.locator("#offline-bar")
    expect(bar).to_contain_text("You are offline since")
    expect(bar).to_contain_text("Showing saved mail.")
    row(page, "two").locator(".row__check").check()
    page.keyboard.press("e")
    expect(bar).to_contain_text("1 change waits.")
    expect(page.locator(".toast--danger")).to_have_count(0)
    expect(row(page, "two").get_by_label("Waits for the network")).to_have_count(1)
    expect(page.locator("#rows > .row")).to_have_count(4)  # the last one as well
    assert page.evaluate("Object.keys(localStorage).some(key => key.startsWith('pillarbox:queue:'))")
    while_away = arrive(inbox, "while away")
    archive = Mailbox.objects.get(role="archive")
    assert not archive.email_rows.exists()
    page.context.set_offline(False)
    expect(bar).to_have_count(0)
    expect(row(page, "two")).to_have_count(0)
    expect(row(page, while_away.subject)).to_have_count(1)
    assert [one.email.subject for one in archive.email_rows.all()] == ["two"]
    assert not page.evaluate("Object.keys(localStorage).some(key => key.startsWith('pillarbox:queue:'))")


def test_a_session_that_ends_is_signed_into_over_the_page_and_what_was_asked_is_done(
    inbox: Mailbox, alice: User, open_context: Any
) -> None:
    page: Page = open_context(alice)
    page.goto("/mail/inbox")
    page.locator("#q").fill("half typed")
    row(page, "two").locator(".row__check").check()
    Session.objects.all().delete()
    page.keyboard.press("e")
    sheet = page.locator("#session-sheet")
    expect(sheet).to_contain_text("You are signed out")
    with page.context.expect_page() as opened:
        sheet.get_by_role("button", name="Sign in").click()
    window = opened.value
    window.locator("[name=login]").fill(alice.email)
    window.locator("[name=password]").fill(PASSWORD)
    window.get_by_role("button", name="Sign in").click()
    expect(sheet).to_have_count(0)
    expect(row(page, "two")).to_have_count(0)
    expect(page.locator("#q")).to_have_value("half typed")
    archive = Mailbox.objects.get(role="archive")
    page.wait_for_function("() => document.querySelectorAll('#rows > .row').length === 3")
    assert [one.email.subject for one in archive.email_rows.all()] == ["two"]


def test_one_tab_notifies_of_new_mail_that_is_not_on_the_screen(
    inbox: Mailbox, alice: User, open_context: Any, faults: Faults
) -> None:
    page: Page = open_context(alice)
    other = page.context.new_page()
    for one in (page, other):
        one.add_init_script(NOTIFICATIONS)
    page.goto("/settings/")
    other.goto("/mail/drafts")
    page.wait_for_function(f"() => {STATE} !== ''")
    email = arrive(inbox, "The plan")
    page.wait_for_function("() => window.shown.length === 1")
    told = page.evaluate("(({ title, body }) => ({ title, body }))(window.shown[0])")
    assert told == {"title": "Ben Moore", "body": "The plan"}
    assert other.evaluate("window.shown.length") == 0
    with page.context.expect_page() as opened:  # what is open here may be half done: the mail opens beside it
        page.evaluate("window.shown[0].made.onclick()")
    expect(opened.value.locator("#thread-subject")).to_have_text("The plan")
    assert email.thread.public_id in opened.value.url
    assert faults == []


def test_troubles_of_accounts_come_and_go_by_themselves_and_a_first_synchronisation_counts_up(
    inbox: Mailbox, alice: User, open_context: Any, faults: Faults
) -> None:
    page: Page = open_context(alice)
    page.clock.install()
    page.goto("/mail/inbox")
    account = MailAccount.objects.get()
    services.set_state(account, AccountState.AUTH_FAILED, reason="The server refuses the user name or password.")
    bar = page.locator("[data-trouble=refused]")
    expect(bar).to_contain_text("refused the password for")
    expect(page.locator("#sync-state > summary")).to_contain_text("1 account needs you")
    bar.get_by_text("Sign in again", exact=True).click()
    bar.get_by_label("Password for").fill("typed")
    arrive(inbox, "meanwhile")
    expect(row(page, "meanwhile")).to_have_count(1)
    expect(bar.get_by_label("Password for")).to_have_value("typed")
    bar.get_by_role("button", name="Sign in", exact=True).click()
    expect(bar).to_contain_text("Asking 127.0.0.1")
    services.set_state(account, AccountState.OK)
    expect(bar).to_have_count(0)

    Mailbox.objects.filter(pk=inbox.pk).update(remote_total=48_000, backfill_uid=900)
    MailAccount.objects.update(last_sync_at=timezone.now() - timedelta(minutes=30))
    arrive(inbox, "listing")
    progress = page.locator("[data-first-sync]")
    expect(progress).to_contain_text("Inbox 6 of 48,000")
    expect(progress).not_to_contain_text("about")
    page.clock.fast_forward(11_000)
    arrive(inbox, "further")
    expect(progress).to_contain_text("Inbox 7 of 48,000 – about")
    assert faults == []
