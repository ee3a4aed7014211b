"""How dates, sizes, names and figures are written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from webmail.web import text

NOW = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)  # a Wednesday


@pytest.fixture(autouse=True)
def _wednesday_afternoon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False), timezone.override(UTC):
        yield


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (NOW - timedelta(minutes=5), "15:25"),
        (datetime(2026, 3, 4, 0, 1, tzinfo=UTC), "00:01"),
        (datetime(2026, 3, 3, 23, 59, tzinfo=UTC), "Tue 23:59"),
        (datetime(2026, 2, 26, 9, 5, tzinfo=UTC), "Thu 09:05"),
        (datetime(2026, 2, 25, 9, 5, tzinfo=UTC), "25 Feb"),
        (datetime(2026, 1, 3, 9, 5, tzinfo=UTC), "3 Jan"),
        (datetime(2024, 3, 3, 9, 5, tzinfo=UTC), "3 Mar 2024"),
        (NOW + timedelta(days=1), "tomorrow 15:30"),
        (NOW + timedelta(days=2), "6 Mar"),
    ],
)
def test_list_dates(moment: datetime, written: str) -> None:
    assert text.list_date(moment) == written


@pytest.mark.parametrize(
    ("days", "heading"),
    [
        (-1, "Today"),
        (0, "Today"),
        (1, "Yesterday"),
        (2, "This week"),
        (3, "Last week"),
        (9, "Last week"),
        (10, "February"),
        (70, "December 2025"),
    ],
)
def test_date_groups(days: int, heading: str) -> None:
    assert text.date_group(NOW - timedelta(days=days)) == heading


@pytest.mark.parametrize(
    ("passed", "written"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=2), "2 hours ago"),
        (timedelta(days=2), "Mon 15:30"),
        (timedelta(hours=-2), "17:30"),
    ],
)
def test_how_long_ago(passed: timedelta, written: str) -> None:
    assert text.ago(NOW - passed) == written


def test_the_full_date_names_day_and_zone() -> None:
    assert text.full_date(NOW) == "Wednesday, 4 March 2026 at 15:30 (UTC)"
    with timezone.override(timezone.get_fixed_timezone(-210)):
        assert text.full_date(NOW) == "Wednesday, 4 March 2026 at 12:00 (UTC-03:30)"
        assert text.iso(NOW) == "2026-03-04T12:00:00-03:30"


@pytest.mark.parametrize(
    ("size_bytes", "written"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 KB"),
        (12_400, "12 KB"),
        (3_400_000, "3.4 MB"),
        (52_000_000_000, "52 GB"),
    ],
)
def test_sizes(size_bytes: int, written: str) -> None:
    assert text.size(size_bytes) == written


def test_figures_end_at_four_digits() -> None:
    assert [text.figure(count) for count in (7, 1_234, 9_999, 10_000)] == ["7", "1,234", "9,999", "9,999+"]


@pytest.mark.parametrize(
    ("name", "address", "short"),
    [
        ("Alice Moore", "a@x", "Alice"),
        ("Hale, Robin", "r@x", "Robin"),
        ("", "robin@example.org", "robin"),
        ("robin@example.org", "robin@example.org", "robin"),
        ('"Ben"', "b@x", "Ben"),
        (", ", "b@x", ","),
        ("", "@x", "@x"),
    ],
)
def test_short_names(name: str, address: str, short: str) -> None:
    assert text.short_name(name, address) == short


def test_initials_and_colours_are_those_of_the_address() -> None:
    assert [text.initial(name) for name in ("alice", "“Ömer”", "", "…")] == ["A", "Ö", "?", "?"]
    assert text.color_of("Alice@Example.org") == text.color_of("alice@example.org")
    assert 0 <= text.color_of("x") < text.PALETTE_SIZE


def test_query_parameters_that_say_nothing_are_left_out() -> None:
    assert text.with_query("/x", {"a": None, "b": "", "c": "1&2", "d": 0}) == "/x?c=1%262&d=0"
    assert text.with_query("/x", {}) == "/x"


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (NOW + timedelta(minutes=30), "today at 16:00"),
        (NOW + timedelta(days=1), "tomorrow at 15:30"),
        (NOW - timedelta(days=1), "yesterday at 15:30"),
        (NOW + timedelta(days=6), "on Tuesday at 15:30"),
        (NOW + timedelta(days=7), "on 11 March at 15:30"),
        (NOW - timedelta(days=2), "on 2 March at 15:30"),
        (datetime(2027, 1, 1, 8, 0, tzinfo=UTC), "on 1 January 2027 at 08:00"),
    ],
)
def test_a_time_as_a_part_of_a_sentence(moment: datetime, written: str) -> None:
    assert text.when(moment) == written


def test_a_time_of_this_day_alone() -> None:
    assert text.when(NOW, today="") == "at 15:30"
    assert text.when(NOW + timedelta(days=1), today="") == "tomorrow at 15:30"
