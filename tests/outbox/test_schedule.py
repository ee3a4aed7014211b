"""Scheduled messages as rows: what was chosen is kept, the clock may jump, the zone's rules may change; each leaves once."""

import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tests.outbox.letters import make_sender, submit
from webmail.mime.headers import parse_list_headers
from webmail.outbox.errors import BadSendTime
from webmail.outbox.models import Draft, HeldFor, Phase, Submission
from webmail.outbox.queue import delivery, moves, send_time, upkeep
from webmail.outbox.queue.send_time import SendTime, read_wall
from webmail.store import blobs
from webmail.store.errors import StorageFull

pytestmark = [pytest.mark.django_db, pytest.mark.req("R74")]

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = (
    read_wall("2027-03-28T02:30:00"),
    read_wall("2027-10-31T02:30:00"),
)  # local times on the days of the changes


@pytest.fixture
def winter(time_machine):
    """A day some weeks before the clocks change in Europe and America."""
    time_machine.move_to(datetime(2027, 3, 1, 12, tzinfo=UTC), tick=False)
    return time_machine


def drain(row: Submission) -> list[int]:
    """What a sweep and a worker do: the submissions that were claimed."""
    upkeep.follow_clock()
    upkeep.refresh_schedules()
    upkeep.release_due()
    claimed = delivery.claim(row.pk, f"worker {timezone.now()}")
    if claimed is not None:
        Submission.objects.filter(pk=row.pk).update(phase=Phase.DONE)
    return [claimed.pk] if claimed else []


def test_all_three_are_stored(winter):
    row = submit(make_sender(), send_at=SendTime.at_wall(SPRING, BERLIN))
    row.refresh_from_db()
    assert (row.phase, row.held_for) == (Phase.HELD, HeldFor.SCHEDULE)
    assert (row.send_zone, row.send_wall) == (BERLIN, "2027-03-28T03:30:00")
    assert row.send_at == row.next_try_at == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        (BERLIN, SPRING, datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        (BERLIN, AUTUMN, datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
        ("America/New_York", read_wall("2027-03-14T02:30:00"), datetime(2027, 3, 14, 7, 30, tzinfo=UTC)),
        ("America/New_York", read_wall("2027-11-07T01:30:00"), datetime(2027, 11, 7, 5, 30, tzinfo=UTC)),
    ],
)
def test_half_past_two_leaves_once_over_a_change_of_the_clocks(time_machine, zone, wall, instant):
    time_machine.move_to(instant - timedelta(days=1), tick=False)
    row = submit(make_sender(), send_at=SendTime.at_wall(wall, zone))
    sent = []
    for minute in range(-90, 180, 10):  # through the gap or the repeated hour
        time_machine.move_to(instant + timedelta(minutes=minute), tick=False)
        sent += drain(row)
        assert sent == ([row.pk] if minute >= 0 else []), minute


@pytest.mark.fault("F10")
@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=1)])
def test_clock_that_jumps_ahead_or_back_sends_once(winter, jump):
    row = submit(make_sender(), send_at=SendTime.at_wall(read_wall("2027-03-03T09:00:00"), BERLIN))
    sent = []
    for moment in (
        row.send_at - jump / 2,
        row.send_at + jump / 2,  # ahead: it leaves as the clock says
        row.send_at - jump / 2,  # and back: not again
        row.send_at + timedelta(seconds=1),
        row.send_at + jump,
    ):
        winter.move_to(moment, tick=False)
        sent += drain(row)
    assert sent == [row.pk]
    assert row.events.filter(phase=Phase.CLAIMED).count() == 1


@pytest.mark.fault("F10")
def test_not_sent_early_when_the_clock_goes_back_after_the_release(winter):
    row = submit(make_sender(), send_at=SendTime.at_wall(read_wall("2027-03-03T09:00:00"), BERLIN))
    winter.move_to(row.send_at, tick=False)
    assert upkeep.release_due() == 1
    winter.move_to(row.send_at - timedelta(hours=1), tick=False)
    assert delivery.claim(row.pk, "early") is None
    winter.move_to(row.send_at + timedelta(seconds=1), tick=False)
    assert delivery.claim(row.pk, "in time") is not None


def test_new_rules_of_the_zone_move_the_instant_and_keep_the_local_time(winter, monkeypatch):
    row = submit(make_sender(), send_at=SendTime.at_wall(read_wall("2027-04-07T09:00:00"), BERLIN))
    assert row.send_at == datetime(2027, 4, 7, 7, tzinfo=UTC)
    assert upkeep.refresh_schedules() == 0

    # Summer time is given up: Berlin stays where Lagos is all the year.
    monkeypatch.setattr(send_time, "load_zone", lambda name: ZoneInfo("Africa/Lagos"))
    assert upkeep.refresh_schedules() == 1
    assert upkeep.refresh_schedules() == 0

    after = moves.reload(row)
    assert after.send_at == after.next_try_at == datetime(2027, 4, 7, 8, tzinfo=UTC)
    assert (after.send_zone, after.send_wall) == (BERLIN, "2027-04-07T09:00:00")
    assert "new rules" in row.events.last().text
    assert "2027-04-07 09:00" in row.events.last().text
    winter.move_to(datetime(2027, 4, 7, 7, 30, tzinfo=UTC), tick=False)
    assert drain(row) == []
    winter.move_to(datetime(2027, 4, 7, 8, tzinfo=UTC), tick=False)
    assert drain(row) == [row.pk]


