"""Long work in turn: a first sync never takes all threads, and nobody is forgotten."""

from __future__ import annotations

import pytest

from accounts.models import MailAccount
from tests.sync.conftest import assert_in_step, fill, inbox_of, letter, sync
from webmail.journal.actions.keywords import set_keywords
from webmail.store.models import Email
from webmail.sync import passes, turns
from webmail.sync.turns import RESERVED_S, Turns

Woken = list[tuple[str, int]]


class Clock:
    """A clock the test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> Woken:
    """What was woken."""
    found: Woken = []
    monkeypatch.setattr(passes.dispatch, "wake", lambda task, row_id: found.append((task, row_id)))
    return found


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Turns:
    """A process in which another account (number 0) has the only turn."""
    made = Turns(1)
    monkeypatch.setattr(turns, "turns", made)
    assert made.begin(0)
    return made


@pytest.mark.req("Y84")
def test_two_threads_stay_free_of_long_work():
    made = Turns()
    made.set_threads(8)

    assert [made.begin(account_id) for account_id in range(7)] == [True] * 6 + [False]
    made.set_threads(1)
    assert made.begin(1)  # it is at it already


@pytest.mark.req("Y84")
def test_who_waits_longest_is_next_and_nobody_goes_before():
    made = Turns(1)
    assert made.begin(1)
    assert not made.begin(2)
    assert not made.begin(3)
    assert not made.begin(2)

    assert made.end(1) == 2
    assert not made.begin(1)  # it has more to do, and the turn is offered to another
    assert made.begin(2)
    assert made.end(2) == 3
    assert made.begin(3)
    assert made.end(3) == 1


@pytest.mark.req("Y84")
def test_turn_that_is_not_taken_goes_to_the_next():
    clock = Clock()
    made = Turns(1, clock=clock)
    made.begin(1)
    made.begin(2)
    made.end(1)
    assert not made.begin(3)

    clock.now += RESERVED_S

    assert made.begin(3)


@pytest.mark.req("Y84")
def test_account_that_does_not_want_to_wait_is_not_woken():
    made = Turns(1)
    made.begin(1)
    assert not made.begin(2, waits=False)

    assert made.end(1) is None


@pytest.mark.req("Y84")
@pytest.mark.django_db
def test_new_mail_and_acts_do_not_wait_for_a_turn(full_server, connect, busy, woken):
    uids = fill(full_server, 3)
    busy.end(0)
    account = sync(connect(full_server), passes_made=2)
    assert busy.begin(0)
    fill(full_server, 1, first=50)
    set_keywords(None, [Email.objects.get(subject="Letter 1")], add=["$flagged"])
    full_server.store.change_flags(full_server.user, "INBOX", uids[2:], add=["\\Seen"])

    passes.sync_mailbox(inbox_of(account).pk)

    assert Email.objects.get(subject="Letter 50").blob is not None
    assert_in_step(account, full_server)


@pytest.mark.req("Y84")
@pytest.mark.django_db
def test_first_sync_waits_for_its_turn_without_a_thread_and_is_woken_for_it(full_server, connect, busy, woken):
    fill(full_server, 5)
    account = connect(full_server)
    woken.clear()

    sync(account)

    assert Email.objects.count() == 0
    assert woken == []
    assert MailAccount.objects.get(pk=account.pk).state == "ok"

    assert busy.end(0) == account.pk
    sync(account)
    assert_in_step(account, full_server)


@pytest.mark.req("Y84")
@pytest.mark.django_db
def test_the_end_of_a_pass_wakes_who_waits(full_server, connect, monkeypatch, woken):
    made = Turns(1)
    monkeypatch.setattr(turns, "turns", made)
    fill(full_server, 3)
    full_server.faults.run_before("UID FETCH", lambda: made.begin(4711))

    sync(connect(full_server))

    assert ("sync.account", 4711) in woken


@pytest.mark.req("Y84")
@pytest.mark.django_db
def test_turn_of_a_pass_that_fails_is_given_back(full_server, connect, monkeypatch):
    made = Turns(1)
    monkeypatch.setattr(turns, "turns", made)
    fill(full_server, 3)
    full_server.faults.cut("UID FETCH", times=None)

    sync(connect(full_server))

    assert made.begin(0)


@pytest.mark.req("Y84")
@pytest.mark.django_db
def test_pop3_goes_on_a_little_without_a_turn(pop3_server, connect, busy, woken):
    for number in range(3):
        pop3_server.store.append(pop3_server.user, "INBOX", letter(number))

    sync(connect(pop3_server))

    assert Email.objects.count() == 3
    assert busy.end(0) is None
