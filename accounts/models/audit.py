"""Who did what, when and from where."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models.user import User


class AuditEvent(models.Model):
    """Written once, never changed. `detail` holds no secrets and no message content."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    action = models.CharField(max_length=50)  # such as "sign_in", "account.connected", "token.created"
    subject = models.CharField(max_length=254, blank=True)
    ip_address = models.GenericIPAddressField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.subject}"
