"""What is worked out from messages so that they open quickly, and what opening them has asked workers for.

All of it can be made again from the messages: rows here may go at any time.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models import User
from webmail.store.models.blob import Blob
from webmail.store.models.email import Email


class ReadableForm(models.Model):
    """A message as it is shown, made by `mime.readable`: the same for everybody, since it names no person and no address.

    The key is the hash of the message's bytes and not a `Blob`: a form must not keep the bytes from being collected.
    """

    sha256 = models.CharField(max_length=64)  # of the message, or of its skeleton
    options = models.CharField(max_length=64)  # how it was made, as `mime.readable.form_key` says it
    version = models.PositiveIntegerField()  # of the cleaner: older rows are made anew
    data = models.BinaryField()  # zlib over JSON
    used_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["sha256", "options"], name="store_readable_once"),
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} {self.options}"


class FetchState(models.TextChoices):
    """How far a worker is. `REFUSED` says why in `reason`."""

    WANTED = "wanted"
    DONE = "done"
    REFUSED = "refused"


class RemotePicture(models.Model):
    """A picture from elsewhere that a person has allowed, fetched by a worker. One row a person: nobody learns from the time
    an answer takes what others have looked at (security R20)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    url_hash = models.CharField(max_length=64)  # SHA-256 of the URL, hexadecimal
    url = models.TextField()
    state = models.CharField(max_length=8, choices=FetchState, default=FetchState.WANTED)
    reason = models.CharField(max_length=200, blank=True)  # for the log and the panel, never from the other server
    blob = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")  # as we wrote it anew
    type = models.CharField(max_length=20, blank=True)  # the media type of what we wrote
    wanted_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "url_hash"], name="store_remote_picture_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["wanted_at"], condition=models.Q(state="wanted"), name="store_picture_wanted"),
            models.Index(fields=["done_at"], name="store_picture_done"),
        ]

    def __str__(self) -> str:
        return self.url_hash[:12]


class Drawing(models.Model):
    """A picture that a worker has made of a part: a thumbnail, or a page of a document."""

    class Kind(models.TextChoices):
        THUMBNAIL = "thumbnail"
        PAGE = "page"

    sha256 = models.CharField(max_length=64)  # of the message's bytes
    part_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=9, choices=Kind)
    page = models.PositiveIntegerField(default=0)  # counted from 0
    email = models.ForeignKey(
        Email, null=True, on_delete=models.SET_NULL, related_name="+"
    )  # where a worker finds the bytes
    state = models.CharField(max_length=8, choices=FetchState, default=FetchState.WANTED)
    reason = models.CharField(max_length=200, blank=True)
    blob = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    type = models.CharField(max_length=20, blank=True)
    width = models.PositiveIntegerField(default=0)  # pixels
    height = models.PositiveIntegerField(default=0)
    pages = models.PositiveIntegerField(default=0)  # of the whole document
    wanted_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["sha256", "part_id", "kind", "page"], name="store_drawing_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["wanted_at"], condition=models.Q(state="wanted"), name="store_drawing_wanted"),
            models.Index(fields=["done_at"], name="store_drawing_done"),
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} {self.part_id} {self.kind} {self.page}"


class SenderCheck(models.Model):
    """What our own check of a message's signatures found, where its mail server says nothing (DKIM, ARC)."""

    email = models.OneToOneField(Email, on_delete=models.CASCADE, related_name="sender_check")
    state = models.CharField(max_length=8, choices=FetchState, default=FetchState.WANTED)
    results = models.JSONField(default=dict)  # as `mime.authenticity` writes it
    wanted_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["wanted_at"], condition=models.Q(state="wanted"), name="store_check_wanted"),
        ]

    def __str__(self) -> str:
        return f"{self.email_id} {self.state}"


class BodyProgress(models.Model):
    """How much of a large message that somebody waits for has arrived."""

    email = models.OneToOneField(Email, on_delete=models.CASCADE, related_name="body_progress")
    received_bytes = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.email_id} {self.received_bytes}"
