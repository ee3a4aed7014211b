"""A lease of a process that died here is free at once; all others run out by themselves."""

import os
import subprocess
import sys

import pytest

from webmail.store import leases
from webmail.store.models import Lease
from webmail.workers import stopping

pytestmark = pytest.mark.django_db


def dead_pid() -> int:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    return finished.pid


def test_lease_of_a_dead_process_of_this_machine_is_freed():
    host = stopping.process_owner().rpartition(":")[0]
    leases.take_lease("watch:0", owner=f"{host}:{dead_pid()}", seconds=60)

    assert stopping.free_lease_of_the_dead("watch:0")
    assert leases.take_lease("watch:0", owner="next", seconds=60) is not None


@pytest.mark.parametrize("owner", ["elsewhere:1", "no-number", f"{stopping.process_owner().rpartition(':')[0]}:1"])
def test_lease_of_another_machine_or_a_living_process_stays(owner):
    leases.take_lease("watch:0", owner=owner, seconds=60)

    assert not stopping.free_lease_of_the_dead("watch:0")
    assert Lease.objects.get().owner == owner


def test_own_number_that_belonged_to_somebody_before_is_a_dead_one():
    leases.take_lease("watch:0", owner=stopping.process_owner(), seconds=60)

    assert stopping.process_owner().endswith(str(os.getpid()))
    assert stopping.free_lease_of_the_dead("watch:0")
