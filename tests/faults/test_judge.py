"""The judge judged: each invariant turns red by itself."""

import pytest

from tests.faults.judge import Evidence, count_tokens, judge
from webmail.outbox.models import Phase

A = "token-00000000000000aa"


def evidence(**changes):
    sound = {
        "acknowledged": {A},
        "received": {A: 1},
        "sent_copies": {A: 1},
        "rows": {A: Phase.DONE},
    }
    return Evidence(**{**sound, **changes})


def test_sound_run_has_no_faults():
    assert judge(evidence()) == []


@pytest.mark.parametrize(
    ("changes", "invariant"),
    [
        ({"received": {}, "sent_copies": {}, "rows": {}}, "I1"),
        ({"received": {}}, "I1"),
        ({"received": {}, "sent_copies": {}, "rows": {A: Phase.DOT_SENT}}, "I1"),
        ({"received": {}, "sent_copies": {}, "rows": {A: Phase.FAILED}}, "I1"),
        ({"received": {A: 2}}, "I2"),
        ({"sent_copies": {A: 2}}, "I3"),
        ({"sent_copies": {}}, "I3"),
        ({"acknowledged": set(), "rows": {}}, "I4"),
    ],
)
def test_each_invariant_is_seen(changes, invariant):
    faults = judge(evidence(**changes))
    assert [fault[:2] for fault in faults] == [invariant]


@pytest.mark.parametrize(
    "changes",
    [
        {"received": {}, "sent_copies": {}, "rows": {A: Phase.RETRY}},
        {"received": {}, "sent_copies": {}, "rows": {A: Phase.UNCONFIRMED}},
        {"received": {A: 1}, "sent_copies": {}, "rows": {A: Phase.UNCONFIRMED}},
        {"received": {}, "sent_copies": {}, "rows": {A: Phase.FAILED}, "told": {A}},
        {"received": {A: 2}, "sent_again": {A}},
        {"acknowledged": set(), "in_flight": {A}, "rows": {}},
        {"sent_copies": {}, "rows": {A: Phase.ACCEPTED}},
    ],
)
def test_what_is_allowed(changes):
    assert judge(evidence(**changes)) == []


def test_tokens_are_counted_by_message():
    assert count_tokens([f"Subject: {A}\r\n\r\n{A}".encode(), A.encode(), b"other"]) == {A: 2}
