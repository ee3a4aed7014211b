"""F1 on a whole site: web, net, sweep and Redis are killed at random for minutes while people send, and nothing is lost or doubled.

A sample by default. PILLARBOX_FAULT_KILLS=500 PILLARBOX_FAULT_SENDS=2000 is the full run of `make faults`.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.faults import tally
from tests.faults.evidence import gather
from tests.faults.forked_site import ForkedSite, Person
from tests.faults.judge import judge
from tests.faults.sink_process import SinkProcess
from tests.faults.sync_stage import seeded
from tests.faults.tokens import new_tokens
from tests.servers.dovecot import DovecotServer
from webmail.outbox.models import Phase

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.fault("F1"), pytest.mark.timeout(3600)]

KILLS = int(os.environ.get("PILLARBOX_FAULT_KILLS", "16"))
SENDS = int(os.environ.get("PILLARBOX_FAULT_SENDS", "60"))
PEOPLE = 4
CLIENTS = 4
SHORTEST_S, LONGEST_S = 0.05, 2.0
VICTIMS = ("web", "net", "sweep", "redis")


@dataclass
class Killer:
    """Kills one of our own processes after a random while and starts it again, so often."""

    site: ForkedSite
    dice: random.Random
    kills: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        for _ in range(KILLS):
            time.sleep(self.dice.uniform(SHORTEST_S, LONGEST_S))  # the moment is the fault itself
            victim = self.dice.choice(VICTIMS)
            if victim == "redis":
                self.site.redis.kill()
                self.site.redis.start()
            else:
                self.site.kill(victim)
                self.site.start_process(victim)
            self.kills[victim] += 1


def send_all(site: ForkedSite, people: list[Person], killer: Killer) -> tuple[dict[str, Person], int]:
    """Clients that send as long as the killer kills, so that the sends are spread over all of its time."""
    tokens = new_tokens(SENDS)
    acknowledged: dict[str, Person] = {}
    pace_s = KILLS * (SHORTEST_S + LONGEST_S) / 2 / SENDS * CLIENTS

    def send(number: int) -> int:
        person = people[number % len(people)]
        tries = site.send_until_acknowledged(person, tokens[number])
        acknowledged[tokens[number]] = person
        time.sleep(pace_s * killer.dice.uniform(0, 1.6))
        return tries

    with ThreadPoolExecutor(CLIENTS) as pool:
        tries = sum(pool.map(send, range(SENDS)))
    return acknowledged, tries


@pytest.mark.req("R62")
@pytest.mark.req("R63")
@pytest.mark.req("R64")
@pytest.mark.req("R65")
def test_killed_all_the_time_a_site_loses_and_doubles_nothing(forked_site: ForkedSite, dovecot: DovecotServer):
    """R62 R63 R64 R65 F1 I1 I2 I3 I4 I6 I7 I8"""
    dice = seeded()
    sink = SinkProcess(seed=dice.getrandbits(30))
    people = forked_site.people(dovecot, PEOPLE, smtp_port=sink.port)
    killer = Killer(forked_site, dice)
    with ThreadPoolExecutor(1) as beside:
        sending = beside.submit(send_all, forked_site, people, killer)
        killer.run()  # in this thread: the kernel ends a server when the thread that started it ends
        ended = time.monotonic()
        acknowledged, tries = sending.result()
    sink.misbehave(0)
    forked_site.wait_for_page()
    wait_for_rest(forked_site)
    green_s = time.monotonic() - ended
    evidence, _ = gather(
        forked_site, dovecot, sink, people=people, acknowledged=acknowledged, green_after_s=green_s, decides=True
    )
    faults = judge(evidence)
    doubtful = [token for token, phase in evidence.rows.items() if phase == Phase.UNCONFIRMED]
    again = {token for token in doubtful if not evidence.received[token]}
    forked_site.settle(timeout_s=300)
    last, _ = gather(forked_site, dovecot, sink, people=people, acknowledged=acknowledged)
    print(
        f"kills {sum(killer.kills.values())} {dict(killer.kills)}; sends {SENDS} in {tries} tries; acknowledged "
        f"{len(acknowledged)}; received {len(last.received)}; unconfirmed {len(doubtful)}, of them arrived "
        f"{len(doubtful) - len(again)}; doubled {sum(n > 1 for n in last.received.values())}; lost "
        f"{len(set(acknowledged) - set(last.received))}; green after {green_s:.0f} s"
    )
    sink.close()
    tally.add_run(
        acknowledged=acknowledged,
        received=last.received,
        rows=last.rows,
        sent_again=again,
        unconfirmed=len(doubtful),
        kills=sum(killer.kills.values()),
    )
    assert faults == []
    assert judge(last) == []
    assert set(last.rows.values()) == {Phase.DONE}
    assert set(last.received) == set(acknowledged)


def wait_for_rest(site: ForkedSite) -> None:
    """Until nothing is under way. A message that has stopped its worker four times waits as the schedule says."""
    allowed = {Phase.DONE, Phase.UNCONFIRMED, Phase.FAILED}
    deadline = time.monotonic() + 300
    while True:
        left = [(phase, attempts) for phase, attempts in site.rows("phase, attempts") if phase not in allowed]
        if all(phase == Phase.RETRY and attempts > 3 for phase, attempts in left):
            return
        assert time.monotonic() < deadline, f"no rest: {site.unsettled()}"
        time.sleep(0.2)
