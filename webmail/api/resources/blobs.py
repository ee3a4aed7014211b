"""Bytes by their id: uploads for drafts and messages, whole or in pieces, and downloads of what the account may read."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone
from ninja import Router

from accounts.models import MailAccount
from webmail.api import access
from webmail.api.answers import answer, nothing
from webmail.api.auth import ApiRequest
from webmail.api.downloads import download
from webmail.api.operations import operation
from webmail.api.problems import Problem
from webmail.api.schemas.sending import UploadOut, UploadStateOut
from webmail.outbox.errors import WrongOffset
from webmail.outbox.models import Upload
from webmail.outbox.writing import uploads
from webmail.outbox.writing.content_range import ContentRange, read_content_range
from webmail.outbox.writing.messages import MAX_FILES_BYTES
from webmail.store import blobs
from webmail.store.models import Blob

router = Router(tags=["blobs"])


UPLOADS, UPLOAD = "/accounts/{account_id}/uploads", "/accounts/{account_id}/uploads/{upload_id}"


@operation(
    router,
    "POST",
    UPLOADS,
    scope="drafts.write",
    answers={201: UploadOut, 202: UploadStateOut},
    problems=["conflict", "too-large", "unsupported-media-type", "storage-full"],
    headers=["Content-Range"],
    takes_bytes=True,
)
def upload_blob(request: ApiRequest, account_id: str) -> HttpResponse:
    """Upload a file: the body of the request is its content, Content-Type its type.

    With Content-Range the body is the first piece of it, at most 4,000,000 bytes: the answer is 202 and `Location` takes the
    others. What has arrived stays for a day when the connection breaks; GET there tells where to go on.
    """
    account = access.account_for(request, account_id)
    kind = (request.content_type or "application/octet-stream").lower()
    if kind.startswith("multipart/") or kind == "application/x-www-form-urlencoded":
        raise Problem("unsupported-media-type", "Send the content itself as the body, not a form.")
    if "Content-Range" in request.headers:
        return _begin(request, account, kind)
    raw = _read_bounded(request)
    return _stored(request, account, blobs.upload_blob(account.pk, raw), kind)


@operation(
    router,
    "PUT",
    UPLOAD,
    scope="drafts.write",
    answers={200: UploadStateOut, 201: UploadOut},
    problems=["conflict", "too-large", "storage-full"],
    headers=["Content-Range"],
    takes_bytes=True,
)
def continue_upload(request: ApiRequest, account_id: str, upload_id: str) -> HttpResponse:
    """Send the next piece of a file, with Content-Range.

    201 with the blob when it was the last. Bytes that do not go on where the file stands are refused by 409, with
    `offset_bytes`; a repeat of the last piece is not.
    """
    account = access.account_for(request, account_id)
    upload = access.upload_for(request, account, upload_id)
    part = _range_of(request)
    if part.total != upload.size_bytes:
        raise Problem("bad-request", f"Content-Range: {upload.size_bytes} bytes were announced.")
    return _take(request, account, upload, part)


@operation(router, "GET", UPLOAD, scope="drafts.write", answers={200: UploadStateOut})
def get_upload(request: ApiRequest, account_id: str, upload_id: str) -> HttpResponse:
    """How far an upload in pieces has come."""
    account = access.account_for(request, account_id)
    return answer(request, _state(access.upload_for(request, account, upload_id)))


@operation(router, "DELETE", UPLOAD, scope="drafts.write", answers={204: None})
def cancel_upload(request: ApiRequest, account_id: str, upload_id: str) -> HttpResponse:
    """Give an upload up, with what has arrived of it."""
    uploads.cancel_upload(access.upload_for(request, access.account_for(request, account_id), upload_id))
    return nothing()


@operation(
    router,
    "GET",
    "/accounts/{account_id}/blobs/{blob_id}",
    scope="mail.read",
    answers={},
    problems=["range-not-satisfiable", "unavailable"],
    headers=["Range", "If-Range"],
    sends_bytes=True,
)
def get_blob(
    request: ApiRequest,
    account_id: str,
    blob_id: str,
    name: str | None = None,
    type: str = "",  # noqa: A002
) -> HttpResponse:
    """Download a blob, under a name and as a type of the client's choice."""
    account = access.account_for(request, account_id)
    blob = access.blob_for(account, blob_id)
    return download(request, blobs.read_blob(blob), name=name, type=type, etag=blob.sha256[:32])


