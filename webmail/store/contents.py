"""The content of a message: from its whole bytes when they are here, else from its skeleton (sync Y28).

Bytes that turn out to be lost or damaged are fetched again when the message's server has it (sync Y91): the Email becomes one
without bytes that somebody waits for, and nothing that a person did to it changes.
"""

from __future__ import annotations

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from webmail import dispatch
from webmail.mime.parse import parse_message
from webmail.mime.part import Message
from webmail.mime.skeleton import parse_skeleton
from webmail.store import blobs
from webmail.store.errors import BlobDamaged, BlobMissing, StoreError
from webmail.store.models import Blob, Email, Placement

log = structlog.get_logger(__name__)


class NotHere(StoreError):
    """The bytes asked for are not in the store. `emails.want_body` asks for them."""


def is_readable(email: Email) -> bool:
    """Whether there is a text to show: the whole message, or its skeleton."""
    return email.blob_id is not None or email.text_blob_id is not None


def read_message(email: Email) -> Message:
    """The message taken apart; parts named in `left_out` have no content here.

    Raises `NotHere`, also when lost bytes are being fetched again, `BlobMissing`, `BlobDamaged`, `MessageTooLargeError`.
    """
    if email.blob is not None:
        return parse_message(_read(email, email.blob))
    if email.text_blob is not None:
        return parse_skeleton(_read(email, email.text_blob))
    raise NotHere("this message has not been fetched yet")


def read_raw(email: Email) -> bytes:
    """The message as it came. Raises as `read_message` does; `NotHere` also when only its skeleton is here."""
    if email.blob is None:
        raise NotHere("this message has not been fetched yet")
    return _read(email, email.blob)


def read_whole_or_skeleton(email: Email) -> tuple[bytes, bool]:
    """What `read_message` would take apart, and whether it is a skeleton. Raises as that does, but for the size."""
    if email.blob is not None:
        return _read(email, email.blob), False
    if email.text_blob is not None:
        return _read(email, email.text_blob), True
    raise NotHere("this message has not been fetched yet")


def _read(email: Email, blob: Blob) -> bytes:
    try:
        return blobs.read_blob(blob)
    except (BlobMissing, BlobDamaged) as error:
        if fetch_again(email.pk, blob):
            raise NotHere("the stored copy was damaged and is being fetched again") from error
        raise


def fetch_again(email_id: int, blob: Blob) -> bool:
    """The bytes cannot be read: ask the server for them again. Returns whether this Email has a server to ask.

    Every other Email with these bytes and a place on an IMAP server is asked for as well. Safe to repeat.
    """
    on_server = Placement.objects.filter(uid__isnull=False, gone_at=None).values("email_id")
    emails = Email.objects.filter(Q(blob=blob) | Q(text_blob=blob), pk__in=on_server)
    with transaction.atomic():
        ids = list(emails.values_list("pk", flat=True))
        if email_id not in ids:
            log.error("blobs.lost", blob=blob.sha256, email=email_id)
            return False
        blobs.mark_lost(blob)
        now = timezone.now()
        fresh = {"body_wanted_at": now, "body_failures": 0, "body_error": ""}
        Email.objects.filter(pk__in=ids, text_blob=blob).update(text_blob=None, **fresh)
        Email.objects.filter(pk__in=ids, blob=blob).update(blob=None, **fresh)
        for pk in ids:
            dispatch.wake("sync.body", pk)
    log.error("blobs.fetched_again", blob=blob.sha256, emails=len(ids))
    return True
