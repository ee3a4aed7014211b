"""How the pages lie on the screen: panes and their borders, densities, phones, gestures, right to left (ux sections 2 to 5 and 10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.browser.conftest import Faults
from webmail.store.models import Email, Mailbox

pytestmark = pytest.mark.browser

WIDE: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
SMALLEST: ViewportSize = {"width": 320, "height": 640}
TEXT = "From: {name} <ben@example.net>\r\nTo: box@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
LONG = "A subject that is far too long for the screen of a telephone and must not be cut when it is read " * 2


def deliver(mailbox: Mailbox, subject: str, *, name: str = "Ben", body: str = "Hello.", **fields: Any) -> Email:
    return make_email_from_bytes(mailbox, TEXT.format(name=name, subject=subject, body=body).encode(), **fields)


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    for name in ("Archive", "Trash", "Junk"):
        make_mailbox(account, name, role=name.lower())
    inbox = make_mailbox(account, "Inbox", role="inbox")
    for subject in ("one", "two", LONG, "four"):
        deliver(inbox, subject)
    return inbox


@pytest.fixture
def wide(inbox: Mailbox, alice: User, open_context: Any) -> Page:
    page: Page = open_context(alice, viewport=WIDE)
    page.goto("/mail/inbox")
    return page


@pytest.fixture
def phone(inbox: Mailbox, alice: User, open_context: Any) -> Iterator[Page]:
    page: Page = open_context(alice, viewport=PHONE, has_touch=True, is_mobile=True)
    page.goto("/mail/inbox")
    yield page
    assert is_without_sideways_scroll(page)


def width_of(page: Page, selector: str) -> int:
    return round(box_of(page.locator(selector))["width"])


def height_of(page: Page, selector: str) -> int:
    return round(box_of(page.locator(selector).first)["height"])


def box_of(part: Locator) -> dict[str, float]:
    """x, y, width and height in px."""
    box = part.bounding_box()
    assert box is not None
    return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}


def is_without_sideways_scroll(page: Page) -> bool:
    """Nothing scrolls sideways: neither the page, nor what fills it, which only hides what is too wide."""
    return bool(
        page.evaluate(
            "[document.documentElement, ...document.querySelectorAll('.app__main, .page, .compose, .list__scroll, .thread__scroll')]"
            ".every(node => node.scrollWidth <= Math.min(innerWidth, node.clientWidth))"
        )
    )


def show(page: Page, **looks: str) -> None:
    page.evaluate(
        "looks => { for (const [name, value] of Object.entries(looks)) document.documentElement.dataset[name] = value; }",
        looks,
    )


def drag_finger(page: Page, row: str, *, by: int, down: int = 0, is_let_go: bool = True) -> None:
    """A finger on the row with this subject moves `by` px to the right (negative: left), then `down`, in steps."""
    page.evaluate(
        """([subject, by, down, isLetGo]) => {
          const row = [...document.querySelectorAll('#rows > .row')].find(one => one.querySelector('.row__subject').textContent === subject);
          const box = row.getBoundingClientRect();
          const target = row.querySelector('.row__link');
          const touch = (x, y) => new Touch({ identifier: 1, target, clientX: box.x + box.width / 2 + x, clientY: box.y + box.height / 2 + y });
          const send = (kind, x, y) => target.dispatchEvent(new TouchEvent(kind, {
            bubbles: true, cancelable: true, touches: kind === 'touchend' ? [] : [touch(x, y)], changedTouches: [touch(x, y)] }));
          send('touchstart', 0, 0);
          for (let step = 1; step <= 8; step += 1) send('touchmove', by * step / 8, 0);
          if (down) send('touchmove', by, down);
          if (isLetGo) send('touchend', by, down);
        }""",
        [row, by, down, is_let_go],
    )


def row(page: Page, subject: str) -> Locator:
    return page.locator("#rows > .row", has=page.locator(f".row__subject:text-is('{subject}')"))


def test_borders_move_by_keys_and_pointer_and_the_device_keeps_them(wide: Page, faults: Faults) -> None:
    """ux 4: sidebar 232 (180 to 320), list 400 (320 to 640), arrow keys by 16 px, a double click for the usual size."""
    assert (width_of(wide, ".sidebar"), width_of(wide, "#list")) == (232, 400)
    between = wide.locator("[data-separator=list]")
    expect(between).to_have_attribute("aria-valuenow", "400")
    between.focus()
    wide.keyboard.press("ArrowRight")
    expect(between).to_have_attribute("aria-valuenow", "416")
    assert width_of(wide, "#list") == 416
    wide.keyboard.press("Home")
    assert width_of(wide, "#list") == 320
    wide.keyboard.press("End")
    assert width_of(wide, "#list") == 640
    sidebar = wide.locator("[data-separator=sidebar]")
    box = box_of(sidebar)
    wide.mouse.move(box["x"] + 3, 500)
    wide.mouse.down()
    wide.mouse.move(box["x"] + 43, 520, steps=4)
    wide.mouse.up()
    assert width_of(wide, ".sidebar") == 272
    wide.reload()
    assert (width_of(wide, ".sidebar"), width_of(wide, "#list")) == (272, 640)
    shift = wide.evaluate("performance.getEntriesByType('layout-shift').reduce((sum, one) => sum + one.value, 0)")
    assert shift < 0.02  # ux 11
    wide.locator("[data-separator=list]").dblclick()
    assert width_of(wide, "#list") == 400
    assert faults == []


def test_the_sidebar_folds_to_icons_and_stays_so(wide: Page) -> None:
    button = wide.locator("[data-behaviour~=sidebar]")
    expect(button).to_have_attribute("aria-expanded", "true")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "false")
    assert width_of(wide, ".sidebar") == 56
    expect(wide.locator("#nav-inbox")).to_have_attribute("title", "Inbox")
    wide.reload()
    assert width_of(wide, ".sidebar") == 56
    wide.set_viewport_size({"width": 1024, "height": 768})
    wide.locator("[data-behaviour~=sidebar]").click()
    expect(wide.locator(".sidebar:popover-open")).to_be_visible()
    wide.keyboard.press("Escape")
    expect(wide.locator(".sidebar:popover-open")).to_have_count(0)


def test_what_is_read_stands_right_below_or_in_place_of_the_list(wide: Page, alice: User) -> None:
    link = row(wide, "two").locator(".row__link").get_attribute("href")
    alice.pane = "below"
    alice.save()
    wide.goto(str(link))
    expect(wide.locator("#list")).to_be_visible()
    listed, read = box_of(wide.locator("#list")), box_of(wide.locator("#reading"))
    assert read["y"] >= listed["y"] + listed["height"] - 1
    below = wide.locator("[data-separator=below]")
    expect(below).to_have_attribute("aria-orientation", "horizontal")
    below.focus()
    wide.keyboard.press("ArrowDown")
    assert height_of(wide, "#list") == 336
    alice.pane = "none"
    alice.save()
    wide.reload()
    expect(wide.locator("#list")).to_be_hidden()
    expect(wide.locator("#thread-subject")).to_have_text("two")
    wide.locator(".thread__back").click()
    expect(wide.locator("#list")).to_be_visible()
    expect(wide.locator("#reading")).to_be_hidden()
    alice.pane = "right"
    alice.save()
    wide.set_viewport_size({"width": 1024, "height": 768})  # too narrow for both
    wide.goto(str(link))
    expect(wide.locator("#list")).to_be_hidden()
    assert width_of(wide, ".sidebar") == 56


def test_rows_have_the_heights_of_their_density_everywhere(wide: Page) -> None:
    """ux 2, the table of row heights."""
    names = ("extra-compact", "compact", "regular", "comfortable")
    for pane, heights in (("right", (32, 44, 52, 76)), ("none", (28, 34, 40, 48)), ("below", (28, 34, 40, 48))):
        for name, height in zip(names, heights, strict=True):
            show(wide, pane=pane, density=name)
            assert height_of(wide, "#rows > .row") == height, (pane, name)
    assert height_of(wide, ".rows__group") == 24
    wide.set_viewport_size(PHONE)
    for name, height in zip(names, (56, 64, 76, 88), strict=True):
        show(wide, phoneDensity=name)
        assert height_of(wide, "#rows > .row") == height, name
        shown = {part: wide.locator(f"#rows > .row .row__{part}").first.is_visible() for part in ("snippet", "avatar")}
        assert shown == {"snippet": name != "extra-compact", "avatar": name in ("regular", "comfortable")}, name


def test_hovering_moves_nothing_and_acts_have_room(wide: Page) -> None:
    """ux 4: the acts cover the date; 28 px targets at the same place in each row."""
    line = row(wide, "two")
    places = "node => [...node.querySelectorAll('.row__people, .row__subject, .row__date')].map(part => { const box = part.getBoundingClientRect(); return [box.x, box.y]; })"
    for density in ("extra-compact", "compact", "regular", "comfortable"):
        show(wide, density=density)
        wide.mouse.move(5, 5)
        before = line.evaluate(places)
        line.hover()
        assert line.evaluate(places) == before, density
        sizes = line.locator(".row__actions .button").evaluate_all(
            "all => all.map(one => [one.offsetWidth, one.offsetHeight])"
        )
        assert sizes == [[28, 28]] * 3, density
        acts, date = box_of(line.locator(".row__actions")), box_of(line.locator(".row__date"))
        assert acts["x"] <= date["x"]


def test_looks_are_changed_at_once_and_kept(wide: Page, alice: User, faults: Faults) -> None:
    wide.locator(".topbar [popovertarget=me]").click()
    with wide.expect_response("**/settings/appearance**"):
        wide.get_by_role("button", name="Dark").click()
    expect(wide.locator("html")).to_have_attribute("data-theme", "dark")
    expect(wide.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    with wide.expect_response("**/settings/appearance**"):
        wide.get_by_role("button", name="Comfortable", exact=True).and_(wide.locator("[name=density]")).click()
    assert height_of(wide, "#rows > .row") == 76
    wide.keyboard.press("Escape")
    expect(wide.locator("#me")).to_be_hidden()
    wide.reload()
    assert wide.evaluate("getComputedStyle(document.body.parentElement).backgroundColor") == "rgb(18, 20, 24)"
    alice.refresh_from_db()
    assert (alice.theme, alice.density) == ("dark", "comfortable")
    assert faults == []


def test_one_pane_at_a_time_on_phones_with_bars_for_the_thumb(phone: Page, faults: Faults) -> None:
    """ux 5."""
    assert phone.evaluate("getComputedStyle(document.querySelector('.list__scroll')).overscrollBehaviorY") == "auto"
    expect(phone.locator(".topbar")).to_be_hidden()
    assert height_of(phone, ".list__head") == 56
    small = "all => all.filter(one => one.offsetParent && (one.offsetWidth < 44 || one.offsetHeight < 44)).map(one => one.outerHTML)"
    assert phone.locator(".list__head .button, .bottombar__item, .row__star").evaluate_all(small) == []
    phone.locator("#rows > .row .row__link", has_text="A subject that").tap()
    expect(phone.locator("#thread-subject")).to_be_visible()
    expect(phone.locator("#list")).to_be_hidden()
    expect(phone.locator(".bottombar")).to_be_hidden()
    assert height_of(phone, "#thread-subject") >= 3 * 24
    assert phone.locator("#thread-subject").evaluate("node => node.scrollHeight <= node.clientHeight + 1")
    bar = phone.locator("#reading-bar")
    assert phone.locator("#reading-bar .button").evaluate_all(small) == []
    box = box_of(bar)
    assert round(box["y"] + box["height"]) == PHONE["height"]
    phone.go_back()
    expect(phone.locator("#list")).to_be_visible()
    phone.locator(".bottombar [popovertarget=me]").tap()
    expect(phone.locator("#me")).to_be_visible()
    phone.keyboard.press("Escape")
    phone.locator(".bottombar [popovertarget=sidebar]").tap()
    expect(phone.locator(".sidebar")).to_be_visible()
    assert faults == []


def test_a_swipe_archives_beyond_two_fifths_and_shows_what_it_will_do(phone: Page, faults: Faults) -> None:
    drag_finger(phone, "two", by=100, is_let_go=False)
    strip = row(phone, "two").locator(".swipe")
    expect(strip).to_have_text("Archive")
    expect(strip).not_to_have_class("swipe swipe--left is-ready")
    drag_finger(phone, "two", by=120)
    expect(row(phone, "two").locator(".swipe")).to_have_count(0)
    drag_finger(phone, "two", by=200, down=20)  # a move downwards takes it back
    expect(row(phone, "two").locator(".swipe")).to_have_count(0)
    expect(row(phone, "two")).to_have_count(1)
    drag_finger(phone, "two", by=200)
    expect(row(phone, "two")).to_have_count(0)
    expect(phone.locator(".toast__text")).to_contain_text("rchived")
    toast, bar = box_of(phone.locator(".toast")), box_of(phone.locator(".bottombar"))
    assert toast["y"] + toast["height"] <= bar["y"]
    drag_finger(phone, "one", by=-200)
    expect(row(phone, "one")).to_have_count(0)
    expect(phone.locator(".toast__text")).to_contain_text("Trash")
    assert Email.objects.get(subject="one").mailbox_rows.get().mailbox.role == "trash"
    phone.emulate_media(reduced_motion="reduce")
    drag_finger(phone, "four", by=200)
    expect(row(phone, "four").locator(".swipe")).to_have_count(0)
    expect(row(phone, "four")).to_have_count(1)
    assert faults == []


def test_a_long_press_selects_and_the_bar_becomes_that_of_the_selection(phone: Page, faults: Faults) -> None:
    drag_finger(phone, "two", by=0, is_let_go=False)
    expect(row(phone, "two").locator(".row__check")).to_be_checked()
    expect(phone.locator(".list__count")).to_have_text("1 selected")
    expect(phone.locator(".bottombar")).to_be_hidden()
    box = box_of(phone.locator(".list__bar"))
    assert round(box["y"] + box["height"]) == PHONE["height"]
    phone.evaluate(
        "document.querySelector('#rows .row__link').dispatchEvent(new TouchEvent('touchend', { bubbles: true }))"
    )
    phone.evaluate("document.querySelector('.list__title').click()")  # the click that follows the finger is spent
    row(phone, "four").locator(".row__link").tap()
    expect(phone.locator(".list__count")).to_have_text("2 selected")
    expect(phone.locator(".thread")).to_have_count(0)
    phone.locator(".list__bar [data-verb=archive]").tap()
    expect(row(phone, "two")).to_have_count(0)
    expect(phone.locator(".bottombar")).to_be_visible()
    assert faults == []


def test_no_page_scrolls_sideways_down_to_320_pixels(phone: Page, inbox: Mailbox) -> None:
    """ux 5: `scrollWidth <= innerWidth` is a test on every view; 320 px is also 400 % zoom (ux 10)."""
    email = Email.objects.get(subject="two")
    pages = [
        "/mail/inbox", "/mail/unread", "/mail/search", "/mail/search?q=two", f"/mail/m/{email.public_id}", "/outbox", "/activity",
        "/settings/", "/settings/appearance", "/settings/reading", "/settings/keys", "/settings/sending", "/connect/", "/nothing/here",
        f"/settings/accounts/{inbox.account.public_id}/",
    ]  # fmt: skip
    found: list[tuple[str, int]] = []
    for address in pages:
        phone.goto(address)
        for size in (PHONE, SMALLEST):
            phone.set_viewport_size(size)
            if not is_without_sideways_scroll(phone):
                found.append((address, size["width"]))
    phone.goto("/mail/inbox")
    phone.locator(".bottombar button[type=submit]").tap()
    expect(phone.locator("#compose")).to_be_visible()
    expect(phone.locator(".bottombar")).to_be_hidden()
    if not is_without_sideways_scroll(phone):
        found.append(("compose", SMALLEST["width"]))
    assert found == []


def test_read_from_right_to_left_everything_is_mirrored(
    inbox: Mailbox, alice: User, open_context: Any, faults: Faults
) -> None:
    alice.language = "ar"
    alice.save()
    deliver(inbox, "خطة الميناء", name="محمد", body="مرحبا")
    page: Page = open_context(alice, viewport=WIDE)
    page.goto("/mail/inbox")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    sidebar, listed, read = (box_of(page.locator(part)) for part in (".sidebar", "#list", "#reading"))
    assert sidebar["x"] > listed["x"] > read["x"]
    between = page.locator("[data-separator=list]")
    between.focus()
    page.keyboard.press("ArrowLeft")  # away from where the list begins
    expect(between).to_have_attribute("aria-valuenow", "416")
    box = box_of(between)
    assert abs(box["x"] + box["width"] / 2 - (listed["x"] - 16)) < 4
    row(page, "خطة الميناء").locator(".row__link").click()
    expect(page.locator("#thread-subject")).to_be_visible()
    assert page.locator(".answer .icon--points").first.evaluate("node => getComputedStyle(node).scale") == "-1 1"
    page.set_viewport_size(SMALLEST)
    assert is_without_sideways_scroll(page)
    small: Page = open_context(alice, viewport=PHONE, has_touch=True, is_mobile=True)
    small.goto("/mail/inbox")
    with small.expect_response("**/mail/act"):  # the sides change places: to the left is what "right" does elsewhere
        drag_finger(small, "two", by=-200)
    expect(row(small, "two")).to_have_count(0)
    assert Email.objects.get(subject="two").mailbox_rows.get().mailbox.role == "archive"
    assert is_without_sideways_scroll(small)
    assert faults == []
