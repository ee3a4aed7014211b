"""Messages being written."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from ninja import Router

from accounts.models import MailAccount
from webmail.api import access, sending
from webmail.api.answers import answer, check_match, nothing
from webmail.api.auth import ApiRequest
from webmail.api.operations import operation
from webmail.api.problems import Problem, invalid
from webmail.api.schemas.sending import (
    DraftFieldsIn,
    DraftIn,
    DraftListOut,
    DraftOut,
    DraftReplaceIn,
    FileIn,
    SendIn,
    SubmissionOut,
)
from webmail.journal.actions import move
from webmail.outbox.errors import DraftConflict, DraftNotHere
from webmail.outbox.models import Draft, Submission
from webmail.outbox.queries import drafts_of
from webmail.outbox.queue.submit import submit_draft
from webmail.outbox.writing import drafts
from webmail.outbox.writing.adoption import adopt_email
from webmail.outbox.writing.filed_copies import draft_of
from webmail.store import blobs, emails
from webmail.store.models import Email, Role
from webmail.store.queries.emails import MAX_PAGE_SIZE

router = Router(tags=["drafts"])
LIST, ONE = "/accounts/{account_id}/drafts", "/accounts/{account_id}/drafts/{draft_id}"
GUARDED = ["precondition-required", "state-mismatch"]


@operation(router, "GET", LIST, scope="mail.read", answers={200: DraftListOut})
def list_drafts(request: ApiRequest, account_id: str) -> HttpResponse:
    """List the drafts, newest first."""
    account = access.account_for(request, account_id)
    found = drafts_of(request.auth.user, account=account).select_related("original")
    found = found.prefetch_related("attachments__blob")[:MAX_PAGE_SIZE]
    return answer(request, DraftListOut(drafts=[sending.draft_out(draft) for draft in found]))


@operation(
    router,
    "POST",
    LIST,
    scope="drafts.write",
    answers={201: DraftOut},
    problems=["invalid-properties", "body-not-here", "forbidden-to-send", "storage-full"],
)
def create_draft(request: ApiRequest, account_id: str, body: DraftIn) -> HttpResponse:
    """Begin a draft: empty, or as a reply to or a forward of `original_id`."""
    account = access.account_for(request, account_id)
    original = None
    if body.original_id is not None:
        # What is quoted is read: that takes more than the right to write.
        request.auth.require("mail.read")
        try:
            original = access.email_for(request, account, body.original_id)
        except Http404:
            raise invalid("/original_id", f"This account has no message {body.original_id}.") from None
        if original.blob is None and (body.mode == "forward" or original.text_blob is None):
            emails.want_body(original.pk)
    identity = sending.wanted_identity(account, body.identity_id)
    draft = drafts.create_draft(account, identity=identity, original=original, mode=body.mode)
    fields = _fields(account, body)
    if fields != drafts.DraftFields(identity=identity):
        draft = drafts.save_draft(draft, fields=fields, expected_revision=draft.revision)
    place = f"/api/v1/accounts/{account_id}/drafts/{draft.public_id}"
    return _shown(request, account, draft.public_id, status=201, location=place)


@operation(router, "GET", ONE, scope="mail.read", answers={200: DraftOut})
def get_draft(request: ApiRequest, account_id: str, draft_id: str) -> HttpResponse:
    """One draft."""
    return _shown(request, access.account_for(request, account_id), draft_id)


@operation(
    router,
    "PUT",
    ONE,
    scope="drafts.write",
    answers={200: DraftOut},
    problems=["invalid-properties", *GUARDED],
    headers=["If-Match"],
)
def replace_draft(request: ApiRequest, account_id: str, draft_id: str, body: DraftReplaceIn) -> HttpResponse:
    """Save a draft whole. Files stay."""
    account = access.account_for(request, account_id)
    fields = drafts.DraftFields(
        identity=sending.wanted_identity(account, body.identity_id),
        **body.model_dump(exclude={"identity_id"}),
    )
    return _save(request, account, draft_id, fields)


@operation(
    router,
    "PATCH",
    ONE,
    scope="drafts.write",
    answers={200: DraftOut},
    problems=["invalid-properties", *GUARDED],
    headers=["If-Match"],
)
def update_draft(request: ApiRequest, account_id: str, draft_id: str, body: DraftFieldsIn) -> HttpResponse:
    """Save some fields of a draft."""
    account = access.account_for(request, account_id)
    return _save(request, account, draft_id, _fields(account, body))


@operation(router, "DELETE", ONE, scope="drafts.write", answers={204: None}, problems=GUARDED, headers=["If-Match"])
def delete_draft(request: ApiRequest, account_id: str, draft_id: str) -> HttpResponse:
    """Throw a draft away."""
    draft = access.draft_for(request, access.account_for(request, account_id), draft_id)
    check_match(request, sending.draft_etag(draft), is_required=True)
    drafts.discard_draft(draft)
    return nothing()


@operation(
    router,
    "POST",
    f"{ONE}/attachments",
    scope="drafts.write",
    answers={201: DraftOut},
    problems=["invalid-properties", "too-large", "storage-full"],
)
def add_attachment(request: ApiRequest, account_id: str, draft_id: str, body: FileIn) -> HttpResponse:
    """Add a file that was uploaded before."""
    account = access.account_for(request, account_id)
    draft = access.draft_for(request, account, draft_id)
    try:
        blob = access.blob_for(account, body.blob_id)
    except Http404:
        raise invalid("/blob_id", "There is no such blob (any more). Upload it again.") from None
    drafts.add_attachment(draft, name=body.name, type=body.type, raw=blobs.read_blob(blob))
    return _shown(request, account, draft_id, status=201, location=request.path.removesuffix("/attachments"))


@operation(router, "DELETE", f"{ONE}/attachments/{{attachment_id}}", scope="drafts.write", answers={204: None})
def remove_attachment(request: ApiRequest, account_id: str, draft_id: str, attachment_id: str) -> HttpResponse:
    """Take a file out of a draft."""
    draft = access.draft_for(request, access.account_for(request, account_id), draft_id)
    if not drafts.remove_attachment(draft, attachment_id):
        raise Http404("no such file")
    return nothing()


@operation(
    router,
    "POST",
    "/accounts/{account_id}/messages/{message_id}/draft",
    scope="drafts.write",
    answers={201: DraftOut},
    problems=["body-not-here", "conflict", "forbidden-to-send", "storage-full"],
)
def continue_draft(request: ApiRequest, account_id: str, message_id: str) -> HttpResponse:
    """Go on with a draft that another program saved.

    For a message with the keyword $draft. It becomes a draft here, and leaves the mailbox Drafts for Trash; a copy of the new
    draft takes its place. A message that is such a copy gives its draft.
    """
    request.auth.require("mail.read")
    request.auth.require("mail.modify")
    account = access.account_for(request, account_id)
    email = access.email_for(request, account, message_id)
    if emails.DRAFT not in emails.keywords_of([email.pk])[email.pk]:
        raise Problem("conflict", "This message is no draft.")
    draft = draft_of(request.auth.user, email)
    if draft is None:
        draft = _adopt(request, email)
    place = f"/api/v1/accounts/{account_id}/drafts/{draft.public_id}"
    return _shown(request, account, draft.public_id, status=201, location=place)


@operation(
    router,
    "POST",
    f"{ONE}/send",
    scope="mail.send",
    answers={201: SubmissionOut},
    problems=[
        "forbidden-to-send", "idempotency-key-reused", "invalid-email", "invalid-properties", "invalid-recipients",
        "no-recipients", "state-mismatch", "too-large", "too-many-recipients", "storage-full",
    ],
    headers=["Idempotency-Key", "If-Match"],
)  # fmt: skip
def send_draft(request: ApiRequest, account_id: str, draft_id: str, body: SendIn | None = None) -> HttpResponse:
    """Send a draft as it was saved last.

    It becomes a submission; until the undo window has passed it can be cancelled, and the draft comes back. A repeat with the
    same key sends nothing and gives the same submission.
    """
    account = access.account_for(request, account_id)
    when = body or SendIn()

    def submit(key: str, request_hash: str) -> Submission:
        draft = access.draft_for(request, account, draft_id)
        check_match(request, sending.draft_etag(draft))
        return submit_draft(
            draft,
            user=request.auth.user,
            idempotency_key=key,
            send_at=sending.send_time(when),
            request_hash=request_hash,
            options=when.options(),
        )

    return sending.submit_once(request, account, when, source=draft_id, submit=submit)


def _adopt(request: ApiRequest, email: Email) -> Draft:
    try:
        draft = adopt_email(email)
    except DraftNotHere:
        emails.want_body(email.pk)
        raise
    move.trash_out_of(request.auth.user, email, Role.DRAFTS)
    return draft


def _fields(account: MailAccount, body: DraftFieldsIn) -> drafts.DraftFields:
    given = body.model_dump(include={"to", "cc", "bcc", "subject", "text", "html"})
    return drafts.DraftFields(identity=sending.wanted_identity(account, body.identity_id), **given, **body.options())


def _save(request: ApiRequest, account: MailAccount, draft_id: str, fields: drafts.DraftFields) -> HttpResponse:
    draft = access.draft_for(request, account, draft_id)
    check_match(request, sending.draft_etag(draft), is_required=True)
    expected = None if request.headers["If-Match"].strip() == "*" else draft.revision
    try:
        drafts.save_draft(draft, fields=fields, expected_revision=expected)
    except DraftConflict as error:
        raise Problem("state-mismatch", headers={"ETag": f'"{sending.draft_etag(error.current)}"'}) from error
    return _shown(request, account, draft_id)


def _shown(
    request: ApiRequest, account: MailAccount, draft_id: str, *, status: int = 200, location: str = ""
) -> HttpResponse:
    draft: Draft = access.draft_for(request, account, draft_id)
    headers = {"Location": location} if location else {}
    return answer(request, sending.draft_out(draft), status=status, etag=sending.draft_etag(draft), headers=headers)
