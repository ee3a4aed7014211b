"""The recording sink with the extensions it offers when asked: the judge of other tests is judged here."""

from collections.abc import Iterator

import pytest

from tests.fakes.smtp import ALL_EXTENSIONS, RecordingSmtpSink
from tests.protocols.loopback import LOOPBACK
from tests.protocols.smtp.conversations import send
from webmail.protocols.errors import ConnectionLost, PermanentlyRefused, TemporarilyRefused
from webmail.protocols.smtp.session import Envelope, LiveSmtpSession, open_session
from webmail.protocols.transport import Endpoint, Security

RAW = b"Subject: chunks\r\n\r\n.dot\r\n" + b"a line\r\n" * 60_000
TO_BOB = Envelope("alice@example.org", ("bob@example.org",))


@pytest.fixture
def sink() -> Iterator[RecordingSmtpSink]:
    with RecordingSmtpSink(extensions=ALL_EXTENSIONS) as server:
        yield server


def connect(sink: RecordingSmtpSink) -> LiveSmtpSession:
    endpoint = Endpoint(sink.host, sink.port, Security.PLAIN, allow_networks=LOOPBACK)
    return open_session(endpoint, None, ehlo_name="client.example.org")


def test_chunks_are_recorded_with_their_sizes(sink: RecordingSmtpSink) -> None:
    with connect(sink) as session:
        assert send(session, RAW).is_positive
        assert send(session, b"Subject: small\r\n\r\n").is_positive
    large, small = sink.messages
    assert (large.wire, large.content) == (RAW, RAW)
    assert len(large.chunks) > 2
    assert sum(large.chunks) == len(RAW)
    assert small.chunks == (18,)
    assert not any(command.startswith(b"DATA") for command in sink.commands)


def test_parameters_are_recorded(sink: RecordingSmtpSink) -> None:
    envelope = Envelope(
        "alice@example.org", ("bob@example.org",), ret="HDRS", envid="e1", notify=("FAILURE",), hold_for_s=60
    )
    with connect(sink) as session:
        send(session, RAW, envelope)
    (received,) = sink.messages
    assert received.mail_parameters == f"SIZE={len(RAW)} HOLDFOR=60 RET=HDRS ENVID=e1"
    assert received.recipient_parameters == {"bob@example.org": "NOTIFY=FAILURE ORCPT=rfc822;bob@example.org"}


@pytest.mark.parametrize("when", [b"BDAT 1\r\n", b"a line"])
def test_a_chunk_before_the_last_can_be_refused_or_cut(sink: RecordingSmtpSink, when: bytes) -> None:
    sink.reply("BDAT", b"552 5.3.4 too big", when=when)
    with connect(sink) as session, pytest.raises(PermanentlyRefused):
        send(session, RAW)
    sink.cut("BDAT", when=when)
    with connect(sink) as session, pytest.raises(ConnectionLost):
        send(session, RAW)
    assert sink.messages == []
    with connect(sink) as session:
        assert send(session, RAW).is_positive


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_last_chunk_is_the_dot(sink: RecordingSmtpSink, is_kept: bool) -> None:
    if is_kept:
        sink.cut_after_dot()
    else:
        sink.cut("DOT")
    with connect(sink) as session, pytest.raises(ConnectionLost):
        send(session, RAW)
    assert len(sink.messages) == is_kept
    sink.reply("DOT", b"451 4.3.0 later")
    with connect(sink) as session:
        assert send(session, RAW).is_temporary
        assert send(session, RAW).is_positive
    assert len(sink.messages) == is_kept + 1


def test_a_client_that_hangs_up_between_chunks_leaves_nothing(sink: RecordingSmtpSink) -> None:
    with connect(sink) as session:
        session.send_envelope(TO_BOB, size_bytes=len(RAW), body_8bit=False)
        session.start_data()
        session.write_body(RAW)
    with connect(sink) as session:
        session.noop()
    assert sink.messages == []


def test_without_chunking_bdat_is_an_unknown_word_and_the_client_goes_back_to_data() -> None:
    with RecordingSmtpSink(extensions=ALL_EXTENSIONS) as sink:
        with connect(sink) as session:
            sink.extensions.remove("CHUNKING")
            assert session.uses_chunks
            assert send(session, RAW).is_positive
            assert not session.uses_chunks
        (received,) = sink.messages
    assert received.chunks == ()
    assert received.content == RAW


def test_421_to_a_chunk_ends_the_session(sink: RecordingSmtpSink) -> None:
    sink.reply("BDAT", b"421 4.3.2 closing", then_cut=True)
    with connect(sink) as session:
        with pytest.raises(TemporarilyRefused):
            send(session, RAW)
        assert session.is_closed
