"""What people searched for, and searches that a mail server is asked to do."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.ids import PUBLIC_ID_LENGTH, new_public_id
from accounts.models import MailAccount, User
from webmail.store.models.email import Email
from webmail.store.models.mailbox import Mailbox


class SavedSearch(models.Model):
    """A query under a name, as it was typed: relative dates stay relative."""

    public_id = models.CharField(
        max_length=PUBLIC_ID_LENGTH, unique=True, default=partial(new_public_id, "q"), editable=False
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_searches")
    name = models.CharField(max_length=100)
    query = models.CharField(max_length=1000)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "name"], name="store_saved_search_name")]

    def __str__(self) -> str:
        return self.name


class RecentSearch(models.Model):
    """A query that was run, for the suggestions of its user only."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    query = models.CharField(max_length=1000)
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "query"], name="store_recent_search_once")]

    def __str__(self) -> str:
        return self.query


class ServerSearch(models.Model):
    """A query that workers pass on to a mail server, for mail that is not (wholly) here yet.

    waiting -> running -> done
                  |-----> failed (reason in `error`)
    (stopped: by the user, at any time before the end)
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        STOPPED = "stopped"

    public_id = models.CharField(
        max_length=PUBLIC_ID_LENGTH, unique=True, default=partial(new_public_id, "r"), editable=False
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="+")
    mailbox = models.ForeignKey(Mailbox, null=True, on_delete=models.CASCADE, related_name="+")  # null: all of them
    query = models.CharField(max_length=1000)
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    mailboxes_done = models.PositiveIntegerField(default=0)
    mailboxes_total = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=600, blank=True)  # for people; may quote the server
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True)

    OPEN: ClassVar = (Status.WAITING, Status.RUNNING)

    class Meta:
        ordering = ["id"]
        indexes: ClassVar = [
            models.Index(
                fields=["account", "id"],
                condition=models.Q(status__in=["waiting", "running"]),
                name="store_server_search_open",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class ServerSearchHit(models.Model):
    """An Email that the server found; its list data is here by then."""

    search = models.ForeignKey(ServerSearch, on_delete=models.CASCADE, related_name="hits", db_index=False)
    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["search", "email"], name="store_server_hit_once")]

    def __str__(self) -> str:
        return f"{self.search_id}: {self.email_id}"
