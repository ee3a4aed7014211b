"""What a person does on the first day, in a real browser, with real servers on both ends."""

from __future__ import annotations

import email
from collections.abc import Iterator
from pathlib import Path

import pytest
from imapclient import IMAPClient
from playwright.sync_api import Browser, Page, expect

from tests.e2e.site import PASSWORD, Site
from tests.servers.dovecot import DovecotServer, MailUser
from tests.servers.postfix import PostfixServer
from tests.servers.process import wait_until

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

LETTER = (
    b"From: Bob <%(bob)s>\r\nTo: Alice <%(alice)s>\r\nSubject: Quarterly report\r\nMessage-ID: <q1@pillarbox.test>\r\n"
    b"Date: Tue, 24 Nov 2026 08:00:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    b"The figures are ready, please have a look.\r\n"
)
PATIENT_MS = 30_000


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that nobody has used."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENT_MS)
    expect.set_options(timeout=PATIENT_MS)
    yield context.new_page()
    context.close()


def test_read_search_flag_move_and_reply_with_an_attachment(
    site: Site, dovecot: DovecotServer, postfix: PostfixServer, page: Page, tmp_path: Path
) -> None:
    """From the first sign-in to the answer in the other person's mailbox; new mail comes in without a reload."""
    alice, bob = dovecot.new_user("alice"), dovecot.new_user("bob")
    person = f"{alice.name}@people.test"
    site.add_user(person)
    site.manage(
        "connect", person, "--address", alice.address, "--password-stdin",
        "--incoming", f"imap+starttls://{alice.name}@localhost:{dovecot.imap_port}",
        "--outgoing", f"smtp+starttls://{alice.name}@localhost:{postfix.port}", stdin=alice.password,
    )  # fmt: skip

    page.goto(site.url)
    page.fill("input[name=login]", person)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()

    dovecot.deliver(alice.name, LETTER % {b"alice": alice.address.encode(), b"bob": bob.address.encode()})
    row = page.locator(".row", has_text="Quarterly report")
    expect(row).to_be_visible()  # the page was not reloaded
    row.locator(".row__link").click()
    expect(page.locator("#reading")).to_contain_text("The figures are ready")
    wait_until(lambda: "\\Seen" in flags_of(dovecot, alice, "INBOX"), what="the read mark on the server")

    page.fill("input[name=q]", "from:bob figures")
    page.press("input[name=q]", "Enter")
    expect(page.locator(".row")).to_have_count(1)
    row = page.locator(".row", has_text="Quarterly report")
    row.locator(".row__star").click()
    wait_until(lambda: "\\Flagged" in flags_of(dovecot, alice, "INBOX"), what="the star on the server")

    page.goto(f"{site.url}/mail/inbox")
    page.locator(".row", has_text="Quarterly report").locator(".row__link").click()
    page.locator("#reading-bar button[data-verb=archive]").click()
    expect(page.locator(".row", has_text="Quarterly report")).to_have_count(0)
    wait_until(lambda: "\\Flagged" in flags_of(dovecot, alice, "Archive"), what="the move on the server")

    page.goto(f"{site.url}/mail/search?q=figures")
    page.locator(".row__link").first.click()
    page.locator("#reading").get_by_role("button", name="Reply", exact=True).first.click()
    page.wait_for_url("**/compose/**")
    report = tmp_path / "räport.csv"
    report.write_bytes(b"a;b\r\n1;2\r\n")
    page.set_input_files("#id_files", report)
    expect(page.locator(".files__name")).to_have_text("räport.csv")
    page.locator("#id_text").press("Control+Home")
    page.locator("#id_text").type("Looks good, Bob.")
    page.locator("button[value=send]").click()
    page.wait_for_url("**/mail/**")

    wait_until(lambda: answers_of(dovecot, bob), what="the answer at the other side", timeout_s=60)
    answer = email.message_from_bytes(answers_of(dovecot, bob)[0])
    assert answer["In-Reply-To"] == "<q1@pillarbox.test>"
    assert answer["Bcc"] is None
    parts = {part.get_filename(): part.get_payload(decode=True) for part in answer.walk() if not part.is_multipart()}
    assert parts["räport.csv"] == b"a;b\r\n1;2\r\n"
    assert b"Looks good, Bob." in parts[None]
    wait_until(lambda: "\\Seen" in flags_of(dovecot, alice, "Sent"), what="the copy in Sent")
    wait_until(lambda: "\\Answered" in flags_of(dovecot, alice, "Archive"), what="the answered mark on the server")


def flags_of(dovecot: DovecotServer, user: MailUser, mailbox: str) -> str:
    """The flags of everything in a mailbox, as one text."""
    with IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False) as client:
        client.login(user.name, user.password)
        client.select_folder(mailbox, readonly=True)
        return b" ".join(flag for flags in client.get_flags("1:*").values() for flag in flags).decode()


def answers_of(dovecot: DovecotServer, user: MailUser) -> list[bytes]:
    """The raw messages in somebody's Inbox."""
    with IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False) as client:
        client.login(user.name, user.password)
        client.select_folder("INBOX", readonly=True)
        return [data[b"BODY[]"] for data in client.fetch("1:*", ["BODY.PEEK[]"]).values()]
