"""R79: passes killed at random points, from a seed. Whatever was cut, the end is what a sync from nothing gives (Y95).

A kill is a `BaseException` that nothing of ours catches, raised at a named moment of `sync.points` or at a read from the network:
what was not committed is lost with it, as in a process that dies.
"""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import MailAccount
from tests.factories import make_account, make_user
from tests.fakes.imap import FakeImapServer
from tests.sync.conftest import SERVERS, assert_in_step, fill, local_state, sync
from tests.sync.test_imap_crashes import change_something
from webmail.journal import entries
from webmail.journal.actions.keywords import set_keywords
from webmail.protocols.transport import Connection
from webmail.store import leases
from webmail.store.models import Email, EmailKeyword, Mailbox
from webmail.sync import passes, points
from webmail.sync.connections import close_kept_sessions
from webmail.sync.mailbox import imap_deltas, imap_visit, plan

pytestmark = pytest.mark.django_db

VARIANTS = ("qresync", "condstore", "plain")
BOXES = ["INBOX", "Archive", "Trash"]
MOST_PASSES = 10  # pairs of them


class Killed(BaseException):
    """The end of the process."""


class Killer:
    """Raises once, at the n-th moment."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.left = 0
        self.kills = 0
        patch.setattr(points, "observer", lambda _: self.count())
        read = Connection.read_some

        def read_some(connection: Connection) -> bytes:
            self.count()
            return read(connection)

        patch.setattr(Connection, "read_some", read_some)

    def count(self) -> None:
        if self.left > 0:
            self.left -= 1
            if self.left == 0:
                self.kills += 1
                raise Killed

    def run(self, account: MailAccount, at: int) -> None:
        """A pass that dies at the moment `at`, if it comes so far; then what a new process finds."""
        self.left = at
        try:
            passes.sync_account(account.pk)
        except Killed:
            leases.Lease.objects.update(owner="")  # in life it ends by itself
            close_kept_sessions()
        finally:
            self.left = 0


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Killer:
    monkeypatch.setattr(plan, "FIRST_BATCH", 5)
    monkeypatch.setattr(plan, "NEXT_BATCH", 10)
    monkeypatch.setattr(imap_deltas, "KEYWORD_CHUNK", 5)
    monkeypatch.setattr(imap_visit, "KEYWORD_CHUNK", 5)
    return Killer(monkeypatch)


def run_killed(server: FakeImapServer, account: MailAccount, killer: Killer, rng: random.Random, rounds: int) -> None:
    """Other clients change mail, and passes are killed, in turn."""
    fill(server, 25)
    for number in range(rounds):
        for _ in range(rng.randint(1, 4)):
            change_something(rng, server, BOXES, first=1000 + number * 1000)
        if rng.random() < 0.1:
            server.flip_uidvalidity(rng.choice(BOXES))
        killer.run(account, rng.randint(1, 60))


def settle(account: MailAccount) -> None:
    """Passes until nothing is held for a second look, and nothing is fetched any more."""
    hours_pass(account)
    before = None
    for _ in range(MOST_PASSES):
        sync(account, passes_made=2)
        state = local_state(account)
        if state == before:
            return
        before = state
    raise AssertionError("it never comes to rest")


def hours_pass(account: MailAccount) -> None:
    """A mailbox whose UIDVALIDITY changed too often is looked at again (Y53), and without CONDSTORE all flags are (Y37)."""
    mailboxes = Mailbox.objects.filter(account=account)
    mailboxes.update(parked_until=None, uidvalidity_changes=[], synced_at=timezone.now() - timedelta(hours=2))


def assert_as_from_nothing(server: FakeImapServer, account: MailAccount) -> None:
    assert_in_step(account, server)
    fresh = make_account(
        make_user("fresh"),
        incoming_host=server.host,
        incoming_port=server.port,
        incoming_username=server.user,
        password=server.password,
    )
    settle(fresh)
    assert local_state(account) == local_state(fresh)


@pytest.mark.req("R79")
@pytest.mark.req("Y95")
@pytest.mark.parametrize("seed", range(13))
@pytest.mark.parametrize("variant", VARIANTS)
def test_passes_killed_at_random_points_end_like_a_sync_from_nothing(connect, killer, variant, seed):
    with FakeImapServer(**SERVERS[variant]) as server:
        account = connect(server)
        run_killed(server, account, killer, random.Random(f"{variant}{seed}"), rounds=3)
        settle(account)

        assert_as_from_nothing(server, account)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.req("R79")
@pytest.mark.parametrize("variant", VARIANTS)
def test_two_hundred_kills_end_like_a_sync_from_nothing(connect, killer, variant):
    rng = random.Random(f"long {variant}")
    with FakeImapServer(**SERVERS[variant]) as server:
        account = connect(server)
        while killer.kills < 200:
            hours_pass(account)
            run_killed(server, account, killer, rng, rounds=10)
        settle(account)

        assert_as_from_nothing(server, account)


def change_in_place(rng: random.Random, server: FakeImapServer, *, first: int) -> None:
    """Another client changes flags, removes and adds, but moves nothing: following a move is the task of replay (Y74)."""
    present = sorted(server.store.mailbox(server.user, "INBOX").messages)
    some = rng.sample(present, min(len(present), 3))
    if rng.random() < 0.5:
        server.store.change_flags(server.user, "INBOX", some[:2], add=["\\Seen", "theirs"])
    else:
        server.store.change_flags(server.user, "INBOX", some, remove=["\\Seen"])
    if rng.random() < 0.4:
        server.store.expunge(server.user, "INBOX", some[2:])
    if rng.random() < 0.4:
        fill(server, 2, first=first)


@pytest.mark.req("Y96")
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("variant", VARIANTS)
def test_any_interleaving_of_passes_kills_and_acts_converges(connect, killer, variant, seed):
    """Random remote changes and acts of the user, between and inside passes: in the end both are there."""
    rng = random.Random(f"acts {variant}{seed}")
    with FakeImapServer(**SERVERS[variant]) as server:
        fill(server, 20)
        account = sync(connect(server))
        wished: dict[int, set[str]] = {}
        for number in range(6):
            change_in_place(rng, server, first=1000 + number * 1000)
            email = rng.choice(list(Email.objects.filter(account=account, orphaned_at=None, placements__isnull=False)))
            # A word no other client uses: nobody else's change can be taken for ours.
            if rng.random() < 0.7:
                set_keywords(None, [email], add=["mine"])
                wished[email.pk] = {"mine"}
            else:
                set_keywords(None, [email], remove=["mine"])
                wished[email.pk] = set()
            killer.run(account, rng.randint(1, 80))
        account.refresh_from_db()
        for _ in range(3):
            entries.retry_now(account.pk)
            sync(account)

        assert_in_step(account, server)
        for pk, words in wished.items():
            if Email.objects.filter(pk=pk, orphaned_at=None).exists():
                held = set(EmailKeyword.objects.filter(email_id=pk, keyword="mine").values_list("keyword", flat=True))
                assert held == words
