"""Who works on what, and who is alive."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Lease(models.Model):
    """The right to work on something for a while. `fencing` grows with each owner; a commit checks it (sync Y82)."""

    name = models.CharField(max_length=100, unique=True)  # such as "account:12" or "watch:0"
    owner = models.CharField(max_length=100, blank=True)  # empty: free
    fencing = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.name} {self.owner}"


class Heartbeat(models.Model):
    """A process that says it is alive every few seconds."""

    name = models.CharField(max_length=100, unique=True)  # kind@host:pid
    kind = models.CharField(max_length=20)  # web, net, cpu, watch, sweep
    host = models.CharField(max_length=100)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    detail = models.JSONField(default=dict)  # small figures such as {"accounts": 3}

    class Meta:
        ordering = ["kind", "name"]

    def __str__(self) -> str:
        return self.name
