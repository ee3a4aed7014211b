"""A pass that is stopped at any commit, or by any command of the server, and run again: same end, no doubles (R79 in small).

Whatever the sequence of stops, the end is what an untouched pass would have given (Y95).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import AccountState, MailAccount
from tests.fakes.imap import FakeImapServer
from tests.sync.conftest import assert_in_step, fill, inbox_of, sync
from webmail.store import changes, leases
from webmail.store.errors import LeaseLost
from webmail.store.models import Email, Mailbox, Placement
from webmail.sync import passes
from webmail.sync.connections import account_session
from webmail.sync.mailbox import imap, plan

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """The end of the process: nothing of ours catches it."""


class Countdown:
    """Raises at the n-th call, then never again."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.has_fired = False

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.has_fired = True
            raise Killed


@pytest.fixture
def kill_at_check(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Countdown]:
    """Ends the pass at the n-th lease check: inside a transaction, which is lost."""

    def arm(number: int) -> Countdown:
        countdown = Countdown(number)
        check = leases.HeldLease.check

        def checked(self: leases.HeldLease) -> None:
            check(self)
            countdown()

        monkeypatch.setattr(leases.HeldLease, "check", checked)
        return countdown

    return arm


@pytest.fixture
def kill_after_commit(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Countdown]:
    """Ends the pass right after the n-th recorded transaction."""

    def arm(number: int) -> Countdown:
        countdown = Countdown(number)
        plain = changes.recording

        class Recording:
            def __init__(self, account_id: int) -> None:
                self.inner = plain(account_id)

            def __enter__(self) -> Any:
                return self.inner.__enter__()

            def __exit__(self, *exc: Any) -> Any:
                result = self.inner.__exit__(*exc)
                if exc[0] is None:
                    countdown()
                return result

        monkeypatch.setattr(changes, "recording", Recording)
        return countdown

    return arm


def run_into(account: MailAccount, countdown: Countdown) -> None:
    """A pass into the trap; afterwards the trap is gone."""
    try:
        passes.sync_account(account.pk)
    except Killed:
        leases.Lease.objects.update(owner="")  # in life it ends by itself
    countdown.left = -1


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "FIRST_BATCH", 5)
    monkeypatch.setattr(plan, "NEXT_BATCH", 10)


@pytest.mark.req("R79")
@pytest.mark.req("Y31")
@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("number", range(1, 12))
@pytest.mark.parametrize("where", ["kill_at_check", "kill_after_commit"])
def test_first_pass_stopped_anywhere_ends_the_same(full_server, connect, request, where, number):
    fill(full_server, 30)
    fill(full_server, 4, mailbox="Sent", first=100)
    account = connect(full_server)
    countdown = request.getfixturevalue(where)(number)

    run_into(account, countdown)
    sync(account)

    assert_in_step(account, full_server)
    assert Email.objects.filter(account=account).count() == 34


@pytest.mark.req("R79")
@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("where", ["kill_at_check", "kill_after_commit"])
def test_delta_stopped_anywhere_ends_the_same(server, connect, request, where, number):
    uids = fill(server, 40)
    account = sync(connect(server))
    server.store.change_flags(server.user, "INBOX", uids[5:15], add=["\\Seen"])
    server.store.move(server.user, "INBOX", uids[:3], "Archive")
    server.store.expunge(server.user, "INBOX", uids[20:22])
    fill(server, 3, first=200)
    countdown = request.getfixturevalue(where)(number)

    run_into(account, countdown)
    sync(account)

    assert_in_step(account, server)
    assert Email.objects.filter(account=account).count() == 43


@pytest.mark.req("R79")
@pytest.mark.req("R80")
@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("where", ["kill_at_check", "kill_after_commit"])
def test_relinking_stopped_anywhere_ends_the_same(full_server, connect, request, where, number):
    fill(full_server, 30, flags=["\\Seen"])
    account = sync(connect(full_server))
    before = set(Email.objects.values_list("public_id", flat=True))
    full_server.flip_uidvalidity()
    countdown = request.getfixturevalue(where)(number)

    run_into(account, countdown)
    sync(account)

    assert_in_step(account, full_server)
    assert set(Email.objects.values_list("public_id", flat=True)) == before


