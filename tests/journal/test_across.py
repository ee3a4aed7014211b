"""Acts across accounts, as rows: which Action they become, what is hidden at once, and what comes back."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.store.conftest import World, world
from webmail.journal import entries
from webmail.journal.actions import keywords, move, putting_back, selection
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action
from webmail.store import emails
from webmail.store.models import Email, Mailbox

__all__ = ["world"]


@pytest.fixture
def elsewhere(world: World) -> Mailbox:
    return factories.make_mailbox(factories.make_account(world.alice), "Elsewhere")


def test_a_move_into_another_account_hides_at_once_and_can_be_put_back(world: World, elsewhere: Mailbox) -> None:
    email = factories.make_email(world.inbox)
    move.copy_emails(world.alice, [email], target=world.archive)
    (action,) = move.move_emails(world.alice, [email], target=elsewhere)
    assert (action.account, action.mailbox, action.total) == (world.account, elsewhere, 2)
    assert action.arguments == {"target": elsewhere.pk, "keep": False, "source": None}
    assert emails.memberships([email.pk]) == {}
    both = {world.inbox.pk, world.archive.pk}
    assert entries.pending_removals(world.account.pk) == {email.pk: both}
    assert entries.held_emails([email.pk]) == {email.pk}
    putting_back.put_back(action)
    assert emails.memberships([email.pk]) == {email.pk: both}


def test_a_move_out_of_one_mailbox_leaves_the_others(world: World, elsewhere: Mailbox) -> None:
    email = factories.make_email(world.inbox)
    move.copy_emails(world.alice, [email], target=world.archive)
    (action,) = move.move_emails(world.alice, [email], target=elsewhere, source=world.inbox)
    assert emails.memberships([email.pk]) == {email.pk: {world.archive.pk}}
    assert action.emails.get().changed == {"stays": [world.archive.pk]}


def test_all_that_match_in_two_accounts_are_a_move_and_a_transfer(world: World, elsewhere: Mailbox) -> None:
    mine, theirs = factories.make_email(world.inbox), factories.make_email(elsewhere)
    query = Email.objects.filter(pk__in=[mine.pk, theirs.pk])
    actions = selection.apply_to_query(world.alice, query, selection.Copy(world.archive))
    assert {action.account_id: action.kind for action in actions} == {
        world.account.pk: Action.Kind.COPY,
        elsewhere.account_id: Action.Kind.TRANSFER,
    }


def test_archive_without_archive_leaves_inbox_for_all_mail_and_keeps_labels(world: World) -> None:
    Mailbox.objects.filter(pk=world.archive.pk).update(role="")
    all_mail = factories.make_mailbox(world.account, "All Mail", role="all")
    label = factories.make_mailbox(world.account, "Receipts")
    email = factories.make_email(world.inbox)
    for target in (all_mail, label):
        move.copy_emails(world.alice, [email], target=target)
    (action,) = move.archive_emails(world.alice, [email])
    assert emails.memberships([email.pk]) == {email.pk: {all_mail.pk, label.pk}}
    assert [row.source_id for row in action.emails.all()] == [world.inbox.pk]
    assert move.archive_emails(world.alice, [email]) == []


def test_archive_with_neither_says_so(world: World) -> None:
    Mailbox.objects.filter(pk=world.archive.pk).update(role="")
    email = factories.make_email(world.inbox)
    with pytest.raises(ActionRefused, match="no mailbox for Archive"):
        move.archive_emails(world.alice, [email])


@pytest.mark.req("Y64")
def test_a_look_at_a_few_reads_only_their_rows_of_a_large_act(world: World) -> None:
    made = [factories.make_email(world.inbox) for _ in range(30)]
    keywords.set_keywords(world.alice, made, add=["$seen"])
    move.move_emails(world.alice, made[:20], target=world.archive)
    one, few = made[0].pk, {made[0].pk, made[25].pk}
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert entries.pending_keywords(world.account.pk, email_ids=few) == dict.fromkeys(few, frozenset({"$seen"}))
        assert entries.pending_removals(world.account.pk, email_ids=few) == {one: {world.inbox.pk}}
        assert entries.pending_keywords(world.account.pk, email_ids=()) == {}
    assert len(queries) == 2
    assert all('"email_id" IN' in query["sql"] for query in queries.captured_queries)
    assert len(entries.pending_keywords(world.account.pk)) == 30
