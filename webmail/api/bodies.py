"""The inside of a message for the API: sanitised body, files, headers.

A message whose bytes are not here yet is asked for and answered by 202; nothing here waits or dials out.
"""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse

from webmail.api.answers import answer
from webmail.api.auth import ApiRequest
from webmail.api.problems import Problem
from webmail.api.schemas.base import FetchingOut
from webmail.api.schemas.messages import AttachmentOut, BodyOut, HeaderListOut, HeaderOut
from webmail.mime.headers import decode_text
from webmail.mime.part import Message
from webmail.mime.readable import FormOptions, ReadableFile
from webmail.mime.reply import body_text
from webmail.store import contents, emails
from webmail.store.models import Email
from webmail.store.reading import forms
from webmail.store.reading.arriving import arriving

RETRY_AFTER_S = "1"


def fetching(request: ApiRequest, email: Email, *, whole: bool = False) -> HttpResponse | None:
    """None when the text is here, or with `whole` all bytes. Else they are asked for, and the answer is 202, or 502 when
    they cannot be had."""
    if email.blob_id is not None or (contents.is_readable(email) and not whole):
        return None
    if email.body_error:
        raise Problem("body-unavailable", email.body_error)
    emails.want_body(email.pk)
    coming = arriving(email)
    told = FetchingOut(received_bytes=coming.received_bytes, size_bytes=coming.size_bytes) if coming else FetchingOut()
    return answer(request, told, status=202, headers={"Retry-After": RETRY_AFTER_S})


def read_message(email: Email) -> Message:
    """The message taken apart. Its bytes must be here. Raises `BlobMissing`, `BlobDamaged`, `MessageTooLargeError`."""
    try:
        return contents.read_message(email)
    except contents.NotHere as error:
        raise Problem("body-not-here", headers={"Retry-After": RETRY_AFTER_S}) from error


def read_raw(email: Email) -> bytes:
    """The bytes, which must be here."""
    try:
        return contents.read_raw(email)
    except contents.NotHere as error:
        raise Problem("body-not-here", headers={"Retry-After": RETRY_AFTER_S}) from error


def body_of(email: Email) -> BodyOut:
    """What to show of a message whose bytes are here."""
    prefix = _part_address(email, "")
    try:
        form = forms.readable_form(email, FormOptions(part_prefix=prefix))
    except forms.Unreadable as error:
        raise Problem(
            "body-unavailable", "It cannot be taken apart within the limits; its raw form is there."
        ) from error
    return BodyOut(
        text=body_text(read_message(email)),
        html=form.html or None,
        blocked_remote=form.blocked_remote,
        is_truncated=form.is_truncated,
        attachments=[
            *(_attachment(email, file, is_inline=False) for file in form.files),
            *(_attachment(email, file, is_inline=True) for file in (*form.pictures, *form.drawn)),
        ],
    )


def headers_of(email: Email) -> HeaderListOut:
    """All header fields of a message whose bytes are here, in order."""
    return HeaderListOut(
        headers=[HeaderOut(name=name, value=decode_text(value)) for name, value in read_message(email).headers]
    )


def _attachment(email: Email, file: ReadableFile, *, is_inline: bool) -> AttachmentOut:
    return AttachmentOut(
        part_id=file.part_id,
        name=file.name,
        type=file.type,
        size_bytes=file.size_bytes,
        cid=file.cid,
        is_inline=is_inline,
        href=_part_address(email, file.part_id),
    )


def _part_address(email: Email, part_id: str) -> str:
    base = reverse("api:get_part", args=[email.account.public_id, email.public_id, "1"]).removesuffix("1")
    return f"{base}{part_id}"