@pytest.mark.req("Y53")
@pytest.mark.usefixtures("small_batches")
def test_uidvalidity_that_changes_during_the_first_listing(full_server, connect, kill_at_check):
    fill(full_server, 30)
    account = connect(full_server)
    countdown = kill_at_check(4)
    run_into(account, countdown)
    assert countdown.has_fired
    listed = Placement.objects.count()
    assert 0 < listed < 30
    ids = set(Email.objects.values_list("public_id", flat=True))

    full_server.flip_uidvalidity()
    sync(account)

    assert_in_step(account, full_server)
    assert ids <= set(Email.objects.values_list("public_id", flat=True))
    assert Email.objects.count() == 30


@pytest.mark.req("Y41")
@pytest.mark.parametrize("command", ["LIST", "SELECT", "UID SEARCH", "UID FETCH"])
@pytest.mark.parametrize("after_bytes", [0, 40, 900])
def test_connection_cut_in_an_answer(full_server, connect, command, after_bytes):
    fill(full_server, 30)
    account = connect(full_server)
    full_server.faults.cut_answer(command, after_bytes=after_bytes)

    sync(account)
    assert account.state in {AccountState.NEW, AccountState.OK, AccountState.FAILING}
    sync(account, passes_made=2)

    assert account.failures in {0, 1}
    assert_in_step(account, full_server)
    assert Email.objects.count() == 30


@pytest.mark.req("Y82")
@pytest.mark.req("R86")
def test_lost_lease_stops_writing(full_server, connect):
    fill(full_server, 5)
    account = connect(full_server)
    sync(account)
    fill(full_server, 2, first=50)
    lease = leases.take_lease("account:test", owner="one", seconds=-1)
    leases.take_lease("account:test", owner="two", seconds=60)
    assert lease is not None

    with account_session(account) as session, pytest.raises(LeaseLost):
        imap.sync_mailbox(session, inbox_of(account), lease)

    assert inbox_of(account).total_emails == 5


@pytest.mark.req("Y32")
@pytest.mark.usefixtures("small_batches")
def test_slices_bring_new_mail_and_flags_while_the_first_listing_goes_on(full_server, connect):
    fill(full_server, 60)
    account = sync(connect(full_server))
    Mailbox.objects.filter(account=account).delete()
    lease = leases.take_lease("account:slices", owner="one", seconds=60)
    assert lease is not None
    box = Mailbox.objects.create(account=account, name="Inbox", role="inbox", remote_name="INBOX", delimiter="/")

    with account_session(account) as session:
        first = imap.sync_mailbox(session, box, lease, deadline=0.0)
        full_server.store.change_flags(full_server.user, "INBOX", [60], add=["\\Flagged"])
        fill(full_server, 1, first=900)
        second = imap.sync_mailbox(session, box, lease, deadline=0.0)
        found = set(box.placements.values_list("uid", "keywords"))
        while imap.sync_mailbox(session, box, lease, deadline=0.0).has_more:
            pass

    assert first.has_more
    assert second.has_more
    assert {(60, "$flagged"), (61, "")} <= found
    assert box.placements.count() == 61


@pytest.mark.req("Y95")
def test_random_changes_by_another_client_converge(server, connect):
    """A seeded run of another client's changes between passes."""
    import random

    rng = random.Random(20260303)
    uids = fill(server, 60)
    account = sync(connect(server))
    boxes = ["INBOX", "Archive", "Trash"]
    for round_number in range(12):
        for _ in range(6):
            change_something(rng, server, boxes, first=1000 + round_number * 100)
        sync(account)
    sync(account, passes_made=2)

    assert uids
    assert_in_step(account, server)


def change_something(rng: Any, server: FakeImapServer, boxes: list[str], *, first: int) -> None:
    box = rng.choice(boxes)
    present = sorted(server.store.mailbox(server.user, box).messages)
    some = rng.sample(present, min(len(present), rng.randint(1, 3)))
    act = rng.randint(0, 3)
    if act == 0:
        flags = rng.sample(["\\Seen", "\\Flagged", "work"], 2)
        server.store.change_flags(server.user, box, some, add=flags[:1], remove=flags[1:])
    elif act == 1:
        server.store.move(server.user, box, some, rng.choice([other for other in boxes if other != box]))
    elif act == 2:
        server.store.expunge(server.user, box, some[:1])
    else:
        fill(server, 2, mailbox=box, first=first + rng.randint(0, 99_000))
