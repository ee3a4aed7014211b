"""Going on here with a draft that another program left in the Drafts mailbox (reliability R78).

The draft gets what the stored message holds and a Message-ID of its own; the caller then lets the other program's copy go, by
the journal, into Trash. So nothing is lost when two programs write at once, and in the end one copy lies in Drafts: ours.
"""

from __future__ import annotations

from django.db import transaction

from accounts.models import Identity
from webmail.mime.addresses import format_address
from webmail.mime.part import Message
from webmail.mime.reply import body_text, carried_attachments
from webmail.outbox.errors import DraftNotHere
from webmail.outbox.models import Draft, DraftAttachment
from webmail.outbox.writing.drafts import choose_identity
from webmail.outbox.writing.messages import id_for
from webmail.store import blobs, contents
from webmail.store.ingest import message_id_hash
from webmail.store.models import BlobLink, Email

MAX_SUBJECT_CHARS = 998  # RFC 5322 2.1.1


def adopt_email(email: Email) -> Draft:
    """A draft with the recipients, text, files and place in the conversation of a stored message.

    Formatting is given up: a draft here is plain text. Raises `DraftNotHere` when the message is not here whole,
    `CannotSend` when the account has no identity, `StorageFull`.
    """
    message = _read(email)
    identity = _identity_of(email) or choose_identity(email.account)
    files = carried_attachments(message)
    stored = blobs.put_blobs([file.content for file in files])
    headers = message.list_headers
    with transaction.atomic():
        draft = Draft.objects.create(
            account=email.account,
            identity=identity,
            message_id=id_for(identity),
            to=", ".join(map(format_address, headers.to)),
            cc=", ".join(map(format_address, headers.cc)),
            bcc=", ".join(map(format_address, headers.bcc)),
            subject=" ".join(headers.subject.split())[:MAX_SUBJECT_CHARS],
            text=body_text(message),
            in_reply_to=list(headers.in_reply_to),
            references=list(headers.references),
            original=_original_of(email),
            wants_receipt="disposition-notification-to" in message.headers,
        )
        DraftAttachment.objects.bulk_create(
            DraftAttachment(draft=draft, blob=blob, name=file.name[:255], type=file.type[:127], cid=file.cid or "")
            for file, blob in zip(files, stored, strict=True)
        )
        blobs.link_blobs(email.account_id, [blob.pk for blob in stored], kind=BlobLink.Kind.UPLOAD)
    return draft


def _read(email: Email) -> Message:
    try:
        message = contents.read_message(email)
    except contents.NotHere:
        raise DraftNotHere from None
    if message.left_out:
        raise DraftNotHere
    return message


def _identity_of(email: Email) -> Identity | None:
    """Who it is from, if that is one of the account's addresses."""
    writers = {address.casefold() for _, address in email.addresses.get("from", ())}
    found = Identity.objects.filter(account=email.account)
    return next((identity for identity in found if identity.email.casefold() in writers), None)


def _original_of(email: Email) -> Email | None:
    """The message it answers, to be marked when the answer has left."""
    if len(email.in_reply_to) != 1:
        return None
    answered = email.in_reply_to[0]
    known = Email.objects.filter(account_id=email.account_id, message_id_hash=message_id_hash(answered))
    return known.filter(message_id=answered).first()
