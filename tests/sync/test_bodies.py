"""Bytes of listed messages: order, limits, and what cannot be had."""

import time

import pytest
from django.utils import timezone

from tests.sync.conftest import assert_in_step, fill, letter, sync
from webmail.journal.actions.move import destroy_emails
from webmail.store import blobs, emails, leases
from webmail.store.models import Email, Placement
from webmail.sync.connections import account_session
from webmail.sync.content import bodies, body_queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def lease():
    held = leases.take_lease("account:bodies", owner="one", seconds=60)
    assert held is not None
    return held


def forget_bodies() -> None:
    Email.objects.update(blob=None, is_indexed=False)


@pytest.mark.req("Y93")
def test_reading_bodies_never_sets_seen(full_server, connect):
    fill(full_server, 5)

    account = sync(connect(full_server))

    assert Email.objects.filter(blob=None).count() == 0
    assert all("\\Seen" not in one.flags for one in full_server.store.mailbox(full_server.user).messages.values())
    assert_in_step(account, full_server)


@pytest.mark.req("Y91")
def test_small_ones_come_first_and_the_slice_ends_in_time(full_server, connect, lease, monkeypatch):
    monkeypatch.setattr(body_queue, "SMALL_BYTES", 1_000)
    for number in range(4):
        body = "x" * 5_000 if number % 2 else "short"
        full_server.store.append(full_server.user, "INBOX", letter(number, body=body))
    account = sync(connect(full_server))
    forget_bodies()
    full_server.faults.lines.clear()

    with account_session(account) as session:
        late = bodies.fetch_missing(session, account, lease, deadline=0.0)
        done = bodies.fetch_missing(session, account, lease, deadline=time.monotonic() + 30)

    fetches = [line for line in full_server.faults.lines if b"BODY.PEEK[]" in line]
    assert (late, done) == (False, True)
    assert [line.split()[3] for line in fetches] == [b"1,3", b"2,4"]


@pytest.mark.req("Y93")
def test_wanted_body_comes_at_once(full_server, connect):
    fill(full_server, 3)
    sync(connect(full_server))
    forget_bodies()
    email = Email.objects.get(subject="Letter 2")
    emails.want_body(email.pk)

    bodies.fetch_body(email.pk)

    email.refresh_from_db()
    assert email.blob is not None
    assert blobs.read_blob(email.blob) == letter(2)
    assert email.body_wanted_at is None
    assert Email.objects.filter(blob=None).count() == 2


@pytest.mark.req("Y93")
def test_wanted_body_that_is_gone_says_so(full_server, connect):
    fill(full_server, 3)
    sync(connect(full_server))
    forget_bodies()
    full_server.store.expunge(full_server.user, "INBOX", [2])
    email = Email.objects.get(subject="Letter 2")

    for _ in range(bodies.MAX_TRIES):
        bodies.fetch_body(email.pk)

    email.refresh_from_db()
    assert email.body_error == bodies.NOT_THERE


@pytest.mark.req("Y94")
def test_too_large_message_is_listed_but_not_fetched(full_server, connect, monkeypatch):
    monkeypatch.setattr(bodies, "MAX_MESSAGE_BYTES", 2_000)
    full_server.store.append(full_server.user, "INBOX", letter(1, body="x" * 5_000))
    fill(full_server, 2, first=5)
    account = sync(connect(full_server))

    large = Email.objects.get(subject="Letter 1")

    assert large.body_error == bodies.TOO_LARGE
    assert large.blob is None
    assert not bodies.has_missing(account)
    assert Email.objects.filter(blob__isnull=False).count() == 2


@pytest.mark.req("Y91")
def test_equal_bytes_in_two_mailboxes_are_stored_once(full_server, connect):
    full_server.store.append(full_server.user, "INBOX", letter(1), internal_date=timezone.now())
    full_server.store.append(full_server.user, "Archive", letter(1))

    account = sync(connect(full_server))

    assert Email.objects.filter(account=account).values("blob_id").distinct().count() == 1


def test_body_of_a_message_being_destroyed_is_not_lost_track_of(full_server, connect):
    fill(full_server, 3)
    account = sync(connect(full_server))
    destroy_emails(None, [Email.objects.get(subject="Letter 3")])

    sync(account)

    assert sorted(full_server.store.mailbox(full_server.user).messages) == [1, 2]
    assert Placement.objects.count() == 2
