"""One act on all that match: one Action, rows in bounded transactions, and stopping it."""

from __future__ import annotations

import pytest

from tests import factories
from tests.store.conftest import World, world
from webmail.journal.actions import move, putting_back, selection
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action
from webmail.store import consistency, emails, ingest, leases
from webmail.store.models import Email

__all__ = ["world"]


def fill(world: World, count: int) -> list[int]:
    return ingest.ingest_emails(world.account.pk, [factories.make_item(world.inbox) for _ in range(count)])


def test_ranges_are_taken_from_the_front() -> None:
    ranges = selection.to_ranges([1, 2, 3, 7, 8])
    assert ranges == [[1, 3], [7, 8]]
    assert selection.take(ranges, 2) == ([1, 2], [[3, 3], [7, 8]])
    assert selection.take(ranges, 4) == ([1, 2, 3, 7], [[8, 8]])
    assert selection.take(ranges, 9) == ([1, 2, 3, 7, 8], [])


@pytest.mark.req("R82")
def test_all_that_match_is_one_action(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "BATCH", 4)
    fill(world, 10)
    (action,) = selection.apply_to_query(world.alice, Email.objects.all(), selection.Keywords(add=["$seen"]))
    world.inbox.refresh_from_db()
    action.refresh_from_db()
    assert world.inbox.unread_emails == 0
    assert (action.total, action.done_count, action.unapplied) == (10, 0, [])
    assert selection.apply_to_query(world.alice, Email.objects.all(), selection.Keywords(add=["$seen"])) == []
    assert Action.objects.count() == 1
    assert consistency.check_account(world.account.pk) == []


@pytest.mark.req("R82")
def test_what_a_dead_process_left_unfinished_is_continued(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "BATCH", 4)
    ids = fill(world, 10)
    action = Action.objects.create(
        account=world.account,
        kind=Action.Kind.MOVE,
        mailbox=world.archive,
        arguments={"target": world.archive.pk, "source": None},
        unapplied=selection.to_ranges(ids),
    )
    while selection.apply_next(action):
        pass
    assert emails.memberships(ids) == {pk: {world.archive.pk} for pk in ids}
    assert action.total == 10
    assert consistency.check_account(world.account.pk) == []


@pytest.mark.req("R82")
@pytest.mark.parametrize("is_busy", [False, True])
def test_stopping_puts_back_what_was_not_told(world: World, is_busy: bool) -> None:
    fill(world, 3)
    (action,) = selection.apply_to_query(world.alice, Email.objects.all(), selection.Move(world.archive))
    with leases.leased(f"replay:{world.account.pk}" if is_busy else "other", owner="worker", seconds=60):
        assert putting_back.stop_action(action) is not is_busy
    world.inbox.refresh_from_db()
    action.refresh_from_db()
    assert world.inbox.total_emails == (0 if is_busy else 3)
    assert action.status == (Action.Status.PENDING if is_busy else Action.Status.STOPPED)
    assert consistency.check_account(world.account.pk) == []
    if not is_busy:
        with pytest.raises(ActionRefused):
            putting_back.stop_action(action)


@pytest.mark.req("R82")
def test_a_later_move_stands_when_the_first_is_taken_back(world: World) -> None:
    (pk,) = fill(world, 1)
    email = Email.objects.get(pk=pk)
    (first,) = move.move_emails(world.alice, [email], target=world.archive)
    (second,) = move.move_emails(world.alice, [email], target=world.trash)
    putting_back.put_back(first)
    assert emails.memberships([pk]) == {pk: {world.trash.pk}}
    assert second.emails.get().source_id == world.inbox.pk
