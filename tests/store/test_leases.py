"""One owner at a time, and none that outlives its worker (sync Y82)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from webmail.store import leases
from webmail.store.errors import LeaseLost
from webmail.store.models import Lease

pytestmark = [pytest.mark.django_db, pytest.mark.req("Y82")]


def expire(name: str) -> None:
    Lease.objects.filter(name=name).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_a_held_lease_is_given_to_nobody_else() -> None:
    assert leases.take_lease("x", owner="a", seconds=60) is not None
    assert leases.take_lease("x", owner="b", seconds=60) is None


def test_a_released_lease_is_free() -> None:
    with leases.leased("x", owner="a", seconds=60) as lease:
        assert lease is not None
    assert leases.take_lease("x", owner="b", seconds=60) is not None


def test_the_lease_of_a_dead_worker_ends_and_its_writes_are_refused() -> None:
    dead = leases.take_lease("x", owner="a", seconds=60)
    assert dead is not None
    expire("x")
    heir = leases.take_lease("x", owner="b", seconds=60)
    assert heir is not None
    assert heir.fencing > dead.fencing
    for step in (dead.check, lambda: dead.extend(60)):
        with pytest.raises(LeaseLost):
            step()
    dead.release()
    heir.check()
