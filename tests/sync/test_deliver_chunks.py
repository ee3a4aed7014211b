"""Submissions over BDAT, as far as it differs from DATA: the last chunk is the dot, a chunk before it is nothing."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import MailAccount, SentCopy
from tests.fakes.smtp import DEFAULT_EXTENSIONS, RecordingSmtpSink
from tests.outbox.letters import make_sender, submit
from webmail.outbox.models import Phase, Submission
from webmail.outbox.queue import moves
from webmail.store import blobs
from webmail.sync import points
from webmail.sync.connections import close_kept_sessions
from webmail.sync.outgoing.deliver import deliver_submission

pytestmark = pytest.mark.django_db

LONG = "A line of a long message, which takes several chunks.\n" * 8_000


@pytest.fixture
def sink() -> Iterator[RecordingSmtpSink]:
    with RecordingSmtpSink(extensions=(*DEFAULT_EXTENSIONS, "CHUNKING")) as server:
        yield server
        close_kept_sessions()


def sender_at(port: int) -> MailAccount:
    account = make_sender(outgoing_port=port)
    MailAccount.objects.filter(pk=account.pk).update(sent_copy=SentCopy.SERVER)
    return MailAccount.objects.get(pk=account.pk)


def deliver(submission: Submission) -> Submission:
    Submission.objects.filter(pk=submission.pk).update(next_try_at=timezone.now())
    deliver_submission(submission.pk)
    return moves.reload(submission)


@pytest.mark.req("R75")
@pytest.mark.parametrize("text", ["Hi", LONG], ids=["small", "large"])
def test_bcc_is_kept_here_and_not_on_the_wire(sink, text):
    submission = submit(sender_at(sink.port), to="bob@example.org", bcc="eve@example.org", text=text)
    after = deliver(submission)
    assert after.phase == Phase.DONE
    (received,) = sink.messages
    assert received.recipients == ("bob@example.org", "eve@example.org")
    assert received.chunks
    assert b"eve@example.org" not in received.wire
    assert b"bcc" not in received.wire.lower()
    assert b"Bcc: eve@example.org" in blobs.read_blob(after.blob)


@pytest.mark.req("R65")
@pytest.mark.fault("F2")
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("when", [b"BDAT 1\r\n", b"several chunks"], ids=["first chunk", "later chunk"])
def test_a_cut_before_the_last_chunk_is_tried_again_and_delivered_once(sink, when, reset):
    """R65 F2 I1 I2."""
    sink.cut("BDAT", when=when, reset=reset)
    submission = submit(sender_at(sink.port), text=LONG)
    after = deliver(submission)
    assert (after.phase, after.attempts) == (Phase.RETRY, 1)
    assert after.next_try_at <= timezone.now() + timedelta(minutes=9)
    assert deliver(submission).phase == Phase.DONE
    assert len(sink.messages) == 1


@pytest.mark.req("R65")
@pytest.mark.fault("F2")
@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("text", ["Hi", LONG], ids=["small", "large"])
def test_no_answer_to_the_last_chunk_is_a_doubt_and_never_a_second_message(sink, is_kept, text):
    """R65 F2 I2 I3."""
    if is_kept:
        sink.cut_after_dot()
    else:
        sink.cut("DOT")
    submission = submit(sender_at(sink.port), text=text)
    assert deliver(submission).phase == Phase.UNCONFIRMED
    assert deliver(submission).phase == Phase.UNCONFIRMED
    assert len(sink.messages) == is_kept


@pytest.mark.req("R65")
def test_the_mark_is_committed_before_the_last_chunk_is_written(sink, monkeypatch):
    seen: list[tuple[str, bool, int]] = []

    def look(name: str) -> None:
        has_ended = any(command.endswith(b" LAST\r\n") for command in sink.commands)
        seen.append((name, has_ended, len(sink.messages)))

    monkeypatch.setattr(points, "observer", look)
    submission = submit(sender_at(sink.port), text=LONG)
    assert deliver(submission).phase == Phase.DONE
    told = {name: (has_ended, count) for name, has_ended, count in seen}
    assert told["body_written"] == told["dot_marked"] == (False, 0)
    assert told["dot_answered"] == (True, 1)


@pytest.mark.req("R68")
@pytest.mark.parametrize(
    ("phase", "reply", "expected"),
    [
        ("BDAT", b"452 4.3.1 no room", Phase.RETRY),
        ("BDAT", b"552 5.3.4 too large", Phase.FAILED),
        ("BDAT", b"421 4.3.2 closing", Phase.RETRY),
        ("DOT", b"451 4.3.0 later", Phase.RETRY),
        ("DOT", b"554 5.6.0 spam", Phase.FAILED),
    ],
)
def test_a_refused_chunk_counts_as_a_refused_message(sink, phase, reply, expected):
    sink.reply(phase, reply)
    submission = submit(sender_at(sink.port), text=LONG)
    after = deliver(submission)
    assert after.phase == expected
    assert reply[10:].decode() in after.last_reply
    assert sink.messages == []


@pytest.mark.parametrize("code", [b"500 5.5.1 what", b"502 5.5.1 no", b"503 5.5.1 order", b"504 5.5.4 no"])
def test_a_server_that_does_not_take_what_it_offers_gets_the_message_by_data_at_once(sink, code):
    sink.reply("BDAT", code, times=None)
    account = sender_at(sink.port)
    for text in ("Hi", LONG):
        after = deliver(submit(account, text=text))
        assert (after.phase, after.attempts) == (Phase.DONE, 1)
    assert [received.chunks for received in sink.messages] == [(), ()]
    assert sink.connection_count == 1
