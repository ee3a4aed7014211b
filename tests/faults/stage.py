"""A sender, its servers, what it was promised, and the worker that may die: the stage of the fault tests of outgoing mail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.utils import timezone

from accounts.models import MailAccount
from tests.factories import make_mailbox
from tests.fakes.cutting_proxy import CuttingProxy
from tests.fakes.imap import FakeImapServer
from tests.fakes.smtp import RecordingSmtpSink
from tests.faults import tally
from tests.faults.judge import Evidence, find_crossings, judge
from tests.faults.tokens import count_tokens, new_token
from tests.faults.worker_process import WorkerProcess
from tests.outbox.letters import make_sender, submit
from webmail.outbox.models import Draft, Phase, Submission
from webmail.outbox.queue import doubt, moves, upkeep
from webmail.store.models import Role
from webmail.sync.connections import close_kept_sessions
from webmail.sync.outgoing.deliver import deliver_submission, sweep_outbox

MOST_ROUNDS = 20


@dataclass
class Stage:
    """One account whose outgoing server is the sink behind the proxy, and whose Sent lies at the fake."""

    sink: RecordingSmtpSink
    proxy: CuttingProxy
    imap: FakeImapServer
    imap_proxy: CuttingProxy
    account: MailAccount
    worker: WorkerProcess | None = None
    acknowledged: set[str] = field(default_factory=set)
    sent_again: set[str] = field(default_factory=set)
    settled_doubts: int = 0

    def submit(self, **fields: object) -> Submission:
        """A message that is acknowledged and due."""
        token = new_token()
        submission = submit(self.account, subject=token, **fields)
        self.acknowledged.add(token)
        return submission

    def rows(self) -> dict[str, str]:
        """The phases by token."""
        return dict(Submission.objects.filter(account=self.account).values_list("subject", "phase"))

    def time_passes(self) -> None:
        """As if every lease and every wait were over."""
        now, mine = timezone.now(), Submission.objects.filter(account=self.account)
        mine.filter(lease_until__isnull=False).update(lease_until=now)
        mine.update(next_try_at=now)

    def settle(self, *, mutation: str = "") -> None:
        """What a restarted installation does, as if its waits were over: until nothing moves any more. A mutation is tried
        in children, so that it leaves no trace here."""
        before: dict[str, str] = {}
        for _ in range(MOST_ROUNDS):
            if (now := self.rows()) == before:
                return
            before = now
            self.time_passes()
            if mutation:
                self.in_child(mutation)
                continue
            upkeep.recover_expired_leases()
            self.time_passes()
            sweep_outbox()
            for pk in Submission.objects.filter(account=self.account).order_by("id").values_list("pk", flat=True):
                deliver_submission(pk)
        raise AssertionError(f"no rest after {MOST_ROUNDS} rounds: {self.rows()}")

    def in_child(self, mutation: str) -> None:
        """One round of the same in children of the worker process, whose code is broken."""
        assert self.worker is not None
        self.worker.recover(mutation=mutation)
        assert self.worker.wait() == 0
        self.time_passes()
        for pk in Submission.objects.filter(account=self.account).order_by("id").values_list("pk", flat=True):
            self.worker.deliver(pk, mutation=mutation)
            self.worker.wait()

    def received(self, submission: Submission) -> int:
        """How often the sink has it."""
        return count_tokens(one.content for one in self.sink.messages)[submission.subject]

    def resolve(self) -> int:
        """Be the person who looks whether the doubtful ones have arrived, and decides so. Returns how many."""
        rows = list(Submission.objects.filter(account=self.account, phase=Phase.UNCONFIRMED))
        for row in rows:
            assert doubt.resolve_unconfirmed(row, sent=bool(self.received(row)))
        self.settled_doubts += len(rows)
        return len(rows)

    def verdict(self, *, in_flight: frozenset[str] = frozenset()) -> list[str]:
        """What the judge says."""
        rows = Submission.objects.filter(account=self.account)
        told = set(Draft.objects.filter(account=self.account).values_list("subject", flat=True))
        copies = self.imap.store.mailbox(self.imap.user, "Sent").messages.values()
        return judge(
            Evidence(
                acknowledged=self.acknowledged,
                received=count_tokens(one.content for one in self.sink.messages),
                sent_copies=count_tokens(message.raw for message in copies),
                rows=self.rows(),
                told=told,
                in_flight=in_flight,
                sent_again=self.sent_again,
                explained={row.subject for row in rows if is_explained(row)},
                crossings=find_crossings(),
            )
        )


def is_explained(submission: Submission) -> bool:
    """Has a doubtful one words for its user?"""
    last = submission.events.filter(phase=Phase.UNCONFIRMED).last()
    return last is not None and last.text.startswith("Perhaps sent")


def phase_of(submission: Submission) -> str:
    """As it is now."""
    return moves.reload(submission).phase


@contextmanager
def outgoing_stage(worker: WorkerProcess | None = None, *, extensions: list[str] | None = None) -> Iterator[Stage]:
    """Servers that run, and somebody who may send through them; `extensions` of the sink when not the usual ones."""
    with (
        RecordingSmtpSink() as sink,
        CuttingProxy(port=sink.port) as proxy,
        FakeImapServer() as imap,
        CuttingProxy(port=imap.port) as imap_proxy,
    ):
        if extensions is not None:
            sink.extensions = extensions
        account = make_sender(
            outgoing_port=proxy.port,
            incoming_port=imap_proxy.port,
            incoming_username=imap.user,
            password=imap.password,
        )
        uidvalidity = imap.store.mailbox(imap.user, "Sent").uidvalidity
        make_mailbox(account, "Sent", role=Role.SENT, uidvalidity=uidvalidity)
        stage = Stage(sink, proxy, imap, imap_proxy, account, worker)
        yield stage
        close_kept_sessions()
        tally.add_run(
            acknowledged=stage.acknowledged,
            received=count_tokens(one.content for one in sink.messages),
            rows=stage.rows(),
            sent_again=stage.sent_again,
            unconfirmed=stage.settled_doubts,
        )
