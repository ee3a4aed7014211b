"""Sending once, however often it is asked for (rest section 5), and drafts and submissions as clients see them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta

from django.http import Http404, HttpResponse
from django.utils import timezone

from accounts.models import Identity, MailAccount
from webmail.api import access
from webmail.api.answers import answer
from webmail.api.auth import ApiRequest
from webmail.api.problems import Problem, invalid
from webmail.api.schemas.base import Input
from webmail.api.schemas.sending import (
    DraftAttachmentOut,
    DraftOut,
    EventOut,
    RecipientOut,
    SubmissionOut,
    WhenIn,
)
from webmail.outbox.models import DeliveryReport, Draft, Phase, Submission
from webmail.outbox.queries import undo_status
from webmail.outbox.queue.send_time import SendTime, UnknownZone
from webmail.outbox.queue.submit import find_submission
from webmail.outbox.queue.undo import undo_deadline
from webmail.outbox.writing.messages import OPTIONS

# Columns that clients see under their own name.
_SAME = (
    "kind", "phase", "held_for", "subject", "mail_from", "message_id", "size_bytes", "send_at", "attempts", "last_reply",
    "created_at", "accepted_at", "wants_receipt", "requires_tls",
)  # fmt: skip
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def submit_once(
    request: ApiRequest, account: MailAccount, body: Input, *, source: str, submit: Callable[[str, str], Submission]
) -> HttpResponse:
    """Send by `submit(key, request hash)`, or answer with what the same key has sent before.

    `source`: what is sent, so that one key cannot stand for two things. Raises `Problem` without a key, and
    `IdempotencyMismatch` when it was used for another request.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        raise Problem("bad-request", "Idempotency-Key is needed: 1 to 200 visible characters, new for each message.")
    key = f"rest:{key}"
    text = json.dumps([account.public_id, source, body.model_dump(mode="json")], sort_keys=True)
    request_hash = hashlib.sha256(text.encode()).hexdigest()
    known = find_submission(request.auth.user, key, request_hash=request_hash)
    sent = known or submit(key, request_hash)
    shown = access.submission_for(request, account, sent.public_id)
    headers = {"Location": f"/api/v1/accounts/{account.public_id}/submissions/{sent.public_id}"}
    if known is not None:
        headers["Idempotency-Replayed"] = "true"
    return answer(request, submission_out(shown), status=201, etag=str(shown.updated_modseq), headers=headers)


def send_time(body: WhenIn) -> SendTime | None:
    """When the client wants it to leave; None: after the undo window. Raises `Problem` for a zone that there is not."""
    if body.hold_for_s is not None:
        return SendTime(timezone.now() + timedelta(seconds=body.hold_for_s))
    if body.send_at_local is not None and body.send_at_zone is not None:
        try:
            return SendTime.at_wall(body.send_at_local.replace(microsecond=0), body.send_at_zone)
        except UnknownZone as error:
            raise invalid("/send_at_zone", str(error)) from error
    return SendTime(body.send_at) if body.send_at is not None else None


def wanted_identity(account: MailAccount, identity_id: str | None) -> Identity | None:
    """The identity that the body of a request names. Raises `Problem`."""
    if identity_id is None:
        return None
    try:
        return access.identity_for(account, identity_id)
    except Http404:
        raise invalid("/identity_id", f"This account has no identity {identity_id}.") from None


def draft_out(draft: Draft) -> DraftOut:
    """A draft as clients see it."""
    return DraftOut(
        id=draft.public_id,
        account_id=draft.account.public_id,
        identity_id=draft.identity.public_id if draft.identity else None,
        to=draft.to,
        cc=draft.cc,
        bcc=draft.bcc,
        subject=draft.subject,
        text=draft.text,
        html=draft.html,
        in_reply_to=draft.in_reply_to,
        references=draft.references,
        original_id=draft.original.public_id if draft.original else None,
        is_forward=draft.is_forward,
        revision=draft.revision,
        **{name: getattr(draft, name) for name in OPTIONS},
        attachments=[
            DraftAttachmentOut(
                id=row.public_id,
                blob_id=access.blob_id_of(row.blob),
                name=row.name,
                type=row.type,
                size_bytes=row.blob.size_bytes,
                cid=row.cid,
                is_inline=row.is_inline,
            )
            for row in draft.attachments.all()
        ],
        created_at=draft.created_at,
        updated_at=draft.updated_at,
    )


def draft_etag(draft: Draft) -> str:
    """Of the text by its revision, and of the files, which change without one."""
    files = "\n".join(row.public_id for row in draft.attachments.all())
    return f"{draft.revision}.{hashlib.sha256(files.encode()).hexdigest()[:12]}"


def submission_out(submission: Submission, *, is_alone: bool = True) -> SubmissionOut:
    """A submission as clients see it, alone with its events and reports. Its recipients should be prefetched."""
    return SubmissionOut.model_validate(
        {
            **{name: getattr(submission, name) for name in _SAME},
            "id": submission.public_id,
            "account_id": submission.account.public_id,
            "identity_id": submission.identity.public_id if submission.identity else None,
            "undo_status": undo_status(submission),
            "undo_until": undo_deadline(submission),
            "send_at_local": submission.send_wall,
            "send_at_zone": submission.send_zone,
            "next_try_at": submission.next_try_at if submission.phase == Phase.RETRY else None,
            "wants_delivery_report": bool(submission.notify),
            "recipients": [
                {name: getattr(row, name) for name in RecipientOut.model_fields} for row in submission.recipients.all()
            ],
            "events": [EventOut(at=row.at, phase=row.phase, text=row.text) for row in submission.events.all()]
            if is_alone
            else None,
            "reports": [_report_out(row) for row in submission.reports.select_related("email")] if is_alone else None,
        }
    )


def _report_out(report: DeliveryReport) -> dict[str, object]:
    return {
        "kind": report.kind,
        "message_id": report.email.public_id,
        "recipients": report.recipients,
        "at": report.at,
    }
