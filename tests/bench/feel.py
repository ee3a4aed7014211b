"""How the pages feel in Chromium: the figures of ux.md section 11, on 20,000 messages, and scrolling through 100,000.

Times are taken inside the page, from the event to the frame after the change, so that the way to the browser is not in them. The
large mailboxes are synthetic and have no bodies; a message with its body is opened in the group `beside`.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.bench.beside.installation import PASSWORD, Installation

Figures = dict[str, Any]

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
DESKTOP = {"width": 1440, "height": 900}
FEW, MANY = 20_000, 100_000
LOADS, TURNS = 8, 20
LONG_TASK_MS = 50
SCROLL_STEPS = 200
# p50 and p95 that are wanted, ms
WANTED = {
    "first list, cold": (350, 600),
    "first list, warm": (150, 250),
    "click to message": (120, 200),
    "prefetched neighbour": (50, 100),
    "key to next row": (16, 32),
    "act to screen": (50, 80),
    "search, first results": (200, 400),
    "composer ready": (80, 150),
}

# begin(): what is done; is_done(): whether it shows. Answers with ms up to the frame in which it does.
_TIMED = """async ([begin, isDone]) => {
  const done = new Function('state', `return (${isDone})`), state = {};
  const started = performance.now();
  new Function('state', begin)(state);
  while (!done(state)) {
    if (performance.now() - started > 15000) throw new Error('never done: ' + isDone);
    await new Promise(requestAnimationFrame);
  }
  return performance.now() - started;
}"""
_KEY = "(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', {key: '%s', bubbles: true, cancelable: true}))"
_WATCH = """() => {
  window.longTasks = []; window.shift = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((one) => longTasks.push(one.duration))).observe({type: 'longtask', buffered: true});
  new PerformanceObserver((list) => list.getEntries().forEach((one) => { if (!one.hadRecentInput) shift += one.value; })).observe({type: 'layout-shift', buffered: true});
}"""
_SCROLL = """async (steps) => {
  const pane = document.getElementById('list-scroll');
  longTasks.length = 0;
  const end = pane.scrollHeight - pane.clientHeight;
  for (let step = 0; step <= steps; step += 1) {
    pane.scrollTop = end * step / steps;
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  return {tasks: longTasks.slice(), at: Number(document.querySelector('#rows > .row:last-of-type')?.dataset.index), height: end};
}"""


def measure(_options: argparse.Namespace) -> Figures:
    """All of it, in an installation and a browser of its own."""
    site = Installation()
    try:
        site.start()
        for name, count in (("few", FEW), ("many", MANY)):
            site.add_user(f"{name}@bench.test")
            site.run_python(_FILL.format(name, count), timeout_s=900)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, headless=True)
            try:
                return _feel(browser, site.url) | _scroll(browser, site.url)
            finally:
                browser.close()
    finally:
        site.close()


_FILL = """
from accounts.models import User
from tests.bench.inside_lists import fill
from tests.factories import make_account, make_mailbox
account = make_account(User.objects.get(email="{0}@bench.test"))
make_mailbox(account, "Archive", role="archive")
result = fill(make_mailbox(account, "Inbox", role="inbox"), {1})
"""


def _sign_in(browser: Browser, base: str, name: str) -> BrowserContext:
    context = browser.new_context(viewport=DESKTOP)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{base}/accounts/login/")
    page.fill("#id_login", f"{name}@bench.test")
    page.fill("#id_password", PASSWORD)
    page.click(".form button[type=submit]")
    page.wait_for_selector("#rows > .row")
    return context


def _feel(browser: Browser, base: str) -> Figures:
    times: dict[str, list[float]] = {name: [] for name in WANTED}
    signed_in = _sign_in(browser, base, "few")
    state = signed_in.storage_state()
    figures: Figures = {}
    for turn in range(LOADS):
        context = browser.new_context(viewport=DESKTOP, storage_state=state)  # type: ignore[arg-type]
        page = context.new_page()
        if not turn:
            figures |= _weigh(page, base)
        else:
            times["first list, cold"].append(_load(page, base))
            times["first list, warm"].append(_load(page, base))
        context.close()
    page = signed_in.new_page()
    _load(page, base)
    page.wait_for_load_state("load")
    page.evaluate(_WATCH)
    page.locator("#rows > .row .row__link").first.focus()
    _work(page, times)
    page.goto(f"{base}/mail/inbox")
    page.wait_for_selector("#rows > .row")
    figures["layout shift of the list (under 0.02)"] = round(_shift(page), 4)
    signed_in.close()
    return {name: _said(name, found) for name, found in times.items()} | figures


def _shift(page: Page) -> float:
    page.evaluate(_WATCH)
    page.wait_for_timeout(500)
    return float(page.evaluate("shift"))


def _load(page: Page, base: str) -> float:
    """Milliseconds from the start of the navigation to the first frame with rows."""
    page.goto("about:blank")
    page.goto(f"{base}/mail/inbox", wait_until="commit")
    page.wait_for_selector("#rows > .row")
    paint = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
    page.wait_for_function(paint)
    return float(page.evaluate(paint))


def _weigh(page: Page, base: str) -> Figures:
    """Requests and compressed bytes of a first list, by type."""
    kinds: dict[str, str] = {}
    sizes: dict[str, list[int]] = {}
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.responseReceived", lambda event: kinds.update({event["requestId"]: event["type"]}))
    session.on(
        "Network.loadingFinished",
        lambda event: sizes.setdefault(kinds.get(event["requestId"], "Other"), []).append(event["encodedDataLength"]),
    )
    page.goto(f"{base}/mail/inbox")
    page.wait_for_selector("#rows > .row")
    page.wait_for_timeout(1_500)
    total = sum(sum(found) for found in sizes.values()) / 1_024
    by_type = ", ".join(f"{kind} {len(found)}: {sum(found) / 1_024:.1f}" for kind, found in sorted(sizes.items()))
    count = sum(map(len, sizes.values()))
    return {"first list: requests, KB (at most 12, 120)": f"{count}, {total:.1f}", "by type, KB": by_type}


def _time(page: Page, begin: str, is_done: str) -> float:
    return float(page.evaluate(_TIMED, [begin, is_done]))


def _work(page: Page, times: dict[str, list[float]]) -> None:
    """What one does all day, by keys and clicks."""
    focus = "state.was = document.activeElement?.closest('.row')?.dataset.id;"
    moved = "document.activeElement?.closest('.row') && document.activeElement.closest('.row').dataset.id !== state.was"
    for _turn in range(TURNS):
        times["key to next row"].append(_time(page, focus + _KEY % "j", moved))
    opened = "document.querySelector('#thread-subject') && document.querySelector('#reading .message') && document.querySelector('#rows > .row[aria-current]')?.dataset.id === state.id && new URLSearchParams(location.search).get('t') === state.id && document.getElementById('thread-subject') !== state.before"
    before = "state.before = document.getElementById('thread-subject');"
    for turn in range(TURNS // 2):
        click = f"const row = document.querySelectorAll('#rows > .row')[{(turn * 7) % 40}]; state.id = row.dataset.id; {before} row.querySelector('.row__link').click()"
        times["click to message"].append(_time(page, click, opened))
        page.wait_for_timeout(700)  # the neighbours are fetched
        following = f"const row = document.querySelector('#rows > .row[aria-current]'); let next = row.nextElementSibling; while (!next.matches('.row')) next = next.nextElementSibling; state.id = next.dataset.id; {before} next.querySelector('.row__link').click()"
        times["prefetched neighbour"].append(_time(page, following, opened))
        page.wait_for_timeout(200)
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.wait_for_function("!new URLSearchParams(location.search).get('t')")
    page.locator("#rows > .row .row__link").nth(3).focus()
    for _turn in range(TURNS // 2):
        gone = "!document.getElementById('row-' + state.was)"
        times["act to screen"].append(_time(page, focus + _KEY % "e", gone))
        page.wait_for_timeout(600)
    for word in ("budget", "plan", "review", "invoice", "minutes", "report", "draft", "offer", "travel", "letter"):
        begin = f"const box = document.getElementById('q'); box.value = '{word}'; box.form.requestSubmit()"
        # A search may lead to another page: the clock of this one does not go on there.
        times["search, first results"].append(_search(page, begin, word))
    for _turn in range(5):
        times["composer ready"].append(_compose(page))


def _search(page: Page, begin: str, word: str) -> float:
    started = page.evaluate("() => performance.timeOrigin + performance.now()")
    page.evaluate(begin)
    page.wait_for_function(
        "(word) => location.search.includes('q=' + word) && document.querySelector('#rows > .row')", arg=word
    )
    return float(page.evaluate("() => performance.timeOrigin + performance.now()")) - float(started)


def _compose(page: Page) -> float:
    started = page.evaluate("() => performance.timeOrigin + performance.now()")
    page.evaluate(_KEY % "c")
    page.wait_for_function("() => document.activeElement?.closest('form')?.querySelector('[name=subject]')")
    spent = float(page.evaluate("() => performance.timeOrigin + performance.now()")) - float(started)
    page.go_back()
    page.wait_for_selector("#rows > .row")
    return spent


def _scroll(browser: Browser, base: str) -> Figures:
    """Through a mailbox of 100,000 messages, end to end."""
    context = _sign_in(browser, base, "many")
    page = context.new_page()
    _load(page, base)
    page.wait_for_load_state("load")
    page.wait_for_timeout(1_000)
    page.evaluate(_WATCH)
    found = page.evaluate(_SCROLL, SCROLL_STEPS)
    tasks = [duration for duration in found["tasks"] if duration > LONG_TASK_MS]
    context.close()
    return {
        f"scrolling {MANY} messages: long tasks, the longest": f"{len(tasks)}, {max(tasks, default=0):.0f} ms",
        "last row reached": found["at"],
    }


def _said(name: str, found: list[float]) -> str:
    p50, p95 = statistics.median(found), sorted(found)[int(len(found) * 0.95)]
    wanted50, wanted95 = WANTED[name]
    verdict = "holds" if p50 <= wanted50 and p95 <= wanted95 else "MISS"
    return f"{p50:.0f} / {p95:.0f} ms (at most {wanted50} / {wanted95}): {verdict}"
