"""Writing once more to those whom a message did not reach: a new draft, with a Message-ID of its own. Nothing is sent here."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Identity
from webmail.mime.addresses import Address, format_address, parse_addresses
from webmail.outbox.models import SENT, Draft, Report, Submission, SubmissionRecipient
from webmail.outbox.writing.drafts import choose_identity
from webmail.outbox.writing.messages import id_for, restore_draft


def unreached(submission: Submission) -> list[str]:
    """The addresses that the server refused, or from which it came back."""
    refused = SubmissionRecipient.Status.REFUSED
    rows = submission.recipients.all()
    return [one.email for one in rows if one.status == refused or one.report == Report.FAILED]


def write_again(submission: Submission) -> Draft | None:
    """A draft of the same text and files to those it did not reach; None when it reached everybody or has not left.

    Raises `CannotSend` when the account has no identity any more.
    """
    missing = unreached(submission)
    snapshot = submission.draft_snapshot
    if submission.phase not in SENT or not missing or not snapshot:
        return None
    identity = Identity.objects.filter(pk=snapshot["identity"], account_id=submission.account_id).first()
    fresh = {
        "identity": snapshot["identity"],
        "message_id": id_for(identity or choose_identity(submission.account)),
        "filed_revision": 0,
        "to": ", ".join(_with_names(missing, snapshot)),
        "cc": "",
        "bcc": "",
    }
    with transaction.atomic():
        return restore_draft(
            {**snapshot, **fresh},
            account=submission.account,
            original=submission.original,
            is_forward=submission.is_forward,
        )


def _with_names(emails: list[str], snapshot: dict[str, str]) -> list[str]:
    typed = ", ".join(snapshot[name] for name in ("to", "cc", "bcc") if snapshot.get(name))
    names = {address.email.casefold(): address.name for address in parse_addresses(typed)}
    return [format_address(Address(names.get(email.casefold(), ""), email)) for email in emails]
