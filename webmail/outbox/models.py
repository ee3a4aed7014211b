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
    # What is asked for with it (RFC 8098, RFC 3461, RFC 8689).
    wants_receipt = models.BooleanField(default=False)
    wants_delivery_report = models.BooleanField(default=False)
    requires_tls = models.BooleanField(default=False)
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


class Kind(models.TextChoices):
    """What a submission is. A receipt (RFC 8098) is nobody's letter: it leaves no copy in Sent and no draft."""

    MESSAGE = "message", _("message")
    RECEIPT = "receipt", _("read receipt")


class HeldFor(models.TextChoices):
    """Why a submission waits with nothing wrong."""

    UNDO = "undo", _("can still be taken back")
    SCHEDULE = "schedule", _("scheduled")
    LIMIT = "limit", _("daily limit reached")
    RESTORE = "restore", _("was waiting in a backup; it may have been sent since")


CLAIMABLE = (Phase.QUEUED, Phase.RETRY)
CANCELLABLE = (Phase.HELD, Phase.QUEUED, Phase.RETRY)
IN_FLIGHT = (Phase.CLAIMED, Phase.IN_DATA, Phase.DOT_SENT)
SENT = (Phase.ACCEPTED, Phase.DONE)
WAITING = (Phase.HELD, Phase.QUEUED, Phase.RETRY, *IN_FLIGHT)
UNFINISHED = (*WAITING, Phase.ACCEPTED, Phase.UNCONFIRMED)  # a worker may still have something to do
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
    kind = models.CharField(max_length=7, choices=Kind, default=Kind.MESSAGE)
    # NOTIFY of RFC 3461 for every recipient, such as "SUCCESS,FAILURE,DELAY"; empty: as the server likes. ENVID is public_id.
    notify = models.CharField(max_length=40, blank=True)
    wants_receipt = models.BooleanField(default=False)  # the bytes ask for one (RFC 8098)
    requires_tls = models.BooleanField(default=False)  # RFC 8689: rather not at all than without TLS
    archive_undo = models.CharField(max_length=64, blank=True)  # send & archive: what takes the archiving back

    phase = models.CharField(max_length=12, choices=Phase, default=Phase.QUEUED)
    held_for = models.CharField(max_length=8, choices=HeldFor, blank=True)  # why it is held; kept when it has gone on
    send_at = models.DateTimeField(default=timezone.now)
    # A scheduled one: what was chosen, so that it still holds when the zone's rules change (R74).
    send_zone = models.CharField(max_length=64, blank=True)  # such as Europe/Berlin
    send_wall = models.CharField(max_length=19, blank=True)  # local time there, YYYY-MM-DDTHH:MM:SS
    attempts = models.PositiveIntegerField(default=0)
    first_try_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(default=timezone.now)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True)
    last_reply = models.CharField(max_length=600, blank=True)  # the server's words, or ours when it gave none
    told_delayed_at = models.DateTimeField(null=True)  # when the user was told that it is delayed (R69)
    server = models.CharField(max_length=253, blank=True)  # the host that was tried last
    sent_copy_failures = models.PositiveSmallIntegerField(default=0)
    accepted_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)  # until then the person has seen what went wrong, and let it be
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
                condition=models.Q(phase__in=[str(phase) for phase in UNFINISHED]),
                name="outbox_open",
            ),
            models.Index(fields=["account", "-id"], name="outbox_recent"),
            models.Index(fields=["user", "phase", "accepted_at"], name="outbox_user_phase"),  # asked by every page
            models.Index(fields=["user", "send_at"], name="outbox_user_due"),  # what counts for daily limits
        ]

    def __str__(self) -> str:
        return self.public_id


class Report(models.TextChoices):
    """What became of a message behind the server that took it (RFC 3464 2.3.3 action)."""

    DELIVERED = "delivered", _("delivered")
    RELAYED = "relayed", _("passed on to a server that sends no reports")
    EXPANDED = "expanded", _("passed on to the members of a list")
    DELAYED = "delayed", _("delayed on the way")
    FAILED = "failed", _("came back")


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
    # What came back later: the worst of it (RFC 3464), and whether it was read (RFC 8098).
    report = models.CharField(max_length=9, choices=Report, blank=True)
    report_code = models.CharField(max_length=16, blank=True)  # RFC 3463, such as 5.1.1
    report_text = models.CharField(max_length=600, blank=True)  # the reporting server's words: untrusted
    report_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)

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


class DeliveryReport(models.Model):
    """A message that came back about one we sent, read once: a bounce, a delivery report, a read receipt.

    `message_id` and `submission` are what it is about; mail sent with other programs has no submission.
    """

    class Kind(models.TextChoices):
        DELIVERY = "delivery", _("delivery report")  # RFC 3464, and bounces of no standard
        RECEIPT = "receipt", _("read receipt")  # RFC 8098
        COMPLAINT = "complaint", _("complaint")  # RFC 5965

    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="+")
    email = models.OneToOneField(Email, on_delete=models.CASCADE, related_name="+")  # the one that came back
    submission = models.ForeignKey(Submission, null=True, on_delete=models.CASCADE, related_name="reports")
    kind = models.CharField(max_length=9, choices=Kind)
    message_id = models.CharField(max_length=998, blank=True)  # of the message it is about
    # [{"email", "action" (of `Report`), "code", "text", "reason"}, …], in the order of the report
    recipients = models.JSONField(default=list)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        indexes: ClassVar = [models.Index(fields=["account", "message_id"], name="outbox_report_of")]

    def __str__(self) -> str:
        return f"{self.kind} {self.message_id}"


class KnownRecipient(models.Model):
    """Somebody this person has written to: for limits on strangers (R76), receipts, and completion of addresses."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    email = models.CharField(max_length=320)  # folded to lower case
    name = models.CharField(max_length=200, blank=True)  # as last written
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "email"], name="outbox_known_once")]
        indexes: ClassVar = [models.Index(fields=["user", "first_at"], name="outbox_known_since")]

    def __str__(self) -> str:
        return self.email


class Upload(models.Model):
    """A file on its way from a browser or client, in pieces; what has arrived stays when the connection breaks."""

    public_id = models.CharField(
        max_length=PUBLIC_ID_LENGTH, unique=True, default=partial(new_public_id, "u"), editable=False
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="+")
    draft = models.ForeignKey(
        Draft, null=True, on_delete=models.CASCADE, related_name="uploads"
    )  # null: a client's own
    name = models.CharField(max_length=255)
    type = models.CharField(max_length=127)
    size_bytes = models.BigIntegerField()
    received_bytes = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.public_id


class UploadPiece(models.Model):
    """Bytes of an upload from `offset_bytes` on; the pieces follow each other without gaps."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="pieces")
    offset_bytes = models.BigIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["offset_bytes"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["upload", "offset_bytes"], name="outbox_piece_once"),
        ]

    def __str__(self) -> str:
        return f"{self.upload_id} {self.offset_bytes}"


class QueueMark(models.Model):
    """One row: counts up while the queue runs, and a file beside the database counts with it. A database that is behind
    its file was restored from a backup (R92)."""

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)
