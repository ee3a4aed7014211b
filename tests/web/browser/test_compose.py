"""Writing with scripts: what is typed survives a dead tab, a dead connection, an ended session and a second window."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from tests.factories import make_account, make_mailbox, make_user
from tests.web.browser.conftest import Faults, Site
from webmail.outbox.models import Draft, DraftAttachment, Submission, Upload
from webmail.outbox.writing import drafts
from webmail.store import blobs

pytestmark = [pytest.mark.browser, pytest.mark.req("R78")]

SAVED = re.compile(r"^Saved \d\d:\d\d$")
OFFLINE = "Not saved: offline, kept on this device"
HOSTILE = '<img src=x onerror="window.hacked = 1">'


@pytest.fixture
def alice(transactional_db: None) -> User:
    user = make_user()
    account = make_account(user)
    make_mailbox(account, "Inbox", role="inbox")
    return user


@pytest.fixture
def draft(alice: User) -> Draft:
    return drafts.create_draft(alice.mail_accounts.get())


@pytest.fixture
def address(draft: Draft) -> str:
    return f"/compose/{draft.public_id}"


@pytest.fixture
def page(alice: User, address: str, open_context: Callable[..., Page]) -> Page:
    page = open_context(alice)
    page.goto(address)
    return page


def text_of(draft: Draft) -> str:
    return Draft.objects.get(pk=draft.pk).text


def write(page: Page, text: str) -> None:
    page.locator("#id_text").press_sequentially(text)


def status(page: Page) -> Any:
    return page.locator("[data-status]")


def bar(page: Page, name: str) -> Any:
    return page.locator(f'[data-name="{name}"]')


def kept(page: Page) -> list[str]:
    """The texts that the browser keeps."""
    found: list[str] = page.evaluate(
        "Object.keys(localStorage).filter(key => key.startsWith('draft:')).map(key => JSON.parse(localStorage[key]).text)"
    )
    return found


def expect_kept(page: Page, text: str) -> None:
    page.wait_for_function(
        "text => Object.keys(localStorage).some(key => key.startsWith('draft:') && JSON.parse(localStorage[key]).text === text)",
        arg=text,
    )


def break_saving(page: Page) -> None:
    """The server is away for saves, and only for them."""
    page.context.route("**/save", lambda route: route.abort())


def die(page: Page) -> None:
    """The tab is gone, and with it every chance to send a last word."""
    page.context.set_offline(True)
    page.close()
    page.context.set_offline(False)


def other_page(page: Page, address: str) -> Page:
    """Another tab of the same browser."""
    tab = page.context.new_page()
    tab.goto(address)
    return tab


def test_first_characters_are_saved_soon_and_nothing_is_saved_without_a_change(page: Page, draft: Draft) -> None:
    saves: list[str] = []
    page.on("request", lambda request: saves.append(request.url) if request.url.endswith("/save") else None)
    write(page, "Hello")
    expect(status(page)).to_have_text(SAVED)
    assert text_of(draft) == "Hello"
    assert kept(page) == []
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.locator("#id_text").press("ArrowLeft")
    page.locator("#id_text").press("Control+s")
    assert len(saves) == 1


def test_a_tab_that_dies_offline_gives_its_text_back(page: Page, draft: Draft, address: str) -> None:
    page.context.set_offline(True)
    write(page, f"Nobody has seen this {HOSTILE}")
    expect(status(page)).to_have_text(OFFLINE)
    die(page)
    assert text_of(draft) == ""

    again = other_page(page, address)
    expect(bar(again, "newer")).to_contain_text("There is newer text on this device, from")
    bar(again, "newer").get_by_text("Show").click()
    expect(bar(again, "newer").locator("pre")).to_have_text(f"Nobody has seen this {HOSTILE}")
    assert again.evaluate("window.hacked") is None
    bar(again, "newer").get_by_role("button", name="Use it").click()
    expect(again.locator("#id_text")).to_have_value(f"Nobody has seen this {HOSTILE}")
    expect(status(again)).to_have_text(SAVED)
    assert text_of(draft) == f"Nobody has seen this {HOSTILE}"
    assert kept(again) == []


def test_text_on_this_device_is_marked_in_the_list_and_can_be_thrown_away(
    page: Page, draft: Draft, address: str
) -> None:
    page.context.set_offline(True)
    write(page, "Rubbish")
    expect_kept(page, "Rubbish")
    die(page)
    again = other_page(page, "/mail/drafts")
    expect(again.locator(f"#row-{draft.public_id}")).to_contain_text("Newer on this device")
    again.locator(f"#row-{draft.public_id} .row__link").click()
    bar(again, "newer").get_by_role("button", name="Throw it away").click()
    expect(bar(again, "newer")).to_have_count(0)
    assert kept(again) == []
    again.reload()
    expect(again.locator("#id_text")).to_have_value("")
    expect(bar(again, "newer")).to_have_count(0)
    again.goto("/mail/drafts")
    expect(again.locator("[data-unsaved]")).to_be_hidden()


def test_what_the_server_has_got_is_not_offered_although_its_answer_was_lost(
    page: Page, draft: Draft, address: str
) -> None:
    def lose_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    page.context.route("**/save", lose_answer)
    write(page, "Arrived")
    expect(status(page)).to_have_text(OFFLINE)
    die(page)
    page.context.unroute("**/save")
    assert text_of(draft) == "Arrived"
    again = other_page(page, address)
    expect(again.locator("#id_text")).to_have_value("Arrived")
    again.wait_for_function("() => !Object.keys(localStorage).some(key => key.startsWith('draft:'))")
    assert bar(again, "newer").count() + bar(again, "parted").count() == 0


@pytest.mark.req("R77")
def test_text_here_and_a_newer_version_on_the_server_are_both_kept(page: Page, draft: Draft, address: str) -> None:
    page.context.set_offline(True)
    write(page, "Mine")
    expect_kept(page, "Mine")
    die(page)
    drafts.save_draft(draft, fields=drafts.DraftFields(text="Theirs"), expected_revision=None)

    again = other_page(page, address)
    expect(again.locator("#id_text")).to_have_value("Theirs")
    bar(again, "parted").get_by_role("button", name="Keep it as a second draft").click()
    again.wait_for_url(lambda url: address not in url)
    expect(again.locator("#id_text")).to_have_value("Mine")
    assert sorted(Draft.objects.values_list("text", flat=True)) == ["Mine", "Theirs"]
    assert kept(again) == []


def test_a_page_that_is_closed_says_its_last_word(page: Page, draft: Draft, address: str) -> None:
    write(page, "Closed at once")
    page.goto("/mail/inbox")
    page.goto(address)
    expect(page.locator("#id_text")).to_have_value("Closed at once")
    assert text_of(draft) == "Closed at once"
    assert bar(page, "newer").count() + bar(page, "parted").count() == 0


def test_what_could_not_be_saved_is_saved_when_the_connection_is_back(page: Page, draft: Draft) -> None:
    page.context.set_offline(True)
    write(page, "Under the mountain")
    expect(status(page)).to_have_text(OFFLINE)
    page.context.set_offline(False)
    expect(status(page)).to_have_text(SAVED)
    assert text_of(draft) == "Under the mountain"


def test_nothing_is_sent_offline_and_the_page_stays(page: Page) -> None:
    page.locator("#id_to").fill("ben@example.net")
    page.context.set_offline(True)
    page.locator('button[value="send"]').click()
    expect(status(page)).to_have_text("Not sent: offline. Your text is kept on this device.")
    expect(page.locator("#id_to")).to_have_value("ben@example.net")
    page.context.set_offline(False)
    page.locator('button[value="send"]').click()
    page.wait_for_url("**/mail/**")
    assert Submission.objects.get().recipients.get().email == "ben@example.net"


def test_session_that_ends_while_writing_loses_nothing(
    page: Page, alice: User, draft: Draft, site: Site, open_context: Callable[..., Page]
) -> None:
    Session.objects.all().delete()
    write(page, "Still here")
    expect(bar(page, "signed-out")).to_contain_text("saved as soon as you have signed in again")
    expect(status(page)).to_have_text("Not saved: signed out, kept on this device")
    expect(page.locator("#id_text")).to_have_value("Still here")
    link = bar(page, "signed-out").get_by_role("link", name="Sign in")
    assert link.get_attribute("target") == "_blank"
    assert text_of(draft) == ""
    # Signed in again, in another tab: the session and its token are new.
    fresh = open_context(alice).context.cookies()
    page.context.clear_cookies()
    page.context.add_cookies(fresh)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(status(page)).to_have_text(SAVED)
    expect(bar(page, "signed-out")).to_have_count(0)
    assert text_of(draft) == "Still here"


def test_text_of_an_ended_session_is_there_after_signing_in_again(
    page: Page, alice: User, draft: Draft, address: str, open_context: Callable[..., Page]
) -> None:
    Session.objects.all().delete()
    write(page, "Before the weekend")
    expect(bar(page, "signed-out")).to_be_visible()
    die(page)
    login = other_page(page, address)
    login.wait_for_url("**/login/**")
    cookies = open_context(alice).context.cookies()
    page.context.clear_cookies()
    page.context.add_cookies(cookies)
    login.goto(address)
    bar(login, "newer").get_by_role("button", name="Use it").click()
    expect(status(login)).to_have_text(SAVED)
    assert text_of(draft) == "Before the weekend"


def test_somebody_else_who_signs_in_gets_nothing(
    page: Page, draft: Draft, site: Site, open_context: Callable[..., Page]
) -> None:
    Session.objects.all().delete()
    write(page, "For nobody else")
    expect(bar(page, "signed-out")).to_be_visible()
    bob = make_user("bob")
    make_mailbox(make_account(bob), "Inbox", role="inbox")
    cookies = open_context(bob).context.cookies()
    page.context.clear_cookies()
    page.context.add_cookies(cookies)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(bar(page, "another")).to_contain_text("Somebody else is signed in")
    assert kept(page) == []
    tab = other_page(page, "/mail/inbox")
    assert kept(tab) == []
    assert text_of(draft) == ""


def test_copies_of_another_user_go_as_soon_as_a_page_is_loaded(page: Page, open_context: Callable[..., Page]) -> None:
    break_saving(page)
    write(page, "Secret")
    expect_kept(page, "Secret")
    bob = make_user("bob")
    make_mailbox(make_account(bob), "Inbox", role="inbox")
    cookies = open_context(bob).context.cookies()
    page.context.clear_cookies()
    page.context.add_cookies(cookies)
    tab = other_page(page, "/mail/inbox")
    assert kept(tab) == []


def test_signing_out_in_any_tab_clears_what_is_kept(page: Page, site: Site) -> None:
    break_saving(page)
    write(page, "Secret")
    expect_kept(page, "Secret")
    tab = other_page(page, "/mail/inbox")
    assert kept(tab) == ["Secret"]
    tab.locator(".topbar [popovertarget=me]").click()
    tab.get_by_role("button", name="Sign out").click()
    tab.wait_for_url("**/login/**")
    assert kept(tab) == []
    # The page that is still open keeps nothing more for the next person.
    write(page, " more")
    expect(status(page)).to_have_class(re.compile("is-bad"))
    assert kept(page) == []
    tab.reload()
    assert kept(tab) == []


@pytest.mark.req("R77")
@pytest.mark.fault("F12")
@pytest.mark.parametrize("answer", ["fork", "other", "mine"])
def test_two_windows_with_one_draft(page: Page, draft: Draft, address: str, answer: str) -> None:
    second = other_page(page, address)
    write(page, "first window")
    expect(status(page)).to_have_text(SAVED)
    write(second, f"second window {HOSTILE}")
    expect(bar(second, "conflict")).to_contain_text("changed in another window at")
    assert text_of(draft) == "first window"
    second.locator('button[value="send"]').click()
    assert not Submission.objects.exists()
    bar(second, "conflict").get_by_text("Show").click()
    expect(bar(second, "conflict").locator("pre")).to_have_text("first window")
    expect(second.locator("#id_text")).to_have_value(f"second window {HOSTILE}")
    if answer == "fork":
        bar(second, "conflict").get_by_role("button", name="Keep mine as a second draft").click()
        second.wait_for_url(lambda url: address not in url)
        expect(second.locator("#id_text")).to_have_value(f"second window {HOSTILE}")
        texts = sorted(Draft.objects.values_list("text", flat=True))
        assert texts == ["first window", f"second window {HOSTILE}"]
    elif answer == "other":
        bar(second, "conflict").get_by_role("button", name="Take the other").click()
        expect(second.locator("#id_text")).to_have_value("first window")
        write(second, "!")
        expect(status(second)).to_have_text(SAVED)
        second.wait_for_function("() => !Object.keys(localStorage).some(key => key.startsWith('draft:'))")
        assert Draft.objects.count() == 1
    else:
        bar(second, "conflict").get_by_role("button", name="Replace the other with mine").click()
        expect(status(second)).to_have_text(SAVED)
        assert text_of(draft) == f"second window {HOSTILE}"
    assert kept(second) == []


@pytest.mark.req("R77")
def test_sent_in_one_window_while_the_other_goes_on_writing(page: Page, draft: Draft, address: str) -> None:
    second = other_page(page, address)
    page.locator("#id_to").fill("ben@example.net")
    write(page, "Sent")
    page.locator('button[value="send"]').click()
    page.wait_for_url("**/mail/**")
    write(second, "P.S.")
    expect(bar(second, "gone")).to_contain_text("sent or discarded in another window")
    bar(second, "gone").get_by_role("button", name="Keep it as a new draft").click()
    second.wait_for_url(lambda url: "/compose/" in url and address not in url)
    expect(second.locator("#id_text")).to_have_value("P.S.")
    assert Submission.objects.count() == 1
    assert Draft.objects.get().text == "P.S."


def test_page_of_a_draft_that_is_gone_shows_what_this_device_still_has(page: Page, draft: Draft, address: str) -> None:
    page.context.set_offline(True)
    write(page, f"Left behind {HOSTILE}")
    expect_kept(page, f"Left behind {HOSTILE}")
    die(page)
    drafts.discard_draft(draft)
    again = other_page(page, address)
    expect(again.locator("textarea[name=text]")).to_have_value(f"Left behind {HOSTILE}")
    again.get_by_role("button", name="Keep as a new draft").click()
    again.wait_for_url("**/compose/d*")
    expect(again.locator("#id_text")).to_have_value(f"Left behind {HOSTILE}")
    assert kept(again) == []


def test_nothing_is_kept_here_of_what_was_sent_or_discarded(page: Page, alice: User, address: str) -> None:
    page.locator("#id_to").fill("ben@example.net")
    write(page, "Away with it")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/mail/**")
    page.wait_for_function("() => !Object.keys(localStorage).some(key => key.startsWith('draft:'))")
    assert "Away with it" in blobs.read_blob(Submission.objects.get().blob).decode()
    other = drafts.create_draft(alice.mail_accounts.get())
    page.goto(f"/compose/{other.public_id}")
    write(page, "Rubbish")
    page.get_by_role("button", name="Discard").click()
    page.locator("#dialog").get_by_role("button", name="Discard").click()
    page.wait_for_url("**/mail/**")
    assert kept(page) == []
    assert not Draft.objects.exists()


# Files --------------------------------------------------------------------------------------------------------------


def make_file(directory: Path, name: str, size_bytes: int) -> tuple[Path, bytes]:
    content = bytes(range(256)) * (size_bytes // 256 + 1)
    path = directory / name
    path.write_bytes(content[:size_bytes])
    return path, content[:size_bytes]


def items(page: Page) -> Any:
    return page.locator("[data-files] .files__item")


def test_a_broken_connection_costs_a_piece_and_not_the_file(page: Page, draft: Draft, tmp_path: Path) -> None:
    path, content = make_file(tmp_path, "film.bin", 7_000_000)
    small, _ = make_file(tmp_path, "note.txt", 10)
    pieces: list[str] = []

    def break_once(route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        pieces.append(route.request.headers["content-range"])
        if len(pieces) == 2:
            route.abort()
        else:
            route.continue_()

    page.route("**/uploads/**", break_once)
    page.locator("#id_files").set_input_files([path, small])
    expect(items(page)).to_have_count(2, timeout=30_000)
    assert pieces[:3] == ["bytes 0-1999999/7000000", "bytes 2000000-3999999/7000000", "bytes 2000000-3999999/7000000"]
    file = DraftAttachment.objects.get(draft=draft, name="film.bin")
    assert blobs.read_blob(file.blob) == content
    assert not Upload.objects.exists()
    expect(page.locator("[data-room-line]")).to_have_text("7 of 25 MB used")


def test_upload_goes_on_after_signing_in_again(
    page: Page, alice: User, draft: Draft, tmp_path: Path, open_context: Callable[..., Page]
) -> None:
    path, content = make_file(tmp_path, "a.bin", 3_000_000)
    pieces: list[str] = []

    def end_session(route: Route) -> None:
        if route.request.method == "PATCH":
            pieces.append(route.request.headers["content-range"])
            if len(pieces) == 2:
                Session.objects.all().delete()
        route.continue_()

    page.route("**/uploads/**", end_session)
    page.locator("#id_files").set_input_files(path)
    expect(bar(page, "signed-out")).to_be_visible()
    cookies = open_context(alice).context.cookies()
    page.context.clear_cookies()
    page.context.add_cookies(cookies)
    expect(items(page)).to_have_count(1, timeout=30_000)
    expect(bar(page, "signed-out")).to_have_count(0)
    assert blobs.read_blob(DraftAttachment.objects.get(draft=draft).blob) == content


def test_an_answer_that_is_lost_at_the_end_attaches_the_file_once(page: Page, draft: Draft, tmp_path: Path) -> None:
    path, content = make_file(tmp_path, "a.bin", 5_000)
    lost: list[str] = []

    def lose_answer(route: Route) -> None:
        if route.request.method == "PATCH" and not lost:
            lost.append(route.request.url)
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/uploads/**", lose_answer)
    page.locator("#id_files").set_input_files(path)
    expect(items(page)).to_have_count(1, timeout=30_000)
    assert lost
    assert blobs.read_blob(DraftAttachment.objects.get(draft=draft).blob) == content


def test_too_large_a_file_is_refused_before_a_byte_is_sent(page: Page, draft: Draft, tmp_path: Path) -> None:
    drafts.add_attachment(draft, name="a.bin", type="", raw=bytes(18_200_000))
    page.reload()
    expect(page.locator("[data-room-line]")).to_have_text("18.2 of 25 MB used")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/uploads" in request.url else None)
    path, _ = make_file(tmp_path, "big.bin", 9_000_000)
    page.locator("#id_files").set_input_files(path)
    expect(page.locator("#files [data-fault]")).to_have_text(
        "big.bin (9.0 MB) does not fit: of 25 MB that a message may carry, 6.8 MB are left. Remove a file or send a link."
    )
    assert asked == []


def test_sending_waits_for_a_file_on_its_way(page: Page, draft: Draft, tmp_path: Path) -> None:
    path, content = make_file(tmp_path, "slow.bin", 3_000)
    waiting: list[Route] = []
    page.route("**/uploads/**", lambda route: waiting.append(route))
    page.locator("#id_to").fill("ben@example.net")
    page.locator("#id_files").set_input_files(path)
    page.wait_for_function("() => document.querySelector('[data-going] .files__up')")
    page.locator('button[value="send"]').click()
    expect(status(page)).to_have_text("It is sent when the files are there.")
    assert not Submission.objects.exists()
    for route in waiting:
        route.continue_()
    page.unroute("**/uploads/**")
    page.wait_for_url("**/mail/**")
    raw = blobs.read_blob(Submission.objects.get().blob)
    assert b"slow.bin" in raw
    assert base64.b64encode(content)[:76] in raw


def test_a_file_on_its_way_can_be_cancelled_and_one_that_is_there_removed(
    page: Page, draft: Draft, tmp_path: Path
) -> None:
    path, _ = make_file(tmp_path, "a.bin", 3_000)
    page.route("**/uploads/**", lambda route: None if route.request.method == "PATCH" else route.continue_())
    page.locator("#id_files").set_input_files(path)
    page.get_by_role("button", name="Cancel a.bin").click()
    expect(page.locator("[data-going] .files__up")).to_have_count(0)
    page.unroute("**/uploads/**")
    page.locator("#id_files").set_input_files(path)
    expect(items(page)).to_have_count(1)
    page.get_by_role("button", name="Remove a.bin").click()
    expect(items(page)).to_have_count(0)
    expect(page.locator("[data-room-line]")).to_have_text("0 of 25 MB used")
    assert not draft.attachments.exists()


def test_pictures_are_pasted_and_files_are_dropped(page: Page, draft: Draft, faults: Faults) -> None:
    page.evaluate(
        """() => {
            const data = (name, type) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([new Uint8Array([1, 2, 3])], name, { type }));
                return transfer;
            };
            const text = document.getElementById("id_text");
            const options = { bubbles: true, cancelable: true };
            text.dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: data("image.png", "image/png") }));
            text.dispatchEvent(new DragEvent("drop", { ...options, dataTransfer: data("dropped.pdf", "application/pdf") }));
        }"""
    )
    expect(items(page)).to_have_count(2)
    assert set(draft.attachments.values_list("name", "type")) == {
        ("image.png", "image/png"),
        ("dropped.pdf", "application/pdf"),
    }
    assert faults == []
