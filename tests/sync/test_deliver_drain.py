"""Many submissions of one account: one kept session, several claims in a commit, and what concerns all of them at once."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import MailAccount, SentCopy
from tests.fakes.cutting_proxy import FROM_CLIENT, CuttingProxy
from tests.fakes.smtp import RecordingSmtpSink
from tests.outbox.letters import make_sender, submit
from tests.servers.ports import free_port
from tests.servers.process import wait_until
from webmail.outbox.models import Draft, Kind, Phase, Submission
from webmail.outbox.queue import control, delivery, moves, schedule, upkeep
from webmail.outbox.queue.unfinished import unfinished_of
from webmail.sync import admission, points
from webmail.sync.connections import close_kept_sessions
from webmail.sync.outgoing import deliver, lanes
from webmail.sync.outgoing.deliver import deliver_account, deliver_submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def sink() -> Iterator[RecordingSmtpSink]:
    with RecordingSmtpSink() as server:
        yield server
        close_kept_sessions()


def sender_at(port: int, **fields: object) -> MailAccount:
    """An account whose Sent copies are the server's matter, so that only SMTP is spoken."""
    account = make_sender(outgoing_port=port, **fields)
    MailAccount.objects.filter(pk=account.pk).update(sent_copy=SentCopy.SERVER)
    return MailAccount.objects.get(pk=account.pk)


def phases(account: MailAccount) -> list[str]:
    return list(Submission.objects.filter(account=account).order_by("id").values_list("phase", flat=True))


def subjects(sink: RecordingSmtpSink) -> list[str]:
    lines = [line for one in sink.messages for line in one.content.split(b"\r\n") if line.startswith(b"Subject:")]
    return [line.removeprefix(b"Subject: ").decode() for line in lines]


# One session --------------------------------------------------------------------------------------------------------


def test_all_that_is_due_leaves_in_order_over_one_session(sink):
    account = sender_at(sink.port)
    for number in range(40):
        submit(account, subject=f"Letter {number}")

    deliver_account(account.pk)

    assert phases(account) == [Phase.DONE] * 40
    assert subjects(sink) == [f"Letter {number}" for number in range(40)]
    assert sink.connection_count == 1


def test_session_is_kept_for_the_next_message_and_ends_with_quit(sink):
    account = sender_at(sink.port)
    for _ in range(3):
        submit(account)
        deliver_account(account.pk)
    assert sink.connection_count == 1
    assert b"QUIT\r\n" not in sink.commands
    close_kept_sessions()
    assert sink.commands[-1] == b"QUIT\r\n"


def test_session_that_was_idle_for_long_is_ended_without_being_asked(sink, monkeypatch):
    monkeypatch.setattr(admission, "KEEP_SMTP_S", 0.06)
    account = sender_at(sink.port)
    submit(account)
    gone = threading.Event()
    take = sink.take

    def watch(phase: str, line: bytes) -> object:
        if phase == "QUIT":
            gone.set()
        return take(phase, line)

    monkeypatch.setattr(sink, "take", watch)
    deliver_account(account.pk)
    assert gone.wait(5)


@pytest.mark.req("R65")
def test_kept_session_that_died_is_replaced_without_costing_a_try(sink):
    with CuttingProxy(port=sink.port) as proxy:
        account = sender_at(proxy.port)
        submit(account)
        deliver_account(account.pk)
        proxy.cut_after(FROM_CLIENT, b"MAIL FROM", reset=True)
        second = submit(account)
        deliver_account(account.pk)
    after = moves.reload(second)
    assert (after.phase, after.attempts) == (Phase.DONE, 1)
    assert sink.connection_count == 2
    assert len(sink.messages) == 2


@pytest.mark.parametrize("reply", [b"421 4.3.2 too many messages in this session", b"452 4.5.3 enough for one session"])
def test_server_that_ends_the_session_after_some_messages_gets_a_new_one(sink, reply):
    account = sender_at(sink.port)
    for _ in range(5):
        submit(account)
    sink.reply("MAIL", reply, when=b"unused", times=0)
    seen = []

    def after_two(name: str) -> None:
        seen.append(name)
        if seen.count("accepted") == 2 and name == "accepted":
            sink.reply("MAIL", reply)

    points.observer = after_two
    try:
        deliver_account(account.pk)
    finally:
        points.observer = None
    assert phases(account) == [Phase.DONE] * 5
    assert set(Submission.objects.values_list("attempts", flat=True)) == {1}
    assert sink.connection_count == 2
    assert len(sink.messages) == 5


