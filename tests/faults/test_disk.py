"""F6: no room, no inodes, no larger file, no writing at all, below the database and the blobs of a whole site.

A send is refused before it is acknowledged, with words; what is here is read as before; nothing is visible by halves; and when
there is room again, everything goes on without a hand. The disk is a small tmpfs of our own, which needs root.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import tally
from tests.faults.evidence import gather
from tests.faults.forked_site import KINDS, ForkedSite, Person
from tests.faults.judge import judge
from tests.faults.lane import full_lane_only
from tests.faults.sink_process import SinkProcess
from tests.faults.tokens import new_tokens
from tests.servers.dovecot import DovecotServer
from tests.servers.process import ServerUnavailable, wait_until
from tests.servers.redis import RedisServer
from webmail.outbox.models import Phase

pytestmark = [full_lane_only, pytest.mark.live, pytest.mark.slow, pytest.mark.fault("F6"), pytest.mark.timeout(600)]

SIZE_MB, INODES = 24, 600
FILE_BYTES = 100_000
SENDS = 8
REFUSALS = {503, 507}
PAGE_LIMIT_S = 3.0
LARGE = "a long letter\n" * 12_000  # 168 kB: no rest of a page has room for it

READ_ALL = """
from webmail.store import blobs, consistency
from webmail.store.models import Blob
from accounts.models import MailAccount
result = []
for blob in Blob.objects.all():
    try:
        blobs.read_blob(blob)
    except Exception as error:
        result.append(f"{blob.sha256}: {error}")
for account in MailAccount.objects.all():
    result += [str(fault) for fault in consistency.check_account(account.pk)]
