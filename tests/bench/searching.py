"""What search must hold: the first page of any query in 100,000 messages (at most 50 ms and 20 queries)."""

from __future__ import annotations

from tests.bench.groups import Bench, Figures

MESSAGES = 100_000
ROUNDS = 7


def measure(bench: Bench) -> Figures:
    """One person with three accounts; the whole result, as lists that count it read it, is told beside the first page."""
    found = bench.site.run_python(
        f"from tests.bench import inside_searching\nresult = inside_searching.searching({MESSAGES}, 3, {ROUNDS})",
        timeout_s=900,
    )
    figures: Figures = {"messages": MESSAGES, "CPU seconds to store and index them": round(found["filled_s"], 1)}
    for name, one in found["queries"].items():
        figures[f"{name}: hits / page, whole, p50 ms / queries"] = (
            f"{one['hits']} / {one['page_ms']:.1f}, {one['whole_ms']:.1f} / {one['queries']}"
        )
    return figures
