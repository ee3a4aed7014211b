"""From "Send" to what comes back: SMTP takes the message, a bounce about it arrives by IMAP, and the recipient shows it."""

import pytest
from django.utils import timezone

from accounts.models import MailAccount, SentCopy
from tests.fakes.imap import FakeImapServer
from tests.fakes.smtp import RecordingSmtpSink
from tests.outbox.letters import submit
from tests.outbox.returned_mail import NO_SUCH_USER, delivery_report, sent
from tests.sync.conftest import letter, sync
from webmail.demo.addresses import DEMO_DOMAIN
from webmail.demo.delivery import Envelope, Postman
from webmail.mime.headers import parse_list_headers
from webmail.outbox.models import DeliveryReport, Phase, Report, Submission
from webmail.outbox.queue import moves
from webmail.outbox.returned import outcomes, receipts
from webmail.store import consistency, contents
from webmail.store.indexing import index_account
from webmail.store.models import Email
from webmail.sync import passes
from webmail.sync.outgoing.deliver import deliver_submission
from webmail.sync.outgoing.evidence import look_for_evidence

pytestmark = pytest.mark.django_db


@pytest.fixture
def sink():
    with RecordingSmtpSink() as server:
        yield server


def account_at(connect, imap: FakeImapServer, sink: RecordingSmtpSink, **fields: str) -> MailAccount:
    account = connect(imap, outgoing_port=sink.port, **fields)
    MailAccount.objects.filter(pk=account.pk).update(sent_copy=SentCopy.SERVER)
    return sync(account)


def comes_back(account: MailAccount, imap: FakeImapServer, raw: bytes) -> Email:
    """The report is put into the inbox, fetched and read."""
    imap.store.append(imap.user, "INBOX", raw)
    passes.sync_account(account.pk)
    index_account(account.pk)
    return Email.objects.filter(account=account).latest("id")


def test_bounce_of_a_message_that_was_sent_is_shown_at_its_recipient(full_server, sink, connect):
    account = account_at(connect, full_server, sink)
    submission = submit(account, to="bob@example.org, carol@example.org")
    deliver_submission(submission.pk)
    (received,) = sink.messages
    assert moves.reload(submission).phase == Phase.DONE

    bounce = comes_back(
        account, full_server, delivery_report(message_id=parse_list_headers(received.content).message_id)
    )

    report = DeliveryReport.objects.get()
    assert (report.email, report.submission) == (bounce, submission)
    states = {row.email: (row.status, row.report) for row in submission.recipients.all()}
    assert states == {"bob@example.org": ("accepted", Report.FAILED), "carol@example.org": ("accepted", "")}
    assert NO_SUCH_USER[:10] in submission.events.last().text
    assert len(sink.messages) == 1
    assert consistency.check_account(account.pk) == []


def test_server_that_knows_no_such_user_sends_the_message_back_to_its_sender(full_server, sink, connect):
    account = account_at(connect, full_server, sink, address=full_server.user)
    submission = submit(account, to=f"nobody@{DEMO_DOMAIN}, {full_server.user}")
    deliver_submission(submission.pk)
    (received,) = sink.messages
    postman = Postman(full_server.store, outside_user=full_server.user, clock=timezone.now)
    postman.deliver(Envelope(received.sender, received.recipients), received.content)

    passes.sync_account(account.pk)
    index_account(account.pk)

    states = {row.email: row.report for row in submission.recipients.all()}
    assert states == {f"nobody@{DEMO_DOMAIN}": Report.FAILED, full_server.user: ""}
    about = outcomes.abouts_of(account.user, [DeliveryReport.objects.get().email])
    assert [one.submission for one in about.values()] == [submission]


@pytest.mark.req("R66")
def test_bounce_settles_that_a_message_in_doubt_has_left(full_server, sink, connect):
    """R66 F2 I2: cut after the dot, then a bounce; nothing is sent again."""
    account = account_at(connect, full_server, sink)
    sink.cut_after_dot()
    submission = submit(account)
    deliver_submission(submission.pk)
    assert moves.reload(submission).phase == Phase.UNCONFIRMED

    comes_back(account, full_server, delivery_report(message_id=submission.message_id))

    assert moves.reload(submission).phase == Phase.ACCEPTED
    deliver_submission(submission.pk)
    assert moves.reload(submission).phase == Phase.DONE
    assert len(sink.messages) <= 1
    assert submission.recipients.get().report == Report.FAILED


@pytest.mark.req("R66")
def test_bounce_that_came_before_the_doubt_is_found_when_evidence_is_looked_for(full_server, sink, connect):
    account = account_at(connect, full_server, sink)
    submission = submit(account)
    Submission.objects.filter(pk=submission.pk).update(phase=Phase.DOT_SENT, attempts=1)
    comes_back(account, full_server, delivery_report(message_id=submission.message_id))
    Submission.objects.filter(pk=submission.pk).update(phase=Phase.UNCONFIRMED, next_try_at=timezone.now())

    look_for_evidence(account.pk)

    assert moves.reload(submission).phase == Phase.ACCEPTED


def test_report_with_the_whole_message_in_it_is_fetched_whole(full_server, sink, connect):
    account = account_at(connect, full_server, sink)
    MailAccount.objects.filter(pk=account.pk).update(keep_bodies="on_demand")
    submission = submit(account)
    deliver_submission(submission.pk)
    (received,) = sink.messages
    head, _, end = delivery_report(subject="").partition(b"Content-Type: text/rfc822-headers\r\n\r\n")
    filler = b"".join(b"%077d\r\n" % number for number in range(2_000))
    raw = head + b"Content-Type: message/rfc822\r\n\r\n" + received.content + filler + end

    bounce = comes_back(account, full_server, raw)

    assert len(raw) > 150_000
    assert bounce.blob is not None
    assert DeliveryReport.objects.get().submission == submission
    assert outcomes.abouts_of(account.user, [bounce])[bounce.pk].kind == "delivery"


def test_report_that_comes_by_pop3_is_noted(pop3_server, connect):
    account = connect(pop3_server)
    submission = sent(account)
    pop3_server.store.append(pop3_server.user, "INBOX", delivery_report(message_id=submission.message_id))
    passes.sync_account(account.pk)
    index_account(account.pk)
    assert submission.recipients.get().report == Report.FAILED


def test_receipt_leaves_with_an_empty_return_path_and_no_copy_in_sent(full_server, sink, connect):
    account = account_at(connect, full_server, sink)
    MailAccount.objects.filter(pk=account.pk).update(sent_copy=SentCopy.OURS)
    wish = {"Disposition-Notification-To": "ben@example.net", "Return-Path": "<ben@example.net>"}
    email = comes_back(account, full_server, letter(1, **wish))

    submission = receipts.send_receipt(account.user, email, contents.read_message(email), keywords=(), by_itself=False)
    deliver_submission(submission.pk)

    assert moves.reload(submission).phase == Phase.DONE
    (received,) = sink.messages
    assert (received.sender, received.recipients) == ("", ("ben@example.net",))
    assert b"disposition-notification" in received.content
    boxes = full_server.store.user(full_server.user).mailboxes
    assert [name for name, box in boxes.items() if box.messages] == ["INBOX"]
