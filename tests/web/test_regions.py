"""Dates, times and figures in the languages of the pages (ux section 12: the locale decides order and hours)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import translation

from webmail.web import regions

MOMENT = datetime(2026, 3, 3, 14, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "shapes"),
    [
        (
            "en",
            {"clock": "14:10", "short_weekday": "Tue", "day": "3 Mar", "day_of_year": "3 Mar 2026", "month": "March"},
        ),
        ("de", {"clock": "14:10", "short_weekday": "Di", "day": "3. März", "long_day_of_year": "3. März 2026"}),
        ("ar", {"clock": "2:10 م", "weekday": "الثلاثاء", "day": "3 مارس", "full": "الثلاثاء، 3 مارس 2026"}),
    ],
)
def test_dates_are_written_as_the_language_does(language: str, shapes: dict[regions.Shape, str]) -> None:
    with translation.override(language):
        assert {shape: regions.written(MOMENT, shape) for shape in shapes} == shapes


@pytest.mark.parametrize(("language", "whole", "part"), [("en", "12,400", "3.4"), ("de", "12.400", "3,4")])
def test_figures_have_the_marks_of_the_language(language: str, whole: str, part: str) -> None:
    with translation.override(language):
        assert regions.figure(12_400) == whole
        assert regions.figure(3.42, digits=1) == part


def test_a_month_alone_is_named_as_a_heading() -> None:
    with translation.override("de"):
        assert regions.written(MOMENT, "month") == "März"
        assert regions.written(MOMENT, "month_of_year") == "März 2026"
