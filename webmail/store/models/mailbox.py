"""A mailbox: what people see of it, its counters, and what the server last said of it."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.ids import PUBLIC_ID_LENGTH, new_public_id
from accounts.models import MailAccount


class Role(models.TextChoices):
    """JMAP roles (RFC 8621 section 2) in the order in which pages show them; NONE is a mailbox of the user's own."""

    INBOX = "inbox", _("Inbox")
    DRAFTS = "drafts", _("Drafts")
    SENT = "sent", _("Sent")
    ARCHIVE = "archive", pgettext_lazy("mailbox", "Archive")
    JUNK = "junk", _("Junk")
    TRASH = "trash", _("Trash")
    ALL = "all", _("All mail")
    FLAGGED = "flagged", _("Starred")
    NONE = "", _("none")


class Mailbox(models.Model):
    """The id never depends on the path (jmap S6). Counters are kept in the transaction of the change they count."""

    class Source(models.TextChoices):
        REMOTE = "remote", _("on the server")
        LOCAL = "local", _("only here")

    class Namespace(models.TextChoices):
        """Whose mailbox it is (RFC 2342)."""

        PERSONAL = "", _("mine")
        OTHER = "other", _("another person's")
        SHARED = "shared", _("shared")

    public_id = models.CharField(
        max_length=PUBLIC_ID_LENGTH, unique=True, default=partial(new_public_id, "m"), editable=False
    )
    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="mailboxes")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    name = models.CharField(max_length=255)  # NFC, without the parents' names; unique under its parent
    role = models.CharField(max_length=8, choices=Role, default=Role.NONE, blank=True)  # unique per account, or empty
    is_role_chosen = models.BooleanField(default=False)  # by the user: discovery leaves it alone (sync Y20)
    source = models.CharField(max_length=6, choices=Source, default=Source.REMOTE)
    namespace = models.CharField(max_length=8, choices=Namespace, default=Namespace.PERSONAL, blank=True)
    rights = models.CharField(max_length=40, blank=True)  # letters of RFC 4314 section 2.1; empty: not told, so all
    sort_order = models.PositiveIntegerField(default=0)
    is_subscribed = models.BooleanField(default=True)
    is_selectable = models.BooleanField(default=True)  # False: a name that only holds others (sync Y22)
    is_read_only = models.BooleanField(default=False)

    # How the user likes it ------------------------------------------------------------------------------------------
    color = models.PositiveSmallIntegerField(null=True, blank=True)  # place in the palette of labels, 0 to 7
    is_favourite = models.BooleanField(default=False)  # pinned above the tree
    has_threads = models.BooleanField(null=True, blank=True)  # null: as the user has it everywhere
    notifies = models.BooleanField(null=True, blank=True)  # of new mail; null: Inbox does, others do not

    # What the server says ---------------------------------------------------------------------------------------
    remote_name = models.CharField(max_length=1000, blank=True)  # as on the wire (modified UTF-7), ASCII; empty: local
    delimiter = models.CharField(max_length=1, blank=True)
    remote_id = models.CharField(max_length=255, blank=True)  # MAILBOXID, RFC 8474
    # The four values of the SELECT whose rows are all stored: the cursor (sync Y40). They never run ahead of the rows.
    uidvalidity = models.BigIntegerField(null=True)
    uidnext = models.BigIntegerField(null=True)
    highestmodseq = models.BigIntegerField(null=True)  # null: the server keeps none for this mailbox
    # How far a long delta has come: everything up to here is applied, and the four values stay (sync Y43).
    delta_modseq = models.BigIntegerField(null=True)
    remote_total = models.PositiveIntegerField(default=0)  # EXISTS at that SELECT; also the goal of the first sync
    can_create_keywords = models.BooleanField(default=True)  # PERMANENTFLAGS has \*
    # The first sync lists newest first: all UIDs from here up are stored. null: not begun; 1: complete (sync Y31).
    backfill_uid = models.BigIntegerField(null=True)
    missing_since = models.DateTimeField(null=True)  # not in the last complete LIST (sync Y26), or filtered (Y21)
    synced_at = models.DateTimeField(null=True)
    reconciled_at = models.DateTimeField(null=True)  # when all UIDs and keywords were last compared (sync Y44)
    repairs = models.PositiveIntegerField(default=0)  # what such comparisons had to put right
    uidvalidity_changes = models.JSONField(default=list)  # when, in Unix seconds, the last few (sync Y53)
    parked_until = models.DateTimeField(null=True)  # left alone until then
    trouble = models.CharField(max_length=600, blank=True)  # why it cannot be synced, for people

    # Counters (RFC 8621 section 2): equal to what a query over the rows would give --------------------------------
    total_emails = models.PositiveIntegerField(default=0)
    unread_emails = models.PositiveIntegerField(default=0)
    total_threads = models.PositiveIntegerField(default=0)
    unread_threads = models.PositiveIntegerField(default=0)

    created_modseq = models.BigIntegerField(default=0)
    props_modseq = models.BigIntegerField(default=0)  # anything but the counters
    counts_modseq = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["sort_order", "name"]
        verbose_name_plural = _("mailboxes")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "parent", "name"], name="store_mailbox_name"),
            # NULL parents do not collide by themselves.
            models.UniqueConstraint(
                fields=["account", "name"], condition=models.Q(parent=None), name="store_mailbox_top_name"
            ),
            models.UniqueConstraint(
                fields=["account", "role"], condition=~models.Q(role=""), name="store_mailbox_role"
            ),
            models.UniqueConstraint(
                fields=["account", "remote_name"], condition=~models.Q(remote_name=""), name="store_mailbox_remote_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_backfilled(self) -> bool:
        return self.source == self.Source.LOCAL or self.backfill_uid == 1
