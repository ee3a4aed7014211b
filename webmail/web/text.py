"""How pages write dates, sizes and figures (ux section 12). Values in, words out."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webmail.web import regions

WEEKDAYS_SHOWN = 6  # days back for which the weekday says enough
HIGHEST_FIGURE = 9_999
PALETTE_SIZE = 8


def list_date(moment: datetime) -> str:
    """Today "14:10", last six days "Tue 14:10", "tomorrow 09:00", this year "3 Mar", else "3 Mar 2024"; in the active zone."""
    local, now = timezone.localtime(moment), timezone.localtime()
    days = (now.date() - local.date()).days
    if days == 0:
        return _clock(local)
    if days == -1:
        return _("tomorrow %(time)s") % {"time": _clock(local)}
    if 0 < days <= WEEKDAYS_SHOWN:
        return f"{regions.written(local, 'short_weekday')} {_clock(local)}"
    return regions.written(local, "day" if local.year == now.year else "day_of_year")


def when(moment: datetime, *, today: str | None = None) -> str:
    """As a part of a sentence, of what is to come or just was: "today at 16:00", "tomorrow at 08:00", "on Monday at 08:00".

    With `today=""` a time of this day is only "at 16:00".
    """
    local, now = timezone.localtime(moment), timezone.localtime()
    days = (local.date() - now.date()).days
    time = _clock(local)
    if days == 0 and today == "":
        return _("at %(time)s") % {"time": time}
    if days in (-1, 0, 1):
        day = {-1: _("yesterday"), 0: _("today"), 1: _("tomorrow")}[days]
        return _("%(day)s at %(time)s") % {"day": day, "time": time}
    day = regions.written(local, "weekday") if 1 < days <= WEEKDAYS_SHOWN else day_of(local)
    return _("on %(day)s at %(time)s") % {"day": day, "time": time}


def day_of(local: datetime) -> str:
    """ "28 March", with the year when it is another than this one."""
    return regions.written(local, "long_day" if local.year == timezone.localtime().year else "long_day_of_year")


def full_date(moment: datetime, *, zone: tzinfo | None = None) -> str:
    """The whole date with its zone (the active one), such as "Tuesday, 3 March 2026 at 14:10 (UTC+01:00)"."""
    local = timezone.localtime(moment, zone)
    offset = local.strftime("%z")
    shift = f"UTC{offset[:3]}:{offset[3:5]}" if offset and offset != "+0000" else "UTC"
    return _("%(date)s at %(time)s (%(zone)s)") % {
        "date": regions.written(local, "full"),
        "time": _clock(local),
        "zone": shift,
    }


def _clock(local: datetime) -> str:
    return regions.written(local, "clock")


def iso(moment: datetime) -> str:
    """For `<time datetime>`: with the offset of the active zone."""
    return timezone.localtime(moment).isoformat(timespec="seconds")


def ago(moment: datetime) -> str:
    """For less than a day "2 hours ago", else the list date."""
    passed = timezone.now() - moment
    if timedelta(0) <= passed < timedelta(minutes=1):
        return _("just now")
    if timedelta(0) <= passed < timedelta(hours=1):
        minutes = int(passed.total_seconds() // 60)
        return ngettext("%(count)d minute ago", "%(count)d minutes ago", minutes) % {"count": minutes}
    if timedelta(0) <= passed < timedelta(days=1):
        hours = int(passed.total_seconds() // 3600)
        return ngettext("%(count)d hour ago", "%(count)d hours ago", hours) % {"count": hours}
    return list_date(moment)


def date_group(moment: datetime) -> str:
    """The heading of a list: Today, Yesterday, This week, Last week, a month."""
    local, now = timezone.localtime(moment).date(), timezone.localtime().date()
    days = (now - local).days
    if days <= 0:
        return _("Today")
    if days == 1:
        return _("Yesterday")
    week_start = now - timedelta(days=now.weekday())
    if local >= week_start:
        return _("This week")
    if local >= week_start - timedelta(days=7):
        return _("Last week")
    return regions.written(local, "month" if local.year == now.year else "month_of_year")


def short_name(name: str, address: str) -> str:
    """One word for a list of several people: "Alice" of "Alice Moore", "Robin" of "Hale, Robin", else before the @."""
    name = name.strip().strip("\"'")
    if not name or "@" in name:
        return (name or address).partition("@")[0] or address
    _family, comma, given = name.partition(",")
    words = (given if comma and given.strip() else name).split()
    return words[0] if words else name


def honest_name(name: str, address: str) -> str:
    """The name of a sender, "" where there is none to show: one that holds another address would deceive (security R15)."""
    name = " ".join(name.split())
    if "@" in name and address.casefold() not in name.casefold():
        return ""
    return "" if name.casefold() == address.casefold() else name


def initial(name: str) -> str:
    """The letter of an avatar: the first letter or digit of a name or address."""
    return next((char.upper() for char in name if char.isalnum()), "?")


def color_of(address: str) -> int:
    """A place in the palette of eight, the same for an address wherever it is shown."""
    return zlib.crc32(address.casefold().encode()) % PALETTE_SIZE


def size(size_bytes: int) -> str:
    """ "640 B", "12 KB", "3.4 MB": decimal units, as file managers show them."""
    value = float(size_bytes)
    units = (_("%(size)s B"), _("%(size)s KB"), _("%(size)s MB"), _("%(size)s GB"))
    for unit in units[:-1]:
        if value < 1000:
            return unit % {"size": regions.figure(value, digits=0 if value >= 10 or unit is units[0] else 1)}
        value /= 1000
    return units[-1] % {"size": regions.figure(value, digits=0 if value >= 10 else 1)}


def figure(count: int) -> str:
    """A count beside a mailbox: 9,999+ at most."""
    return f"{number(HIGHEST_FIGURE)}+" if count > HIGHEST_FIGURE else number(count)


def number(count: int) -> str:
    """A whole number in the figures of the language."""
    return str(count) if count < 1000 else regions.figure(count)


def local_path(address: str) -> str:
    """An address of ours that a form names; "" for one that leads elsewhere."""
    return address if address.startswith("/") and not address.startswith("//") and "\\" not in address else ""


def with_query(path: str, query: Mapping[str, Any]) -> str:
    """The path with those parameters that are neither None nor empty."""
    kept = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept)}" if kept else path
