"""Drafts and submissions. A Submission is the only send queue: pages, REST and JMAP write the same rows (jmap S19).

    queued -> claimed -> in_data -> dot_sent -> accepted -> done         (reliability section 3)
      ^          |          |          |-> unconfirmed   the reply to the final dot is not known: evidence or the user decides
      |          |          |-> retry, failed
    held: undo window, schedule or pause; becomes queued when send_at has come.   cancelled: taken back in time.

`in_data` and before: a dead worker costs nothing but a retry. `dot_sent` is committed before the dot is written; from then on
nothing is ever sent again by itself. `accepted`: the Sent copy is still to be filed; `done`: it is.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import PUBLIC_ID_LENGTH, new_public_id
from accounts.models import Identity, MailAccount, User
from webmail.store.models import Blob, Email


class Draft(models.Model):
    """A message being written, shared by compose page and REST. `revision` guards against two tabs (reliability R77)."""

    public_id = models.CharField(
        max_length=PUBLIC_ID_LENGTH, unique=True, default=partial(new_public_id, "d"), editable=False
    )
    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="drafts")
    identity = models.ForeignKey(Identity, null=True, on_delete=models.SET_NULL, related_name="+")
    # Recipients as typed, comma separated; they may be half finished until sending.
    to = models.TextField(blank=True)
    cc = models.TextField(blank=True)
    bcc = models.TextField(blank=True)
    subject = models.TextField(blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)  # empty: the message is plain text only
    in_reply_to = models.JSONField(default=list)
    references = models.JSONField(default=list)
    # The mail this one answers or forwards, to be marked once it has left.
    original = models.ForeignKey(Email, null=True, on_delete=models.SET_NULL, related_name="+")
    is_forward = models.BooleanField(default=False)
    message_id = models.CharField(max_length=998)  # fixed at creation, so that every copy can be found again
    revision = models.PositiveIntegerField(default=1)
    filed_revision = models.PositiveIntegerField(default=0)  # the revision whose copy lies in the Drafts mailbox
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return self.public_id


class DraftAttachment(models.Model):
    """A file of a draft: bytes by blob, name and type as the sender gave them (made safe when written into MIME)."""

    public_id = models.CharField(
        max_length=PUBLIC_ID_LENGTH, unique=True, default=partial(new_public_id, "f"), editable=False
    )
    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="attachments")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=255)
    type = models.CharField(max_length=127, default="application/octet-stream")
    cid = models.CharField(max_length=255, blank=True)
    is_inline = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class FiledDraft(models.Model):
    """A copy of a draft that lies in the account's Drafts mailbox. When its draft is gone, so should it be."""

    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="+")
    draft = models.ForeignKey(Draft, null=True, on_delete=models.SET_NULL, related_name="filed")
    message_id = models.CharField(max_length=998)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "message_id"], name="outbox_one_filed_copy"),
        ]

    def __str__(self) -> str:
        return self.message_id


class Phase(models.TextChoices):
    """Where a submission stands; see the module's drawing."""

    HELD = "held", _("waiting until its time")
    QUEUED = "queued", _("waiting to be sent")
    CLAIMED = "claimed", _("being sent")
    IN_DATA = "in_data", _("being transmitted")
    DOT_SENT = "dot_sent", _("waiting for the server's word")
    ACCEPTED = "accepted", _("sent")
    DONE = "done", _("sent, copy filed")
    RETRY = "retry", _("delayed, will be tried again")
    FAILED = "failed", _("not sent")
    UNCONFIRMED = "unconfirmed", _("perhaps sent")
    CANCELLED = "cancelled", _("taken back")


CLAIMABLE = (Phase.QUEUED, Phase.RETRY)
CANCELLABLE = (Phase.HELD, Phase.QUEUED, Phase.RETRY)
IN_FLIGHT = (Phase.CLAIMED, Phase.IN_DATA, Phase.DOT_SENT)
SENT = (Phase.ACCEPTED, Phase.DONE)
WAITING = (Phase.HELD, Phase.QUEUED, Phase.RETRY, *IN_FLIGHT)
NEEDS_A_PERSON = (Phase.FAILED, Phase.UNCONFIRMED)


class Submission(models.Model):
    """One message on its way: frozen bytes, envelope, and how far it came."""

    public_id = models.CharField(
        max_length=PUBLIC_ID_LENGTH, unique=True, default=partial(new_public_id, "s"), editable=False
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="submissions")
    identity = models.ForeignKey(Identity, null=True, on_delete=models.SET_NULL, related_name="+")
    idempotency_key = models.CharField(max_length=255)  # of the page's form, the REST header or the JMAP creation
    request_hash = models.CharField(max_length=64, blank=True)  # REST: the same key with another body is refused
    blob = models.ForeignKey(
        Blob, on_delete=models.PROTECT, related_name="+"
    )  # with Bcc: the Sent copy; the wire gets none
    message_id = models.CharField(max_length=998, db_index=True)
    mail_from = models.CharField(max_length=320)
    subject = models.TextField(blank=True)  # for lists of submissions
    size_bytes = models.BigIntegerField()
    original = models.ForeignKey(Email, null=True, on_delete=models.SET_NULL, related_name="+")
    is_forward = models.BooleanField(default=False)
    draft_snapshot = models.JSONField(default=dict)  # the draft's fields, to give it back when sending fails

    phase = models.CharField(max_length=12, choices=Phase, default=Phase.QUEUED)
    send_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    first_try_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(default=timezone.now)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True)
    last_reply = models.CharField(max_length=600, blank=True)  # the server's words, or ours when it gave none
    sent_copy_failures = models.PositiveSmallIntegerField(default=0)
    accepted_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_modseq = models.BigIntegerField(default=0)
    updated_modseq = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "idempotency_key"], name="outbox_idempotent"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_try_at"],
                condition=models.Q(phase__in=["held", "queued", "retry", "claimed", "in_data", "dot_sent", "accepted"]),
                name="outbox_open",
            ),
            models.Index(fields=["account", "-id"], name="outbox_recent"),
        ]

    def __str__(self) -> str:
        return self.public_id


class SubmissionRecipient(models.Model):
    """One envelope recipient and the server's answer to it: an accepted one is never mailed again (reliability R68)."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        ACCEPTED = "accepted", _("accepted by the server")
        REFUSED = "refused", _("refused")

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="recipients")
    email = models.CharField(max_length=320)
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    reply = models.CharField(max_length=600, blank=True)

    class Meta:
        ordering = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["submission", "email"], name="outbox_recipient_once"),
        ]

    def __str__(self) -> str:
        return self.email


class SubmissionEvent(models.Model):
    """The timeline of a submission, for the user and the operator."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    phase = models.CharField(max_length=12, choices=Phase)
    text = models.CharField(max_length=600, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.phase} {self.at:%H:%M:%S}"
