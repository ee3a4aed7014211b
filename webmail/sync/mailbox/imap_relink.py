"""When UIDs lose their meaning: every message is found again, and no id, keyword or byte is lost (sync 3.6, reliability R80).

A mailbox whose UIDVALIDITY changes again and again is parked; one whose listing finds too little is held for a second pass.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from webmail.protocols.imap.uid_set import UidRanges
from webmail.store import changes
from webmail.store.models import Mailbox
from webmail.sync import points
from webmail.sync.errors import DoubtfulAnswer
from webmail.sync.mailbox import imap_known, placements, plan
from webmail.sync.mailbox.imap_visit import Visit

log = structlog.get_logger(__name__)

KEPT_CHANGES = 10  # moments of UIDVALIDITY changes that are remembered
UNSTEADY = "The server numbers the messages of this mailbox anew again and again. It is left alone for an hour."
NO_UIDVALIDITY = (
    "The server does not say which numbering of messages is valid in this mailbox, so it cannot be read safely."
)
RELINK_HELD = (
    "The server numbers this mailbox anew, and many messages were not found again. They stay until a second look."
)


class MailboxParked(DoubtfulAnswer):
    """The mailbox is left alone until a later time; `Mailbox.trouble` says why (Y53)."""


def note_trouble(mailbox: Mailbox, text: str) -> None:
    """Say in the mailbox's row why it cannot be synced; what is stored of it stays."""
    if mailbox.trouble != text:
        Mailbox.objects.filter(pk=mailbox.pk).update(trouble=text)
        mailbox.trouble = text


def refuse_parked(mailbox: Mailbox) -> None:
    """Raises `MailboxParked` while the mailbox is to be left alone."""
    if mailbox.parked_until is not None and mailbox.parked_until > timezone.now():
        raise MailboxParked(mailbox.trouble)


def relink(visit: Visit) -> None:
    """Detach, then list anew (Y51): ids, keywords, threads and bytes stay. Raises `MailboxParked`."""
    now = timezone.now()
    changed_at = [*visit.mailbox.uidvalidity_changes, int(now.timestamp())][-KEPT_CHANGES:]
    if plan.is_unsteady(changed_at, now.timestamp()):
        with transaction.atomic():
            visit.lease.check()
            visit.save(parked_until=now + timedelta(seconds=plan.PARK_S), trouble=UNSTEADY)
        log.warning("sync.mailbox_parked", mailbox=visit.mailbox.pk)
        raise MailboxParked(UNSTEADY)
    with transaction.atomic():
        visit.lease.check()
        count = placements.detach(visit.mailbox)
        visit.begin()
        visit.save(uidvalidity_changes=changed_at)
    points.reached("imap.relink_committed")
    visit.delta = None
    log.warning("sync.uidvalidity_changed", mailbox=visit.mailbox.pk, detached=count)


def check_sample(visit: Visit) -> None:
    """Compare a few messages, old and new, with what we hold under their UIDs (Y54). Sets `has_restarted`."""
    wanted = imap_known.sample(visit.mailbox, plan.SAMPLE_SIZE)
    if not wanted:
        return
    rows = list(visit.session.fetch_list_data(sorted(wanted)))
    others = imap_known.count_others(wanted, rows)
    if plan.is_other_mail(len(rows), others):
        log.warning("sync.other_messages", mailbox=visit.mailbox.pk, sampled=len(rows), others=others)
        relink(visit)
        visit.has_restarted = True


def drop_detached(visit: Visit, *, is_confirmed: bool) -> None:
    """The mailbox is listed anew: placements of the past go, and Emails that were not found lose this mailbox. When that is
    many, only after a later pass has looked as well (Y54)."""
    if not placements.has_detached(visit.mailbox):
        return  # as after every first listing: nothing is read (Y33)
    found, lost = placements.detached(visit.mailbox)
    is_held = not is_confirmed and plan.is_mass(len(found) + len(lost), len(lost))
    with changes.recording(visit.mailbox.account_id) as record:
        visit.lease.check()
        placements.drop_placements(found)
        if is_held:
            # In doubt: the next pass compares all.
            visit.held_count += len(lost)
            visit.save(uidnext=None, trouble=RELINK_HELD)
        else:
            visit.written += placements.remove(record, visit.mailbox, lost)
    points.reached("imap.detached_committed")
    if is_held:
        log.warning("sync.relink_held", mailbox=visit.mailbox.pk, found=len(found), lost=len(lost))


def unmark_present(visit: Visit, server: UidRanges) -> None:
    """What an earlier pass missed and this one sees was never gone."""
    back = [placement_id for placement_id, uid in placements.marked(visit.mailbox) if uid is not None and uid in server]
    if back:
        with transaction.atomic():
            visit.lease.check()
            placements.unmark(back)
