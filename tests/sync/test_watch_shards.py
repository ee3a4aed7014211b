"""Several watches share the accounts: by leases, without a write for each account."""

from datetime import timedelta

import pytest
from django.utils import timezone

from webmail.store.models import Heartbeat, Lease
from webmail.sync.watching.watch_shards import LEASE_S, SHARDS, Shards

pytestmark = pytest.mark.django_db


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def alive(*names: str) -> None:
    Heartbeat.objects.all().delete()
    for name in names:
        Heartbeat.objects.create(name=name, kind="watch", host="h", pid=1)


@pytest.mark.req("Y82")
def test_one_process_holds_all():
    alive("a")

    assert len(Shards("a").look()) == SHARDS


@pytest.mark.req("Y82")
def test_second_process_gets_its_share():
    clock = Clock()
    alive("a", "b")
    first, second = Shards("a", clock=clock), Shards("b", clock=clock)
    first.look()
    second.look()

    assert len(first.held) == len(second.held) == SHARDS // 2
    assert not first.held & second.held


@pytest.mark.req("Y82")
def test_who_holds_more_than_its_share_gives_some_back():
    clock = Clock()
    alive("a")
    first, second = Shards("a", clock=clock), Shards("b", clock=clock)
    first.look()
    alive("a", "b")
    assert second.look() == frozenset()

    clock.now += 4
    first.look()
    clock.now += 4
    second.look()

    assert len(first.held) == len(second.held) == SHARDS // 2


@pytest.mark.req("Y82")
def test_shards_of_a_killed_process_are_taken_over():
    clock = Clock()
    alive("a", "b")
    first, second = Shards("a", clock=clock), Shards("b", clock=clock)
    first.look()
    second.look()
    Lease.objects.filter(owner="a").update(expires_at=timezone.now() - timedelta(seconds=1))

    clock.now += 4
    assert len(second.look()) == SHARDS
    clock.now += LEASE_S
    assert first.held == frozenset()
    assert first.look() == frozenset()


@pytest.mark.req("Y82")
def test_renewal_is_one_statement(django_assert_max_num_queries):
    clock = Clock()
    alive("a")
    shards = Shards("a", clock=clock)
    shards.look()
    clock.now += 7

    with django_assert_max_num_queries(2):
        shards.look()