@pytest.mark.req("R68")
def test_refused_message_does_not_keep_the_next_ones_from_the_session(sink):
    account = sender_at(sink.port)
    bad = submit(account, to="nobody@example.org")
    good = submit(account)
    sink.reply("RCPT", b"550 5.1.1 no such user", when=b"nobody@")
    deliver_account(account.pk)
    assert [moves.reload(one).phase for one in (bad, good)] == [Phase.FAILED, Phase.DONE]
    assert sink.connection_count == 1


def test_new_password_does_not_meet_an_old_session(sink):
    from accounts import credentials

    account = sender_at(sink.port, outgoing_username="alice@pillarbox.test", password=sink.password)
    submit(account)
    deliver_account(account.pk)
    credentials.store_secret(account, purpose="incoming", value=sink.password)
    submit(account)
    deliver_account(account.pk)
    assert sink.connection_count == 2
    assert [one.authenticated_as for one in sink.messages] == ["alice@pillarbox.test"] * 2


def test_what_the_server_offers_is_remembered_when_it_changes(sink):
    account = sender_at(sink.port)
    submit(account)
    deliver_account(account.pk)
    account.refresh_from_db()
    assert account.outgoing_offers["SIZE"] == "33554432"
    assert "DSN" not in account.outgoing_offers
    close_kept_sessions()
    sink.extensions.append("DSN")
    submit(account)
    deliver_account(account.pk)
    account.refresh_from_db()
    assert "DSN" in account.outgoing_offers


# Claims -------------------------------------------------------------------------------------------------------------


@pytest.mark.req("R69")
def test_next_try_of_each_claim_is_stored_before_it_is_sent(sink):
    account = sender_at(sink.port)
    for _ in range(6):
        submit(account)
    seen = []

    def look(name: str) -> None:
        if name == "envelope_accepted":
            row = Submission.objects.filter(account=account, phase=Phase.CLAIMED).order_by("id").first()
            seen.append((row.attempts, row.next_try_at > timezone.now() + timedelta(minutes=6)))

    points.observer = look
    try:
        deliver_account(account.pk)
    finally:
        points.observer = None
    assert seen == [(1, True)] * 6


