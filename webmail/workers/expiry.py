"""What is over and goes away: secrets and tests of set-ups, uploads nobody used, old tombstones, marks of dead processes.

Every function may run at any time, anywhere, several times at once, and returns how many rows it removed.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import ConnectionTest
from webmail.outbox.writing import uploads
from webmail.store.models import BlobLink, Heartbeat, Tombstone, TypeState
from webmail.sync.checking import diagnose

TESTS_KEPT = timedelta(minutes=10)  # they hold a sealed password until they end
TOMBSTONES_KEPT = timedelta(days=30)  # jmap S10
HEARTBEATS_KEPT = timedelta(hours=1)
SLICE = 5_000  # rows in one transaction


def remove_old_tests() -> int:
    """Connection tests of ten minutes ago, and an end for those whose worker died."""
    diagnose.end_interrupted_tests()
    return ConnectionTest.objects.filter(created_at__lt=timezone.now() - TESTS_KEPT).delete()[0]


def remove_expired_uploads() -> int:
    """The right to read bytes that were uploaded and never used."""
    expired = BlobLink.objects.filter(kind=BlobLink.Kind.UPLOAD, expires_at__lt=timezone.now())
    return BlobLink.objects.filter(pk__in=list(expired.values_list("pk", flat=True)[:SLICE])).delete()[0]


def remove_abandoned_uploads() -> int:
    """Files that stopped half way up, or that a client sent up and never used, a day after their last piece."""
    return uploads.remove_abandoned()


def remove_old_tombstones() -> int:
    """Tombstones older than 30 days. The floor of their type is raised first: older states cannot be told any more."""
    old = Tombstone.objects.filter(destroyed_at__lt=timezone.now() - TOMBSTONES_KEPT)
    groups = old.order_by().values_list("account_id", "type").annotate(last=Max("destroyed_modseq"))
    removed = 0
    for account_id, type_name, last in groups:
        with transaction.atomic():
            TypeState.objects.filter(account_id=account_id, type=type_name, floor__lt=last).update(floor=last)
            removed += Tombstone.objects.filter(
                account_id=account_id, type=type_name, destroyed_modseq__lte=last
            ).delete()[0]
    return removed


def remove_old_heartbeats() -> int:
    """Processes that were not seen for an hour."""
    return Heartbeat.objects.filter(seen_at__lt=timezone.now() - HEARTBEATS_KEPT).delete()[0]


def remove_ended_sessions() -> int:
    """Sign-ins that have run out."""
    return Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]
