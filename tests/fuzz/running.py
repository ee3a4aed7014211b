"""Runs cases in a child with limits, and goes on behind a case that ends the child."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from tests.architecture.tree import ROOT

WALL_S = 60.0  # of one case, before the child is taken for hung
MAX_FINDINGS = 50


@dataclass(slots=True)
class Outcome:
    """How many cases ran, in how much CPU time, and what was found: each kind once, with the first case of it."""

    cases: int = 0
    cpu_s: float = 0.0
    findings: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)

    def add(self, number: int, kind: str, details: str, tell: Callable[[str], None]) -> None:
        """Note what case `number` has shown, unless another has shown the same."""
        if kind not in self.kinds:
            self.kinds.add(kind)
            self.findings.append(f"case {number}: {kind} {details}")
            tell(self.findings[-1])


def run(*, seconds: float, seed: int, tell: Callable[[str], None], own_only: bool = False) -> Outcome:
    """Fuzz for so many CPU seconds."""
    outcome = Outcome()
    number = 0
    while outcome.cpu_s < seconds and len(outcome.findings) < MAX_FINDINGS:
        number = _run_child(outcome, number, seconds - outcome.cpu_s, seed, tell, own_only=own_only)
    return outcome


def _run_child(
    outcome: Outcome, first: int, seconds: float, seed: int, tell: Callable[[str], None], *, own_only: bool
) -> int:
    """Run a child until it ends; returns the number of the case to go on with."""
    arguments = [str(first), str(seconds), str(seed), "own" if own_only else "all"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.child", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    assert process.stdout is not None
    number, before, is_done = first, outcome.cpu_s, False
    while line := _line_in_time(process, process.stdout):
        told = json.loads(line)
        if told.get("done"):
            is_done = True
            break
        number = told["case"] + 1
        outcome.cases += 1
        outcome.cpu_s = before + told["cpu_s"]
        if told["kind"]:
            outcome.add(told["case"], told["kind"], told["details"], tell)
        if len(outcome.findings) >= MAX_FINDINGS:
            break
    process.kill()
    _, errors = process.communicate()
    if len(outcome.findings) >= MAX_FINDINGS:
        return number
    if not is_done:
        outcome.add(number, f"the child ended with {process.returncode}", errors[-300:], tell)
        outcome.cpu_s += 1.0
        number += 1
    else:
        outcome.cpu_s = max(outcome.cpu_s, before + seconds)
    return number


def _line_in_time(process: subprocess.Popen[str], stream: IO[str]) -> str:
    watch = threading.Timer(WALL_S, process.kill)
    watch.start()
    try:
        return stream.readline()
    finally:
        watch.cancel()
