"""How the language of a page writes times, dates and figures: order, names and 12 or 24 hours are those of CLDR.

A list has fifty dates, so patterns are read once a language and each date is written once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache
from typing import Final, Literal

from babel import Locale
from babel.dates import DateTimePattern, match_skeleton, parse_pattern
from babel.numbers import format_decimal
from django.utils.translation import get_language

# English as it is written outside of the United States: the day first, 24 hours.
_REGIONS: Final = {"en": "en_GB"}
_WHOLE: Final = {"full": "full", "long_day_of_year": "long"}  # formats of CLDR that most languages have no skeleton for
_KEPT: Final = 20_000  # dates in memory: those of some hundred lists

Shape = Literal[
    "clock",
    "weekday",
    "short_weekday",
    "day",
    "day_of_year",
    "long_day",
    "long_day_of_year",
    "full",
    "month",
    "month_of_year",
]
_SKELETONS: Final[dict[str, str]] = {
    "weekday": "EEEE",
    "short_weekday": "E",
    "day": "MMMd",
    "day_of_year": "yMMMd",
    "long_day": "MMMMd",
    "long_day_of_year": "yMMMMd",
    "full": "yMMMMEEEEd",
    "month": "LLLL",
    "month_of_year": "yMMMM",
}


def written(moment: date | datetime, shape: Shape) -> str:
    """A local date or time in the language of the page: `clock` "14:10", `day` "3 Mar", `full` "Tuesday, 3 March 2026"."""
    if shape == "clock" and isinstance(moment, datetime):
        return _clock(_language(), moment.hour, moment.minute)
    return _date(_language(), moment.year, moment.month, moment.day, shape)


def figure(value: float, *, digits: int = 0) -> str:
    """A number with the marks of the language: "12,400"."""
    return format_decimal(
        round(value, digits), format=f"#,##0.{'0' * digits}" if digits else "#,##0", locale=_locale(_language())
    )


def _language() -> str:
    return get_language() or "en"


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    return Locale.parse(_REGIONS.get(language, language).replace("-", "_"))


@lru_cache(maxsize=1_440 * 4)
def _clock(language: str, hour: int, minute: int) -> str:
    locale = _locale(language)
    clock: str = locale.time_formats["short"].apply(time(hour, minute), locale)
    return clock


@lru_cache(maxsize=_KEPT)
def _date(language: str, year: int, month: int, day: int, shape: Shape) -> str:
    return _pattern(language, shape).apply(date(year, month, day), _locale(language))


@lru_cache(maxsize=256)
def _pattern(language: str, shape: Shape) -> DateTimePattern:
    locale, skeleton = _locale(language), _SKELETONS[shape]
    known: Mapping[str, DateTimePattern] = locale.datetime_skeletons
    if skeleton in known:
        return known[skeleton]
    if shape in _WHOLE:
        whole: DateTimePattern = locale.date_formats[_WHOLE[shape]]
        return whole
    found = match_skeleton(skeleton, known) if len(set(skeleton)) > 1 else None
    return known[found] if found else parse_pattern(skeleton)
