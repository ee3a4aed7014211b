"""How far the first synchronisation of an account is, and how far back its mail goes meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.dates import MONTHS
from django.utils.translation import gettext as _

from webmail.store.models import Mailbox, Role


@dataclass(frozen=True)
class Progress:
    """The mailbox that is being listed, in messages. Estimates are the page's: it alone sees how quick it goes."""

    name: str
    done: int
    total: int
    mailboxes_left: int  # besides this one

    @property
    def percent(self) -> int:
        """0 to 100."""
        return min(100, self.done * 100 // self.total) if self.total else 0

    @property
    def words(self) -> str:
        """ "Inbox 12,400 of 48,210"."""
        return _("%(name)s %(done)s of %(total)s") % {
            "name": self.name,
            "done": f"{self.done:,}",
            "total": f"{self.total:,}",
        }


def progress_of(mailboxes: Iterable[Mailbox]) -> Progress | None:
    """The first mailbox, in the order of pages, whose list is not complete; None when all are."""
    waiting = [
        mailbox
        for mailbox in mailboxes
        if mailbox.is_selectable and not mailbox.is_backfilled and mailbox.remote_total > mailbox.total_emails
    ]
    if not waiting:
        return None
    # The one that is under way has begun; before any has, the first in order is next.
    now = next((mailbox for mailbox in waiting if mailbox.total_emails), waiting[0])
    name = str(Role(now.role).label) if now.role else now.name
    return Progress(name, now.total_emails, now.remote_total, len(waiting) - 1)


def covers_words(name: str, oldest: datetime | None) -> str:
    """What a search covers while older mail is still being listed. `oldest`: of what is here; None: nothing is."""
    if oldest is None:
        return _("%(name)s: no mail is here yet.") % {"name": name}
    local = timezone.localtime(oldest)
    month = f"{MONTHS[local.month]} {local.year}"
    return _("%(name)s: the search covers mail since %(month)s so far.") % {"name": name, "month": month}
