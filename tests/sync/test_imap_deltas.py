"""Deltas, cursors and guards of a visit, one mailbox at a time: what is asked, in how many round trips, and what is believed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import MailAccount
from tests.fakes.imap import FakeImapServer
from tests.sync.conftest import assert_in_step, fill, ids_in, inbox_of, keywords_of, letter, sync
from webmail.journal import entries
from webmail.journal.actions.keywords import set_keywords
from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.transport import Connection
from webmail.store import leases
from webmail.store.models import Email, Mailbox, Placement
from webmail.sync.actions import replay
from webmail.sync.connections import account_session
from webmail.sync.mailbox import imap, imap_deltas, plan
from webmail.sync.mailbox.imap_relink import MailboxParked

pytestmark = pytest.mark.django_db


@dataclass
class Wire:
    """Round trips (a read that follows a write) and bytes of all connections."""

    round_trips: int = 0
    received: int = 0
    has_written: bool = False


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    counted = Wire()
    read, write = Connection.read_some, Connection.write

    def read_some(self: Connection) -> bytes:
        counted.round_trips += counted.has_written
        counted.has_written = False
        data = read(self)
        counted.received += len(data)
        return data

    def written(self: Connection, data: bytes) -> None:
        counted.has_written = True
        write(self, data)

    monkeypatch.setattr(Connection, "read_some", read_some)
    monkeypatch.setattr(Connection, "write", written)
    return counted


@pytest.fixture
def condstore_server() -> Iterator[FakeImapServer]:
    with FakeImapServer(without={"QRESYNC"}) as running:
        yield running


@pytest.fixture
def plain_server() -> Iterator[FakeImapServer]:
    with FakeImapServer(without={"QRESYNC", "CONDSTORE"}) as running:
        yield running


def visit(account: MailAccount, **settings: object) -> imap.MailboxResult:
    """One look at INBOX."""
    lease = leases.take_lease("account:visit", owner="one", seconds=60)
    assert lease is not None
    try:
        with account_session(account) as session:
            return imap.sync_mailbox(session, inbox_of(account), lease, **settings)  # type: ignore[arg-type]
    finally:
        lease.release()


def claim_vanished(server: FakeImapServer, uids: bytes) -> None:
    """The next SELECT also claims that these are gone; behind [CLOSED], before which all is about the mailbox of before."""
    line = b"\r\n* VANISHED (EARLIER) " + uids + b"\r\n"
    server.faults.change_answer("SELECT", lambda data: data.replace(b"\r\n", line, 1))


def unpark(account: MailAccount) -> None:
    """The time for which a mailbox that made trouble is left alone has passed."""
    Mailbox.objects.filter(account=account).update(parked_until=None)


# What it costs --------------------------------------------------------------------------------------------------------


@pytest.mark.req("Y6")
def test_pass_over_nothing_new_is_one_round_trip(full_server, connect, wire):
    fill(full_server, 20)
    account = sync(connect(full_server), passes_made=2)
    wire.round_trips = 0

    sync(account)

    assert wire.round_trips == 1


@pytest.mark.req("Y7")
@pytest.mark.req("Y35")
@pytest.mark.parametrize(("kind", "most"), [("full_server", 2), ("condstore_server", 3)])
def test_one_flag_changed_elsewhere_costs_few_round_trips_and_bytes(request, connect, wire, kind, most):
    server = request.getfixturevalue(kind)
    uids = fill(server, 400)
    account = sync(connect(server), passes_made=2)
    server.store.change_flags(server.user, "INBOX", uids[:1], add=["\\Seen"])
    wire.round_trips = wire.received = 0

    sync(account)

    assert wire.round_trips <= most
    assert wire.received <= 2_000
    assert_in_step(account, server)


@pytest.mark.req("Y33")
def test_first_delta_after_the_listing_does_not_load_all_uids(full_server, connect, statements):
    uids = fill(full_server, 50)
    account = sync(connect(full_server))
    full_server.store.change_flags(full_server.user, "INBOX", uids[:1], add=["\\Seen"])
    statements.reads.clear()

    visit(account)

    assert not [sql for sql in statements.reads if 'ORDER BY "store_placement"."uid"' in sql]


# Following changes ----------------------------------------------------------------------------------------------------


@pytest.mark.req("Y36")
def test_one_in_and_one_out_without_qresync_is_found_by_search(condstore_server, connect):
    uids = fill(condstore_server, 20)
    account = sync(connect(condstore_server))
    condstore_server.store.expunge(condstore_server.user, "INBOX", uids[:1])
    fill(condstore_server, 1, first=90)
    condstore_server.faults.commands.clear()

    visit(account)

    assert condstore_server.faults.commands.count("UID SEARCH") == 1
    assert set(Placement.objects.values_list("uid", flat=True)) == set(range(2, 22))


@pytest.mark.req("Y37")
def test_every_flag_is_swept_within_an_hour_and_each_pass_is_bounded(plain_server, connect, monkeypatch, time_machine):
    monkeypatch.setattr(plan, "SWEEP_NEWEST", 5)
    uids = fill(plain_server, 100)
    time_machine.move_to(timezone.now(), tick=False)
    account = sync(connect(plain_server))
    plain_server.store.change_flags(plain_server.user, "INBOX", uids[:95], add=["\\Seen"])
    seen = []
    for _ in range(13):
        time_machine.shift(300)
        visit(account)
        seen.append(Placement.objects.filter(keywords="$seen").count())

    assert seen[-1] == 95
    assert all(after - before <= 10 for before, after in zip([0, *seen], seen, strict=False))


@pytest.mark.req("Y38")
@pytest.mark.parametrize("now", [b"NOMODSEQ", b"HIGHESTMODSEQ 0", b"HIGHESTMODSEQ 1"])
def test_modseq_that_is_absent_or_lower_means_a_full_comparison(full_server, connect, now):
    uids = fill(full_server, 20)
    account = sync(connect(full_server))
    full_server.store.change_flags(full_server.user, "INBOX", uids[:3], add=["\\Seen"])
    full_server.store.expunge(full_server.user, "INBOX", uids[5:6])
    full_server.faults.change_answer("SELECT", lambda data: re.sub(rb"HIGHESTMODSEQ \d+", now, data))

    visit(account)

    assert Placement.objects.filter(keywords="$seen").count() == 3
    assert Placement.objects.count() == 19


@pytest.mark.req("Y39")
@pytest.mark.req("Y43")
@pytest.mark.parametrize("kind", ["full_server", "condstore_server"])
def test_long_delta_goes_on_where_it_was_cut(request, connect, monkeypatch, kind):
    server = request.getfixturevalue(kind)
    monkeypatch.setattr(imap_deltas, "KEYWORD_CHUNK", 10)
    uids = fill(server, 60)
    account = sync(connect(server))
    for uid in uids:
        server.store.change_flags(server.user, "INBOX", [uid], add=["\\Seen"])
    before = inbox_of(account)

    first = visit(account, deadline=0.0)
    box = inbox_of(account)
    done = Placement.objects.filter(keywords="$seen").count()
    again = visit(account)

    assert (first.has_more, first.is_complete) == (True, False)
    assert done == 10
    assert box.highestmodseq == before.highestmodseq
    assert (box.delta_modseq or 0) > (before.highestmodseq or 0)
    assert again.is_complete
    assert again.written.changed == 50
    assert inbox_of(account).delta_modseq is None
    sync(account)
    assert_in_step(account, server)


@pytest.mark.req("Y39")
def test_delta_longer_than_memory_shows_the_newest_first_and_comes_in_slices(full_server, connect, monkeypatch):
    for module in ("mailboxes", "reading"):
        monkeypatch.setattr(f"webmail.protocols.imap.{module}.MAX_DELTA_ROWS", 10)
    monkeypatch.setattr(plan, "FAR_BEHIND_NEWEST", 5)
    uids = fill(full_server, 60)
    account = sync(connect(full_server))
    for uid in uids:
        full_server.store.change_flags(full_server.user, "INBOX", [uid], add=["\\Seen"])
    fill(full_server, 2, first=900)

    first = visit(account)
    seen = set(Placement.objects.filter(keywords="$seen").values_list("uid", flat=True))

    assert first.has_more
    assert set(uids[-5:]) <= seen
    assert set(uids[:10]) <= seen
    assert len(seen) < 60
    assert Placement.objects.count() == 62
    for _ in range(8):
        if not visit(account).has_more:
            break
    sync(account)
    assert_in_step(account, full_server)


@pytest.mark.req("Y40")
def test_mail_that_arrives_between_select_and_fetch_is_found(server, connect):
    fill(server, 10)
    account = sync(connect(server))
    fill(server, 1, first=80)
    server.faults.run_before("UID FETCH", lambda: fill(server, 1, first=81))

    sync(account, passes_made=2)

    assert_in_step(account, server)
    assert inbox_of(account).total_emails == 12


@pytest.mark.req("Y41")
@pytest.mark.parametrize("end", [b"NO [INUSE] busy", b"BAD what"])
def test_cursor_stays_when_a_range_it_covers_was_refused(condstore_server, connect, end):
    fill(condstore_server, 10)
    account = sync(connect(condstore_server))
    before = imap.cursor_of(inbox_of(account))
    fill(condstore_server, 2, first=80)
    condstore_server.faults.answer("UID FETCH", b"", end)

    sync(account)

    assert imap.cursor_of(inbox_of(account)) == before
    unpark(account)
    sync(account)
    assert_in_step(account, condstore_server)


@pytest.mark.req("Y42")
def test_gap_is_found_by_the_count(full_server, connect):
    fill(full_server, 10)
    account = sync(connect(full_server))
    Placement.objects.filter(uid=4).delete()
    Email.objects.filter(subject="Letter 4").delete()

    visit(account)

    assert set(Placement.objects.values_list("uid", flat=True)) == set(range(1, 11))


@pytest.mark.req("Y44")
def test_full_comparison_once_a_day_repairs_and_counts(full_server, connect, time_machine):
    fill(full_server, 10)
    time_machine.move_to(timezone.now(), tick=False)
    account = sync(connect(full_server))
    Placement.objects.filter(uid__in=[2, 3]).update(keywords="wrong")
    full_server.store.mailbox(full_server.user, "INBOX").messages[5].flags = frozenset({"\\Seen"})  # MODSEQ stays

    sync(account)
    assert inbox_of(account).repairs == 0
    time_machine.shift(24 * 3600 + 1)
    sync(account)

    box = inbox_of(account)
    assert box.repairs == 3
    assert box.reconciled_at == timezone.now()
    assert_in_step(account, full_server)


@pytest.mark.req("Y32")
def test_without_leave_to_list_new_mail_and_changes_come_all_the_same(full_server, connect, monkeypatch):
    monkeypatch.setattr(plan, "FIRST_BATCH", 5)
    monkeypatch.setattr(plan, "NEXT_BATCH", 5)
    uids = fill(full_server, 30)
    account = sync(connect(full_server))
    Mailbox.objects.filter(account=account).delete()
    Mailbox.objects.create(account=account, name="Inbox", role="inbox", remote_name="INBOX", delimiter="/")
    visit(account, deadline=0.0)
    fill(full_server, 1, first=90)
    full_server.store.change_flags(full_server.user, "INBOX", uids[-1:], add=["\\Flagged"])

    paused = visit(account, may_backfill=False)

    assert not paused.has_more
    assert not paused.is_complete
    assert set(Placement.objects.values_list("uid", "keywords")) == {
        *((uid, "") for uid in range(26, 30)),
        (30, "$flagged"),
        (31, ""),
    }


# What is gone ---------------------------------------------------------------------------------------------------------


@pytest.mark.req("Y46")
@pytest.mark.parametrize("claim", [b"1:26183,26185", b"12:*", b"3,x", b"1:4294967295", b"5,4000000000:4000000001,7"])
def test_vanished_that_is_too_wide_removes_no_live_mail(full_server, connect, claim):
    fill(full_server, 120)
    account = sync(connect(full_server))
    before = ids_in(inbox_of(account))
    full_server.store.expunge(full_server.user, "INBOX", [119])
    claim_vanished(full_server, claim)

    sync(account)

    # Single UIDs that look like any other claim are believed; the next pass finds them again.
    sync(account)
    assert Placement.objects.count() == 119
    del before["Letter 119"]
    assert ids_in(inbox_of(account)) == before
    assert_in_step(account, full_server)


@pytest.mark.req("Y46")
def test_vanished_of_uids_that_were_never_known_is_checked(full_server, connect):
    uids = fill(full_server, 20)
    full_server.store.expunge(full_server.user, "INBOX", uids[:5])
    account = sync(connect(full_server))
    full_server.store.expunge(full_server.user, "INBOX", [10])
    claim_vanished(full_server, b"1:9")
    full_server.faults.commands.clear()

    visit(account)

    assert "UID SEARCH" in full_server.faults.commands
    assert set(Placement.objects.values_list("uid", flat=True)) == {*range(6, 10), *range(11, 21)}


@pytest.mark.req("Y47")
@pytest.mark.parametrize("exists", [0, 3])
def test_number_of_messages_that_shrinks_without_expunge_removes_nothing(full_server, connect, exists):
    fill(full_server, 10)
    account = sync(connect(full_server))
    fill(full_server, 1, first=70)
    full_server.faults.change_answer("SELECT", lambda data: re.sub(rb"\d+ EXISTS", b"%d EXISTS" % exists, data))

    sync(account)
    assert inbox_of(account).total_emails >= 10
    unpark(account)
    sync(account)

    assert_in_step(account, full_server)


@pytest.mark.req("Y47")
def test_search_that_finds_too_little_is_replaced_by_the_flags_of_all(plain_server, connect):
    uids = fill(plain_server, 30)
    account = sync(connect(plain_server))
    plain_server.store.expunge(plain_server.user, "INBOX", uids[:1])
    plain_server.faults.answer("UID SEARCH", b"* SEARCH 5 6\r\n", times=2)

    visit(account)

    assert set(Placement.objects.values_list("uid", flat=True)) == set(range(2, 31))


@pytest.mark.req("Y49")
def test_orphans_stay_while_one_mailbox_could_not_be_looked_at(full_server, connect, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    uids = fill(full_server, 20)
    account = sync(connect(full_server))
    email_id = Email.objects.values_list("public_id", flat=True).get(subject="Letter 3")
    full_server.faults.refuse("SELECT", code="UNAVAILABLE", times=None, when=b'"Archive"')
    full_server.store.move(full_server.user, "INBOX", uids[2:3], "Archive")
    for _ in range(3):
        sync(account)
        time_machine.shift(200)
    assert Email.objects.filter(public_id=email_id, orphaned_at__isnull=False).exists()

    full_server.faults.clear()
    unpark(account)
    sync(account)

    assert Email.objects.get(subject="Letter 3").public_id == email_id
    assert_in_step(account, full_server)


@pytest.mark.req("Y50")
def test_row_written_while_the_server_was_asked_is_not_taken_for_gone(plain_server, connect):
    uids = fill(plain_server, 20)
    account = sync(connect(plain_server))
    box = inbox_of(account)
    email = Email.objects.get(subject="Letter 2")
    plain_server.store.expunge(plain_server.user, "INBOX", uids[:1])

    def meanwhile() -> None:  # replay learnt of a place that the answer of SEARCH is too old to name
        Placement.objects.create(mailbox=box, email=email, uidvalidity=box.uidvalidity, uid=77)

    search = imap.Visit.search

    def searched(self: imap.Visit) -> object:
        found = search(self)
        meanwhile()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imap.Visit, "search", searched)
        visit(account)

    assert Placement.objects.filter(uid=77).exists()
    assert not Placement.objects.filter(uid=1).exists()


# UIDVALIDITY ----------------------------------------------------------------------------------------------------------


@pytest.mark.req("Y52")
@pytest.mark.parametrize("value", [b"[UIDVALIDITY 0]", b"[UIDVALIDITY 4294967296]", b"[UIDVALIDITY -1]", b"[NOTHING]"])
def test_uidvalidity_without_sense_is_refused_and_reported(full_server, connect, value):
    fill(full_server, 5)
    account = sync(connect(full_server))
    before = imap.cursor_of(inbox_of(account))
    fill(full_server, 1, first=50)
    full_server.faults.change_answer("SELECT", lambda data: re.sub(rb"\[UIDVALIDITY \d+\]", value, data))

    with pytest.raises(PermanentlyRefused):
        visit(account)

    box = inbox_of(account)
    assert "numbering" in box.trouble
    assert imap.cursor_of(box) == before
    assert box.total_emails == 5
    sync(account)
    assert inbox_of(account).trouble == ""
    assert_in_step(account, full_server)


@pytest.mark.req("Y53")
def test_uidvalidity_that_changes_again_and_again_parks_the_mailbox(full_server, connect, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    fill(full_server, 10)
    account = sync(connect(full_server))
    before = ids_in(inbox_of(account))
    for _ in range(3):
        full_server.flip_uidvalidity()
        visit(account)
    full_server.flip_uidvalidity()

    with pytest.raises(MailboxParked):
        visit(account)
    with pytest.raises(MailboxParked):
        visit(account)

    box = inbox_of(account)
    assert box.parked_until == timezone.now() + timedelta(hours=1)
    assert "again and again" in box.trouble
    assert ids_in(box) == before
    time_machine.shift(3601)
    sync(account)
    assert (inbox_of(account).trouble, inbox_of(account).parked_until) == ("", None)
    assert ids_in(inbox_of(account)) == before
    assert_in_step(account, full_server)


@pytest.mark.req("Y53")
def test_pending_acts_follow_their_email_over_a_change_of_uidvalidity(server, connect):
    fill(server, 10)
    account = sync(connect(server))
    email = Email.objects.get(subject="Letter 4")
    set_keywords(None, [email], add=["$flagged"])
    server.store.expunge(server.user, "INBOX", [1])
    server.flip_uidvalidity()

    sync(account)
    assert "$flagged" in keywords_of(email)
    entries.retry_now(account.pk)
    replay.replay_account(account.pk)
    sync(account, passes_made=2)

    flagged = [one for one in server.store.mailbox(server.user, "INBOX").messages.values() if one.flags]
    assert [one.raw for one in flagged] == [letter(4)]
    assert keywords_of(email) == {"$flagged"}
    assert_in_step(account, server)


@pytest.mark.req("Y54")
@pytest.mark.parametrize("kind", ["full_server", "plain_server"])
def test_other_messages_under_the_same_uidvalidity_are_noticed(request, connect, kind, time_machine):
    server = request.getfixturevalue(kind)
    time_machine.move_to(timezone.now(), tick=False)
    fill(server, 12)
    account = sync(connect(server))
    before = ids_in(inbox_of(account))
    box = server.store.mailbox(server.user, "INBOX")
    messages = list(box.messages.values())[::-1]
    box.messages.clear()
    for uid, message in enumerate(messages, start=1):  # a restored server: same numbers, another order
        message.uid = uid
        box.messages[uid] = message

    time_machine.shift(24 * 3600 + 1)
    sync(account)

    assert ids_in(inbox_of(account)) == before
    assert Placement.objects.get(email__subject="Letter 12", mailbox=inbox_of(account)).uid == 1
    assert_in_step(account, server)


@pytest.mark.req("Y54")
def test_listing_anew_that_finds_nothing_is_held_and_reported(full_server, connect):
    fill(full_server, 10)
    account = sync(connect(full_server))
    full_server.store.expunge(full_server.user, "INBOX", range(1, 11))
    fill(full_server, 4, first=50)
    full_server.flip_uidvalidity()

    result = visit(account)

    assert result.is_held
    assert "not found again" in inbox_of(account).trouble
    assert Email.objects.filter(account=account, orphaned_at=None).count() == 14
    sync(account, passes_made=2)
    assert inbox_of(account).trouble == ""


# While users act ------------------------------------------------------------------------------------------------------


@pytest.mark.req("Y60")
def test_act_carried_out_while_the_server_was_asked_is_not_reverted(server, connect):
    fill(server, 10)
    account = sync(connect(server))
    email = Email.objects.get(subject="Letter 4")
    server.store.change_flags(server.user, "INBOX", [4], add=["\\Answered"])
    store: list[Callable[[], object]] = []

    def act_and_replay(self: imap.Visit, *args: object) -> object:
        if not store:
            store.append(replay.replay_account)
            set_keywords(None, [email], add=["$seen"])
            replay.replay_account(account.pk)
        return compare(self, *args)

    compare = imap.Visit._compare
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imap.Visit, "_compare", act_and_replay)
        visit(account)

    assert keywords_of(email) == {"$seen", "$answered"}
    sync(account, passes_made=2)
    assert keywords_of(email) == {"$seen", "$answered"}
    assert_in_step(account, server)
