"""The process that reads mutated messages: `python -m tests.fuzz.child FIRST SECONDS SEED (all|own)`; a line of JSON a case.

A case may take as much CPU as three readings, since it is read that many times and judged; memory as a child of the product.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType

from tests.fuzz.cases import case, own_messages, sample
from tests.fuzz.judge import judge
from webmail.mime.limited.answer import READING
from webmail.mime.limited.child import MAX_RECURSION

READINGS = 3


class TookTooLong(BaseException):
    """No `except Exception` on the way may swallow it."""


def main() -> None:
    """Cases from FIRST on until the CPU seconds are used up."""
    first, seconds, seed = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    messages = own_messages() if sys.argv[4] == "own" else sample()
    sys.setrecursionlimit(MAX_RECURSION)
    signal.signal(signal.SIGPROF, _stop)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (pages * resource.getpagesize() + READING.memory_bytes, hard))
    begin, number = time.process_time(), first
    while time.process_time() - begin < seconds:
        raw, names = case(messages, seed, number)
        kind, details = _problem_of(raw)
        told = {"case": number, "cpu_s": time.process_time() - begin, "kind": kind}
        print(json.dumps({**told, "details": f"{details} [{', '.join(names)}]"}), flush=True)
        number += 1
    print(json.dumps({"done": True}), flush=True)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise TookTooLong


def _problem_of(raw: bytes) -> tuple[str, str]:
    """The kind of what is wrong, "" if nothing is, and its details."""
    signal.setitimer(signal.ITIMER_PROF, READINGS * READING.cpu_s)
    try:
        judge(raw)
    except TookTooLong as error:
        return f"over {READINGS * READING.cpu_s} s of CPU", _where(error)
    except (Exception, MemoryError) as error:
        return f"{type(error).__name__} at {_where(error)}", repr(str(error)[:300])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "", ""


def _where(error: BaseException | None) -> str:
    frames = traceback.extract_tb(error.__traceback__) if error else []
    ours = [frame for frame in frames if "/webmail/" in frame.filename] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"


if __name__ == "__main__":
    main()
