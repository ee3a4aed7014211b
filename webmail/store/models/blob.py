"""Bytes by their hash, and who may read them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models import MailAccount


class Blob(models.Model):
    """Content-addressed bytes. The row is written only after the bytes are durable (reliability R88)."""

    sha256 = models.CharField(max_length=64, unique=True)  # hexadecimal
    size_bytes = models.BigIntegerField()
    pack = models.CharField(max_length=64)  # the pack that holds it; empty: an object of its own named by the hash
    offset = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.sha256[:12]


class BlobLink(models.Model):
    """An account's right to read a blob: knowing a hash is none (jmap S14)."""

    class Kind(models.TextChoices):
        UPLOAD = "upload"
        MESSAGE = "message"

    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    blob = models.ForeignKey(Blob, on_delete=models.CASCADE, related_name="links")
    kind = models.CharField(max_length=7, choices=Kind)
    expires_at = models.DateTimeField(null=True)  # uploads: at least an hour ahead; messages: null

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "blob", "kind"], name="store_link_once"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} may read {self.blob_id}"
