"""What the administrator knows about a mail domain: its servers, and whether its mailboxes may sign in here."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.mail_account import IncomingProtocol, SecurityChoice


class MailDomain(models.Model):
    """Presets for addresses @domain. `username_format` may hold {address}, {local} and {domain}."""

    domain = models.CharField(max_length=253, unique=True, help_text=_("In lower case, such as example.org"))
    may_sign_in = models.BooleanField(
        _("mailbox owners may sign in"),
        default=False,
        help_text=_("With the mailbox's address and password; user and account are made at the first sign-in"),
    )
    incoming_protocol = models.CharField(max_length=4, choices=IncomingProtocol, default=IncomingProtocol.IMAP)
    incoming_host = models.CharField(max_length=253)
    incoming_port = models.PositiveIntegerField(default=993)
    incoming_security = models.CharField(max_length=8, choices=SecurityChoice, default=SecurityChoice.TLS)
    outgoing_host = models.CharField(max_length=253, blank=True)
    outgoing_port = models.PositiveIntegerField(null=True, blank=True, default=465)
    outgoing_security = models.CharField(max_length=8, choices=SecurityChoice, default=SecurityChoice.TLS)
    username_format = models.CharField(max_length=100, default="{address}")

    class Meta:
        ordering = ["domain"]
        verbose_name = _("mail domain")

    def __str__(self) -> str:
        return self.domain
