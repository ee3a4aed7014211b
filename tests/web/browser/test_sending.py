"""Sending with scripts: the countdown and its undo, what follows, times in the browser's zone, and lists that renew themselves."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import MailAccount, User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.browser.conftest import Faults
from webmail import dispatch
from webmail.outbox.models import Draft, Phase, Submission
from webmail.outbox.writing import drafts
from webmail.store.models import Mailbox

pytestmark = pytest.mark.browser

RAW = b"From: Ben Hale <ben@example.net>\r\nTo: box@example.org\r\nSubject: Budget\r\nMessage-ID: <b@example.net>\r\n\r\nHi\r\n"


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def account(alice: User) -> MailAccount:
    account = make_account(alice)
    make_mailbox(account, "Inbox", role="inbox")
    make_mailbox(account, "Archive", role="archive")
    return account


def open_draft(page: Page, account: MailAccount, **fields: Any) -> Draft:
    draft = drafts.create_draft(account)
    given = drafts.DraftFields(**{"to": "Ben Hale <ben@example.net>", "subject": "Lunch", "text": "Hi", **fields})
    draft = drafts.save_draft(draft, fields=given, expected_revision=None)
    page.goto(f"/compose/{draft.public_id}?back=/mail/inbox")
    return draft


def send(page: Page) -> Submission:
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url("**/mail/inbox")
    return Submission.objects.get()


def seconds(page: Page) -> int:
    return int(page.locator(".toast [data-countdown]").inner_text())


@pytest.mark.req("R73")
def test_the_toast_counts_down_and_undo_gives_the_text_back(
    open_context: Any, alice: User, account: MailAccount, faults: Faults
) -> None:
    page = open_context(alice)
    open_draft(page, account, text="Shall we meet at noon?")
    sent = send(page)
    expect(page.locator(".toast__text")).to_have_text(re.compile(r"^\s*Sending to Ben in \d+ s\.\s*$"))
    first = seconds(page)
    assert 7 <= first <= 10
    page.wait_for_function("first => Number(document.querySelector('[data-countdown]').textContent) < first", arg=first)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    page.wait_for_url("**/compose/**")
    expect(page.locator("#id_text")).to_have_value("Shall we meet at noon?")
    sent.refresh_from_db()
    assert sent.phase == Phase.CANCELLED
    assert faults == []


@pytest.mark.req("R73")
def test_when_the_time_is_over_the_toast_says_what_the_server_says(
    open_context: Any, alice: User, account: MailAccount, faults: Faults
) -> None:
    alice.undo_send_s = 1
    alice.save()
    page = open_context(alice)
    open_draft(page, account)
    send(page)
    toast = page.locator(".toast")
    expect(toast).to_contain_text("Sending to Ben …")
    expect(toast.get_by_role("button", name="Undo")).to_have_count(0)
    Submission.objects.update(phase=Phase.ACCEPTED, accepted_at=timezone.now())
    expect(toast).to_contain_text("Sent to Ben.")
    assert faults == []


def test_trouble_replaces_the_toast_and_stays(open_context: Any, alice: User, account: MailAccount) -> None:
    alice.undo_send_s = 1
    alice.save()
    page = open_context(alice)
    open_draft(page, account)
    send(page)
    expect(page.locator(".toast")).to_contain_text("Sending to Ben …")
    Submission.objects.update(phase=Phase.FAILED, last_reply="Not sent. The server said: “550 <b>No such user</b>”")
    expect(page.locator(".toast--danger")).to_contain_text("550 <b>No such user</b>")
    page.locator(".toast").get_by_role("button", name="Close").click()
    expect(page.locator(".toast")).to_have_count(0)


@pytest.mark.req("R74")
@pytest.mark.parametrize(
    ("zone", "wall", "shown", "instant"),
    [
        # The clocks go forward in London on 28 March 2027, and back in New York on 7 November 2027.
        ("Europe/London", "2027-03-28T01:30", "02:30", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        ("America/New_York", "2027-11-07T01:30", "01:30", datetime(2027, 11, 7, 5, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_picked_in_the_zone_of_the_browser_across_the_change_of_clocks(
    open_context: Any,
    alice: User,
    account: MailAccount,
    monkeypatch: pytest.MonkeyPatch,
    zone: str,
    wall: str,
    shown: str,
    instant: datetime,
) -> None:
    now = instant - timedelta(days=3)
    monkeypatch.setattr(timezone, "now", lambda: now)
    page = open_context(alice, timezone_id=zone)
    page.goto("/mail/inbox")  # the first page tells the zone
    open_draft(page, account)
    page.locator(".split summary").click()
    expect(page.locator(".times__zone")).to_contain_text(zone.replace("_", " "))
    expect(page.locator("[data-presets] button")).to_have_count(4)
    page.locator("#send_wall").fill(wall)
    page.get_by_role("button", name="Schedule", exact=True).click()
    page.wait_for_url("**/mail/inbox")
    expect(page.locator(".toast")).to_contain_text(f"at {shown}")
    sent = Submission.objects.get()
    assert (sent.send_zone, sent.send_at, sent.send_wall[11:16]) == (zone, instant, shown)
    page.goto("/outbox?show=scheduled")
    expect(page.locator(".submission")).to_contain_text(f"at {shown}")


@pytest.mark.req("R73")
def test_a_key_sends_and_archives_and_one_undo_brings_both_back(
    open_context: Any, alice: User, account: MailAccount, faults: Faults
) -> None:
    inbox = Mailbox.objects.get(role="inbox")
    draft = drafts.create_draft(account, original=make_email_from_bytes(inbox, RAW), mode="reply")
    page = open_context(alice)
    page.goto(f"/compose/{draft.public_id}?back=/mail/inbox")
    page.locator("#id_text").press("Control+Shift+Enter")
    page.wait_for_url("**/mail/inbox")
    expect(page.locator("#rows > .row")).to_have_count(0)
    expect(page.locator(".toast")).to_contain_text("Archived.")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    page.wait_for_url("**/compose/**")
    page.goto("/mail/inbox")
    expect(page.locator("#rows > .row")).to_have_count(1)
    assert faults == []


@pytest.mark.live
def test_the_outbox_renews_itself_and_keeps_the_focus(
    redis_server: Any,
    open_context: Any,
    alice: User,
    account: MailAccount,
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatch, "_quiet_until", 0.0)  # other tests rang while nobody listened
    page = open_context(alice)
    open_draft(page, account)
    sent = send(page)
    Submission.objects.update(phase=Phase.UNCONFIRMED)
    page.goto("/outbox")
    wait_for_listener(page)
    again = page.get_by_role("button", name="Send again")
    again.focus()
    Submission.objects.filter(pk=sent.pk).update(subject="Dinner")
    dispatch.announce({"user": alice.pk, "account": account.public_id, "changed": {}})
    expect(page.locator(".submission__title")).to_have_text("Dinner")
    expect(again).to_be_focused()
    expect(page.locator("#nav-outbox")).to_contain_text("1")
    Submission.objects.filter(pk=sent.pk).update(phase=Phase.DONE)
    dispatch.announce({"user": alice.pk, "account": account.public_id, "changed": {}})
    expect(page.locator("#nav-outbox")).to_have_count(0)
    expect(page.locator(".outbox__calm")).to_be_visible()
    assert faults == []


def wait_for_listener(page: Page) -> None:
    """Until the stream of the page has subscribed: what is told before is not heard."""
    redis = dispatch.connect_redis()
    for _ in range(100):
        if redis.pubsub_numsub(dispatch.CHANGES_CHANNEL)[0][1]:
            return
        page.wait_for_timeout(100)
    raise AssertionError("nobody listens")


def test_everything_is_there_without_scripts_and_on_a_narrow_phone(
    open_context: Any, alice: User, account: MailAccount
) -> None:
    page = open_context(alice, java_script_enabled=False, viewport={"width": 320, "height": 640})
    open_draft(page, account)
    page.locator(".split summary").click()
    page.get_by_role("button", name=re.compile("^Tomorrow morning")).click()
    expect(page.locator(".toast")).to_contain_text("Leaves tomorrow at 08:00")
    page.goto("/outbox?show=scheduled")
    page.get_by_role("link", name="Reschedule").click()
    page.locator("#send_wall").fill((timezone.now() + timedelta(days=3)).strftime("%Y-%m-%dT09:15"))
    page.get_by_role("button", name="Reschedule", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("at 09:15")
    page.get_by_role("button", name="Send now").click()
    expect(page.locator(".toast")).to_contain_text("On its way")
    assert Submission.objects.get().phase == Phase.QUEUED


@pytest.mark.parametrize("width", [320, 390, 1440])
def test_no_page_of_sending_scrolls_sideways(open_context: Any, alice: User, account: MailAccount, width: int) -> None:
    page = open_context(alice, viewport={"width": width, "height": 844})
    draft = open_draft(page, account, subject="Donaudampfschifffahrtsgesellschaft" * 4, to="x" * 60 + "@example.net")
    page.locator(".split summary").click()
    assert overflow(page) <= 0
    page.locator(".compose__head h1").click()
    page.locator(".compose__foot summary").click()
    assert overflow(page) <= 0
    sent = send(page)
    Submission.objects.update(phase=Phase.UNCONFIRMED)
    assert Draft.objects.filter(pk=draft.pk).count() == 0
    for address in (
        "/outbox",
        f"/outbox/{sent.public_id}",
        "/settings/sending",
        f"/settings/accounts/{account.public_id}/sending",
    ):
        page.goto(address)
        assert overflow(page) <= 0, address


def overflow(page: Page) -> int:
    wide = "Math.max(0, ...[...document.querySelectorAll('.menu__sheet')].filter(one => one.checkVisibility()).map(one => one.getBoundingClientRect().right))"
    found: int = page.evaluate(f"Math.max(document.documentElement.scrollWidth, {wide}) - innerWidth")
    return found
