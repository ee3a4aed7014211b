"""What came back about a message, in words for the reading pane: on a sent one what became of it, on a report what it is about.

Rows in, words out. Everything that a report says comes from strangers: it is only ever text in a template that escapes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from webmail.mime.reports.values import COMPLAINT, RECEIPT
from webmail.outbox.models import Report, Submission
from webmail.outbox.returned.outcomes import About, Outcome, RecipientOutcome, abouts_of, outcomes_of
from webmail.store.models import Email

MAX_LINES = 50

# What is known of a recipient: the look of its line, an icon, words.
_STATES = {
    Report.FAILED: ("danger", "circle-alert", gettext_lazy("came back")),
    "refused": ("danger", "circle-alert", gettext_lazy("refused by the server")),
    Report.DELAYED: ("warn", "clock", gettext_lazy("delayed on the way")),
    Report.DELIVERED: ("ok", "circle-check", gettext_lazy("delivered")),
    Report.RELAYED: ("ok", "circle-check", gettext_lazy("passed on to a server that sends no reports")),
    Report.EXPANDED: ("ok", "circle-check", gettext_lazy("passed on to the members of a list")),
    "read": ("ok", "mail-open", gettext_lazy("opened it")),
    "deleted": ("plain", "trash-2", gettext_lazy("deleted it without opening it")),
    "denied": ("plain", "info", gettext_lazy("does not tell whether it was opened")),
    "accepted": ("plain", "check", gettext_lazy("taken by the server")),
    "waiting": ("plain", "clock", gettext_lazy("not sent yet")),
}
_UNKNOWN = ("plain", "info", gettext_lazy("reported about"))


@dataclass(frozen=True)
class Line:
    """One recipient."""

    email: str
    look: str
    icon: str
    words: str
    explanation: str = ""
    text: str = ""  # a server's words
    at: datetime | None = None
    source: str = ""
    report_id: str = ""


@dataclass(frozen=True)
class CameBack:
    """The block above a message. `note`: a sentence below the recipients; `sent_id`: the message it is about."""

    look: str  # danger, warn, ok, plain
    icon: str
    title: str
    lines: tuple[Line, ...]
    more: int = 0  # further recipients that are not listed
    note: str = ""
    source: str = ""
    sent_id: str = ""
    submission: Submission | None = None
    can_write_again: bool = False


def find_blocks(user: User, emails: Sequence[Email], *, own: Collection[str]) -> dict[int, CameBack]:
    """The blocks of these messages, by Email id; most have none. `own`: the person's addresses, folded."""
    written = [email for email in emails if _sender_of(email) in own]
    outcomes = outcomes_of(user, written) if written else {}
    found = {email_id: _of_outcome(outcome) for email_id, outcome in outcomes.items() if outcome.is_worth_telling}
    return found | {email_id: _of_about(about) for email_id, about in abouts_of(user, emails).items()}


def _sender_of(email: Email) -> str:
    senders = email.addresses.get("from") or [["", ""]]
    return str(senders[0][1]).casefold()


def _line(one: RecipientOutcome) -> Line:
    look, icon, words = _STATES.get(one.state, _UNKNOWN)
    return Line(
        one.email,
        look,
        icon,
        str(words),
        one.explanation,
        # Some explanations hold the server's words already; of success there is nothing to explain.
        "" if one.text in one.explanation or look in {"ok", "plain"} else one.text,
        one.at,
        source=one.source,
        report_id=one.report_id,
    )


_WEIGHT = {"danger": 0, "warn": 1, "ok": 2, "plain": 3}


def _lines(found: Sequence[RecipientOutcome]) -> tuple[Line, ...]:
    """The worst first, else in the order of the message."""
    return tuple(sorted(map(_line, found), key=lambda line: _WEIGHT[line.look]))


def _of_outcome(outcome: Outcome) -> CameBack:
    lines = _lines(outcome.recipients)
    looks = [line.look for line in lines]
    if looks and all(look == "danger" for look in looks):
        look, icon, title = "danger", "circle-alert", _("This message did not arrive")
    elif "danger" in looks:
        look, icon, title = "danger", "circle-alert", _("This message did not reach everybody")
    elif "warn" in looks:
        look, icon, title = "warn", "clock", _("This message is delayed on the way")
    else:
        look, icon, title = "plain", "circle-check", _("Delivery")
    return CameBack(
        look=look,
        icon=icon,
        title=title,
        lines=lines[:MAX_LINES],
        more=len(lines[MAX_LINES:]),
        note=_("Somebody who got it marked it as unwanted.") if outcome.is_complained else "",
        submission=outcome.submission,
        can_write_again=_can_write_again(outcome.submission, lines),
    )


def _of_about(about: About) -> CameBack:
    lines = _lines(about.recipients)
    look, icon, title = _heading(about, lines)
    is_known = about.sent is not None or about.submission is not None
    unknown = _(
        "No message of yours that Pillarbox knows fits this report. It may be about one sent with another program, or made up."
    )
    return CameBack(
        look=look if is_known else "plain",
        icon=icon if is_known else "info",
        title=title,
        lines=lines[:MAX_LINES],
        more=len(lines[MAX_LINES:]),
        note="" if is_known else unknown,
        source="" if about.source in {line.email for line in lines} else about.source,
        sent_id=about.sent.public_id if about.sent is not None else "",
        submission=about.submission,
        can_write_again=_can_write_again(about.submission, lines),
    )


def _heading(about: About, lines: Sequence[Line]) -> tuple[str, str, str]:
    if about.sent is None and about.submission is None:
        return "plain", "info", _("A report about a message that is not here")
    subject = {"subject": about.subject.strip() or _("(no subject)")}
    if about.kind == COMPLAINT:
        return "warn", "triangle-alert", _("Somebody marked your message “%(subject)s” as unwanted") % subject
    if about.kind == RECEIPT:
        icon = lines[0].icon if lines else "mail-open"
        return "plain", icon, _("A read receipt for your message “%(subject)s”") % subject
    looks = {line.look for line in lines}
    if "danger" in looks or not looks:
        return "danger", "circle-alert", _missed([line for line in lines if line.look == "danger"], subject)
    if "warn" in looks:
        return "warn", "clock", _("Your message “%(subject)s” is delayed on the way") % subject
    return "plain", "circle-check", _("A delivery report for your message “%(subject)s”") % subject


def _missed(lines: Sequence[Line], subject: dict[str, str]) -> str:
    if not lines:
        return _("Your message “%(subject)s” did not arrive") % subject
    if len(lines) == 1:
        return _("Your message “%(subject)s” did not reach %(email)s") % {**subject, "email": lines[0].email}
    words = _("Your message “%(subject)s” did not reach %(count)d recipients")
    return words % {**subject, "count": len(lines)}


def _can_write_again(submission: Submission | None, lines: Sequence[Line]) -> bool:
    return submission is not None and bool(submission.draft_snapshot) and any(line.look == "danger" for line in lines)
