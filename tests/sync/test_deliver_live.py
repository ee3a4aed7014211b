"""Out through a real Postfix into a real Dovecot, with the copy in Sent: what others would see."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import MailAccount
from tests.factories import make_mailbox
from tests.fakes.cutting_proxy import FROM_SERVER, CuttingProxy
from tests.outbox.letters import make_sender, submit
from tests.servers.dovecot import DovecotServer, MailUser
from tests.servers.postfix import PostfixServer
from tests.servers.process import wait_until
from webmail.outbox.models import Draft, Phase, Submission
from webmail.outbox.queue import moves
from webmail.store import consistency
from webmail.store.models import Email, Mailbox, Placement, Role
from webmail.sync.connections import account_session, close_kept_sessions
from webmail.sync.outgoing.deliver import deliver_submission

pytestmark = [pytest.mark.django_db, pytest.mark.live]


@pytest.fixture
def account(postfix: PostfixServer, dovecot: DovecotServer, mail_user: MailUser, settings: Any) -> MailAccount:
    settings.EXTRA_CA_FILE = postfix.ca_file
    return make_sender(
        address=mail_user.address,
        incoming_host="localhost",
        incoming_port=dovecot.imap_port,
        incoming_security="starttls",
        incoming_username=mail_user.name,
        outgoing_host="localhost",
        outgoing_port=postfix.port,
        outgoing_security="starttls",
        outgoing_username=mail_user.name,
        password=mail_user.password,
    )


@pytest.fixture(autouse=True)
def _log_out() -> Iterator[None]:
    yield
    close_kept_sessions()


def make_sent(account: MailAccount) -> Mailbox:
    """Sent on the server, with its row."""
    with account_session(account) as session:
        session.create_mailbox("Sent")
        status = session.status(b"Sent")
    return make_mailbox(account, "Sent", role=Role.SENT, uidvalidity=status.uidvalidity)


def deliver(submission: Submission) -> Submission:
    Submission.objects.filter(pk=submission.pk).update(next_try_at=timezone.now())
    deliver_submission(submission.pk)
    return moves.reload(submission)


def texts_in(dovecot: DovecotServer, user: str, mailbox: str) -> list[str]:
    """The messages of a mailbox as Dovecot itself shows them."""
    try:
        found = dovecot.doveadm("fetch", "-u", user, "text", "mailbox", mailbox)
    except (RuntimeError, subprocess.CalledProcessError):
        return []
    return [part for part in found.split("text:\n") if part.strip()]


@pytest.mark.req("R75")
def test_message_reaches_its_recipients_once_and_sent_once(account, dovecot, mail_user):
    friend, hidden = dovecot.new_user("friend"), dovecot.new_user("hidden")
    make_sent(account)
    submission = submit(account, to=f"Frïend <{friend.address}>", bcc=hidden.address, text="through a real server\n.")

    after = deliver(submission)

    assert after.phase == Phase.DONE, after.last_reply
    for person in (friend, hidden):
        wait_until(
            lambda name=person.name: texts_in(dovecot, name, "INBOX"), what="the message to arrive", timeout_s=20
        )
        (arrived,) = texts_in(dovecot, person.name, "INBOX")
        assert "through a real server" in arrived
        assert "Bcc:" not in arrived
        assert person == hidden or hidden.address not in arrived
    (copy,) = texts_in(dovecot, mail_user.name, "Sent")
    assert f"Bcc: {hidden.address}" in copy
    placement = Placement.objects.get(mailbox__account=account)
    assert dovecot.doveadm("fetch", "-u", mail_user.name, "uid flags", "mailbox", "Sent").split() == [
        "uid:",
        str(placement.uid),
        "flags:",
        "\\Seen",
    ]
    assert consistency.check_account(account.pk) == []


@pytest.mark.req("R68")
def test_refused_recipient_is_told_and_the_others_get_it(account, dovecot):
    friend = dovecot.new_user("friend")
    make_sent(account)
    submission = submit(account, to=f"{friend.address}, nobody-at-all@pillarbox.test")

    after = deliver(submission)

    assert after.phase == Phase.DONE
    results = dict(after.recipients.values_list("email", "status"))
    assert results == {friend.address: "accepted", "nobody-at-all@pillarbox.test": "refused"}
    wait_until(lambda: texts_in(dovecot, friend.name, "INBOX"), what="the message to arrive", timeout_s=20)


@pytest.mark.req("R68")
def test_message_nobody_takes_comes_back_as_a_draft(account):
    after = deliver(submit(account, to="nobody-at-all@pillarbox.test", text="precious"))
    assert after.phase == Phase.FAILED
    assert "The server said: “550 5.1.1" in after.last_reply
    assert Draft.objects.get(account=account).text == "precious"


@pytest.mark.req("R71")
@pytest.mark.fault("F2")
def test_append_cut_before_its_answer_is_found_by_the_search(account, dovecot, mail_user):
    """R71 F2 I3, on Dovecot."""
    friend = dovecot.new_user("friend")
    make_sent(account)
    with CuttingProxy(port=dovecot.imap_port) as proxy:
        proxy.cut_before(FROM_SERVER, b"APPENDUID")
        MailAccount.objects.filter(pk=account.pk).update(incoming_port=proxy.port, incoming_security="plain")
        submission = submit(account, to=friend.address)
        first = deliver(submission)
        after = deliver(submission)
    assert (first.phase, after.phase) == (Phase.ACCEPTED, Phase.DONE)
    assert len(texts_in(dovecot, mail_user.name, "Sent")) == 1
    assert not Email.objects.filter(account=account).exists()  # the next pass brings it
