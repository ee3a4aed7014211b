"""The sidebar and the settings in a real browser: a tree for the keyboard, folds kept by the device, menus, settings that hold at once
(ux 3, 10)."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.factories import make_account, make_mailbox, make_user
from webmail.store.labels import create_label
from webmail.store.models import Mailbox

pytestmark = pytest.mark.browser

ACTIVE = "document.activeElement.id"


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def projects(alice: User) -> Mailbox:
    account = make_account(alice, name="Work")
    make_mailbox(account, "Inbox", role="inbox")
    outer = make_mailbox(account, "Projects")
    make_mailbox(account, "Harbour", parent=outer)
    create_label(alice, "Travel")
    return outer


def focus_is_on(page: Page, element_id: str) -> None:
    page.wait_for_function(f"{ACTIVE} === '{element_id}'")


def test_the_tree_is_one_tab_stop_with_arrows_type_ahead_and_folds_that_stay(
    projects: Mailbox, alice: User, open_context: Any
) -> None:
    page: Page = open_context(alice)
    page.goto("/mail/inbox")
    tree = page.get_by_role("tree")
    expect(tree.locator('[role="treeitem"][tabindex="0"]')).to_have_count(1)
    line = page.locator(f"#nav-{projects.public_id}")
    inside = page.locator(f"#inside-{projects.public_id}")
    expect(line).to_have_attribute("aria-expanded", "true")
    expect(line).to_have_attribute("aria-level", "2")
    page.locator("#nav-inbox").focus()
    page.keyboard.press("ArrowDown")
    focus_is_on(page, "nav-unread")
    page.keyboard.type("proj")
    focus_is_on(page, f"nav-{projects.public_id}")
    page.keyboard.press("ArrowLeft")
    expect(inside).to_be_hidden()
    page.keyboard.press("ArrowDown")
    focus_is_on(page, "head-labels")
    page.keyboard.press("ArrowUp")
    page.reload()
    expect(inside).to_be_hidden()  # this device remembers
    page.locator(f"#nav-{projects.public_id} [data-fold]").click()
    expect(inside).to_be_visible()


def test_a_mailbox_is_coloured_and_renamed_from_its_menu_and_the_focus_comes_back(
    projects: Mailbox, alice: User, open_context: Any
) -> None:
    page: Page = open_context(alice)
    page.goto("/mail/inbox")
    line = page.locator(f"#nav-{projects.public_id}")
    line.click(button="right")
    menu = page.locator("#nav-menu")
    menu.get_by_role("button", name="Violet").click()
    expect(line.locator('[data-color="2"]')).to_be_visible()
    expect(menu).to_be_hidden()
    focus_is_on(page, f"nav-{projects.public_id}")
    expect(page.get_by_role("tree")).to_be_visible()  # raised again after the renewal
    line.hover()
    line.locator("xpath=..").locator(":scope > .nav__more").click()
    menu.get_by_text("Rename or move").click()
    dialog = page.locator("#dialog")
    dialog.get_by_label("Name").fill("")
    dialog.get_by_label("Name").press("Enter")
    dialog.get_by_label("Name").fill("Ideas")
    dialog.get_by_label("Name").press("Enter")
    expect(dialog).to_be_hidden()
    expect(line).to_contain_text("Ideas")
    focus_is_on(page, f"nav-{projects.public_id}")


def test_settings_hold_at_once_and_say_so(projects: Mailbox, alice: User, open_context: Any) -> None:
    page: Page = open_context(alice, viewport={"width": 390, "height": 800})
    page.goto("/settings/")
    expect(page.locator("#settings-main")).to_be_hidden()  # on a phone: the list of sections
    page.get_by_role("link", name="Appearance").click()
    root = page.locator("html")
    page.get_by_label("Dark", exact=True).check()
    expect(root).to_have_attribute("data-theme", "dark")
    expect(page.locator("#said-theme")).to_contain_text("Saved")
    expect(page.locator("#status")).to_have_text("Saved")
    page.locator("#setting-density").get_by_text("Compact", exact=True).click()
    expect(root).to_have_attribute("data-density", "compact")
    page.locator(".settings__back").click()
    page.get_by_label("Find a setting").fill("time zone")
    page.locator(".found").get_by_role("link", name="Time zone").first.click()
    page.get_by_label("Language").select_option("ar")
    expect(root).to_have_attribute("dir", "rtl")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    alice.refresh_from_db()
    assert (alice.theme, alice.density, alice.language) == ("dark", "compact", "ar")
