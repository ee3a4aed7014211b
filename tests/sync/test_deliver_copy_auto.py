"""Who files the copy in Sent, found out: servers that do it by themselves get no append, however late they are."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import MailAccount, SentCopy
from tests.factories import make_mailbox
from tests.fakes.imap import FakeImapServer
from tests.fakes.smtp import RecordingSmtpSink
from tests.outbox.letters import make_raw, make_sender, put_email, submit
from webmail.outbox.models import Phase, Submission
from webmail.outbox.queue import copies, moves, upkeep
from webmail.store.models import Mailbox, Role
from webmail.sync import points, providers
from webmail.sync.connections import close_kept_sessions
from webmail.sync.outgoing import sent_copy
from webmail.sync.outgoing.deliver import deliver_account, deliver_submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def sink() -> Iterator[RecordingSmtpSink]:
    with RecordingSmtpSink() as server:
        yield server
        close_kept_sessions()


@pytest.fixture
def imap() -> Iterator[FakeImapServer]:
    with FakeImapServer() as server:
        yield server
        close_kept_sessions()


@pytest.fixture
def account(sink: RecordingSmtpSink, imap: FakeImapServer) -> MailAccount:
    account = make_sender(
        outgoing_port=sink.port, incoming_port=imap.port, incoming_username=imap.user, password=imap.password
    )
    box = imap.store.mailbox(imap.user, "Sent")
    make_mailbox(account, "Sent", role=Role.SENT, uidvalidity=box.uidvalidity)
    return account


def believe(account: MailAccount) -> None:
    MailAccount.objects.filter(pk=account.pk).update(saves_sent_itself=True)


def deliver(submission: Submission) -> Submission:
    deliver_submission(submission.pk)
    return moves.reload(submission)


def later(submission: Submission, **ago: float) -> Submission:
    """Deliver again when the message was accepted so long ago and is due."""
    moment = timezone.now() - timedelta(**ago)
    Submission.objects.filter(pk=submission.pk).update(accepted_at=moment, next_try_at=timezone.now())
    return deliver(submission)


def copies_in(imap: FakeImapServer, name: str = "Sent") -> list[bytes]:
    return [message.raw for message in imap.store.mailbox(imap.user, name).messages.values()]


def file_when_accepted(sink: RecordingSmtpSink, imap: FakeImapServer, name: str = "Sent") -> None:
    """The server puts a copy into Sent before it answers, as Gmail does."""

    def act(moment: str) -> None:
        if moment == "dot_answered":
            imap.store.append(imap.user, name, sink.messages[-1].content)

    points.observer = act


@pytest.fixture(autouse=True)
def _unobserved() -> Iterator[None]:
    yield
    points.observer = None


@pytest.mark.req("R71")
def test_copy_that_lies_there_before_ours_shows_that_the_server_files_by_itself(account, sink, imap):
    file_when_accepted(sink, imap)
    assert deliver(submit(account)).phase == Phase.DONE
    account.refresh_from_db()
    assert account.saves_sent_itself
    assert len(copies_in(imap)) == 1
    assert "APPEND" not in imap.faults.commands


@pytest.mark.req("R71")
def test_our_own_copy_whose_append_was_cut_shows_nothing(account, sink, imap):
    """A worker that died after APPEND leaves a copy that the next search finds: that one is ours."""

    class Died(BaseException):
        pass

    def die(moment: str) -> None:
        if moment == "copy_appended":
            points.observer = None
            raise Died

    submission = submit(account)
    points.observer = die
    with pytest.raises(Died):
        deliver(submission)
    # What was filed so far is ended as far as it got; undo that, as if the process were dead.
    Submission.objects.filter(pk=submission.pk).update(
        phase=Phase.ACCEPTED, lease_owner="dead", lease_until=timezone.now()
    )
    Submission.objects.filter(pk=submission.pk).update(next_try_at=timezone.now())
    upkeep.recover_expired_leases()
    assert deliver(submission).phase == Phase.DONE
    account.refresh_from_db()
    assert not account.saves_sent_itself
    assert len(copies_in(imap)) == 1


@pytest.mark.req("R71")
def test_server_that_is_believed_is_given_time_and_its_copy_is_found(account, sink, imap):
    believe(account)
    submission = submit(account)
    after = deliver(submission)
    assert (after.phase, after.sent_copy_failures) == (Phase.ACCEPTED, 0)
    assert after.next_try_at > timezone.now()
    assert later(submission, seconds=30).phase == Phase.ACCEPTED
    imap.store.append(imap.user, "Sent", sink.messages[0].content)
    assert later(submission, seconds=90).phase == Phase.DONE
    assert len(copies_in(imap)) == 1
    account.refresh_from_db()
    assert account.saves_sent_itself


@pytest.mark.req("R71")
def test_copy_that_a_pass_brought_is_enough(account, sink, imap):
    believe(account)
    submission = submit(account)
    deliver(submission)
    raw = make_raw(Message_ID=f"<{submission.message_id}>")
    put_email(Mailbox.objects.get(account=account, role=Role.SENT), raw)
    before = len(imap.faults.commands)
    assert later(submission, seconds=11).phase == Phase.DONE
    assert len(imap.faults.commands) == before


@pytest.mark.req("R71")
def test_server_that_was_wrongly_believed_gets_our_copy_in_the_end(account, sink, imap):
    believe(account)
    submission = submit(account)
    deliver(submission)
    waits = []
    for minutes in (0.5, 1, 2, 4, 8):
        after = later(submission, minutes=minutes)
        assert after.phase == Phase.ACCEPTED
        waits.append((after.next_try_at - timezone.now()).total_seconds())
    assert waits == sorted(waits)
    assert copies_in(imap) == []
    assert later(submission, minutes=10.1).phase == Phase.DONE
    assert len(copies_in(imap)) == 1
    account.refresh_from_db()
    assert not account.saves_sent_itself
    assert deliver(submit(account)).phase == Phase.DONE  # from now on at once
    assert len(copies_in(imap)) == 2


@pytest.mark.req("R71")
def test_known_provider_is_believed_from_the_first_message_on(account, sink, imap, monkeypatch):
    monkeypatch.setattr(sent_copy, "profile", lambda host: providers.profile("smtp.gmail.com"))
    file_when_accepted(sink, imap)
    submission = submit(account)
    assert deliver(submission).phase == Phase.ACCEPTED
    assert later(submission, seconds=11).phase == Phase.DONE
    assert "APPEND" not in imap.faults.commands
    account.refresh_from_db()
    assert account.saves_sent_itself


@pytest.mark.parametrize("host", ["smtp.gmail.com", "smtp.office365.com", "smtp-mail.outlook.com"])
def test_providers_that_file_by_themselves_are_known(host):
    assert providers.profile(host).files_sent_itself
    assert not providers.profile("mail.example.org").files_sent_itself


@pytest.mark.parametrize(
    ("host", "address", "limit"),
    [
        ("smtp.gmail.com", "me@gmail.com", 500),
        ("smtp.gmail.com", "me@firm.example", 2_000),
        ("smtp-mail.outlook.com", "me@outlook.com", 300),
        ("mail.example.org", "me@example.org", None),
    ],
)
def test_daily_messages_of_providers(host, address, limit):
    assert providers.messages_per_day(host, address) == limit


@pytest.mark.req("R71")
def test_the_users_word_that_we_file_it_overrules_what_was_found_out(account, sink, imap):
    believe(account)
    MailAccount.objects.filter(pk=account.pk).update(sent_copy=SentCopy.OURS)
    assert deliver(submit(account)).phase == Phase.DONE
    assert len(copies_in(imap)) == 1


@pytest.mark.req("R71")
def test_many_copies_are_filed_over_one_session(account, sink, imap):
    for number in range(45):
        submit(account, subject=f"Letter {number}")
    deliver_account(account.pk)
    assert set(Submission.objects.values_list("phase", flat=True)) == {Phase.DONE}
    assert len(copies_in(imap)) == len(sink.messages) == 45
    assert imap.connection_count == 1
    assert imap.faults.commands.count("SELECT") <= 3


@pytest.mark.req("R72")
def test_one_refused_copy_does_not_keep_the_others(account, sink, imap):
    rows = [submit(account, subject=f"Letter {number}") for number in range(3)]
    imap.faults.refuse("APPEND", code="OVERQUOTA", text="mailbox is full", when=b"")
    deliver_account(account.pk)
    found = [moves.reload(row) for row in rows]
    assert [row.phase for row in found] == [Phase.ACCEPTED, Phase.DONE, Phase.DONE]
    assert found[0].last_reply.startswith("Sent, but the copy is not in Sent yet")
    assert len(sink.messages) == 3


@pytest.mark.req("R72")
def test_mail_server_that_is_away_is_asked_once_for_many_copies(account, sink, imap):
    rows = [submit(account) for _ in range(25)]
    imap.faults.cut("LOGIN", times=None)
    imap.faults.cut("AUTHENTICATE", times=None)
    deliver_account(account.pk)
    assert len(sink.messages) == 25
    assert imap.connection_count == 1
    found = [moves.reload(row) for row in rows]
    assert {row.phase for row in found} == {Phase.ACCEPTED}
    assert all(row.next_try_at > timezone.now() for row in found)
    assert sum(row.sent_copy_failures for row in found) == sent_copy.AT_ONCE
    imap.faults.rules.clear()
    Submission.objects.update(next_try_at=timezone.now())
    deliver_account(account.pk)
    assert {moves.reload(row).phase for row in rows} == {Phase.DONE}
    assert len(copies_in(imap)) == 25
    assert len(sink.messages) == 25


@pytest.mark.req("R66")
def test_doubt_is_settled_by_a_copy_in_all_mail(account, sink, imap):
    imap.store.create_mailbox(imap.user, "All")
    box = imap.store.mailbox(imap.user, "All")
    make_mailbox(account, "All", role=Role.ALL, uidvalidity=box.uidvalidity)
    sink.cut_after_dot()
    submission = submit(account)
    assert deliver(submission).phase == Phase.UNCONFIRMED
    imap.store.append(imap.user, "All", sink.messages[0].content)
    Submission.objects.filter(pk=submission.pk).update(next_try_at=timezone.now())
    after = deliver(submission)
    assert after.phase == Phase.DONE
    assert (
        "a copy lies in All, put there by the server or by another program"
        in after.events.get(phase=Phase.ACCEPTED).text
    )
    assert len(sink.messages) == 1


@pytest.mark.req("R66")
def test_draft_in_all_mail_is_no_evidence(account, sink, imap):
    imap.store.create_mailbox(imap.user, "All")
    box = imap.store.mailbox(imap.user, "All")
    make_mailbox(account, "All", role=Role.ALL, uidvalidity=box.uidvalidity)
    sink.cut_after_dot()
    submission = submit(account)
    deliver(submission)
    imap.store.append(imap.user, "All", sink.messages[0].content, flags=["\\Draft"])
    Submission.objects.filter(pk=submission.pk).update(next_try_at=timezone.now())
    assert deliver(submission).phase == Phase.UNCONFIRMED


def test_copies_are_claimed_once(account, sink):
    MailAccount.objects.filter(pk=account.pk).update(saves_sent_itself=True)
    submission = submit(account)
    deliver(submission)
    Submission.objects.filter(pk=submission.pk).update(next_try_at=timezone.now())
    (taken,) = copies.claim_copies(account.pk, "one")
    assert copies.claim_copies(account.pk, "two") == []
    assert not taken.is_first
