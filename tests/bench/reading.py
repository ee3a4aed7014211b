"""What reading must hold: how quickly a message opens, what hostile ones cost their child, and the patterns on text made to hurt them."""

from __future__ import annotations

from tests.bench.groups import Bench, Figures
from tests.hostile.classes import HOSTILE
from tests.hostile.measuring import JOBS, Cost, cost_of
from tests.patterns.clock import slowest
from tests.patterns.found import all_patterns

OPENED_MESSAGES = 20
OPENED_ROUNDS = 15
SHOWN_PATTERNS = 15
MAX_PATTERN_MS = 50


def opening(bench: Bench) -> Figures:
    """A 50 KB HTML message, opened by a click in the list: pane and body (at most 15 ms warm, 60 ms cold)."""
    bench.site.manage("collectstatic", "--no-input", "--verbosity", "0")
    found = bench.site.run_python(
        f"from tests.bench import inside_opening\nresult = inside_opening.opening({OPENED_MESSAGES}, {OPENED_ROUNDS})",
        timeout_s=600,
    )
    return {
        "openings measured": found["openings"],
        "warm, pane and body, p50 ms (at most 15)": round(found["warm p50"], 1),
        "warm, pane / body, p50 ms": f"{found['warm pane']:.1f} / {found['warm body']:.1f}",
        "warm, p95 ms": round(found["warm p95"], 1),
        "warm, CPU ms of the web process": round(found["warm CPU"], 1),
        "warm, the whole page instead of the pane, p50 ms": round(found["warm whole page"], 1),
        "cold, pane and body, p50 ms (at most 60)": round(found["cold p50"], 1),
        "cold, pane / body, p50 ms": f"{found['cold pane']:.1f} / {found['cold body']:.1f}",
    }


def hostile(bench: Bench) -> Figures:
    """Each class of hostile message in a child of its own: CPU seconds and MB beyond an idle child (at most 2 s, 256 MB)."""
    del bench
    costs = {name: [cost_of(job, raw) for job in JOBS] for name, make in HOSTILE.items() if (raw := make())}
    over = sorted(name for name, found in costs.items() if not all(cost.is_within for cost in found))
    figures: Figures = {name: " | ".join(map(_shown, found)) for name, found in costs.items()}
    worst = [max(found, key=lambda cost: cost.cpu_s) for found in costs.values()]
    return {
        f"classes, {' | '.join(JOBS)}": len(costs),
        **figures,
        "most CPU seconds": round(max(cost.cpu_s for cost in worst), 2),
        "most MB": round(max(cost.memory_bytes for found in costs.values() for cost in found) / 1e6),
        "over the limits (none)": ", ".join(over) or "none",
    }


def _shown(cost: Cost) -> str:
    return cost.error or f"{cost.cpu_s:.2f} s, {cost.memory_bytes / 1e6:.0f} MB"


def patterns(bench: Bench) -> Figures:
    """Every regular expression on its worst 100 KB, or as much as it can meet: milliseconds of CPU, best of three (R44)."""
    del bench
    found = sorted((slowest(one) for one in all_patterns()), key=lambda one: -one.seconds)
    slow = [one.found.label for one in found if one.seconds * 1_000 >= MAX_PATTERN_MS]
    return {
        "patterns": len(found),
        **{
            f"{one.found.label} ({one.found.place.rpartition(':')[2]}), ms": f"{one.seconds * 1_000:.0f} ({one.use})"
            for one in found[:SHOWN_PATTERNS]
        },
        f"patterns that take {MAX_PATTERN_MS} ms or more (none)": ", ".join(slow) or "none",
    }
