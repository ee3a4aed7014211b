"""What a mailbox does not allow is refused in words before anything changed (RFC 4314 section 4)."""

from __future__ import annotations

import pytest

from tests import factories
from tests.store.conftest import World, world
from webmail.journal.actions import keywords, move, selection
from webmail.journal.errors import ActionRefused, NoSuchTarget
from webmail.journal.models import Action
from webmail.store import changes, emails
from webmail.store.models import Email, Mailbox, Placement

__all__ = ["world"]


@pytest.fixture
def shared(world: World) -> Mailbox:
    """Somebody else's mailbox: to be read, and no more."""
    return factories.make_mailbox(world.account, "Shared", rights="lr")


def assert_untouched(email: Email, mailbox: Mailbox) -> None:
    assert emails.memberships([email.pk]) == {email.pk: {mailbox.pk}}
    assert emails.keywords_of([email.pk])[email.pk] == frozenset()
    assert not Action.objects.exists()


@pytest.mark.req("Y73")
def test_nothing_goes_into_a_mailbox_without_the_right_to_insert(world: World, shared: Mailbox) -> None:
    email = factories.make_email(world.inbox)
    for act in (move.move_emails, move.copy_emails):
        with pytest.raises(NoSuchTarget, match=r"You may not put mail into Shared\."):
            act(world.alice, [email], target=shared)
    with pytest.raises(NoSuchTarget):
        selection.apply_to_query(world.alice, Email.objects.all(), selection.Copy(shared))
    assert_untouched(email, world.inbox)


@pytest.mark.req("Y73")
def test_nothing_leaves_a_mailbox_without_the_right_to_delete(world: World, shared: Mailbox) -> None:
    email = factories.make_email(shared)
    mine = factories.make_email(world.inbox)
    elsewhere = factories.make_mailbox(factories.make_account(world.alice), "Elsewhere")
    words = r"You may not take mail out of Shared\."
    for target in (world.archive, elsewhere):
        with pytest.raises(ActionRefused, match=words):
            move.move_emails(world.alice, [mine, email], target=target)
    with pytest.raises(ActionRefused, match=words):
        move.destroy_emails(world.alice, [email])
    with pytest.raises(ActionRefused, match=words):
        move.trash_emails(world.alice, [email])
    for act in (selection.Move(world.archive), selection.Destroy(), selection.Trash()):
        with pytest.raises(ActionRefused, match=words):
            selection.apply_to_query(world.alice, Email.objects.filter(pk=email.pk), act)
    assert_untouched(email, shared)
    assert_untouched(mine, world.inbox)
    assert move.copy_emails(world.alice, [email], target=world.archive)


@pytest.mark.parametrize(
    ("rights", "word", "is_allowed"),
    [
        ("lrs", "$seen", True),
        ("lrs", "$flagged", False),
        ("lrw", "$flagged", True),
        ("lrw", "$seen", False),
        ("lrsw", "blue", True),
        ("lr", "$seen", False),
    ],
)
@pytest.mark.req("Y73")
def test_marks_need_their_right(world: World, rights: str, word: str, is_allowed: bool) -> None:
    email = factories.make_email(factories.make_mailbox(world.account, "Shared", rights=rights))
    if is_allowed:
        assert keywords.set_keywords(world.alice, [email], add=[word])
    else:
        with pytest.raises(ActionRefused, match=r"You may not change the marks of mail in Shared\."):
            keywords.set_keywords(world.alice, [email], add=[word])
        with pytest.raises(ActionRefused):
            selection.apply_to_query(world.alice, Email.objects.all(), selection.Keywords(add=[word]))
        assert emails.keywords_of([email.pk])[email.pk] == frozenset()


@pytest.mark.req("Y73")
def test_a_mark_goes_to_the_mailbox_that_takes_it(world: World, shared: Mailbox) -> None:
    email = factories.make_email(shared)
    move.copy_emails(world.alice, [email], target=world.archive)
    assert keywords.set_keywords(world.alice, [email], add=["$seen"])


@pytest.mark.req("Y73")
def test_what_lies_in_a_closed_mailbox_too_leaves_the_others(world: World, shared: Mailbox) -> None:
    moved, deleted = factories.make_email(world.inbox), factories.make_email(world.inbox)
    for email in (moved, deleted):
        Placement.objects.create(mailbox=shared, email=email, uid=email.pk, uidvalidity=1)
    with changes.recording(world.account.pk) as record:
        emails.add_to_mailbox(record, [moved.pk, deleted.pk], shared.pk)
    (move_action,) = move.move_emails(world.alice, [moved], target=world.archive)
    (destroy_action,) = move.destroy_emails(world.alice, [deleted])
    assert emails.memberships([moved.pk, deleted.pk]) == {
        moved.pk: {world.archive.pk, shared.pk},
        deleted.pk: {shared.pk},
    }
    for action in (move_action, destroy_action):
        assert [row.source_id for row in action.emails.all()] == [world.inbox.pk]


def test_what_nobody_asked_for_is_left_out_where_it_is_not_allowed(world: World, shared: Mailbox) -> None:
    theirs, mine = factories.make_email(shared), factories.make_email(world.inbox)
    assert keywords.set_where_allowed(world.alice, [theirs, mine], add=["$seen"])
    assert emails.keywords_of([theirs.pk, mine.pk]) == {theirs.pk: frozenset(), mine.pk: {"$seen"}}


def test_read_only_mailboxes_allow_neither(world: World) -> None:
    box = factories.make_mailbox(world.account, "Old", is_read_only=True)
    email = factories.make_email(box)
    with pytest.raises(ActionRefused):
        keywords.set_keywords(world.alice, [email], add=["$seen"])
    with pytest.raises(ActionRefused):
        move.move_emails(world.alice, [email], target=world.archive)
    assert_untouched(email, box)
