"""Is the test testing? The code is broken on purpose in a child, and the judge must see it (reliability section 9).

One row of the section each; the two about sync have theirs in `tests/sync`.
"""

from pathlib import Path

import pytest

from tests.fakes.smtp import DEFAULT_EXTENSIONS
from tests.faults.stage import Stage, phase_of
from tests.faults.tokens import new_token
from webmail.outbox.models import Phase

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault("F1")]


@pytest.mark.parametrize("extensions", [[], ["CHUNKING"]], ids=["DATA", "BDAT"])
@pytest.mark.req("R65")
@pytest.mark.fault("F2")
def test_dot_marked_after_the_dot_is_seen(stage: Stage, extensions: list[str]):
    """I2"""
    stage.sink.extensions = [*DEFAULT_EXTENSIONS, *extensions]
    stage.sink.delay("DOT", 30)
    submission = stage.submit()
    assert stage.worker
    stage.worker.deliver(submission.pk, mutation="mark_the_dot_late")
    stage.sink.wait_for_messages(1)
    stage.worker.kill()
    stage.worker.wait()
    stage.settle()
    assert stage.verdict() == [f"I2 {submission.subject}: received 2 times"]
    assert any(line.startswith(b"BDAT") for line in stage.sink.commands) == bool(extensions)


@pytest.mark.req("R65")
def test_expired_doubt_that_is_retried_is_seen(stage: Stage):
    """I2"""
    submission = stage.submit()
    assert stage.worker
    stage.worker.deliver(submission.pk, kill_at="dot_answered")
    stage.worker.wait()
    assert phase_of(submission) == Phase.DOT_SENT
    stage.settle(mutation="retry_an_expired_doubt")
    assert stage.verdict() == [f"I2 {submission.subject}: received 2 times"]


@pytest.mark.req("R64")
@pytest.mark.fault("F11")
@pytest.mark.fault("F12")
def test_claim_without_its_condition_is_seen(stage: Stage):
    """I2"""
    stage.sink.delay("DOT", 30)
    submission = stage.submit()
    assert stage.worker
    stage.worker.deliver(submission.pk)
    stage.sink.wait_for_messages(1)
    stage.worker.kill()
    stage.worker.wait()
    stage.time_passes()
    stage.worker.deliver(submission.pk, mutation="claim_whatever_its_phase")
    stage.worker.wait()
    assert f"I2 {submission.subject}: received 2 times" in stage.verdict()


@pytest.mark.req("R62")
def test_acknowledging_before_the_commit_is_seen(stage: Stage, tmp_path: Path):
    """I1"""
    tokens, notes = [new_token() for _ in range(5)], tmp_path / "acknowledged"
    assert stage.worker
    stage.worker.submit(
        stage.account.pk,
        tokens=tokens,
        acknowledge_to=notes,
        mutation="acknowledge_before_the_commit",
        dies_after=3,
    )
    assert stage.worker.wait() == -9
    stage.acknowledged |= set(notes.read_text().split())
    assert len(stage.acknowledged) == 3
    stage.settle()
    assert stage.verdict() == [f"I1 {tokens[2]}: acknowledged, not received, no row"]


@pytest.mark.req("R67")
@pytest.mark.fault("F2")
def test_421_at_quit_taken_for_failure_is_seen(stage: Stage):
    """I2"""
    stage.sink.refuse_quit(times=1)
    submission = stage.submit()
    stage.settle(mutation="take_421_at_quit_for_failure")
    assert stage.verdict() == [f"I2 {submission.subject}: received 2 times"]


@pytest.mark.req("R71")
def test_append_without_a_search_is_seen(stage: Stage):
    """I3"""
    submission = stage.submit()
    assert stage.worker
    stage.worker.deliver(submission.pk, kill_at="copy_appended")
    stage.worker.wait()
    stage.settle(mutation="append_without_a_search")
    assert stage.verdict() == [f"I3 {submission.subject}: 2 copies in Sent"]
