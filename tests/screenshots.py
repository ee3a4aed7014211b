"""Pictures of the pages for docs/screenshots: `python -m tests.screenshots http://localhost:8000` while the demo runs there.

Each is looked at before it is kept; colours are reduced so that a picture costs some tens of kilobytes.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

PLACE = Path(__file__).parent.parent / "docs" / "screenshots"
SIZES = {"wide": (1440, 900), "middle": (1024, 768), "phone": (390, 844)}
EMAIL, PASSWORD = "demo@pillarbox.test", "demo"
SETTLED_MS = 900  # fonts, frames and the first live update


def inbox(page: Page) -> None:
    page.goto("/mail/inbox")


def conversation(page: Page) -> None:
    page.goto("/mail/inbox")
    rows = page.locator("#rows .row")
    long_ones = rows.filter(has=page.locator(".row__count"))
    (long_ones if long_ones.count() else rows).first.locator(".row__link").click()
    page.wait_for_selector("#thread-subject")


def search(page: Page) -> None:
    page.goto("/mail/search?q=from%3Aanna+OR+plan")


def selection(page: Page) -> None:
    page.goto("/mail/inbox")
    for number in (1, 2, 4):
        page.locator("#rows .row__check").nth(number).dispatch_event("click")


def appearance(page: Page) -> None:
    page.goto("/settings/appearance")


SHOWN: dict[str, Callable[[Page], None]] = {
    "inbox": inbox,
    "conversation": conversation,
    "search": search,
    "selection": selection,
    "appearance": appearance,
}


def main(address: str) -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for size, (width, height) in SIZES.items():
            for theme in ("light", "dark"):
                touch = size == "phone"
                context = browser.new_context(
                    base_url=address, viewport={"width": width, "height": height}, color_scheme=theme, has_touch=touch
                )
                page = context.new_page()
                page.goto("/accounts/login/")
                page.fill("input[name=login]", EMAIL)
                page.fill("input[name=password]", PASSWORD)
                page.press("input[name=password]", "Enter")
                page.wait_for_selector("#list")
                for name, show in SHOWN.items():
                    show(page)
                    page.wait_for_timeout(SETTLED_MS)
                    keep(page.screenshot(), PLACE / f"{name}-{size}-{theme}.png")
                context.close()
        browser.close()


def keep(picture: bytes, path: Path) -> None:
    reduced = Image.open(io.BytesIO(picture)).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
