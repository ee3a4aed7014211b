"""The moment at which a scheduled message leaves, as a person chose it: a local time in a zone. Pure.

The local time and the zone are what was meant; the instant follows from them and from the zone's rules, which governments
change (reliability R74). So all three are kept, and the instant is reckoned anew when the rules are others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext as _

WALL_FORMAT = "%Y-%m-%dT%H:%M:%S"

_MORNING, _AFTERNOON = time(8), time(13)
_LATER_BY = timedelta(hours=3)
_LATEST_TODAY = time(20)  # mail that arrives later in the evening is read the next day anyway


class UnknownZone(ValueError):
    """No zone of that name is known here."""


@dataclass(frozen=True)
class SendTime:
    """`instant` is aware. `zone` is an IANA name and `wall` naive local time there; both empty: only the instant was meant."""

    instant: datetime
    zone: str = ""
    wall: datetime | None = None

    @classmethod
    def at_wall(cls, wall: datetime, zone: str) -> SendTime:
        """A local time. One that the clocks leave out is shifted forward by the gap, and shown so. Raises `UnknownZone`."""
        instant = resolve_wall(wall, zone)
        return cls(instant, zone, instant.astimezone(load_zone(zone)).replace(tzinfo=None, fold=0))

    @property
    def wall_text(self) -> str:
        """The local time as it is stored; empty when only the instant was meant."""
        return self.wall.strftime(WALL_FORMAT) if self.wall else ""


@dataclass(frozen=True)
class Preset:
    """A time that is offered. `key`: later_today, tomorrow_morning, tomorrow_afternoon or monday_morning."""

    key: str
    zone: str
    wall: datetime
    instant: datetime

    @property
    def send_time(self) -> SendTime:
        """What to submit with."""
        return SendTime(self.instant, self.zone, self.wall)


def load_zone(name: str) -> ZoneInfo:
    """The zone of that name with the rules as they are on disk now. Raises `UnknownZone`."""
    try:
        return ZoneInfo.no_cache(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZone(_("There is no time zone “%(name)s”.") % {"name": name[:64]}) from error


def resolve_wall(wall: datetime, zone: str) -> datetime:
    """The instant, in UTC, at which clocks in `zone` show `wall` (naive).

    RFC 5545 3.3.5: a time that occurs twice is the first; one that does not occur is read with the offset before the
    gap, which shifts it forward by the gap's length. Raises `UnknownZone`, `ValueError` for an aware `wall`.
    """
    return instant_in(load_zone(zone), wall)


def instant_in(zone: ZoneInfo, wall: datetime) -> datetime:
    """`resolve_wall` for many times of one zone."""
    if wall.tzinfo is not None:
        raise ValueError("wall is a local time without an offset")
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def read_wall(text: str) -> datetime:
    """The local time that was stored. Raises `ValueError`."""
    return datetime.strptime(text, WALL_FORMAT)  # noqa: DTZ007 - local on purpose


def presets(now: datetime, zone: str) -> list[Preset]:
    """What to offer at `now` (aware) to somebody in `zone`, the soonest first. Raises `UnknownZone`."""
    return [
        Preset(key, zone, chosen.wall, chosen.instant)
        for key, wall in _preset_walls(now.astimezone(load_zone(zone)).replace(tzinfo=None))
        if (chosen := SendTime.at_wall(wall, zone)).wall is not None and chosen.instant > now
    ]


def _preset_walls(local: datetime) -> Iterator[tuple[str, datetime]]:
    today, tomorrow = local.date(), local.date() + timedelta(days=1)
    later = _next_full_hour(local + _LATER_BY)
    if later.date() == today and later.time() <= _LATEST_TODAY:
        yield "later_today", later
    yield "tomorrow_morning", datetime.combine(tomorrow, _MORNING)
    yield "tomorrow_afternoon", datetime.combine(tomorrow, _AFTERNOON)
    monday = _next_monday(today)
    if monday != tomorrow:
        yield "monday_morning", datetime.combine(monday, _MORNING)


def _next_full_hour(moment: datetime) -> datetime:
    full = moment.replace(minute=0, second=0, microsecond=0)
    return full if full == moment else full + timedelta(hours=1)


def _next_monday(today: date) -> date:
    return today + timedelta(days=7 - today.weekday())
