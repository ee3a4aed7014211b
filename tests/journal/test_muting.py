"""Muted conversations (F35): a new reply leaves the inbox once, as an act of its owner; nobody is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests import factories
from tests.store.conftest import World, world
from webmail.journal.actions import keywords, move
from webmail.journal.models import Action
from webmail.store import emails, ingest
from webmail.store.models import Email, Mailbox
from webmail.store.queries.muting import MUTED, is_muted, muted_threads, without_muted

__all__ = ["world"]


def reply(mailbox: Mailbox, number: int, **fields: Any) -> int:
    headers = factories.make_headers(message_id=f"{number}@x", subject="Re: Hello", in_reply_to=["1@x"])
    return ingest.ingest_emails(mailbox.account_id, [factories.make_item(mailbox, headers=headers, **fields)])[0]


@pytest.fixture
def first(world: World) -> Email:
    email = factories.make_email(world.inbox, headers=factories.make_headers(message_id="1@x"), minutes=10)
    keywords.set_keywords(world.alice, [email], add=[MUTED])
    return email


def test_a_new_reply_is_archived_by_the_journal_and_muted_too(world: World, first: Email) -> None:
    pk = reply(world.inbox, 2, minutes=20)
    assert emails.memberships([pk]) == {pk: {world.archive.pk}}
    assert emails.keywords_of([pk])[pk] == {MUTED}
    assert [action.kind for action in Action.objects.filter(emails__email=pk)] == ["keywords", "move"]
    assert Action.objects.get(kind="move").user == world.alice
    assert emails.memberships([first.pk]) == {first.pk: {world.inbox.pk}}
    assert is_muted(first.thread_id)
    assert muted_threads([first.thread_id]) == {first.thread_id}
    assert not without_muted(Email.objects.all()).exists()


def test_what_is_put_back_into_the_inbox_stays_there(world: World, first: Email) -> None:
    pk = reply(world.inbox, 2, minutes=20)
    move.move_emails(world.alice, [Email.objects.get(pk=pk)], target=world.inbox)
    other = reply(world.inbox, 3, minutes=30)
    assert emails.memberships([pk, other]) == {pk: {world.inbox.pk}, other: {world.archive.pk}}


def test_older_mail_of_the_conversation_and_other_mailboxes_are_left_alone(world: World, first: Email) -> None:
    older = reply(world.inbox, 2, minutes=5)
    elsewhere = reply(world.trash, 3, minutes=30)
    found = emails.memberships([older, elsewhere])
    assert found == {older: {world.inbox.pk}, elsewhere: {world.trash.pk}}


def test_after_unmuting_replies_stay_in_the_inbox(world: World, first: Email) -> None:
    keywords.set_keywords(world.alice, [first], remove=[MUTED])
    pk = reply(world.inbox, 2, minutes=20)
    assert emails.memberships([pk]) == {pk: {world.inbox.pk}}


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_it_is_the_same_for_both_protocols_and_without_an_archive_nothing_moves(db: None, protocol: str) -> None:
    alice = factories.make_user()
    account = factories.make_account(alice, protocol=protocol)
    inbox = Mailbox.objects.filter(account=account, role="inbox").first() or factories.make_mailbox(
        account, "Inbox", role="inbox"
    )
    email = factories.make_email(inbox, headers=factories.make_headers(message_id="1@x"), minutes=10)
    keywords.set_keywords(alice, [email], add=[MUTED])
    archive = Mailbox.objects.filter(account=account, role="archive").first()
    pk = reply(inbox, 2, minutes=20)
    assert emails.memberships([pk]) == {pk: {archive.pk if archive else inbox.pk}}
