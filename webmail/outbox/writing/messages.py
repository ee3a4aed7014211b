"""A message on its way out as one value, and its three other forms: the draft, the frozen bytes, the JSON that gives a draft back.

It must not decide when or whether anything is sent. Bytes are built exactly once per submission.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Identity, MailAccount
from webmail.mime.addresses import Address, format_address, is_valid_email, parse_addresses, unique_emails
from webmail.mime.compose import Attachment, BadHeaderValue, Composition, build_message, new_message_id, wire_address
from webmail.mime.html_text import html_to_text
from webmail.outbox.errors import BadContent, BadRecipient, MessageTooLarge, NoRecipients, TooManyRecipients
from webmail.outbox.models import Draft, DraftAttachment, FiledDraft
from webmail.store import blobs
from webmail.store.models import Blob, Email

MAX_RECIPIENTS = 100  # RFC 5321 4.5.3.1.8 promises that a server takes so many
MAX_FILES_BYTES = 25_000_000  # security section 3: 25 MB out, counted as people see it
MAX_MESSAGE_BYTES = 36_000_000  # the same in base64 with its line ends, and some text


# What is asked for with a message; fields of drafts, messages and snapshots alike.
OPTIONS = ("wants_receipt", "wants_delivery_report", "requires_tls")


@dataclass(frozen=True)
class OutgoingFile:
    """A file whose bytes are stored already. `cid` without angle brackets."""

    blob: Blob
    name: str
    type: str = "application/octet-stream"
    cid: str = ""
    is_inline: bool = False


@dataclass(frozen=True)
class OutgoingMessage:
    """What is to be sent. `to`, `cc` and `bcc` as people type them; message ids without angle brackets."""

    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""  # empty: plain text only
    files: Sequence[OutgoingFile] = ()
    in_reply_to: Sequence[str] = ()
    references: Sequence[str] = ()
    original: Email | None = None  # to be marked as answered or forwarded
    is_forward: bool = False
    message_id: str = ""  # empty: a new one
    wants_receipt: bool = False  # RFC 8098: to be told when it was read
    wants_delivery_report: bool = False  # RFC 3461: to be told what became of it
    requires_tls: bool = False  # RFC 8689
    filed_revision: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Recipients:
    """The addresses of a message, each well-formed."""

    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]

    @property
    def envelope(self) -> list[str]:
        """Every address once, as the wire carries it."""
        return [wire_address(address.email) for address in unique_emails((*self.to, *self.cc, *self.bcc))]


def message_of_draft(draft: Draft) -> OutgoingMessage:
    """The draft as it is in the database's row `draft`, with its files."""
    files = [
        OutgoingFile(row.blob, row.name, row.type, row.cid, row.is_inline)
        for row in draft.attachments.select_related("blob")
    ]
    return OutgoingMessage(
        to=draft.to,
        cc=draft.cc,
        bcc=draft.bcc,
        subject=draft.subject,
        text=draft.text,
        html=draft.html,
        files=files,
        in_reply_to=draft.in_reply_to,
        references=draft.references,
        original=draft.original,
        is_forward=draft.is_forward,
        message_id=draft.message_id,
        filed_revision=draft.filed_revision,
        **{name: getattr(draft, name) for name in OPTIONS},
    )


def read_recipients(message: OutgoingMessage) -> Recipients:
    """Raises `NoRecipients`, `BadRecipient` naming the first bad one, `TooManyRecipients`."""
    found = Recipients(_addresses(message.to), _addresses(message.cc), _addresses(message.bcc))
    count = len(found.envelope)
    if not count:
        raise NoRecipients
    if count > MAX_RECIPIENTS:
        raise TooManyRecipients(count=count, limit=MAX_RECIPIENTS)
    return found


def _addresses(typed: str) -> tuple[Address, ...]:
    addresses = parse_addresses(typed)
    for address in addresses:
        if not is_valid_email(address.email):
            raise BadRecipient(format_address(address).removesuffix(" <>"))
    return tuple(unique_emails(addresses))


