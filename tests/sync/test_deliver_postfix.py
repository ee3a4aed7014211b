"""Outgoing mail through a real Postfix, with what it answers to recipients, sizes and connections; Dovecot is the judge."""

import functools
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import MailAccount, SentCopy
from tests.outbox.letters import make_sender, submit
from tests.protocols.loopback import LOOPBACK
from tests.servers.dovecot import DovecotServer, MailUser
from tests.servers.greylisting import Greylisting
from tests.servers.postfix import PostfixServer
from tests.servers.process import wait_until
from webmail.mime.compose import without_bcc
from webmail.outbox.models import Draft, Phase, Submission
from webmail.outbox.queue import moves, schedule, upkeep
from webmail.protocols.login import Login
from webmail.protocols.pop3 import session as pop3
from webmail.protocols.smtp import session as smtp
from webmail.protocols.transport import Endpoint, Security
from webmail.store import blobs
from webmail.sync.connections import close_kept_sessions
from webmail.sync.outgoing import servers
from webmail.sync.outgoing.deliver import deliver_account, deliver_submission

pytestmark = [pytest.mark.django_db, pytest.mark.live]

Start = Callable[[Callable[[], PostfixServer]], PostfixServer]
ARRIVES_WITHIN_S = 20.0


@pytest.fixture
def connect(dovecot: DovecotServer, settings) -> Iterator[Callable[..., MailAccount]]:
    """An account that sends through a Postfix; Sent copies are the server's matter, so that only SMTP is spoken."""

    def make(postfix: PostfixServer, *, user: MailUser | None = None, **fields: object) -> MailAccount:
        settings.EXTRA_CA_FILE = postfix.ca_file
        sender = user or dovecot.new_user("sender")
        choices = {
            "outgoing_port": postfix.port,
            "outgoing_security": "starttls",
            "outgoing_username": sender.name,
            "password": sender.password,
        }
        account = make_sender(address=sender.address, outgoing_host="localhost", **choices | fields)
        MailAccount.objects.filter(pk=account.pk).update(sent_copy=SentCopy.SERVER)
        return MailAccount.objects.get(pk=account.pk)

    yield make
    close_kept_sessions()
    servers.forget()


def deliver(submission: Submission) -> Submission:
    """A try now, whatever the schedule says."""
    Submission.objects.filter(pk=submission.pk).update(next_try_at=timezone.now())
    deliver_submission(submission.pk)
    return moves.reload(submission)


def messages_of(dovecot: DovecotServer, user: MailUser) -> list[bytes]:
    """What Dovecot holds for a user, byte for byte."""
    endpoint = Endpoint("127.0.0.1", dovecot.pop3_port, Security.PLAIN, allow_networks=LOOPBACK)
    with pop3.open_session(endpoint, Login(user.name, user.password)) as session:
        return [raw for _, raw in session.retrieve_many(list(session.sizes()), max_bytes=40_000_000)]


def arrived(dovecot: DovecotServer, user: MailUser, count: int = 1) -> list[bytes]:
    """The same, once there are so many."""
    wait_until(lambda: len(messages_of(dovecot, user)) >= count, what="the mail to arrive", timeout_s=ARRIVES_WITHIN_S)
    return messages_of(dovecot, user)


def wait_for_empty_queue(postfix: PostfixServer) -> None:
    """Until all that Postfix has accepted is delivered."""
    queues = [postfix.directory / "queue" / name for name in ("maildrop", "incoming", "active", "deferred")]
    wait_until(
        lambda: not any(one.is_file() for queue in queues for one in queue.rglob("*")),
        what="Postfix to deliver everything",
        timeout_s=ARRIVES_WITHIN_S,
    )


def results(submission: Submission) -> dict[str, str]:
    return dict(submission.recipients.values_list("email", "status"))


@pytest.mark.req("R68")
def test_each_recipient_has_a_result_and_who_was_accepted_is_not_mailed_again(connect, start_server, dovecot):
    postfix = start_server(functools.partial(PostfixServer, dovecot))
    taken, later, refused = (dovecot.new_user(name) for name in ("taken", "later", "refused"))
    postfix.answer_recipients(
        {later.address: "450 4.2.1 the mailbox is busy", refused.address: "550 5.7.1 not from you"}
    )
    submission = submit(connect(postfix), to=f"{taken.address}, {later.address}, {refused.address}")

    first = deliver(submission)
    assert first.phase == Phase.RETRY
    assert results(first) == {taken.address: "accepted", later.address: "waiting", refused.address: "refused"}
    answers = dict(first.recipients.values_list("email", "reply"))
    assert "the mailbox is busy" in answers[later.address]
    assert "not from you" in answers[refused.address]
    arrived(dovecot, taken)

    close_kept_sessions()  # the next smtpd reads the answers anew
    postfix.answer_recipients({refused.address: "550 5.7.1 not from you"})
    after = deliver(submission)
    assert after.phase == Phase.DONE
    assert results(after) == {taken.address: "accepted", later.address: "accepted", refused.address: "refused"}
    arrived(dovecot, later)
    wait_for_empty_queue(postfix)
    assert [len(messages_of(dovecot, user)) for user in (taken, later, refused)] == [1, 1, 0]


