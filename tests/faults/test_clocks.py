"""F10: clocks that jump by an hour or a day, summer time that begins and ends, zones that get other rules. Sent once, whatever they do.

Time is the machine's wall clock as our code sees it; sockets and sleeps go on as they are.
"""

from __future__ import annotations

import shutil
import threading
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import connections

from tests.faults.stage import Stage, outgoing_stage, phase_of
from webmail.outbox.models import SENT, Phase, Submission
from webmail.outbox.queue import upkeep
from webmail.outbox.queue.send_time import SendTime
from webmail.sync import points
from webmail.sync.outgoing.deliver import deliver_account, sweep_outbox

pytestmark = [pytest.mark.fault("F10"), pytest.mark.django_db(transaction=True)]

BERLIN = "Europe/Berlin"
NOON = datetime(2027, 1, 11, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JUMPS = [HOUR, -HOUR, DAY, -DAY]


def jump_name(jump: timedelta) -> str:
    return f"{jump.total_seconds() / 3600:+.0f} h"


@pytest.fixture
def stage() -> Iterator[Stage]:
    with outgoing_stage() as made:
        yield made


def work(stage: Stage) -> None:
    """What the sweep and the worker it wakes do at this moment."""
    sweep_outbox()
    deliver_account(stage.account.pk)


def follow(stage: Stage, clock: time_machine.Traveller, until: datetime, *, step: timedelta) -> datetime | None:
    """Work at every step of the way; returns when the first message had arrived."""
    arrived = None
    while datetime.now(UTC) < until:
        clock.shift(step)
        work(stage)
        if arrived is None and stage.sink.messages:
            arrived = datetime.now(UTC)
    return arrived


@pytest.mark.parametrize("jump", JUMPS, ids=jump_name)
@pytest.mark.req("R74")
def test_clock_jumps_around_a_scheduled_send(stage: Stage, jump: timedelta):
    """R74 F10 I1 I2: too early by the jump at most, and once."""
    with time_machine.travel(NOON, tick=True) as clock:
        row = stage.submit(send_at=SendTime.at_wall(datetime(2027, 1, 11, 15, 0), BERLIN))  # noqa: DTZ001 - 14:00 UTC
        assert phase_of(row) == Phase.HELD
        work(stage)
        assert stage.sink.messages == []
        clock.shift(jump)
        work(stage)
        assert len(stage.sink.messages) == (NOON + jump >= NOON + 2 * HOUR)
        clock.shift(-jump)
        work(stage)
        follow(stage, clock, NOON + 4 * HOUR, step=timedelta(minutes=20))
        clock.shift(DAY)
        work(stage)
        assert stage.received(row) == 1
        stage.settle()
        assert phase_of(row) == Phase.DONE
        assert stage.verdict() == []


@pytest.mark.parametrize("jump", JUMPS, ids=jump_name)
@pytest.mark.req("R69")
def test_clock_jumps_around_a_retry(stage: Stage, jump: timedelta):
    """R69 F10 I1 I2: not given up for a jump, not sent again for one."""
    with time_machine.travel(NOON, tick=True) as clock:
        stage.sink.reply("MAIL", b"450 4.2.1 later", times=2)
        row = stage.submit()
        work(stage)
        assert phase_of(row) == Phase.RETRY
        clock.shift(jump)
        work(stage)
        clock.shift(-jump)
        work(stage)
        assert phase_of(row) in (Phase.RETRY, *SENT)
        # Half an hour by the schedule at most for the two refusals, and the jump itself where it went forward.
        follow(stage, clock, NOON + abs(jump) + 2 * HOUR, step=timedelta(minutes=10))
        assert stage.received(row) == 1
        stage.settle()
        assert phase_of(row) == Phase.DONE
        assert stage.verdict() == []


@pytest.mark.parametrize("jump", [-HOUR, -DAY], ids=jump_name)
@pytest.mark.req("R73")
def test_clock_set_back_holds_an_undo_window_for_minutes_at_most(stage: Stage, jump: timedelta):
    """R73 F10 I8"""
    with time_machine.travel(NOON, tick=True) as clock:
        row = stage.submit(send_at=None)
        assert phase_of(row) == Phase.HELD
        clock.shift(jump)
        arrived = follow(stage, clock, NOON + jump + timedelta(minutes=6), step=timedelta(seconds=30))
        assert arrived is not None
        assert stage.received(row) == 1
        stage.settle()
        assert stage.verdict() == []


@pytest.mark.req("R64")
@pytest.mark.req("R65")
def test_clock_jumps_while_the_dot_is_answered(stage: Stage):
    """R64 R65 F10 I2: the lease looks as if it had ended; the answer that comes on the living line counts all the same."""
    with time_machine.travel(NOON, tick=True) as clock:
        stage.sink.delay("DOT", 0.6)
        row = stage.submit()

        def deliver() -> None:
            try:
                deliver_account(stage.account.pk)
            finally:
                connections.close_all()

        thread = threading.Thread(target=deliver)
        thread.start()
        stage.sink.wait_for_messages(1)
        clock.shift(HOUR)
        work(stage)
        assert phase_of(row) == Phase.UNCONFIRMED
        thread.join()
        assert phase_of(row) in SENT
        stage.settle()
        assert stage.received(row) == 1
        assert stage.verdict() == []


@pytest.mark.req("R64")
def test_clock_jumps_before_the_dot(stage: Stage):
    """R64 F10 I2: whoever has lost its claim by the jump writes no dot."""
    with time_machine.travel(NOON, tick=True) as clock:
        row = stage.submit()

        def jump(name: str) -> None:
            if name == "body_written":
                points.observer = None
                clock.shift(HOUR)
                upkeep.recover_expired_leases()

        points.observer = jump
        try:
            deliver_account(stage.account.pk)
        finally:
            points.observer = None
        assert stage.sink.messages == []
        assert phase_of(row) == Phase.RETRY
        stage.settle()
        assert stage.received(row) == 1
        assert stage.verdict() == []


@pytest.mark.parametrize(
    ("night", "leaves"),
    [
        (datetime(2027, 3, 28), datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),  # noqa: DTZ001 - 02:30 is left out: 03:30
        (datetime(2027, 10, 31), datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),  # noqa: DTZ001 - 02:30 comes twice: the first
    ],
    ids=["summer time begins", "summer time ends"],
)
@pytest.mark.req("R74")
def test_half_past_two_in_the_night_the_clocks_change(stage: Stage, night: datetime, leaves: datetime):
    """R74 F10 I1 I2"""
    step = timedelta(minutes=10)
    with time_machine.travel(leaves - 3 * HOUR, tick=True) as clock:
        row = stage.submit(send_at=SendTime.at_wall(night + timedelta(hours=2, minutes=30), BERLIN))
        arrived = follow(stage, clock, leaves + 3 * HOUR, step=step)
        assert arrived is not None
        assert leaves <= arrived < leaves + 2 * step
        assert stage.received(row) == 1
        stage.settle()
        assert stage.verdict() == []


@pytest.mark.req("R74")
def test_zone_gets_other_rules_while_a_message_waits(stage: Stage, tmp_path: Path):
    """R74 F10 I1 I2: the local time that was chosen holds; Berlin is given Moscow's rules on disk."""
    (tmp_path / "Europe").mkdir()
    source = next(
        (Path(path) / "Europe/Moscow" for path in zoneinfo.TZPATH if (Path(path) / "Europe/Moscow").exists()), None
    )
    if source is None:
        pytest.skip("no zone files on this machine")
    step = timedelta(minutes=10)
    with time_machine.travel(NOON, tick=True) as clock:
        row = stage.submit(send_at=SendTime.at_wall(datetime(2027, 1, 11, 18, 0), BERLIN))  # noqa: DTZ001 - 17:00 UTC
        work(stage)
        assert Submission.objects.get(pk=row.pk).send_at == NOON + 5 * HOUR
        shutil.copy(source, tmp_path / "Europe" / "Berlin")
        zoneinfo.reset_tzpath([str(tmp_path), *zoneinfo.TZPATH])
        try:
            arrived = follow(stage, clock, NOON + 8 * HOUR, step=step)
        finally:
            zoneinfo.reset_tzpath()
        assert arrived is not None
        assert NOON + 3 * HOUR <= arrived < NOON + 3 * HOUR + 2 * step  # 18:00 in Moscow is 15:00 UTC
        assert Submission.objects.get(pk=row.pk).send_wall == "2027-01-11T18:00:00"
        assert stage.received(row) == 1
        stage.settle()
        assert stage.verdict() == []
