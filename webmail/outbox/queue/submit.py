"""From "Send" to a row in the queue. When a function here returns, bytes, envelope and Message-ID are on disk (R62).

The bytes are made durable first, outside of the transaction; then one transaction writes the row and removes the draft. A
repeat with the same key finds the row of the first (R63), however many come at once: the unique key decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Identity, MailAccount, User
from webmail.mime.compose import wire_address
from webmail.mime.headers import parse_list_headers
from webmail.outbox.errors import BadSendTime, CannotSend, DraftConflict, DraftGone, IdempotencyMismatch
from webmail.outbox.models import Draft, HeldFor, Kind, Submission
from webmail.outbox.queue import limits, schedule, undo
from webmail.outbox.queue.send_time import SendTime
from webmail.outbox.queue.storing import Request, Start, store
from webmail.outbox.writing import drafts
from webmail.outbox.writing.messages import (
    OutgoingMessage,
    Recipients,
    freeze,
    id_for,
    message_of_draft,
    read_recipients,
    take_snapshot,
)

REPORTS_WANTED = "SUCCESS,FAILURE,DELAY"  # RFC 3461 4.1


def submit_draft(
    draft: Draft,
    *,
    user: User,
    idempotency_key: str,
    send_at: datetime | SendTime | None = None,
    request_hash: str = "",
    options: Mapping[str, Any] | None = None,
) -> Submission:
    """Send a draft as it was saved last; the draft is gone then and comes back when sending fails.

    `options`: those of `messages.OPTIONS` that are other than the draft's. `send_at` None: after the user's undo window; a
    time: at that time, at once when it is past. Of two windows that send one draft the first wins. What is over the user's
    limits is accepted and held (R76). Raises `SubmissionRefused` in any form with the draft untouched, `DraftConflict` when
    it was changed since `draft` was read, `DraftGone`, `StorageFull`.
    """
    known_row = find_submission(user, idempotency_key, request_hash=request_hash)
    if known_row is not None:
        return known_row
    identity = draft.identity or drafts.choose_identity(draft.account)
    request = Request(user, draft.account, identity, idempotency_key, request_hash, send_at)
    try:
        drafts.get_current(draft)
        return _submit(replace(message_of_draft(draft), **(options or {})), request, lambda: _take_draft(draft))
    except (DraftGone, DraftConflict):
        # A repeat of our own request may have been faster: then its row is the answer.
        known_row = find_submission(user, idempotency_key, request_hash=request_hash)
        if known_row is None:
            raise
        return known_row


def submit_message(
    message: OutgoingMessage,
    *,
    user: User,
    account: MailAccount,
    identity: Identity,
    idempotency_key: str,
    send_at: datetime | SendTime | None = None,
    request_hash: str = "",
) -> Submission:
    """Send a message that never was a draft. `identity` is one of the account. Raises as `submit_draft`."""
    known_row = find_submission(user, idempotency_key, request_hash=request_hash)
    if known_row is not None:
        return known_row
    request = Request(user, account, identity, idempotency_key, request_hash, send_at)
    return _submit(message, request, lambda: None)


def submit_bytes(
    raw: bytes,
    *,
    user: User,
    account: MailAccount,
    identity: Identity,
    recipient: str,
    idempotency_key: str,
    kind: Kind = Kind.RECEIPT,
) -> Submission:
    """Send a finished message to one recipient at once. A receipt has an empty return path (RFC 8098 3): nothing answers
    it. It leaves no draft, is not held for an undo window, and does not count for limits. Raises `CannotSend`,
    `StorageFull`, `IdempotencyMismatch`.
    """
    known_row = find_submission(user, idempotency_key)
    if known_row is not None:
        return known_row
    request = Request(user, account, identity, idempotency_key)
    _check_sender(request)
    headers = parse_list_headers(raw)
    columns = {
        "message_id": headers.message_id,
        "mail_from": "" if kind == Kind.RECEIPT else wire_address(identity.email),
        "subject": headers.subject,
        "kind": kind,
    }
    now = timezone.now()
    return _store(raw, request, [wire_address(recipient)], columns, start=lambda: Start(now), now=now)


def find_submission(user: User, idempotency_key: str, *, request_hash: str = "") -> Submission | None:
    """The submission made with this key before. Raises `IdempotencyMismatch` when that was another request."""
    found = Submission.objects.filter(user=user, idempotency_key=idempotency_key).select_related("account").first()
    if found is not None and found.request_hash != request_hash:
        raise IdempotencyMismatch
    return found


def check_send_time(send_at: datetime, now: datetime) -> None:
    """Raises `BadSendTime` when it lies too far ahead (R74)."""
    if send_at > now + schedule.MAX_AHEAD:
        raise BadSendTime(
            _("A message can be scheduled %(count)s days ahead at most. Choose an earlier time.")
            % {"count": schedule.MAX_AHEAD.days}
        )


# Beginning --------------------------------------------------------------------------------------------------------


def _submit(message: OutgoingMessage, request: Request, take_draft: Callable[[], None]) -> Submission:
    now = timezone.now()
    _check_sender(request)
    if request.send_at is not None:
        check_send_time(_chosen(request.send_at).instant, now)
    recipients = read_recipients(message)
    message_id = message.message_id or id_for(request.identity)
    raw = freeze(
        message,
        identity=request.identity,
        recipients=recipients,
        message_id=message_id,
        sent_at=timezone.localtime(now),
    )
    columns = {
        "message_id": message_id,
        "mail_from": wire_address(request.identity.email),
        "subject": message.subject,
        "original": message.original,
        "is_forward": message.is_forward,
        "draft_snapshot": take_snapshot(message, identity=request.identity, message_id=message_id),
        "wants_receipt": message.wants_receipt,
        "requires_tls": message.requires_tls,
        "notify": REPORTS_WANTED if message.wants_delivery_report else "",
    }

    def start() -> Start:
        take_draft()
        return _begin(request, recipients, now)

    return _store(raw, request, recipients.envelope, columns, start=start, now=now)


def _check_sender(request: Request) -> None:
    if not request.account.can_send or request.identity.account_id != request.account.pk:
        raise CannotSend(request.account.address)


def _store(
    raw: bytes,
    request: Request,
    envelope: Sequence[str],
    columns: dict[str, Any],
    *,
    start: Callable[[], Start],
    now: datetime,
) -> Submission:
    try:
        return store(raw, request, envelope, columns, start=start, now=now)
    except IntegrityError:
        found = find_submission(request.user, request.idempotency_key, request_hash=request.request_hash)
        if found is None:
            raise
        return found


def _take_draft(draft: Draft) -> None:
    """Remove the draft if it is still what was read. Locked first: a save that comes meanwhile waits, and finds it gone."""
    current = Draft.objects.select_for_update().filter(pk=draft.pk, revision=draft.revision)
    if not current.values_list("pk", flat=True):
        raise DraftConflict(drafts.get_current(draft))
    Draft.objects.filter(pk=draft.pk).delete()


def _chosen(send_at: datetime | SendTime) -> SendTime:
    return send_at if isinstance(send_at, SendTime) else SendTime(send_at)


def _begin(request: Request, recipients: Recipients, now: datetime) -> Start:
    """Scheduled, held by a limit, held for the undo window, or off at once. Who is written to is known from then on."""
    if request.send_at is not None:
        chosen = _chosen(request.send_at)
        if chosen.instant > now:
            return Start(chosen.instant, HeldFor.SCHEDULE, zone=chosen.zone, wall=chosen.wall_text)
    limits.lock(request.user.pk)
    wait = limits.wait_for(request.user, recipients.envelope, now=now)
    if wait is not None:
        return Start(wait.until, HeldFor.LIMIT, wait.text, look_at=now + limits.LOOK_AGAIN)
    met = (*recipients.to, *recipients.cc, *recipients.bcc)
    hold = undo.hold_for(request.user)
    if request.send_at is None and hold:
        return Start(now + hold, HeldFor.UNDO, met=met)
    return Start(now, met=met)