@pytest.mark.req("R68")
@pytest.mark.req("R69")
@pytest.mark.parametrize("answer", ["451 4.3.0 try later", "452 4.2.2 mailbox full", "421 4.3.2 too busy"])
def test_a_temporary_refusal_of_everybody_waits_and_one_of_nobody_sends_once(answer, connect, postfix, dovecot):
    friend = dovecot.new_user("friend")
    postfix.answer_recipients({friend.address: answer})
    submission = submit(connect(postfix), to=friend.address)

    first = deliver(submission)
    assert (first.phase, first.attempts) == (Phase.RETRY, 1)
    assert answer.split(" ", 2)[2] in first.last_reply
    assert first.next_try_at > timezone.now() + timedelta(minutes=6)

    close_kept_sessions()
    postfix.answer_recipients({})
    assert deliver(submission).phase == Phase.DONE
    assert deliver(submission).phase == Phase.DONE
    wait_for_empty_queue(postfix)
    assert len(arrived(dovecot, friend)) == 1


@pytest.mark.req("R68")
@pytest.mark.parametrize("answer", ["550 5.1.1 unknown here", "552 5.2.2 over quota", "554 5.7.1 blocked"])
def test_a_refusal_for_good_comes_back_as_a_draft_with_the_servers_words(answer, connect, postfix, dovecot):
    friend = dovecot.new_user("friend")
    postfix.answer_recipients({friend.address: answer})
    account = connect(postfix)

    after = deliver(submit(account, to=friend.address, text="precious"))

    postfix.answer_recipients({})
    assert after.phase == Phase.FAILED
    assert "The server said: “" + answer.rsplit(" ", 2)[0][:9] in after.last_reply
    assert answer[10:] in after.last_reply
    assert Draft.objects.get(account=account).text == "precious"
    assert messages_of(dovecot, friend) == []


@pytest.mark.req("R69")
def test_a_greylisted_message_is_delivered_once_at_the_second_try(connect, start_server, dovecot):
    greeted, kept_waiting = dovecot.new_user("greeted"), dovecot.new_user("waiting")
    with Greylisting(recipients=frozenset({kept_waiting.address})) as greylisting:
        postfix = start_server(functools.partial(PostfixServer, dovecot, policy_port=greylisting.port))
        submission = submit(connect(postfix), to=f"{greeted.address}, {kept_waiting.address}")

        first = deliver(submission)
        assert (first.phase, first.attempts) == (Phase.RETRY, 1)
        assert results(first) == {greeted.address: "accepted", kept_waiting.address: "waiting"}
        assert "Greylisted" in first.recipients.get(email=kept_waiting.address).reply
        wait_s = (first.next_try_at - timezone.now()).total_seconds()
        assert 0.8 * schedule.WAITS_S[0] < wait_s < 1.2 * schedule.WAITS_S[0]

        assert deliver(submission).phase == Phase.DONE
        deliver(submission)
        wait_for_empty_queue(postfix)
    assert len(arrived(dovecot, greeted)) == len(arrived(dovecot, kept_waiting)) == 1
    assert {pair[1]: count for pair, count in greylisting.seen.items()} == {greeted.address: 1, kept_waiting.address: 2}


@pytest.mark.req("R68")
def test_a_message_above_the_servers_size_is_refused_before_its_body(connect, start_server, dovecot):
    postfix = start_server(functools.partial(PostfixServer, dovecot, message_size_limit=20_000))
    friend = dovecot.new_user("friend")
    account = connect(postfix)

    after = deliver(submit(account, to=friend.address, text="word " * 8_000))
    assert after.phase == Phase.FAILED
    assert "20000" in after.last_reply.replace(",", "")
    assert Draft.objects.filter(account=account).exists()
    assert deliver(submit(account, to=friend.address, text="short")).phase == Phase.DONE
    assert b"short" in arrived(dovecot, friend)[0]


