"""The CPU time a pattern takes on a hostile text, with an end to those that would not come back.

Every attack is tried on a short text first; those that took longest there are tried at full length.
"""

import heapq
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from tests.patterns.attacks import Attack, attacks_on, mixed_text
from tests.patterns.found import Found

ROUNDS = 3
# What grows with the square of its text takes some ten milliseconds here already, what is linear less than one.
TRIAL_CHARS = 6_000
TRIAL_S = 0.1
FINALISTS = 4

Use = str


class TooSlow(Exception):
    """The pattern was stopped."""


@dataclass(frozen=True, slots=True)
class Slowest:
    """The worst attack on one pattern: which use of it, what the text looks like, how many CPU seconds."""

    found: Found
    use: Use
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Trial:
    """An attack and how it did on a short text."""

    seconds: float
    use: Use
    attack: Attack | None  # None: the mixed text

    def text_for(self, pattern: re.Pattern[Any], size: int) -> Any:
        """What is thrown at the pattern, of the kind of text that it takes."""
        text = self.attack.text(size) if self.attack else mixed_text(size)
        return text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text


def runner(pattern: re.Pattern[Any], use: Use) -> Callable[[Any], object]:
    """The call that is measured."""
    if use == "each":
        return lambda text: sum(1 for _ in pattern.finditer(text))
    method: Callable[[Any], object] = getattr(pattern, use)
    return method


def worst_trials(found: Found) -> list[Trial]:
    """The attacks that did most harm on a short text, the worst first; the first that is hopeless, alone."""
    tried = []
    for attack in (*attacks_on(found.pattern), None):
        for use in sorted(found.uses):
            trial = Trial(0.0, use, attack)
            text = trial.text_for(found.pattern, min(TRIAL_CHARS, found.max_chars))
            seconds = _once(runner(found.pattern, use), text, stop_after_s=TRIAL_S, clock=time.perf_counter)
            tried.append(Trial(seconds, use, attack))
            if seconds >= TRIAL_S:
                return tried[-1:]
    return heapq.nlargest(FINALISTS, tried, key=lambda trial: trial.seconds)


def seconds_of(trial: Trial, pattern: re.Pattern[Any], size: int, *, stop_after_s: float, enough_s: float) -> float:
    """CPU seconds on `size` characters, the best of three tries; one that is quicker than `enough_s` is not repeated.

    `stop_after_s` when the pattern did not come back before: the engine looks for signals while it works.
    """
    best, text = stop_after_s, trial.text_for(pattern, size)
    for _ in range(ROUNDS):
        best = min(best, _once(runner(pattern, trial.use), text, stop_after_s=stop_after_s))
        if best <= enough_s or best >= stop_after_s:
            break
    return best


def _once(
    call: Callable[[Any], object],
    text: Any,
    *,
    stop_after_s: float,
    clock: Callable[[], float] = time.process_time,
) -> float:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow

    previous = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, stop_after_s)
    begin = clock()
    try:
        call(text)
    except TooSlow:
        return stop_after_s
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)
    return clock() - begin


def slowest(found: Found, *, stop_after_s: float = 1.0, enough_s: float = 0.02) -> Slowest:
    """The attack that costs this pattern most on as much text as it can meet."""
    worst, size = Slowest(found, "", "", 0.0), found.max_chars
    for trial in worst_trials(found):
        seconds = seconds_of(trial, found.pattern, size, stop_after_s=stop_after_s, enough_s=enough_s)
        if seconds >= worst.seconds:
            text = repr(trial.text_for(found.pattern, size))
            worst = Slowest(found, trial.use, f"{text[:40]} … {text[-12:]}", seconds)
    return worst
