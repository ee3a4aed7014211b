"""Who works on what, and who is alive."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models import MailAccount


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


class HostGate(models.Model):
    """What a mail server said about too many connections: fewer until then, for all processes (sync Y81)."""

    host = models.CharField(max_length=253, unique=True)
    limit = models.PositiveSmallIntegerField()  # connections of one process
    until = models.DateTimeField()
    reason = models.CharField(max_length=600, blank=True)  # may quote the server

    def __str__(self) -> str:
        return f"{self.host}: {self.limit}"


class Traffic(models.Model):
    """Bytes that went over the wire for an account in a day of UTC (reliability R84)."""

    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    bytes_down = models.BigIntegerField(default=0)
    bytes_up = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "day"], name="store_traffic_day")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}"
