"""Taking an account and everything we hold of it out of the database. Its server is not asked and keeps its mail."""

from __future__ import annotations

from django.db import transaction

from accounts.models import MailAccount
from webmail.store.models import Mailbox


@transaction.atomic
def remove_account(account: MailAccount) -> None:
    """Delete the account with its mailboxes, messages, drafts and submissions. Safe to repeat.

    Mailboxes go from the leaves up, because a parent is protected by its children. Bytes that nothing refers to any more
    are left to the collector of blobs.
    """
    while Mailbox.objects.filter(account_id=account.pk).exists():
        Mailbox.objects.filter(account_id=account.pk, children=None).delete()
    MailAccount.objects.filter(pk=account.pk).delete()
