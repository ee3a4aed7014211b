"""`python -m tests.fuzz [--seconds 600] [--seed 1]`: cases until the CPU seconds are used up; findings on the way, a sum at the end.

`--case N` repeats one case in this process and shows what it raises; `--save FILE` writes its bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.cases import case, sample
from tests.fuzz.judge import judge
from tests.fuzz.running import run


def main() -> int:
    """Fuzz, or repeat one case. Ends with 1 when something was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600.0, help="CPU seconds of the reading processes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    if options.case is not None:
        raw, names = case(sample(), options.seed, options.case)
        print(f"{len(raw)} bytes, made by {', '.join(names)}")
        if options.save:
            options.save.write_bytes(raw)
        judge(raw)
        return 0
    outcome = run(seconds=options.seconds, seed=options.seed, tell=lambda line: print(line, flush=True))
    print(
        f"{outcome.cases} cases in {outcome.cpu_s:.0f} CPU seconds, {len(outcome.findings)} findings; seed {options.seed}"
    )
    return 1 if outcome.findings else 0


if __name__ == "__main__":
    sys.exit(main())
