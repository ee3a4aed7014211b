"""Passes over a POP3 account at the fake server: names that change, policies, cuts."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AccountState, LeaveOnServer
from tests.fakes.pop3 import FakePop3Server
from tests.sync.conftest import ids_in, inbox_of, letter, sync
from webmail.journal.actions.move import destroy_emails, trash_emails
from webmail.store import blobs, consistency, indexing
from webmail.store.models import Blob, Email, Placement
from webmail.sync.content import budget
from webmail.sync.maildrop import pop3

pytestmark = pytest.mark.django_db


def deliver(server: FakePop3Server, *numbers: int, body: str = "Hello") -> None:
    for number in numbers:
        server.store.append(server.user, "INBOX", letter(number, body=body))


def on_server(server: FakePop3Server) -> int:
    return len(server.store.mailbox(server.user).messages)


def assert_stored(account, *numbers: int) -> None:
    shown = ids_in(inbox_of(account))
    assert sorted(shown) == sorted(f"Letter {number}" for number in numbers)
    assert consistency.check_account(account.pk) == []


def destroy_here(account, subject: str) -> None:
    from webmail.sync.actions.replay import replay_account

    destroy_emails(None, [Email.objects.get(account=account, subject=subject)])
    replay_account(account.pk)


@pytest.mark.req("Y85")
@pytest.mark.parametrize("without", [set(), {"PIPELINING"}, {"UIDL"}, {"UIDL", "TOP"}, {"CAPA"}])
def test_mail_comes_once_and_stays_on_the_server(connect, without):
    with FakePop3Server(without=without) as server:
        deliver(server, 1, 2, 3)
        account = sync(connect(server))
        deliver(server, 4)

        sync(account, passes_made=2)

        assert account.state == AccountState.OK
        assert_stored(account, 1, 2, 3, 4)
        assert on_server(server) == 4
        assert blobs.read_blob(Email.objects.get(subject="Letter 4").blob) == letter(4)


@pytest.mark.req("Y88")
def test_bytes_are_indexed_like_any_other(pop3_server, connect):
    deliver(pop3_server, 1)
    account = sync(connect(pop3_server))

    indexing.index_account(account.pk)

    assert Email.objects.get().preview == "Hello 1"
    assert inbox_of(account).is_backfilled


@pytest.mark.req("Y85")
def test_mail_that_vanishes_from_the_server_stays_here(pop3_server, connect):
    deliver(pop3_server, 1, 2)
    account = sync(connect(pop3_server))
    pop3_server.store.expunge(pop3_server.user, "INBOX", [1])

    sync(account)

    assert_stored(account, 1, 2)
    assert Placement.objects.filter(gone_at__isnull=False).count() == 1


@pytest.mark.req("Y86")
def test_doubled_uidls_are_all_kept(pop3_server, connect):
    pop3_server.unique_id_rule = lambda message: "same"
    deliver(pop3_server, 1, 2)
    account = sync(connect(pop3_server))
    deliver(pop3_server, 3)
    pop3_server.store.append(pop3_server.user, "INBOX", letter(3))

    sync(account, passes_made=2)

    assert Email.objects.filter(account=account).count() == 4
    assert inbox_of(account).total_emails == 4
    assert consistency.check_account(account.pk) == []


@pytest.mark.req("Y86")
@pytest.mark.parametrize("without", [set(), {"TOP"}])
def test_new_names_for_all_bring_no_doubles_and_delete_nothing(connect, without):
    with FakePop3Server(without=without) as server:
        deliver(server, *range(1, 9))
        account = sync(connect(server, leave_on_server=LeaveOnServer.KEEP))
        account.leave_on_server = LeaveOnServer.AT_ONCE
        account.save()
        before = ids_in(inbox_of(account))
        server.unique_id_rule = lambda message: "new-" + hashlib.sha256(message.raw).hexdigest()[:20]
        server.faults.commands.clear()

        sync(account)

        assert ids_in(inbox_of(account)) == before
        assert Email.objects.filter(account=account).count() == 8
        assert "DELE" not in server.faults.commands
        if "TOP" not in without:
            assert "RETR" not in server.faults.commands


@pytest.mark.req("Y86")
def test_name_given_to_other_content_is_a_new_message(pop3_server, connect):
    pop3_server.unique_id_rule = lambda message: f"u{message.uid}"
    deliver(pop3_server, 1, 2)
    account = sync(connect(pop3_server))
    pop3_server.unique_id_rule = lambda message: "u1" if message.uid == 3 else f"u{message.uid}"
    pop3_server.store.expunge(pop3_server.user, "INBOX", [1])
    deliver(pop3_server, 33)

    sync(account, passes_made=2)

    assert_stored(account, 1, 2, 33)


@pytest.mark.req("Y90")
def test_delete_at_once_happens_after_our_commit(pop3_server, connect):
    deliver(pop3_server, 1, 2)

    account = sync(connect(pop3_server, leave_on_server=LeaveOnServer.AT_ONCE))

    assert on_server(pop3_server) == 0
    assert_stored(account, 1, 2)
    assert Placement.objects.filter(gone_at=None).count() == 0


@pytest.mark.req("Y90")
@pytest.mark.req("R85")
def test_cut_before_quit_deletes_nothing_and_is_repeated(pop3_server, connect):
    deliver(pop3_server, 1, 2)
    account = connect(pop3_server, leave_on_server=LeaveOnServer.AT_ONCE)
    pop3_server.faults.cut_before_quit_answer()

    sync(account)
    assert on_server(pop3_server) == 2
    assert Placement.objects.filter(gone_at=None).count() == 2
    pop3_server.faults.commands.clear()
    sync(account)

    assert on_server(pop3_server) == 0
    assert "RETR" not in pop3_server.faults.commands
    assert_stored(account, 1, 2)


@pytest.mark.req("Y90")
def test_quit_whose_answer_is_lost(pop3_server, connect):
    deliver(pop3_server, 1)
    account = connect(pop3_server, leave_on_server=LeaveOnServer.AT_ONCE)
    pop3_server.faults.cut_quit_answer()

    sync(account, passes_made=2)

    assert on_server(pop3_server) == 0
    assert_stored(account, 1)


@pytest.mark.req("Y90")
def test_delete_after_days_counts_from_when_it_came_here(pop3_server, connect):
    deliver(pop3_server, 1)
    account = sync(connect(pop3_server, leave_on_server=LeaveOnServer.AFTER_DAYS, leave_days=3))
    assert on_server(pop3_server) == 1
    Blob.objects.update(created_at=timezone.now() - timedelta(days=4))

    sync(account)

    assert on_server(pop3_server) == 0
    assert_stored(account, 1)


@pytest.mark.req("Y90")
def test_delete_when_deleted_here(pop3_server, connect):
    deliver(pop3_server, 1, 2)
    account = sync(connect(pop3_server, leave_on_server=LeaveOnServer.WHEN_DELETED))
    trash_emails(None, [Email.objects.get(subject="Letter 2")])
    sync(account)
    assert on_server(pop3_server) == 2

    destroy_here(account, "Letter 1")
    sync(account)

    assert on_server(pop3_server) == 1
    assert not Email.objects.filter(subject="Letter 1").exists()


@pytest.mark.req("Y85")
def test_mail_deleted_here_but_left_there_does_not_come_back(pop3_server, connect):
    deliver(pop3_server, 1, 2)
    account = sync(connect(pop3_server))
    destroy_here(account, "Letter 1")

    sync(account, passes_made=2)

    assert_stored(account, 2)
    assert on_server(pop3_server) == 2
    pop3_server.store.expunge(pop3_server.user, "INBOX", [1])
    sync(account)
    assert Placement.objects.count() == 2
    Placement.objects.filter(gone_at__isnull=False).update(gone_at=timezone.now() - timedelta(days=31))
    sync(account)
    assert Placement.objects.count() == 1


@pytest.mark.req("R85")
def test_locked_mailbox_is_tried_later_without_asking_for_a_password(pop3_server, connect):
    account = connect(pop3_server)
    pop3_server.faults.refuse("AUTH", b"-ERR [IN-USE] Do you have another POP session running?")

    sync(account)

    assert account.state == AccountState.FAILING


@pytest.mark.req("R51")
def test_wrong_password_stops_the_account(pop3_server, connect):
    assert sync(connect(pop3_server, password="wrong")).state == AccountState.AUTH_FAILED


@pytest.mark.req("Y88")
@pytest.mark.parametrize("after_bytes", [0, 10, 400])
def test_cut_while_fetching_stores_nothing_twice(pop3_server, connect, after_bytes):
    deliver(pop3_server, *range(1, 6))
    account = connect(pop3_server)
    pop3_server.faults.cut_answer("RETR", after_bytes=after_bytes)

    sync(account, passes_made=2)

    assert_stored(account, 1, 2, 3, 4, 5)


@pytest.mark.req("Y83")
def test_slice_ends_and_goes_on(pop3_server, connect, monkeypatch):
    monkeypatch.setattr("webmail.sync.maildrop.pop3_plan._BATCH", 2)
    monkeypatch.setattr("webmail.sync.passes.MAILBOX_SLICE_S", -1.0)
    deliver(pop3_server, *range(1, 6))
    account = connect(pop3_server, leave_on_server=LeaveOnServer.AT_ONCE)

    sync(account)
    assert_stored(account, 4, 5)
    assert account.last_sync_at is None
    sync(account, passes_made=2)

    assert_stored(account, 1, 2, 3, 4, 5)
    assert on_server(pop3_server) == 0


def test_too_large_message_is_listed(pop3_server, connect, monkeypatch):
    monkeypatch.setattr(pop3, "MAX_MESSAGE_BYTES", 3_000)
    deliver(pop3_server, 1, body="x" * 9_000)
    deliver(pop3_server, 2)

    account = sync(connect(pop3_server, leave_on_server=LeaveOnServer.AT_ONCE), passes_made=2)

    assert_stored(account, 1, 2)
    assert Email.objects.get(subject="Letter 1").body_error
    assert on_server(pop3_server) == 1


def test_received_date_is_that_of_the_last_server(pop3_server, connect):
    raw = b"Received: by mx; Mon, 2 Mar 2026 08:00:00 +0100\r\n" + letter(1)
    pop3_server.store.append(pop3_server.user, "INBOX", raw)

    sync(connect(pop3_server))

    assert Email.objects.get().received_at.isoformat() == "2026-03-02T07:00:00+00:00"


@pytest.mark.req("Y85")
def test_name_is_forgotten_after_thirty_days_and_its_mail_is_not_doubled(pop3_server, connect):
    pop3_server.unique_id_rule = lambda message: "name-" + hashlib.sha256(message.raw).hexdigest()[:20]
    deliver(pop3_server, 1, 2)
    account = sync(connect(pop3_server))
    pop3_server.store.expunge(pop3_server.user, "INBOX", [1])
    sync(account)
    Placement.objects.filter(gone_at__isnull=False).update(gone_at=timezone.now() - timedelta(days=31))
    sync(account)
    assert Placement.objects.count() == 1
    assert_stored(account, 1, 2)

    deliver(pop3_server, 1)
    sync(account, passes_made=2)

    assert_stored(account, 1, 2)
    assert Placement.objects.filter(gone_at=None).count() == 2


@pytest.mark.req("Y85")
def test_names_are_forgotten_in_slices(pop3_server, connect, monkeypatch):
    monkeypatch.setattr("webmail.sync.maildrop.pop3_rows.PRUNE_SLICE", 2)
    deliver(pop3_server, *range(1, 6))
    account = sync(connect(pop3_server, leave_on_server=LeaveOnServer.AT_ONCE))
    Placement.objects.update(gone_at=timezone.now() - timedelta(days=31))

    left = []
    for _ in range(3):
        sync(account)
        left.append(Placement.objects.count())

    assert left == [3, 1, 0]
    assert_stored(account, 1, 2, 3, 4, 5)


@pytest.mark.req("Y90")
def test_message_that_was_cut_short_stays_on_the_server(pop3_server, connect):
    deliver(pop3_server, 1, body="x" * 9_000)
    pop3_server.faults.change_answer("RETR", lambda data: data[:500] + b"\r\n.\r\n")

    sync(connect(pop3_server, leave_on_server=LeaveOnServer.AT_ONCE))

    assert on_server(pop3_server) == 1


@pytest.mark.req("R84")
def test_bytes_of_a_pass_count_for_the_day(pop3_server, connect):
    deliver(pop3_server, 1, body="x" * 5_000)
    account = connect(pop3_server)
    before = budget.bytes_down_today(account.pk)

    sync(account)

    assert budget.bytes_down_today(account.pk) - before > 5_000
