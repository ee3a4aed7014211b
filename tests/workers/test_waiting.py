"""Rows that wait are found, and nobody is rung up over and over."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import credentials, services
from accounts.models import AccountState, ConnectionTest, MailAccount
from tests import factories
from webmail import dispatch
from webmail.journal.models import Action
from webmail.store.models import Email
from webmail.workers import waiting
from webmail.workers.waiting import Bells

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> MailAccount:
    return factories.make_account(factories.make_user())


def later() -> object:
    return timezone.now() + timedelta(minutes=5)


def test_due_accounts_are_found_the_longest_waiting_first(account):
    other = factories.make_account(account.user)
    MailAccount.objects.filter(pk=other.pk).update(next_sync_at=timezone.now() - timedelta(hours=1))
    assert waiting.due_accounts() == [other.pk, account.pk]

    MailAccount.objects.filter(pk=account.pk).update(next_sync_at=later())
    assert waiting.due_accounts() == [other.pk]


@pytest.mark.parametrize("state", [AccountState.PAUSED, AccountState.AUTH_FAILED])
def test_nothing_is_asked_of_servers_of_stopped_accounts(account, state):
    services.set_state(account, state)
    Action.objects.create(account=account, kind=Action.Kind.KEYWORDS)
    email = factories.make_email(factories.make_mailbox(account))
    Email.objects.filter(pk=email.pk).update(body_wanted_at=timezone.now())

    assert waiting.due_accounts() == []
    assert waiting.accounts_with_due_actions() == []
    assert waiting.wanted_bodies() == []


def test_due_actions_are_found_also_those_whose_worker_died(account):
    action = Action.objects.create(account=account, kind=Action.Kind.KEYWORDS, status=Action.Status.RUNNING)
    assert waiting.accounts_with_due_actions() == [account.pk]

    Action.objects.filter(pk=action.pk).update(next_try_at=later())
    assert waiting.accounts_with_due_actions() == []

    Action.objects.filter(pk=action.pk).update(next_try_at=timezone.now(), status=Action.Status.DONE)
    assert waiting.accounts_with_due_actions() == []


def test_actions_of_pop3_accounts_need_no_server():
    account = factories.make_account(factories.make_user(), protocol="pop3")
    services.pause_account(account)
    Action.objects.create(account=account, kind=Action.Kind.KEYWORDS)

    assert waiting.accounts_with_due_actions() == [account.pk]


@pytest.mark.req("Y93")
def test_wanted_bodies_are_found_the_last_opened_first(account):
    mailbox = factories.make_mailbox(account)
    first, second, unwanted, hopeless = (factories.make_email(mailbox) for _ in range(4))
    now = timezone.now()
    Email.objects.filter(pk=first.pk).update(body_wanted_at=now)
    Email.objects.filter(pk=second.pk).update(body_wanted_at=now + timedelta(seconds=1))
    Email.objects.filter(pk=hopeless.pk).update(body_wanted_at=now, body_error="gone")

    assert waiting.wanted_bodies() == [second.pk, first.pk]
    assert unwanted.body_wanted_at is None


def test_accounts_with_unparsed_bytes_are_found_once(account):
    mailbox = factories.make_mailbox(account)
    for number in range(2):
        factories.make_email_from_bytes(mailbox, b"Subject: %d\r\n\r\nHello\r\n" % number)
    assert waiting.accounts_to_index() == []

    Email.objects.update(is_indexed=False)

    assert waiting.accounts_to_index() == [account.pk]


def test_connection_tests_are_found_when_no_worker_took_them(account):
    test = ConnectionTest(purpose=ConnectionTest.Purpose.CONNECT, user=account.user, settings={})
    credentials.seal_for_test(test, incoming="secret")
    test.save()
    assert waiting.forgotten_tests() == []

    ConnectionTest.objects.update(created_at=timezone.now() - timedelta(seconds=6))
    assert waiting.forgotten_tests() == [test.pk]

    ConnectionTest.objects.update(status=ConnectionTest.Status.RUNNING)
    assert waiting.forgotten_tests() == []


def test_bells_ring_once_in_a_while(monkeypatch):
    rung: list[tuple[str, int]] = []
    monkeypatch.setattr(dispatch, "wake", lambda task, row_id: rung.append((task, row_id)))
    now = 0.0
    bells = Bells(clock=lambda: now)

    assert bells.ring("sync.account", [1, 2]) == 2
    assert bells.ring("sync.account", [1, 3]) == 1
    assert bells.ring("journal.replay", [1]) == 1
    now = waiting.RING_AGAIN_S + 1
    assert bells.ring("sync.account", [1]) == 1

    assert rung == [
        ("sync.account", 1),
        ("sync.account", 2),
        ("sync.account", 3),
        ("journal.replay", 1),
        ("sync.account", 1),
    ]
