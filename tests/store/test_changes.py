"""The change clock: states, changes, tombstones (jmap S7 to S10)."""

from __future__ import annotations

import pytest

from tests import factories
from tests.store.conftest import World
from webmail.store import changes, emails
from webmail.store.errors import CannotCalculateChanges
from webmail.store.models import Email


@pytest.mark.req("S8")
def test_a_change_that_changes_nothing_moves_no_state(world: World) -> None:
    email = factories.make_email(world.inbox, keywords=["$seen"])
    before = changes.states_of(world.account.pk)
    with changes.recording(world.account.pk) as record:
        emails.change_keywords(record, {email.pk: emails.KeywordChange(added=frozenset({"$seen"}))})
    assert changes.states_of(world.account.pk) == before


@pytest.mark.req("S7")
def test_each_changed_object_has_its_own_number(world: World) -> None:
    for _ in range(3):
        factories.make_email(world.inbox)
    numbers = list(Email.objects.values_list("updated_modseq", flat=True))
    assert len(set(numbers)) == 3


def test_a_new_message_is_created_once_and_then_updated(world: World) -> None:
    state = changes.state_of(world.account.pk, changes.EMAIL)
    email = factories.make_email(world.inbox)
    created = changes.changes_since(world.account.pk, changes.EMAIL, state)
    assert (created.created, created.updated, created.destroyed) == ((email.public_id,), (), ())
    state = created.new_state
    with changes.recording(world.account.pk) as record:
        emails.change_keywords(record, {email.pk: emails.KeywordChange(added=frozenset({"$flagged"}))})
    updated = changes.changes_since(world.account.pk, changes.EMAIL, state)
    assert (updated.created, updated.updated) == ((), (email.public_id,))


@pytest.mark.req("S8")
def test_created_and_destroyed_within_the_window_is_left_out(world: World) -> None:
    state = changes.state_of(world.account.pk, changes.EMAIL)
    kept, gone = factories.make_email(world.inbox), factories.make_email(world.inbox)
    with changes.recording(world.account.pk) as record:
        emails.destroy_emails(record, [gone.pk])
    found = changes.changes_since(world.account.pk, changes.EMAIL, state)
    assert (found.created, found.destroyed) == ((kept.public_id,), ())


@pytest.mark.req("S10")
def test_a_tombstone_tells_the_last_mailboxes(world: World) -> None:
    email = factories.make_email(world.inbox)
    state = changes.state_of(world.account.pk, changes.EMAIL)
    with changes.recording(world.account.pk) as record:
        emails.destroy_emails(record, [email.pk])
    assert changes.changes_since(world.account.pk, changes.EMAIL, state).destroyed == (email.public_id,)
    from webmail.store.models import Tombstone

    assert Tombstone.objects.get(public_id=email.public_id).mailbox_ids == [world.inbox.public_id]


@pytest.mark.req("S7")
@pytest.mark.parametrize("step", [1, 2, 3])
def test_paging_through_changes_gives_the_same_sum(world: World, step: int) -> None:
    state = changes.state_of(world.account.pk, changes.EMAIL)
    made = [factories.make_email(world.inbox) for _ in range(7)]
    with changes.recording(world.account.pk) as record:
        emails.destroy_emails(record, [made[0].pk])
    whole = changes.changes_since(world.account.pk, changes.EMAIL, state)
    created: list[str] = []
    has_more = True
    while has_more:
        page = changes.changes_since(world.account.pk, changes.EMAIL, state, max_changes=step)
        created += page.created
        state, has_more = page.new_state, page.has_more
    assert sorted(created) == sorted(whole.created)
    assert state == whole.new_state


@pytest.mark.req("S9")
def test_a_mailbox_whose_counters_moved_says_so(world: World) -> None:
    state = changes.state_of(world.account.pk, changes.MAILBOX)
    factories.make_email(world.inbox)
    found = changes.changes_since(world.account.pk, changes.MAILBOX, state)
    assert found.updated == (world.inbox.public_id,)
    assert found.only_counts


def test_a_state_of_the_future_cannot_be_answered(world: World) -> None:
    with pytest.raises(CannotCalculateChanges):
        changes.changes_since(world.account.pk, changes.EMAIL, 10**9)
