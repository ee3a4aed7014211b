"""What a job on a hostile message costs: CPU seconds and memory of a child of its own, without the limits that would end it.

The product's children are asked too, `outcome`: what a person would see is decided there.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Final

from tests.architecture.tree import ROOT
from webmail.mime.limited.answer import READING, JobFailed, LimitExceeded
from webmail.mime.limited.children import run_limited
from webmail.mime.limited.wire import read_frame, write_frame

JOBS: Final = ("readable", "digest")
MAX_CPU_S: Final = READING.cpu_s
MAX_MEMORY_BYTES: Final = READING.memory_bytes
# The measuring child is ended only where it would not come back.
_STOP_CPU_S: Final = 30.0
_STOP_MEMORY_BYTES: Final = 3_000_000_000
_SMALL: Final = b"Subject: a\r\n\r\nHello.\r\n"


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds and bytes of memory on top of an idle child; `error`: how the job failed, "" if it did not."""

    cpu_s: float
    memory_bytes: int
    error: str = ""

    @property
    def is_within(self) -> bool:
        """Whether the job stays within the limits of reading."""
        return not self.error and self.cpu_s <= MAX_CPU_S and self.memory_bytes <= MAX_MEMORY_BYTES


def cost_of(job: str, raw: bytes) -> Cost:
    """Run one job in a fresh child and ask it what that took."""
    process = subprocess.Popen(
        [sys.executable, "-m", "webmail.mime.limited.child"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        before = _ask(process, job, _SMALL)
        after = _ask(process, job, raw)
    except (EOFError, OSError) as error:
        process.wait(10)
        return Cost(
            _STOP_CPU_S, _STOP_MEMORY_BYTES, f"the child ended with {process.returncode} ({type(error).__name__})"
        )
    finally:
        process.kill()
        process.wait()
    problem = after.get("error") or (f"more {after['limit']} than there is" if "limit" in after else "")
    if problem:
        return Cost(0.0, 0, str(problem))
    return Cost(after["cpu_s"] - before["cpu_s"], after["peak_bytes"] - before["peak_bytes"])


def _ask(process: subprocess.Popen[bytes], job: str, raw: bytes) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    head = {"job": job, "options": {}, "size": len(raw), "cpu_s": _STOP_CPU_S, "memory_bytes": _STOP_MEMORY_BYTES}
    write_frame(process.stdin, head, raw)
    answer, _ = read_frame(process.stdout)
    return dict(answer)


def outcome(job: str, raw: bytes) -> str:
    """ "fine", "time", "memory" or what failed, from the product's own children with the limits of reading."""
    try:
        run_limited(job, raw)
    except LimitExceeded as error:
        return error.what
    except JobFailed as error:
        return str(error)
    return "fine"
