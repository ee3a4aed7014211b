"""The child: `python -m webmail.mime.limited.child`. It reads jobs from its standard input until that ends.

It has no secrets, opens no files for writing and knows no network; a timer of the kernel ends it when a job takes too much CPU,
whatever it is doing, and memory beyond the limit cannot be had. What it says about an error never quotes the message.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

from webmail.mime.limited.answer import Answer
from webmail.mime.limited.jobs import JOBS
from webmail.mime.limited.wire import read_frame, write_frame

Job = Callable[[bytes, Mapping[str, Any]], Answer]

OFTEN: Final = frozenset({"readable", "digest"})  # loaded before the first job
MAX_RECURSION: Final = 2_000
_STATM: Final = Path("/proc/self/statm")
_STATUS: Final = Path("/proc/self/status")
_PAGE: Final = resource.getpagesize()


def main() -> int:
    """Serve jobs until the parent closes the pipe, or until one has met the limit of memory."""
    commands, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up in an answer
    _settle()
    jobs = {name: _load(place) for name, place in JOBS.items() if name in OFTEN}
    gc.freeze()
    while True:
        try:
            head, raw = read_frame(commands)
        except EOFError:
            return 0
        job = jobs.get(head["job"])
        if job is None:  # the rarer ones are loaded when they are needed
            job = jobs[head["job"]] = _load(JOBS[head["job"]])
        if not _serve(job, head, raw, answers):
            return 0


def _serve(job: Job, head: Mapping[str, Any], raw: bytes, answers: IO[bytes]) -> bool:
    """One job; False when this child should not serve another."""
    _limit_memory(head["memory_bytes"])
    signal.setitimer(signal.ITIMER_PROF, head["cpu_s"])
    try:
        answer = job(raw, head["options"])
        meta, data = answer.meta, answer.data
    except MemoryError:
        signal.setitimer(signal.ITIMER_PROF, 0)
        write_frame(answers, {"limit": "memory"})
        return False
    except Exception as error:  # noqa: BLE001 - the boundary: whatever a stranger's message makes a library raise
        signal.setitimer(signal.ITIMER_PROF, 0)
        write_frame(answers, {"error": _where(error)})
        return True
    signal.setitimer(signal.ITIMER_PROF, 0)
    write_frame(answers, {"meta": meta, "size": len(data), "cpu_s": _cpu_s(), "peak_bytes": _peak_bytes()}, data)
    return True


def _settle() -> None:
    sys.setrecursionlimit(MAX_RECURSION)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end ends us
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("900", encoding="ascii")  # if somebody must go, then we


def _load(place: str) -> Job:
    module, _, name = place.partition(":")
    job: Job = getattr(importlib.import_module(module), name)
    return job


def _limit_memory(memory_bytes: int) -> None:
    """RLIMIT_DATA counts what is written to, where RLIMIT_AS would count every library that is mapped."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[5])
    except (OSError, IndexError, ValueError):
        return  # no Linux: time is limited all the same
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (pages * _PAGE + memory_bytes, hard))


def _where(error: Exception) -> str:
    """The error's type and the line of ours that met it, without its text."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = f"{Path(trace.tb_frame.f_code.co_filename).stem}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_bytes() -> int:
    """The most this process has held. `ru_maxrss` would begin with what its parent held when it was started."""
    with contextlib.suppress(OSError):  # no Linux
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    sys.exit(main())
