"""One submission to its server, whatever the server does. The sink is the judge of what was sent."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts import credentials
from accounts.models import AccountState, MailAccount, SentCopy
from tests.fakes.cutting_proxy import FROM_CLIENT, FROM_SERVER, CuttingProxy
from tests.fakes.smtp import RecordingSmtpSink
from tests.outbox.letters import make_sender, submit
from webmail import dispatch
from webmail.outbox.models import Draft, Phase, Submission
from webmail.outbox.queries import accounts_due
from webmail.outbox.queue import doubt, moves, schedule, upkeep
from webmail.protocols.smtp import timeouts
from webmail.sync import points
from webmail.sync.connections import close_kept_sessions
from webmail.sync.outgoing.deliver import deliver_submission, sweep_outbox

pytestmark = pytest.mark.django_db

BOB = "bob@example.org"


@pytest.fixture
def sink() -> Iterator[RecordingSmtpSink]:
    with RecordingSmtpSink() as server:
        yield server
        close_kept_sessions()


@pytest.fixture
def proxy(sink: RecordingSmtpSink) -> Iterator[CuttingProxy]:
    with CuttingProxy(port=sink.port) as server:
        yield server


def sender_at(port: int, **fields: object) -> MailAccount:
    """An account whose Sent copies are the server's matter, so that only SMTP is spoken."""
    account = make_sender(outgoing_port=port, **fields)
    MailAccount.objects.filter(pk=account.pk).update(sent_copy=SentCopy.SERVER)
    return MailAccount.objects.get(pk=account.pk)


def deliver(submission: Submission) -> Submission:
    deliver_submission(submission.pk)
    return moves.reload(submission)


def deliver_again(submission: Submission) -> Submission:
    Submission.objects.filter(pk=submission.pk).update(next_try_at=timezone.now())
    return deliver(submission)


@pytest.mark.req("R75")
def test_message_arrives_whole_once_and_without_bcc(sink):
    account = sender_at(sink.port)
    submission = submit(account, to=BOB, bcc="eve@example.org", text=".dot first\nHi")

    after = deliver(submission)
    deliver(submission)

    assert after.phase == Phase.DONE
    (received,) = sink.messages
    assert received.sender == account.address
    assert received.recipients == (BOB, "eve@example.org")
    assert b"eve@example.org" not in received.wire
    assert b"\r\n.dot first\r\nHi\r\n" in received.content
    assert submission.message_id.encode() in received.content
    assert [event.phase for event in after.events.all()] == [
        Phase.QUEUED,
        Phase.CLAIMED,
        Phase.DOT_SENT,
        Phase.ACCEPTED,
        Phase.DONE,
    ]


def test_same_bytes_are_sent_again_after_a_temporary_failure(sink, monkeypatch):
    seen = []
    sink.reply("DOT", b"451 4.3.0 later")
    monkeypatch.setattr(
        points, "observer", lambda name: seen.append(name) if name in {"dot_marked", "accepted"} else None
    )
    submission = submit(sender_at(sink.port))

    assert deliver(submission).phase == Phase.RETRY
    assert sink.messages == []
    assert deliver_again(submission).phase == Phase.DONE

    assert len(sink.messages) == 1
    assert seen == ["dot_marked", "dot_marked", "accepted"]


