"""axe finds nothing on any page and state, in both themes (ux section 10, WCAG 2.2 AA).

Each state is looked at with all rules in light, then with the rules about colours in dark: the elements are the same. The
scripts of a test run outside of what the Content-Security-Policy says about a page's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts import services
from accounts.models import AccountState, MailAccount, User
from tests.attached_files import CARD, INVITATION, PROGRAM, message_with, pdf, png
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from webmail.outbox.models import Phase, Submission
from webmail.outbox.queue import submit
from webmail.outbox.writing import drafts
from webmail.store.models import Email, Label, Mailbox, SavedSearch

pytestmark = pytest.mark.browser

Look = Callable[[Page], None]
PHONE = {"width": 390, "height": 844}
TEXT = (
    "From: {name} <{name}@example.net>\r\nTo: box@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.net>\r\n"
    "{more}\r\n{body}\r\n"
)
HTML = "MIME-Version: 1.0\r\nContent-Type: text/html\r\n"
PHISHING = (
    '<p>Dear customer</p><a href="https://evil.example.com/login">https://www.bank.example/login</a>'
    '<img src="https://shop.example.com/banner.png" width="300" height="80" alt="Spring sale">'
)
RUN = """async rules => {
  await Promise.all(document.getAnimations().map(one => one.finish?.call(one)).filter(Boolean));
  const found = await axe.run(document, { resultTypes: ["violations"], iframes: false, ...rules });
  return found.violations.flatMap(fault => fault.nodes.map(node =>
    `${fault.id} ${node.target.join(" ")}: ${node.any.concat(node.all, node.none).map(one => one.message).join("; ")}`));
}"""
COLORS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


def faults_of(page: Page) -> list[str]:
    """What axe says against this page as it is, in both themes."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = []
    for scheme, rules in (("light", {}), ("dark", COLORS)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        found += [f"{page.url} {scheme}: {fault}" for fault in page.evaluate(RUN, rules)]
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return found


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def account(alice: User) -> MailAccount:
    account = make_account(alice)
    for name, role in (("Archive", "archive"), ("Trash", "trash"), ("Junk", "junk"), ("Projects", "")):
        make_mailbox(account, name, role=role)
    Label.objects.create(user=alice, name="Important people", keyword="people", color=3)
    SavedSearch.objects.create(user=alice, name="Bills", query="subject:invoice")
    return account


@pytest.fixture
def inbox(account: MailAccount) -> Mailbox:
    return make_mailbox(account, "Inbox", role="inbox")


def deliver(
    inbox: Mailbox, subject: str, *, name: str = "ben", body: str = "Hello.", more: str = "", **fields: Any
) -> Email:
    raw = TEXT.format(subject=subject, name=name, body=body, more=more).encode()
    return make_email_from_bytes(inbox, raw, **fields)


@pytest.fixture
def mail(inbox: Mailbox) -> dict[str, Email]:
    """One message of each sort that is shown in its own way."""
    reply = "In-Reply-To: <plain@example.net>\r\n"
    files = (
        ("holiday.png", "image/png", png()),
        ("plan.pdf", "application/pdf", pdf()),
        ("meeting.ics", "text/calendar", INVITATION),
        ("dora.vcf", "text/vcard", CARD),
        ("invoice.pdf.exe", "application/octet-stream", PROGRAM),
    )
    return {
        "plain": deliver(inbox, "plain", body="Hello,\r\nsee https://example.net/a\r\n-- \r\nBen"),
        "thread": deliver(inbox, "reply", name="cem", more=reply, keywords=["$seen", "people", "$flagged"]),
        "html": deliver(inbox, "html", more=HTML, body="<h1>News</h1><p>Read this.</p>"),
        "phishing": deliver(inbox, "phishing", more=HTML, body=PHISHING, name="security"),
        "files": make_email_from_bytes(inbox, message_with(*files)),
    }


@pytest.fixture
def scan(mail: dict[str, Email]) -> Iterator[Look]:
    """`scan(page)` looks; nothing may have been found when the test is over."""
    found: list[str] = []

    def look(page: Page) -> None:
        found.extend(faults_of(page))

    yield look
    assert not found, "\n".join(found)


def test_lists_rows_selections_menus_and_overlays(scan: Look, alice: User, open_context: Any) -> None:
    page: Page = open_context(alice)
    page.goto("/mail/inbox")
    scan(page)
    page.keyboard.press("j")
    page.locator("#rows > .row").nth(1).hover()
    scan(page)
    page.locator("#rows > .row .row__check").first.check()
    expect(page.locator(".list__count")).to_have_text("1 selected")
    scan(page)
    for keys in ("v", "l"):
        page.keyboard.press(keys)
        expect(page.locator("dialog[open]")).to_be_visible()
        scan(page)
        page.keyboard.press("Escape")
        expect(page.locator("dialog[open]")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    scan(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.locator("dialog[open]")).to_be_visible()
    scan(page)


def test_conversations_messages_and_files(scan: Look, mail: dict[str, Email], alice: User, open_context: Any) -> None:
    page: Page = open_context(alice)
    for name in ("plain", "html", "phishing", "files"):
        page.goto(f"/mail/inbox?t={mail[name].thread.public_id}")
        expect(page.locator("#thread-subject")).to_be_visible()
        scan(page)
    plain, files = mail["plain"].public_id, mail["files"].public_id
    for address in (
        *(f"{files}/view/{part}" for part in range(2, 7)),
        f"{plain}/source",
        f"{plain}/headers",
        f"{plain}/print",
    ):
        answer = page.goto(f"/mail/m/{address}")
        assert answer is not None
        assert answer.status == 200, address
        scan(page)


def test_searches_activity_and_empty_lists(scan: Look, mail: dict[str, Email], alice: User, open_context: Any) -> None:
    page: Page = open_context(alice)
    for query in ("from:ben hello", "in:nowhere from:", "nothingatall from:ben", "-label:people"):
        page.goto(f"/mail/search?q={query}")
        scan(page)
    page.locator("#q").fill("")
    page.locator("#q").press_sequentially("fr")
    expect(page.locator("#q-suggest [role=option]").first).to_be_visible()
    scan(page)
    page.goto("/mail/inbox?t=" + mail["plain"].thread.public_id)
    page.keyboard.press("e")
    expect(page.locator(".toast")).to_be_visible()
    scan(page)
    for address in (
        "/activity",
        "/mail/junk",
        "/mail/starred",
        "/mail/drafts",
        "/mail/scheduled",
        "/nowhere",
        "/mail/all",
    ):
        page.goto(address)
        scan(page)


def test_writing_and_the_outbox(scan: Look, account: MailAccount, alice: User, open_context: Any) -> None:
    page: Page = open_context(alice)
    draft = drafts.create_draft(account)
    given = drafts.DraftFields(to="Ben <ben@example.net>", subject="Plan", text="See the attached file.")
    draft = drafts.save_draft(draft, fields=given, expected_revision=None)
    page.goto(f"/compose/{draft.public_id}")
    scan(page)
    submission = submit.submit_draft(draft, user=alice, idempotency_key="key")
    page.goto("/outbox")
    scan(page)
    Submission.objects.update(phase=Phase.FAILED, last_reply="550 No such user")
    for address in ("/outbox", f"/outbox/{submission.public_id}"):
        page.goto(address)
        scan(page)


def test_settings_and_what_comes_before_signing_in(
    scan: Look, account: MailAccount, alice: User, open_context: Any
) -> None:
    page: Page = open_context(alice)
    mailbox = Mailbox.objects.get(name="Projects")
    label, search = Label.objects.get(), SavedSearch.objects.get()
    addresses = [
        *map(
            reverse,
            ("settings_accounts", "settings_reading", "settings_sending", "settings_appearance", "settings_language"),
        ),
        *map(
            reverse, ("settings_passwords", "settings_keys", "settings_organising", "settings_notifications", "connect")
        ),
        *(
            reverse(name, args=[account.public_id])
            for name in ("account_settings", "account_servers", "account_reading", "account_sending")
        ),
        *(
            reverse(name, args=[account.public_id])
            for name in ("mailbox_settings", "account_fetching", "account_delete", "identity_new")
        ),
        reverse("mailbox_edit", args=[mailbox.public_id]),
        reverse("mailbox_delete", args=[mailbox.public_id]),
        reverse("label_edit", args=[label.public_id]),
        reverse("label_delete", args=[label.public_id]),
        reverse("saved_search", args=[search.public_id]),
        reverse("connect") + "?address=ben@example.org",
        reverse("account_logout"),
    ]
    for address in addresses:
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        scan(page)
    out: Page = open_context()
    out.goto(reverse("account_login"))
    scan(out)
    out.locator("[name=login]").fill("nobody@example.org")
    out.locator("[name=password]").fill("wrong")
    out.get_by_role("button", name="Sign in").click()
    expect(out.locator("[role=alert]").first).to_be_visible()
    scan(out)


def test_troubles_a_first_synchronisation_no_network_and_the_end_of_a_session(
    scan: Look, inbox: Mailbox, alice: User, open_context: Any
) -> None:
    page: Page = open_context(alice)
    Mailbox.objects.filter(pk=inbox.pk).update(remote_total=48_000, backfill_uid=900)
    page.goto("/mail/inbox")
    expect(page.locator("[data-first-sync]")).to_be_visible()
    scan(page)
    services.set_state(inbox.account, AccountState.AUTH_FAILED, reason="The server refuses the user name or password.")
    page.goto("/mail/inbox")
    page.locator("[data-trouble=refused]").get_by_text("Sign in again", exact=True).click()
    page.locator("#sync-state > summary").click()
    scan(page)
    page.context.set_offline(True)
    expect(page.locator("#offline-bar")).to_be_visible()
    scan(page)
    page.context.set_offline(False)
    expect(page.locator("#offline-bar")).to_have_count(0)
    page.goto("/mail/inbox")
    page.locator("#rows > .row .row__check").first.check()
    Session.objects.all().delete()
    page.keyboard.press("e")
    expect(page.locator("#session-sheet")).to_be_visible()
    scan(page)


def test_phones(scan: Look, mail: dict[str, Email], alice: User, account: MailAccount, open_context: Any) -> None:
    page: Page = open_context(alice, viewport=PHONE, has_touch=True, is_mobile=True)
    draft = drafts.create_draft(account)
    thread = mail["files"].thread.public_id
    for address in (
        "/mail/inbox",
        f"/mail/inbox?t={thread}",
        "/mail/search?q=hello",
        "/settings/",
        f"/compose/{draft.public_id}",
    ):
        page.goto(address)
        scan(page)


@pytest.mark.parametrize("language", ["de", "ar"])
def test_other_languages(scan: Look, mail: dict[str, Email], alice: User, open_context: Any, language: str) -> None:
    alice.language = language
    alice.save()
    page: Page = open_context(alice)
    page.goto(f"/mail/inbox?t={mail['plain'].thread.public_id}")
    expect(page.locator("html")).to_have_attribute("lang", language)
    scan(page)
