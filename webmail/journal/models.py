"""What a user did to mail, to be carried out on the server: idempotent, in order per account, visible while pending.

    pending -> running -> done
       ^          |-----> failed   (the rows were put back and the user is told)
       |__________|-----> stopped  (by the user: what was not told yet was put back)
       (a temporary refusal: next_try_at says when)

A row is written in the transaction that changes the store (jmap S15). `running` without a live lease is taken up again:
every step is safe to repeat.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.ids import PUBLIC_ID_LENGTH, new_public_id
from accounts.models import MailAccount, User
from webmail.store.models import Email, Mailbox


class Step(models.Model):
    """What a person did in one go on a page: the Actions of all accounts it touched, undone together.

    `detail` has what its words need: {"rows": n, "is_threads": bool, "name": of a target, "target": its public id}.
    """

    public_id = models.CharField(
        max_length=PUBLIC_ID_LENGTH, unique=True, default=partial(new_public_id, "u"), editable=False
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    verb = models.CharField(max_length=20)  # as the buttons name it: archive, move, label …
    detail = models.JSONField(default=dict)
    is_final = models.BooleanField(default=False)  # cannot be undone: deleted for good
    created_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes: ClassVar = [models.Index(fields=["user", "-id"], name="journal_step_recent")]

    def __str__(self) -> str:
        return f"{self.verb} {self.public_id}"


class Action(models.Model):
    """One act on one or many Emails, or on one mailbox."""

    class Kind(models.TextChoices):
        KEYWORDS = "keywords"  # arguments: {"add": [keyword], "remove": [keyword]}
        MOVE = "move"  # arguments: {"target": mailbox id}; each ActionEmail has its source
        COPY = "copy"  # arguments: {"target": mailbox id}
        DESTROY = "destroy"  # each ActionEmail has its source
        TRANSFER = (
            "transfer"  # into another account: {"target": mailbox id, "keep": bool, "source": mailbox id | null},
        )
        # and when it is done "arrived": {source mailbox id: [ids of Emails there]}, of a few only, so that it can be undone
        CREATE_MAILBOX = "create_mailbox"  # mailbox is the new row
        RENAME_MAILBOX = "rename_mailbox"  # arguments: {"old_remote_name": …, "old_name": …, "old_parent": id | null}
        DELETE_MAILBOX = "delete_mailbox"  # arguments: {"remote_name": …}
        SUBSCRIBE = "subscribe"  # arguments: {"subscribed": bool}

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        STOPPED = "stopped"

    public_id = models.CharField(
        max_length=PUBLIC_ID_LENGTH, unique=True, default=partial(new_public_id, "o"), editable=False
    )
    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="actions", db_index=False)
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    step = models.ForeignKey(Step, null=True, on_delete=models.SET_NULL, related_name="actions")
    kind = models.CharField(max_length=16, choices=Kind)
    # Of a TRANSFER the one in the other account. null as well when it was deleted since: then the act is refused and what it
    # hid comes back.
    mailbox = models.ForeignKey(Mailbox, null=True, on_delete=models.SET_NULL, related_name="+")
    arguments = models.JSONField(default=dict)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    # How far a repeated run may skip; see `sync.actions.replay_emails` and `sync.actions.transfer` (sync Y68, Y71).
    progress = models.JSONField(default=dict)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=600, blank=True)  # for people; may quote the server
    # Invariant: `total` counts the ActionEmails ever made, `done_count` those of them that came to an end.
    total = models.PositiveIntegerField(default=0)
    done_count = models.PositiveIntegerField(default=0)
    # "All that match": [first, last] ranges of ids of Emails whose rows are still to be changed (see `selection`).
    unapplied = models.JSONField(default=list)
    stop_wanted_at = models.DateTimeField(null=True)  # by the user; replay stops between two batches
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True)

    OPEN: ClassVar = (Status.PENDING, Status.RUNNING)

    class Meta:
        ordering = ["id"]
        indexes: ClassVar = [
            models.Index(
                fields=["account", "id"], condition=models.Q(status__in=["pending", "running"]), name="journal_open"
            ),
            models.Index(fields=["account", "-id"], name="journal_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"


class ActionEmail(models.Model):
    """An Email an Action is about. While the Action is open, sync leaves its touched keywords and mailboxes alone."""

    action = models.ForeignKey(Action, on_delete=models.CASCADE, related_name="emails", db_index=False)
    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="action_rows")
    source = models.ForeignKey(Mailbox, null=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    # The keywords the act really changed, to put back on refusal: {"added": [...], "removed": [...]}
    changed = models.JSONField(default=dict)
    is_done = models.BooleanField(default=False)  # the server was told, or there was nothing to tell
    # TRANSFER: {} before anything was sent, {"begun": true} from then on, {"uid": n, "uidvalidity": v} when APPEND was answered
    # ({"appended": true} without APPENDUID), and the Email in the other account once its rows are there.
    progress = models.JSONField(default=dict)
    arrived = models.ForeignKey(Email, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["action", "email", "source"], name="journal_email_once"),
        ]

    def __str__(self) -> str:
        return f"{self.action_id}: {self.email_id}"
