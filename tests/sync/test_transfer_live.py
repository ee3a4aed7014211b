"""Mail from one Dovecot user to another: what the servers themselves hold afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from accounts.models import MailAccount
from tests.factories import make_user
from tests.fakes.cutting_proxy import FROM_CLIENT, FROM_SERVER, CuttingProxy
from tests.outbox.letters import make_raw, make_sender
from tests.servers.dovecot import DovecotServer, MailUser
from tests.sync.replay_rows import make_remote, replay_due, shown_in
from tests.sync.test_replay_live import flags_in
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.actions.move import copy_emails, move_emails
from webmail.journal.models import Action
from webmail.protocols.errors import ConnectionFailed
from webmail.store import consistency
from webmail.store.models import Email, Mailbox
from webmail.sync.connections import account_session, close_kept_sessions
from webmail.sync.passes import sync_mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.live, pytest.mark.req("features 12")]

COUNT = 12


@pytest.fixture(autouse=True)
def _log_out() -> Iterator[None]:
    yield
    close_kept_sessions()
    for account in MailAccount.objects.all():
        assert consistency.check_account(account.pk) == []


def connect(port_here: int, here: MailUser, port_there: int, there: MailUser) -> tuple[Mailbox, Mailbox]:
    """The INBOX of both, of one person."""
    user = make_user("mover")
    boxes = []
    for port, mail_user in ((port_here, here), (port_there, there)):
        login = {"incoming_username": mail_user.name, "password": mail_user.password}
        boxes.append(make_remote(make_sender(user, incoming_port=port, **login), "INBOX"))
    return boxes[0], boxes[1]


def hashes(dovecot: DovecotServer, user: MailUser) -> list[str]:
    """What doveadm says of each message's bytes and date, sorted."""
    text = dovecot.doveadm(
        "-f", "tab", "fetch", "-u", user.name, "guid size.virtual date.received hdr.message-id", "mailbox", "INBOX"
    )
    return sorted(line.split("\t", 1)[1] for line in text.splitlines()[1:])


def finish(account: MailAccount) -> None:
    for _ in range(6):
        if Action.objects.filter(account=account, status__in=Action.OPEN).exists():
            replay_due(account)


def test_mail_with_marks_dates_and_bytes_goes_over(dovecot):
    here, there = dovecot.new_user(), dovecot.new_user()
    inbox, target = connect(dovecot.imap_port, here, dovecot.imap_port, there)
    with account_session(inbox.account) as session:
        session.append(b"INBOX", make_raw(), internal_date=datetime(2019, 5, 4, 12, 2, 1, tzinfo=UTC))
    for number in range(1, COUNT):
        dovecot.deliver(here.name, make_raw(text="\n".join(["line"] * (number * 500 + 1))))
    sync_mailbox(inbox.pk)
    before = hashes(dovecot, here)
    found = list(Email.objects.filter(account=inbox.account).order_by("placements__uid"))
    set_keywords(None, found[:3], add=["$seen", "$flagged", "blue"])
    finish(inbox.account)
    copy_emails(None, found[:1], target=target)
    move_emails(None, found[1:], target=target)

    finish(inbox.account)

    assert set(Action.objects.values_list("status", flat=True)) == {"done"}
    assert list(flags_in(dovecot, here, "INBOX")) == [1]
    flags = flags_in(dovecot, there, "INBOX")
    assert len(flags) == COUNT
    assert sorted(flags.values(), key=len)[-3:] == [{"\\Seen", "\\Flagged", "blue"}] * 3
    assert hashes(dovecot, there) == before
    assert any("\t2019-05-04 " in line for line in before)
    known = list(Email.objects.filter(account=target.account).values_list("public_id", "blob__sha256"))
    sync_mailbox(target.pk)
    assert list(Email.objects.filter(account=target.account).values_list("public_id", "blob__sha256")) == known
    assert all(shown_in(email) == {"INBOX"} for email in Email.objects.filter(account=target.account))


@pytest.mark.req("Y71")
@pytest.mark.req("Y72")
@pytest.mark.fault("F2")
@pytest.mark.parametrize(
    ("side", "direction", "words"),
    [
        ("there", FROM_SERVER, b"APPENDUID"),
        ("there", FROM_CLIENT, b"APPEND"),
        ("here", FROM_SERVER, b"Expunge completed"),
        ("here", FROM_CLIENT, b"UID EXPUNGE"),
    ],
)
def test_cut_anywhere_each_message_lies_in_one_place(dovecot, side, direction, words):
    here, there = dovecot.new_user(), dovecot.new_user()
    for _ in range(3):
        dovecot.deliver(here.name, make_raw())
    before = hashes(dovecot, here)
    with CuttingProxy(port=dovecot.imap_port) as proxy:
        ports = (proxy.port, dovecot.imap_port) if side == "here" else (dovecot.imap_port, proxy.port)
        inbox, target = connect(ports[0], here, ports[1], there)
        sync_mailbox(inbox.pk)
        move_emails(None, list(Email.objects.filter(account=inbox.account)), target=target)
        proxy.cut_before(direction, words)
        for _ in range(6):
            with suppress(ConnectionFailed):
                replay_due(inbox.account)
        close_kept_sessions()
    assert set(Action.objects.values_list("status", flat=True)) == {"done"}
    assert flags_in(dovecot, here, "INBOX") == {}
    assert hashes(dovecot, there) == before
    assert Email.objects.filter(account=target.account).count() == 3
    assert not Email.objects.filter(account=inbox.account).exists()
