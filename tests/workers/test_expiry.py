"""What is over goes away, and only that."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import credentials
from accounts.models import ConnectionTest, MailAccount
from tests import factories
from webmail.outbox.models import Upload
from webmail.outbox.writing import uploads
from webmail.store import blobs, changes
from webmail.store.errors import CannotCalculateChanges
from webmail.store.models import BlobLink, Heartbeat, Tombstone
from webmail.workers import expiry

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> MailAccount:
    return factories.make_account(factories.make_user())


def make_test(account: MailAccount, **fields: object) -> ConnectionTest:
    test = ConnectionTest(purpose=ConnectionTest.Purpose.CONNECT, user=account.user, settings={}, **fields)
    credentials.seal_for_test(test, incoming="secret")
    test.save()
    return test


def test_old_tests_go_and_fresh_ones_stay(account):
    old = make_test(account, created_at=timezone.now() - timedelta(minutes=11))
    fresh = make_test(account)

    assert expiry.remove_old_tests() == 1

    assert list(ConnectionTest.objects.values_list("pk", flat=True)) == [fresh.pk]
    assert old.pk != fresh.pk


def test_a_test_whose_worker_died_ends(account):
    lost = make_test(account, status=ConnectionTest.Status.RUNNING, started_at=timezone.now() - timedelta(minutes=8))

    expiry.remove_old_tests()

    lost.refresh_from_db()
    assert lost.status == ConnectionTest.Status.FAILED
    assert bytes(lost.sealed) == b""


def test_only_expired_uploads_go(account):
    now = timezone.now()
    made = [
        BlobLink.objects.create(account=account, blob=blobs.put_blob(raw), kind=kind, expires_at=expires_at)
        for raw, kind, expires_at in (
            (b"expired", BlobLink.Kind.UPLOAD, now - timedelta(seconds=1)),
            (b"fresh", BlobLink.Kind.UPLOAD, now + timedelta(hours=1)),
            (b"message", BlobLink.Kind.MESSAGE, None),
        )
    ]

    assert expiry.remove_expired_uploads() == 1

    assert set(BlobLink.objects.values_list("pk", flat=True)) == {made[1].pk, made[2].pk}


@pytest.mark.req("S10")
def test_old_tombstones_go_and_states_before_them_cannot_be_told(account):
    with changes.recording(account.pk) as record:
        record.destroyed(changes.EMAIL, [changes.DestroyedObject("e-old", 1)])
    floor = changes.state_of(account.pk, changes.EMAIL)
    Tombstone.objects.update(destroyed_at=timezone.now() - timedelta(days=31))
    with changes.recording(account.pk) as record:
        record.destroyed(changes.EMAIL, [changes.DestroyedObject("e-fresh", 1)])

    assert expiry.remove_old_tombstones() == 1

    assert changes.changes_since(account.pk, changes.EMAIL, floor).destroyed == ("e-fresh",)
    with pytest.raises(CannotCalculateChanges):
        changes.changes_since(account.pk, changes.EMAIL, floor - 1)


def test_marks_of_dead_processes_go():
    now = timezone.now()
    Heartbeat.objects.create(name="net@a:1", kind="net", host="a", pid=1, seen_at=now - timedelta(hours=2))
    Heartbeat.objects.create(name="net@a:2", kind="net", host="a", pid=2, seen_at=now)

    assert expiry.remove_old_heartbeats() == 1
    assert Heartbeat.objects.get().pid == 2


def test_files_that_stopped_half_way_up_go_after_a_day(account):
    old, fresh = (
        uploads.begin_upload(account.user, account, name=name, type="", size_bytes=3) for name in ("old", "fresh")
    )
    Upload.objects.filter(pk=old.pk).update(updated_at=timezone.now() - timedelta(hours=25))
    assert expiry.remove_abandoned_uploads() == 1
    assert Upload.objects.get() == fresh
