"""One mailbox that makes trouble is left alone for a while, so that its neighbours do not notice (reliability R91).

The first failure is only noted; the second one in a row parks the mailbox, the next ones for longer. A visit that succeeds
clears both (`sync.mailbox.imap`).
"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from webmail.store.models import Mailbox

FIRST_PARK = timedelta(minutes=15)
NEXT_PARK = timedelta(hours=1)


def is_parked(mailbox: Mailbox) -> bool:
    """Whether it is to be left alone now."""
    return mailbox.parked_until is not None and mailbox.parked_until > timezone.now()


def note_failure(mailbox_id: int, reason: str) -> None:
    """A visit failed; `reason` is for people."""
    mailbox = Mailbox.objects.filter(pk=mailbox_id).first()
    if mailbox is None or is_parked(mailbox):
        return  # gone, or parked by who knows better
    until = None
    if mailbox.trouble:
        until = timezone.now() + (FIRST_PARK if mailbox.parked_until is None else NEXT_PARK)
    Mailbox.objects.filter(pk=mailbox_id).update(trouble=reason[:600], parked_until=until)
