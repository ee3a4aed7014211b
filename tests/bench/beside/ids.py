"""What runs inside the installation's own Django: which of our names belongs to which UID of the server."""

from __future__ import annotations

from typing import Any

from webmail.store.models import Email, Mailbox, Placement


def names_of(address: str) -> dict[str, Any]:
    """Addresses of the mailboxes of an account by name, and [message, thread] ids in its Inbox by UID."""
    mailboxes = Mailbox.objects.filter(account__address=address).select_related("account")
    inbox = mailboxes.get(role="inbox")
    places = Placement.objects.filter(mailbox=inbox, email__isnull=False).values_list(
        "uid", "email__public_id", "email__thread__public_id"
    )
    return {
        "account": inbox.account.public_id,
        "mailboxes": {mailbox.role or mailbox.name: mailbox.public_id for mailbox in mailboxes},
        "uids": {str(uid): [email, thread] for uid, email, thread in places},
    }


def waiting_bodies() -> int:
    """How many messages are listed but not yet read for the index."""
    return Email.objects.filter(is_indexed=False).count()
