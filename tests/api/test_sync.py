"""Delta sync: what a client keeps equals what the lists show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.signing import Signer
from django.utils import timezone

from accounts import services
from accounts.models import Identity
from tests import factories
from tests.api.conftest import World, speaking_for
from webmail.journal.actions import keywords, mailboxes, move
from webmail.store.models import ChangeClock, Email, TypeState


class Mirror:
    """A client's own copy, kept by /sync alone."""

    def __init__(self, world: World, *, limit: int = 500) -> None:
        self.world = world
        self.limit = limit
        self.address = f"sync?account={world.account.public_id}"
        self.cursor = world.api.get(self.address)["cursor"]
        self.copies: dict[str, dict[str, Any]] = {"messages": {}, "mailboxes": {}, "threads": {}}
        for row in world.api.get(f"{world.home}/mailboxes")["mailboxes"]:
            self.copies["mailboxes"][row["id"]] = row

    def update(self) -> int:
        """Ask until nothing is left; returns the number of requests."""
        count, has_more = 0, True
        while has_more:
            page = self.world.api.get(
                f"{self.address}&since={self.cursor}&include=objects&limit={self.limit}"
                "&types=messages,mailboxes,threads"
            )
            for name, copy in self.copies.items():
                told = page["changes"][name]
                assert not set(told["created"]) & set(told["destroyed"])
                for one in told["destroyed"]:
                    copy.pop(one, None)
                copy.update({row["id"]: row for row in page["objects"][name]})
            self.cursor, has_more = page["cursor"], page["has_more"]
            count += 1
        return count

    def check(self) -> None:
        listed = self.world.api.get(f"{self.world.home}/messages?limit=500")["messages"]
        assert {row["id"]: row["keywords"] for row in listed} == {
            row["id"]: row["keywords"] for row in self.copies["messages"].values()
        }
        assert {row["id"]: row["mailbox_ids"] for row in listed} == {
            row["id"]: row["mailbox_ids"] for row in self.copies["messages"].values()
        }
        boxes = self.world.api.get(f"{self.world.home}/mailboxes")["mailboxes"]
        assert {row["id"]: row for row in boxes} == self.copies["mailboxes"]
        assert {row["thread_id"] for row in listed} == self.copies["threads"].keys()


def act(world: World) -> None:
    """A bit of everything."""
    made = [factories.make_email(world.inbox) for _ in range(8)]
    keywords.set_keywords(world.alice, made[:3], add=["$seen"])
    move.move_emails(world.alice, made[2:4], target=world.archive)
    move.destroy_emails(world.alice, made[4:5])
    box = mailboxes.create_mailbox(world.alice, world.account.pk, name="Work")
    mailboxes.create_mailbox(world.alice, world.account.pk, name="Below", parent=box)
    move.copy_emails(world.alice, made[6:8], target=box)


@pytest.mark.req("rest 3")
@pytest.mark.parametrize("limit", [1, 3, 500])
def test_deltas_sum_up_to_the_full_list(world: World, limit: int) -> None:
    mirror = Mirror(world, limit=limit)
    act(world)
    asked = mirror.update()
    mirror.check()
    assert (asked == 1) == (limit == 500)
    emails = list(Email.objects.filter(mailbox_rows__isnull=False).distinct())
    keywords.set_keywords(world.alice, emails, remove=["$seen"], add=["x"])
    move.trash_emails(world.alice, emails[:2])
    move.destroy_emails(world.alice, emails[2:3])
    mirror.update()
    mirror.check()


@pytest.mark.req("rest 3")
def test_no_change_gives_empty_lists_and_the_same_cursor(world: World) -> None:
    factories.make_email(world.inbox)
    address = f"sync?account={world.account.public_id}"
    cursor = world.api.get(address)["cursor"]
    page = world.api.get(f"{address}&since={cursor}")
    assert page["cursor"] == cursor
    assert not page["has_more"]
    assert set(page["changes"]) == {"messages", "mailboxes", "threads", "identities", "submissions"}
    assert all(not told["created"] + told["updated"] + told["destroyed"] for told in page["changes"].values())


def test_counters_alone_are_told_as_such(world: World) -> None:
    email = factories.make_email(world.inbox)
    address = f"sync?account={world.account.public_id}"
    cursor = world.api.get(address)["cursor"]
    keywords.set_keywords(world.alice, [email], add=["$seen"])
    told = world.api.get(f"{address}&since={cursor}&types=mailboxes")["changes"]["mailboxes"]
    assert (told["updated"], told["only_counts"]) == ([world.inbox.public_id], True)


@pytest.mark.req("rest 3")
def test_identities_and_submissions_come_along(world: World) -> None:
    address = f"sync?account={world.account.public_id}"
    cursor = world.api.get(address)["cursor"]
    services.save_identity(Identity(account=world.account, email="second@example.org"))
    body = {"message": {"to": "ben@example.net", "text": "Hi"}}
    sent = world.api.post(f"{world.home}/submissions", body, expect=201, Idempotency_Key="k")
    objects = world.api.get(f"{address}&since={cursor}&include=objects")["objects"]
    assert [one["email"] for one in objects["identities"]] == ["second@example.org"]
    assert [one["id"] for one in objects["submissions"]] == [sent["id"]]


@pytest.mark.req("rest 3")
def test_old_foreign_and_broken_cursors_are_gone(world: World) -> None:
    address = f"sync?account={world.account.public_id}"
    foreign = world.api.get(f"sync?account={world.second.public_id}")["cursor"]
    ahead = Signer(salt="webmail.api.sync").sign_object([world.account.public_id, {"Email": 10**9}])
    factories.make_email(world.inbox)
    cursor = world.api.get(address)["cursor"]
    ChangeClock.objects.filter(account=world.account).update(modseq=10**6 + 1)
    TypeState.objects.filter(account=world.account, type="Email").update(floor=10**6, modseq=10**6 + 1)
    for bad in (foreign, ahead, cursor, "nonsense", cursor[:-2]):
        problem = world.api.get(f"{address}&since={bad}", expect=410)
        assert problem["type"].endswith("#problem-cursor-expired")


def test_types_follow_the_scopes(world: World) -> None:
    shy = speaking_for(world.alice, scopes=("mail.headers",))
    address = f"sync?account={world.account.public_id}"
    cursor = shy.get(address)["cursor"]
    assert set(shy.get(f"{address}&since={cursor}")["changes"]) == {"messages", "mailboxes", "threads"}
    assert shy.get(f"{address}&since={cursor}&types=submissions", expect=403)["scope"] == "mail.read"
    shy.get(f"{address}&types=birds", expect=400)


def test_resync_makes_the_account_due(world: World) -> None:
    world.account.next_sync_at = timezone.now() + timedelta(hours=1)
    world.account.save()
    world.api.post(f"{world.home}/resync", expect=202)
    world.account.refresh_from_db()
    assert world.account.next_sync_at <= timezone.now()
