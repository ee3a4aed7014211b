"""R79: kill -9 of the sync worker at random points of first syncs, deltas and bodies; then all is as if nothing had been."""

import os
import random
from collections.abc import Iterator

import pytest

from tests.faults.sync_stage import SyncStage, connect, make_stage, seeded, stored
from tests.faults.worker_process import WorkerProcess
from tests.servers.dovecot import DovecotServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live, pytest.mark.slow, pytest.mark.fault("F1")]

POINTS = int(os.environ.get("PILLARBOX_FAULT_POINTS", "10"))
POINTS_BY_ACCOUNT = 10  # then a new account, so that first syncs are hit as often as deltas
LAST_STATEMENT = 250  # a first sync of this stage runs about so many
LAST_STATEMENT_OF_A_DELTA = 100


@pytest.fixture(scope="module")
def worker(django_db_setup: None) -> Iterator[WorkerProcess]:
    process = WorkerProcess()
    yield process
    process.close()


def change(stage: SyncStage, dice: random.Random, number: int) -> None:
    """A few things that others do."""
    stage.put(number)
    uids = [uid for mailbox, uid, *_ in stage.remote() if mailbox == "INBOX"]
    if len(uids) < 3:
        return
    one, two, three = dice.sample(uids, 3)
    stage.doveadm("flags/add", dice.choice(["\\Seen", "\\Flagged", "harbour"]), "mailbox", "INBOX", "uid", str(one))
    stage.doveadm("move", dice.choice(["Archive", "Trash"]), "mailbox", "INBOX", "uid", str(two))
    stage.doveadm("expunge", "mailbox", "INBOX", "uid", str(three))


@pytest.mark.timeout(3600)
@pytest.mark.req("R79")
@pytest.mark.req("Y83")
def test_killed_at_random_points_of_a_sync_it_ends_like_one_from_scratch(dovecot: DovecotServer, worker: WorkerProcess):
    dice = seeded()
    kills = tries = 0
    while kills < POINTS:
        stage = make_stage(dovecot)
        for number in range(30):
            stage.dovecot.deliver(stage.person.name, letter_of(number))
        last, until = LAST_STATEMENT, min(kills + POINTS_BY_ACCOUNT, POINTS)
        while kills < until:
            tries += 1
            assert tries <= POINTS * 5
            worker.sync(stage.account.pk, kill_at_statement=dice.randrange(1, last))
            if worker.wait() == -9:
                kills += 1
            else:
                last = LAST_STATEMENT_OF_A_DELTA
            stage.time_passes()
            if dice.random() < 0.6:
                change(stage, dice, 1_000 + tries)
        for _ in range(4):
            worker.sync(stage.account.pk)
            assert worker.wait() == 0
            stage.time_passes()
        assert stage.faults() == []
        fresh = connect(dovecot, stage.person)
        worker.sync(fresh.pk, passes=3)
        assert worker.wait() == 0
        assert stored(fresh) == stored(stage.account)
    print(f"{kills} kills in {tries} passes")


def letter_of(number: int) -> bytes:
    from tests.sync.conftest import letter

    return letter(number, body="Some text " * (number % 7) * 50)
