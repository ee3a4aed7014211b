"""F11: Redis and Celery are a doorbell. Wake-ups that come twice, late, in any order or never change nothing.

First the task bodies themselves, called in such ways by several threads; then a whole site over a real Redis.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable

import pytest
from django.db import connections

from tests.faults import tally
from tests.faults.evidence import gather
from tests.faults.forked_site import ForkedSite
from tests.faults.judge import judge
from tests.faults.lane import full_lane_only
from tests.faults.sink_process import SinkProcess
from tests.faults.stage import Stage, outgoing_stage
from tests.faults.sync_stage import seeded
from tests.faults.tokens import new_tokens
from tests.servers.dovecot import DovecotServer
from tests.servers.redis import RedisServer
from webmail import dispatch
from webmail.outbox.models import Phase
from webmail.workers.tasks import BODIES

pytestmark = [pytest.mark.fault("F11"), pytest.mark.timeout(900)]

SENDS = int(os.environ.get("PILLARBOX_FAULT_BELLS", "10"))
WORKERS = 4


class BadBroker:
    """Takes what is sent to workers, and hands it out twice, in any order, without a fifth of it."""

    def __init__(self, dice: random.Random) -> None:
        self.dice, self.waiting, self.lock = dice, list[tuple[str, tuple[int, ...]]](), threading.Lock()
        self.delivered = self.lost = 0

    def send(self, task: str, row_ids: tuple[int, ...]) -> None:
        with self.lock:
            for _ in range(2):
                if self.dice.random() < 0.2:
                    self.lost += 1
                else:
                    self.waiting.insert(self.dice.randrange(len(self.waiting) + 1), (task, row_ids))

    def take(self) -> tuple[str, tuple[int, ...]] | None:
        with self.lock:
            return self.waiting.pop() if self.waiting else None

    def run(self) -> None:
        """Be a worker until nothing waits any more."""
        while (found := self.take()) is not None:
            task, row_ids = found
            self.delivered += 1
            BODIES[task](*row_ids)

    def run_all(self) -> None:
        """Several workers at once."""
        errors: list[BaseException] = []

        def work(run: Callable[[], None] = self.run) -> None:
            try:
                run()
            except BaseException as error:
                errors.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R64")
def test_task_bodies_called_twice_in_any_order_or_not_at_all(monkeypatch):
    """R64 F11 I1 I2 I3 I4"""
    broker = BadBroker(seeded())
    monkeypatch.setattr(dispatch, "_send_task", broker.send)
    monkeypatch.setattr(dispatch, "_publish", lambda change: None)
    monkeypatch.setattr(dispatch, "_quiet_until", 0.0)
    with outgoing_stage() as stage:
        send_with(broker, stage)
        assert stage.verdict() == []
        assert set(stage.rows().values()) == {Phase.DONE}
    print(f"wake-ups: {broker.delivered} delivered, {broker.lost} lost; {len(stage.acknowledged)} messages once each")
    assert broker.lost


def send_with(broker: BadBroker, stage: Stage) -> None:
    stage.sink.delay("DOT", 0.02, times=None)
    for _ in range(3 * SENDS):
        stage.submit()
    broker.run_all()
    stage.settle()
    broker.run_all()
    stage.settle()


@pytest.mark.live
@pytest.mark.fault("F5")
@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R87")
def test_frozen_redis_holds_nobody_up_for_three_seconds(redis_server: RedisServer, monkeypatch):
    """R87 F5: whoever rings is let go after two, and for a while does not ring again."""
    monkeypatch.setattr(dispatch, "_quiet_until", 0.0)
    redis_server.pause()
    try:
        begin = time.monotonic()
        dispatch.wake("outbox.deliver", 1)
        dispatch.wake("outbox.deliver", 2)
        taken_s = time.monotonic() - begin
    finally:
        redis_server.resume()
        monkeypatch.setattr(dispatch, "_quiet_until", 0.0)
    assert taken_s < 3


CASES = {
    "redelivered while it runs": {"visibility_s": 2},
    "every wake-up three times": {"copies": 3},
    "in any order": {"copies": 2, "is_reordered": True},
    "a fifth never comes": {"dropped": 0.2},
}


@full_lane_only
@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.req("R64")
def test_site_whose_doorbell_cannot_be_relied_on(forked_site: ForkedSite, dovecot: DovecotServer, name: str):
    """R64 F11 I1 I2 I3 I4"""
    site = forked_site
    for kind in ("web", "net", "sweep"):
        site.kill(kind)
        site.start_process(kind, doorbell=CASES[name])
    site.wait_for_page()
    # A task that takes longer than the broker waits for it: it is delivered again, to the same worker and others.
    with SinkProcess(slow_share=0) as sink:
        sink.delay(10.0 if name.startswith("redelivered") else 0.3, times=3)
        people = site.people(dovecot, 2, smtp_port=sink.port)
        acknowledged = {}
        for number, token in enumerate(new_tokens(SENDS)):
            site.send_until_acknowledged(people[number % 2], token)
            acknowledged[token] = people[number % 2]
        site.settle(timeout_s=150)
        evidence, _ = gather(site, dovecot, sink, people=people, acknowledged=acknowledged)
    print(f"{name}: {len(acknowledged)} acknowledged, {sum(evidence.received.values())} received")
    tally.add_run(acknowledged=acknowledged, received=evidence.received, rows=evidence.rows)
    assert judge(evidence) == []
    assert set(evidence.received) == set(acknowledged)