"""


def mount(*arguments: str) -> None:
    finished = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise ServerUnavailable(f"mount {' '.join(arguments)}: {finished.stderr.strip()}")


@dataclass
class Disk:
    """A small file system of our own."""

    path: Path

    def fill(self) -> None:
        """Not a byte is left."""
        with (self.path / "fill").open("wb", buffering=0) as file, suppress(OSError):
            for size in (1_000_000, 4_096):
                with suppress(OSError):
                    while file.write(b"x" * size):
                        pass

    def use_up_inodes(self) -> None:
        """Not a file can be made."""
        (self.path / "files").mkdir()
        with suppress(OSError):
            for number in range(INODES):
                (self.path / "files" / str(number)).touch()

    def heal(self) -> None:
        """Room again."""
        (self.path / "fill").unlink(missing_ok=True)
        for path in (self.path / "files").glob("*"):
            path.unlink()
        with suppress(FileNotFoundError):
            (self.path / "files").rmdir()


@pytest.fixture(scope="module")
def disk() -> Iterator[Disk]:
    path = Path(tempfile.mkdtemp(prefix="pbx-disk-"))
    try:
        mount("-t", "tmpfs", "-o", f"size={SIZE_MB}m,nr_inodes={INODES}", "tmpfs", str(path))
    except (ServerUnavailable, FileNotFoundError) as error:
        path.rmdir()
        pytest.skip(f"F6 DID NOT RUN: it needs root and mount ({error})")
    yield Disk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=True)
    path.rmdir()


@pytest.fixture(scope="module")
def site(disk: Disk, dovecot: DovecotServer) -> Iterator[ForkedSite]:
    """A site whose database and blobs are on the small disk."""
    redis = RedisServer().start()
    running = ForkedSite(
        redis_server=redis,
        ca_file=str(dovecot.ca_file),
        lease_s=8.0,
        database_url=f"sqlite:///{disk.path}/pillarbox.sqlite3",
        environment={"BLOB_URL": f"file://{disk.path}/blobs"},
    )
    try:
        yield running.start()
    finally:
        running.close()
        redis.close()


def no_room(site: ForkedSite, disk: Disk) -> Callable[[], None]:
    disk.fill()
    return disk.heal


def no_inodes(site: ForkedSite, disk: Disk) -> Callable[[], None]:
    """New processes, so that no pack is open: each has to make a file of its own."""
    restart(site)
    disk.use_up_inodes()
    return disk.heal


def no_larger_file(site: ForkedSite, disk: Disk) -> Callable[[], None]:
    restart(site, file_bytes=FILE_BYTES)
    return lambda: restart(site)


def no_writing(site: ForkedSite, disk: Disk) -> Callable[[], None]:
    """Nothing may be open for writing when it is remounted; from then on no process is started anew."""
    site.stop_all()
    mount("-o", "remount,ro", str(disk.path))
    for kind in KINDS:
        site.start_process(kind)
    site.wait_for_page()
    return lambda: mount("-o", "remount,rw", str(disk.path))


def no_room_for_a_start(site: ForkedSite, disk: Disk) -> Callable[[], None]:
    """The disk is full when everything starts."""
    site.stop_all()
    disk.fill()
    for kind in KINDS:
        site.start_process(kind)
    site.wait_for_page()
    return disk.heal


def restart(site: ForkedSite, **options: int) -> None:
    for kind in KINDS:
        site.kill(kind)
        site.start_process(kind, **options)
    site.wait_for_page()


CASES = {
    "no room": no_room,
    "no room at the start": no_room_for_a_start,
    "no inodes": no_inodes,
    "no larger file": no_larger_file,
    "no writing": no_writing,
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.req("R88")
def test_disk_that_takes_no_more(site: ForkedSite, disk: Disk, dovecot: DovecotServer, name: str):
    """R88 F6 I1 I2 I4 I8"""
    acknowledged: dict[str, Person] = {}
    refused: dict[str, int] = {}
    restart(site)
    with SinkProcess(slow_share=0) as sink:
        people = site.people(dovecot, 2, smtp_port=sink.port)
        (first,) = new_tokens(1)
        assert site.send_once(people[0], first) == 201
        acknowledged[first] = people[0]
        site.settle(timeout_s=60)  # or the restarts below would leave doubt about it, which is not what this is about
        heal = CASES[name](site, disk)
        try:
            slowest_page_s = look(site, people[0])
            send(site, people, acknowledged, refused)
            slowest_page_s = max(slowest_page_s, look(site, people[0]))
        finally:
            heal()
        healed = time.monotonic()
        (last,) = new_tokens(1)
        wait_until(lambda: site.send_once(people[1], last) == 201, what="sends to be taken again", timeout_s=60)
        acknowledged[last] = people[1]
        missing = lambda: set(acknowledged) - set(sink.received())  # noqa: E731
        try:
            wait_until(lambda: not missing(), what="what was taken", timeout_s=120)
        except TimeoutError as error:
            left = [row for row in site.rows("subject, phase, attempts, last_reply") if row[0] in missing()]
            raise AssertionError(f"{left}; {site.restarts}; net: {site.log_tail('net')}") from error
        site.settle(timeout_s=120)
        green_s = time.monotonic() - healed
        evidence, _ = gather(site, dovecot, sink, people=people, acknowledged=acknowledged, green_after_s=green_s)
    statuses = dict(Counter(refused.values()))
    print(
        f"{name}: {len(refused)} refused {statuses}, {len(acknowledged)} acknowledged, {len(evidence.received)} received; "
        f"slowest page {slowest_page_s:.2f} s; green after {green_s:.0f} s"
    )
    tally.add_run(acknowledged=acknowledged, received=evidence.received, rows=evidence.rows)
    assert judge(evidence) == []
    assert {evidence.rows[token] for token in acknowledged} == {Phase.DONE}
    assert site.run_python(READ_ALL) == []
    assert refused
    assert set(refused.values()) <= REFUSALS
    assert slowest_page_s < PAGE_LIMIT_S


def look(site: ForkedSite, person: Person) -> float:
    """Seconds for a page and a list. SQLite makes its shared memory anew when nobody has the database open, and where it
    cannot, the list is refused in words: 503, nothing else."""
    page_s, begin = site.page_s(), time.monotonic()
    try:
        site.list_s(person)
    except urllib.error.HTTPError as error:
        if error.code not in REFUSALS:
            raise
    return max(page_s, time.monotonic() - begin)


def send(site: ForkedSite, people: list[Person], acknowledged: dict[str, Person], refused: dict[str, int]) -> None:
    """Letters, some of them long; an answer comes for each."""
    for number, token in enumerate(new_tokens(SENDS)):
        person = people[number % len(people)]
        status = site.send_once(person, token, text=LARGE if number % 2 else "Hello")
        if status == 201:
            acknowledged[token] = person
        else:
            refused[token] = status


if os.geteuid() != 0:
    pytestmark.append(pytest.mark.skip(reason="F6 DID NOT RUN: it needs root"))
