"""What `sweep` does, and how often. Due times of everything that matters live in rows; these are only the looks at them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from django.db import close_old_connections

from webmail.journal import steps as journal_steps
from webmail.outbox.queue import upkeep
from webmail.store import collection
from webmail.store.reading import drawings, forms, pictures
from webmail.sync.content import retention
from webmail.sync.outgoing import deliver
from webmail.workers import expiry, restoring
from webmail.workers.waiting import FINDERS, Bells, Finder

log = structlog.get_logger(__name__)

ROUND_S = 1.0  # between two rounds: what was held for undo leaves on time
SWEEP_S = 10.0
HOUR_S = 3600.0


@dataclass(frozen=True)
class Step:
    """One look. `run` returns how many rows it found or removed, and may be repeated at any time."""

    name: str
    every_s: float
    run: Callable[[], int]


def steps() -> list[Step]:
    """All steps, what people wait for first."""
    bells = Bells()
    return [
        Step("restored backup", SWEEP_S, restoring.look_for_restore),  # before anything is sent
        Step("held messages", ROUND_S, upkeep.release_due),
        Step("outbox", SWEEP_S, deliver.sweep_outbox),
        *(Step(task, SWEEP_S, partial(_ring, bells, task, find)) for task, find in FINDERS.items()),
        Step("old tests", SWEEP_S, expiry.remove_old_tests),
        Step("expired uploads", 600.0, expiry.remove_expired_uploads),
        Step("abandoned uploads", 600.0, expiry.remove_abandoned_uploads),
        Step("old heartbeats", 600.0, expiry.remove_old_heartbeats),
        Step("old tombstones", HOUR_S, expiry.remove_old_tombstones),
        Step("old steps", HOUR_S, journal_steps.remove_old_steps),
        Step("ended sessions", HOUR_S, expiry.remove_ended_sessions),
        Step("released bodies", HOUR_S, retention.release_old_bodies),
        Step("old drawings", HOUR_S, drawings.remove_old_drawings),
        Step("old pictures", HOUR_S, pictures.remove_old_pictures),
        Step("old forms", HOUR_S, forms.remove_old_forms),
        Step("collected bytes", HOUR_S, collection.collect_blobs),
        Step("compacted packs", HOUR_S, collection.compact_packs),
    ]


def _ring(bells: Bells, task: str, find: Finder) -> int:
    return bells.ring(task, find())


class Sweep:
    """Runs steps when their time has come. A step that fails is logged and does not keep the others from their turn."""

    def __init__(self, steps: Sequence[Step], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = dict.fromkeys(steps, float("-inf"))
        self.failures = 0  # steps of the last round that failed, for the health pages

    def run_due(self) -> dict[str, int]:
        """One round; the number each step gave, without those that failed or were not due."""
        results: dict[str, int] = {}
        failures = 0
        for step, due in self._next.items():
            if self._clock() < due:
                continue
            self._next[step] = self._clock() + step.every_s * 0.99  # rounds are not exact
            try:
                results[step.name] = step.run()
            except Exception:
                failures += 1
                log.exception("sweep.step_failed", step=step.name)
            finally:
                close_old_connections()
        self.failures = failures
        return results
