"""The table of what a server's answers lead to."""

import pytest

from webmail.outbox.models import Phase
from webmail.outbox.queue.answers import Answer, Status, apply_answers, next_phase

A, R, W = Status.ACCEPTED, Status.REFUSED, Status.WAITING


@pytest.mark.parametrize(
    ("statuses", "is_exhausted", "expected"),
    [
        ([W], False, Phase.RETRY),
        ([A, W], False, Phase.RETRY),
        ([R, W], False, Phase.RETRY),
        ([W], True, Phase.FAILED),
        ([A, W], True, Phase.ACCEPTED),
        ([A], False, Phase.ACCEPTED),
        ([A, R], False, Phase.ACCEPTED),
        ([R, R], False, Phase.FAILED),
    ],
)
@pytest.mark.req("R68")
def test_next_phase(statuses, is_exhausted, expected):
    assert next_phase(statuses, is_exhausted=is_exhausted) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(250), A),
        (Answer(251), A),
        (Answer(354), W),
        (Answer(421), W),
        (Answer(452), W),
        (Answer(500), R),
        (Answer(554), R),
        (Answer(0), W),
        (Answer(0, is_refusal=True), R),
        (Answer(452, is_refusal=True), R),
    ],
)
def test_status_of_an_answer(answer, expected):
    assert answer.status == expected


def test_what_was_settled_stays_settled():
    before = {"a": A, "b": R, "c": W, "d": W}
    after = apply_answers(before, dict.fromkeys("abc", Answer(550)))
    assert after == {"a": A, "b": R, "c": R, "d": W}
