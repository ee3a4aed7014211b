"""F4: the line to the outgoing server falls silent, is reset, works in one direction only, or its name is not known.

What could not be said is said when the line is back; what was said and not answered is in doubt, and only that. All waits of
SMTP are scaled here, so that a silence of five minutes takes seconds.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.fakes.cutting_proxy import BOTH, FROM_CLIENT, FROM_SERVER, CuttingProxy
from tests.faults import tally
from tests.faults.evidence import RESOLVE, gather
from tests.faults.forked_site import ForkedSite, Person
from tests.faults.judge import GREEN_WITHIN_S, judge
from tests.faults.lane import full_lane_only
from tests.faults.sink_process import SinkProcess
from tests.faults.tokens import new_tokens
from tests.servers.dovecot import DovecotServer
from tests.servers.process import wait_until
from webmail.outbox.models import Phase

pytestmark = [full_lane_only, pytest.mark.live, pytest.mark.slow, pytest.mark.fault("F4"), pytest.mark.timeout(600)]

SCALE = 0.01  # a reply may take 3 s, the last one 6 s
PAGE_LIMIT_S = 3.0
SENDS = 6


def hold(directions: frozenset[str]) -> Callable[[ForkedSite, CuttingProxy, list[Person]], None]:
    def begin(site: ForkedSite, proxy: CuttingProxy, people: list[Person]) -> None:
        proxy.holds = directions

    return begin


def reset(site: ForkedSite, proxy: CuttingProxy, people: list[Person]) -> None:
    proxy.refuses = True
    proxy.drop_connections()


def hold_the_last_word(site: ForkedSite, proxy: CuttingProxy, people: list[Person]) -> None:
    """Everything passes but the answer to the dot: the worst one-way line."""
    proxy.delay_before(FROM_SERVER, b"250 2.0.0 queued", 60, times=2)


def forget_the_name(site: ForkedSite, proxy: CuttingProxy, people: list[Person]) -> None:
    set_host(site, people, "outgoing.invalid")


def set_host(site: ForkedSite, people: list[Person], host: str) -> None:
    with closing(sqlite3.connect(site.database, timeout=30)) as connection, connection:
        for person in people:
            connection.execute(
                "UPDATE accounts_mailaccount SET outgoing_host = ? WHERE id = ?", [host, person.account_pk]
            )


CASES = {
    "black hole": (hold(BOTH), 0),
    "reset": (reset, 0),
    "one-way, the server is not heard": (hold(frozenset({FROM_SERVER})), 0),
    "one-way, the server hears nothing": (hold(frozenset({FROM_CLIENT})), 0),
    "one-way, the last word is not heard": (hold_the_last_word, 2),
    "name not known": (forget_the_name, 0),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.req("R65")
@pytest.mark.req("R68")
def test_line_to_the_server_is_gone_and_comes_back(forked_site: ForkedSite, dovecot: DovecotServer, name: str):
    """R65 R68 F4 I1 I2 I3 I8"""
    site, (begin, doubts) = forked_site, CASES[name]
    site.kill("net")
    site.start_process("net", scale=SCALE)
    acknowledged: dict[str, Person] = {}
    with SinkProcess(slow_share=0) as sink, CuttingProxy(port=sink.port) as proxy:
        people = site.people(dovecot, 2, smtp_port=proxy.port)
        begin(site, proxy, people)
        slowest_page_s = 0.0
        for number, token in enumerate(new_tokens(SENDS)):
            site.send_until_acknowledged(people[number % 2], token)
            acknowledged[token] = people[number % 2]
            slowest_page_s = max(slowest_page_s, site.page_s(), site.list_s(people[0]))
        mine = lambda: {phase for token, phase in site.rows() if token in acknowledged}  # noqa: E731
        at_rest = {Phase.RETRY, Phase.UNCONFIRMED, Phase.DONE, Phase.QUEUED}
        wait_until(
            lambda: mine() & {Phase.RETRY, Phase.UNCONFIRMED} and mine() <= at_rest, what="a first try", timeout_s=60
        )
        slowest_page_s = max(slowest_page_s, site.page_s(), site.list_s(people[0]))
        proxy.heal()
        set_host(site, people, "127.0.0.1")
        healed = time.monotonic()
        # Somebody who does not want to wait for the schedule, and looks after what is in doubt.
        found = site.run_python(RESOLVE.format(received=sorted(sink.received()), decides=True))
        wait_until(lambda: mine() == {Phase.DONE}, what=f"everything to leave: {mine()}", timeout_s=GREEN_WITHIN_S)
        green_s = time.monotonic() - healed
        evidence, _ = gather(site, dovecot, sink, people=people, acknowledged=acknowledged, green_after_s=green_s)
    print(
        f"{name}: slowest page {slowest_page_s:.2f} s; {len(acknowledged)} acknowledged, "
        f"{sum(evidence.received.values())} received, {len(found['explained'])} in doubt; green after {green_s:.0f} s"
    )
    tally.add_run(
        acknowledged=acknowledged,
        received=evidence.received,
        rows=evidence.rows,
        unconfirmed=len(found["explained"]),
    )
    assert judge(evidence) == []
    assert set(evidence.received) == set(acknowledged)
    assert len(found["explained"]) == doubts
    assert slowest_page_s < PAGE_LIMIT_S
