"""What tasks promise: delivered twice, at once or late they change nothing, a worker that lost its lease writes nothing, and
nobody holds a transaction while a server is asked (sync Y82, Y83, Y84).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts.models import MailAccount
from tests.sync.conftest import assert_in_step, fill, inbox_of, letter, sync
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.actions.move import destroy_emails, move_emails
from webmail.protocols.transport import Connection
from webmail.store.models import Email, Lease, Mailbox, Placement
from webmail.sync import passes
from webmail.sync.actions import replay
from webmail.sync.content import bodies

pytestmark = pytest.mark.django_db(transaction=True)

# Rows that only say who works and when.
_OF_WORK = {"Lease", "Traffic", "HostGate", "Heartbeat", "Session"}
_TIMES = {"synced_at", "reconciled_at", "last_sync_at", "next_sync_at", "state_since", "seen_at"}


def rows() -> dict[str, list[Any]]:
    """All rows of the product, without the times of looks."""
    found: dict[str, list[Any]] = {}
    for model in (
        *apps.get_app_config("store").get_models(),
        *apps.get_app_config("journal").get_models(),
        MailAccount,
    ):
        if model.__name__ not in _OF_WORK:
            fields = [field.attname for field in model._meta.concrete_fields if field.attname not in _TIMES]
            found[model.__name__] = list(model.objects.order_by("pk").values_list(*fields))
    return found


def in_another_worker(body: Callable[[], object]) -> None:
    """Run it in a thread with its own connection, and wait for its end."""

    def run() -> None:
        try:
            body()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


def take_over(name: str) -> None:
    """Another worker has the lease now, as after a pause of ours that was longer than it."""
    Lease.objects.filter(name=name).update(owner="another", fencing=F("fencing") + 1)


@pytest.mark.req("Y83")
def test_tasks_that_are_delivered_twice_change_nothing(full_server, connect):
    fill(full_server, 5)
    account = sync(connect(full_server), passes_made=2)
    email = Email.objects.get(subject="Letter 1")
    set_keywords(None, [email], add=["$flagged"])
    move_emails(None, [email], target=Mailbox.objects.get(account=account, role="archive"))
    replay.replay_account(account.pk)
    sync(account)
    before, on_server = rows(), len(full_server.store.mailbox(full_server.user, "Archive").messages)

    for _ in range(2):
        replay.replay_account(account.pk)
        passes.sync_mailbox(inbox_of(account).pk)
        bodies.fetch_body(email.pk)
        passes.sync_account(account.pk)

    assert rows() == before
    assert len(full_server.store.mailbox(full_server.user, "Archive").messages) == on_server == 1
    assert_in_step(account, full_server)


@pytest.mark.req("Y83")
@pytest.mark.req("R86")
def test_task_that_is_delivered_while_the_first_one_runs_leaves_the_work_to_it(full_server, connect):
    fill(full_server, 5)
    account = connect(full_server)
    full_server.faults.run_before(
        "UID FETCH", lambda: in_another_worker(lambda: passes.sync_account(account.pk)), times=3
    )

    sync(account, passes_made=2)

    assert full_server.connection_count <= 2
    assert_in_step(account, full_server)


@pytest.mark.req("Y83")
def test_tasks_that_get_lost_are_found_again(full_server, connect):
    account = sync(connect(full_server), passes_made=2)
    fill(full_server, 1)
    MailAccount.objects.filter(pk=account.pk).update(next_sync_at=timezone.now())

    from webmail.workers.waiting import due_accounts

    assert due_accounts() == [account.pk]
    sync(account)
    assert due_accounts() == []
    assert_in_step(account, full_server)


@pytest.mark.req("Y82")
@pytest.mark.parametrize("command", ["LIST", "SELECT", "UID SEARCH", "UID FETCH"])
def test_worker_with_a_stale_fencing_number_commits_nothing(full_server, connect, command):
    fill(full_server, 5)
    account = connect(full_server)
    before: dict[str, list[Any]] = {}

    def lose() -> None:
        take_over(f"account:{account.pk}")
        before.update(rows())

    full_server.faults.run_before(command, lambda: in_another_worker(lose))

    sync(account)

    after = rows()
    assert before
    assert [name for name in before if before[name] != after[name]] == []
    Lease.objects.update(owner="")
    sync(account, passes_made=2)
    assert_in_step(account, full_server)


@pytest.mark.req("Y82")
def test_bodies_of_a_worker_with_a_stale_fencing_number_are_not_attached(full_server, connect):
    fill(full_server, 5)
    account = connect(full_server)
    full_server.faults.run_before(
        "UID FETCH", lambda: in_another_worker(lambda: take_over(f"account:{account.pk}")), when=b"BODY.PEEK[]"
    )

    sync(account)

    assert Email.objects.count() == 5
    assert Email.objects.filter(blob=None).count() == 5


@pytest.mark.req("Y82")
def test_pop3_worker_with_a_stale_fencing_number_stores_and_deletes_nothing(pop3_server, connect):
    pop3_server.store.append(pop3_server.user, "INBOX", letter(1))
    account = connect(pop3_server, leave_on_server="at_once")
    pop3_server.faults.run_before("RETR", lambda: in_another_worker(lambda: take_over(f"account:{account.pk}")))

    sync(account)

    assert (Email.objects.count(), Placement.objects.count()) == (0, 0)
    assert len(pop3_server.store.mailbox(pop3_server.user).messages) == 1


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each wait for a server in this thread, whether a transaction was open."""
    found: list[bool] = []
    ours = threading.get_ident()

    def watched(name: str) -> None:
        original = getattr(Connection, name)

        def wait(self: Connection, *args: Any, **options: Any) -> Any:
            if threading.get_ident() == ours:
                found.append(connection.in_atomic_block)
            return original(self, *args, **options)

        monkeypatch.setattr(Connection, name, wait)

    for name in ("_fill", "write", "has_data", "start_tls", "receive_now", "send_now"):
        watched(name)
    return found


@pytest.mark.req("Y84")
def test_no_transaction_is_open_while_an_imap_server_is_asked(server, connect, waits):
    fill(server, 12)
    account = sync(connect(server), passes_made=2)
    first, second, third = Email.objects.order_by("pk")[:3]
    set_keywords(None, [first], add=["$flagged", "$seen"])
    move_emails(None, [second], target=Mailbox.objects.get(account=account, role="archive"))
    destroy_emails(None, [third])
    Email.objects.filter(pk=first.pk).update(blob=None)
    bodies.fetch_body(first.pk)
    server.store.expunge(server.user, "INBOX", [7])
    fill(server, 3, first=50)
    sync(account)
    server.flip_uidvalidity()
    sync(account, passes_made=2)

    assert len(waits) > 40
    assert not any(waits)


@pytest.mark.req("Y84")
def test_no_transaction_is_open_while_a_pop3_server_is_asked(pop3_server, connect, waits):
    for number in range(5):
        pop3_server.store.append(pop3_server.user, "INBOX", letter(number))
    account = sync(connect(pop3_server, leave_on_server="when_deleted"))
    destroy_emails(None, [Email.objects.earliest("pk")])
    sync(account, passes_made=2)

    assert len(waits) > 15
    assert not any(waits)
