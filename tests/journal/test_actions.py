"""What users do: rows at once, an Action in the same transaction."""

from __future__ import annotations

import pytest

from tests import factories
from tests.store.conftest import World, world
from webmail.journal import entries
from webmail.journal.actions import keywords, mailboxes, move, putting_back
from webmail.journal.errors import ActionRefused, BadKeyword, NoSuchTarget
from webmail.journal.models import Action
from webmail.store import emails
from webmail.store.errors import BadMailboxName, MailboxNameTaken, MailboxNotEmpty
from webmail.store.models import Email, Mailbox

__all__ = ["world"]


def boxes(email: Email) -> set[int]:
    return emails.memberships([email.pk]).get(email.pk, set())


def test_reading_a_message_changes_rows_and_writes_one_action(world: World) -> None:
    made = [factories.make_email(world.inbox) for _ in range(3)]
    actions = keywords.set_keywords(world.alice, made, add=["$seen"])
    assert [action.kind for action in actions] == [Action.Kind.KEYWORDS]
    assert actions[0].emails.count() == 3
    world.inbox.refresh_from_db()
    assert world.inbox.unread_emails == 0
    assert entries.pending_keywords(world.account.pk) == {email.pk: frozenset({"$seen"}) for email in made}


def test_what_is_so_already_writes_nothing(world: World) -> None:
    email = factories.make_email(world.inbox, keywords=["$seen"])
    assert keywords.set_keywords(world.alice, [email], add=["$SEEN"]) == []
    assert not Action.objects.exists()


@pytest.mark.parametrize("word", ["", "two words", "per%cent", 'quo"te', "ümlaut", "x" * 256, "a\nb"])
def test_a_keyword_that_is_none_is_refused_before_anything_changed(world: World, word: str) -> None:
    email = factories.make_email(world.inbox)
    with pytest.raises(BadKeyword):
        keywords.set_keywords(world.alice, [email], add=["$seen", word])
    assert emails.keywords_of([email.pk])[email.pk] == frozenset()


def test_a_refused_keyword_is_put_back(world: World) -> None:
    email = factories.make_email(world.inbox, keywords=["$flagged"])
    action = keywords.set_keywords(world.alice, [email], add=["$seen"], remove=["$flagged"])[0]
    putting_back.put_back(action)
    assert emails.keywords_of([email.pk])[email.pk] == {"$flagged"}


def test_move_keeps_keywords_and_remembers_the_source(world: World) -> None:
    email = factories.make_email(world.inbox, keywords=["$flagged"])
    (action,) = move.move_emails(world.alice, [email], target=world.archive)
    assert boxes(email) == {world.archive.pk}
    assert emails.keywords_of([email.pk])[email.pk] == {"$flagged"}
    assert entries.pending_removals(world.account.pk) == {email.pk: {world.inbox.pk}}
    putting_back.put_back(action)
    assert boxes(email) == {world.inbox.pk}


def test_moving_to_another_persons_account_is_refused(world: World) -> None:
    other = factories.make_mailbox(factories.make_account(factories.make_user("bob")), "Inbox", role="inbox")
    email = factories.make_email(world.inbox)
    with pytest.raises(NoSuchTarget):
        move.move_emails(world.alice, [email], target=other)
    assert boxes(email) == {world.inbox.pk}


def test_delete_goes_to_trash_first_and_then_for_good(world: World) -> None:
    email = factories.make_email(world.inbox)
    assert [action.kind for action in move.trash_emails(world.alice, [email])] == [Action.Kind.MOVE]
    assert boxes(email) == {world.trash.pk}
    assert [action.kind for action in move.trash_emails(world.alice, [email])] == [Action.Kind.DESTROY]
    assert boxes(email) == set()


def test_archiving_without_an_archive_says_what_to_do(world: World) -> None:
    Mailbox.objects.filter(pk=world.archive.pk).update(role="")
    email = factories.make_email(world.inbox)
    with pytest.raises(ActionRefused, match="settings"):
        move.archive_emails(world.alice, [email])


def test_a_new_mailbox_is_shown_at_once_and_made_on_the_server_later(world: World) -> None:
    mailbox = mailboxes.create_mailbox(world.alice, world.account.pk, name="Projects")
    assert mailbox.source == Mailbox.Source.REMOTE
    assert Action.objects.get().kind == Action.Kind.CREATE_MAILBOX
    with pytest.raises(MailboxNameTaken):
        mailboxes.create_mailbox(world.alice, world.account.pk, name="Projects")


@pytest.mark.parametrize("name", ["", "   ", "a/b", "tab\there", "é" * 200])
def test_a_bad_mailbox_name_is_refused(world: World, name: str) -> None:
    with pytest.raises(BadMailboxName):
        mailboxes.create_mailbox(world.alice, world.account.pk, name=name)


def test_a_mailbox_is_not_moved_into_itself(world: World) -> None:
    parent = factories.make_mailbox(world.account, "Work")
    child = factories.make_mailbox(world.account, "2026", parent=parent, remote_name="Work/2026")
    with pytest.raises(ActionRefused):
        mailboxes.rename_mailbox(world.alice, parent, name="Work", parent=child)


def test_deleting_a_mailbox_spares_mail_that_lies_elsewhere_too(world: World) -> None:
    box = factories.make_mailbox(world.account, "Work")
    only, both = factories.make_email(box), factories.make_email(box)
    move.copy_emails(world.alice, [both], target=world.archive)
    with pytest.raises(MailboxNotEmpty):
        mailboxes.delete_mailbox(world.alice, box, remove_emails=False)
    mailboxes.delete_mailbox(world.alice, box, remove_emails=True)
    assert not Email.objects.filter(pk=only.pk).exists()
    assert boxes(both) == {world.archive.pk}


def test_a_pop3_account_keeps_its_mailboxes_to_itself(db: None) -> None:
    alice = factories.make_user()
    account = factories.make_account(alice, protocol="pop3")
    mailbox = mailboxes.create_mailbox(alice, account.pk, name="Projects")
    assert mailbox.source == Mailbox.Source.LOCAL
    assert not Action.objects.exists()
