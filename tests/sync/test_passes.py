"""Around a pass: conditions, back-off, leases, order, and troubles that stay where they are."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import services
from accounts.models import AccountState, MailAccount
from tests.factories import make_account
from tests.fakes.hostile_imap import HostileImapServer
from tests.fakes.imap import FakeImapServer
from tests.servers.ports import free_port
from tests.sync.conftest import assert_in_step, fill, inbox_of, keywords_of, sync
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.actions.move import move_emails
from webmail.protocols.imap import wire
from webmail.store import leases
from webmail.store.models import Email, Mailbox
from webmail.sync import passes

pytestmark = pytest.mark.django_db


@pytest.mark.req("R51")
def test_refused_password_stops_the_account_until_a_new_one_comes(full_server, connect):
    account = sync(connect(full_server, password="wrong"))
    tried = full_server.connection_count

    sync(account, passes_made=3)

    assert account.state == AccountState.AUTH_FAILED
    assert "password" in account.state_reason
    assert full_server.connection_count == tried
    services.replace_password(account, incoming_password=full_server.password)
    assert sync(account).state == AccountState.OK


@pytest.mark.req("Y80")
def test_failures_back_off_and_are_forgotten_after_a_complete_pass_only(full_server, connect):
    account = connect(full_server)
    full_server.faults.cut("LIST", times=4)

    waits = []
    for _ in range(4):
        sync(account)
        waits.append((account.next_sync_at - timezone.now()).total_seconds())

    assert account.state == AccountState.FAILING
    assert account.failures == 4
    assert all(20 * 2**number < wait < 40 * 2**number for number, wait in enumerate(waits))
    full_server.faults.refuse("SELECT", code="UNAVAILABLE")
    sync(account)
    assert (account.state, account.failures) == (AccountState.OK, 4)
    sync(account)
    assert account.failures == 0


@pytest.mark.req("R83")
def test_busy_server_is_not_taken_for_a_wrong_password(full_server, connect):
    account = connect(full_server)
    for command in ("AUTHENTICATE", "LOGIN"):
        full_server.faults.refuse(command, text="Too many simultaneous connections")

    sync(account)

    assert account.state == AccountState.FAILING
    assert "Too many" in account.state_reason


@pytest.mark.req("Y80")
def test_server_that_is_away(connect):
    server = FakeImapServer()
    with server:
        account = connect(server)
    sync(account)

    assert account.state == AccountState.FAILING
    assert account.next_sync_at > timezone.now() + timedelta(seconds=20)


def test_paused_account_is_left_alone(full_server, connect):
    account = connect(full_server)
    services.pause_account(account)

    sync(account)

    assert full_server.connection_count == 0
    assert account.state == AccountState.PAUSED


@pytest.mark.req("R86")
def test_account_in_other_hands_is_due_again_afterwards(full_server, connect):
    account = connect(full_server)
    later = timezone.now() + timedelta(hours=1)
    MailAccount.objects.filter(pk=account.pk).update(next_sync_at=later)
    lease = leases.take_lease(f"account:{account.pk}", owner="other", seconds=60)
    assert lease is not None

    sync(account)

    assert full_server.connection_count == 0
    assert account.next_sync_at < later


@pytest.mark.req("R91")
def test_connection_that_breaks_at_one_mailbox_does_not_stop_the_others(full_server, connect):
    fill(full_server, 3)
    fill(full_server, 2, mailbox="Archive", first=50)
    account = connect(full_server)
    full_server.faults.cut("SELECT", when=b"INBOX")

    sync(account)

    assert Mailbox.objects.get(account=account, role="archive").total_emails == 2
    assert account.state == AccountState.OK
    sync(account)
    assert_in_step(account, full_server)


@pytest.mark.req("R91")
def test_fault_of_ours_with_one_mailbox_does_not_stop_the_others(full_server, connect, monkeypatch):
    fill(full_server, 3)
    fill(full_server, 2, mailbox="Archive", first=50)
    account = connect(full_server)
    original = passes.imap.sync_mailbox

    def faulty(session, mailbox, lease, **options):
        if mailbox.role == "inbox":
            raise ZeroDivisionError
        return original(session, mailbox, lease, **options)

    monkeypatch.setattr(passes.imap, "sync_mailbox", faulty)
    sync(account)

    assert Mailbox.objects.get(account=account, role="archive").total_emails == 2
    assert "Inbox" in account.state_reason


@pytest.mark.req("Y66")
def test_acts_of_users_go_first(full_server, connect):
    fill(full_server, 20)
    account = sync(connect(full_server))
    email = Email.objects.get(subject="Letter 4")
    archive = Mailbox.objects.get(account=account, role="archive")
    set_keywords(None, [email], add=["$flagged"])
    move_emails(None, [email], target=archive)

    sync(account)

    assert [one.flags for one in full_server.store.mailbox(full_server.user, "Archive").messages.values()] == [
        frozenset({"\\Flagged"})
    ]
    assert_in_step(account, full_server)
    assert keywords_of(email) == {"$flagged"}


@pytest.mark.req("Y60")
def test_pending_keyword_is_not_reverted(full_server, connect):
    uids = fill(full_server, 5)
    account = sync(connect(full_server))
    email = Email.objects.get(subject="Letter 1")
    set_keywords(None, [email], add=["$seen"])
    full_server.store.change_flags(full_server.user, "INBOX", uids[:1], add=["\\Flagged"])
    full_server.faults.refuse("UID STORE", code="INUSE")

    sync(account)

    assert keywords_of(email) == {"$seen", "$flagged"}


@pytest.mark.req("Y60")
def test_pending_move_is_not_undone_by_a_pass(full_server, connect):
    fill(full_server, 20)
    account = sync(connect(full_server))
    email = Email.objects.get(subject="Letter 1")
    archive = Mailbox.objects.get(account=account, role="archive")
    move_emails(None, [email], target=archive)
    full_server.faults.refuse("UID MOVE", code="INUSE")
    full_server.flip_uidvalidity()

    sync(account)

    assert list(email.mailbox_rows.values_list("mailbox__role", flat=True)) == ["archive"]
    assert inbox_of(account).total_emails == 19


def test_event_at_one_mailbox_looks_at_that_one_only(full_server, connect):
    fill(full_server, 3)
    account = sync(connect(full_server))
    fill(full_server, 1, first=30)
    fill(full_server, 1, mailbox="Archive", first=40)

    passes.sync_mailbox(inbox_of(account).pk)

    assert inbox_of(account).total_emails == 4
    assert Mailbox.objects.get(account=account, role="archive").total_emails == 0
    assert Email.objects.filter(blob=None).count() == 0


@pytest.mark.req("Y26")
def test_event_at_a_mailbox_that_is_gone_does_nothing(db):
    passes.sync_mailbox(4711)
    passes.sync_account(4711)


@pytest.mark.req("R91")
def test_mailbox_that_fails_again_is_parked_alone_and_the_pass_is_complete_without_it(full_server, connect):
    fill(full_server, 2)
    fill(full_server, 2, mailbox="Archive", first=50)
    account = connect(full_server)
    full_server.faults.refuse("SELECT", code="CORRUPTION", text="index is broken", times=None, when=b"Archive")

    sync(account, passes_made=3)

    archive = Mailbox.objects.get(account=account, role="archive")
    assert archive.parked_until > timezone.now()
    assert "index is broken" in archive.trouble
    assert inbox_of(account).total_emails == 2
    assert (account.state, account.failures) == (AccountState.OK, 0)
    assert "index is broken" in account.state_reason
    full_server.faults.clear()
    Mailbox.objects.filter(pk=archive.pk).update(parked_until=timezone.now())
    sync(account)
    archive.refresh_from_db()
    assert (archive.trouble, archive.parked_until, archive.total_emails) == ("", None, 2)


def test_paused_first_synchronisation_still_shows_new_mail(full_server, connect):
    fill(full_server, 3)
    account = sync(connect(full_server))
    MailAccount.objects.filter(pk=account.pk).update(is_backfill_paused=True)
    fill(full_server, 1, first=30)

    sync(account)

    assert inbox_of(account).total_emails == 4
    assert Email.objects.filter(blob=None).count() == 1


@pytest.mark.req("Y79")
def test_full_pass_comes_within_a_quarter_of_an_hour_although_the_server_announces_mail(full_server, connect):
    account = sync(connect(full_server), passes_made=2)

    assert timedelta(minutes=5) < account.next_sync_at - timezone.now() < timedelta(minutes=15)


@pytest.mark.req("R83")
@pytest.mark.req("R51")
def test_expired_password_stops_the_account(full_server, connect):
    account = connect(full_server)
    for command in ("AUTHENTICATE", "LOGIN"):
        full_server.faults.refuse(command, code="EXPIRED", text="change your password")

    assert sync(account).state == AccountState.AUTH_FAILED


@pytest.mark.req("R86")
def test_wish_that_met_the_lease_of_a_look_is_carried_out_after_it(full_server, connect, monkeypatch):
    account = sync(connect(full_server), passes_made=2)
    woken: list[tuple[str, int]] = []
    monkeypatch.setattr(passes.dispatch, "wake", lambda *asked: woken.append(asked))
    fill(full_server, 1)
    MailAccount.objects.filter(pk=account.pk).update(next_sync_at=timezone.now())
    passes.sync_mailbox(inbox_of(account).pk)

    assert ("sync.account", account.pk) in woken


@pytest.mark.req("R91")
@pytest.mark.req("Y84")
def test_accounts_in_trouble_cost_a_healthy_one_no_time_and_no_thread(full_server, connect, monkeypatch):
    monkeypatch.setattr(wire, "CONNECT_S", 0.5)
    fill(full_server, 3)
    with FakeImapServer() as refusing, FakeImapServer() as breaking, HostileImapServer("drips") as dripping:
        refusing.faults.refuse("LIST", code="UNAVAILABLE", times=None)
        breaking.faults.cut("LIST", times=None)
        healthy = connect(full_server)
        fields = {"incoming_username": full_server.user, "password": full_server.password}
        ports = (refusing.port, breaking.port, dripping.port, free_port())
        ill = [make_account(healthy.user, incoming_port=port, **fields) for port in ports]
        begin = time.monotonic()
        for account in ill:
            sync(account)
        assert time.monotonic() - begin < 5
        sync(healthy)

    assert_in_step(healthy, full_server)
    for account in ill:
        assert account.state == AccountState.FAILING
        assert account.next_sync_at > timezone.now() + timedelta(seconds=10)
