"""F5: Redis frozen, killed, flushed, full, restarted empty, absent from the start. People read and send; nothing is lost or doubled.

What was taken meanwhile leaves within a minute of its return: the sweep finds the rows. PILLARBOX_FAULT_FROZEN_S is how long it is
away (60 in the full lane).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
import redis

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

pytestmark = [full_lane_only, pytest.mark.live, pytest.mark.slow, pytest.mark.fault("F5"), pytest.mark.timeout(900)]

AWAY_S = float(os.environ.get("PILLARBOX_FAULT_FROZEN_S", "6"))
LEAVES_WITHIN_S = 60.0
PAGE_LIMIT_S = 3.0


def client(site: ForkedSite) -> redis.Redis:
    return redis.Redis.from_url(site.redis.url)


def freeze(site: ForkedSite) -> Callable[[], None]:
    site.redis.pause()
    return site.redis.resume


def kill(site: ForkedSite) -> Callable[[], None]:
    site.redis.kill()
    return lambda: void(site.redis.start())


def flush(site: ForkedSite) -> Callable[[], None]:
    """Nobody hears the bell: it is wiped again and again, until it is left alone."""
    site.kill("net")

    def end() -> None:
        client(site).flushall()
        site.start_process("net")

    return end


def fill(site: ForkedSite) -> Callable[[], None]:
    """Full, and it says so: every write is an error."""
    connection = client(site)
    connection.config_set("maxmemory-policy", "noeviction")
    connection.config_set("maxmemory", "1mb")
    number = 0
    try:
        while number < 2_000:
            connection.set(f"fill {number}", b"x" * 10_000)
            number += 1
    except redis.ResponseError:
        pass

    def end() -> None:
        connection.config_set("maxmemory", "0")
        connection.flushall()

    return end


def restart_empty(site: ForkedSite) -> Callable[[], None]:
    site.redis.stop()
    site.redis.start()
    return lambda: void(None)


def start_without(site: ForkedSite) -> Callable[[], None]:
    """The whole site starts while there is none."""
    site.stop_all()
    site.redis.stop()
    for kind in ("web", "net", "sweep"):
        site.start_process(kind)
    site.wait_for_page()
    return lambda: void(site.redis.start())


def void(_: object) -> None:
    """For functions that are called for what they do."""


CASES = {
    "frozen": freeze,
    "killed": kill,
    "flushed": flush,
    "full": fill,
    "restarted empty": restart_empty,
    "absent at the start": start_without,
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.req("R87")
def test_redis_is_only_a_doorbell(forked_site: ForkedSite, dovecot: DovecotServer, name: str):
    """R87 F5 I1 I2 I3 I4 I8"""
    site, acknowledged = forked_site, dict[str, Person]()
    with SinkProcess(slow_share=0.2) as sink:
        people = site.people(dovecot, 2, smtp_port=sink.port)
        end = CASES[name](site)
        slowest_page_s, slowest_send_s = use(site, people, acknowledged)
        end()
        returned = time.monotonic()
        wait_until(lambda: set(acknowledged) <= set(sink.received()), what="what was taken", timeout_s=LEAVES_WITHIN_S)
        left_s = time.monotonic() - returned
        site.settle(timeout_s=90)
        evidence, _ = gather(site, dovecot, sink, people=people, acknowledged=acknowledged, green_after_s=left_s)
    print(
        f"{name}: slowest page {slowest_page_s:.2f} s, slowest send {slowest_send_s:.2f} s; {len(acknowledged)} taken; "
        f"all had left {left_s:.1f} s after its return; received {sum(evidence.received.values())}"
    )
    tally.add_run(acknowledged=acknowledged, received=evidence.received, rows=evidence.rows)
    assert judge(evidence) == []
    assert {evidence.rows[token] for token in acknowledged} == {Phase.DONE}
    assert slowest_page_s < PAGE_LIMIT_S
    assert slowest_send_s < PAGE_LIMIT_S * 2


def use(site: ForkedSite, people: list[Person], acknowledged: dict[str, Person]) -> tuple[float, float]:
    """Read and send for as long as it is away; the slowest page and the slowest send."""
    until, pages, sends = time.monotonic() + AWAY_S, [], []
    while time.monotonic() < until or len(sends) < 3:
        (token,) = new_tokens(1)
        person = people[len(sends) % len(people)]
        begin = time.monotonic()
        assert site.send_once(person, token) == 201
        sends.append(time.monotonic() - begin)
        acknowledged[token] = person
        pages += [site.page_s(), site.list_s(person)]
        time.sleep(AWAY_S / 12)  # somebody who reads and writes, not a load test
    return max(pages), max(sends)
