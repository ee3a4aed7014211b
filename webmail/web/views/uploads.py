"""Files of a draft that a script sends up in pieces, so that a broken connection costs one piece and not the file.

    POST   compose/<draft>/uploads        name, type, size: may it come, and where to send it
    PATCH  compose/<draft>/uploads/<id>   a piece, with Content-Range (RFC 9110 14.5)
    GET    the same                       how far it has come
    DELETE the same                       not wanted any more

Every answer is JSON; `offset` is where to go on. Without scripts the form of the page takes files whole.
"""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from webmail.outbox import queries
from webmail.outbox.errors import AttachmentTooLarge, BadPiece, DraftGone, OutboxError, UploadGone, WrongOffset
from webmail.outbox.models import Draft, Upload
from webmail.outbox.writing import uploads
from webmail.outbox.writing.content_range import ContentRange, read_content_range
from webmail.store.errors import StorageFull
from webmail.web.requests import UserRequest, signed_in

_STATUS: dict[type[Exception], int] = {
    AttachmentTooLarge: 413,
    BadPiece: 400,
    DraftGone: 410,
    UploadGone: 410,
    StorageFull: 507,
}


@require_POST
@signed_in
def upload_begin(request: UserRequest, draft_id: str) -> HttpResponse:
    """Announce a file: `name`, `type` and `size` in bytes. 201, or 413 at once when it cannot fit."""
    draft = queries.drafts_of(request.user).filter(public_id=draft_id).first()
    if draft is None:
        return _refusal(DraftGone())
    size = request.POST.get("size", "")
    if not (size.isascii() and size.isdigit()):
        return _refusal(BadPiece(_("The size of the file is missing.")))
    name, kind = request.POST.get("name", "").strip(), request.POST.get("type", "")
    try:
        upload = uploads.begin_upload(
            request.user, draft.account, draft=draft, name=name or _("file"), type=kind, size_bytes=int(size)
        )
        if not upload.size_bytes:
            uploads.finish_upload(upload)
            return _state(upload, is_done=True, status=201)
    except (OutboxError, StorageFull) as error:
        return _refusal(error)
    return _state(upload, status=201)


@require_http_methods(["GET", "HEAD", "PATCH", "PUT", "DELETE"])
@signed_in
def upload(request: UserRequest, draft_id: str, upload_id: str) -> HttpResponse:
    """A piece of an announced file, how far it has come, or its end."""
    draft = queries.drafts_of(request.user).filter(public_id=draft_id).first()
    if draft is None:
        return _refusal(DraftGone())
    found = uploads.find_upload(request.user, upload_id, to=draft)
    if found is None:
        return _ended(draft, upload_id)
    if request.method == "DELETE":
        uploads.cancel_upload(found)
        return HttpResponse(status=204)
    if request.method in {"GET", "HEAD"}:
        return _state(found)
    part = read_content_range(request.headers.get("Content-Range", ""))
    if part is None or part.total != found.size_bytes:
        return _refusal(BadPiece(_("The Content-Range of the piece is missing or does not fit the file.")))
    try:
        return _take(found, part, _read(request, part))
    except WrongOffset as error:
        return _state(found, offset=error.offset_bytes, status=409)
    except (OutboxError, StorageFull) as error:
        return _refusal(error)


def _read(request: UserRequest, part: ContentRange) -> bytes:
    """The piece, never more than one may have."""
    raw = bytes(request.read(uploads.PIECE_BYTES + 1))
    if len(raw) != part.end - part.start:
        raise BadPiece(_("The piece is not as long as its Content-Range says."))
    return raw


def _take(found: Upload, part: ContentRange, raw: bytes) -> HttpResponse:
    current = uploads.append_piece(found, part.start, raw)
    if current.received_bytes == current.size_bytes:
        uploads.finish_upload(current)
        return _state(current, is_done=True)
    return _state(current)


def _ended(draft: Draft, upload_id: str) -> HttpResponse:
    """It has become a file, and the client missed the answer; or it is gone."""
    file = uploads.find_attached(draft, upload_id)
    if file is None:
        return _refusal(UploadGone())
    return JsonResponse({"id": upload_id, "offset": file.blob.size_bytes, "is_done": True})


def _state(found: Upload, *, is_done: bool = False, offset: int | None = None, status: int = 200) -> HttpResponse:
    shown = {
        "id": found.public_id,
        "offset": found.received_bytes if offset is None else offset,
        "piece_bytes": uploads.PIECE_BYTES,
        "is_done": is_done,
    }
    return JsonResponse(shown, status=status)


def _refusal(error: Exception) -> HttpResponse:
    text = _("The server has no room left. Nothing was stored.") if isinstance(error, StorageFull) else str(error)
    return JsonResponse({"message": text}, status=_STATUS.get(type(error), 422))
