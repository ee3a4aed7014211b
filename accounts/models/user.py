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


class Pane(models.TextChoices):
    """Where an opened conversation stands on a wide screen."""

    RIGHT = "right", _("Right of the list")
    BELOW = "below", _("Below the list")
    NONE = "none", _("In place of the list")


class ThreadOrder(models.TextChoices):
    """Of the messages of one conversation."""

    OLDEST = "oldest", _("Oldest first")
    NEWEST = "newest", _("Newest first")


class AfterAct(models.TextChoices):
    """What is shown when the open conversation was archived, deleted or moved."""

    NEXT = "next", _("The next one")
    PREVIOUS = "previous", _("The one before")
    LIST = "list", _("The list")


class KeyPreset(models.TextChoices):
    """Whose keys the pages follow; single keys can be changed on top of it (`User.keys`)."""

    GMAIL = "gmail", _("Gmail")
    OUTLOOK = "outlook", _("Outlook")
    APPLE = "apple", _("Apple Mail")
    OFF = "off", _("No single keys")


class SwipeAct(models.TextChoices):
    """What a swipe over a row does on a touch screen."""

    ARCHIVE = "archive", _("Archive")
    DELETE = "delete", _("Delete")
    READ = "read", _("Mark as read or unread")
    STAR = "star", _("Star")
    MOVE = "move", _("Move to …")
    JUNK = "junk", _("Junk")
    NONE = "none", _("Nothing")


class NotificationText(models.TextChoices):
    """How much of a new message a notification of the desktop shows."""

    FULL = "full", _("Sender and subject")
    SENDER = "sender", _("The sender only")
    NONE = "none", _("That there is mail, nothing of it")


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
    thread_order = models.CharField(max_length=8, choices=ThreadOrder, default=ThreadOrder.OLDEST)
    prefers_text = models.BooleanField(_("show messages as plain text"), default=False)
    # Seconds for which a message must be open to count as read: 0 at once, null never by itself.
    mark_read_after_s = models.PositiveSmallIntegerField(null=True, blank=True, default=0)
    after_act = models.CharField(max_length=8, choices=AfterAct, default=AfterAct.NEXT)

    language = models.CharField(max_length=16, blank=True, help_text=_("Empty: as the browser says"))
    pane = models.CharField(max_length=8, choices=Pane, default=Pane.RIGHT)
    phone_density = models.CharField(max_length=16, choices=Density, default=Density.REGULAR)
    swipe_right = models.CharField(max_length=8, choices=SwipeAct, default=SwipeAct.ARCHIVE)
    swipe_left = models.CharField(max_length=8, choices=SwipeAct, default=SwipeAct.DELETE)

    key_preset = models.CharField(max_length=8, choices=KeyPreset, default=KeyPreset.GMAIL)
    # {name of a command: [keys, such as "e" or "g i"]}; an empty list switches its keys off.
    keys = models.JSONField(default=dict, blank=True)

    notification_text = models.CharField(max_length=8, choices=NotificationText, default=NotificationText.FULL)
    # No notifications between these times of the user's day; both null: at any time.
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    keeps_searches = models.BooleanField(_("remember what I searched for"), default=True)

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
