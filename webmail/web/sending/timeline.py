"""The history of one submission as steps for people: tries with their outcome, the copy, what came back, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webmail.outbox.models import (
    CLAIMABLE,
    IN_FLIGHT,
    DeliveryReport,
    HeldFor,
    Phase,
    Report,
    Submission,
    SubmissionEvent,
    SubmissionRecipient,
)
from webmail.web.sending.lines import without_lead
from webmail.web.text import when

_STATUS = {
    Phase.HELD: ("passed", gettext_lazy("Taken for sending")),
    Phase.QUEUED: ("passed", gettext_lazy("Ready to leave")),
    Phase.CLAIMED: ("running", gettext_lazy("Being sent")),
    Phase.IN_DATA: ("running", gettext_lazy("Being transmitted")),
    Phase.DOT_SENT: ("running", gettext_lazy("Waiting for the server's word")),
    Phase.ACCEPTED: ("passed", gettext_lazy("Sent")),
    Phase.DONE: ("passed", gettext_lazy("Copy filed in Sent")),
    Phase.RETRY: ("warned", gettext_lazy("Not sent yet")),
    Phase.UNCONFIRMED: ("warned", gettext_lazy("Perhaps sent")),
    Phase.FAILED: ("failed", gettext_lazy("Not sent")),
    Phase.CANCELLED: ("passed", gettext_lazy("Taken back")),
}
_LEADS = {
    Phase.RETRY: "Not sent yet",
    Phase.ACCEPTED: "Sent",
    Phase.FAILED: "Not sent",
    Phase.UNCONFIRMED: "Perhaps sent",
}
_REPORTS = {
    Report.DELIVERED: ("passed", gettext_lazy("Delivered to %(email)s")),
    Report.RELAYED: ("passed", gettext_lazy("Passed on for %(email)s, to a server that sends no reports")),
    Report.EXPANDED: ("passed", gettext_lazy("Passed on to the members of %(email)s")),
    Report.DELAYED: ("warned", gettext_lazy("Delayed on the way to %(email)s")),
    Report.FAILED: ("failed", gettext_lazy("Came back from %(email)s")),
}
_ICONS = {
    "pending": "clock",
    "running": "loader-circle",
    "passed": "circle-check",
    "warned": "triangle-alert",
    "failed": "circle-alert",
}


@dataclass(frozen=True)
class Step:
    """A line of the timeline. `text` may quote a server; `at` None: it is still to come."""

    status: str  # pending, running, passed, warned, failed
    title: str
    text: str = ""
    at: datetime | None = None
    email_id: str = ""  # the message that told of it

    @property
    def icon(self) -> str:
        return _ICONS[self.status]


@dataclass(frozen=True)
class Receiver:
    """A recipient as the page shows it: what became of the message for them."""

    email: str
    chip: str
    state: str
    text: str  # what servers said


def steps_of(submission: Submission) -> list[Step]:
    """In the order of time, what is still to come last. Events, recipients and reports must be prefetched."""
    # What came back is told from its rows, with the message that says so.
    starts = tuple(f"{one.email}: " for one in submission.recipients.all())
    events = [event for event in submission.events.all() if not event.text.startswith(starts)]
    steps = [*_own_steps(events), *_later_steps(submission)]
    steps.sort(key=lambda step: step.at.timestamp() if step.at else float("inf"))
    return [*steps, *_coming(submission)]


def _own_steps(events: Sequence[SubmissionEvent]) -> Iterator[Step]:
    """What went on during a try is told by its outcome; of the one that runs the last step is shown."""
    for place, event in enumerate(events):
        phase = Phase(event.phase)
        is_last = place == len(events) - 1
        if not is_last and (phase in IN_FLIGHT or (phase == Phase.QUEUED and not event.text)):
            continue
        status, title = _STATUS[phase]
        if phase == Phase.HELD and place:
            title = gettext_lazy("Held")
        # Texts of events are English as they were written; titles are in the language of the page.
        yield Step(status, str(title), without_lead(event.text, _LEADS.get(phase, "-")), event.at)


def _later_steps(submission: Submission) -> Iterator[Step]:
    told = _told_by(list(submission.reports.all()))
    for one in submission.recipients.all():
        if one.report and one.report_at:
            status, title = _REPORTS[Report(one.report)]
            source = told.get((DeliveryReport.Kind.DELIVERY, one.email.casefold()), "")
            yield Step(status, str(title) % {"email": one.email}, _said(one), one.report_at, source)
        if one.read_at:
            source = told.get((DeliveryReport.Kind.RECEIPT, one.email.casefold()), "")
            yield Step("passed", _("Read by %(email)s") % {"email": one.email}, "", one.read_at, source)


def _said(one: SubmissionRecipient) -> str:
    """The reporting server's words, with the code where they do not hold it."""
    return one.report_text if one.report_code in one.report_text else f"{one.report_code} {one.report_text}".strip()


def _told_by(reports: Sequence[DeliveryReport]) -> dict[tuple[str, str], str]:
    """The message that told last of each recipient."""
    found = {}
    for report in reports:
        for one in report.recipients:
            found[report.kind, str(one.get("email", "")).casefold()] = report.email.public_id
    return found


def _coming(submission: Submission) -> Iterator[Step]:
    phase = submission.phase
    if phase == Phase.HELD and submission.held_for == HeldFor.UNDO:
        yield Step("pending", _("Leaves in a moment"))
    elif phase == Phase.HELD and submission.held_for != HeldFor.RESTORE:
        yield Step("pending", _("Leaves %(when)s") % {"when": when(submission.send_at)})
    elif phase in CLAIMABLE and submission.attempts:
        yield Step("pending", _("Next try %(when)s") % {"when": when(submission.next_try_at, today="")})
    elif phase == Phase.UNCONFIRMED:
        yield Step("pending", _("Pillarbox looks again %(when)s") % {"when": when(submission.next_try_at, today="")})


def receivers_of(submission: Submission) -> list[Receiver]:
    """Each recipient with what is known last: read before delivered before accepted."""
    return [_receiver(submission, one) for one in submission.recipients.all()]


def _receiver(submission: Submission, one: SubmissionRecipient) -> Receiver:
    said = _said(one) or one.reply
    if one.read_at:
        return Receiver(one.email, "ok", _("Read %(when)s") % {"when": when(one.read_at, today="")}, said)
    if one.report:
        status, _title = _REPORTS[Report(one.report)]
        chip = {"passed": "ok", "warned": "warn", "failed": "danger"}[status]
        return Receiver(one.email, chip, Report(one.report).label.capitalize(), said)
    if one.status == SubmissionRecipient.Status.REFUSED:
        return Receiver(one.email, "danger", _("Refused"), said)
    if one.status == SubmissionRecipient.Status.ACCEPTED:
        return Receiver(one.email, "ok", _("Taken by the server"), said)
    waiting = _("Not sent") if submission.phase in {Phase.FAILED, Phase.CANCELLED} else _("Waiting")
    perhaps = submission.phase == Phase.UNCONFIRMED
    return Receiver(one.email, "warn" if perhaps else "grey", _("Perhaps sent") if perhaps else waiting, said)
