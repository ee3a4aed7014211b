"""Receipts and reports with scripts: nothing leaves until the message is shown, answers renew the notice in place."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.models import ReceiptPolicy, User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.outbox.letters import make_raw
from tests.outbox.returned_mail import NO_SUCH_USER, delivery_report, receive, sent
from tests.web.browser.conftest import Faults
from webmail.mime.addresses import Address
from webmail.outbox.models import Kind, Submission
from webmail.outbox.queue import known
from webmail.store.emails import keywords_of
from webmail.store.models import Email

pytestmark = pytest.mark.browser

BOB = "bob@example.org"


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


def asking(user: User) -> Email:
    inbox = make_mailbox(make_account(user), role="inbox")
    return make_email_from_bytes(
        inbox, make_raw(Subject="Contract", Disposition_Notification_To=BOB, Return_Path=f"<{BOB}>")
    )


def test_a_receipt_is_sent_when_the_person_says_so(alice: User, open_context: Any, faults: Faults) -> None:
    email = asking(alice)
    page = open_context(alice)
    page.goto("/mail/inbox")
    page.locator(".row__link").click()
    expect(page.get_by_text("asks to be told that you have opened this message")).to_be_visible()
    assert not Submission.objects.exists()
    page.get_by_role("button", name="Send receipt").click()
    expect(page.get_by_text("The sender is told that you have opened this message.")).to_be_visible()
    assert Submission.objects.get().kind == Kind.RECEIPT
    assert "$mdnsent" in keywords_of([email.pk])[email.pk]
    page.reload()
    expect(page.get_by_text("asks to be told")).to_have_count(0)
    assert faults == []


def test_for_people_written_to_it_is_sent_once_the_message_is_shown(
    alice: User, open_context: Any, faults: Faults
) -> None:
    User.objects.filter(pk=alice.pk).update(receipts=ReceiptPolicy.CONTACTS)
    known.remember(alice, [Address("", BOB)])
    asking(alice)
    page = open_context(alice)
    page.goto("/mail/inbox")
    expect(page.locator(".row__link")).to_be_visible()
    assert not Submission.objects.exists()
    page.locator(".row__link").click()
    expect(page.get_by_text("The sender is told that you have opened this message.")).to_be_visible()
    assert Submission.objects.get().kind == Kind.RECEIPT
    assert faults == []


def test_a_bounce_leads_to_the_message_and_to_writing_it_again(alice: User, open_context: Any, faults: Faults) -> None:
    account = make_account(alice)
    submission = sent(account, subject="Contract", text="precious")
    copy = make_email_from_bytes(
        make_mailbox(account, "Sent", role="sent"),
        make_raw(From=account.address, Subject="Contract", Message_ID=f"<{submission.message_id}>"),
    )
    bounce = receive(account, delivery_report(message_id=submission.message_id))
    page = open_context(alice)
    page.goto(f"/mail/m/{bounce.public_id}")
    page.get_by_role("link", name="Show the message").click()
    page.wait_for_url(f"**/mail/m/{copy.public_id}")
    block = page.locator(".came-back")
    expect(block).to_contain_text("This message did not arrive")
    expect(block.get_by_text(NO_SUCH_USER[:9])).to_be_hidden()
    block.get_by_text("What the server said").click()
    expect(block.get_by_text(NO_SUCH_USER[:9])).to_be_visible()
    block.get_by_role("button", name="Write again").click()
    page.wait_for_url("**/compose/*")
    expect(page.locator("[name=subject]")).to_have_value("Contract")
    assert faults == []
