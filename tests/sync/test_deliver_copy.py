"""Exactly one copy in Sent, and evidence found there. IMAP is spoken with a fake that can be cut anywhere."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from accounts.models import MailAccount, SentCopy
from tests.factories import make_mailbox
from tests.fakes.cutting_proxy import FROM_SERVER, CuttingProxy
from tests.fakes.imap import FakeImapServer
from tests.fakes.smtp import RecordingSmtpSink
from tests.outbox.letters import make_raw, make_sender, put_email, submit
from webmail.journal.models import Action
from webmail.outbox.models import Phase, Submission
from webmail.outbox.queue import doubt, moves, upkeep
from webmail.store import consistency, emails
from webmail.store.models import Email, EmailMailbox, Mailbox, Placement, Role
from webmail.sync import points
from webmail.sync.connections import close_kept_sessions
from webmail.sync.outgoing.deliver import deliver_submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def sink() -> Iterator[RecordingSmtpSink]:
    with RecordingSmtpSink() as server:
        yield server


@pytest.fixture(params=["UIDPLUS", "no UIDPLUS"])
def imap(request: pytest.FixtureRequest) -> Iterator[FakeImapServer]:
    without = set() if request.param == "UIDPLUS" else {"UIDPLUS"}
    with FakeImapServer(without=without) as server:
        yield server
        close_kept_sessions()


def sender(sink: RecordingSmtpSink, imap: FakeImapServer, *, port: int = 0) -> MailAccount:
    return make_sender(
        outgoing_port=sink.port,
        incoming_port=port or imap.port,
        incoming_username=imap.user,
        password=imap.password,
    )


def sent_mailbox(account: MailAccount, imap: FakeImapServer) -> Mailbox:
    """Sent at the server, and its row as a pass would have left it."""
    box = imap.store.mailbox(imap.user, "Sent")
    return make_mailbox(account, "Sent", role=Role.SENT, uidvalidity=box.uidvalidity)


def deliver(submission: Submission) -> Submission:
    Submission.objects.filter(pk=submission.pk).update(next_try_at=timezone.now())
    deliver_submission(submission.pk)
    return moves.reload(submission)


def copies(imap: FakeImapServer, name: str = "Sent") -> list[bytes]:
    return [message.raw for message in imap.store.mailbox(imap.user, name).messages.values()]


@pytest.mark.req("R71")
def test_one_copy_with_bcc_is_appended_and_shown(sink, imap):
    account = sender(sink, imap)
    box = sent_mailbox(account, imap)
    submission = submit(account, bcc="eve@example.org")

    assert deliver(submission).phase == Phase.DONE
    assert deliver(submission).phase == Phase.DONE

    (copy,) = copies(imap)
    assert b"eve@example.org" in copy
    if "UIDPLUS" in imap.server.config.capabilities:
        email = Email.objects.get(account=account)
        assert email.blob == submission.blob
        assert emails.keywords_of([email.pk])[email.pk] == {"$seen"}
        assert EmailMailbox.objects.get(email=email).mailbox == box
        (uid,) = imap.store.mailbox(imap.user, "Sent").messages
        assert Placement.objects.get(email=email).uid == uid
    assert consistency.check_account(account.pk) == []


@pytest.mark.req("R71")
@pytest.mark.fault("F2")
def test_append_whose_answer_was_lost_is_not_repeated(sink, imap):
    with CuttingProxy(port=imap.port) as proxy:
        account = sender(sink, imap, port=proxy.port)
        sent_mailbox(account, imap)
        submission = submit(account)

        def cut_answer(name: str) -> None:
            if name == "copy_searched":
                proxy.cut_before(FROM_SERVER, b"Append completed")

        points.observer = cut_answer
        try:
            first = deliver(submission)
        finally:
            points.observer = None
        after = deliver(submission)

    assert (first.phase, first.sent_copy_failures) == (Phase.ACCEPTED, 1)
    assert after.phase == Phase.DONE
    assert len(copies(imap)) == 1
    assert len(sink.messages) == 1


@pytest.mark.parametrize("code", ["OVERQUOTA", "NOPERM"])
@pytest.mark.req("R72")
def test_refused_copy_is_kept_and_tried_again_but_nothing_is_resent(sink, imap, code):
    account = sender(sink, imap)
    sent_mailbox(account, imap)
    imap.faults.refuse("APPEND", code=code, text="mailbox is full")
    submission = submit(account)

    first = deliver(submission)

    assert (first.phase, first.sent_copy_failures) == (Phase.ACCEPTED, 1)
    assert first.last_reply.startswith("Sent, but the copy is not in Sent yet")
    assert "mailbox is full" in first.last_reply
    assert deliver(submission).phase == Phase.DONE
    assert len(copies(imap)) == 1
    assert len(sink.messages) == 1


@pytest.mark.req("R72")
def test_sent_that_vanished_is_made_again(sink, imap):
    account = sender(sink, imap)
    sent_mailbox(account, imap)
    imap.store.delete_mailbox(imap.user, "Sent")
    submission = submit(account)
    assert deliver(submission).phase == Phase.DONE
    assert len(copies(imap)) == 1


@pytest.mark.parametrize("has_sent", [True, False])
@pytest.mark.req("R71")
def test_sent_is_found_or_made_before_the_first_pass(sink, imap, has_sent):
    account = sender(sink, imap)
    if not has_sent:
        imap.store.delete_mailbox(imap.user, "Sent")
    assert deliver(submit(account)).phase == Phase.DONE
    assert deliver(submit(account)).phase == Phase.DONE
    assert len(copies(imap)) == 2


@pytest.mark.req("R71")
def test_server_that_saves_by_itself_gets_no_append(sink, imap):
    account = sender(sink, imap)
    sent_mailbox(account, imap)
    MailAccount.objects.filter(pk=account.pk).update(sent_copy=SentCopy.SERVER)
    assert deliver(submit(account)).phase == Phase.DONE
    assert copies(imap) == []
    assert "APPEND" not in imap.faults.commands


@pytest.mark.req("R71")
def test_copy_that_the_server_filed_unasked_is_found(sink, imap):
    account = sender(sink, imap)
    sent_mailbox(account, imap)
    submission = submit(account)

    def file_it(name: str) -> None:
        if name == "accepted":
            imap.store.append(imap.user, "Sent", sink.messages[0].content)

    points.observer = file_it
    try:
        assert deliver(submission).phase == Phase.DONE
    finally:
        points.observer = None
    assert len(copies(imap)) == 1


@pytest.mark.req("R71")
def test_other_message_with_a_similar_id_is_no_copy(sink, imap):
    account = sender(sink, imap)
    sent_mailbox(account, imap)
    submission = submit(account)
    imap.store.append(imap.user, "Sent", make_raw(Message_ID=f"<x{submission.message_id}>"))
    assert deliver(submission).phase == Phase.DONE
    assert len(copies(imap)) == 2


@pytest.mark.req("R66")
def test_doubt_is_settled_by_a_copy_in_sent(sink, imap):
    account = sender(sink, imap)
    sent_mailbox(account, imap)
    sink.cut_after_dot()
    submission = submit(account)

    assert deliver(submission).phase == Phase.UNCONFIRMED
    assert deliver(submission).phase == Phase.UNCONFIRMED  # no evidence yet
    imap.store.append(imap.user, "Sent", sink.messages[0].content)
    after = deliver(submission)

    assert after.phase == Phase.DONE
    assert "Sent: a copy lies in Sent" in after.events.get(phase=Phase.ACCEPTED).text
    assert len(copies(imap)) == 1
    assert len(sink.messages) == 1


@pytest.mark.parametrize(("is_forward", "keyword"), [(False, "$answered"), (True, "$forwarded")])
def test_original_is_marked_and_the_server_will_be_told(sink, imap, is_forward, keyword):
    account = sender(sink, imap)
    sent_mailbox(account, imap)
    original = put_email(make_mailbox(account), make_raw())
    submission = submit(account, original=original, is_forward=is_forward)

    deliver(submission)
    deliver(submission)

    assert keyword in emails.keywords_of([original.pk])[original.pk]
    assert Action.objects.filter(account=account, kind=Action.Kind.KEYWORDS).count() == 1


@pytest.mark.req("R71")
def test_pop3_account_keeps_its_copy_here(sink):
    account = make_sender(protocol="pop3", outgoing_port=sink.port)
    submission = submit(account, bcc="eve@example.org")

    assert deliver(submission).phase == Phase.DONE
    assert deliver(submission).phase == Phase.DONE

    email = Email.objects.get(account=account)
    assert EmailMailbox.objects.get(email=email).mailbox.role == Role.SENT
    assert email.blob == submission.blob
    assert email.is_indexed
    assert not email.is_unread
    assert email.addresses["bcc"] == [["", "eve@example.org"]]
    assert consistency.check_account(account.pk) == []


@pytest.mark.parametrize("point", ["dot_answered", "accepted", "copy_begins", "copy_searched", "copy_appended"])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.req("R71")
def test_copy_cut_at_any_point_and_repeated_is_one(sink, imap, point, protocol):
    """A raise stands in for the dead process; the lease is what a restart waits for."""
    account = sender(sink, imap) if protocol == "imap" else make_sender(protocol="pop3", outgoing_port=sink.port)
    if protocol == "imap":
        sent_mailbox(account, imap)
    submission = submit(account)

    class Died(BaseException):
        pass

    def die(name: str) -> None:
        if name == point:
            points.observer = None
            raise Died

    points.observer = die
    try:
        deliver_submission(submission.pk)
    except Died:
        pass
    finally:
        points.observer = None
    Submission.objects.filter(pk=submission.pk, lease_until__isnull=False).update(lease_until=timezone.now())
    upkeep.recover_expired_leases()
    after = deliver(submission)

    if point == "dot_answered":
        assert after.phase == Phase.UNCONFIRMED
        assert doubt.resolve_unconfirmed(after, sent=True)
        after = deliver(submission)
    assert after.phase == Phase.DONE
    assert len(sink.messages) == 1
    if protocol == "imap":
        assert len(copies(imap)) == 1
    else:
        assert Email.objects.filter(account=account).count() == 1
