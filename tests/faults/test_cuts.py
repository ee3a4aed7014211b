"""F2: an outgoing server that is cut off at every moment of a conversation. Doubt only where there is doubt; one copy at most.

Each case says what is known after the first try, and what the sink has by then. Then everything comes to its end: what was
known not to have left is sent, what is in doubt is decided by a person who looks at the sink, and the judge has the last word.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.fakes.cutting_proxy import FROM_CLIENT, FROM_SERVER, CuttingProxy
from tests.fakes.smtp import DEFAULT_EXTENSIONS
from tests.faults.stage import Stage, outgoing_stage, phase_of
from webmail.outbox.models import SENT, Phase, Submission
from webmail.outbox.queue import moves
from webmail.protocols.smtp import timeouts
from webmail.store import consistency
from webmail.sync import points
from webmail.sync.connections import close_kept_sessions
from webmail.sync.outgoing.deliver import deliver_account, deliver_submission

pytestmark = [pytest.mark.django_db, pytest.mark.fault("F2")]

TEXT = "first line\nthe middle of the body\n" + "and so on\n" * 4_000 + "the end of the body"
END = b"the end of the body\r\n"
ELEVEN_MINUTES_S, NINE_MINUTES_S = 660.0, 540.0
SCALE = 0.002  # ten minutes are 1.2 s

DATA = list(DEFAULT_EXTENSIONS)
BDAT = [*DEFAULT_EXTENSIONS, "CHUNKING"]
WAYS = {"DATA": DATA, "BDAT": BDAT}


@dataclass(frozen=True)
class Case:
    """`phase` and `received` after the first try; `only` where the other way of transmitting has no such moment."""

    spoil: Callable[[CuttingProxy, bool], None]
    phase: Phase
    received: int = 0
    only: str = ""


def after(pattern: bytes) -> Callable[[CuttingProxy, bool], None]:
    return lambda proxy, reset: proxy.cut_after(FROM_CLIENT, pattern, reset=reset)


def before(pattern: bytes) -> Callable[[CuttingProxy, bool], None]:
    return lambda proxy, reset: proxy.cut_before(FROM_SERVER, pattern, reset=reset)


CASES = {
    "at MAIL": Case(after(b"MAIL FROM"), Phase.RETRY),
    "at RCPT": Case(after(b"RCPT TO"), Phase.RETRY),
    "before the answer to RCPT": Case(before(b"250 2.1.5"), Phase.RETRY),
    "at DATA": Case(after(b"\r\nDATA\r\n"), Phase.RETRY, only="DATA"),
    "before 354": Case(before(b"354"), Phase.RETRY, only="DATA"),
    "at BDAT": Case(after(b"BDAT "), Phase.RETRY, only="BDAT"),
    "mid-body": Case(after(b"the middle of the body"), Phase.RETRY),
    "after the dot": Case(after(b"\r\n.\r\n"), Phase.UNCONFIRMED, received=1, only="DATA"),
    "after the last chunk": Case(after(END), Phase.UNCONFIRMED, received=1, only="BDAT"),
    "before 250": Case(before(b"250 2.0.0 queued"), Phase.UNCONFIRMED, received=1),
}


POSSIBLE = [(way, name) for way in WAYS for name, case in CASES.items() if case.only in ("", way)]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stage(way: str):
    with outgoing_stage(extensions=WAYS[way]) as made:
        yield made


def send(stage: Stage) -> Submission:
    submission = stage.submit(text=TEXT)
    deliver_submission(submission.pk)
    return moves.reload(submission)


def bring_to_an_end(stage: Stage, submission: Submission, *, in_doubt: bool) -> None:
    """Recovery, the person's decision, and the verdict."""
    stage.settle()
    assert stage.verdict() == []
    assert (phase_of(submission) == Phase.UNCONFIRMED) == in_doubt
    assert stage.resolve() == in_doubt
    stage.settle()
    assert stage.verdict() == []
    assert phase_of(submission) == Phase.DONE
    assert stage.received(submission) == 1
    assert consistency.check_account(stage.account.pk) == []


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize(("way", "name"), POSSIBLE, indirect=["way"])
@pytest.mark.req("R65")
def test_cut(stage: Stage, name: str, reset: bool):
    """R65 F2 I1 I2 I3 I4"""
    case = CASES[name]
    case.spoil(stage.proxy, reset)
    submission = send(stage)
    assert submission.phase == case.phase
    if case.received and not (reset and name != "before 250"):
        stage.sink.wait_for_messages(1)
    bring_to_an_end(stage, submission, in_doubt=case.phase == Phase.UNCONFIRMED)


