"""Rows for tests, made the way the product makes them. alice owns, bob shares nothing, charlie is staff."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from accounts import services
from accounts.models import MailAccount, User
from webmail.mime.addresses import Address
from webmail.mime.headers import ListHeaders, parse_list_headers
from webmail.store import blobs, emails, ingest, mailboxes
from webmail.store.models import Email, Mailbox

PASSWORD = "correct horse battery"
NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
_numbers = count(1)


def make_user(name: str = "alice", **fields: Any) -> User:
    """A person with the password PASSWORD."""
    return User.objects.create_user(f"{name}@pillarbox.test", PASSWORD, name=name.title(), **fields)


def make_account(user: User, *, protocol: str = "imap", **settings: Any) -> MailAccount:
    """A connected account with its secret and identity; no server is asked. IMAP accounts begin without mailboxes."""
    number = next(_numbers)
    fields: dict[str, Any] = {
        "address": f"box{number}@example.org",
        "incoming_protocol": protocol,
        "incoming_host": "127.0.0.1",
        "incoming_port": 143 if protocol == "imap" else 110,
        "incoming_security": "plain",
        "incoming_username": f"box{number}@example.org",
        "outgoing_host": "127.0.0.1",
        "outgoing_port": 25,
        "outgoing_security": "plain",
        **settings,
    }
    password = fields.pop("password", "secret")
    return services.create_account(user, services.AccountSettings(**fields), incoming_password=password)


def make_mailbox(account: MailAccount, name: str = "Inbox", *, role: str = "", **fields: Any) -> Mailbox:
    """A mailbox that is fully listed; on IMAP accounts one of the server."""
    if account.is_pop3:
        fields.setdefault("source", Mailbox.Source.LOCAL)
    else:
        fields.setdefault("remote_name", name)
        fields.setdefault("delimiter", "/")
        fields.setdefault("backfill_uid", 1)
        fields.setdefault("uidvalidity", 1)
    return mailboxes.create_mailbox(account.pk, name=name, role=role, **fields)


def make_headers(
    *,
    subject: str = "Hello",
    from_: str = "ben@example.net",
    from_name: str = "Ben",
    message_id: str | None = None,
    in_reply_to: Collection[str] = (),
    **fields: Any,
) -> ListHeaders:
    """Headers as the list decoder gives them; each call has its own Message-ID unless one is given."""
    number = next(_numbers)
    return ListHeaders(
        from_=(Address(from_name, from_),),
        to=fields.pop("to", (Address("Alice", "alice@pillarbox.test"),)),
        subject=subject,
        sent_at=NOON,
        message_id=f"{number}@example.net" if message_id is None else message_id,
        in_reply_to=tuple(in_reply_to),
        header_hash=str(number),
        **fields,
    )


def make_item(
    mailbox: Mailbox,
    *,
    headers: ListHeaders | None = None,
    minutes: int | None = None,
    keywords: Collection[str] = (),
    uid: int | None = None,
    size_bytes: int = 1_000,
    **fields: Any,
) -> ingest.NewEmail:
    """A new message for `ingest_emails`; later ones are younger. Remote mailboxes give it a UID."""
    number = next(_numbers)
    is_remote = mailbox.source == Mailbox.Source.REMOTE
    place = ingest.Place(mailbox.pk, uidvalidity=1, uid=uid or number) if is_remote else ingest.Place(mailbox.pk)
    return ingest.NewEmail(
        headers=headers or make_headers(),
        received_at=NOON + timedelta(minutes=number if minutes is None else minutes),
        size_bytes=size_bytes,
        place=fields.pop("place", place),
        keywords=keywords,
        **fields,
    )


def make_email(mailbox: Mailbox, **fields: Any) -> Email:
    """One message in the mailbox, without bytes."""
    return Email.objects.get(pk=ingest.ingest_emails(mailbox.account_id, [make_item(mailbox, **fields)])[0])


def make_email_from_bytes(mailbox: Mailbox, raw: bytes, **fields: Any) -> Email:
    """One message with its bytes, parsed as the cpu worker would."""
    from webmail.store.indexing import index_account

    head = raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0] + b"\n\n"
    email = make_email(mailbox, headers=parse_list_headers(head), size_bytes=len(raw), **fields)
    emails.attach_blobs(mailbox.account_id, [(email.pk, blobs.put_blob(raw).pk)])
    index_account(mailbox.account_id)
    email.refresh_from_db()
    return email
