"""A POP3 account has what an IMAP account has: mailboxes, moves, keywords, threads, search; Actions end at once (jmap S16)."""

import pytest

from accounts.models import LeaveOnServer
from tests.sync.conftest import ids_in, inbox_of, keywords_of, letter, sync
from webmail.journal.actions import mailboxes as mailbox_actions
from webmail.journal.actions import move
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.models import Action
from webmail.store import consistency, indexing
from webmail.store.models import Email, Mailbox, Placement, Role
from webmail.sync.actions import replay

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(pop3_server, connect):
    for number in range(1, 7):
        reply = {"In-Reply-To": "<1@example.net>", "Subject": "Re: Letter 1"} if number == 6 else {}
        pop3_server.store.append(pop3_server.user, "INBOX", letter(number, **reply))
    found = sync(connect(pop3_server, leave_on_server=LeaveOnServer.WHEN_DELETED))
    indexing.index_account(found.pk)
    return found


def email(subject: str) -> Email:
    return Email.objects.get(subject=subject)


def box(account, role: str) -> Mailbox:
    return Mailbox.objects.get(account=account, role=role)


def test_mailboxes_for_all_roles_are_there_from_the_beginning(account):
    roles = set(Mailbox.objects.filter(account=account).values_list("role", flat=True))

    assert roles == {Role.INBOX, Role.DRAFTS, Role.SENT, Role.ARCHIVE, Role.JUNK, Role.TRASH}
    assert email("Letter 1").thread_id == email("Re: Letter 1").thread_id
    assert email("Letter 2").preview == "Hello 2"


def test_every_act_ends_at_once_and_stays_after_a_pass(account, pop3_server):
    user = account.user
    nest = mailbox_actions.create_mailbox(user, account.pk, name="Projects")
    inner = mailbox_actions.create_mailbox(user, account.pk, name="Boat", parent=nest)
    move.move_emails(user, [email("Letter 1")], target=inner)
    move.copy_emails(user, [email("Letter 2")], target=inner)
    move.archive_emails(user, [email("Letter 3")])
    move.junk_emails(user, [email("Letter 4")])
    move.trash_emails(user, [email("Letter 5")])
    set_keywords(user, [email("Letter 1")], add=["$seen", "$flagged", "label"])
    mailbox_actions.rename_mailbox(user, inner, name="Ship", parent=None)

    replay.replay_account(account.pk)
    sync(account, passes_made=2)

    assert not Action.objects.exclude(status=Action.Status.DONE).exists()
    assert not Mailbox.objects.get(pk=nest.pk).children.exists()
    assert set(ids_in(Mailbox.objects.get(name="Ship"))) == {"Letter 1", "Letter 2"}
    assert set(ids_in(inbox_of(account))) == {"Letter 2", "Re: Letter 1"}
    assert [set(ids_in(box(account, role))) for role in ("archive", "junk", "trash")] == [
        {"Letter 3"},
        {"Letter 4"},
        {"Letter 5"},
    ]
    assert keywords_of(email("Letter 1")) == {"$seen", "$flagged", "label"}
    assert len(pop3_server.store.mailbox(pop3_server.user).messages) == 6
    assert consistency.check_account(account.pk) == []


@pytest.mark.req("Y90")
def test_emptied_trash_takes_the_servers_copies(account, pop3_server):
    user = account.user
    move.trash_emails(user, [email("Letter 5"), email("Letter 4")])
    replay.replay_account(account.pk)
    sync(account)
    assert len(pop3_server.store.mailbox(pop3_server.user).messages) == 6

    move.destroy_emails(user, list(Email.objects.filter(mailbox_rows__mailbox=box(account, "trash"))))
    replay.replay_account(account.pk)
    sync(account)

    assert len(pop3_server.store.mailbox(pop3_server.user).messages) == 4
    assert Email.objects.filter(account=account).count() == 4
    assert Placement.objects.filter(email=None, gone_at__isnull=False).count() == 2
    assert consistency.check_account(account.pk) == []
