"""The page of activity: the last steps with their undo, what runs with its progress and a way to stop it, and what mail
servers refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from webmail.journal import entries, steps
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action, Step
from webmail.web import flash
from webmail.web.acts import toasts
from webmail.web.acts.words import words_of
from webmail.web.requests import UserRequest, signed_in, wants_fragment
from webmail.web.shell import shell_of
from webmail.web.views.acts import answer, source_of


@dataclass(frozen=True)
class Line:
    """A step as the page shows it."""

    step: Step
    words: str
    progress: steps.Progress
    can_undo: bool

    @property
    def at(self) -> datetime:
        return self.step.created_at


@dataclass(frozen=True)
class Trouble:
    """An act that a server did not carry out: what it was, the account, why, and whether it is tried again."""

    action: Action
    words: str
    account_name: str

    @property
    def is_over(self) -> bool:
        return self.action.status == Action.Status.FAILED


@signed_in
@require_safe
def activity(request: UserRequest) -> HttpResponse:
    """The page, its content alone while something runs, or the bar of jobs for the top of other pages."""
    if wants_fragment(request, "jobs"):
        return render(request, "organise/_jobs.html")
    context = {
        "current": "activity",
        "jobs": [_line(job.step, job.progress) for job in steps.jobs_of(request.user)],
        "lines": _lines(request.user),
        "troubles": _troubles(request),
    }
    name = "organise/_activity.html" if wants_fragment(request, "activity") else "organise/activity.html"
    return render(request, name, context)


@signed_in
@require_safe
def activity_toast(request: UserRequest, step_id: str) -> HttpResponse:
    """The toast of a step as it is now: a job's toast asks for it."""
    step = steps.get_step_for(request.user, step_id)
    toast = toasts.toast_of(step, address=request.GET.get("list", ""))
    return render(request, "parts/_toast.html", {"toast": toast})


@signed_in
@require_POST
def activity_stop(request: UserRequest, step_id: str) -> HttpResponse:
    """Stop a job: what was not told to the server yet is put back."""
    step = steps.get_step_for(request.user, step_id)
    try:
        steps.stop(step)
    except ActionRefused as error:
        flash.add(request, flash.Toast(str(error), kind="warn"))
    else:
        flash.add(request, toasts.toast_of(step))
    return answer(request, source_of(request), closes=False)


def _lines(user: User) -> list[Line]:
    found = steps.recent_steps(user)
    by_step: dict[int, list[Action]] = {step.pk: [] for step in found}
    for action in Action.objects.filter(step_id__in=by_step):
        by_step[action.step_id or 0].append(action)
    return [_line(step, steps.progress_of(step, by_step[step.pk])) for step in found]


def _line(step: Step, progress: steps.Progress) -> Line:
    return Line(step, words_of(step), progress, can_undo=not step.is_final and step.undone_at is None)


def _troubles(request: UserRequest) -> list[Trouble]:
    found = []
    for account in shell_of(request).account_list:
        for action in entries.troubled_actions(account.pk):
            words = words_of(action.step) if action.step is not None else ""
            found.append(Trouble(action, words, account.name or account.address))
    return found
