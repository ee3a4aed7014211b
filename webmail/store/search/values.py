"""Sizes, dates and ages as people write them. Pure; the calendar is that of the user's zone."""

from __future__ import annotations

import calendar
import re
from datetime import datetime, timedelta, tzinfo

_SIZE = re.compile(r"(\d{1,12})(?:[.,](\d{1,3}))?([KMG]?)(?:i?B)?", re.IGNORECASE | re.ASCII)
_SIZE_UNITS = {"": 1, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_DATE = re.compile(r"(\d{4})(?:([-/])(\d{1,2})(?:\2(\d{1,2}))?)?", re.ASCII)
_AGE = re.compile(r"(\d{1,4})([dwmy])", re.IGNORECASE | re.ASCII)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def read_size(text: str) -> int | None:
    """Octets of "5M", "100K", "1.5G", "2000"; None when it is no size. K, M and G are powers of a thousand."""
    found = _SIZE.fullmatch(text)
    if not found:
        return None
    unit = _SIZE_UNITS[found[3].upper()]
    fraction = found[2] or ""
    return int(found[1]) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)


def read_dates(text: str, now: datetime) -> tuple[datetime, datetime] | None:
    """Beginning and end (exclusive) of the day, month or year named, in the zone of `now`; None when it is no date."""
    zone = now.tzinfo
    lower = text.lower()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if lower in {"today", "yesterday"}:
        return _day(today, 0 if lower == "today" else 1)
    if len(lower) >= 3:
        for number, name in enumerate(_DAYS):
            if name.startswith(lower):
                return _day(today, (today.weekday() - number) % 7)
    found = _DATE.fullmatch(text)
    if not found or zone is None:
        return None
    year, month, day = int(found[1]), int(found[3] or 0), int(found[4] or 0)
    try:
        if day:
            return _day(datetime(year, month, day, tzinfo=zone), 0)
        if found[2]:
            return datetime(year, month, 1, tzinfo=zone), _month_after(year, month, zone)
        return datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)
    except (ValueError, OverflowError):
        return None


def _day(day: datetime, back: int) -> tuple[datetime, datetime]:
    # By the calendar and not by 24 hours: days of another length are whole days as well.
    begin = day - timedelta(days=back)
    return begin, begin + timedelta(days=1)


def _month_after(year: int, month: int, zone: tzinfo) -> datetime:
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)


def read_age(text: str, now: datetime) -> datetime | None:
    """The moment so long ago: "5d", "2w", "3m" (months), "1y"; None when it is no age."""
    found = _AGE.fullmatch(text)
    if not found:
        return None
    count, unit = int(found[1]), found[2].lower()
    try:
        if unit in "dw":
            return now - timedelta(days=count * (7 if unit == "w" else 1))
        months = now.year * 12 + now.month - 1 - count * (12 if unit == "y" else 1)
        year, month = divmod(months, 12)
        day = min(now.day, calendar.monthrange(year, month + 1)[1]) if year > 0 else 0
        return now.replace(year=year, month=month + 1, day=day)
    except (ValueError, OverflowError):
        return None
