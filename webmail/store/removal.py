"""Taking an account and everything we hold of it out of the database. Its server is not asked and keeps its mail."""

from __future__ import annotations

from django.db import transaction

from accounts.models import MailAccount
from webmail.store.models import Email, Mailbox, Thread


@transaction.atomic
def remove_account(account: MailAccount) -> None:
    """Delete the account with its mailboxes, messages, drafts and submissions. Safe to repeat.

    Messages go before their threads, and mailboxes from the leaves up: those are protected by what they hold. Bytes that nothing refers to any more
    are left to the collector of blobs.
    """
    Email.objects.filter(account_id=account.pk).delete()
    Thread.objects.filter(account_id=account.pk).delete()
    while Mailbox.objects.filter(account_id=account.pk).exists():
        Mailbox.objects.filter(account_id=account.pk, children=None).delete()
    MailAccount.objects.filter(pk=account.pk).delete()
