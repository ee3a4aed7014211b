"""F1 for outgoing mail: kill -9 at every named moment and at random ones, start again, and let the judge look."""

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import MailAccount
from tests.factories import make_mailbox
from tests.fakes.imap import FakeImapServer
from tests.fakes.smtp import RecordingSmtpSink
from tests.faults.judge import Evidence, count_tokens, judge, new_token
from tests.faults.worker_process import WorkerProcess
from tests.outbox.letters import make_sender, submit
from webmail.outbox import delivery, doubt, moves, upkeep
from webmail.outbox.models import Draft, Phase, Submission
from webmail.store import blobs, consistency
from webmail.store.models import Role
from webmail.sync.connections import close_kept_sessions
from webmail.sync.outgoing import sent_copy
from webmail.sync.outgoing.deliver import deliver_submission, sweep_outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault("F1")]

RANDOM_RUNS = 12
LONGEST_RUN_S = 0.15  # a delivery to the fakes takes about 0.05 s

BEFORE_THE_DOT = ["claimed", "connected", "envelope_accepted", "in_data", "body_written"]
IN_DOUBT = ["dot_marked", "dot_answered"]
ACCEPTED = ["accepted", "copy_searched", "copy_appended", "copied"]


@dataclass
class Stage:
    """A sender, its servers, and what it was promised."""

    sink: RecordingSmtpSink
    imap: FakeImapServer
    account: MailAccount
    worker: WorkerProcess
    acknowledged: set[str] = field(default_factory=set)
    sent_again: set[str] = field(default_factory=set)

    def submit(self) -> Submission:
        token = new_token()
        submission = submit(self.account, subject=token)
        self.acknowledged.add(token)
        return submission

    def settle(self) -> None:
        """What a restarted installation does, as if its waits were over: until nothing moves any more."""
        before: list[tuple[int, str]] = []
        open_rows = Submission.objects.filter(account=self.account).order_by("id")
        while (phases := list(open_rows.values_list("id", "phase"))) != before:
            before, now = phases, timezone.now()
            open_rows.filter(lease_until__isnull=False).update(lease_until=now)
            upkeep.recover_expired_leases()
            open_rows.update(next_try_at=now)
            sweep_outbox()
            for pk, _ in phases:
                deliver_submission(pk)

    def verdict(self) -> list[str]:
        rows = {row.subject: row.phase for row in Submission.objects.filter(account=self.account)}
        told = set(Draft.objects.filter(account=self.account).values_list("subject", flat=True))
        copies = self.imap.store.mailbox(self.imap.user, "Sent").messages.values()
        return judge(
            Evidence(
                acknowledged=self.acknowledged,
                received=count_tokens(one.content for one in self.sink.messages),
                sent_copies=count_tokens(message.raw for message in copies),
                rows=rows,
                told=told,
                sent_again=self.sent_again,
            )
        )


@pytest.fixture(scope="module")
def worker(django_db_setup: None) -> Iterator[WorkerProcess]:
    process = WorkerProcess()
    yield process
    process.close()


@pytest.fixture
def stage(worker: WorkerProcess) -> Iterator[Stage]:
    with RecordingSmtpSink() as sink, FakeImapServer() as imap:
        account = make_sender(
            outgoing_port=sink.port,
            incoming_port=imap.port,
            incoming_username=imap.user,
            password=imap.password,
        )
        uidvalidity = imap.store.mailbox(imap.user, "Sent").uidvalidity
        make_mailbox(account, "Sent", role=Role.SENT, uidvalidity=uidvalidity)
        yield Stage(sink, imap, account, worker)
        close_kept_sessions()


def phase_of(submission: Submission) -> str:
    return moves.reload(submission).phase


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
    seed = int(os.environ.get("PILLARBOX_FAULT_SEED") or random.randrange(2**32))
    print(f"PILLARBOX_FAULT_SEED={seed}")
    choice = random.Random(seed)
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


# Mutations (reliability section 9): the code is broken on purpose, and the judge must see it -------------------------


@pytest.mark.req("R65")
def test_mutation_dot_marked_after_the_dot_is_seen(stage):
    stage.sink.delay("DOT", 30)
    submission = stage.submit()
    stage.worker.deliver(submission.pk, mutation="mark the dot late")
    stage.sink.wait_for_messages(1)
    stage.worker.kill()
    stage.worker.wait()
    stage.settle()
    assert stage.verdict() == [f"I2 {submission.subject}: received 2 times"]


@pytest.mark.req("R65")
def test_mutation_expired_doubt_is_retried_is_seen(stage):
    submission = stage.submit()
    stage.worker.deliver(submission.pk, kill_at="dot_answered")
    stage.worker.wait()
    Submission.objects.filter(pk=submission.pk, phase=Phase.DOT_SENT).update(phase=Phase.RETRY, lease_owner="")
    stage.settle()
    assert stage.verdict() == [f"I2 {submission.subject}: received 2 times"]


@pytest.mark.req("R64")
def test_mutation_claim_without_its_condition_is_seen(stage, monkeypatch):
    stage.sink.delay("DOT", 30)
    submission = stage.submit()
    stage.worker.deliver(submission.pk)
    stage.sink.wait_for_messages(1)
    Submission.objects.filter(pk=submission.pk).update(next_try_at=timezone.now())
    monkeypatch.setattr(delivery, "CLAIMABLE", tuple(Phase))
    deliver_submission(submission.pk)
    stage.worker.kill()
    stage.worker.wait()
    assert f"I2 {submission.subject}: received 2 times" in stage.verdict()


@pytest.mark.req("R71")
def test_mutation_append_without_a_search_is_seen(stage, monkeypatch):
    submission = stage.submit()
    stage.worker.deliver(submission.pk, kill_at="copy_appended")
    stage.worker.wait()
    monkeypatch.setattr(sent_copy, "uids_with_message_id", lambda session, message_id: [])
    stage.settle()
    assert stage.verdict() == [f"I3 {submission.subject}: 2 copies in Sent"]
