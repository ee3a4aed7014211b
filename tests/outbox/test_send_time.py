"""What a chosen local time means: across both changes of the clocks, in zones on both sides of the Atlantic."""

from datetime import UTC, datetime, timedelta

import pytest

from webmail.outbox.queue import send_time
from webmail.outbox.queue.send_time import SendTime, UnknownZone, presets, read_wall, resolve_wall

pytestmark = pytest.mark.req("R74")


@pytest.mark.parametrize(
    ("zone", "wall", "instant", "shown"),
    [
        # Spring: 02:30 is left out, and shifted forward by the hour that is missing.
        ("Europe/Berlin", "2027-03-28T02:30:00", "2027-03-28T01:30:00+00:00", "2027-03-28T03:30:00"),
        ("America/New_York", "2027-03-14T02:30:00", "2027-03-14T07:30:00+00:00", "2027-03-14T03:30:00"),
        # Autumn: 02:30 and 01:30 occur twice; the first is meant.
        ("Europe/Berlin", "2027-10-31T02:30:00", "2027-10-31T00:30:00+00:00", "2027-10-31T02:30:00"),
        ("America/New_York", "2027-11-07T01:30:00", "2027-11-07T05:30:00+00:00", "2027-11-07T01:30:00"),
        # The minutes around the gap.
        ("Europe/Berlin", "2027-03-28T01:59:00", "2027-03-28T00:59:00+00:00", "2027-03-28T01:59:00"),
        ("Europe/Berlin", "2027-03-28T03:00:00", "2027-03-28T01:00:00+00:00", "2027-03-28T03:00:00"),
        # A gap of half an hour, and a zone that does not change.
        ("Australia/Lord_Howe", "2027-10-03T02:10:00", "2027-10-02T15:40:00+00:00", "2027-10-03T02:40:00"),
        ("Asia/Kolkata", "2027-03-28T02:30:00", "2027-03-27T21:00:00+00:00", "2027-03-28T02:30:00"),
    ],
)
def test_local_time_is_one_instant(zone: str, wall: str, instant: str, shown: str) -> None:
    chosen = SendTime.at_wall(read_wall(wall), zone)
    assert chosen.instant == datetime.fromisoformat(instant)
    assert chosen.instant == resolve_wall(read_wall(wall), zone)
    assert (chosen.zone, chosen.wall_text) == (zone, shown)


@pytest.mark.parametrize(
    "zone", ["", "Europe/Atlantis", "../../etc/passwd", "/etc/passwd", "Europe", "a\0b", "x" * 300]
)
def test_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(UnknownZone):
        resolve_wall(read_wall("2027-01-01T08:00:00"), zone)


def test_aware_time_is_no_local_time() -> None:
    with pytest.raises(ValueError, match="offset"):
        resolve_wall(datetime(2027, 1, 1, 8, tzinfo=UTC), "Europe/Berlin")


def offered(local: str, zone: str = "Europe/Berlin") -> list[tuple[str, str]]:
    now = resolve_wall(datetime.fromisoformat(local), zone)
    return [(one.key, f"{one.wall:%a %H:%M}") for one in presets(now, zone)]


def test_presets_of_a_weekday() -> None:
    assert offered("2027-03-03T09:20") == [  # a Wednesday
        ("later_today", "Wed 13:00"),
        ("tomorrow_morning", "Thu 08:00"),
        ("tomorrow_afternoon", "Thu 13:00"),
        ("monday_morning", "Mon 08:00"),
    ]


@pytest.mark.parametrize(
    ("local", "later"),
    [("2027-03-03T17:00", "Wed 20:00"), ("2027-03-03T17:01", None), ("2027-03-03T23:30", None)],
)
def test_later_today_ends_in_the_evening(local: str, later: str | None) -> None:
    assert dict(offered(local)).get("later_today") == later


def test_on_sunday_monday_is_tomorrow_and_on_monday_it_is_the_next() -> None:
    assert "monday_morning" not in dict(offered("2027-03-07T09:00"))
    now = resolve_wall(read_wall("2027-03-08T06:00:00"), "Europe/Berlin")
    monday = presets(now, "Europe/Berlin")[-1]
    assert (monday.key, monday.wall) == ("monday_morning", read_wall("2027-03-15T08:00:00"))


def test_preset_over_a_change_of_the_clocks_keeps_the_local_time() -> None:
    before = resolve_wall(read_wall("2027-03-27T12:00:00"), "Europe/Berlin")  # the clocks change in the coming night
    morning = next(one for one in presets(before, "Europe/Berlin") if one.key == "tomorrow_morning")
    assert morning.instant - before == timedelta(hours=19)
    assert morning.send_time == SendTime.at_wall(read_wall("2027-03-28T08:00:00"), "Europe/Berlin")


def test_rules_are_read_anew_each_time() -> None:
    """A running process notices new zone data: nothing of the zone is kept from one call to the next."""
    assert send_time.load_zone("Europe/Berlin") is not send_time.load_zone("Europe/Berlin")
