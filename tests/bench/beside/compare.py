"""Measures both and says where we are not where issue 6 wants us. One run, one machine: the ratios count, not the times.

Raise nothing for a miss: a busy machine makes any number; the table says `miss` beside it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from tests.bench.beside import kit
from tests.bench.beside.driver import Pillarbox, pages_at
from tests.bench.beside.installation import Installation
from tests.servers.process import wait_until

ALICE = "alice@bench.test"
SESSIONS = 8
WRK_S, WRK_ROUNDS = 5, 3
ROUNDS, SEARCHES, PAGES = 40, 20, 9
MAX_REQUESTS, MAX_KB = 12, 120
HALF, LIST_TIMES, OPEN_TIMES = 0.5, 1.5, 3.0

Figures = dict[str, Any]
Latencies = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Line:
    """One figure of both. `wanted`: what must hold between them, in words; None: only told."""

    name: str
    ours: float
    theirs: float
    wanted: str = ""
    holds: bool = True

    def __str__(self) -> str:
        ratio = f"x {self.ours / self.theirs:.2f}" if self.theirs else ""
        verdict = f"{self.wanted}: {'holds' if self.holds else 'MISS'}" if self.wanted else ""
        return f"{self.ours:9.1f} {self.theirs:9.1f}  {ratio:8} {verdict}"


def measure(_options: argparse.Namespace) -> Figures:
    """Everything in one run; a single line of words where it cannot be measured."""
    try:
        with kit.servers():
            site = Installation()
            try:
                return _measure(site)
            finally:
                site.close()
    except kit.NoKit as reason:
        return {"skipped": str(reason)}


def _measure(site: Installation) -> Figures:
    harness, roundcube = kit.module("harness"), kit.module("bench_roundcube")
    users = [ALICE, *(f"load{number}@bench.test" for number in range(1, SESSIONS + 1))]
    site.start()
    site.connect(users, imap=f"127.0.0.1:{kit.IMAP_PORT}", secret=kit.PASSWORD)
    wait_until(lambda: not site.run_python(_WAITING), what="the bodies of all mail", timeout_s=1_800)
    names = site.run_python(_NAMES.format(users))

    def ours() -> Pillarbox:
        return Pillarbox(site.url, names)

    calibration = [harness.calib() for _ in range(5)]
    lines = [
        *_weigh(site.url),
        *_times(_latencies(harness, ours), _latencies(harness, roundcube.make)),
        *_rates(harness, ours, roundcube.make),
    ]
    found: Figures = {"": "     ours Roundcube"} | {line.name: str(line) for line in lines}
    return found | {
        "misses": ", ".join(line.name for line in lines if not line.holds) or "none",
        "fixed work, ms before and after": f"{min(calibration)} to {max(calibration)}, {harness.calib()}",
        "memory of all processes, MB": site.memory_mb(),
    }


_NAMES = "from tests.bench.beside import ids\nresult = {{user: ids.names_of(user) for user in {!r}}}"
_WAITING = "from tests.bench.beside import ids\nresult = ids.waiting_bodies()"


def _weigh(base: str) -> list[Line]:
    """The browser benchmark of the kit, of both."""
    browser = kit.module("browser")
    with tempfile.TemporaryDirectory() as pictures:
        vars(browser)["SHOTS"] = pictures
        browser.SITES["pillarbox"] = pages_at(base)
        theirs, ours = (_browse(browser, name) for name in ("roundcube", "pillarbox"))
    weight, other = ours["weight_list_cold"], theirs["weight_list_cold"]
    requests, kilobytes = weight["requests"], weight["wire_kb"]
    times = (("list visible, cold", "nav_to_list_cold_ms"), ("list visible, warm", "nav_to_list_warm_ms"))
    return [
        Line("cold list, requests", requests, other["requests"], f"at most {MAX_REQUESTS}", requests <= MAX_REQUESTS),
        Line("cold list, KB", kilobytes, other["wire_kb"], f"at most {MAX_KB}", kilobytes <= MAX_KB),
        *(
            _half(name, ours[key]["p50"], theirs[key]["p50"])
            for name, key in (*times, ("click to message", "click_to_message_ms"))
        ),
    ]


def _browse(browser: ModuleType, name: str) -> dict[str, Any]:
    found: dict[str, Any] = browser.run(name, PAGES)
    print(f"  {name}, in Chromium: {found}", file=sys.stderr, flush=True)
    return found


def _half(name: str, ours: float, theirs: float) -> Line:
    return Line(f"{name}, ms", ours, theirs, "at most half", ours <= theirs * HALF)


def _latencies(harness: ModuleType, make: Callable[[], Any]) -> Latencies:
    """Milliseconds of each thing that one person does, without a browser."""
    driver = make()
    driver.login(ALICE, kit.PASSWORD)
    uids = harness.movable_uids(ROUNDS + 3)
    before = harness.count("Archive")
    steps: list[tuple[str, Callable[[int], Any], int]] = [
        ("list", lambda _turn: driver.list_ajax(), ROUNDS),
        ("list, page 100", lambda _turn: driver.list_ajax(page=100), ROUNDS),
        ("open a message of 50 KB", lambda turn: driver.open(harness.BIG[turn % len(harness.BIG)]), ROUNDS),
        ("search in headers", lambda turn: driver.search_header(harness.word(turn)), SEARCHES),
        ("search in text", lambda turn: driver.search_body(harness.phrase(turn)), SEARCHES),
        ("flag", lambda turn: driver.flag(19_900 + turn % 50, turn % 2 == 0), ROUNDS),
        ("move", lambda turn: driver.move(uids[turn], "INBOX", "Archive"), ROUNDS),
    ]
    found: Latencies = {}
    for name, step, rounds in steps:
        found[name] = harness.timed(step, rounds)
        print(f"  {driver.name}, {name}: {found[name]}", file=sys.stderr, flush=True)
    # Ours answers when the act is kept safe; the server has it a moment later, and has it all.
    wait_until(lambda: harness.count("Archive") == before + len(uids), what="the moves on the server", timeout_s=60)
    return found


def _times(ours: Latencies, theirs: Latencies) -> list[Line]:
    return [_half(name, ours[name]["p50"], theirs[name]["p50"]) for name in ours]


def _rates(harness: ModuleType, ours: Callable[[], Any], theirs: Callable[[], Any]) -> list[Line]:
    """Requests a second with a session for each of eight accounts."""
    pools = [_sessions(make) for make in (theirs, ours)]
    rates: dict[tuple[str, str], float] = {}
    for name, pool in zip(("theirs", "ours"), pools, strict=True):
        for what in ("list", "open", *(("page", "unchanged") if name == "ours" else ())):
            rates[name, what] = _rate(harness, pool, what)
            print(f"  {name}, {what}: {rates[name, what]:.0f}/s", file=sys.stderr, flush=True)
    lists, opens = rates["theirs", "list"], rates["theirs", "open"]
    return [
        _times_as_many("lists a second", rates["ours", "list"], lists, LIST_TIMES),
        Line("lists a second, unchanged ones told so", rates["ours", "unchanged"], lists),
        Line("whole pages a second", rates["ours", "page"], lists),
        _times_as_many("messages opened a second", rates["ours", "open"], opens, OPEN_TIMES),
    ]


def _sessions(make: Callable[[], Any]) -> list[Any]:
    pool = [make() for _ in range(SESSIONS)]
    for number, driver in enumerate(pool, 1):
        driver.login(f"load{number}@bench.test", kit.PASSWORD)
    return pool


def _rate(harness: ModuleType, pool: list[Any], what: str) -> float:
    """Median of several runs; what takes two requests counts once."""
    per_session = [driver.wrk_requests(what) for driver in pool]
    steps = len(per_session[0])
    asked = [request for group in per_session for request in group]
    runs = [harness.wrk(pool[0].base, asked, SESSIONS, WRK_S) for _ in range(WRK_ROUNDS)]
    failed = sum(run["status_err"] + run["sock_err"] for run in runs)
    if failed:
        print(f"  {failed} answers of {what} were errors", file=sys.stderr, flush=True)
    rates: list[float] = sorted(run["rps"] / steps for run in runs)
    return rates[len(rates) // 2]


def _times_as_many(name: str, ours: float, theirs: float, times: float) -> Line:
    return Line(name, ours, theirs, f"at least {times:g} times", ours >= theirs * times)
