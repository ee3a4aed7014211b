"""What comes back about mail that was sent: delivery reports, bounces, read receipts. Noted once, tied to its submission.

Anybody can write such a message, so it may do little. It sets what stands beside a recipient whom the submission really
went to, adds a line that names who reported it, and closes a doubt (reliability R66) when it knows what only receivers of the
message can know: its Message-ID or its envelope id. It never sends, cancels or deletes anything, and never another user's
submission. What is read of it for pages is in `outcomes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction

from webmail.mime.reports import values
from webmail.mime.reports.values import ReportedRecipient
from webmail.mime.reports.words import explain
from webmail.outbox.models import (
    CANCELLABLE,
    SENT,
    DeliveryReport,
    Kind,
    Phase,
    Report,
    Submission,
    SubmissionEvent,
    SubmissionRecipient,
)
from webmail.outbox.queue import doubt
from webmail.outbox.queue.known import fold
from webmail.outbox.queue.moves import MAX_TEXT_CHARS
from webmail.store import changes, signals
from webmail.store.models import Email, EmailKeyword, EmailMailbox, Role
from webmail.store.queries.emails import emails_with_message_ids

log = structlog.get_logger(__name__)

GUESS_WITHIN = timedelta(days=5)  # RFC 5321 4.5.4.1: so long a server goes on trying
MAX_GUESSED = 500  # recent messages looked through for a bounce that names nothing but a recipient
MAX_SOURCE_CHARS = 100
MAX_ID_CHARS = 998

_Status = SubmissionRecipient.Status
# Failed is the end. Of those that got it somewhere, the one that says less weighs more.
_RANK: Mapping[str, int] = {Report.DELIVERED: 0, Report.EXPANDED: 1, Report.RELAYED: 1, Report.FAILED: 3}
_WHAT_HAPPENED: Mapping[str, str] = {
    Report.FAILED: "came back.",
    Report.DELAYED: "delayed on the way; that server goes on trying by itself.",
    Report.DELIVERED: "delivered.",
    Report.RELAYED: "passed on to a server that sends no reports.",
    Report.EXPANDED: "passed on to the members of a list.",
}


def connect() -> None:
    """Called once, when Django is ready."""
    signals.body_read.connect(_body_read)


def _body_read(email: Email, report: values.Report | None, **_: Any) -> None:
    if report is not None:
        note_report(email, report)


def note_report(email: Email, report: values.Report) -> DeliveryReport | None:
    """The report that this received message is, written down the first time; None for one of our own. Safe to repeat."""
    known = DeliveryReport.objects.filter(email_id=email.pk).first()
    if known is not None or _is_ours(email.pk):
        return known
    email = Email.objects.select_related("account__user").get(pk=email.pk)
    submission, is_certain = _find_submission(email, report)
    return _write(email, report, submission, is_certain=is_certain)


def source_of(email: Email) -> str:
    """Who sent the report, as it says itself: an address, cut to what fits into a line."""
    senders = email.addresses.get("from") or [["", ""]]
    return str(senders[0][1])[:MAX_SOURCE_CHARS]


def is_reported(submission: Submission) -> bool:
    """Whether something came back that only receivers of the message can have sent: so what is in doubt has left (R66)."""
    rows = DeliveryReport.objects.filter(submission_id=submission.pk, message_id=submission.message_id)
    rows = rows.exclude(kind=DeliveryReport.Kind.COMPLAINT)
    return any(_proves(submission, [one["email"] for one in row.recipients]) for row in rows)


def _proves(submission: Submission, reported: Iterable[str]) -> bool:
    """Whether a report about these says that the submission has left for those it was handed over for. When others were
    served by an earlier try, a report about them says nothing."""
    rows = list(SubmissionRecipient.objects.filter(submission_id=submission.pk))
    handed_over = {fold(row.email) for row in rows if row.status == _Status.WAITING and not row.reply}
    is_first = not any(row.status == _Status.ACCEPTED for row in rows)
    return bool(handed_over) and (is_first or not handed_over.isdisjoint(map(fold, reported)))


def _is_ours(email_id: int) -> bool:
    """A copy of what we wrote ourselves: it lies in Sent or Drafts and nowhere else."""
    roles = set(EmailMailbox.objects.filter(email_id=email_id).values_list("mailbox__role", flat=True))
    if roles and roles <= {Role.SENT, Role.DRAFTS}:
        return True
    return EmailKeyword.objects.filter(email_id=email_id, keyword="$draft").exists()


# Which submission it is about ------------------------------------------------------------------------------------------


def _find_submission(email: Email, report: values.Report) -> tuple[Submission | None, bool]:
    """The submission, and whether that is certain rather than a guess."""
    rows = Submission.objects.filter(user=email.account.user).exclude(phase=Phase.CANCELLED)
    if report.envelope_id:
        found = rows.filter(public_id=report.envelope_id[:MAX_ID_CHARS]).first()
        if found is not None:
            return found, True
    if report.message_id:
        same = list(rows.filter(message_id=report.message_id[:MAX_ID_CHARS]).order_by("-id")[:10])
        # Of one that was given back and sent again: the one that left.
        found = next((row for row in same if row.phase not in (*CANCELLABLE, Phase.FAILED)), next(iter(same), None))
        if found is not None:
            return found, True
    return _guess(email, report), False


def _guess(email: Email, report: values.Report) -> Submission | None:
    """By recipient and subject, for servers that tell no more: only when there is exactly one, and never out of Junk."""
    subject = _folded_words(report.subject)
    if report.kind != values.DELIVERY or not subject or not report.recipients:
        return None
    if EmailMailbox.objects.filter(email_id=email.pk, mailbox__role=Role.JUNK).exists():
        return None
    if emails_with_message_ids(email.account.user, [report.message_id]):
        return None  # it tells which message, and that was sent with another program
    recent = Submission.objects.filter(
        user=email.account.user,
        kind=Kind.MESSAGE,
        phase__in=SENT,
        accepted_at__gte=email.received_at - GUESS_WITHIN,
        accepted_at__lte=email.received_at + timedelta(hours=1),  # clocks differ
    ).prefetch_related("recipients")
    wanted = {fold(one.email) for one in report.recipients}
    found = [
        row
        for row in recent.order_by("-id")[:MAX_GUESSED]
        if _folded_words(row.subject) == subject
        and any(one.status == _Status.ACCEPTED and fold(one.email) in wanted for one in row.recipients.all())
    ]
    return found[0] if len(found) == 1 else None


def _folded_words(text: str) -> str:
    return " ".join(text.split()).casefold()


# What it changes -------------------------------------------------------------------------------------------------------


def _write(email: Email, report: values.Report, submission: Submission | None, *, is_certain: bool) -> DeliveryReport:
    about = submission.message_id if submission is not None and is_certain else report.message_id
    columns = {
        "account_id": email.account_id,
        "submission": submission,
        "kind": report.kind,
        "message_id": about[:MAX_ID_CHARS],
        "recipients": [_as_json(one) for one in report.recipients],
        "at": email.received_at,
    }
    with transaction.atomic():
        row, is_new = DeliveryReport.objects.get_or_create(email=email, defaults=columns)
        if is_new and submission is not None:
            if is_certain:
                _settle_doubt(email, report, submission)
            _tell_submission(email, report, submission, is_certain=is_certain)
    return row


def _settle_doubt(email: Email, report: values.Report, submission: Submission) -> None:
    if report.kind != values.COMPLAINT and _proves(submission, [one.email for one in report.recipients]):
        text = f"It has left: {source_of(email) or 'somebody'} reported about it."
        doubt.resolve_unconfirmed(submission, sent=True, text=text)


def _as_json(one: ReportedRecipient) -> dict[str, str]:
    return {"email": one.email, "action": one.action, "code": one.code, "text": one.text, "reason": one.reason}


def _tell_submission(email: Email, report: values.Report, submission: Submission, *, is_certain: bool) -> None:
    # The submission before its account's clock, as every move does it: else two of them could wait for each other.
    submission = Submission.objects.select_for_update().get(pk=submission.pk)
    statuses = (_Status.ACCEPTED, _Status.WAITING) if is_certain else (_Status.ACCEPTED,)
    rows = SubmissionRecipient.objects.filter(submission=submission, status__in=statuses)
    by_email = {fold(row.email): row for row in rows}
    lines = []
    for one in report.recipients:
        row = by_email.get(fold(one.email))
        if row is not None and _change(row, report.kind, one, email.received_at):
            row.save(update_fields=["report", "report_code", "report_text", "report_at", "read_at"])
            lines.append(_line(row, report.kind, one, source_of(email)))
    if report.kind == values.COMPLAINT and submission.reports.filter(kind=report.kind).count() == 1:
        lines.append(f"Somebody marked it as unwanted. Reported by {source_of(email)}.")
    if not lines:
        return
    with changes.recording(submission.account_id) as record:
        number = record.take(changes.SUBMISSION)[0]
        Submission.objects.filter(pk=submission.pk).update(updated_modseq=number)
        SubmissionEvent.objects.bulk_create(
            SubmissionEvent(submission=submission, phase=submission.phase, text=text[:MAX_TEXT_CHARS]) for text in lines
        )


def _change(row: SubmissionRecipient, kind: str, one: ReportedRecipient, at: datetime) -> bool:
    """Set on the row what the report says; whether that is news."""
    if kind == values.RECEIPT:
        if one.action != "displayed" or row.read_at is not None:
            return False
        row.read_at = at
        return True
    if kind != values.DELIVERY or one.action not in Report.values or not _outweighs(one.action, at, row):
        return False
    row.report, row.report_at = one.action, at
    row.report_code, row.report_text = one.code[:16], one.text[:MAX_TEXT_CHARS]
    return True


def _outweighs(action: str, at: datetime, row: SubmissionRecipient) -> bool:
    """The worst wins; but a delay is over when something later tells more, however long that was under way."""
    if not row.report or row.report_at is None:
        return True
    if row.report == action:
        return False
    if Report.FAILED not in (row.report, action) and Report.DELAYED in (row.report, action):
        return at >= row.report_at
    return _RANK.get(action, 2) > _RANK.get(row.report, 2)


def _line(row: SubmissionRecipient, kind: str, one: ReportedRecipient, source: str) -> str:
    """For the timeline: what happened in plain words, the server's, and who says so."""
    if kind == values.RECEIPT:
        return f"{row.email}: opened it, says {source}."
    pieces = [f"{row.email}: {_WHAT_HAPPENED[one.action]}"]
    reason = explain(one) if one.action in (Report.FAILED, Report.DELAYED) else ""
    pieces.append(reason)
    by = f"Reported by {source}." if source else ""
    room = MAX_TEXT_CHARS - len(" ".join([*pieces, by])) - 30
    if one.text and room > 20 and one.text not in reason:
        pieces.append(f"The server said: “{one.text[:room]}”")
    return " ".join(piece for piece in (*pieces, by) if piece)
