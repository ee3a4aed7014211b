"""Documents without any protection, many side by side in frames: to see what fires raw, and that nothing does when it is cleaned."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import Error, Frame, Page

# The frames may do all but lead the whole page away, which would end the look at their neighbours.
SANDBOX = "allow-scripts allow-same-origin allow-forms allow-popups allow-modals allow-downloads"
# Does what a person could do with the document.
TOUCH = """
() => {
  const events = ["click", "dblclick", "mouseover", "mouseenter", "mousedown", "mousemove", "mouseout", "pointerover", "pointerrawupdate",
    "focus", "focusin", "blur", "keydown", "keyup", "keypress", "input", "change", "copy", "paste", "cut", "drag", "dragstart", "drop",
    "contextmenu", "scroll", "wheel", "toggle", "submit", "select", "touchstart", "animationstart", "transitionend", "beforeinput"];
  for (const node of [...document.querySelectorAll("*")].slice(0, 200)) {
    for (const name of events) { try { node.dispatchEvent(new Event(name, { bubbles: false, cancelable: true })); } catch { /* the next one */ } }
    const href = node.getAttribute?.("href") ?? node.getAttribute?.("xlink:href") ?? "";
    try { if (/^\\W*j/i.test(href)) node.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true })); } catch { /* the next one */ }
  }
}
"""
LOAD_MS = 8_000
SETTLE_MS = 250


class Stand:
    """A server of bare documents on a free port. `/v/<id>` is one of them, `/` a page with a frame for each."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        stand = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, _, name = self.path.partition("?")[0].strip("/").partition("/")
                body = stand.page() if not kind else stand.documents.get(name, b"") if kind == "v" else b""
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - http.server names it so

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def page(self) -> bytes:
        frames = "".join(
            f'<iframe sandbox="{SANDBOX}" src="/v/{name}" width="300" height="90"></iframe>' for name in self.documents
        )
        return f"<!doctype html><title>stand</title>{frames}".encode()

    def show(self, page: Page, documents: Mapping[str, bytes], triggers: Mapping[str, str]) -> None:
        """Show these documents, wait for them, and touch all that can be touched."""
        self.documents = dict(documents)
        with suppress(Error):  # one that never ends loading: the others are there
            page.goto(self.address + "/", wait_until="load", timeout=LOAD_MS)
        page.wait_for_timeout(SETTLE_MS)
        for frame in page.main_frame.child_frames:
            self._touch(frame, triggers.get(self.name_of(frame.url), ""))
        page.wait_for_timeout(SETTLE_MS)

    def _touch(self, frame: Frame, trigger: str) -> None:
        for script in (trigger, f"({TOUCH})()"):
            try:
                if script:
                    frame.evaluate(f"() => {{ setTimeout(() => {{ {script} }}, 0); }}")
            except Error:
                continue  # a frame that has left, or a trigger that finds nothing to act on

    def name_of(self, url: str) -> str:
        """The id of the document at this address; empty for others."""
        start = f"{self.address}/v/"
        return url.removeprefix(start).partition("?")[0].partition("#")[0] if url.startswith(start) else ""


def batches(names: Sequence[str], size: int) -> list[Sequence[str]]:
    return [names[at : at + size] for at in range(0, len(names), size)]
