"""R46: a short lane of `make fuzz`, always the same cases, and the proof that the judge and the runner notice things."""

import pytest

from tests.fuzz import judge as judging
from tests.fuzz.cases import case, own_messages, sample
from tests.fuzz.judge import assert_text, judge
from tests.fuzz.running import run
from webmail.mime.part import Part

CASES = 150


@pytest.mark.req("R46")
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_mutated_messages_are_read_without_a_crash_and_shown_harmless(seed: int) -> None:
    messages = sample()
    for number in range(CASES):
        raw, names = case(messages, seed, number)
        try:
            judge(raw)
        except Exception as error:
            pytest.fail(f"python -m tests.fuzz --seed {seed} --case {number} ({', '.join(names)}): {error!r}")


@pytest.mark.req("R46")
def test_the_runner_counts_cases_in_a_child_with_limits() -> None:
    told: list[str] = []
    outcome = run(seconds=1.0, seed=1, tell=told.append, own_only=True)
    assert outcome.cases > 5
    assert outcome.findings == told == []


def test_a_case_is_the_same_each_time_and_another_for_another_seed() -> None:
    messages = own_messages()
    assert case(messages, 1, 7) == case(messages, 1, 7)
    assert case(messages, 1, 7) != case(messages, 2, 7)


def test_the_judge_notices_what_is_no_text_and_ids_that_are_not_unique(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="x00"):
        assert_text("a\0", "it")
    with pytest.raises(AssertionError, match="ud800"):
        assert_text("\ud800", "it")
    two = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"
    judge(two)
    monkeypatch.setattr(Part, "walk", lambda part: iter([*part.parts, *part.parts]))
    with pytest.raises(AssertionError, match="not unique"):
        judging._judge_parts(judging.parse_message(two))


def test_the_judge_notices_html_that_is_not_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = b"Content-Type: text/html\r\n\r\n<p onclick=a>text<script>alert(1)</script>"
    judge(hostile)
    monkeypatch.setattr(judging, "load_readable", lambda _: judging.Readable(claims=None, html="<p onclick=a>text"))
    with pytest.raises(AssertionError, match="onclick"):
        judge(hostile)
