"""The randomised judge: two strangers and the user change the same mailboxes at once, workers die, connections are cut."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.fakes.cutting_proxy import FROM_CLIENT, FROM_SERVER, CuttingProxy
from tests.faults.random_acts import CHECKED_KEYWORDS, DoveadmStranger, ImapStranger, Memory, Person
from tests.faults.story import tell
from tests.faults.sync_stage import SyncStage, make_stage, seeded
from tests.faults.worker_process import WorkerProcess
from tests.servers.dovecot import DovecotServer
from webmail.journal.models import Action
from webmail.store.models import Email, EmailKeyword, Mailbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live, pytest.mark.slow, pytest.mark.fault("F1")]

SECONDS = float(os.environ.get("PILLARBOX_FAULT_SECONDS", "15"))
LAST_STATEMENT = 400
MOST_PASSES = 15


@pytest.fixture(scope="module")
def worker(django_db_setup: None) -> Iterator[WorkerProcess]:
    process = WorkerProcess()
    yield process
    process.close()


def work_once(stage: SyncStage, worker: WorkerProcess, person: Person, proxy: CuttingProxy, dice: random.Random) -> str:
    """A pass in a process of its own, which may die or lose its connection, while the user goes on."""
    fate = dice.choice(["lives", "lives", "killed", "cut"])
    if fate == "cut":
        direction = dice.choice([FROM_CLIENT, FROM_SERVER])
        proxy.cut_after_bytes(direction, dice.randrange(1, 6_000), reset=dice.random() < 0.5)
    last = dice.randrange(1, LAST_STATEMENT) if fate == "killed" else 0
    worker.sync(stage.account.pk, kill_at_statement=last)
    for _ in range(dice.randrange(0, 12)):
        person.act()
    worker.wait()
    stage.time_passes()
    return fate


def settle(stage: SyncStage, worker: WorkerProcess) -> list[str]:
    """Passes in peace until nothing is wrong any more; returns what still is."""
    for _ in range(MOST_PASSES):
        worker.sync(stage.account.pk)
        assert worker.wait() == 0
        stage.time_passes()
        has_open = Action.objects.filter(account=stage.account, status__in=Action.OPEN).exists()
        if not has_open and not (faults := stage.faults()):
            return []
    return faults if not has_open else [f"still open: {list(Action.objects.filter(status__in=Action.OPEN).values())}"]


@pytest.mark.timeout(3600)
@pytest.mark.req("Y95")
@pytest.mark.req("R79")
@pytest.mark.req("R82")
def test_after_everything_at_once_we_hold_what_dovecot_holds_and_no_act_is_lost(
    dovecot: DovecotServer, worker: WorkerProcess
):
    dice = seeded()
    with CuttingProxy(port=dovecot.imap_port) as proxy:
        stage = make_stage(dovecot, port=proxy.port)
        memory = Memory()
        strangers = [
            ImapStranger(stage, memory, dice.getrandbits(32), first=1_000),
            DoveadmStranger(stage, memory, dice.getrandbits(32), first=5_000),
        ]
        for _ in range(40):
            dovecot.deliver(stage.person.name, strangers[0].next_letter())
        worker.sync(stage.account.pk)
        worker.wait()
        person, fates = Person(stage, memory, dice.getrandbits(32)), Counter[str]()
        for stranger in strangers:
            stranger.start()
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            fates[work_once(stage, worker, person, proxy, dice)] += 1
        for stranger in strangers:
            stranger.stop()
        proxy.forget_limits()
        left = settle(stage, worker)
    print(f"passes {dict(fates)}; acts {dict(memory.acts)}")
    left += lost_acts(stage, memory)
    if left:
        print(*tell(stage, left), sep="\n")
    assert left == []


def lost_acts(stage: SyncStage, memory: Memory) -> list[str]:
    """Acts of the user that came to nothing without a word, and letters that nobody took away."""
    rows = {row.pk: row for row in Action.objects.filter(account=stage.account)}
    found = [f"{row.kind} failed without a reason" for row in rows.values() if row.status == "failed" and not row.error]
    there = Counter(Email.objects.filter(account=stage.account, orphaned_at=None).values_list("subject", flat=True))
    for subject, count in memory.put.items():
        if not there[subject] and subject not in memory.may_be_gone:
            found.append(f"{subject} is gone, and nobody destroyed it")
        if there[subject] > count and subject not in memory.copies:
            found.append(f"{subject} is there {there[subject]} times")
    for (subject, keyword), (is_set, row_id) in memory.keywords.items():
        row = rows.get(row_id)
        if keyword not in CHECKED_KEYWORDS or subject in memory.copies or not there[subject]:
            continue
        has_it = EmailKeyword.objects.filter(email__account=stage.account, email__subject=subject, keyword=keyword)
        if row is not None and row.status == "done" and has_it.exists() != is_set:
            found.append(f"{subject}: {keyword} should be {'set' if is_set else 'clear'}")
    names = set(stage.doveadm("mailbox/list").splitlines())
    ours = set(Mailbox.objects.filter(account=stage.account, is_selectable=True).values_list("remote_name", flat=True))
    return [*found, *(f"mailbox {name} only on one side" for name in sorted(names ^ ours))]
