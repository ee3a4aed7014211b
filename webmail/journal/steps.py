"""What a person did in one go: writing Steps, finding the one to undo, and how far those that run long have come.

It must not change mail: undoing is `undoing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.http import Http404
from django.utils import timezone

from accounts.models import User
from webmail import dispatch
from webmail.journal import entries
from webmail.journal.actions import putting_back
from webmail.journal.models import Action, Step

SHOWN = 20  # steps on the page of activity, and so many can be undone one after the other
UNDO_FOR = timedelta(minutes=10)
KEPT_FOR = timedelta(days=30)
JOB_EMAILS = 500  # a step on more than these is a job: it is shown with its progress, and stopped by a worker
UNDO = "undo"  # the verb of the step that an undoing as a job is


class Recording:
    """The step being written. `kept` is it, or None when nothing was changed."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.kept: Step | None = None


@contextmanager
def recording(user: User, verb: str, detail: Mapping[str, Any], *, is_final: bool = False) -> Iterator[Recording]:
    """Actions written inside belong to one new Step. Without any, or when it raises before the first, none is left."""
    step = Step.objects.create(user=user, verb=verb, detail=dict(detail), is_final=is_final)
    found = Recording(step)
    token = entries.current_step.set(step)
    try:
        yield found
    finally:
        entries.current_step.reset(token)
        if step.actions.exists():
            found.kept = step
            Step.objects.filter(pk=step.pk).update(detail=step.detail, is_final=step.is_final)
        else:
            step.delete()


def get_step_for(user: User, public_id: str) -> Step:
    """Raises Http404 when it is not the user's."""
    step = Step.objects.filter(user=user, public_id=public_id).first()
    if step is None:
        raise Http404("no such step")
    return step


def recent_steps(user: User, *, limit: int = SHOWN) -> list[Step]:
    """The last steps, newest first, without those that undid others."""
    return list(Step.objects.filter(user=user).exclude(verb=UNDO).order_by("-id")[:limit])


def last_undoable(user: User) -> Step | None:
    """The newest of the last steps that can still be undone, of the last ten minutes."""
    return next((step for step in recent_steps(user) if can_undo(step)), None)


def can_undo(step: Step) -> bool:
    """Whether a press of `z` may undo it: not for good, not undone yet, not too long ago."""
    return not step.is_final and step.undone_at is None and step.created_at >= timezone.now() - UNDO_FOR


@dataclass(frozen=True)
class Progress:
    """How far a step has come. `planned`: Emails to be changed here; `applied`: those that were; `told`: acts on Emails that
    the server knows of, of `to_tell`."""

    planned: int
    applied: int
    to_tell: int
    told: int
    is_open: bool
    was_stopped: bool
    errors: tuple[str, ...] = ()

    @property
    def is_applied(self) -> bool:
        """All of it is done on our side: what people see is complete."""
        return self.applied >= self.planned

    @property
    def percent(self) -> int:
        """Here and on the server together, 0 to 100."""
        whole = self.planned + max(self.to_tell, self.planned)
        return min(100, (self.applied + self.told) * 100 // whole) if whole else 100


def progress_of(step: Step, actions: Sequence[Action] | None = None) -> Progress:
    """From the Actions of the step: one query when they are not given."""
    found = list(step.actions.all()) if actions is None else list(actions)
    left = sum(last - first + 1 for action in found for first, last in action.unapplied)
    to_tell = sum(action.total for action in found)
    planned = max(int(step.detail.get("planned", 0)), left) if found else 0
    stopped = any(action.status == Action.Status.STOPPED or action.stop_wanted_at for action in found)
    return Progress(
        planned=planned,
        applied=max(planned - left, 0),
        to_tell=to_tell,
        told=sum(action.done_count for action in found),
        is_open=any(action.status in Action.OPEN for action in found),
        was_stopped=stopped,
        errors=tuple(dict.fromkeys(action.error for action in found if action.error)),
    )


@dataclass(frozen=True)
class Job:
    """A step that takes longer, with how far it has come."""

    step: Step
    progress: Progress


def jobs_of(user: User) -> list[Job]:
    """What runs for a person and is large, the oldest first: one query when nothing does."""
    running = Action.objects.filter(
        account__user=user, step__isnull=False, status__in=Action.OPEN, stop_wanted_at=None
    ).filter(~Q(unapplied=[]) | Q(total__gt=JOB_EMAILS))
    step_ids = sorted(set(running.values_list("step_id", flat=True)))[:SHOWN]
    if not step_ids:
        return []
    found = Step.objects.filter(pk__in=step_ids).prefetch_related("actions").order_by("pk")
    return [Job(step, progress_of(step, list(step.actions.all()))) for step in found]


def stop(step: Step) -> None:
    """The person wants no more of it: what was not told to the server yet is put back, of a job by a worker.

    Raises `ActionRefused` when it has come to an end.
    """
    open_actions = list(step.actions.filter(status__in=Action.OPEN))
    for action in open_actions:
        if action.unapplied or action.total > JOB_EMAILS:
            Action.objects.filter(pk=action.pk, status__in=Action.OPEN).update(
                stop_wanted_at=timezone.now(), unapplied=[]
            )
            dispatch.wake("journal.replay", action.account_id)
        else:
            putting_back.stop_action(action)
    if not open_actions:
        putting_back.refuse_ended()


def remove_old_steps() -> int:
    """Steps nobody sees any more; their Actions stay. Returns how many."""
    count, _ = Step.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    return count