@pytest.mark.req("R33")
@pytest.mark.parametrize("has_login", [True, False])
def test_a_server_that_wants_tls_gets_it_or_nothing(has_login, connect, start_server, dovecot):
    postfix = start_server(functools.partial(PostfixServer, dovecot, requires_tls=True))
    friend = dovecot.new_user("friend")
    login = {} if has_login else {"outgoing_username": "", "password": ""}

    plain = deliver(
        submit(connect(postfix, outgoing_security="plain", **login), to=friend.address, text="in the clear")
    )
    assert plain.phase == Phase.FAILED
    assert "encrypt" in plain.last_reply.lower() or "STARTTLS" in plain.last_reply
    assert messages_of(dovecot, friend) == []

    assert deliver(submit(connect(postfix), to=friend.address, text="kept secret")).phase == Phase.DONE
    assert b"kept secret" in arrived(dovecot, friend)[0]
    implicit = connect(postfix, outgoing_security="tls", outgoing_port=postfix.tls_port)
    assert deliver(submit(implicit, to=friend.address)).phase == Phase.DONE
    assert len(arrived(dovecot, friend, 2)) == 2


@pytest.mark.req("R68")
def test_a_message_that_requires_tls_all_the_way_does_not_leave_by_a_server_that_cannot_promise_it(
    connect, postfix, dovecot
):
    """RFC 8689: Postfix 3.7 offers no REQUIRETLS, so the message stays here although this connection is encrypted."""
    friend = dovecot.new_user("friend")
    submission = submit(connect(postfix), to=friend.address)
    Submission.objects.filter(pk=submission.pk).update(requires_tls=True)
    after = deliver(submission)
    assert after.phase == Phase.FAILED
    assert "The mail server cannot promise that the message stays encrypted." in after.last_reply
    assert messages_of(dovecot, friend) == []


@pytest.mark.req("R69")
def test_a_server_that_is_down_for_hours_gets_the_message_once_and_the_user_is_told(connect, start_server, dovecot):
    postfix = start_server(functools.partial(PostfixServer, dovecot))
    friend = dovecot.new_user("friend")
    submission = submit(connect(postfix), to=friend.address)
    began = timezone.now()
    postfix.stop()
    row = submission
    with time_machine.travel(began, tick=True) as clock:
        deliver_submission(submission.pk)
        row = moves.reload(submission)
        assert row.last_reply
        while row.next_try_at < began + timedelta(hours=2):
            assert row.phase == Phase.RETRY
            clock.move_to(row.next_try_at + timedelta(seconds=1))
            deliver_submission(submission.pk)
            upkeep.tell_delayed()
            row = moves.reload(submission)
        assert row.told_delayed_at is None
        clock.move_to(began + timedelta(hours=2, minutes=1))
        upkeep.tell_delayed()
        assert moves.reload(submission).told_delayed_at is not None

        postfix.start()
        clock.move_to(row.next_try_at + timedelta(seconds=1))
        deliver_submission(submission.pk)
        after = moves.reload(submission)
        deliver_submission(submission.pk)
    assert after.phase == Phase.DONE
    assert after.attempts == row.attempts + 1 >= 5
    assert any("delayed" in event.text.lower() for event in after.events.all())
    wait_for_empty_queue(postfix)
    assert len(arrived(dovecot, friend)) == 1


def test_several_messages_travel_over_one_connection(connect, start_server, dovecot):
    postfix = start_server(functools.partial(PostfixServer, dovecot))
    friend = dovecot.new_user("friend")
    account = connect(postfix)
    submissions = [submit(account, to=friend.address, text=f"number {number}") for number in range(6)]

    deliver_account(account.pk)

    assert {moves.reload(one).phase for one in submissions} == {Phase.DONE}
    raws = arrived(dovecot, friend, len(submissions))
    assert sorted(raw.split(b"number ")[1][:1] for raw in raws) == [b"%d" % number for number in range(6)]
    # Each connection has an smtpd of its own, each message a line.
    wait_until(lambda: len(postfix.log_lines(": client=")) == len(submissions), what="the log")
    assert len({line.split("smtpd[")[1].split("]")[0] for line in postfix.log_lines(": client=")}) == 1


@pytest.mark.req("R65")
def test_a_kept_connection_that_postfix_has_ended_with_421_costs_no_try(connect, start_server, dovecot):
    def make_impatient() -> PostfixServer:
        server = PostfixServer(dovecot)
        server.configure(smtpd_timeout="2s")
        return server

    postfix = start_server(make_impatient)
    friend = dovecot.new_user("friend")
    account = connect(postfix)
    first = deliver(submit(account, to=friend.address))
    assert first.phase == Phase.DONE, first.last_reply + postfix.log_tail()
    wait_until(lambda: postfix.log_lines("timeout after"), what="Postfix to give up", timeout_s=ARRIVES_WITHIN_S)

    after = deliver(submit(account, to=friend.address))

    assert (after.phase, after.attempts) == (Phase.DONE, 1)
    wait_for_empty_queue(postfix)
    assert len(arrived(dovecot, friend, 2)) == 2


# The bytes ------------------------------------------------------------------------------------------------------------