@pytest.mark.req("R64")
def test_claims_of_a_dead_drain_are_free_again_after_their_lease_and_nothing_is_sent_twice(sink):
    account = sender_at(sink.port)
    for number in range(12):
        submit(account, subject=f"Letter {number}")

    class Died(BaseException):
        pass

    count = 0

    def die(name: str) -> None:
        nonlocal count
        count += name == "connected"
        if count == 5:
            points.observer = None
            raise Died

    points.observer = die
    try:
        with pytest.raises(Died):
            deliver_account(account.pk)
    finally:
        points.observer = None
    left = Submission.objects.filter(account=account, phase=Phase.CLAIMED)
    assert 0 < left.count() <= deliver.LARGEST_BATCH
    left.update(lease_until=timezone.now())
    upkeep.recover_expired_leases()
    deliver_account(account.pk)
    assert phases(account) == [Phase.DONE] * 12
    assert sorted(subjects(sink)) == sorted(f"Letter {number}" for number in range(12))


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R64")
@pytest.mark.fault("F12")
def test_two_workers_drain_one_account_and_each_message_leaves_once(sink, monkeypatch):
    """Two processes, as far as lanes are concerned."""
    account = sender_at(sink.port)
    for number in range(30):
        submit(account, subject=f"Letter {number}")
    monkeypatch.setattr(lanes.Lanes, "enter", lambda self, account_id: True)
    monkeypatch.setattr(lanes.Lanes, "leave", lambda self, account_id: [])
    monkeypatch.setattr(lanes.Lanes, "is_asked_again", lambda self, account_id: False)
    gate = threading.Barrier(2)

    def drain() -> None:
        try:
            gate.wait(10)
            deliver_account(account.pk)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=drain) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert phases(account) == [Phase.DONE] * 30
    assert sorted(subjects(sink)) == sorted(f"Letter {number}" for number in range(30))
    assert set(Submission.objects.values_list("attempts", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R64")
def test_claims_that_wait_their_turn_in_a_batch_are_kept_alive(sink, monkeypatch):
    monkeypatch.setattr(schedule, "LEASE_S", 1.0)
    monkeypatch.setattr(schedule, "LEASE_RENEWAL_S", 0.05)
    monkeypatch.setattr(deliver, "BATCH_S", 1_000.0)  # 1, 2 and then 4 claims at once however busy the machine is
    account = sender_at(sink.port)
    for _ in range(7):
        submit(account)
    slow = [0]
    leases = []

    def watch() -> None:
        try:
            sink.wait_for_messages(4)
            while (row := Submission.objects.filter(phase=Phase.CLAIMED).order_by("-id").first()) is not None:
                leases.append(row.lease_until)
                upkeep.recover_expired_leases()
        finally:
            connection.close()

    def delay(name: str) -> None:
        slow[0] += name == "accepted"
        if name == "accepted" and slow[0] == 3:
            sink.delay("DOT", 1.5)

    watcher = threading.Thread(target=watch)
    points.observer = delay
    watcher.start()
    try:
        deliver_account(account.pk)
    finally:
        points.observer = None
    watcher.join()
    assert len(set(leases)) > 3
    assert phases(account) == [Phase.DONE] * 7
    assert set(Submission.objects.values_list("attempts", flat=True)) == {1}


@pytest.mark.req("R73")
def test_message_behind_a_slow_one_can_still_be_taken_back(sink):
    account = sender_at(sink.port)
    slow, waiting = submit(account), submit(account, text="not yet")
    taken = []

    def look(name: str) -> None:
        if name == "body_written" and not taken:
            taken.append(control.cancel(moves.reload(waiting)))

    points.observer = look
    try:
        deliver_account(account.pk)
    finally:
        points.observer = None
    assert taken[0].text == "not yet"
    assert moves.reload(waiting).phase == Phase.CANCELLED
    assert moves.reload(slow).phase == Phase.DONE
    assert len(sink.messages) == 1


@pytest.mark.req("R65")
def test_process_that_is_to_end_finishes_its_message_and_gives_the_other_claims_back(sink, monkeypatch):
    monkeypatch.setattr(deliver, "BATCH_S", 1_000.0)
    account = sender_at(sink.port)
    for _ in range(8):
        submit(account)
    count = 0

    def stop(name: str) -> None:
        nonlocal count
        count += name == "body_written"
        if count == 4:
            lanes.close()

    points.observer = stop
    try:
        deliver_account(account.pk)
        assert len(sink.messages) == 4
        rows = Submission.objects.filter(account=account).exclude(phase__in=(Phase.ACCEPTED, Phase.DONE))
        assert set(rows.values_list("phase", "attempts", "lease_owner")) == {(Phase.QUEUED, 0, "")}
    finally:
        points.observer = None
        lanes.sending.is_closing = lanes.filing.is_closing = False
    deliver_account(account.pk)
    assert len(sink.messages) == 8


# Others -------------------------------------------------------------------------------------------------------------


def in_thread(account: MailAccount) -> threading.Thread:
    def work() -> None:
        try:
            deliver_account(account.pk)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R91")
def test_account_whose_server_hangs_holds_up_no_other(sink):
    with RecordingSmtpSink() as slow:
        slow.delay("EHLO", 1.5)
        hanging, other = sender_at(slow.port), sender_at(sink.port)
        first, second = submit(hanging), submit(other)
        thread = in_thread(hanging)
        wait_until(lambda: slow.commands, what="the slow server to be asked")
        deliver_account(other.pk)
        assert moves.reload(second).phase == Phase.DONE
        assert moves.reload(first).phase == Phase.CLAIMED
        thread.join()
        close_kept_sessions()
    assert moves.reload(first).phase == Phase.DONE


@pytest.mark.django_db(transaction=True)
def test_new_message_does_not_wait_for_the_answer_to_another_one(sink, monkeypatch):
    monkeypatch.setattr(lanes, "STUCK_AFTER_S", 0.0)
    sink.delay("DOT", 1.5)
    account = sender_at(sink.port)
    first = submit(account)
    thread = in_thread(account)
    sink.wait_for_messages(1)
    second = submit(account)
    deliver_submission(second.pk)
    assert moves.reload(second).phase == Phase.DONE
    assert moves.reload(first).phase == Phase.DOT_SENT
    thread.join()
    assert moves.reload(first).phase == Phase.DONE
    assert len(sink.messages) == 2


@pytest.mark.django_db(transaction=True)
def test_message_that_comes_during_a_drain_is_sent_by_it(sink):
    account = sender_at(sink.port)
    submit(account)
    late: list[Submission] = []

    def come(name: str) -> None:
        if name == "body_written" and not late:
            late.append(submit(account))
            deliver_submission(late[0].pk)  # as another thread would: it finds the account under way
            assert len(sink.messages) == 0

    points.observer = come
    try:
        deliver_account(account.pk)
    finally:
        points.observer = None
    assert moves.reload(late[0]).phase == Phase.DONE
    assert len(sink.messages) == 2
    assert sink.connection_count == 1


def test_statements_for_each_message_of_a_queue_are_few(sink, monkeypatch):
    monkeypatch.setattr(deliver, "BATCH_S", 1_000.0)
    account = sender_at(sink.port)
    for _ in range(63):  # 1 + 2 + 4 + 8 + 16 + 32 at once
        submit(account)
    with CaptureQueriesContext(connection) as captured:
        deliver_account(account.pk)
    assert phases(account) == [Phase.DONE] * 63
    assert len(captured) / 63 < 40


def test_queue_is_found_by_its_index_however_much_was_sent():
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL chooses by statistics")
    account = make_sender()
    due = unfinished_of(account.pk).filter(phase=Phase.QUEUED, next_try_at__lte=timezone.now())
    assert "outbox_open" in due.order_by("next_try_at", "id").explain()


# Trouble of the whole account ---------------------------------------------------------------------------------------


@pytest.mark.req("R69")
def test_server_that_is_away_costs_one_try_and_the_others_wait_with_it():
    account = sender_at(free_port())
    rows = [submit(account) for _ in range(4)]
    tried = []
    points.observer = lambda name: tried.append(name)
    try:
        deliver_account(account.pk)
    finally:
        points.observer = None
    first, *others = [moves.reload(row) for row in rows]
    assert tried == ["claimed"]
    assert (first.phase, first.attempts) == (Phase.RETRY, 1)
    for row in others:
        assert (row.phase, row.attempts) == (Phase.RETRY, 0)
        assert row.next_try_at == first.next_try_at
        assert row.first_try_at is not None  # its 48 hours run all the same
        assert "Nothing answers at this server and port" in row.last_reply


@pytest.mark.req("R69")
def test_each_message_is_given_up_when_its_own_time_is_over():
    account = sender_at(free_port())
    old, older, young = (submit(account, text=name) for name in ("old", "older", "young"))
    long_ago = timezone.now() - schedule.GIVE_UP_AFTER
    for row in (old, older):
        Submission.objects.filter(pk=row.pk).update(phase=Phase.RETRY, attempts=3, first_try_at=long_ago)
    deliver_account(account.pk)
    assert [moves.reload(row).phase for row in (old, older, young)] == [Phase.FAILED, Phase.FAILED, Phase.RETRY]
    assert set(Draft.objects.filter(account=account).values_list("text", flat=True)) == {"old", "older"}


def test_after_the_outage_everything_leaves(sink):
    account = sender_at(free_port())
    rows = [submit(account) for _ in range(3)]
    deliver_account(account.pk)
    MailAccount.objects.filter(pk=account.pk).update(outgoing_port=sink.port)
    Submission.objects.filter(account=account).update(next_try_at=timezone.now())
    deliver_account(account.pk)
    assert [moves.reload(row).phase for row in rows] == [Phase.DONE] * 3
    assert len(sink.messages) == 3


@pytest.mark.req("R76")
@pytest.mark.parametrize(
    ("phase", "reply"),
    [
        ("MAIL", b"550 5.4.5 Daily user sending limit exceeded."),
        ("RCPT", b"452 4.7.1 Error: hourly limit exceeded"),
        ("DATA", b"550 5.4.5 Daily user sending quota exceeded"),
        ("DOT", b"554 5.2.0 SubmissionQuotaExceeded"),
    ],
)
def test_sending_limit_of_the_provider_holds_the_account_up_and_fails_nobody(sink, phase, reply):
    sink.reply(phase, reply)
    account = sender_at(sink.port)
    rows = [submit(account) for _ in range(3)]
    deliver_account(account.pk)
    for row in map(moves.reload, rows):
        assert (row.phase, row.attempts, row.first_try_at) == (Phase.QUEUED, 0, None)
        assert row.next_try_at > timezone.now() + timedelta(hours=1)
        assert row.last_reply.startswith("Waits: the server takes no more from this account for now.")
    assert sink.messages == []
    assert not Draft.objects.filter(account=account).exists()
    Submission.objects.filter(account=account).update(next_try_at=timezone.now())
    deliver_account(account.pk)
    assert phases(account) == [Phase.DONE] * 3


@pytest.mark.req("R76")
def test_known_limit_of_the_provider_is_not_run_into(sink, monkeypatch):
    monkeypatch.setattr(deliver, "messages_per_day", lambda host, address: 3)
    account = sender_at(sink.port)
    rows = [submit(account) for _ in range(5)]
    deliver_account(account.pk)
    assert len(sink.messages) == 3
    waiting = [moves.reload(row) for row in rows[3:]]
    first = moves.reload(rows[0])
    for row in waiting:
        assert (row.phase, row.attempts) == (Phase.QUEUED, 0)
        assert row.next_try_at == first.accepted_at + delivery.DAY
        assert "takes 3 messages in 24 hours" in row.last_reply
    yesterday = timezone.now() - delivery.DAY - timedelta(minutes=1)
    Submission.objects.filter(pk__in=[row.pk for row in rows[:3]]).update(accepted_at=yesterday)
    Submission.objects.filter(account=account).update(next_try_at=timezone.now())
    deliver_account(account.pk)
    assert len(sink.messages) == 5


# What goes with the envelope ----------------------------------------------------------------------------------------


@pytest.mark.req("R68")
def test_reports_are_asked_for_where_the_server_offers_them(sink):
    sink.extensions.append("DSN")
    account = sender_at(sink.port)
    submission = submit(account)
    Submission.objects.filter(pk=submission.pk).update(notify="SUCCESS,FAILURE,DELAY")
    deliver_submission(submission.pk)
    assert "RET=HDRS" in sink.messages[0].mail_parameters
    assert f"ENVID={submission.public_id}" in sink.messages[0].mail_parameters
    (rcpt,) = [line for line in sink.commands if line.startswith(b"RCPT")]
    assert b"NOTIFY=SUCCESS,FAILURE,DELAY" in rcpt


def test_no_reports_are_asked_for_where_they_are_not_offered(sink):
    account = sender_at(sink.port)
    submission = submit(account)
    Submission.objects.filter(pk=submission.pk).update(notify="SUCCESS,FAILURE,DELAY")
    deliver_submission(submission.pk)
    assert "RET" not in sink.messages[0].mail_parameters
    assert not any(b"NOTIFY" in line for line in sink.commands)


def test_message_that_must_stay_encrypted_does_not_leave_without(sink):
    account = sender_at(sink.port)
    submission = submit(account)
    Submission.objects.filter(pk=submission.pk).update(requires_tls=True)
    deliver_submission(submission.pk)
    after = moves.reload(submission)
    assert after.phase == Phase.FAILED
    assert "encrypted" in after.last_reply
    assert sink.messages == []


def make_receipt(account: MailAccount) -> Submission:
    submission = submit(account)
    Submission.objects.filter(pk=submission.pk).update(kind=Kind.RECEIPT, mail_from="")
    return submission


def test_receipt_leaves_from_nobody_and_leaves_no_copy(sink):
    account = make_sender(outgoing_port=sink.port)  # its IMAP server does not answer: nobody may ask it
    receipt = make_receipt(account)
    deliver_submission(receipt.pk)
    after = moves.reload(receipt)
    assert after.phase == Phase.DONE
    assert sink.messages[0].sender == ""
    assert [event.phase for event in after.events.all()][-2:] == [Phase.ACCEPTED, Phase.DONE]


def test_receipt_that_is_refused_leaves_no_draft(sink):
    sink.reply("RCPT", b"550 5.1.1 no such user")
    receipt = make_receipt(sender_at(sink.port))
    deliver_submission(receipt.pk)
    after = moves.reload(receipt)
    assert after.phase == Phase.FAILED
    assert "drafts" not in after.last_reply
    assert not Draft.objects.filter(account=receipt.account).exists()
