"""Warm children of this process, lent to one job at a time; one that meets a limit is ended and replaced.

A job that has begun is never repeated here: the caller decides. After a fork the children stay with the parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import webmail
from webmail.mime.limited.answer import READING, Answer, JobFailed, LimitExceeded, Limits
from webmail.mime.limited.wire import read_frame, write_frame

MAX_CHILDREN: Final = 2  # of one process; more would only wait for each other on a small machine
JOBS_BEFORE_REPLACED: Final = 2_000
_ROOT: Final = Path(webmail.__file__).parents[1]
_KEPT_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "TZ")  # never a secret


def run_limited(job: str, raw: bytes, options: Mapping[str, Any] | None = None, *, limits: Limits = READING) -> Answer:
    """Run one of `jobs.JOBS` on `raw`. Waits for a free child.

    Raises `LimitExceeded` when the job took too much, `JobFailed` when it raised. Safe to call from any thread.
    """
    return _children.run(job, raw, options or {}, limits)


def warm_up() -> None:
    """Start a child before the first job needs it."""
    _children.warm_up()


class _Child:
    """One process and its pipes."""

    def __init__(self) -> None:
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        self.served = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "webmail.mime.limited.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env=environment,
        )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def run(self, job: str, raw: bytes, options: Mapping[str, Any], limits: Limits) -> Answer:
        """Raises `LimitExceeded` and `JobFailed`; the child is gone after the first."""
        self.served += 1
        head = {
            "job": job,
            "options": dict(options),
            "size": len(raw),
            "cpu_s": limits.cpu_s,
            "memory_bytes": limits.memory_bytes,
        }
        answers, commands = self._process.stdout, self._process.stdin
        if answers is None or commands is None:
            raise JobFailed("the child has no pipes")
        # Killed from beside when the clock has run out: whatever this thread waits for then ends.
        watch = threading.Timer(limits.wall_s, self._process.kill)
        watch.daemon = True
        watch.start()
        try:
            write_frame(commands, head, raw)
            found, data = read_frame(answers)
        except (OSError, EOFError) as error:
            raise self._explain() from error
        finally:
            watch.cancel()
        if "limit" in found:
            self.end()
            raise LimitExceeded(found["limit"])
        if "error" in found:
            raise JobFailed(found["error"])
        return Answer(found["meta"], data)

    def _explain(self) -> Exception:
        """Why it is gone, by the signal that ended it."""
        self.end()
        code = self._process.returncode
        if -code in _TIME_SIGNALS:
            return LimitExceeded("time")
        return LimitExceeded("memory") if -code in _MEMORY_SIGNALS else JobFailed(f"the child ended with {code}")

    def end(self) -> None:
        """End the process at once and close its pipes. Harmless when it is gone."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            self._process.wait(0.2)  # it may be on its way: its own signal says why
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_TIME_SIGNALS: Final = frozenset({signal.SIGPROF, signal.SIGKILL})
# What an allocation that fails becomes in code that is not Python.
_MEMORY_SIGNALS: Final = frozenset({signal.SIGABRT, signal.SIGBUS, signal.SIGSEGV})


class _Children:
    """The pool of one process."""

    def __init__(self) -> None:
        self._idle: list[_Child] = []
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(MAX_CHILDREN)

    def run(self, job: str, raw: bytes, options: Mapping[str, Any], limits: Limits) -> Answer:
        with self._free:
            child = self._take()
            try:
                return child.run(job, raw, options, limits)
            finally:
                self._give_back(child)

    def warm_up(self) -> None:
        with self._free:
            self._give_back(self._take())

    def _take(self) -> _Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.is_alive:
                    return child
                child.end()
        return _Child()

    def _give_back(self, child: _Child) -> None:
        if not child.is_alive or child.served >= JOBS_BEFORE_REPLACED:
            child.end()
            return
        with self._lock:
            self._idle.append(child)


_children = _Children()


def _forget() -> None:
    """In a forked process the pipes belong to the parent."""
    global _children
    _children = _Children()


os.register_at_fork(after_in_child=_forget)
