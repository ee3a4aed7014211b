"""A submission in words: where it stands, what that means for the person, and which buttons fit. For lists and its own page.

Rows in, words out; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import AccountState
from webmail.mime.addresses import parse_addresses
from webmail.outbox.models import SENT, Draft, HeldFor, Phase, Report, Submission, SubmissionRecipient
from webmail.outbox.queue import schedule
from webmail.outbox.queue.undo import undo_deadline
from webmail.web.sending.lines import joined, lines_of
from webmail.web.text import short_name, with_query

_Status = SubmissionRecipient.Status
_STOPPED = (AccountState.PAUSED, AccountState.AUTH_FAILED)

# stage: chip, its words
STAGES = {
    "undo": ("grey", gettext_lazy("About to leave")),
    "scheduled": ("blue", gettext_lazy("Scheduled")),
    "limit": ("warn", gettext_lazy("Daily limit")),
    "restore": ("warn", gettext_lazy("Waits for you")),
    "queued": ("grey", gettext_lazy("Waiting")),
    "stopped": ("warn", gettext_lazy("Waiting")),
    "sending": ("blue", gettext_lazy("Being sent")),
    "retry": ("warn", gettext_lazy("Tried again")),
    "delayed": ("warn", gettext_lazy("Delayed")),
    "doubt": ("warn", gettext_lazy("Perhaps sent")),
    "failed": ("danger", gettext_lazy("Not sent")),
    "no_copy": ("warn", gettext_lazy("Sent, no copy yet")),
    "partly": ("warn", gettext_lazy("Not to everybody")),
    "came_back": ("danger", gettext_lazy("Came back")),
    "slow": ("warn", gettext_lazy("Delayed on the way")),
    "delivered": ("ok", gettext_lazy("Delivered")),
    "read": ("ok", gettext_lazy("Read")),
    "sent": ("ok", gettext_lazy("Sent")),
    "cancelled": ("grey", gettext_lazy("Taken back")),
}
MOVING = frozenset({"undo", "queued", "sending"})  # what changes by itself within seconds


@dataclass(frozen=True)
class Button:
    """What can be done: a value of `act` to post, or a link. `question` is asked first."""

    label: str
    act: str = ""
    address: str = ""
    icon: str = ""
    question: str = ""


@dataclass(frozen=True)
class Entry:
    """A submission as a row: whom it goes to, where it stands, what it means, what can be done."""

    submission: Submission
    stage: str
    people: str
    lines: tuple[str, ...]  # plain words first; the last may quote a server
    buttons: tuple[Button, ...]
    seconds_left: float  # in which it can be taken back as shown; 0: not (any more)

    @property
    def title(self) -> str:
        return self.submission.subject or _("(no subject)")

    @property
    def chip(self) -> str:
        return STAGES[self.stage][0]

    @property
    def state(self) -> str:
        return str(STAGES[self.stage][1])

    @property
    def at(self) -> datetime:
        """The time that says most: when it leaves or left, else when it was written."""
        if self.stage == "scheduled":
            return self.submission.send_at
        return self.submission.accepted_at or self.submission.created_at


def entries_of(submissions: Iterable[Submission]) -> list[Entry]:
    """Rows of a list. Accounts and recipients must be prefetched; the drafts that came back are read at once."""
    found = list(submissions)
    failed = [one for one in found if one.phase == Phase.FAILED]
    rows = Draft.objects.filter(
        account__in={one.account_id for one in failed}, message_id__in={one.message_id for one in failed}
    )
    drafts = {(draft.account_id, draft.message_id): draft for draft in rows} if failed else {}
    return [entry_of(one, draft=drafts.get((one.account_id, one.message_id))) for one in found]


def entry_of(submission: Submission, *, draft: Draft | None = None) -> Entry:
    """One row. `draft`: what came back of a failed one, when it is still there."""
    recipients = list(submission.recipients.all())
    now = timezone.now()
    stage = stage_of(submission, recipients, now=now)
    reached = any(one.status == _Status.ACCEPTED for one in recipients)
    deadline = undo_deadline(submission)
    return Entry(
        submission=submission,
        stage=stage,
        people=people_of(submission, recipients),
        lines=lines_of(submission, stage, recipients),
        buttons=_buttons(submission, stage, can_take_back=not reached, draft=draft),
        seconds_left=max(0.0, (deadline - now).total_seconds()) if deadline else 0.0,
    )


def stage_of(submission: Submission, recipients: Sequence[SubmissionRecipient], *, now: datetime) -> str:
    """A key of `STAGES`."""
    phase = Phase(submission.phase)
    if phase == Phase.HELD:
        return _HELD.get(submission.held_for, "undo")
    if phase in (Phase.QUEUED, Phase.RETRY) and submission.account.state in _STOPPED:
        return "stopped"
    if phase == Phase.RETRY:
        since = submission.first_try_at
        return "delayed" if since is not None and now - since >= schedule.TELL_AFTER else "retry"
    if phase in SENT:
        return _stage_of_sent(submission, recipients)
    return _BY_PHASE[phase]


_HELD: dict[str, str] = {HeldFor.SCHEDULE: "scheduled", HeldFor.LIMIT: "limit", HeldFor.RESTORE: "restore"}
_BY_PHASE = {
    Phase.QUEUED: "queued",
    Phase.CLAIMED: "sending",
    Phase.IN_DATA: "sending",
    Phase.DOT_SENT: "sending",
    Phase.UNCONFIRMED: "doubt",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "cancelled",
}


def _stage_of_sent(submission: Submission, recipients: Sequence[SubmissionRecipient]) -> str:
    reports = {one.report for one in recipients}
    if any(one.status == _Status.REFUSED for one in recipients):
        return "partly"
    if Report.FAILED in reports:
        return "came_back"
    if submission.phase == Phase.ACCEPTED and submission.sent_copy_failures:
        return "no_copy"
    if recipients and all(one.read_at for one in recipients):
        return "read"
    if Report.DELAYED in reports:
        return "slow"
    return "delivered" if reports == {Report.DELIVERED} else "sent"


def people_of(submission: Submission, recipients: Sequence[SubmissionRecipient]) -> str:
    """ "Ben Hale, carl@example.net and 2 more": names as they were written, else addresses."""
    snapshot = submission.draft_snapshot
    typed = ", ".join(snapshot.get(name, "") for name in ("to", "cc", "bcc") if snapshot.get(name))
    names = {address.email.casefold(): address.name.strip() for address in parse_addresses(typed)}
    shown = [names.get(one.email.casefold()) or one.email for one in recipients]
    return joined(shown)


def short_people_of(submission: Submission) -> str:
    """For a toast: "Ben", "Ben and 2 more"."""
    snapshot = submission.draft_snapshot
    typed = ", ".join(snapshot.get(name, "") for name in ("to", "cc", "bcc") if snapshot.get(name))
    shown = [short_name(address.name, address.email) if address.name.strip() else address.email
             for address in parse_addresses(typed)]  # fmt: skip
    shown = shown or [one.email for one in submission.recipients.all()]
    if len(shown) > 1:
        return _("%(name)s and %(count)s more") % {"name": shown[0], "count": len(shown) - 1}
    return shown[0] if shown else _("nobody")


# What can be done -----------------------------------------------------------------------------------------------------


def _buttons(submission: Submission, stage: str, *, can_take_back: bool, draft: Draft | None) -> tuple[Button, ...]:
    take_back = (Button(_("Take back"), "cancel", icon="undo-2"),) if can_take_back else ()
    edit = (Button(_("Edit"), "cancel", icon="pencil"),) if can_take_back else ()
    if stage == "undo":
        return (Button(_("Undo"), "cancel", icon="undo-2"),)
    if stage == "scheduled":
        return (*edit, *_of_scheduled(submission))
    if stage in {"retry", "delayed"}:
        return (Button(_("Try now"), "retry", icon="refresh-cw"), *edit, Button(_("Stop trying"), "stop", icon="ban"))
    if stage == "doubt":
        return _of_doubt()
    if stage == "restore":
        end = take_back or (Button(_("Do not send"), "stop", icon="ban"),)
        return (Button(_("Send"), "send_now", icon="send-horizontal"), *end)
    if stage == "stopped":
        address = reverse("account_settings", args=[submission.account.public_id])
        return (Button(_("Look at the account"), address=address, icon="settings"), *take_back)
    dismiss = () if submission.acknowledged_at else (Button(_("Dismiss"), "dismiss", icon="check"),)
    if stage == "failed" and draft is not None:
        address = reverse("compose", args=[draft.public_id])
        return (Button(_("Open the draft"), address=address, icon="pencil"), *dismiss)
    if stage in {"partly", "came_back"}:
        write = (Button(_("Write to them again"), "again", icon="square-pen"),) if submission.draft_snapshot else ()
        return (*write, *dismiss)
    return take_back if stage in {"queued", "limit"} else ()


def _of_scheduled(submission: Submission) -> tuple[Button, ...]:
    item = reverse("outbox_item", args=[submission.public_id])
    question = _("Delete this message? It is not sent, and not kept as a draft.")
    return (
        Button(_("Reschedule"), address=with_query(item, {"reschedule": "1"}) + "#times", icon="calendar"),
        Button(_("Send now"), "send_now", icon="send-horizontal"),
        Button(_("Delete"), "discard", icon="trash-2", question=question),
    )


def _of_doubt() -> tuple[Button, ...]:
    question = _("The server may have taken it already: then the recipients get it twice. Send it again all the same?")
    return (
        Button(_("It has arrived: mark as sent"), "mark_sent", icon="check"),
        Button(_("Send again"), "resend", icon="send-horizontal", question=question),
        Button(_("Check now"), "look", icon="refresh-cw"),
    )
