"""Messages: content that never changes, the two things a user changes, and what the server last said."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from django.db import models

from accounts.ids import PUBLIC_ID_LENGTH, new_public_id
from accounts.models import MailAccount
from webmail.store.models.blob import Blob
from webmail.store.models.mailbox import Mailbox
from webmail.store.models.thread import Thread


class Email(models.Model):
    """One message. Everything but `is_unread`, the blob and what derives from it is written once (jmap S3, S13).

    A row exists only when size, dates, headers and structure are known; `blob` is null until the bytes are here.
    """

    public_id = models.CharField(
        max_length=PUBLIC_ID_LENGTH, unique=True, default=partial(new_public_id, "e"), editable=False
    )
    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="emails")
    blob = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    # The message with its attachments left empty, while the whole is not here (sync Y28).
    text_blob = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")

    message_id = models.CharField(max_length=998, blank=True)  # without angle brackets
    message_id_hash = models.BigIntegerField(default=0)  # 63 bits of the hash of message_id; 0: there is none
    fingerprint = models.BigIntegerField()  # 63 bits over INTERNALDATE, size and header block (jmap S4)
    remote_email_id = models.CharField(max_length=255, blank=True)  # EMAILID or X-GM-MSGID
    subject = models.TextField(blank=True)
    # {"from": [[name, email], …], "to": …, "cc": …, "bcc": …, "reply_to": …, "sender": …}; empty ones are left out
    addresses = models.JSONField(default=dict)
    in_reply_to = models.JSONField(default=list)  # message ids
    references = models.JSONField(default=list)
    preview = models.CharField(max_length=256, blank=True)  # empty until the body has been read
    received_at = models.DateTimeField()  # INTERNALDATE
    sent_at = models.DateTimeField(null=True)  # Date header
    size_bytes = models.BigIntegerField()
    has_attachment = models.BooleanField(default=False)
    list_id = models.CharField(max_length=255, blank=True)
    # Sort columns (jmap S17)
    subject_base = models.CharField(max_length=255, blank=True)  # RFC 5256 2.1, folded
    from_sort = models.CharField(max_length=255, blank=True)
    to_sort = models.CharField(max_length=255, blank=True)

    # Invariant: true exactly when neither $seen nor $draft is among the keywords.
    is_unread = models.BooleanField(default=True)
    # Places in lists over everything, kept with the counters (`store.newest`). Visible: in a mailbox that is neither Trash nor
    # Junk. Newest, newest unread: the last such one of its thread among the visible ones.
    is_visible = models.BooleanField(default=False)
    is_newest = models.BooleanField(default=False)
    is_newest_unread = models.BooleanField(default=False)
    body_wanted_at = models.DateTimeField(null=True)  # somebody opened it before its bytes were here (sync Y93)
    # The bytes were parsed: preview and searchable text are there, or `body_error` says why not (security R42).
    is_indexed = models.BooleanField(default=False)
    # Its SearchDocument is written. Until then search reads the Email itself: those of a first listing come afterwards.
    has_document = models.BooleanField(default=True)
    body_failures = models.PositiveSmallIntegerField(default=0)  # tries to fetch or parse that did not come to an end
    body_error = models.CharField(max_length=200, blank=True)  # why the body cannot be had or read, for people
    # When its last placement vanished; it goes only after a later complete pass has not found it again (jmap S5).
    orphaned_at = models.DateTimeField(null=True)

    created_modseq = models.BigIntegerField()
    updated_modseq = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "-received_at", "-id"], name="store_email_received"),
            # All that a walk through a list over everything looks at, so that skipping a row costs no second look.
            models.Index(
                fields=["account", "-received_at", "-id", "thread", "is_newest"],
                condition=models.Q(is_visible=True),
                name="store_email_visible",
            ),
            models.Index(
                fields=["account", "-received_at", "-id", "thread", "is_newest_unread"],
                condition=models.Q(is_visible=True) & models.Q(is_unread=True),
                name="store_email_unread",
            ),
            models.Index(fields=["account", "fingerprint"], name="store_email_fingerprint"),
            models.Index(fields=["account", "message_id_hash"], name="store_email_message_id"),
            models.Index(fields=["account", "updated_modseq"], name="store_email_changes"),
            models.Index(
                fields=["account", "remote_email_id"],
                condition=~models.Q(remote_email_id=""),
                name="store_email_remote",
            ),
            models.Index(
                fields=["account", "-received_at"], condition=models.Q(blob=None), name="store_email_bodyless"
            ),
            models.Index(
                fields=["account"],
                condition=models.Q(is_indexed=False)
                & (models.Q(blob__isnull=False) | models.Q(text_blob__isnull=False)),
                name="store_email_unindexed",
            ),
            models.Index(
                fields=["account", "-id"], condition=models.Q(has_document=False), name="store_email_undocumented"
            ),
            models.Index(
                fields=["account"], condition=models.Q(orphaned_at__isnull=False), name="store_email_orphaned"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class EmailKeyword(models.Model):
    """A JMAP keyword in lower case (jmap S12)."""

    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="keyword_rows", db_index=False)
    keyword = models.CharField(max_length=255)
    is_local_only = models.BooleanField(default=False)  # the server cannot hold it (sync Y65)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["email", "keyword"], name="store_keyword_once"),
        ]
        indexes: ClassVar = [
            # $seen is nearly everywhere and always asked by is_unread.
            models.Index(
                fields=["keyword", "email"], condition=~models.Q(keyword="$seen"), name="store_keyword_emails"
            ),
        ]

    def __str__(self) -> str:
        return self.keyword


class EmailMailbox(models.Model):
    """Membership: which mailboxes an Email is in, as pages, REST and JMAP show it."""

    email = models.ForeignKey(Email, on_delete=models.CASCADE, related_name="mailbox_rows", db_index=False)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="email_rows", db_index=False)
    # Copies of the Email's columns, which never change there: a list is one walk along one index.
    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="+", db_index=False)
    received_at = models.DateTimeField()
    is_newest = models.BooleanField(default=True)  # of its thread in this mailbox; kept by `store.newest`

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["email", "mailbox"], name="store_membership_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["mailbox", "-received_at", "-email", "thread", "is_newest"], name="store_membership_window"
            ),
            models.Index(fields=["thread", "mailbox", "-received_at", "-email"], name="store_membership_thread"),
        ]

    def __str__(self) -> str:
        return f"{self.email_id} in {self.mailbox_id}"


class Placement(models.Model):
    """What the server last said of an Email in one mailbox: the base of the three-way merge (sync 3.8).

    IMAP rows have `uidvalidity` and `uid`, POP3 rows a `uidl`. Mailboxes whose source is local have none.
    """

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="placements", db_index=False)
    # null: deleted here while the POP3 server still has it. The row stays, or the mail would come again as new (Y85).
    email = models.ForeignKey(Email, null=True, on_delete=models.CASCADE, related_name="placements")
    uidvalidity = models.BigIntegerField(null=True)
    uid = models.BigIntegerField(null=True)
    uidl = models.CharField(max_length=255, blank=True)
    modseq = models.BigIntegerField(
        null=True
    )  # IMAP: RFC 7162. POP3: what the message is recognised by (sync.pop3_plan)
    keywords = models.TextField(blank=True)  # sorted, separated by a space
    is_deleted = models.BooleanField(default=False)  # \Deleted: kept here, but no membership is shown for it
    gone_at = models.DateTimeField(null=True)  # POP3: no longer on the server; the row stays to know the UIDL (Y85)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["mailbox", "uidvalidity", "uid"],
                condition=models.Q(uid__isnull=False),
                name="store_placement_uid",
            ),
            models.UniqueConstraint(
                fields=["mailbox", "uidl"], condition=~models.Q(uidl=""), name="store_placement_uidl"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mailbox_id}/{self.uid or self.uidl}"
