"""F1 on a whole site, at named moments: the worker that sends ends itself there, and supervisor starts another.

PILLARBOX_FAULT_ROUNDS times at each point; five in the full lane.
"""

from __future__ import annotations

import os

import pytest

from tests.faults import tally
from tests.faults.evidence import gather
from tests.faults.forked_site import ForkedSite, Person
from tests.faults.judge import judge
from tests.faults.lane import full_lane_only
from tests.faults.sink_process import SinkProcess
from tests.faults.tokens import new_tokens
from tests.servers.dovecot import DovecotServer
from tests.servers.process import wait_until
from webmail.outbox.models import Phase

pytestmark = [full_lane_only, pytest.mark.live, pytest.mark.slow, pytest.mark.fault("F1"), pytest.mark.timeout(1800)]

ROUNDS = int(os.environ.get("PILLARBOX_FAULT_ROUNDS", "1"))
BEFORE_THE_DOT = ("claimed", "connected", "envelope_accepted", "in_data", "body_written")
IN_DOUBT = ("dot_marked", "dot_answered")
AFTER_IT = ("accepted", "copy_searched", "copy_appended", "copied")


@pytest.mark.req("R65")
@pytest.mark.req("R71")
def test_site_whose_worker_dies_at_every_named_moment(forked_site: ForkedSite, dovecot: DovecotServer):
    """R65 R71 F1 I1 I2 I3 I4 I8"""
    site, acknowledged = forked_site, dict[str, Person]()
    points = [*BEFORE_THE_DOT, *IN_DOUBT, *AFTER_IT] * ROUNDS
    with SinkProcess(slow_share=0) as sink:
        people = site.people(dovecot, 3, smtp_port=sink.port)
        for number, (point, token) in enumerate(zip(points, new_tokens(len(points)), strict=True)):
            site.kill("net")
            site.start_process("net", crash_at=point)
            deaths = site.restarts["net"]
            person = people[number % len(people)]
            site.send_until_acknowledged(person, token)
            acknowledged[token] = person
            wait_until(lambda deaths=deaths: site.restarts["net"] > deaths, what=f"the death at {point}", timeout_s=60)
        site.settle(timeout_s=150)
        evidence, _ = gather(site, dovecot, sink, people=people, acknowledged=acknowledged, decides=True)
        site.settle(timeout_s=150)
        last, _ = gather(site, dovecot, sink, people=people, acknowledged=acknowledged)
    doubtful = [token for token, phase in evidence.rows.items() if phase == Phase.UNCONFIRMED and token in acknowledged]
    tally.add_run(
        acknowledged=acknowledged,
        received=last.received,
        rows=last.rows,
        unconfirmed=len(doubtful),
        kills=len(points),
    )
    print(f"{len(points)} deaths at named moments; {len(doubtful)} in doubt, {sum(last.received.values())} received")
    assert judge(evidence) == []
    assert len(doubtful) == points.count("dot_marked") + points.count("dot_answered")
    assert judge(last) == []
    assert set(last.received) == set(acknowledged)
    assert {last.rows[token] for token in acknowledged} == {Phase.DONE}


@pytest.mark.req("R65")
def test_site_that_takes_doubt_for_a_failure_is_seen(forked_site: ForkedSite, dovecot: DovecotServer):
    """I2: the same with the sweep broken on purpose, so that we know that the judge would see it (reliability section 9)."""
    site, (token,) = forked_site, new_tokens(1)
    tally.current = "mutation"
    site.kill("sweep")
    site.start_process("sweep", mutation="retry_an_expired_doubt")
    site.kill("net")
    site.start_process("net", crash_at="dot_answered")
    with SinkProcess(slow_share=0) as sink:
        people = site.people(dovecot, 1, smtp_port=sink.port)
        site.send_until_acknowledged(people[0], token)
        wait_until(lambda: sink.received()[token] == 2, what="the second copy", timeout_s=150)
        site.settle(timeout_s=60)
        evidence, _ = gather(site, dovecot, sink, people=people, acknowledged={token: people[0]})
    tally.add_run(acknowledged=[token], received=evidence.received, rows=evidence.rows, kills=1)
    assert judge(evidence) == [f"I2 {token}: received 2 times"]
