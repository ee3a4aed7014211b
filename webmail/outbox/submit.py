"""From "Send" to a row in the queue. When a function here returns, bytes, envelope and Message-ID are on disk (R62).

The bytes are made durable first, outside of the transaction; then one transaction writes the row and removes the draft. A
repeat with the same key finds the row of the first (R63), however many come at once: the unique key decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import Identity, MailAccount, User
from webmail import dispatch
from webmail.mime.compose import wire_address
from webmail.outbox import drafts, schedule
from webmail.outbox.errors import BadSendTime, CannotSend, DraftConflict, DraftGone, IdempotencyMismatch
from webmail.outbox.messages import (
    OutgoingMessage,
    freeze,
    id_for,
    message_of_draft,
    read_recipients,
    take_snapshot,
)
from webmail.outbox.models import Draft, Phase, Submission, SubmissionEvent, SubmissionRecipient
from webmail.store import blobs, changes
from webmail.store.models import Blob


@dataclass(frozen=True)
class _Request:
    """What makes a submission besides the message."""

    user: User
    account: MailAccount
    identity: Identity
    idempotency_key: str
    request_hash: str
    send_at: datetime | None


def submit_draft(
    draft: Draft, *, user: User, idempotency_key: str, send_at: datetime | None = None, request_hash: str = ""
) -> Submission:
    """Send a draft as it was saved last; the draft is gone then and comes back when sending fails.

    `send_at` None: after the undo window (UNDO_SEND_S); a time: at that time, at once when it is past. Of two windows that
    send one draft the first wins. Raises `SubmissionRefused` in any form with the draft untouched, `DraftConflict` when it
    was changed since `draft` was read, `DraftGone`, `StorageFull`.
    """
    known = find_submission(user, idempotency_key, request_hash=request_hash)
    if known is not None:
        return known
    identity = draft.identity or drafts.choose_identity(draft.account)
    request = _Request(user, draft.account, identity, idempotency_key, request_hash, send_at)

    def take_draft() -> None:
        count, _ = Draft.objects.filter(pk=draft.pk, revision=draft.revision).delete()
        if not count:
            raise DraftConflict(drafts.get_current(draft))

    try:
        drafts.get_current(draft)
        return _submit(message_of_draft(draft), request, take_draft)
    except (DraftGone, DraftConflict):
        # A repeat of our own request may have been faster: then its row is the answer.
        known = find_submission(user, idempotency_key, request_hash=request_hash)
        if known is None:
            raise
        return known


def submit_message(
    message: OutgoingMessage,
    *,
    user: User,
    account: MailAccount,
    identity: Identity,
    idempotency_key: str,
    send_at: datetime | None = None,
    request_hash: str = "",
) -> Submission:
    """Send a message that never was a draft. `identity` is one of the account. Raises as `submit_draft`."""
    known = find_submission(user, idempotency_key, request_hash=request_hash)
    if known is not None:
        return known
    request = _Request(user, account, identity, idempotency_key, request_hash, send_at)
    return _submit(message, request, lambda: None)


def find_submission(user: User, idempotency_key: str, *, request_hash: str = "") -> Submission | None:
    """The submission made with this key before. Raises `IdempotencyMismatch` when that was another request."""
    known = Submission.objects.filter(user=user, idempotency_key=idempotency_key).select_related("account").first()
    if known is not None and known.request_hash != request_hash:
        raise IdempotencyMismatch
    return known


def _submit(message: OutgoingMessage, request: _Request, take_draft: Callable[[], None]) -> Submission:
    now = timezone.now()
    if not request.account.can_send or request.identity.account_id != request.account.pk:
        raise CannotSend(request.account.address)
    due_at = _due_at(request.send_at, now)
    recipients = read_recipients(message)
    message_id = message.message_id or id_for(request.identity)
    raw = freeze(
        message,
        identity=request.identity,
        recipients=recipients,
        message_id=message_id,
        sent_at=timezone.localtime(now),
    )
    blob = blobs.put_blob(raw)
    try:
        with changes.recording(request.account.pk) as record:
            take_draft()
            submission = _insert(message, request, blob, message_id, due_at, now, record)
            SubmissionRecipient.objects.bulk_create(
                SubmissionRecipient(submission=submission, email=email) for email in recipients.envelope
            )
            SubmissionEvent.objects.create(submission=submission, phase=submission.phase)
            blobs.link_blobs(request.account.pk, [blob.pk])
            if submission.phase == Phase.QUEUED:
                dispatch.wake("outbox.deliver", submission.pk)
    except IntegrityError:
        known = find_submission(request.user, request.idempotency_key, request_hash=request.request_hash)
        if known is None:
            raise
        return known
    return submission


def _due_at(send_at: datetime | None, now: datetime) -> datetime:
    if send_at is None:
        return now + timedelta(seconds=settings.UNDO_SEND_S)
    if send_at > now + schedule.MAX_AHEAD:
        raise BadSendTime(
            f"A message can be scheduled {schedule.MAX_AHEAD.days} days ahead at most. Choose an earlier time."
        )
    return max(send_at, now)


def _insert(
    message: OutgoingMessage,
    request: _Request,
    blob: Blob,
    message_id: str,
    due_at: datetime,
    now: datetime,
    record: changes.Record,
) -> Submission:
    number = record.take(changes.SUBMISSION)[0]
    return Submission.objects.create(
        user=request.user,
        account=request.account,
        identity=request.identity,
        idempotency_key=request.idempotency_key,
        request_hash=request.request_hash,
        blob=blob,
        message_id=message_id,
        mail_from=wire_address(request.identity.email),
        subject=message.subject,
        size_bytes=blob.size_bytes,
        original=message.original,
        is_forward=message.is_forward,
        draft_snapshot=take_snapshot(message, identity=request.identity, message_id=message_id),
        phase=Phase.HELD if due_at > now else Phase.QUEUED,
        send_at=due_at,
        next_try_at=due_at,
        created_at=now,
        created_modseq=number,
        updated_modseq=number,
    )
