"""The outbox: every message on its way, what became of it, and what the person can still do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webmail.outbox import control, doubt, moves, queries
from webmail.outbox.models import CANCELLABLE, IN_FLIGHT, SENT, Phase, Submission, SubmissionRecipient
from webmail.web import flash
from webmail.web.requests import UserRequest, signed_in

RECENT = 30  # sent messages shown below those that wait
STEP_STATUS = {
    Phase.HELD: "pending",
    Phase.QUEUED: "pending",
    Phase.CLAIMED: "running",
    Phase.IN_DATA: "running",
    Phase.DOT_SENT: "running",
    Phase.ACCEPTED: "passed",
    Phase.DONE: "passed",
    Phase.RETRY: "warned",
    Phase.UNCONFIRMED: "warned",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "pending",
}
_CHIPS = {"passed": "ok", "warned": "warn", "failed": "danger", "running": "blue", "pending": "grey"}


@dataclass(frozen=True)
class Entry:
    """A submission as a row: whom it goes to, its phase in words, and what may be done."""

    submission: Submission
    people: str
    chip: str
    acts: tuple[tuple[str, str], ...]  # (act, label)
    refused: int

    @property
    def title(self) -> str:
        return self.submission.subject or _("(no subject)")


@require_GET
@signed_in
def outbox(request: UserRequest) -> HttpResponse:
    """What waits or needs a look first, then what went lately."""
    waiting = list(queries.waiting_of(request.user)[:200])
    troubled = [one for one in queries.troubled_of(request.user)[:200] if one not in waiting]
    shown = {one.pk for one in (*waiting, *troubled)}
    recent = [one for one in queries.submissions_of(request.user)[: RECENT + len(shown)] if one.pk not in shown]
    context = {
        "current": "outbox",
        "waiting": [entry_of(one) for one in waiting],
        "troubled": [entry_of(one) for one in troubled],
        "recent": [entry_of(one) for one in recent[:RECENT]],
    }
    return render(request, "outbox/outbox.html", context)


@require_GET
@signed_in
def outbox_item(request: UserRequest, submission_id: str) -> HttpResponse:
    """One message: each recipient with the server's reply, and its timeline. Asked for again while it is on its way."""
    submission = queries.get_submission_for(request.user, submission_id)
    context = {
        "current": "outbox",
        "entry": entry_of(submission),
        "submission": submission,
        "recipients": list(submission.recipients.all()),
        "events": [(event, STEP_STATUS[Phase(event.phase)]) for event in submission.events.all()],
        "is_moving": submission.phase in (*CANCELLABLE, *IN_FLIGHT),
    }
    return render(request, "outbox/_item.html" if request.htmx else "outbox/item.html", context)


@require_POST
@signed_in
def outbox_act(request: UserRequest, submission_id: str) -> HttpResponse:
    """Posted: `act`: cancel, retry, stop, resend or mark_sent. Too late is said, never an error."""
    submission = queries.get_submission_for(request.user, submission_id)
    act = request.POST.get("act", "")
    if act == "cancel":
        return _cancel(request, submission)
    run = _ACTS.get(act)
    if run is not None:
        text = run(submission)
        too_late = _("That came too late: the message has moved on.")
        flash.add(request, flash.Toast(text or too_late, kind="info" if text else "warn"))
    return redirect("outbox_item", submission.public_id)


def _cancel(request: UserRequest, submission: Submission) -> HttpResponse:
    draft = control.cancel(submission)
    if draft is not None:
        flash.add(request, flash.Toast(_("Not sent. Here is your message again.")))
        return redirect("compose", draft.public_id)
    if moves.reload(submission).phase == Phase.CANCELLED:
        flash.add(request, flash.Toast(_("Taken back. It is not sent.")))
        return redirect("outbox")
    flash.add(
        request,
        flash.Toast(
            _("Too late to take it back: it is being sent or has been."),
            kind="warn",
            link=flash.Link(_("View"), reverse("outbox_item", args=[submission.public_id])),
        ),
    )
    return redirect("outbox_item", submission.public_id)


def _retry(submission: Submission) -> str:
    return _("Trying now.") if control.retry_now(submission) else ""


def _stop(submission: Submission) -> str:
    return _("No further try is made.") if control.stop_trying(submission) else ""


def _resend(submission: Submission) -> str:
    return _("It is sent again.") if doubt.resolve_unconfirmed(submission, sent=False) else ""


def _mark_sent(submission: Submission) -> str:
    return _("Marked as sent.") if doubt.resolve_unconfirmed(submission, sent=True) else ""


_ACTS: dict[str, Callable[[Submission], str]] = {
    "retry": _retry,
    "stop": _stop,
    "resend": _resend,
    "mark_sent": _mark_sent,
}


def entry_of(submission: Submission) -> Entry:
    """A row of the page. Recipients must be prefetched or are read."""
    recipients = list(submission.recipients.all())
    refused = sum(one.status == SubmissionRecipient.Status.REFUSED for one in recipients)
    people = ", ".join(one.email for one in recipients[:3])
    if len(recipients) > 3:
        people = _("%(people)s and %(count)s more") % {"people": people, "count": len(recipients) - 3}
    status = STEP_STATUS[Phase(submission.phase)]
    if submission.phase in SENT and refused:
        status = "warned"
    reached = any(one.status == SubmissionRecipient.Status.ACCEPTED for one in recipients)
    return Entry(submission, people, _CHIPS[status], _acts_of(submission, has_reached=reached), refused)


def _acts_of(submission: Submission, *, has_reached: bool) -> tuple[tuple[str, str], ...]:
    phase = submission.phase
    if phase == Phase.UNCONFIRMED:
        return (("resend", _("Send again")), ("mark_sent", _("Mark as sent")))
    take_back = () if has_reached else (("cancel", _("Take back")),)
    if phase == Phase.RETRY:
        return (("retry", _("Try now")), *take_back, ("stop", _("Stop trying")))
    return take_back if phase in CANCELLABLE else ()