AWKWARD = (
    b".\r\n..\r\n...three\r\n.\nlone LF before\rlone CR before\n.\n\r.\r\n"
    + "Zwölf Boxkämpfer, 8 bit: ÄÖÜ ß € 日本語\r\n".encode()
    + b"x" * 998
    + b"\r\n"
    + b"y" * 2_500
    + b"\r\n.\r\nMAIL FROM:<evil@pillarbox.test>\r\nRCPT TO:<victim@pillarbox.test>\r\nDATA\r\nthe end"
)


def freeze(submission: Submission, raw: bytes) -> None:
    """Other bytes than compose would have made."""
    Submission.objects.filter(pk=submission.pk).update(blob=blobs.put_blob(raw))


def as_text(raw: bytes) -> bytes:
    """With CRLF at every line end, as SMTP carries text."""
    text = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return text if text.endswith(b"\r\n") else text + b"\r\n"


@pytest.mark.req("R75")
@pytest.mark.req("R32")
@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("without", [(), ("CHUNKING",), ("CHUNKING", "PIPELINING"), ("PIPELINING",)], ids=str)
def test_what_arrives_is_what_was_sent_and_says_nothing_of_bcc(without, size, connect, start_server, dovecot):
    postfix = start_server(functools.partial(PostfixServer, dovecot, without=without))
    friend, hidden = dovecot.new_user("friend"), dovecot.new_user("hidden")
    submission = submit(connect(postfix), to=friend.address, bcc=hidden.address)
    head, _, _ = blobs.read_blob(submission.blob).partition(b"\r\n\r\n")
    assert hidden.address.encode() in head
    freeze(submission, head + b"\r\n\r\n" + AWKWARD * (1 if size == "small" else 300))
    sent = as_text(without_bcc(blobs.read_blob(moves.reload(submission).blob)))

    assert deliver(submission).phase == Phase.DONE

    for user in (friend, hidden):
        (raw,) = arrived(dovecot, user)
        assert raw.endswith(sent)
        added = raw.removesuffix(sent)
        assert b"Bcc" not in raw
        assert user == hidden or hidden.address.encode() not in raw
        assert {line.split(b":")[0] for line in added.splitlines() if line[:1].strip()} <= {
            b"Return-Path",
            b"Delivered-To",
            b"X-Original-To",
            b"Received",
        }
    close_kept_sessions()
    wait_until(lambda: postfix.log_lines(" mail=1 "), what="Postfix to count the commands")
    (summary,) = postfix.log_lines(" mail=1 ")
    assert ("bdat=" in summary) == ("CHUNKING" not in without)
    assert ("data=" in summary) == ("CHUNKING" in without)


@pytest.mark.req("R65")
def test_postfix_drops_chunks_without_their_last_one(postfix, dovecot):
    user = dovecot.new_user()
    endpoint = Endpoint(
        "127.0.0.1", postfix.port, Security.STARTTLS, allow_networks=LOOPBACK, ca_file=str(postfix.ca_file)
    )
    for words, ending in ((b"dropped", smtp.LiveSmtpSession.close), (b"kept", smtp.LiveSmtpSession.finish_data)):
        raw = b"Subject: " + words + b"\r\n\r\n" + b"a line of some length\r\n" * 20_000
        with smtp.open_session(endpoint, Login(user.name, user.password), ehlo_name="client.example.org") as session:
            assert session.uses_chunks
            session.send_envelope(smtp.Envelope(user.address, (user.address,)), size_bytes=len(raw), body_8bit=False)
            session.start_data()
            session.write_body(raw)
            ending(session)
    wait_for_empty_queue(postfix)
    assert [b"Subject: kept" in raw for raw in arrived(dovecot, user)] == [True]


def test_postfix_takes_a_new_message_after_a_refused_chunk(start_server, dovecot):
    postfix = start_server(functools.partial(PostfixServer, dovecot, message_size_limit=300_000))
    user = dovecot.new_user()
    endpoint = Endpoint(
        "127.0.0.1", postfix.port, Security.STARTTLS, allow_networks=LOOPBACK, ca_file=str(postfix.ca_file)
    )
    raw = b"Subject: larger than it said\r\n\r\n" + b"a line of some length\r\n" * 13_100
    with smtp.open_session(endpoint, Login(user.name, user.password), ehlo_name="client.example.org") as session:
        session.send_envelope(smtp.Envelope(user.address, (user.address,)), size_bytes=1_000, body_8bit=False)
        session.start_data()
        session.write_body(raw)
        reply = session.finish_data()
        assert reply.is_permanent
        assert session.messages_sent == 0
        session.send_envelope(smtp.Envelope(user.address, (user.address,)), size_bytes=30, body_8bit=False)
        session.start_data()
        session.write_body(b"Subject: small\r\n\r\nfits\r\n")
        assert session.finish_data().is_positive
        assert session.is_alive()
        session.noop()
        session.quit()
    assert [b"Subject: small" in raw for raw in arrived(dovecot, user)] == [True]
