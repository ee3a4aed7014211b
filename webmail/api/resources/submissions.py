"""The send queue: messages on their way, and what can still be done about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpResponse
from ninja import Router

from accounts.models import MailAccount
from webmail.api import access, sending
from webmail.api.answers import answer, check_match, dumped, link_header, nothing
from webmail.api.auth import ApiRequest
from webmail.api.cursors import list_name, read_place, write_list_cursor
from webmail.api.operations import operation
from webmail.api.problems import Problem, invalid
from webmail.api.resources.messages import Limit
from webmail.api.schemas.sending import (
    CancelledOut,
    OutgoingIn,
    RescheduleIn,
    ResolveIn,
    SubmissionIn,
    SubmissionListOut,
    SubmissionOut,
)
from webmail.outbox.models import HeldFor, Phase, Submission
from webmail.outbox.queries import submissions_of
from webmail.outbox.queue import control, doubt
from webmail.outbox.queue.submit import submit_draft, submit_message
from webmail.outbox.writing import drafts
from webmail.outbox.writing.messages import OutgoingFile, OutgoingMessage
from webmail.outbox.writing.room import check_room
from webmail.store.queries.emails import PAGE_SIZE, Cursor

router = Router(tags=["submissions"])
LIST, ONE = "/accounts/{account_id}/submissions", "/accounts/{account_id}/submissions/{submission_id}"


@operation(router, "GET", LIST, scope="mail.read", answers={200: SubmissionListOut}, problems=["invalid-cursor"])
def list_submissions(
    request: ApiRequest, account_id: str, limit: Limit = PAGE_SIZE, after: str | None = None
) -> HttpResponse:
    """List submissions, newest first."""
    account = access.account_for(request, account_id)
    name = list_name(kind="submissions", account=account_id)
    place = read_place(name, after=after, before=None)
    found = submissions_of(request.auth.user, accounts=[account])
    if place.after is not None:
        found = found.filter(pk__lt=place.after.email_id)
    rows = list(found[: limit + 1])
    last = rows[limit - 1] if len(rows) > limit else None
    next_cursor = write_list_cursor(name, Cursor(last.created_at, last.pk)) if last else None
    shown = [sending.submission_out(row, is_alone=False) for row in rows[:limit]]
    headers = link_header(request, next_cursor=next_cursor, prev_cursor=None)
    return answer(request, SubmissionListOut(submissions=shown, next=next_cursor), headers=headers)


@operation(router, "GET", ONE, scope="mail.read", answers={200: SubmissionOut})
def get_submission(request: ApiRequest, account_id: str, submission_id: str) -> HttpResponse:
    """One submission with its recipients and its timeline."""
    found = access.submission_for(request, access.account_for(request, account_id), submission_id)
    return answer(request, sending.submission_out(found), etag=str(found.updated_modseq))


@operation(
    router,
    "POST",
    LIST,
    scope="mail.send",
    answers={201: SubmissionOut},
    problems=[
        "forbidden-to-send", "idempotency-key-reused", "invalid-email", "invalid-properties", "invalid-recipients",
        "no-recipients", "state-mismatch", "too-large", "too-many-recipients", "storage-full",
    ],
    headers=["Idempotency-Key"],
)  # fmt: skip
def create_submission(request: ApiRequest, account_id: str, body: SubmissionIn) -> HttpResponse:
    """Send a draft, or a message given inline.

    When this answers, the message is stored and will leave, whatever happens. A repeat with the same Idempotency-Key sends
    nothing and gives the same submission, with `Idempotency-Replayed`.
    """
    account = access.account_for(request, account_id)

    def submit(key: str, request_hash: str) -> Submission:
        return _submit(request, account, body, key, request_hash)

    return sending.submit_once(request, account, body, source="submission", submit=submit)


@operation(router, "POST", f"{ONE}/cancel", scope="mail.send", answers={200: CancelledOut}, problems=["cannot-unsend"])
def cancel_submission(request: ApiRequest, account_id: str, submission_id: str) -> HttpResponse:
    """Take a message back before it has left. Its draft comes back."""
    account = access.account_for(request, account_id)
    found = access.submission_for(request, account, submission_id)
    draft = control.cancel(found)
    now = access.submission_for(request, account, submission_id)
    if now.phase != Phase.CANCELLED:
        raise Problem("cannot-unsend", f"It is {Phase(now.phase).label}.")
    shown = CancelledOut(**dumped(sending.submission_out(now)), draft_id=draft.public_id if draft else None)
    return answer(request, shown, etag=str(now.updated_modseq))


@operation(
    router,
    "PATCH",
    ONE,
    scope="mail.send",
    answers={200: SubmissionOut},
    problems=["cannot-unsend", "invalid-properties", "state-mismatch"],
    headers=["If-Match"],
)
def update_submission(request: ApiRequest, account_id: str, submission_id: str, body: RescheduleIn) -> HttpResponse:
    """Give a message that waits for its time, or for the undo window, another time to leave."""
    found = _find(request, account_id, submission_id)
    check_match(request, str(found.updated_modseq))
    chosen = sending.send_time(body)
    if chosen is None or not control.reschedule(found, chosen):
        raise _too_late(request, account_id, submission_id, "cannot-unsend")
    return _shown(request, account_id, submission_id)


@operation(router, "DELETE", ONE, scope="mail.send", answers={204: None}, problems=["conflict"])
def delete_submission(request: ApiRequest, account_id: str, submission_id: str) -> HttpResponse:
    """Drop the record of a message that has left, failed or was taken back, and nothing else.

    It is kept for 24 hours, so that a repeat with its Idempotency-Key finds it.
    """
    if not control.forget_record(_find(request, account_id, submission_id)):
        raise Problem("conflict", "It is not over, or not older than 24 hours.")
    return nothing()


@operation(router, "POST", f"{ONE}/send-now", scope="mail.send", answers={200: SubmissionOut}, problems=["conflict"])
def send_submission_now(request: ApiRequest, account_id: str, submission_id: str) -> HttpResponse:
    """Let a held message go at once. One that a limit holds stays: `last_reply` says until when."""
    if not control.send_now(_find(request, account_id, submission_id)):
        raise _too_late(request, account_id, submission_id, "conflict")
    return _shown(request, account_id, submission_id)


@operation(router, "POST", f"{ONE}/retry", scope="mail.send", answers={200: SubmissionOut}, problems=["conflict"])
def retry_submission(request: ApiRequest, account_id: str, submission_id: str) -> HttpResponse:
    """Try a delayed message at once."""
    if not control.retry_now(_find(request, account_id, submission_id)):
        raise _too_late(request, account_id, submission_id, "conflict")
    return _shown(request, account_id, submission_id)


@operation(router, "POST", f"{ONE}/stop", scope="mail.send", answers={200: SubmissionOut}, problems=["conflict"])
def stop_submission(request: ApiRequest, account_id: str, submission_id: str) -> HttpResponse:
    """Make no further try for those a delayed message has not reached. When it has reached nobody, its draft comes back."""
    if control.stop_trying(_find(request, account_id, submission_id)) is None:
        raise _too_late(request, account_id, submission_id, "conflict")
    return _shown(request, account_id, submission_id)


@operation(router, "POST", f"{ONE}/resolve", scope="mail.send", answers={200: SubmissionOut}, problems=["conflict"])
def resolve_submission(request: ApiRequest, account_id: str, submission_id: str, body: ResolveIn) -> HttpResponse:
    """Say of an unconfirmed message whether it has left; if not, it is sent again."""
    if not doubt.resolve_unconfirmed(_find(request, account_id, submission_id), sent=body.sent):
        raise _too_late(request, account_id, submission_id, "conflict")
    return _shown(request, account_id, submission_id)


def _find(request: ApiRequest, account_id: str, submission_id: str) -> Submission:
    return access.submission_for(request, access.account_for(request, account_id), submission_id)


def _shown(request: ApiRequest, account_id: str, submission_id: str) -> HttpResponse:
    now = _find(request, account_id, submission_id)
    return answer(request, sending.submission_out(now), etag=str(now.updated_modseq))


def _too_late(request: ApiRequest, account_id: str, submission_id: str, code: str) -> Problem:
    now = _find(request, account_id, submission_id)
    reason = HeldFor(now.held_for).label if now.phase == Phase.HELD and now.held_for else ""
    return Problem(code, f"It is {Phase(now.phase).label}{f': {reason}' if reason else ''}.")


def _submit(request: ApiRequest, account: MailAccount, body: SubmissionIn, key: str, request_hash: str) -> Submission:
    user, send_at = request.auth.user, sending.send_time(body)
    if body.draft_id is not None:
        try:
            draft = access.draft_for(request, account, body.draft_id)
        except Http404:
            raise invalid("/draft_id", f"This account has no draft {body.draft_id}.") from None
        return submit_draft(
            draft,
            user=user,
            idempotency_key=key,
            send_at=send_at,
            request_hash=request_hash,
            options=body.options(),
        )
    message = body.message or OutgoingIn()
    return submit_message(
        _outgoing(account, message, body.options()),
        user=user,
        account=account,
        identity=sending.wanted_identity(account, message.identity_id) or drafts.choose_identity(account),
        idempotency_key=key,
        send_at=send_at,
        request_hash=request_hash,
    )


def _outgoing(account: MailAccount, message: OutgoingIn, options: Mapping[str, Any]) -> OutgoingMessage:
    files = []
    for number, file in enumerate(message.attachments):
        try:
            blob = access.blob_for(account, file.blob_id)
        except Http404:
            pointer = f"/message/attachments/{number}/blob_id"
            raise invalid(pointer, "There is no such blob (any more). Upload it again.") from None
        files.append(OutgoingFile(blob, file.name, file.type, file.cid, file.is_inline))
    total = sum(file.blob.size_bytes for file in files)
    check_room(account, total)
    fields = message.model_dump(exclude={"identity_id", "attachments"})
    return OutgoingMessage(files=files, **fields, **options)
