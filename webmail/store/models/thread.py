"""Conversations with immutable ids, and the index that joins new mail to them."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from django.db import models

from accounts.ids import PUBLIC_ID_LENGTH, new_public_id
from accounts.models import MailAccount


class Thread(models.Model):
    """A conversation. It has at least one Email; it changes when one enters or leaves (jmap S11)."""

    public_id = models.CharField(
        max_length=PUBLIC_ID_LENGTH, unique=True, default=partial(new_public_id, "t"), editable=False
    )
    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    created_modseq = models.BigIntegerField()
    updated_modseq = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "updated_modseq"], name="store_thread_changes")]

    def __str__(self) -> str:
        return self.public_id


class ThreadRef(models.Model):
    """An id that mail of this conversation carries, together with its base subject: both must match to join.

    The first thread that claims a ref keeps it: threads are never merged, since an Email's thread never changes.
    """

    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    ref_hash = models.BigIntegerField()  # 63 bits over one message id and the base subject
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="refs")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "ref_hash"], name="store_thread_ref"),
        ]

    def __str__(self) -> str:
        return f"{self.ref_hash} -> {self.thread_id}"
