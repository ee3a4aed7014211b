"""Characters that hide or turn text are left out where names and subjects are shown (R15)."""

from __future__ import annotations

import pytest

from webmail.mime.hidden_characters import has_turns, neutralise

pytestmark = pytest.mark.req("R15")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Anna", "Anna"),
        ("\u202eannA", "annA"),
        ("a\u2066b\u2069c\u202ad\u202c", "abcd"),
        ("pay\u200bpal\u2060\ufeff", "paypal"),
        ("pay\u200dpal", "paypal"),
        ("a\x00b\x1b[31mc\x85", "ab[31mc"),
        ("line\none\ttab", "line\none\ttab"),
        ("soft\u00adhyphen", "softhyphen"),
        ("left\u200eright\u200f", "leftright"),
        # What languages and pictures need stays.
        ("\u05e9\u05dc\u05d5\u05dd \u200e(1)", "\u05e9\u05dc\u05d5\u05dd \u200e(1)"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),
        ("Zo\u00eb", "Zo\u00eb"),
    ],
)
def test_what_hides_or_turns_goes_and_what_languages_need_stays(text: str, shown: str) -> None:
    assert neutralise(text) == shown


def test_neutralising_twice_changes_nothing_more() -> None:
    text = "\u200d\u202e\u200b\u05d0\u200f\x07" * 3
    assert neutralise(neutralise(text)) == neutralise(text)


@pytest.mark.req("R44")
@pytest.mark.parametrize("text", ["\u200d" * 100_000 + "\u0915", "\u0915\u200d" * 50_000, "\u202e\u200b" * 50_000])
def test_long_runs_take_no_time_and_leave_little(text: str) -> None:
    assert "\u200d\u200d" not in neutralise(text)


def test_turns_are_told_from_marks_that_languages_use() -> None:
    assert has_turns("invoice\u202efdp.exe")
    assert has_turns("pay\u200bpal")
    assert not has_turns("\u05e9\u05dc\u05d5\u05dd \u200e(1)")
    assert not has_turns("plain")
