"""Bytes by their id: uploads for drafts and messages, and downloads of what the account may read."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone
from ninja import Router

from webmail.api import access
from webmail.api.answers import answer
from webmail.api.auth import ApiRequest
from webmail.api.downloads import download
from webmail.api.operations import operation
from webmail.api.problems import Problem
from webmail.api.schemas.sending import UploadOut
from webmail.outbox.messages import MAX_FILES_BYTES
from webmail.store import blobs

router = Router(tags=["blobs"])


@operation(
    router,
    "POST",
    "/accounts/{account_id}/uploads",
    scope="drafts.write",
    answers={201: UploadOut},
    problems=["too-large", "unsupported-media-type", "storage-full"],
    takes_bytes=True,
)
def upload_blob(request: ApiRequest, account_id: str) -> HttpResponse:
    """Upload a file: the body of the request is its content, Content-Type its type."""
    account = access.account_for(request, account_id)
    kind = (request.content_type or "application/octet-stream").lower()
    if kind.startswith("multipart/") or kind == "application/x-www-form-urlencoded":
        raise Problem("unsupported-media-type", "Send the content itself as the body, not a form.")
    raw = _read_bounded(request)
    blob = blobs.upload_blob(account.pk, raw)
    shown = UploadOut(
        blob_id=access.blob_id_of(blob),
        type=kind,
        size_bytes=len(raw),
        expires_at=timezone.now() + blobs.UPLOAD_LIFETIME,
    )
    place = f"/api/v1/accounts/{account_id}/blobs/{shown.blob_id}"
    return answer(request, shown, status=201, headers={"Location": place})


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


def _read_bounded(request: ApiRequest) -> bytes:
    declared = request.headers.get("Content-Length", "")
    too_large = Problem("too-large", limit=MAX_FILES_BYTES)
    if declared.isdigit() and int(declared) > MAX_FILES_BYTES:
        raise too_large
    raw = request.read(MAX_FILES_BYTES + 1)
    if len(raw) > MAX_FILES_BYTES:
        raise too_large
    return bytes(raw)
