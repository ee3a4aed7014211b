"""Mail that comes back in the tests: delivery reports, bounces of no standard, receipts; each about a message that was sent."""

from datetime import UTC, datetime

from django.utils import timezone

from accounts.models import MailAccount
from tests.factories import NOON, make_email_from_bytes, make_mailbox
from tests.outbox.letters import submit
from webmail.outbox.models import Phase, Submission, SubmissionRecipient
from webmail.store.models import Email, Mailbox

DAEMON = "MAILER-DAEMON@mx.example.net"
NO_SUCH_USER = "550 5.1.1 <bob@example.org>: Recipient address rejected: User unknown"


def sent(account: MailAccount, *, phase: Phase = Phase.DONE, **fields: str) -> Submission:
    """A submission that the server has taken for everybody; of an unconfirmed one nobody knows."""
    submission = submit(account, **fields)
    is_taken = phase in (Phase.ACCEPTED, Phase.DONE)
    Submission.objects.filter(pk=submission.pk).update(
        phase=phase, attempts=1, accepted_at=timezone.now() if is_taken else None
    )
    if is_taken:
        SubmissionRecipient.objects.filter(submission=submission).update(status="accepted", reply="250 2.0.0 queued")
    submission.refresh_from_db()
    return submission


def delivery_report(
    *,
    recipient: str = "bob@example.org",
    action: str = "failed",
    status: str = "5.1.1",
    text: str = NO_SUCH_USER,
    message_id: str = "",
    envelope_id: str = "",
    subject: str = "Hello",
    sender: str = DAEMON,
    number: int = 1,
) -> bytes:
    """RFC 3464, with the header of the message it is about when there is a `message_id` or a `subject`."""
    original = [f"Message-ID: <{message_id}>"] if message_id else []
    original += [f"Subject: {subject}"] if subject else []
    envelope = [f"Original-Envelope-Id: {envelope_id}"] if envelope_id else []
    lines = [
        f"From: Mail Delivery System <{sender}>",
        "To: alice@example.org",
        "Subject: Undelivered Mail Returned to Sender",
        "Date: Tue, 03 Mar 2026 12:00:00 +0000",
        f"Message-ID: <report-{number}-{action}-{recipient}>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        "This is the mail system. Your message could not be delivered.",
        "",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example.net",
        *envelope,
        "",
        f"Final-Recipient: rfc822; {recipient}",
        f"Action: {action}",
        f"Status: {status}",
        f"Diagnostic-Code: smtp; {text}",
        "",
        "--b",
        "Content-Type: text/rfc822-headers",
        "",
        *original,
        "",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def plain_bounce(*, recipient: str = "bob@example.org", subject: str = "Hello") -> bytes:
    """qmail's form, which gives back the message without its Message-ID."""
    lines = [
        f"From: {DAEMON}",
        "To: alice@example.org",
        "Subject: failure notice",
        "Date: Tue, 03 Mar 2026 12:00:00 +0000",
        "Message-ID: <qmail@mx.example.net>",
        "Return-Path: <>",
        "",
        "Hi. This is the qmail-send program at mx.example.net.",
        "I'm afraid I wasn't able to deliver your message to the following addresses.",
        "This is a permanent error; I've given up. Sorry it didn't work out.",
        "",
        f"<{recipient}>:",
        "Sorry, no mailbox here by that name. (#5.1.1)",
        "",
        "--- Below this line is a copy of the message.",
        "",
        "Return-Path: <alice@example.org>",
        "From: alice@example.org",
        f"To: {recipient}",
        f"Subject: {subject}",
        "",
        "Hi Bob",
        "",
    ]
    return "\r\n".join(lines).encode()


def read_receipt(*, reader: str = "bob@example.org", message_id: str, kind: str = "displayed") -> bytes:
    """RFC 8098."""
    lines = [
        f"From: Bob <{reader}>",
        "To: alice@example.org",
        "Subject: Read: Hello",
        "Date: Tue, 03 Mar 2026 12:00:00 +0000",
        "Message-ID: <receipt@example.org>",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "Your message was displayed.",
        "",
        "--b",
        "Content-Type: message/disposition-notification",
        "",
        f"Final-Recipient: rfc822; {reader}",
        f"Original-Message-ID: <{message_id}>",
        f"Disposition: manual-action/MDN-sent-manually; {kind}",
        "",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def complaint(*, message_id: str, number: int = 1) -> bytes:
    """RFC 5965."""
    lines = [
        "From: abuse@mx.example.net",
        "To: alice@example.org",
        "Subject: FW: Hello",
        "Date: Tue, 03 Mar 2026 12:00:00 +0000",
        f"Message-ID: <complaint-{number}@mx.example.net>",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "This is an email abuse report.",
        "",
        "--b",
        "Content-Type: message/feedback-report",
        "",
        "Feedback-Type: abuse",
        "User-Agent: SomeGenerator/1.0",
        "Version: 1",
        "",
        "--b",
        "Content-Type: message/rfc822",
        "",
        "From: alice@example.org",
        "To: bob@example.org",
        "Subject: Hello",
        f"Message-ID: <{message_id}>",
        "",
        "Hi Bob",
        "",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def receive(account: MailAccount, raw: bytes, *, mailbox: Mailbox | None = None, at: datetime | None = None) -> Email:
    """The message comes in and is read by the cpu worker."""
    box = mailbox or Mailbox.objects.filter(account=account, role="inbox").first()
    box = box or make_mailbox(account, role="inbox")
    return make_email_from_bytes(box, raw, minutes=((at or datetime.now(UTC)) - NOON).total_seconds() / 60)
