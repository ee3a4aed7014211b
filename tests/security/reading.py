"""Looks at pages of the real site: opens all that folds, waits for the frames, and goes through what Chromium made of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Error, Frame, Page

from tests.security.watch import Watch

FRAME = "iframe.message__frame"
# Folded parts of a message are opened; menus and rows of lists stay as they are.
UNFOLD = "() => { for (const one of document.querySelectorAll('.thread details:not(.menu), .notice details')) one.open = true; }"
TWIN = "iframe.message__twin"
# Brings each frame into sight for a moment, and tells how many are measured by a twin.
NEAR = """async selector => {
  const frames = document.querySelectorAll(`${selector}[data-twin]`);
  for (const frame of frames) {
    frame.scrollIntoView();
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  }
  document.querySelector("#thread-scroll")?.scrollTo(0, 0);
  return frames.length;
}"""
FRAME_MS = 15_000
POLL_MS = 20
TOKENS = "allow-popups allow-popups-to-escape-sandbox"


@dataclass
class Tour:
    """What was looked at, for the report; `bodies` are the addresses of the frames, `twins` those that measure them."""

    watch: Watch
    page: Page
    pages: int = 0
    bodies: list[str] = field(default_factory=list)
    twins: list[str] = field(default_factory=list)

    def visit(self, address: str, *, statuses: Collection[int] = (200,)) -> list[Frame]:
        """Open a page of ours, and look at it and at every message in it; returns the frames of the messages."""
        response = self.page.goto(address, wait_until="load")
        assert response is not None
        assert response.status in statuses, f"{response and response.status} of {address}"
        self.page.evaluate(UNFOLD)
        self.pages += 1
        frames = self._frames()
        self.watch.look_at(self.page, is_page=True, where=address)
        for frame in frames:
            self.watch.look_at(frame, is_page=False)
            self.bodies.append(frame.url)
        for twin in self._twins():
            self.watch.look_at(twin, is_page=False, is_twin=True)
            self.twins.append(twin.url)
        assert urlsplit(self.page.url).path == urlsplit(address).path, f"{address} led to {self.page.url}"
        return frames

    def _frames(self) -> list[Frame]:
        """The frames of the messages, loaded. Those far below are loaded when they come near; here they all are."""
        wanted = self.page.evaluate(
            f"""() => [...document.querySelectorAll({FRAME!r})].map(frame => {{
                frame.loading = "eager";
                return [new URL(frame.getAttribute("src"), location.href).href, frame.getAttribute("sandbox")];
            }})"""
        )
        assert {sandbox for _, sandbox in wanted} <= {TOKENS}
        addresses = [address for address, _ in wanted]
        for _ in range(FRAME_MS // POLL_MS):
            found = [frame for frame in self.page.main_frame.child_frames if frame.url in addresses]
            if len(found) == len(addresses):
                break
            self.page.wait_for_timeout(POLL_MS)
        else:
            raise AssertionError(f"{self.page.url}: {len(addresses)} frames are wanted, {len(found)} are there")
        for frame in found:
            frame.wait_for_load_state("load", timeout=FRAME_MS)
        return found

    def _twins(self) -> list[Frame]:
        """The frames that nobody sees, in which a script of ours measures: they begin when their frame comes near."""
        wanted = self.page.evaluate(NEAR, FRAME)
        if not wanted:
            return []
        self.page.wait_for_function(
            "count => document.querySelectorAll('.message__body.is-measured').length === count",
            arg=wanted,
            timeout=FRAME_MS,
        )
        elements = self.page.locator(TWIN).element_handles()
        assert {element.get_attribute("sandbox") for element in elements[:1]} == {"allow-scripts"}
        found = [frame for frame in self.page.main_frame.child_frames if "measure=1" in frame.url]
        assert len(found) == wanted
        return found

    def walk(self, address: str, *, following: str) -> None:
        """Open a list and all its further pages, which the link `following` leads to."""
        seen: set[str] = set()
        while address and address not in seen:
            seen.add(address)
            self.visit(address)
            try:
                link = self.page.locator(following)
                address = (link.first.get_attribute("href") or "") if link.count() else ""
            except Error:
                address = ""
