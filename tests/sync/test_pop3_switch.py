"""From POP3 to IMAP: the mail stays and is found again (decision 17). At the fake, and at Dovecot, which offers both."""

import pytest
from django.db import transaction

from accounts import services
from accounts.models import ConnectionTest, MailAccount
from tests.factories import make_account, make_user
from tests.fakes.imap import FakeImapServer
from tests.fakes.pop3 import FakePop3Server
from tests.servers.dovecot import DovecotServer
from tests.sync.conftest import ids_in, inbox_of, keywords_of, letter, sync
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.actions.move import archive_emails, destroy_emails
from webmail.store import consistency
from webmail.store.models import Email, Mailbox, Placement
from webmail.sync.actions import replay
from webmail.sync.checking import diagnose
from webmail.sync.maildrop import switching

pytestmark = pytest.mark.django_db


def become_imap(account: MailAccount, port: int) -> MailAccount:
    """What a verified change of the servers does."""
    with transaction.atomic():
        switching.begin(account.pk)
        MailAccount.objects.filter(pk=account.pk).update(incoming_protocol="imap", incoming_port=port)
    account.refresh_from_db()
    return account


@pytest.fixture
def servers():
    with FakePop3Server() as pop3_server, FakeImapServer(store=pop3_server.store) as imap_server:
        yield pop3_server, imap_server


def mark(account: MailAccount, subject: str, *words: str) -> None:
    set_keywords(None, [Email.objects.get(account=account, subject=subject)], add=words)
    replay.replay_account(account.pk)


@pytest.mark.req("Y51")
def test_mail_of_pop3_is_found_again_by_imap(servers, connect):
    pop3_server, imap_server = servers
    for number in range(1, 9):
        pop3_server.store.append(pop3_server.user, "INBOX", letter(number))
    pop3_server.store.append(pop3_server.user, "INBOX", letter(9, **{"Message-ID": ""}))
    account = sync(connect(pop3_server))
    mark(account, "Letter 3", "$flagged", "work")
    before, threads = ids_in(inbox_of(account)), set(Email.objects.values_list("public_id", "thread_id"))
    inbox_id = inbox_of(account).public_id

    become_imap(account, imap_server.port)
    sync(account, passes_made=3)

    assert ids_in(inbox_of(account)) == before
    assert inbox_of(account).public_id == inbox_id
    assert set(Email.objects.values_list("public_id", "thread_id")) == threads
    assert keywords_of(Email.objects.get(subject="Letter 3")) == {"$flagged", "work"}
    assert not any(b"BODY.PEEK[]" in line or b"BODY[]" in line for line in imap_server.faults.lines)
    assert not Placement.objects.exclude(uidl="").exists()
    flags = {
        word for message in imap_server.store.mailbox(pop3_server.user).messages.values() for word in message.flags
    }
    assert {"\\Flagged", "work"} <= flags
    assert consistency.check_account(account.pk) == []


def test_what_is_only_here_stays_beside_the_servers_mailboxes(servers, connect):
    pop3_server, imap_server = servers
    for number in (1, 2, 3):
        pop3_server.store.append(pop3_server.user, "INBOX", letter(number))
    account = sync(connect(pop3_server))
    archive_emails(None, [Email.objects.get(subject="Letter 1")])
    pop3_server.store.expunge(pop3_server.user, "INBOX", [1, 2])
    replay.replay_account(account.pk)
    sync(account)

    become_imap(account, imap_server.port)
    sync(account, passes_made=3)

    local = Mailbox.objects.filter(account=account, source=Mailbox.Source.LOCAL, parent__isnull=False)
    assert {(box.parent.name, box.name, box.role) for box in local} == {
        ("Only here", "Archive", ""),
        ("Only here", "Inbox", ""),
    }
    assert set(ids_in(local.get(name="Archive"))) == {"Letter 1"}
    assert set(ids_in(local.get(name="Inbox"))) == {"Letter 2"}
    assert set(ids_in(inbox_of(account))) == {"Letter 3"}
    assert Email.objects.filter(account=account).count() == 3
    assert consistency.check_account(account.pk) == []


def test_mail_deleted_here_and_left_there_comes_back(servers, connect):
    pop3_server, imap_server = servers
    pop3_server.store.append(pop3_server.user, "INBOX", letter(1))
    account = sync(connect(pop3_server))
    destroy_emails(None, [Email.objects.get()])
    replay.replay_account(account.pk)

    become_imap(account, imap_server.port)
    sync(account, passes_made=2)

    assert set(ids_in(inbox_of(account))) == {"Letter 1"}
    assert consistency.check_account(account.pk) == []


def test_imap_does_not_become_pop3(servers, connect):
    _, imap_server = servers
    account = connect(imap_server)
    settings = services.AccountSettings(**{**vars(services.settings_of(account)), "incoming_protocol": "pop3"})
    test = services.request_connection_test(
        purpose=ConnectionTest.Purpose.VERIFY,
        settings=settings,
        incoming_password="secret",
        user=account.user,
        account=account,
    )

    diagnose.run_connection_test(test.pk)

    test.refresh_from_db()
    account.refresh_from_db()
    assert test.status == ConnectionTest.Status.FAILED
    assert "cannot be changed to POP3" in test.report[-1]["title"]
    assert not account.is_pop3


@pytest.mark.live
def test_dovecot_by_pop3_then_by_imap(dovecot: DovecotServer):
    person = dovecot.new_user()
    for number in range(1, 31):
        dovecot.deliver(person.name, letter(number))
    account = make_account(
        make_user(),
        protocol="pop3",
        incoming_port=dovecot.pop3_port,
        incoming_username=person.name,
        password=person.password,
    )
    sync(account)
    mark(account, "Letter 7", "$flagged", "project")
    before = ids_in(inbox_of(account))
    assert len(before) == 30

    become_imap(account, dovecot.imap_port)
    sync(account, passes_made=3)

    assert ids_in(inbox_of(account)) == before
    assert Email.objects.filter(account=account).count() == 30
    assert not Placement.objects.exclude(uidl="").exists()
    told = dovecot.doveadm("-f", "tab", "fetch", "-u", person.name, "flags", "mailbox", "INBOX", "FLAGGED")
    assert "project" in told
    assert consistency.check_account(account.pk) == []