@pytest.mark.fault("F10")
def test_new_zone_data_on_disk_is_heeded_by_a_running_process(winter, tmp_path):
    row = submit(make_sender(), send_at=SendTime.at_wall(read_wall("2027-04-07T09:00:00"), BERLIN))
    directories = zoneinfo.TZPATH
    source = next(path for path in (Path(one, "Africa/Lagos") for one in directories) if path.exists())
    (tmp_path / "Europe").mkdir()
    (tmp_path / BERLIN).write_bytes(source.read_bytes())
    try:
        zoneinfo.reset_tzpath(to=[str(tmp_path)])
        assert upkeep.refresh_schedules() == 1
    finally:
        zoneinfo.reset_tzpath(to=directories)
    assert moves.reload(row).send_at == datetime(2027, 4, 7, 8, tzinfo=UTC)
    assert upkeep.refresh_schedules() == 1  # and back again
    assert moves.reload(row).send_at == row.send_at


def test_zone_that_is_gone_leaves_the_instant(winter):
    row = submit(make_sender(), send_at=SendTime.at_wall(read_wall("2027-04-07T09:00:00"), BERLIN))
    Submission.objects.filter(pk=row.pk).update(send_zone="Europe/Atlantis")
    assert upkeep.refresh_schedules() == 0
    assert moves.reload(row).send_at == row.send_at


def test_time_without_a_zone_is_not_touched(winter):
    later = timezone.now() + timedelta(days=40)
    row = submit(make_sender(), send_at=later)
    assert (row.send_zone, row.send_wall, row.held_for) == ("", "", HeldFor.SCHEDULE)
    assert upkeep.refresh_schedules() == 0
    assert moves.reload(row).send_at == later


def test_scheduled_message_bears_the_date_on_which_it_leaves(winter):
    row = submit(
        make_sender(), text="Hi\r\nDate: mine", bcc="eve@example.org", send_at=timezone.now() + timedelta(days=9)
    )
    before = blobs.read_blob(row.blob)
    assert parse_list_headers(before).sent_at == timezone.now()
    winter.move_to(row.send_at + timedelta(seconds=3), tick=False)

    assert upkeep.release_due() == 1

    claimed = delivery.claim(row.pk, "worker")
    after = blobs.read_blob(claimed.blob)
    assert parse_list_headers(after).sent_at == row.send_at + timedelta(seconds=3)
    assert [a for a, b in zip(after.split(b"\r\n"), before.split(b"\r\n"), strict=True) if a != b] == [
        b"Date: Wed, 10 Mar 2027 12:00:03 +0000"
    ]
    assert claimed.size_bytes == len(after)
    assert blobs.get_blob_for(row.account_id, claimed.blob.sha256) == claimed.blob


def test_scheduled_message_leaves_as_it_is_when_there_is_no_room_to_date_it(winter, monkeypatch):
    row = submit(make_sender(), send_at=timezone.now() + timedelta(hours=1))
    winter.move_to(row.send_at, tick=False)

    def refuse(root):
        raise StorageFull("the disk is nearly full")

    monkeypatch.setattr(blobs, "check_space", refuse)
    assert upkeep.release_due() == 1
    assert delivery.claim(row.pk, "worker").blob_id == row.blob_id


@pytest.mark.parametrize(("late", "phase"), [(timedelta(hours=23), Phase.QUEUED), (timedelta(hours=25), Phase.FAILED)])
def test_missed_while_down_it_leaves_at_once_or_is_asked_about(winter, late, phase):
    account = make_sender()
    account.user.timezone = BERLIN
    account.user.save()
    row = submit(account, text="for then", send_at=SendTime.at_wall(read_wall("2027-03-03T09:00:00"), BERLIN))
    winter.move_to(row.send_at + late, tick=False)
    upkeep.release_due()
    after = moves.reload(row)
    assert after.phase == phase
    if phase == Phase.FAILED:
        assert Draft.objects.get(account=account).text == "for then"
        assert "It was due on 3 March, 09:00 (Europe/Berlin)" in after.last_reply
        assert delivery.claim(row.pk, "worker") is None


def test_horizon_is_sixty_days(winter):
    now = timezone.now()
    assert submit(make_sender(), send_at=now + timedelta(days=60)).phase == Phase.HELD
    with pytest.raises(BadSendTime, match="60 days"):
        submit(make_sender(), send_at=SendTime(now + timedelta(days=60, seconds=1)))


def test_past_time_means_at_once(winter):
    row = submit(make_sender(), send_at=SendTime.at_wall(read_wall("2027-02-01T09:00:00"), BERLIN))
    assert (row.phase, row.held_for, row.send_at) == (Phase.QUEUED, "", timezone.now())


@pytest.mark.fault("F10")
@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1)])
def test_clock_set_back_keeps_nobody_waiting(winter, back):
    """A lease, an undo window and a message just queued lie in the future then; none is to wait for that long."""
    account = make_sender()
    queued, undoable, claimed = submit(account), submit(account, send_at=None), submit(account)
    assert delivery.claim(claimed.pk, "dead worker") is not None
    winter.shift(-back)

    assert upkeep.follow_clock() == 3

    assert delivery.claim(queued.pk, "worker") is not None
    winter.shift(timedelta(minutes=3))
    assert upkeep.release_due() == 1
    assert moves.reload(undoable).phase == Phase.QUEUED
    assert upkeep.recover_expired_leases() >= 1
    assert moves.reload(claimed).phase == Phase.RETRY
