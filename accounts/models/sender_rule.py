"""What a person has decided once about the mail of a sender or of a domain."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models.user import User


class SenderRule(models.Model):
    """`value` is an address or a domain, in lower case; an address has an @."""

    class Kind(models.TextChoices):
        PICTURES = "pictures"  # remote pictures are shown
        ORIGINAL_COLORS = "original-colors"  # in dark mode the mail keeps its own colours

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sender_rules", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind)
    value = models.CharField(max_length=320)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["value"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "kind", "value"], name="accounts_sender_rule_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}"
