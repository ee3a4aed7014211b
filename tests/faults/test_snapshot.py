"""F8 and R92: the files as a power cut or a backup would leave them, and what a site does that starts from them.

A power cut is modelled: every process is frozen, database, WAL and blobs are copied as they lie on disk, and read from the
copy. What was acknowledged before the freeze must be in it, with its bytes. PILLARBOX_FAULT_SNAPSHOTS=30 is the full count.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import struct
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.cutting_proxy import CuttingProxy
from tests.faults import tally
from tests.faults.evidence import gather
from tests.faults.forked_site import KINDS, ForkedSite, Person
from tests.faults.judge import judge
from tests.faults.lane import full_lane_only
from tests.faults.sink_process import SinkProcess
from tests.faults.sync_stage import seeded
from tests.faults.tokens import new_tokens
from tests.servers.dovecot import DovecotServer
from tests.servers.process import wait_until
from webmail.outbox.models import Phase
from webmail.workers.restoring import MARK_FILE

pytestmark = [full_lane_only, pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(900)]

SNAPSHOTS = int(os.environ.get("PILLARBOX_FAULT_SNAPSHOTS", "4"))
WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24  # sqlite.org/fileformat2.html section 4

BYTES = """
SELECT s.subject, b.sha256, b.pack, b.offset, b.size_bytes FROM outbox_submission s JOIN store_blob b ON b.id = s.blob_id
"""


def mark_of(site: ForkedSite) -> int:
    """How far the queue has counted, in the file that is in no backup (R92)."""
    return int((site.directory / MARK_FILE).read_text())


def take_snapshot(site: ForkedSite, target: Path) -> None:
    """Freeze all, copy, go on."""
    for kind in KINDS:
        site.send(kind, signal.SIGSTOP)
    try:
        target.mkdir()
        for suffix in ("", "-wal"):
            source = site.database.with_name(site.database.name + suffix)
            if source.exists():
                shutil.copy(source, target / source.name)
        shutil.copytree(site.directory / "blobs", target / "blobs")
    finally:
        for kind in KINDS:
            site.send(kind, signal.SIGCONT)


def faults_of(copy: Path, name: str, promised: set[str]) -> list[str]:
    """What is wrong with a copy, read by SQLite and by hash."""
    with closing(sqlite3.connect(copy / name)) as connection:
        found = [f"integrity: {row[0]}" for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        rows = connection.execute(BYTES).fetchall()
    found += [
        f"I1 {token}: acknowledged before the power cut, and gone" for token in promised - {row[0] for row in rows}
    ]
    for token, sha256, pack, offset, size in rows:
        raw = (copy / "blobs" / pack[:2] / pack).read_bytes()[offset : offset + size]
        if hashlib.sha256(raw).hexdigest() != sha256:
            found.append(f"{token}: its bytes are not whole")
    return found


def tear_last_frame(copy: Path, name: str) -> bool:
    """Cut the last frame of the WAL in half, as a write that the disk did not finish."""
    wal = copy / f"{name}-wal"
    if not wal.exists() or wal.stat().st_size <= WAL_HEADER_BYTES:
        return False
    with wal.open("r+b") as file:
        (page_bytes,) = struct.unpack(">I", file.read(12)[8:])
        frames = (wal.stat().st_size - WAL_HEADER_BYTES) // (FRAME_HEADER_BYTES + page_bytes)
        file.truncate(WAL_HEADER_BYTES + frames * (FRAME_HEADER_BYTES + page_bytes) - page_bytes // 2)
    return True


@pytest.mark.fault("F8")
@pytest.mark.req("R62")
@pytest.mark.req("R88")
def test_power_cut_keeps_what_was_acknowledged(forked_site: ForkedSite, dovecot: DovecotServer, tmp_path: Path):
    """R62 R88 F8 I1"""
    site, dice = forked_site, seeded()
    acknowledged: dict[str, Person] = {}
    ended, faults, torn = threading.Event(), [], 0
    with SinkProcess(slow_share=0.2) as sink:
        people = site.people(dovecot, 2, smtp_port=sink.port)

        def send() -> None:
            while not ended.is_set():
                (token,) = new_tokens(1)
                site.send_until_acknowledged(people[0], token)
                acknowledged[token] = people[0]

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for number in range(SNAPSHOTS):
                time.sleep(dice.uniform(0.1, 1.0))  # the moment is the fault
                promised, copy = set(acknowledged), tmp_path / str(number)
                take_snapshot(site, copy)
                shutil.copytree(copy, tmp_path / f"{number} torn")
                faults += faults_of(copy, site.database.name, promised)
                if tear_last_frame(tmp_path / f"{number} torn", site.database.name):
                    torn += 1
                    # The last frame may be of a commit that was acknowledged: only the file as such is judged.
                    faults += faults_of(tmp_path / f"{number} torn", site.database.name, set())
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        site.settle(timeout_s=150)
        evidence, _ = gather(site, dovecot, sink, people=people, acknowledged=acknowledged)
    print(f"{SNAPSHOTS} snapshots, {torn} of them torn as well; {len(acknowledged)} acknowledged in all")
    tally.add(runs=SNAPSHOTS - 1)
    tally.add_run(acknowledged=acknowledged, received=evidence.received, rows=evidence.rows)
    assert faults == []
    assert judge(evidence) == []


@pytest.mark.fault("F14")
@pytest.mark.req("R92")
def test_queue_of_a_restored_backup_is_held(forked_site: ForkedSite, dovecot: DovecotServer, tmp_path: Path):
    """R92 F14 I2: what waited in the backup has left since; the restored site holds it, and asks."""
    site, acknowledged = forked_site, dict[str, Person]()
    with SinkProcess(slow_share=0) as sink, CuttingProxy(port=sink.port) as proxy:
        people = site.people(dovecot, 1, smtp_port=proxy.port)
        proxy.refuses = True
        for token in new_tokens(5):
            site.send_until_acknowledged(people[0], token)
            acknowledged[token] = people[0]
        mine = lambda: {phase for token, phase in site.rows() if token in acknowledged}  # noqa: E731
        wait_until(lambda: Phase.RETRY in mine(), what="a first try", timeout_s=30)
        take_snapshot(site, tmp_path / "backup")
        proxy.heal()
        site.run_python(
            "from webmail.outbox.queue import control\nfrom webmail.outbox.models import Submission\n"
            "result = [control.retry_now(row) for row in Submission.objects.filter(phase__in=['retry', 'queued'])]"
        )
        wait_until(lambda: mine() == {Phase.DONE}, what="everything to leave", timeout_s=90)
        counted = mark_of(site)  # as late as everything left: the sweep must have counted since
        wait_until(lambda: mark_of(site) > counted, what="the next round of the sweep", timeout_s=30)
        site.stop_all()
        restore(site, tmp_path / "backup")
        # `manage.py up` looks first of all; wake-ups of before are still on their way.
        assert site.run_python("from webmail.workers import restoring\nresult = restoring.look_for_restore()") == 1
        for kind in KINDS:
            site.start_process(kind)
        site.wait_for_page()
        ring(site)
        wait_until(lambda: mine() == {Phase.HELD}, what=f"the queue to be held: {mine()}", timeout_s=40)
        wait_until(lambda: not site.redis_waits(), what="every wake-up to be heard", timeout_s=30)
        received = sink.received()
        held_for = {row[1] for row in site.rows("subject, held_for") if row[0] in acknowledged}
        print(
            f"restored: {len(acknowledged)} were waiting in the backup, {sum(received.values())} received, held for {held_for}"
        )
    assert held_for == {"restore"}
    assert set(received) == set(acknowledged)
    assert set(received.values()) == {1}


def restore(site: ForkedSite, backup: Path) -> None:
    """Put the backup where the database was, as an operator would."""
    for suffix in ("", "-wal", "-shm"):
        site.database.with_name(site.database.name + suffix).unlink(missing_ok=True)
    for path in backup.glob(f"{site.database.name}*"):
        shutil.copy(path, site.database.with_name(path.name))
    with closing(sqlite3.connect(site.database)) as connection, connection:
        connection.execute(
            "UPDATE outbox_submission SET next_try_at = '2025-01-01 00:00:00' WHERE phase IN ('retry', 'queued')"
        )


def ring(site: ForkedSite) -> None:
    """Wake-ups of before that were still on their way."""
    site.run_python(
        "from webmail import dispatch\nfrom accounts.models import MailAccount\n"
        "result = [dispatch.wake('outbox.deliver_account', row.pk) for row in MailAccount.objects.all()]"
    )
