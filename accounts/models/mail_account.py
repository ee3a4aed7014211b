"""A mailbox at a mail server (one JMAP account, jmap S1) and the addresses a person writes from with it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import PUBLIC_ID_LENGTH, new_account_id, new_identity_id, new_server_id
from accounts.models.user import User


class IncomingProtocol(models.TextChoices):
    IMAP = "imap", "IMAP"
    POP3 = "pop3", "POP3"


class SecurityChoice(models.TextChoices):
    TLS = "tls", _("TLS")
    STARTTLS = "starttls", _("STARTTLS")
    PLAIN = "plain", _("not encrypted")


class LeaveOnServer(models.TextChoices):
    """What a POP3 account does with mail on the server once it is safe here (sync Y90)."""

    KEEP = "keep", _("Leave it there")
    AFTER_DAYS = "after_days", _("Delete it after some days")
    WHEN_DELETED = "when_deleted", _("Delete it when I delete it here")
    AT_ONCE = "at_once", _("Delete it at once")


class KeepBodies(models.TextChoices):
    """Which messages of an IMAP account are held here whole; text is always here (sync Y28)."""

    ALL = "all", _("All messages")
    RECENT = "recent", _("Those of the last days")
    ON_DEMAND = "on_demand", _("Those I open")


class SentCopy(models.TextChoices):
    """Who puts the copy of what was sent into Sent (reliability R71)."""

    AUTO = "auto", _("Find out")
    SERVER = "server", _("The mail server does")
    OURS = "ours", _("Pillarbox does")


class AccountState(models.TextChoices):
    """How the connection to the server is. `PAUSED` is a person's wish; the other bad states end by themselves or by
    a new password."""

    NEW = "new", _("not synchronised yet")
    OK = "ok", _("working")
    FAILING = "failing", _("the server does not answer properly")
    AUTH_FAILED = "auth_failed", _("the server refuses the password")
    PAUSED = "paused", _("paused")


class MailAccount(models.Model):
    """Hosts, policy and condition of one remote mailbox. The secrets are in `Credential`."""

    public_id = models.CharField(max_length=PUBLIC_ID_LENGTH, unique=True, default=new_account_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mail_accounts")
    name = models.CharField(_("name"), max_length=100)
    address = models.EmailField(_("e-mail address"), max_length=254)
    color = models.PositiveSmallIntegerField(default=0, help_text=_("Place in the palette of account colours, 0 to 7"))
    position = models.PositiveSmallIntegerField(default=0)
    # Names of the views over all accounts (such as "inbox", "all") that leave this one out.
    left_out_of = models.JSONField(default=list, blank=True)

    incoming_protocol = models.CharField(max_length=4, choices=IncomingProtocol)
    incoming_host = models.CharField(max_length=253)
    incoming_port = models.PositiveIntegerField()
    incoming_security = models.CharField(max_length=8, choices=SecurityChoice, default=SecurityChoice.TLS)
    incoming_username = models.CharField(max_length=254)
    outgoing_host = models.CharField(max_length=253, blank=True, help_text=_("Empty: this account cannot send"))
    outgoing_port = models.PositiveIntegerField(null=True, blank=True)
    outgoing_security = models.CharField(max_length=8, choices=SecurityChoice, default=SecurityChoice.TLS)
    outgoing_username = models.CharField(max_length=254, blank=True, help_text=_("Empty: the server asks for none"))

    # Whose word about senders is believed: authserv-ids (RFC 8601), one a line. Empty: those of the incoming server.
    authserv_ids = models.TextField(blank=True)

    leave_on_server = models.CharField(max_length=12, choices=LeaveOnServer, default=LeaveOnServer.KEEP)
    leave_days = models.PositiveSmallIntegerField(default=14)
    keep_bodies = models.CharField(max_length=12, choices=KeepBodies, default=KeepBodies.ALL)
    keep_days = models.PositiveSmallIntegerField(default=365)
    # What may be fetched in a day (UTC); null: what the provider is known to allow, else no limit (reliability R84).
    daily_byte_limit = models.BigIntegerField(null=True, blank=True)
    lists_shared = models.BooleanField(default=False, help_text=_("Also mailboxes that other people share (sync Y19)"))
    subscribed_only = models.BooleanField(
        default=False, help_text=_("Leave out mailboxes not subscribed to (sync Y21)")
    )
    is_backfill_paused = models.BooleanField(default=False, help_text=_("The first synchronisation waits for the user"))
    sent_copy = models.CharField(_("copy in Sent"), max_length=6, choices=SentCopy, default=SentCopy.AUTO)
    # What was found out for `SentCopy.AUTO`: the sending server files the copy by itself (Gmail-like).
    saves_sent_itself = models.BooleanField(default=False)
    # What the sending server offered last: EHLO keywords in upper case with their parameters. Empty: never asked.
    outgoing_offers = models.JSONField(default=dict, editable=False)

    state = models.CharField(max_length=12, choices=AccountState, default=AccountState.NEW)
    state_reason = models.CharField(max_length=600, blank=True)
    state_since = models.DateTimeField(default=timezone.now)
    failures = models.PositiveIntegerField(default=0, help_text=_("Passes in a row that failed"))
    last_sync_at = models.DateTimeField(null=True, blank=True, help_text=_("End of the last complete pass"))
    next_sync_at = models.DateTimeField(default=timezone.now, db_index=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["position", "id"]
        verbose_name = _("mail account")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "address"], name="accounts_one_account_per_address"),
        ]

    def __str__(self) -> str:
        return self.address

    @property
    def is_pop3(self) -> bool:
        return self.incoming_protocol == IncomingProtocol.POP3

    @property
    def is_unified(self) -> bool:
        """Whether its inbox is part of the common one."""
        return "inbox" not in self.left_out_of

    @property
    def can_send(self) -> bool:
        return bool(self.outgoing_host and self.outgoing_port)


class OutgoingServer(models.Model):
    """A further server to send an account's mail with: tried in order of position when those before it cannot be used.

    `sealed` empty: the account's own outgoing password. Only `accounts.credentials` opens it (security R47).
    """

    public_id = models.CharField(max_length=PUBLIC_ID_LENGTH, unique=True, default=new_server_id, editable=False)
    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="outgoing_servers")
    position = models.PositiveSmallIntegerField(default=0)
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField()
    security = models.CharField(max_length=8, choices=SecurityChoice, default=SecurityChoice.TLS)
    username = models.CharField(max_length=254, blank=True, help_text=_("Empty: the server asks for none"))
    key_id = models.CharField(max_length=64, blank=True)
    sealed = models.BinaryField(default=bytes)
    # Why it could not be used when it was needed last; empty: it could.
    trouble = models.CharField(max_length=600, blank=True)

    class Meta:
        ordering = ["position", "id"]
        verbose_name = _("further outgoing server")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Identity(models.Model):
    """A From address with its signature (RFC 8621 section 6)."""

    public_id = models.CharField(max_length=PUBLIC_ID_LENGTH, unique=True, default=new_identity_id, editable=False)
    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="identities")
    name = models.CharField(_("name"), max_length=200, blank=True)
    email = models.EmailField(_("e-mail address"), max_length=254)
    reply_to = models.EmailField(_("reply to"), max_length=254, blank=True)
    signature_text = models.TextField(_("signature"), blank=True, max_length=10_000)
    signature_html = models.TextField(blank=True, max_length=50_000)
    is_default = models.BooleanField(default=False)
    # The account's change clock (store.changes) when the row was made and last changed (jmap S20).
    created_modseq = models.BigIntegerField(default=0, editable=False)
    updated_modseq = models.BigIntegerField(default=0, editable=False)

    class Meta:
        ordering = ["-is_default", "id"]
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(is_default=True), name="accounts_one_default_identity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.name else self.email
