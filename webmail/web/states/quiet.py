"""When a person does not want to be told of new mail, and how much of it a notification may show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import NotificationText, User
from webmail.store.models import Email
from webmail.web.text import honest_name

ONE_BY_ONE = 3  # more than this many at once are one notification


@dataclass(frozen=True)
class Note:
    """A notification: its title and text, and where a click leads."""

    ids: tuple[str, ...]  # of the messages
    row_ids: tuple[str, ...]  # of their rows in lists
    title: str
    text: str
    address: str


def is_quiet(user: User, now: datetime | None = None) -> bool:
    """Whether this moment lies in the person's quiet hours, in the active zone; they may go over midnight."""
    start, end = user.quiet_from, user.quiet_until
    if start is None or end is None or start == end:
        return False
    clock = timezone.localtime(now).time()
    return start <= clock < end if start < end else clock >= start or clock < end


def notes_of(user: User, emails: Sequence[Email], count: int) -> list[Note]:
    """One note for each message, or one for all of them when there are more than ONE_BY_ONE (`count`)."""
    if count > ONE_BY_ONE:
        words = ngettext("%(count)d new message", "%(count)d new messages", count) % {"count": count}
        rows = tuple(_row_id(user, email) for email in emails)
        return [Note(tuple(email.public_id for email in emails), rows, words, "", reverse("inbox"))]
    return [_note(user, email) for email in emails]


def _note(user: User, email: Email) -> Note:
    title, text = _("New message"), ""
    if user.notification_text != NotificationText.NONE:
        title = _sender(email)
    if user.notification_text == NotificationText.FULL:
        text = email.subject or _("(no subject)")
    elif user.notification_text == NotificationText.SENDER:
        text = _("New message")
    row_id = _row_id(user, email)
    name = "thread" if user.has_threads else "message"
    return Note((email.public_id,), (row_id,), title, text, reverse(name, args=[row_id]))


def _row_id(user: User, email: Email) -> str:
    return email.thread.public_id if user.has_threads else email.public_id


def _sender(email: Email) -> str:
    name, address = (email.addresses.get("from") or [["", ""]])[0]
    return honest_name(name or "", address) or address or _("Somebody without an address")