@pytest.mark.parametrize("direction", ["reply", "cut", "reset"])
@pytest.mark.parametrize("phase", ["CONNECT", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.req("R68")
def test_temporary_failure_in_any_phase_is_tried_again(sink, phase, direction):
    if direction == "reply":
        sink.reply(phase, b"421 4.3.2 try later" if phase == "CONNECT" else b"451 4.3.0 try later")
    else:
        sink.cut(phase, reset=direction == "reset")
    account = sender_at(sink.port, outgoing_username="alice@pillarbox.test", password=sink.password)
    submission = submit(account)

    after = deliver(submission)

    if phase == "DOT" and direction != "reply":
        assert after.phase == Phase.UNCONFIRMED
        return
    assert (after.phase, after.attempts) == (Phase.RETRY, 1)
    assert after.next_try_at > timezone.now() + timedelta(minutes=6)
    if direction == "reply":
        assert "try later" in after.last_reply
    assert deliver_again(submission).phase == Phase.DONE
    assert len(sink.messages) == 1


@pytest.mark.parametrize("phase", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.req("R68")
def test_permanent_refusal_in_any_phase_returns_the_draft_with_the_servers_words(sink, phase):
    sink.reply(phase, b"554 5.7.1 not today", times=2)
    if phase == "EHLO":
        sink.reply("HELO", b"554 5.7.1 not today")
    submission = submit(sender_at(sink.port), text="precious")

    after = deliver(submission)

    assert after.phase == Phase.FAILED
    assert "5.7.1 not today" in after.last_reply
    assert after.last_reply.startswith("Not sent. The message is back in your drafts.")
    assert Draft.objects.get(account=submission.account).text == "precious"
    assert sink.messages == []
    assert deliver_again(submission).phase == Phase.FAILED


@pytest.mark.req("R68")
def test_refused_password_stops_the_account_and_keeps_the_queue(sink):
    sink.requires_auth = True
    account = sender_at(sink.port, outgoing_username="alice@pillarbox.test", password="wrong")
    first, second = submit(account), submit(account)

    assert deliver(first).phase == Phase.RETRY
    assert deliver(second).phase == Phase.QUEUED

    account.refresh_from_db()
    assert account.state == AccountState.AUTH_FAILED
    assert "wrong user or password" in account.state_reason
    assert sum(line.startswith(b"AUTH") for line in sink.commands) == 1
    credentials.store_secret(account, purpose="incoming", value=sink.password)
    MailAccount.objects.filter(pk=account.pk).update(state=AccountState.OK)
    assert [deliver(first).phase, deliver(second).phase] == [Phase.DONE, Phase.DONE]
    assert len(sink.messages) == 2


@pytest.mark.req("R68")
def test_each_recipient_has_its_own_result_and_is_mailed_once(sink):
    sink.reply("RCPT", b"450 4.2.1 greylisted", when=b"carol@")
    sink.reply("RCPT", b"550 5.1.1 no such user", when=b"dave@")
    submission = submit(sender_at(sink.port), to=f"{BOB}, carol@example.org, dave@example.org")

    assert deliver(submission).phase == Phase.RETRY
    after = deliver_again(submission)

    assert after.phase == Phase.DONE
    assert [one.recipients for one in sink.messages] == [(BOB,), ("carol@example.org",)]
    results = {row.email: (row.status, row.reply) for row in after.recipients.all()}
    assert results["dave@example.org"] == ("refused", "550 5.1.1 no such user")
    assert results[BOB][0] == results["carol@example.org"][0] == "accepted"
    assert not Draft.objects.filter(account=submission.account).exists()


@pytest.mark.req("R68")
def test_when_all_recipients_are_refused_the_draft_comes_back(sink):
    sink.reply("RCPT", b"550 5.1.1 no such user", times=2)
    submission = submit(sender_at(sink.port), to=f"{BOB}, carol@example.org")
    assert deliver(submission).phase == Phase.FAILED
    assert Draft.objects.get(account=submission.account).to == f"{BOB}, carol@example.org"


@pytest.mark.req("R68")
def test_refused_and_delayed_recipients_are_told_apart_when_nobody_was_accepted(sink):
    sink.reply("RCPT", b"550 5.1.1 no such user", when=b"bob@")
    sink.reply("RCPT", b"450 4.2.1 greylisted", when=b"carol@")
    submission = submit(sender_at(sink.port), to=f"{BOB}, carol@example.org")
    assert deliver(submission).phase == Phase.RETRY
    assert deliver_again(submission).phase == Phase.DONE
    assert [one.recipients for one in sink.messages] == [("carol@example.org",)]


CUTS = {
    "at MAIL": (FROM_CLIENT, b"MAIL FROM", Phase.RETRY, 0),
    "at RCPT": (FROM_CLIENT, b"RCPT TO", Phase.RETRY, 0),
    "before 354": (FROM_SERVER, b"354", Phase.RETRY, 0),
    "mid body": (FROM_CLIENT, b"middle of the body", Phase.RETRY, 0),
    "after the dot": (FROM_CLIENT, b"\r\n.\r\n", Phase.UNCONFIRMED, 1),
    "before 250": (FROM_SERVER, b"250 2.0.0 queued", Phase.UNCONFIRMED, 1),
}


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("name", CUTS)
@pytest.mark.req("R65")
@pytest.mark.fault("F2")
def test_line_cut(sink, proxy, name, reset):
    """R65 F2 I1 I2: doubt only where there is doubt, and never a second copy."""
    direction, pattern, expected, arrived = CUTS[name]
    cut = proxy.cut_before if direction == FROM_SERVER else proxy.cut_after
    cut(direction, pattern, reset=reset)
    submission = submit(sender_at(proxy.port), text="the middle of the body\n" * 3)

    after = deliver(submission)

    assert after.phase == expected
    if name == "before 250" or (arrived and not reset):
        sink.wait_for_messages(arrived)
    after = deliver_again(submission)
    if expected == Phase.UNCONFIRMED:
        assert after.phase == Phase.UNCONFIRMED
        assert len(sink.messages) <= 1
        assert after.last_reply.startswith("Perhaps sent")
    else:
        assert after.phase == Phase.DONE
        assert len(sink.messages) == 1


@pytest.mark.parametrize("is_second_try", [False, True])
@pytest.mark.req("R66")
@pytest.mark.fault("F2")
def test_doubt_about_some_recipients_loses_nothing_for_those_put_off_before(sink, is_second_try):
    """R66 R68 F2 I1 I2: bob's was handed over and the answer lost, carol was put off."""
    account = sender_at(sink.port)
    submission = submit(account, to="bob@example.org, carol@example.org")
    if is_second_try:  # bob was put off then too: the old answer must not count now
        sink.reply("RCPT", b"450 4.2.1 later", times=2)
        assert deliver(submission).phase == Phase.RETRY
    sink.reply("RCPT", b"450 4.2.1 greylisted", when=b"carol@")
    sink.cut_after_dot()
    assert deliver_again(submission).phase == Phase.UNCONFIRMED

    assert doubt.resolve_unconfirmed(moves.reload(submission), sent=True)

    after = moves.reload(submission)
    assert after.phase == Phase.RETRY
    assert dict(after.recipients.values_list("email", "status")) == {BOB: "accepted", "carol@example.org": "waiting"}
    assert deliver(submission).phase == Phase.DONE
    assert [received.recipients for received in sink.messages] == [(BOB,), ("carol@example.org",)]


@pytest.mark.req("R67")
def test_line_that_closes_after_the_answer_to_the_dot_costs_the_next_message_nothing(sink):
    account = sender_at(sink.port)
    first, second = submit(account), submit(account)
    sink.reply("DOT", b"250 ok\n421 4.4.2 enough")

    deliver(first)
    deliver(second)

    assert [moves.reload(one).phase for one in (first, second)] == [Phase.DONE, Phase.DONE]
    assert len(sink.messages) == 2
    assert moves.reload(second).attempts == 1


@pytest.mark.parametrize("how", ["421", "cut", "reset"])
@pytest.mark.req("R67")
def test_trouble_at_quit_is_success(sink, how):
    """R67 F2 I2."""
    if how == "421":
        sink.refuse_quit()
    else:
        sink.cut("QUIT", reset=how == "reset")
    submission = submit(sender_at(sink.port))
    assert deliver(submission).phase == Phase.DONE
    close_kept_sessions()  # QUIT comes when a session is no longer wanted
    assert sink.commands[-1] == b"QUIT\r\n"
    assert deliver_again(submission).phase == Phase.DONE
    assert len(sink.messages) == 1


@pytest.mark.req("R70")
def test_slow_final_answer_is_waited_for(sink, monkeypatch):
    """R70 F2: 250 after a while, with all waits scaled: 600 s become 3 s."""
    monkeypatch.setattr(timeouts, "SCALE", 0.005)
    sink.delay("DOT", 0.5)
    assert deliver(submit(sender_at(sink.port))).phase == Phase.DONE


@pytest.mark.req("R65")
def test_answer_that_takes_too_long_leaves_doubt(sink, monkeypatch):
    """R65 F2: 250 later than the limit."""
    monkeypatch.setattr(timeouts, "SCALE", 0.0005)
    sink.delay("DOT", 1.5)
    assert deliver(submit(sender_at(sink.port))).phase == Phase.UNCONFIRMED


@pytest.mark.req("R64")
def test_worker_that_lost_its_claim_writes_no_dot(sink, monkeypatch):
    submission = submit(sender_at(sink.port))

    def lose(name: str) -> None:
        if name == "body_written":
            Submission.objects.filter(pk=submission.pk).update(lease_owner="another")

    monkeypatch.setattr(points, "observer", lose)
    assert deliver(submission).phase == Phase.CLAIMED
    assert sink.messages == []


@pytest.mark.req("R65")
def test_dot_is_marked_before_it_is_written(sink, monkeypatch):
    submission = submit(sender_at(sink.port))
    seen = {}

    def look(name: str) -> None:
        seen[name] = (Submission.objects.get(pk=submission.pk).phase, len(sink.messages))

    monkeypatch.setattr(points, "observer", look)
    deliver(submission)
    assert seen["body_written"] == (Phase.CLAIMED, 0)
    assert seen["dot_marked"] == (Phase.DOT_SENT, 0)
    assert seen["dot_answered"] == (Phase.DOT_SENT, 1)


def test_message_too_large_for_the_server_fails_with_figures(sink):
    sink.extensions = ["SIZE 200", "8BITMIME"]
    submission = submit(sender_at(sink.port), text="x" * 500)
    after = deliver(submission)
    assert after.phase == Phase.FAILED
    assert "the mail server accepts 200." in after.last_reply
    assert sink.messages == []


def test_address_that_needs_smtputf8_fails_where_it_is_missing(sink):
    sink.extensions = ["SIZE 1000000", "8BITMIME"]
    assert deliver(submit(sender_at(sink.port), to="bücher@example.org")).phase == Phase.FAILED
    sink.extensions.append("SMTPUTF8")
    assert deliver(submit(sender_at(sink.port), to="bücher@example.org")).phase == Phase.DONE
    assert "SMTPUTF8" in sink.messages[0].mail_parameters


def test_sweep_finds_all_that_is_due(monkeypatch):
    woken = []
    monkeypatch.setattr(dispatch, "wake", lambda task, *ids: woken.append((task, *ids)))
    account = make_sender()
    _queued, retried, held, accepted, later, doubtful, claimed = (submit(account) for _ in range(7))
    now = timezone.now()
    past, future = now - timedelta(seconds=1), now + timedelta(hours=1)
    rows = [
        (retried, {"phase": Phase.RETRY, "next_try_at": past}),
        (held, {"phase": Phase.HELD, "send_at": past}),
        (accepted, {"phase": Phase.ACCEPTED, "next_try_at": past}),
        (later, {"phase": Phase.RETRY, "next_try_at": future}),
        (doubtful, {"phase": Phase.UNCONFIRMED, "next_try_at": past}),
        (claimed, {"phase": Phase.CLAIMED, "lease_owner": "dead", "lease_until": past, "attempts": 1}),
    ]
    for row, values in rows:
        Submission.objects.filter(pk=row.pk).update(**values)
    woken.clear()

    count = sweep_outbox()

    assert count == 1
    assert ("outbox.deliver_account", account.pk) in woken
    assert accounts_due() == [account.pk]


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R64")
def test_claim_of_a_living_worker_does_not_end(sink, monkeypatch):
    monkeypatch.setattr(schedule, "LEASE_S", 0.3)
    monkeypatch.setattr(schedule, "LEASE_RENEWAL_S", 0.05)
    sink.delay("DOT", 1.0)
    submission = submit(sender_at(sink.port))
    leases = []

    def watch() -> None:
        try:
            sink.wait_for_messages(1)
            while (row := Submission.objects.get(pk=submission.pk)).phase == Phase.DOT_SENT:
                leases.append(row.lease_until)
                upkeep.recover_expired_leases()
        finally:
            connection.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert deliver(submission).phase == Phase.DONE
    watcher.join()
    assert len(set(leases)) > 3
    assert not submission.events.filter(phase=Phase.UNCONFIRMED).exists()
