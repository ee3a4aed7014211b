"""Runs the benchmarks and prints what was measured. `python -m tests.bench [--only list] [--messages 20000]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import (
    cleaning,
    feel,
    first_sync,
    groups,
    listing_pages,
    live_mail,
    reading,
    searching,
    sending,
    watching,
)
from tests.bench.beside import compare
from tests.e2e.site import Site
from tests.servers.dovecot import DovecotServer
from tests.servers.redis import RedisServer

OUTPUT = Path(__file__).resolve().parents[2] / "var" / "bench"
CALIBRATION_ROUNDS = 200_000
QUIET: dict[str, Callable[[groups.Bench], dict[str, Any]]] = {
    "list": groups.listing,
    "latency": groups.latency,
    "bodies": groups.bodies,
    "noop": groups.quiet,
    "pop3": groups.pop3,
    "sending": sending.measure,
    "cleaning": cleaning.measure,
    "lists": listing_pages.measure,
    "opening": reading.opening,
    "hostile": reading.hostile,
    "patterns": reading.patterns,
    "searching": searching.measure,
}
LIVE: dict[str, Callable[[Site, DovecotServer, argparse.Namespace], dict[str, Any]]] = {
    "first_sync": first_sync.measure,
    "live_mail": live_mail.measure,
    "watch": watching.measure,
    "click": sending.measure_clicks,
}
# Each in an installation of its own.
ALONE: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "feel": feel.measure,
    "beside": compare.measure,
}


def calibrate() -> float:
    """Milliseconds for fixed CPU work: about the same on every run when the machine is free."""
    begin = time.perf_counter()
    total = 0
    for number in range(CALIBRATION_ROUNDS):
        total += number * number % 7
    assert total > 0
    return (time.perf_counter() - begin) * 1_000


def options_of_the_command_line() -> argparse.Namespace:
    """What to measure, and how much of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=[*QUIET, *LIVE, *ALONE], action="append", help="one group; may be repeated")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--bodies", type=int, default=5_000, help="messages of the group that fetches bodies")
    parser.add_argument("--rounds", type=int, default=3, help="how often the first listing is measured")
    parser.add_argument("--queue", type=int, default=1_000, help="messages of the group sending that wait in a queue")
    parser.add_argument("--arrivals", type=int, default=10)
    parser.add_argument("--accounts", type=int, default=300, help="accounts of the group watch")
    parser.add_argument("--large", action="store_true", help="also list 100,000 messages")
    parser.add_argument("--offlineimap", action="store_true", help="also run offlineimap, which takes minutes")
    return parser.parse_args()


def main() -> None:
    """Start private servers, measure, print, write."""
    options = options_of_the_command_line()
    wanted = set(options.only or (*QUIET, *LIVE, *ALONE))
    calibration = [calibrate() for _ in range(5)]
    results: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]},
        "calibration_ms": round(statistics.median(calibration), 1),
    }
    if wanted & {*QUIET, *LIVE}:
        measure_with_servers(options, wanted, results)
    for name, alone in ALONE.items():
        if name in wanted:
            results[name] = alone(options)
            report(name, results[name])
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / f"{results['at'].replace(':', '')}.json"
    path.write_text(json.dumps(results, indent=2))
    print(f"\ncalibration {results['calibration_ms']} ms; written to {path.relative_to(OUTPUT.parents[1])}")


def measure_with_servers(options: argparse.Namespace, wanted: set[str], results: dict[str, Any]) -> None:
    """The groups that share one site and its servers."""
    dovecot, redis = DovecotServer(), RedisServer()
    try:
        dovecot.start()
        redis.start()
        site = Site(redis_url=redis.url)
        try:
            measure(groups.Bench(site, dovecot, options), wanted, results)
        finally:
            site.close()
    finally:
        redis.close()
        dovecot.close()


def measure(bench: groups.Bench, wanted: set[str], results: dict[str, Any]) -> None:
    """Each wanted group: first those without running workers."""
    bench.site.manage("migrate", "--verbosity", "0")
    for name, group in QUIET.items():
        if name in wanted:
            results[name] = group(bench)
            report(name, results[name])
    if not wanted & set(LIVE):
        return
    bench.site.start()
    for name, live_group in LIVE.items():
        if name in wanted:
            results[name] = live_group(bench.site, bench.dovecot, bench.options)
            report(name, results[name])


def report(group: str, figures: dict[str, Any]) -> None:
    """A line a figure."""
    print(f"\n{group}")
    for name, value in figures.items():
        print(f"  {name:<64} {value}", flush=True)


if __name__ == "__main__":
    main()