@pytest.mark.parametrize("how", ["421", "cut", "reset"])
@pytest.mark.req("R67")
def test_trouble_at_quit_is_success(stage: Stage, how: str):
    """R67 F2 I2"""
    if how == "421":
        stage.sink.refuse_quit(times=1)
    else:
        stage.sink.cut("QUIT", reset=how == "reset")
    submission = send(stage)
    assert submission.phase in SENT
    close_kept_sessions()
    assert b"QUIT\r\n" in stage.sink.commands
    bring_to_an_end(stage, submission, in_doubt=False)


@pytest.mark.parametrize("how", ["reset", "421"])
@pytest.mark.req("R65")
def test_kept_line_that_died_between_two_messages(stage: Stage, how: str):
    """R65 F2 I1 I2: the second one goes at once over a new line, and that counts as no try."""
    first = send(stage)
    lines = stage.sink.connection_count
    if how == "421":
        stage.sink.reply("MAIL", b"421 4.4.2 idle for too long", then_cut=True)
    else:
        stage.proxy.drop_connections()
    second = send(stage)
    assert (first.phase in SENT, second.phase in SENT, second.attempts) == (True, True, 1)
    assert stage.sink.connection_count == lines + 1
    bring_to_an_end(stage, second, in_doubt=False)
    assert stage.received(first) == 1


@pytest.mark.parametrize("number", [1, 2, 4])
@pytest.mark.req("R65")
def test_line_cut_in_the_middle_of_several_messages(stage: Stage, number: int):
    """R65 F2 I1 I2 I3 I4: doubt about the one whose dot was written, and about no other."""
    rows = [stage.submit() for _ in range(5)]
    marked = 0

    def cut(name: str) -> None:
        nonlocal marked
        marked += name == "dot_marked"
        if name == "dot_marked" and marked == number:
            stage.proxy.cut_before(FROM_SERVER, b"250 2.0.0 queued")

    points.observer = cut
    try:
        deliver_account(stage.account.pk)
    finally:
        points.observer = None
    stage.settle()
    assert stage.verdict() == []
    assert sorted(stage.rows().values()) == [*[Phase.DONE] * 4, Phase.UNCONFIRMED]
    assert [stage.received(row) for row in rows] == [1] * 5
    assert stage.resolve() == 1
    stage.settle()
    assert stage.verdict() == []


@pytest.mark.parametrize(("late_s", "in_doubt"), [(ELEVEN_MINUTES_S, True), (NINE_MINUTES_S, False)])
@pytest.mark.req("R65")
@pytest.mark.req("R70")
def test_250_that_comes_late(stage: Stage, monkeypatch, late_s: float, in_doubt: bool):
    """R65 R70 F2 I1 I2: ten minutes are waited for the last word, eleven are not. Only that wait is scaled."""

    def hurry(name: str) -> None:
        if name == "dot_marked":
            monkeypatch.setattr(timeouts, "SCALE", SCALE)

    monkeypatch.setattr(points, "observer", hurry)
    stage.proxy.delay_before(FROM_SERVER, b"250 2.0.0 queued", late_s * SCALE)
    submission = send(stage)
    monkeypatch.setattr(points, "observer", None)
    monkeypatch.setattr(timeouts, "SCALE", 1.0)
    assert (submission.phase == Phase.UNCONFIRMED) == in_doubt
    assert len(stage.sink.messages) == 1
    bring_to_an_end(stage, submission, in_doubt=in_doubt)


@pytest.mark.parametrize("way", ["DATA"], indirect=True)
@pytest.mark.parametrize("pattern", [b"APPENDUID", b"Append completed"], ids=["before APPENDUID", "after APPENDUID"])
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.req("R71")
def test_cut_while_the_copy_is_filed(stage: Stage, pattern: bytes, reset: bool):
    """R71 F2 I3: the copy lies in Sent, and we do not hear of it, or only half."""
    cut = stage.imap_proxy.cut_before if pattern == b"APPENDUID" else stage.imap_proxy.cut_after
    cut(FROM_SERVER, pattern, reset=reset)
    submission = send(stage)
    bring_to_an_end(stage, submission, in_doubt=False)


@pytest.mark.parametrize("chunk_bytes", [1, 7])
@pytest.mark.req("R65")
def test_line_that_slices_and_crawls_changes_nothing(stage: Stage, chunk_bytes: int):
    """I1 I2 I3"""
    stage.proxy.chunk_bytes, stage.proxy.slow_close_s = chunk_bytes, 0.05
    submission = stage.submit(text="short")
    deliver_submission(submission.pk)
    bring_to_an_end(stage, submission, in_doubt=False)
