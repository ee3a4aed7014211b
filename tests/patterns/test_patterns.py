"""R44: every regular expression of the product stays quick on 100 KB of text made to hurt it.

Here no clock decides by itself: a pattern may take four times as long, and a bit, for four times the text. `make bench` with
`--only patterns` prints the milliseconds.
"""

import re

import pytest

from tests.patterns.attacks import attacks_on
from tests.patterns.clock import Trial, seconds_of, slowest, worst_trials
from tests.patterns.found import EVERY_USE, Found, all_patterns, hidden_ways, needless, unlisted

SHARDS = 6
# Four times the text: a linear pattern takes four times as long, a quadratic one sixteen.
MAX_GROWTH = 8.0
# Below this a measurement says more about the machine than about the pattern.
MIN_TELLING_S = 0.03
CEILING_S = 1.0


def growth(found: Found, trial: Trial) -> tuple[float, float]:
    """(CPU seconds at full length, how many times that of a quarter); growth 0 where it is too quick to tell."""
    whole = seconds_of(trial, found.pattern, found.max_chars, stop_after_s=CEILING_S, enough_s=MIN_TELLING_S)
    if whole < MIN_TELLING_S:
        return whole, 0.0
    quarter = seconds_of(trial, found.pattern, found.max_chars // 4, stop_after_s=CEILING_S, enough_s=0.0)
    return whole, whole / max(quarter, 0.001)


def is_too_slow(found: Found) -> str:
    """What is wrong with a pattern, "" if nothing is."""
    for trial in worst_trials(found):
        whole, times = growth(found, trial)
        if whole >= CEILING_S or times > MAX_GROWTH:
            text = trial.text_for(found.pattern, 60)
            return f"{found.place} {found.name} ({trial.use}): {whole:.2f} s, {times:.0f} times a quarter, on {text!r}"
    return ""


@pytest.mark.req("R44")
@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_pattern_of_the_product_grows_faster_than_its_text(shard: int) -> None:
    ours = all_patterns()[shard::SHARDS]
    assert len(ours) > 50
    assert [told for found in ours if (told := is_too_slow(found))] == []


@pytest.mark.req("R44")
def test_no_pattern_is_hidden_from_this_list() -> None:
    assert unlisted() == []
    assert hidden_ways() == []


@pytest.mark.req("R44")
def test_every_exception_is_of_a_pattern_that_there_is() -> None:
    assert needless() == []


def test_the_list_holds_what_is_made_on_import_in_tables_and_in_functions() -> None:
    labels = {found.label for found in all_patterns()}
    assert "webmail/mime/headers.py:_FIELD" in labels
    assert "webmail/mime/reports/layouts.py:_row" in labels
    assert "webmail/mime/parse.py:find_delimiter" in labels
    assert any("capabilities.py" in label for label in labels)


@pytest.mark.parametrize(
    "text",
    ["[a-z]+@", r"\s+$", r"<[^>]*>", r"(\w+\s*)*;", "(a|a)*b", r"(?:\d+\.?)*x", r"\s*\d{1,3}\s*(?:px)?\s*\Z", "(.*,){8}z", '"(?:[^"]|\\")*"!'],
)  # fmt: skip
def test_a_pattern_that_is_not_linear_is_noticed(text: str) -> None:
    assert is_too_slow(Found("here", "planted", re.compile(text), EVERY_USE)) != ""


@pytest.mark.parametrize("text", ["[a-z]++", r"(?<!\s)\s++\Z", r"<[^<>]*+>", "ab*+c"])
def test_a_linear_pattern_passes(text: str) -> None:
    assert is_too_slow(Found("here", "planted", re.compile(text), EVERY_USE)) == ""


def test_a_pattern_that_would_never_come_back_is_stopped() -> None:
    planted = Found("here", "planted", re.compile(r"(?:a|b|ab)*+c|(?:x+x+)+y"), EVERY_USE)
    assert slowest(planted, stop_after_s=0.2).seconds >= 0.2


def test_attacks_follow_what_leads_to_a_repetition() -> None:
    made = {(attack.lead, attack.unit) for attack in attacks_on(re.compile(r"<a href=(?:[x-z]|\d)+>"))}
    assert ("<a href=", "x") in made or ("<a href=", "0") in made
