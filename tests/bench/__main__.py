"""Runs all benchmarks and prints what was measured. `python -m tests.bench [--messages 20000]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import first_sync, live_mail
from tests.e2e.site import Site
from tests.servers.dovecot import DovecotServer
from tests.servers.redis import RedisServer

OUTPUT = Path(__file__).resolve().parents[2] / "var" / "bench"
CALIBRATION_ROUNDS = 200_000


def calibrate() -> float:
    """Milliseconds for fixed CPU work: about the same on every run when the machine is free."""
    begin = time.perf_counter()
    total = 0
    for number in range(CALIBRATION_ROUNDS):
        total += number * number % 7
    assert total > 0
    return (time.perf_counter() - begin) * 1_000


def main() -> None:
    """Start private servers, measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--arrivals", type=int, default=10)
    options = parser.parse_args()
    calibration = [calibrate() for _ in range(5)]
    results: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]},
        "calibration_ms": round(statistics.median(calibration), 1),
    }
    dovecot, redis = DovecotServer(), RedisServer()
    try:
        dovecot.start()
        redis.start()
        site = Site(redis_url=redis.url)
        try:
            site.start()
            for name, measure in (("first_sync", first_sync.measure), ("live_mail", live_mail.measure)):
                results[name] = measure(site, dovecot, options)
                report(name, results[name])
        finally:
            site.close()
    finally:
        redis.close()
        dovecot.close()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / f"{results['at'].replace(':', '')}.json"
    path.write_text(json.dumps(results, indent=2))
    print(f"\ncalibration {results['calibration_ms']} ms; written to {path.relative_to(OUTPUT.parents[1])}")


def report(group: str, figures: dict[str, Any]) -> None:
    """A line a figure."""
    print(f"\n{group}")
    for name, value in figures.items():
        print(f"  {name:<44} {value}", flush=True)


if __name__ == "__main__":
    main()
