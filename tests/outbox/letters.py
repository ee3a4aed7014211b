"""Rows that the outbox tests begin with: an account at given ports, a message of known bytes, a submission."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from accounts.models import Identity, MailAccount, User
from tests.factories import make_account, make_item, make_user
from webmail.mime.headers import parse_list_headers
from webmail.outbox.models import Submission
from webmail.outbox.queue.submit import submit_message
from webmail.outbox.writing.messages import OutgoingMessage
from webmail.store import blobs
from webmail.store.ingest import ingest_emails
from webmail.store.models import Email, Mailbox

_numbers = count(1)


def make_sender(user: User | None = None, **fields: Any) -> MailAccount:
    """An account of somebody whom no other test knows."""
    return make_account(user or make_user(f"sender{next(_numbers)}"), **fields)


def make_raw(*, text: str = "Hello", **headers: str) -> bytes:
    """A small message; header names have underscores for hyphens."""
    number = next(_numbers)
    fields = {
        "From": "Bob Builder <bob@example.org>",
        "To": "alice@pillarbox.test",
        "Subject": f"Message {number}",
        "Date": "Mon, 03 Mar 2025 10:00:00 +0000",
        "Message_ID": f"<message-{number}@example.org>",
        **headers,
    }
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", *text.splitlines(), ""]).encode()


def put_email(mailbox: Mailbox, raw: bytes, *, has_bytes: bool = True) -> Email:
    """A message in a mailbox."""
    blob_id = blobs.put_blob(raw).pk if has_bytes else None
    item = make_item(mailbox, headers=parse_list_headers(raw), size_bytes=len(raw), blob_id=blob_id)
    return Email.objects.get(pk=ingest_emails(mailbox.account_id, [item])[0])


def submit(account: MailAccount, *, key: str = "", **fields: Any) -> Submission:
    """A message that may go at once, to bob unless told otherwise."""
    send_at = fields.pop("send_at", datetime(2025, 1, 1, tzinfo=UTC))
    values = {"to": "bob@example.org", "subject": "Hello", "text": "Hi Bob", **fields}
    return submit_message(
        OutgoingMessage(**values),
        user=account.user,
        account=account,
        identity=Identity.objects.get(account=account, is_default=True),
        idempotency_key=key or f"key-{next(_numbers)}",
        send_at=send_at,
    )
