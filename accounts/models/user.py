"""A person who signs in with an e-mail address, and how they like their pages."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    """Creates users with normalised addresses."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """`password` None: the user cannot sign in with a password of ours (they sign in through their mailbox)."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class ReceiptPolicy(models.TextChoices):
    """What happens when somebody asks for a read receipt (RFC 8098). Mailing lists never get one."""

    ASK = "ask", _("Ask me")
    NEVER = "never", _("Never send one")
    CONTACTS = "contacts", _("Send one to people I have written to, ask for others")


class RemotePictures(models.TextChoices):
    """Pictures that a message only refers to: loading them tells its sender that it was opened."""

    ASK = "ask", _("Ask me for each message")
    ALWAYS = "always", _("Show them, but never in Junk")


class MailColors(models.TextChoices):
    """How HTML mail looks while the pages are dark."""

    ADAPT = "adapt", _("Make it dark")
    ORIGINAL = "original", _("Leave it as its sender made it")


class User(AbstractBaseUser, PermissionsMixin):
    """The person. `email` is kept in lower case, so that it is unique whatever the spelling."""

    class Theme(models.TextChoices):
        SYSTEM = "system", _("Like the system")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    class Density(models.TextChoices):
        EXTRA_COMPACT = "extra-compact", _("Extra compact")
        COMPACT = "compact", _("Compact")
        REGULAR = "regular", _("Regular")
        COMFORTABLE = "comfortable", _("Comfortable")

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    is_staff = models.BooleanField(_("administrator"), default=False)
    is_active = models.BooleanField(_("may sign in"), default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)
    theme = models.CharField(max_length=8, choices=Theme, default=Theme.SYSTEM)
    density = models.CharField(max_length=16, choices=Density, default=Density.REGULAR)
    timezone = models.CharField(max_length=64, blank=True, help_text=_("Empty: as the browser says"))
    # Seconds in which a send can be taken back, as the pages show it; null: the installation's UNDO_SEND_S.
    undo_send_s = models.PositiveSmallIntegerField(null=True, blank=True)
    receipts = models.CharField(max_length=8, choices=ReceiptPolicy, default=ReceiptPolicy.ASK)
    # What this person may send in 24 hours (reliability R76); null: as the installation says, 0: no limit.
    daily_messages = models.PositiveIntegerField(_("messages a day"), null=True, blank=True)
    daily_new_recipients = models.PositiveIntegerField(_("new recipients a day"), null=True, blank=True)
    remote_pictures = models.CharField(max_length=8, choices=RemotePictures, default=RemotePictures.ASK)
    mail_colors = models.CharField(max_length=8, choices=MailColors, default=MailColors.ADAPT)
    strips_tracking = models.BooleanField(_("take tracking marks off links"), default=True)
    has_threads = models.BooleanField(_("show conversations"), default=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["email"]
        verbose_name = _("user")

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        return self.name or self.email
