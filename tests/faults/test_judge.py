"""The judge judged: each invariant turns red by itself."""

import pytest

from tests.factories import make_account, make_user
from tests.faults.judge import Evidence, find_crossings, find_secrets, judge
from tests.faults.tokens import count_tokens
from tests.outbox.letters import make_sender, submit
from webmail.outbox.models import Phase, Submission
from webmail.store.models import BlobLink

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
        ({"sent_copies": {}, "rows": {A: Phase.UNCONFIRMED}, "explained": ()}, "I1"),
        ({"received": {A: 2}}, "I2"),
        ({"sent_copies": {A: 2}}, "I3"),
        ({"sent_copies": {}}, "I3"),
        ({"acknowledged": set(), "rows": {}}, "I4"),
        ({"leaks": ["net.log holds a secret"]}, "I6"),
        ({"crossings": ["a submission of another's account: 1"]}, "I7"),
        ({"green_after_s": 121.0}, "I8"),
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
        {"received": {A: 1}, "sent_copies": {}, "rows": {A: Phase.UNCONFIRMED}, "explained": {A}},
        {"received": {}, "sent_copies": {}, "rows": {A: Phase.FAILED}, "told": {A}},
        {"received": {A: 2}, "sent_again": {A}},
        {"acknowledged": set(), "in_flight": {A}, "rows": {}},
        {"sent_copies": {}, "rows": {A: Phase.ACCEPTED}},
        {"green_after_s": 119.0},
    ],
)
def test_what_is_allowed(changes):
    assert judge(evidence(**changes)) == []


def test_tokens_are_counted_by_message():
    assert count_tokens([f"Subject: {A}\r\n\r\n{A}".encode(), A.encode(), b"other"]) == {A: 2}


def test_secrets_are_found_in_any_file(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "net.log").write_bytes(b"\0 login alice S3CR3T-1 \0")
    (tmp_path / "web.log").write_text("nothing")
    assert find_secrets(["S3CR3T-1", "S3CR3T-2"], under=[tmp_path]) == ["net.log holds a secret"]


@pytest.mark.django_db
def test_rows_of_two_people_are_found():
    mine = submit(make_sender())
    assert find_crossings() == []
    other = make_account(make_user("mallory"))
    Submission.objects.filter(pk=mine.pk).update(user=other.user)
    BlobLink.objects.filter(blob=mine.blob).delete()
    assert find_crossings() == [
        f"a submission of another's account: {mine.pk}",
        f"a submission whose bytes its account may not read: {mine.pk}",
    ]
