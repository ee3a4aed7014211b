"""What became of sent mail, and what a report is about: read for the pages. What came back is written down by `reports`.

Everything a report says was written by strangers: texts are for escaping templates, addresses are not to be trusted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from webmail.mime.reports.reasons import find_code, find_reason
from webmail.mime.reports.values import ReportedRecipient
from webmail.mime.reports.words import explain
from webmail.outbox.models import (
    SENT,
    DeliveryReport,
    Kind,
    Phase,
    Report,
    Submission,
    SubmissionRecipient,
)
from webmail.outbox.queue.known import fold
from webmail.outbox.returned.reports import source_of
from webmail.store.models import Email
from webmail.store.queries.emails import emails_with_message_ids

MAX_REPORTS = 1_000  # read for one page
_LEFT = (*SENT, Phase.RETRY, Phase.UNCONFIRMED)
REFUSED, READ = "refused", "read"  # further states beside those of `Report` and `SubmissionRecipient.Status`
_UNEVENTFUL = ("accepted", "waiting")


@dataclass(frozen=True)
class RecipientOutcome:
    """What is known of one recipient. `state`: "refused" by our own server, a value of `Report`, "read", "accepted" (by our
    server, which is all that is known), or "waiting". `text`: a server's words. `source`: who reported it; "": our server.
    """

    email: str
    state: str
    explanation: str = ""  # in plain words; "" when there is nothing to explain
    text: str = ""
    at: datetime | None = None
    source: str = ""
    report_id: str = ""  # public id of the Email that reported it, when it is here


@dataclass(frozen=True)
class Outcome:
    """What became of one sent message. `submission`: None when another program sent it."""

    submission: Submission | None
    recipients: tuple[RecipientOutcome, ...]
    is_asked_for: bool = False  # delivery reports or a read receipt were asked for
    is_complained: bool = False  # somebody marked it as unwanted

    @property
    def is_worth_telling(self) -> bool:
        return self.is_asked_for or self.is_complained or any(one.state not in _UNEVENTFUL for one in self.recipients)


def outcomes_of(user: User, emails: Sequence[Email]) -> dict[int, Outcome]:
    """By Email id: what became of these messages of the user's own; those of which nothing is known are left out.

    A few queries, whatever their number.
    """
    message_ids = {email.message_id for email in emails if email.message_id}
    if not message_ids:
        return {}
    submissions = _submissions_by_id(user, message_ids)
    reports = _reports_about(list(submissions.values())) | _reports_by_id(user, message_ids.difference(submissions))
    found = {}
    for email in emails:
        submission, about = submissions.get(email.message_id), reports.get(email.message_id, [])
        if submission is not None or about:
            found[email.pk] = _outcome(submission, about)
    return found


def undelivered_among(user: User, email_ids: Iterable[int]) -> frozenset[int]:
    """Those of the Emails that are copies of messages which did not reach somebody: refused or come back. One query."""
    refused = Q(status=SubmissionRecipient.Status.REFUSED)
    missed = SubmissionRecipient.objects.filter(refused | Q(report=Report.FAILED), submission=OuterRef("pk"))
    same = Submission.objects.filter(user=user, phase__in=SENT, message_id=OuterRef("message_id"))
    found = Email.objects.filter(Exists(same.filter(Exists(missed))), pk__in=list(email_ids))
    return frozenset(found.values_list("pk", flat=True))


def _submissions_by_id(user: User, message_ids: Iterable[str]) -> dict[str, Submission]:
    rows = Submission.objects.filter(user=user, message_id__in=message_ids, kind=Kind.MESSAGE, phase__in=_LEFT)
    return {row.message_id: row for row in rows.order_by("id").prefetch_related("recipients")}


def _reports_about(submissions: Sequence[Submission]) -> dict[str, list[DeliveryReport]]:
    """By the submission, since one that was tied by a guess may name another message or none."""
    by_pk = {row.pk: row.message_id for row in submissions}
    found: dict[str, list[DeliveryReport]] = {}
    for row in _in_order(DeliveryReport.objects.filter(submission__in=by_pk)) if by_pk else ():
        found.setdefault(by_pk[row.submission_id or 0], []).append(row)
    return found


def _reports_by_id(user: User, message_ids: Collection[str]) -> dict[str, list[DeliveryReport]]:
    """Of mail that other programs sent."""
    found: dict[str, list[DeliveryReport]] = {}
    rows = DeliveryReport.objects.filter(account__user=user, message_id__in=message_ids)
    for row in _in_order(rows) if message_ids else ():
        found.setdefault(row.message_id, []).append(row)
    return found


def _in_order(rows: QuerySet[DeliveryReport]) -> QuerySet[DeliveryReport]:
    return rows.select_related("email").order_by("at", "id")[:MAX_REPORTS]


def _outcome(submission: Submission | None, reports: Sequence[DeliveryReport]) -> Outcome:
    said = _said_by_email(reports)
    if submission is None:
        recipients = tuple(_foreign(entries) for entries in said.values())
    else:
        recipients = tuple(_recipient(row, said.get(fold(row.email), [])) for row in submission.recipients.all())
    return Outcome(
        submission=submission,
        recipients=recipients,
        is_asked_for=submission is not None and (submission.wants_receipt or "SUCCESS" in submission.notify),
        is_complained=any(row.kind == DeliveryReport.Kind.COMPLAINT for row in reports),
    )


@dataclass(frozen=True)
class _Entry:
    said: ReportedRecipient
    report: DeliveryReport


def _said_by_email(reports: Sequence[DeliveryReport]) -> dict[str, list[_Entry]]:
    found: dict[str, list[_Entry]] = {}
    for report in reports:
        if report.kind != DeliveryReport.Kind.COMPLAINT:
            for one in said_by(report):
                found.setdefault(fold(one.email), []).append(_Entry(one, report))
    return found


def said_by(report: DeliveryReport) -> list[ReportedRecipient]:
    """The recipients of a stored report."""
    return [ReportedRecipient(**one) for one in report.recipients]


def _recipient(row: SubmissionRecipient, entries: Sequence[_Entry]) -> RecipientOutcome:
    if row.status == SubmissionRecipient.Status.REFUSED:
        return _refused(row)
    if row.read_at is not None and row.report != Report.FAILED:
        return _reported(row.email, READ, row.read_at, entries, "displayed")
    if row.report:
        outcome = _reported(row.email, row.report, row.report_at, entries, row.report)
        if outcome.source:
            return outcome
        # The message that reported it is gone; what it said is not.
        said = ReportedRecipient(row.email, row.report, row.report_code, row.report_text)
        return RecipientOutcome(row.email, row.report, _explained(said), row.report_text, row.report_at)
    return RecipientOutcome(row.email, row.status, at=row.submission.accepted_at)


def _refused(row: SubmissionRecipient) -> RecipientOutcome:
    """By the sending server, whose words are all there is where they give no reason that we know."""
    code = find_code(row.reply)
    reason = find_reason(code, row.reply)
    said = ReportedRecipient(row.email, Report.FAILED, code, reason=reason)
    return RecipientOutcome(row.email, REFUSED, explain(said) if reason else "", row.reply)


def _reported(email: str, state: str, at: datetime | None, entries: Sequence[_Entry], action: str) -> RecipientOutcome:
    entry = next((one for one in entries if one.said.action == action), None)
    if entry is None:
        return RecipientOutcome(email, state, at=at)
    return RecipientOutcome(
        email,
        state,
        _explained(entry.said),
        entry.said.text,
        at,
        source_of(entry.report.email),
        entry.report.email.public_id,
    )


def _foreign(entries: Sequence[_Entry]) -> RecipientOutcome:
    """Of mail that another program sent: the worst that was said, the last of equals."""
    order = {Report.FAILED: 4, "displayed": 3, Report.DELIVERED: 2, Report.RELAYED: 1, Report.EXPANDED: 1}
    worst = max(entries, key=lambda entry: (order.get(entry.said.action, 0), entry.report.at))
    state = READ if worst.said.action == "displayed" else worst.said.action
    return _reported(worst.said.email, state, worst.report.at, [worst], worst.said.action)


def _explained(said: ReportedRecipient) -> str:
    return explain(said) if said.action in (Report.FAILED, Report.DELAYED) else ""


# The report itself -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class About:
    """What a message that came back is about. `sent`: the message it is about, as it lies here. `recipients`: as reported,
    with addresses that the message did not go to directly, such as where somebody forwards their mail."""

    report: DeliveryReport
    recipients: tuple[RecipientOutcome, ...]
    sent: Email | None
    submission: Submission | None
    source: str

    @property
    def kind(self) -> str:
        return self.report.kind

    @property
    def subject(self) -> str:
        if self.submission is not None:
            return self.submission.subject
        return self.sent.subject if self.sent is not None else ""


def abouts_of(user: User, emails: Sequence[Email]) -> Mapping[int, About]:
    """By Email id, those that are reports. One small query when there are none, four else."""
    rows = DeliveryReport.objects.filter(email_id__in=[email.pk for email in emails], account__user=user)
    if not rows.order_by().exists():  # of every message that is opened; hardly any is one
        return {}
    reports = list(rows.select_related("email", "submission"))
    if not reports:
        return {}
    about = {report.pk: report.submission.message_id if report.submission else report.message_id for report in reports}
    sent: dict[str, Email] = {}
    for email in emails_with_message_ids(user, about.values()):
        sent.setdefault(email.message_id, email)
    return {
        report.email_id: About(
            report=report,
            recipients=tuple(_as_said(one) for one in said_by(report)),
            sent=sent.get(about[report.pk]),
            submission=report.submission,
            source=source_of(report.email),
        )
        for report in reports
    }


def _as_said(one: ReportedRecipient) -> RecipientOutcome:
    state = READ if one.action == "displayed" else one.action
    return RecipientOutcome(one.email, state, _explained(one), one.text)