def freeze(
    message: OutgoingMessage, *, identity: Identity, recipients: Recipients, message_id: str, sent_at: datetime
) -> bytes:
    """The stored form with its Bcc field. Raises `BadContent`, `MessageTooLarge`, and `BlobMissing` for a lost file."""
    text = message.text or (html_to_text(message.html) if message.html else "")
    author = Address(identity.name, identity.email)
    composition = Composition(
        from_=author,
        to=recipients.to,
        cc=recipients.cc,
        bcc=recipients.bcc,
        reply_to=(Address("", identity.reply_to),) if identity.reply_to else (),
        subject=message.subject,
        text=text,
        html=message.html or None,
        attachments=tuple(map(_read_file, message.files)),
        in_reply_to=tuple(message.in_reply_to),
        references=tuple(message.references),
        message_id=message_id,
        sent_at=sent_at,
        receipt_to=(author,) if message.wants_receipt else (),
    )
    try:
        raw = build_message(composition)
    except BadHeaderValue as error:
        raise BadContent(_("The message cannot be sent as it is: %(why)s.") % {"why": error}) from error
    if len(raw) > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(size_bytes=len(raw), limit_bytes=MAX_MESSAGE_BYTES)
    return raw


def _read_file(file: OutgoingFile) -> Attachment:
    return Attachment(file.name, file.type, blobs.read_blob(file.blob), file.cid or None, file.is_inline)


def id_for(identity: Identity) -> str:
    """A fresh Message-ID at the identity's domain, without angle brackets."""
    return new_message_id(identity.email.rpartition("@")[2])


# Snapshots ----------------------------------------------------------------------------------------------------------


def take_snapshot(message: OutgoingMessage, *, identity: Identity, message_id: str) -> dict[str, Any]:
    """The message as JSON, enough for `restore_draft`."""
    return {
        "identity": identity.pk,
        "to": message.to,
        "cc": message.cc,
        "bcc": message.bcc,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "in_reply_to": list(message.in_reply_to),
        "references": list(message.references),
        "message_id": message_id,
        "filed_revision": message.filed_revision,
        **{name: getattr(message, name) for name in OPTIONS},
        "files": [
            {"blob": file.blob.pk, "name": file.name, "type": file.type, "cid": file.cid, "is_inline": file.is_inline}
            for file in message.files
        ],
    }


def restore_draft(
    snapshot: Mapping[str, Any], *, account: MailAccount, original: Email | None, is_forward: bool
) -> Draft | None:
    """A new draft with the content of a submission that did not leave; None when there is no snapshot.

    Call it in the transaction that ends the submission. Files whose bytes are gone are left out: the frozen message
    still has them.
    """
    if not snapshot:
        return None
    identity = Identity.objects.filter(pk=snapshot["identity"], account=account).first()
    names = ("to", "cc", "bcc", "subject", "text", "html", "in_reply_to", "references", "message_id")
    draft = Draft.objects.create(
        account=account,
        identity=identity,
        original=original,
        is_forward=is_forward,
        filed_revision=snapshot["filed_revision"],
        # One more than what lies in the Drafts mailbox, so that its copy counts as an old one.
        revision=snapshot["filed_revision"] + 1,
        **{name: snapshot[name] for name in names},
        **{name: snapshot.get(name, False) for name in OPTIONS},
    )
    _restore_files(draft, snapshot["files"])
    # The copy that still lies in Drafts is this draft's again, and not a stale one to be removed.
    FiledDraft.objects.filter(account=account, message_id=draft.message_id, draft=None).update(draft=draft)
    return draft


def _restore_files(draft: Draft, files: Iterable[Mapping[str, Any]]) -> None:
    wanted = list(files)
    known = set(Blob.objects.filter(pk__in=[file["blob"] for file in wanted]).values_list("pk", flat=True))
    DraftAttachment.objects.bulk_create(
        DraftAttachment(
            draft=draft,
            blob_id=file["blob"],
            name=file["name"],
            type=file["type"],
            cid=file["cid"],
            is_inline=file["is_inline"],
        )
        for file in wanted
        if file["blob"] in known
    )
