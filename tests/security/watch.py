"""Sees whatever a hostile text brings about in a browser window: scripts, dialogs, popups, requests, blocked attempts.

The hooks stand in every frame in which a script can run. Where none can, and where the policy of a page forbids it, Chromium says
on the console that it blocked one: that is counted as well, for the cleaner alone has to be enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Frame, Page, Request, WebError

# `PWNED` is what our own vectors call. A loop of dialogs ends by an error.
HOOKS = """
(() => {
  let calls = 0;
  const seen = (kind, detail) => {
    if (++calls > 40) throw new Error("enough");
    try { window.__seen(kind, String(detail ?? "").slice(0, 120)); } catch { /* the page is going */ }
  };
  for (const name of ["alert", "confirm", "prompt", "print", "open", "PWNED", "evil", "logChr", "xss"]) {
    const hook = (detail) => { seen("script", `${name} ${detail}`); return null; };
    try { Object.defineProperty(window, name, { get: () => hook, set: () => seen("script", `set ${name}`), configurable: true }); } catch { /* there already */ }
  }
  const evaluate = window.eval;
  // Playwright's own questions to a page go through eval as well.
  window.eval = (text) => { if (!new Error().stack.includes("UtilityScript")) seen("script", `eval ${text}`); return evaluate(text); };
  const cookie = Object.getOwnPropertyDescriptor(Document.prototype, "cookie");
  Object.defineProperty(Document.prototype, "cookie", {
    get() { seen("script", "cookie"); try { return cookie.get.call(this); } catch { return ""; } },
    set(value) { if (!value.startsWith("zone=")) seen("script", `set cookie ${value}`); try { cookie.set.call(this, value); } catch { /* opaque */ } },
    configurable: true,
  });
  document.addEventListener("securitypolicyviolation", (event) => {
    if (event.disposition === "enforce") seen("blocked", `${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
  });
})();
"""

_BLOCKED = re.compile(
    r"Blocked script execution|Content Security Policy|Refused to|sandboxed|Unsafe attempt|Not allowed to (?:load|navigate)",
)
_LOCAL = ("data:", "blob:", "about:")

# Whatever must not stand in a document that a hostile text could have made, by Chromium's own parse of it. The first argument is the
# document's node, the second tells whether it is one of our own pages.
STRUCTURE = r"""
(root, isPage, isTwin) => {
  const bad = [];
  const never = new Set(["object", "embed", "applet", "base", "frame", "frameset", "math", "foreignobject", "animate", "set", "portal",
    "fencedframe", "noscript-", "marquee", "xmp", "plaintext", "isindex", "keygen", "image", "feimage", "video", "audio", "source", "track"]);
  if (!isPage) for (const name of ["svg", "form", "input", "button", "select", "textarea", "iframe", "link", "template", "dialog"]) never.add(name);
  // What our scripts set: heights of rows that are not drawn, places of menus, the measured frame.
  const isOurs = (node, one) => one.startsWith("--frame-") || (one === "block-size" && node.matches(".rows__space"))
    || (["left", "top"].includes(one) && node.matches("#sidebar-menu, .nav-menu"));
  for (const node of root.querySelectorAll("*")) {
    if (node === root.documentElement) continue;
    const tag = node.localName.toLowerCase();
    const tell = (what) => bad.push(`${tag}: ${what}`.slice(0, 160));
    if (never.has(tag)) tell("is never there");
    if (tag === "script" && isTwin && !node.src && node === document.querySelector("script") && node.parentNode === document.body && node === document.body.lastElementChild) continue;
    if (tag === "script" && isPage && node.matches("#keymap[type='application/json']") && node === document.getElementById("keymap")) { JSON.parse(node.textContent); continue; }
    if (tag === "script" && (!node.src || !new URL(node.src).pathname.startsWith("/static/"))) tell("a script that is not ours");
    if (tag === "iframe" && !node.matches(".message__frame, .message__twin, .viewer__media")) tell("a frame that is not ours");
    if (tag === "style" && isPage) tell("a style sheet in the page");
    if (tag === "meta" && node.httpEquiv) tell(`meta ${node.httpEquiv}`);
    for (const { name, value } of node.attributes) {
      if (name.startsWith("on")) tell(name);
      if (isPage && name === "style" && [...node.style].some((one) => !isOurs(node, one))) tell(`style in the page: ${value}`);
      if (!isPage && /^(?:hx-|data-(?!level$)|srcdoc|srcset|ping|formaction|background$|action$|poster|attributionsrc)/.test(name)) tell(name);
      if (isPage && /^(?:data-)?hx-(?:on|vals|vars)/.test(name)) tell(name);
      if (["href", "src", "action", "formaction", "xlink:href"].includes(name) && /^[\s\0-\x20]*(?:javascript|vbscript|file|data:text)/i.test(value)) tell(`${name}=${value}`);
      if (!isPage && name === "src" && /^(?:[a-z]+:)?\/\//i.test(value) && !value.startsWith(location.origin)) tell(`src=${value}`);
    }
  }
  return bad;
}
"""


@dataclass(frozen=True)
class Seen:
    """One thing that a hostile text brought about. `kind`: script, dialog, popup, request, error, blocked, console, structure."""

    kind: str
    detail: str
    url: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail} ({self.url})"


class Watch:
    """All that happens in one window. Call `expect_page` around pages that the test opens itself."""

    def __init__(self, context: BrowserContext, *, own: Collection[str], is_raw: bool = False) -> None:
        self.seen: list[Seen] = []
        self._own = (*own, *_LOCAL)
        self._expected = 0
        self._is_raw = is_raw
        self._context = context
        context.expose_binding("__seen", self._binding)
        context.add_init_script(HOOKS)
        context.on("request", self._request)
        context.on("dialog", self._dialog)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("page", self._page)

    def new_page(self) -> Page:
        """A page that is not a popup."""
        self._expected += 1
        return self._context.new_page()

    def add(self, kind: str, detail: str, url: str) -> None:
        self.seen.append(Seen(kind, detail[:300], url))

    def look_at(self, frame: Frame | Page, *, is_page: bool, is_twin: bool = False, where: str = "") -> None:
        """Look through the document as Chromium parsed it. In a frame's twin, which measures it, one script of ours stands last."""
        for found in frame.evaluate(
            f"([isPage, isTwin]) => ({STRUCTURE})(document, isPage, isTwin)", [is_page, is_twin]
        ):
            self.add("structure", found, where or frame.url)

    def _binding(self, source: dict[str, Any], kind: str, detail: str) -> None:
        self.add(kind, detail, address_of(source["frame"]))

    def _request(self, request: Request) -> None:
        if not request.url.startswith(self._own):
            self.add("request", request.url, _frame_address(request))

    def _dialog(self, dialog: Dialog) -> None:
        self.add("dialog", dialog.message, dialog.page.url if dialog.page else "")
        dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        text = message.text
        if "[Report Only]" in text or self._is_raw:
            return
        if _BLOCKED.search(text):
            self.add("blocked", text, message.location.get("url", ""))
        elif message.type == "error" and "Failed to load resource" not in text:
            self.add("console", text, message.location.get("url", ""))

    def _error(self, error: WebError) -> None:
        self.add("error", str(error.error), error.page.url if error.page else "")

    def _page(self, page: Page) -> None:
        if self._expected:
            self._expected -= 1
        else:
            self.add("popup", page.url, page.url)


def address_of(frame: Frame, *, matches: Callable[[str], bool] = lambda url: url.startswith("http")) -> str:
    """The address of the frame, or of the nearest one around it that has one: a vector may have led it elsewhere."""
    found: Frame | None = frame
    while found is not None and not matches(found.url):
        found = found.parent_frame
    return (found or frame).url


def _frame_address(request: Request) -> str:
    try:
        return address_of(request.frame)
    except Exception:  # a request of a worker, or the first one of a popup, has no frame
        return ""


def tell(seen: Sequence[Seen]) -> str:
    """What was seen, for a failing assertion."""
    return "\n".join(map(str, seen[:20])) + (f"\n… {len(seen)} in all" if len(seen) > 20 else "")
