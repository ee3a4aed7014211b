"""Lists of a large mailbox: what a window, a jump to its middle and an opened conversation cost, with their queries."""

from __future__ import annotations

from tests.bench.groups import Bench, Figures

MESSAGES = 100_000


def measure(bench: Bench) -> Figures:
    """Each request in server time (at most 50 ms) and queries (at most 20), in a mailbox of 100,000 messages."""
    bench.site.manage("collectstatic", "--no-input", "--verbosity", "0")
    found = bench.site.run_python(
        f"from tests.bench import inside_lists\nresult = inside_lists.lists({MESSAGES})", timeout_s=900
    )
    figures: Figures = {
        "messages / rows": f"{MESSAGES} / {found.pop('rows')}",
        "stored, messages per CPU-second": found.pop("messages per CPU-second"),
    }
    for name, one in found.items():
        shown = f"{one['p50']:.1f} / {one['p95']:.1f} / {one['first']:.1f}, {one['queries']}"
        figures[f"{name}: ms p50 / p95 / first, queries"] = shown
    return figures
