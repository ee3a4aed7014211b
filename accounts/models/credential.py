"""Secrets: those we need in clear at mail servers (sealed), and those others show us (hashed)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.mail_account import MailAccount
from accounts.models.user import User


class Credential(models.Model):
    """A sealed password or token of one mail account. Only `accounts.credentials` opens it (security R47)."""

    class Purpose(models.TextChoices):
        INCOMING = "incoming", _("incoming mail")
        OUTGOING = "outgoing", _("outgoing mail")

    class Mechanism(models.TextChoices):
        PLAIN = "PLAIN", _("password")
        XOAUTH2 = "XOAUTH2", _("OAuth 2 access token")

    account = models.ForeignKey(MailAccount, on_delete=models.CASCADE, related_name="credentials")
    purpose = models.CharField(max_length=8, choices=Purpose)
    mechanism = models.CharField(max_length=8, choices=Mechanism, default=Mechanism.PLAIN)
    key_id = models.CharField(max_length=64)  # which of CREDENTIAL_KEYS sealed it
    sealed = models.BinaryField()  # 12 bytes nonce, then ChaCha20-Poly1305 of the secret; account id is associated data
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "purpose"], name="accounts_one_credential_per_purpose"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.purpose}"


class ApiCredential(models.Model):
    """An app password or token for REST and JMAP (jmap S22): the secret is shown once and kept as a hash."""

    class Kind(models.TextChoices):
        APP_PASSWORD = "app_password", _("app password")
        TOKEN = "token", _("personal token")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_credentials")
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.APP_PASSWORD)
    name = models.CharField(max_length=100)
    secret_hash = models.CharField(max_length=64, unique=True)  # sha256: the secret has 160 random bits, no salt needed
    hint = models.CharField(max_length=8)  # the last characters, so that a person can tell which one it is
    scopes = models.JSONField(default=list)  # of requirements rest section 10, such as "mail.read"
    accounts = models.ManyToManyField(MailAccount, blank=True, help_text=_("None: all accounts of the user"))
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"
