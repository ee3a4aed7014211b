"""Whole messages that an account keeps only for a while are released; their text stays (sync Y28 stage 3). No network.

RECENT: those received before the last `keep_days`. ON_DEMAND: those fetched before the last `keep_days`; that their bytes were
stored again counts as fetching. A message released is fetched again when somebody opens an attachment, so only what its
server certainly still has is released, and only when its text can stand alone.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import IncomingProtocol, MailAccount
from accounts.models.mail_account import KeepBodies
from webmail.journal.models import Action, ActionEmail
from webmail.mime.skeleton import skeleton_of
from webmail.outbox.models import Draft, Submission
from webmail.store import blobs
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Email, Mailbox, Placement
from webmail.sync.content.body_queue import SMALL_BYTES

log = structlog.get_logger(__name__)

SLICE = 100  # messages of an account in one run; one is held in memory at a time
OPENED_KEPT = timedelta(days=7)  # an old message that was opened is not released the next day


def release_old_bodies() -> int:
    """Release what is past its time, in every account that keeps messages only for a while. Returns how many."""
    accounts = MailAccount.objects.filter(incoming_protocol=IncomingProtocol.IMAP).exclude(keep_bodies=KeepBodies.ALL)
    return sum(_release(account) for account in accounts)


def _release(account: MailAccount) -> int:
    found = list(releasable(account).select_related("blob", "text_blob").order_by("received_at")[:SLICE])
    return sum(_release_one(email) for email in found)


def releasable(account: MailAccount) -> QuerySet[Email]:
    """Messages whose whole bytes may go. Those that have shown to be all text carry their own bytes as text."""
    place = Placement.objects.filter(
        email=OuterRef("pk"), uid__isnull=False, gone_at=None, is_deleted=False,
        uidvalidity=F("mailbox__uidvalidity"), mailbox__source=Mailbox.Source.REMOTE, mailbox__missing_since=None,
    )  # fmt: skip
    acts = ActionEmail.objects.filter(email=OuterRef("pk"), action__status__in=Action.OPEN)
    rows = Email.objects.filter(
        _is_old(account), Exists(place), ~Exists(acts), account=account, size_bytes__gt=SMALL_BYTES, blob__isnull=False,
        body_wanted_at=None, orphaned_at=None,
    )  # fmt: skip
    for model in (Draft, Submission):
        rows = rows.filter(~Exists(model._default_manager.filter(original=OuterRef("pk"))))
    sending = Submission.objects.filter(blob=OuterRef("blob"))
    return rows.filter(~Exists(sending)).exclude(text_blob=F("blob"))


def _is_old(account: MailAccount) -> Q:
    limit = timezone.now() - timedelta(days=account.keep_days)
    if account.keep_bodies == KeepBodies.RECENT:
        return Q(received_at__lt=limit, blob__created_at__lt=timezone.now() - OPENED_KEPT)
    return Q(blob__created_at__lt=limit)


def _release_one(email: Email) -> bool:
    whole = email.blob
    if whole is None:
        return False
    if email.text_blob is None:
        try:
            skeleton = skeleton_of(blobs.read_blob(whole))
        except (BlobMissing, BlobDamaged) as error:
            log.error("retention.unreadable", email=email.pk, error=str(error))
            return False
        if skeleton is None:
            # All text, or too odd to be taken apart: not looked at again.
            Email.objects.filter(pk=email.pk, blob=whole, text_blob=None).update(text_blob=whole)
            return False
        text = blobs.put_blob(skeleton)
        blobs.link_blobs(email.account_id, [text.pk])
        Email.objects.filter(pk=email.pk, text_blob=None).update(text_blob=text)
    with transaction.atomic():
        released = Email.objects.filter(pk=email.pk, blob=whole, text_blob__isnull=False, body_wanted_at=None).exclude(
            text_blob=F("blob")
        )
        return bool(released.update(blob=None))
