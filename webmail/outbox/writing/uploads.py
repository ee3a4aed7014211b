"""Files on their way up, in pieces: what has arrived stays when the connection breaks, and the client goes on from there.

Each piece is durable before it is answered. The finished file is one blob, attached to its draft or handed to the client. An
upload belongs to one user and one draft: nobody can go on with, or attach, another's (security R25).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import MailAccount, User
from webmail.outbox.errors import BadPiece, DraftGone, UploadGone, WrongOffset
from webmail.outbox.models import Draft, DraftAttachment, Upload, UploadPiece
from webmail.outbox.writing.room import check_room
from webmail.store import blobs
from webmail.store.models import Blob, BlobLink

PIECE_BYTES = 4_000_000  # at most in one request: so much memory a request may take, so much a broken connection costs
KEPT = timedelta(hours=24)  # since the last piece: a laptop may be closed for a night
SLICE = 500  # rows in one transaction


def begin_upload(
    user: User,
    account: MailAccount,
    *,
    draft: Draft | None = None,
    name: str,
    type: str,  # noqa: A002
    size_bytes: int,
) -> Upload:
    """Announce a file of this size, for `draft` (one of `account`) or, without one, for the client to use.

    Raises `AttachmentTooLarge` at once when it cannot fit, `BadPiece` for a size below nothing.
    """
    if size_bytes < 0:
        raise BadPiece("A file cannot have less than nothing.")
    check_room(account, size_bytes, draft=draft)
    return Upload.objects.create(
        user=user,
        account=account,
        draft=draft,
        name=name[:255],
        type=(type or "application/octet-stream")[:127],
        size_bytes=size_bytes,
    )


def find_upload(user: User, public_id: str, *, to: Draft | MailAccount) -> Upload | None:
    """The upload when it is this user's and goes to this very draft, or to no draft but this account."""
    found = Upload.objects.filter(user=user, public_id=public_id).select_related("account", "draft__account")
    # A draft may have moved to another account since: it is the same draft.
    return (found.filter(draft=to) if isinstance(to, Draft) else found.filter(draft=None, account=to)).first()


def find_attached(draft: Draft, upload_id: str) -> DraftAttachment | None:
    """The file that this upload has become: for a client that missed the answer to its last piece."""
    return DraftAttachment.objects.filter(draft=draft, public_id=_attachment_id(upload_id)).first()


def append_piece(upload: Upload, offset_bytes: int, raw: bytes) -> Upload:
    """Keep the bytes that begin at `offset_bytes`; returns the upload as it stands then. They are durable on return.

    A repeat of the last piece changes nothing. Raises `WrongOffset` with the right one, `BadPiece`, `UploadGone`,
    `StorageFull`.
    """
    end = offset_bytes + len(raw)
    if not raw or len(raw) > PIECE_BYTES:
        raise BadPiece(f"A piece has 1 to {PIECE_BYTES} bytes.")
    if end > upload.size_bytes:
        raise BadPiece(f"This goes beyond the end of the file: {upload.size_bytes} bytes were announced.")
    current = _current(upload)
    if current.received_bytes not in (offset_bytes, end):
        raise WrongOffset(current.received_bytes)
    blob = blobs.put_blob(raw)
    with transaction.atomic():
        rows = Upload.objects.filter(pk=upload.pk, received_bytes=offset_bytes)
        if rows.update(received_bytes=end, updated_at=timezone.now()):
            UploadPiece.objects.create(upload=current, offset_bytes=offset_bytes, blob=blob)
        elif not UploadPiece.objects.filter(upload=upload, offset_bytes=offset_bytes, blob=blob).exists():
            raise WrongOffset(_current(upload).received_bytes)
    return _current(upload)


def finish_upload(upload: Upload) -> DraftAttachment | Blob:
    """Make one file of the pieces: attached to the draft, or a blob that the account may read for a day.

    Safe to repeat. Raises `WrongOffset` while bytes are missing, `AttachmentTooLarge` when other files took the room
    meanwhile, `UploadGone`, `DraftGone`, `StorageFull`; what has arrived stays then.
    """
    current = _current(upload)
    if current.received_bytes != current.size_bytes:
        raise WrongOffset(current.received_bytes)
    blob = _join(current)
    if current.draft is None:
        return _keep(current, blob)
    return _attach(current, current.draft, blob)


def cancel_upload(upload: Upload) -> bool:
    """Forget an upload and what has arrived of it; False when it was gone already."""
    count, _ = Upload.objects.filter(pk=upload.pk).delete()
    return bool(count)


def remove_abandoned() -> int:
    """Forget uploads that got no piece for a day. Safe to repeat; returns how many there were."""
    old = Upload.objects.filter(updated_at__lt=timezone.now() - KEPT)
    ids = list(old.values_list("pk", flat=True)[:SLICE])
    # Asked again in the same statement: one that has just gone on stays.
    Upload.objects.filter(pk__in=ids, updated_at__lt=timezone.now() - KEPT).delete()
    return len(ids)


def _current(upload: Upload) -> Upload:
    found = Upload.objects.filter(pk=upload.pk).select_related("account", "draft__account").first()
    if found is None:
        raise UploadGone
    return found


def _join(upload: Upload) -> Blob:
    pieces = list(upload.pieces.select_related("blob"))
    if len(pieces) == 1:
        return pieces[0].blob

    def read() -> Iterator[bytes]:
        for piece in pieces:
            yield blobs.read_blob(piece.blob)

    return blobs.put_stream(read()) if pieces else blobs.put_blob(b"")


def _attach(upload: Upload, draft: Draft, blob: Blob) -> DraftAttachment:
    public_id = _attachment_id(upload.public_id)
    try:
        with transaction.atomic():
            if not Draft.objects.select_for_update().filter(pk=draft.pk).exists():
                raise DraftGone
            check_room(draft.account, blob.size_bytes, draft=draft)
            file = DraftAttachment.objects.create(
                draft=draft, public_id=public_id, blob=blob, name=upload.name, type=upload.type
            )
            blobs.link_blobs(draft.account_id, [blob.pk], kind=BlobLink.Kind.UPLOAD)
            upload.delete()
            return file
    except IntegrityError:
        # A repeat that came at the same moment was faster: the file is attached once.
        return DraftAttachment.objects.get(draft=draft, public_id=public_id)


def _keep(upload: Upload, blob: Blob) -> Blob:
    """The row stays for a day, with the whole as its only piece: a repeat of the last request finds the same blob."""
    with transaction.atomic():
        upload.pieces.filter(offset_bytes__gt=0).delete()
        UploadPiece.objects.update_or_create(upload=upload, offset_bytes=0, defaults={"blob": blob})
        blobs.link_blobs(upload.account_id, [blob.pk], kind=BlobLink.Kind.UPLOAD)
        Upload.objects.filter(pk=upload.pk).update(received_bytes=F("size_bytes"), updated_at=timezone.now())
    return blob


def _attachment_id(upload_id: str) -> str:
    """The id of the file that an upload becomes: so a finished one can be recognised, and is attached once."""
    return f"f{upload_id[1:]}"
