"""Messages being written: begun, saved, filled with files, discarded. Nothing here reaches a server.

A save names the revision it was based on and is refused when another window was faster, so no text is ever overwritten
unseen (reliability R77).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Identity, MailAccount, User
from webmail.mime.addresses import Address, format_address, parse_addresses
from webmail.mime.headers import parse_list_headers
from webmail.mime.html_text import html_to_text
from webmail.mime.opened import descend
from webmail.mime.parse import parse_message
from webmail.mime.part import Message
from webmail.mime.reply import ReplySeed, forward_composition, reply_composition
from webmail.outbox.errors import CannotSend, DraftConflict, DraftGone, OriginalNotHere
from webmail.outbox.models import Draft, DraftAttachment
from webmail.outbox.writing.messages import id_for
from webmail.outbox.writing.room import check_room
from webmail.store import blobs, contents
from webmail.store.models import Email

Mode = Literal["new", "reply", "reply_all", "forward"]

# Where servers note the address that a message was delivered to, when it stands in neither To nor Cc.
_DELIVERY_FIELDS = ("delivered-to", "x-original-to", "envelope-to")


@dataclass(frozen=True)
class DraftFields:
    """What a save may change; None leaves a field as it is."""

    identity: Identity | None = None
    to: str | None = None
    cc: str | None = None
    bcc: str | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    wants_receipt: bool | None = None
    wants_delivery_report: bool | None = None
    requires_tls: bool | None = None


def create_draft(
    account: MailAccount,
    *,
    identity: Identity | None = None,
    original: Email | None = None,
    mode: Mode = "new",
    nested: Sequence[str] = (),
) -> Draft:
    """A new draft, empty or begun from `original` (which must belong to the account's user).

    `nested`: from a message within it, by the part ids on the way; the original itself then counts as neither answered nor
    forwarded. Without `identity` it is the one the original was sent to, else the account's default. Raises `CannotSend`
    when the account has no identity, `OriginalNotHere` when a message to forward has no bytes yet, `NoSuchPart`,
    `StorageFull`.
    """
    if original is None or mode == "new":
        chosen = identity or choose_identity(account)
        return _insert_draft(account, chosen, text=_with_signature(chosen, ""))
    message = _read_original(original, whole=mode == "forward" or bool(nested))
    if message is None and (mode == "forward" or nested):
        raise OriginalNotHere
    if message is not None:
        message = descend(message, nested)
    chosen = identity or choose_identity(account, original=original, message=message)
    seed = _seed(account.user, original, message, mode)
    files = blobs.put_blobs([file.content for file in seed.attachments])
    with transaction.atomic():
        draft = _insert_draft(
            account,
            chosen,
            to=_join(seed.to),
            cc=_join(seed.cc),
            subject=seed.subject,
            text=_with_signature(chosen, seed.quoted_text),
            in_reply_to=list(seed.in_reply_to),
            references=list(seed.references),
            original=None if nested else original,
            is_forward=mode == "forward",
        )
        DraftAttachment.objects.bulk_create(
            DraftAttachment(draft=draft, blob=blob, name=file.name[:255], type=file.type[:127], cid=file.cid or "")
            for file, blob in zip(seed.attachments, files, strict=True)
        )
        blobs.link_blobs(account.pk, [blob.pk for blob in files], kind="upload")
    return draft


def choose_identity(account: MailAccount, *, original: Email | None = None, message: Message | None = None) -> Identity:
    """The identity a message was sent to (or, for our own, from), else the default one. Raises `CannotSend`."""
    identities = list(Identity.objects.filter(account=account))
    if not identities:
        raise CannotSend(account.address)
    by_email = {identity.email.casefold(): identity for identity in reversed(identities)}
    for email in _addressed(original, message):
        if email.casefold() in by_email:
            return by_email[email.casefold()]
    return identities[0]


def _addressed(original: Email | None, message: Message | None) -> list[str]:
    """The addresses a message went to, the surest first."""
    found: list[str] = []
    if message is not None:
        for name in _DELIVERY_FIELDS:
            found += [address.email for value in message.headers.get_all(name) for address in parse_addresses(value)]
    if original is not None:
        for name in ("to", "cc", "bcc", "from"):
            found += [email for _, email in original.addresses.get(name, ())]
    return found


def save_draft(draft: Draft, *, fields: DraftFields, expected_revision: int | None) -> Draft:
    """Write fields and return the draft as it is now. `expected_revision` None writes whatever the revision is.

    Raises `DraftConflict` with the present draft when it is another revision, `DraftGone` when it was sent or
    discarded. Nothing is written then: the caller still has its fields, and `fork_draft` keeps them.
    """
    rows = Draft.objects.filter(pk=draft.pk)
    if expected_revision is not None:
        rows = rows.filter(revision=expected_revision)
    if not rows.update(revision=F("revision") + 1, updated_at=timezone.now(), **_given(fields)):
        raise _conflict(draft)
    return get_current(draft)


def fork_draft(draft: Draft, *, fields: DraftFields) -> Draft:
    """A second draft with these fields and the files of the first: what "keep mine too" does after a conflict."""
    source = get_current(draft)
    identity = source.identity or choose_identity(source.account)
    with transaction.atomic():
        fork = Draft.objects.create(
            account=source.account,
            identity=identity,
            original=source.original,
            is_forward=source.is_forward,
            wants_receipt=source.wants_receipt,
            wants_delivery_report=source.wants_delivery_report,
            requires_tls=source.requires_tls,
            in_reply_to=source.in_reply_to,
            references=source.references,
            message_id=id_for(identity),
        )
        Draft.objects.filter(pk=fork.pk).update(**_given(fields))
        DraftAttachment.objects.bulk_create(
            DraftAttachment(
                draft=fork, blob=row.blob, name=row.name, type=row.type, cid=row.cid, is_inline=row.is_inline
            )
            for row in source.attachments.select_related("blob")
        )
    return get_current(fork)


def add_attachment(draft: Draft, *, name: str, type: str, raw: bytes) -> DraftAttachment:  # noqa: A002
    """Add a file. Raises `AttachmentTooLarge`, `DraftGone`, `StorageFull`. The revision stays: the text is untouched."""
    check_room(draft.account, len(raw), draft=draft)
    blob = blobs.upload_blob(draft.account_id, raw)
    with transaction.atomic():
        if not Draft.objects.select_for_update().filter(pk=draft.pk).exists():
            raise DraftGone
        check_room(draft.account, len(raw), draft=draft)  # two files at once may pass the first check together
        return DraftAttachment.objects.create(
            draft=draft, blob=blob, name=name[:255], type=(type or "application/octet-stream")[:127]
        )


def remove_attachment(draft: Draft, public_id: str) -> bool:
    """Take a file out; False when the draft has no such file (any more)."""
    count, _ = DraftAttachment.objects.filter(draft=draft, public_id=public_id).delete()
    return bool(count)


def discard_draft(draft: Draft) -> bool:
    """Throw a draft away; False when it was gone already."""
    count, _ = Draft.objects.filter(pk=draft.pk).delete()
    return bool(count)


def get_current(draft: Draft) -> Draft:
    """The draft as the database has it now. Raises `DraftGone`."""
    current = Draft.objects.filter(pk=draft.pk).select_related("account", "identity", "original").first()
    if current is None:
        raise DraftGone
    return current


def _conflict(draft: Draft) -> DraftConflict:
    return DraftConflict(get_current(draft))


def _given(draft_fields: DraftFields) -> dict[str, Any]:
    given = {item.name: getattr(draft_fields, item.name) for item in fields(draft_fields)}
    return {name: value for name, value in given.items() if value is not None}


def _insert_draft(account: MailAccount, identity: Identity, **content: Any) -> Draft:
    return Draft.objects.create(account=account, identity=identity, message_id=id_for(identity), **content)


def _with_signature(identity: Identity, quoted: str) -> str:
    """Room to write, the signature behind its mark (RFC 3676 4.3), then what is quoted."""
    signature = identity.signature_text or html_to_text(identity.signature_html)
    parts = [f"\n\n-- \n{signature.rstrip()}\n"] if signature.strip() else []
    if quoted:
        parts.append(f"\n\n{quoted}" if not parts else f"\n{quoted}")
    return "".join(parts)


def _read_original(original: Email, *, whole: bool) -> Message | None:
    """None when it is not here: to forward it takes the attachments, to quote it only the text."""
    if original.blob is None and whole:
        return None
    try:
        return contents.read_message(original)
    except contents.NotHere:
        return None


def _seed(user: User, original: Email, message: Message | None, mode: Mode) -> ReplySeed:
    whole = message or _message_of_row(original)
    zone = _zone(user)
    if mode == "forward":
        return forward_composition(whole, zone=zone)
    own = Identity.objects.filter(account__user=user).values_list("email", flat=True)
    seed = reply_composition(whole, own_addresses=list(own), reply_all=mode == "reply_all", zone=zone)
    return seed if message is not None else replace(seed, quoted_text="")


def _message_of_row(original: Email) -> Message:
    """What the row knows of a message whose bytes are not here yet: enough to answer it, without a quotation."""
    lines = [f"Subject: {_one_line(original.subject)}", f"Message-ID: <{_one_line(original.message_id)}>"]
    lines += [
        f"{name.replace('_', '-')}: {_join([Address(*pair) for pair in pairs])}"
        for name, pairs in original.addresses.items()
    ]
    if original.sent_at:
        lines.append(f"Date: {original.sent_at:%a, %d %b %Y %H:%M:%S %z}")
    for name, ids in (("In-Reply-To", original.in_reply_to), ("References", original.references)):
        lines.append(f"{name}: {' '.join(f'<{_one_line(one)}>' for one in ids)}")
    raw = "\r\n".join([*lines, "", ""]).encode()
    parsed = parse_message(raw)
    return Message(parsed.headers, parse_list_headers(raw), parsed.root)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _zone(user: User) -> ZoneInfo | None:
    try:
        return ZoneInfo(user.timezone) if user.timezone else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _join(addresses: Sequence[Address]) -> str:
    return ", ".join(map(format_address, addresses))