def _begin(request: ApiRequest, account: MailAccount, kind: str) -> HttpResponse:
    part = _range_of(request)
    if part.start:
        raise Problem("conflict", "A new upload begins at byte 0.", offset_bytes=0)
    if part.total > MAX_FILES_BYTES:
        raise Problem("too-large", limit=MAX_FILES_BYTES)
    upload = uploads.begin_upload(request.auth.user, account, name="", type=kind, size_bytes=part.total)
    return _take(request, account, upload, part, status=202)


def _take(
    request: ApiRequest, account: MailAccount, upload: Upload, part: ContentRange, *, status: int = 200
) -> HttpResponse:
    raw = bytes(request.read(uploads.PIECE_BYTES + 1))
    if len(raw) > uploads.PIECE_BYTES:
        raise Problem("too-large", limit=uploads.PIECE_BYTES)
    if len(raw) != part.end - part.start:
        raise Problem("bad-request", "The body is not as long as Content-Range says.")
    try:
        upload = uploads.append_piece(upload, part.start, raw)
    except WrongOffset as error:
        if not (part.is_last and error.offset_bytes == upload.size_bytes):
            raise Problem("conflict", str(error), offset_bytes=error.offset_bytes) from error
        upload = access.upload_for(request, account, upload.public_id)  # finished before: the answer got lost
    if upload.received_bytes == upload.size_bytes:
        blob = uploads.finish_upload(upload)
        if isinstance(blob, Blob):
            return _stored(request, account, blob, upload.type)
    place = f"/api/v1/accounts/{account.public_id}/uploads/{upload.public_id}"
    return answer(request, _state(upload), status=status, headers={"Location": place})


def _stored(request: ApiRequest, account: MailAccount, blob: Blob, kind: str) -> HttpResponse:
    shown = UploadOut(
        blob_id=access.blob_id_of(blob),
        type=kind,
        size_bytes=blob.size_bytes,
        expires_at=timezone.now() + blobs.UPLOAD_LIFETIME,
    )
    place = f"/api/v1/accounts/{account.public_id}/blobs/{shown.blob_id}"
    return answer(request, shown, status=201, headers={"Location": place})


def _state(upload: Upload) -> UploadStateOut:
    whole = upload.pieces.filter(offset_bytes=0, blob__size_bytes=upload.size_bytes).select_related("blob").first()
    return UploadStateOut(
        id=upload.public_id,
        type=upload.type,
        size_bytes=upload.size_bytes,
        offset_bytes=upload.received_bytes,
        piece_bytes=uploads.PIECE_BYTES,
        blob_id=access.blob_id_of(whole.blob) if whole else None,
        expires_at=upload.updated_at + uploads.KEPT,
    )


def _range_of(request: ApiRequest) -> ContentRange:
    part = read_content_range(request.headers.get("Content-Range", ""))
    if part is None:
        raise Problem("bad-request", "Content-Range is needed, such as: bytes 0-999/5000.")
    return part


def _read_bounded(request: ApiRequest) -> bytes:
    declared = request.headers.get("Content-Length", "")
    too_large = Problem("too-large", limit=MAX_FILES_BYTES)
    if declared.isdigit() and int(declared) > MAX_FILES_BYTES:
        raise too_large
    raw = request.read(MAX_FILES_BYTES + 1)
    if len(raw) > MAX_FILES_BYTES:
        raise too_large
    return bytes(raw)
