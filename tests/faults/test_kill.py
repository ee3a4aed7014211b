"""F1 for outgoing mail: kill -9 at every named moment and at random ones, start again, and let the judge look."""

import time
from pathlib import Path

import pytest

from tests.faults.stage import phase_of
from tests.faults.sync_stage import seeded
from tests.faults.tokens import count_tokens, new_token
from webmail.outbox.models import Phase, Submission
from webmail.outbox.queue import doubt, moves
from webmail.store import blobs, consistency

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault("F1")]

RANDOM_RUNS = 12
LONGEST_RUN_S = 0.15  # a delivery to the fakes takes about 0.05 s

BEFORE_THE_DOT = ["claimed", "connected", "envelope_accepted", "in_data", "body_written"]
IN_DOUBT = ["dot_marked", "dot_answered"]
ACCEPTED = ["accepted", "copy_searched", "copy_appended", "copied"]


@pytest.mark.parametrize("point", [*BEFORE_THE_DOT, *IN_DOUBT, *ACCEPTED])
@pytest.mark.req("R65")
def test_killed_at_a_named_moment(stage, point):
    """R65 F1 I1 I2 I3 I4."""
    submission = stage.submit()

    stage.worker.deliver(submission.pk, kill_at=point)
    assert stage.worker.wait() == -9

    stage.settle()
    assert stage.verdict() == []
    assert consistency.check_account(stage.account.pk) == []
    if point in IN_DOUBT:
        assert phase_of(submission) == Phase.UNCONFIRMED
        assert len(stage.sink.messages) == (point == "dot_answered")
    else:
        assert phase_of(submission) == Phase.DONE
        assert len(stage.sink.messages) == 1


@pytest.mark.parametrize("place", [1, 3, 6])
@pytest.mark.parametrize("point", [*BEFORE_THE_DOT, *IN_DOUBT, "accepted"])
@pytest.mark.req("R64")
@pytest.mark.req("R65")
def test_killed_in_the_middle_of_a_batch(stage, point, place):
    """R64 R65 F1 I1 I2 I3 I4: one line carries several messages. Those beside the one it died with leave once, by themselves."""
    rows = [stage.submit() for _ in range(7)]

    stage.worker.drain(stage.account.pk, kill_at=f"{point}:{place if point != 'connected' else 1}")
    assert stage.worker.wait() == -9

    stage.settle()
    assert stage.verdict() == []
    doubtful = [row.subject for row in rows if phase_of(row) == Phase.UNCONFIRMED]
    assert len(doubtful) == (point in IN_DOUBT)
    assert {phase_of(row) for row in rows if row.subject not in doubtful} == {Phase.DONE}
    assert len(stage.sink.messages) == 7 - (point == "dot_marked")
    assert consistency.check_account(stage.account.pk) == []


@pytest.mark.req("R65")
def test_killed_while_the_dot_is_answered(stage):
    """R65 F1 I2: the server has the message, nobody heard it say so."""
    stage.sink.delay("DOT", 30)
    submission = stage.submit()

    stage.worker.deliver(submission.pk)
    stage.sink.wait_for_messages(1)
    stage.worker.kill()
    assert stage.worker.wait() == -9

    stage.settle()
    assert stage.verdict() == []
    assert phase_of(submission) == Phase.UNCONFIRMED
    assert doubt.resolve_unconfirmed(moves.reload(submission), sent=True)
    stage.settle()
    assert stage.verdict() == []
    assert phase_of(submission) == Phase.DONE


@pytest.mark.req("R66")
def test_a_person_may_send_again_what_is_in_doubt(stage):
    submission = stage.submit()
    stage.worker.deliver(submission.pk, kill_at="dot_answered")
    stage.worker.wait()
    stage.settle()
    stage.sent_again.add(submission.subject)
    assert doubt.resolve_unconfirmed(moves.reload(submission), sent=False)
    stage.settle()
    assert stage.verdict() == []
    assert len(stage.sink.messages) == 2
    assert phase_of(submission) == Phase.DONE


@pytest.mark.req("R65")
def test_killed_at_random_moments(stage):
    """R65 R71 F1 I1 I2 I3 I4."""
    choice = seeded()
    for _ in range(RANDOM_RUNS):
        submission = stage.submit()
        stage.worker.deliver(submission.pk)
        # The moment is the fault itself: there is no condition to wait for.
        time.sleep(choice.uniform(0, LONGEST_RUN_S))
        stage.worker.kill()
        stage.worker.wait()
    stage.settle()
    assert stage.verdict() == []
    phases = set(Submission.objects.filter(account=stage.account).values_list("phase", flat=True))
    assert phases <= {Phase.DONE, Phase.UNCONFIRMED}
    assert consistency.check_account(stage.account.pk) == []


@pytest.mark.req("R62")
def test_what_was_acknowledged_before_a_kill_is_sent(stage, tmp_path: Path):
    """R62 F1 I1 I4: the process that takes messages dies among them."""
    tokens = [new_token() for _ in range(500)]
    notes = tmp_path / "acknowledged"
    stage.worker.submit(stage.account.pk, tokens=tokens, acknowledge_to=notes)
    deadline = time.monotonic() + 20
    while not (notes.exists() and notes.read_text().count("\n") >= 3):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    stage.worker.kill()
    assert stage.worker.wait() == -9
    stage.acknowledged |= {line for line in notes.read_text().split("\n") if line in set(tokens)}

    rows = Submission.objects.filter(account=stage.account)
    assert all(blobs.read_blob(row.blob) for row in rows.select_related("blob"))
    # At most one more was in flight: stored, but not yet said to be.
    stage.acknowledged |= (in_flight := set(rows.values_list("subject", flat=True)) - stage.acknowledged)
    assert len(in_flight) <= 1
    stage.settle()
    assert stage.verdict() == []
    assert count_tokens(one.content for one in stage.sink.messages).keys() == stage.acknowledged
