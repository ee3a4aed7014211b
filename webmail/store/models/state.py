"""One change clock per account, the state of each type, and what is no more (jmap S7 to S10)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models import MailAccount


class ChangeClock(models.Model):
    """The account's last change number. Advanced inside the transaction that writes the rows; the row lock orders them."""

    account = models.OneToOneField(MailAccount, primary_key=True, on_delete=models.CASCADE, related_name="change_clock")
    modseq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.account_id} @ {self.modseq}"


class TypeState(models.Model):
    """The state of one type: the number of its last change. `floor`: changes up to here can no longer be told."""

    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    type = models.CharField(max_length=32)  # "Email", "Mailbox", "Thread", "Identity", "EmailSubmission", …
    modseq = models.BigIntegerField(default=0)
    floor = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "type"], name="store_type_state")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.type} @ {self.modseq}"


class Tombstone(models.Model):
    """An object that was destroyed; kept at least 30 days for clients that ask what changed."""

    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    type = models.CharField(max_length=32)
    public_id = models.CharField(max_length=32)
    created_modseq = models.BigIntegerField()
    destroyed_modseq = models.BigIntegerField()
    mailbox_ids = models.JSONField(default=list)  # public ids of the mailboxes an Email was last in
    destroyed_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "type", "destroyed_modseq"], name="store_tombstones")]

    def __str__(self) -> str:
        return f"{self.type} {self.public_id}"
