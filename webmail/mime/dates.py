"""The Date field, in the form RFC 5322 gives it and in the forms that old and broken programs write."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

from webmail.mime.charsets import decode_bytes

_DATE = re.compile(
    r"(\d{1,2})[ \t\r\n-]{1,9}([A-Za-z]{3})[a-z]{0,6}[ \t\r\n,.-]{1,9}(\d{4}|\d{2})[ \t\r\n,]{1,9}"
    r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?[ \t\r\n]{0,9}(?:([+-]\d{4})(?!\d)|([A-Za-z]{1,5}))?"
)
# The same with letters of all languages, years of three digits, halves of a day and a colon in the offset.
_ODD_DATE = re.compile(
    r"(\d{1,2})[ \t\r\n-]{1,9}([^\W\d_]{3})[^\W\d_]{0,6}[ \t\r\n,.-]{1,9}(\d{2,4})[ \t\r\n,]{1,9}"
    r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?[ \t\r\n]{0,9}(?:([AaPp])[Mm]\b[ \t]{0,9})?"
    r"(?:([+-]\d{2}):?(\d{2})|([A-Za-z]{1,5}))?"
)
_MONTHS = {
    name: index + 1
    for index, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
}
# As programs write them that take the names of their user's language, accents left out.
_FOREIGN_MONTHS = {
    "ene": 1, "gen": 1, "fev": 2, "mrz": 3, "abr": 4, "avr": 4, "mag": 5, "mai": 5, "maj": 5, "mei": 5, "giu": 6, "lug": 7,
    "ago": 8, "aou": 8, "set": 9, "okt": 10, "ott": 10, "out": 10, "des": 12, "dez": 12, "dic": 12,
}  # fmt: skip
_ZONES = {"EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420}
_OFFSETS: dict[str, timezone] = {}
_MAX_DATE_CHARS = 200
_HALVES = frozenset({"AM", "PM", "am", "pm", "Am", "Pm"})
_YEARS = range(1900, 2200)


def parse_date(value: bytes | str) -> datetime | None:
    """An aware time from a Date field, its offset kept (RFC 5322 3.3 and 4.3), or None if it is none or absurd.

    Absurd is a year before 1900 or after 2199. An unknown zone is read as UTC.
    """
    text = value[:_MAX_DATE_CHARS]
    if isinstance(text, bytes):
        text = text.decode("ascii") if text.isascii() else decode_bytes(text, None)[0]
    found = _DATE.search(text)
    if found is None:
        return _parse_odd_date(text)
    day, month_name, year_digits, hour, minute, second, offset, zone = found.groups()
    month = _MONTHS.get(month_name.lower())
    if month is None or not (offset or zone) or zone in _HALVES:
        return _parse_odd_date(text)
    year = int(year_digits)
    if len(year_digits) == 2:
        year += 2000 if year < 50 else 1900
    return _moment(year, month, int(day), int(hour), int(minute), int(second or 0), _zone(offset, zone))


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int, zone: timezone) -> datetime | None:
    try:
        moment = datetime(year, month, day, hour % 24, minute, min(second, 59), 0, zone)
    except ValueError:
        return None
    return moment if year in _YEARS else None


def _foreign_month(name: str) -> int | None:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(c))
    return _MONTHS.get(plain) or _FOREIGN_MONTHS.get(plain)


def _zone(offset: str | None, name: str | None) -> timezone:
    if offset:
        known = _OFFSETS.get(offset)
        if known is None:
            minutes = int(offset[1:3]) * 60 + int(offset[3:5])
            signed = -minutes if offset[0] == "-" else minutes
            known = timezone(timedelta(minutes=signed)) if 0 < minutes < 24 * 60 else UTC
            if len(_OFFSETS) < 1_000:
                _OFFSETS[offset] = known
        return known
    minutes = _ZONES.get(name.upper(), 0) if name else 0
    return timezone(timedelta(minutes=minutes)) if minutes else UTC


def _parse_odd_date(text: str) -> datetime | None:
    """Forms of old and broken programs: other languages, asctime, ISO 8601, a month in front of the day."""
    if found := _ODD_DATE.search(text):
        return _read_odd(found)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            parsed = parsedate_tz(text)
            if parsed is None:
                return None
            offset = parsed[9] or 0
            zone_info = timezone(timedelta(seconds=offset)) if 0 < abs(offset) < 86_400 else UTC
            year, month, day, hour, minute, second = parsed[:6]
            moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone_info)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment if moment.year in _YEARS else None


def _read_odd(found: re.Match[str]) -> datetime | None:
    day, month_name, year_digits, hour, minute, second, half, hours, minutes, zone = found.groups()
    month = _MONTHS.get(month_name.lower()) or _foreign_month(month_name)
    if month is None:
        return None
    year = int(year_digits)
    if len(year_digits) < 4:
        # RFC 5322 4.3: three digits count from 1900, as two do from 50 on.
        year += 2000 if year < 50 else 1900
    hour_of_day = int(hour)
    if half:
        hour_of_day = hour_of_day % 12 + (12 if half in "Pp" else 0)
    offset = hours + minutes if hours else None
    return _moment(year, month, int(day), hour_of_day, int(minute), int(second or 0), _zone(offset, zone))
