"""When a message is to leave: what pages offer, and what was chosen. The local time and the zone shown beside it are meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webmail.outbox.queue import schedule
from webmail.outbox.queue.send_time import SendTime, UnknownZone, load_zone, presets
from webmail.web.text import day_of, when

PICKER_FORMAT = "%Y-%m-%dT%H:%M"  # of <input type="datetime-local">
MAX_PRESETS = 4
_LABELS = {
    "later_today": gettext_lazy("Later today"),
    "tomorrow_morning": gettext_lazy("Tomorrow morning"),
    "tomorrow_afternoon": gettext_lazy("Tomorrow afternoon"),
    "monday_morning": gettext_lazy("Monday morning"),
}


@dataclass(frozen=True)
class Choice:
    """A time to click on. `wall` is what is posted."""

    label: str
    words: str  # "08:00", with the day where the label does not say it
    wall: str


@dataclass(frozen=True)
class Choices:
    """All that a menu of times shows. `earliest` and `latest` bound the picker."""

    zone: str
    presets: tuple[Choice, ...]
    earliest: str
    latest: str


def send_choices(now: datetime | None = None) -> Choices:
    """In the zone of this request."""
    now = now or timezone.now()
    zone = timezone.get_current_timezone_name()
    local = now.astimezone(load_zone(zone))
    found = [
        Choice(str(_LABELS[one.key]), f"{one.wall:%H:%M}", one.wall.strftime(PICKER_FORMAT))
        for one in presets(now, zone)
        if one.key in _LABELS
    ]
    latest = local + schedule.MAX_AHEAD
    return Choices(zone, tuple(found[:MAX_PRESETS]), f"{local:{PICKER_FORMAT}}", f"{latest:{PICKER_FORMAT}}")


def read_wall(typed: str) -> str:
    """A local time of an address, as the picker takes it; empty when it is none."""
    try:
        return datetime.fromisoformat(typed).strftime(PICKER_FORMAT)
    except ValueError:
        return ""


class SendTimeForm(forms.Form):
    """Posted: `send_wall`, the local time of the picker or of a preset, and `send_zone`, the zone that was shown with it."""

    send_wall = forms.CharField(label=gettext_lazy("Day and time"), max_length=19, required=False)
    send_zone = forms.CharField(max_length=64, required=False)

    def __init__(self, data: Mapping[str, str]) -> None:
        super().__init__(data)
        self.send_time: SendTime | None = None
        self.typed: datetime | None = None

    def clean(self) -> None:
        """Finds the instant, or puts the fault at `send_wall`."""
        values = super().clean() or {}
        try:
            self.typed = datetime.fromisoformat(values.get("send_wall", ""))
            zone = values.get("send_zone") or timezone.get_current_timezone_name()
            chosen = SendTime.at_wall(self.typed, zone)
        except UnknownZone as error:
            self.add_error("send_wall", str(error))
            return
        except (ValueError, OverflowError):
            self.add_error("send_wall", _("Choose a day and a time."))
            return
        now = timezone.now()
        if chosen.instant <= now:
            self.add_error("send_wall", _("This time has passed. Choose a later one, or send now."))
        elif chosen.instant > now + schedule.MAX_AHEAD:
            days = schedule.MAX_AHEAD.days
            self.add_error("send_wall", _("At most %(days)s days ahead. Choose an earlier day.") % {"days": days})
        else:
            self.send_time = chosen

    @property
    def fault(self) -> str:
        """What is wrong, in one sentence; empty when nothing is."""
        return next((str(error) for errors in self.errors.values() for error in errors), "")

    @property
    def shift(self) -> str:
        """Said when the clocks leave out what was chosen, so that it leaves later than typed; else empty."""
        if self.send_time is None or self.send_time.wall is None or self.send_time.wall == self.typed:
            return ""
        return _(
            "%(typed)s does not exist on %(day)s in %(zone)s, because the clocks go forward. It leaves at %(time)s."
        ) % {
            "typed": f"{self.typed:%H:%M}",
            "day": day_of(self.send_time.wall),
            "zone": self.send_time.zone,
            "time": f"{self.send_time.wall:%H:%M}",
        }

    def words(self) -> str:
        """ "tomorrow at 08:00" of a valid form."""
        return when(self.send_time.instant) if self.send_time else ""
