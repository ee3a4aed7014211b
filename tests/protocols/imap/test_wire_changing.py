"""What goes over the wire when something is changed, appended or waited for, and how a session ends."""

import threading
from pathlib import Path

import pytest

from tests.protocols.imap.scripted import Answer, on
from tests.protocols.imap.talking import ALL, AT, commands, talking
from tests.protocols.loopback import Peer
from webmail.protocols.errors import (
    BadArgument,
    ConnectionLost,
    PermanentlyRefused,
    ProtocolError,
    TemporarilyRefused,
)
from webmail.protocols.imap import idling, wire
from webmail.protocols.imap.types import AppendResult, CopyResult

# Changing -----------------------------------------------------------------------------------------------------


@pytest.mark.req("Y69")
def test_without_uidplus_nothing_is_expunged() -> None:
    with talking() as (session, server):
        with pytest.raises(PermanentlyRefused):
            session.expunge([1])
        with pytest.raises(PermanentlyRefused):
            session.move([1], b"Trash")
        assert b"EXPUNGE" not in server.peers[0].received


@pytest.mark.req("Y67")
@pytest.mark.req("Y70")
@pytest.mark.parametrize(
    ("data", "end", "expected"),
    [
        (b"", b"OK [COPYUID 38505 304,319:320 3956:3958] ok", CopyResult(38505, {304: 3956, 319: 3957, 320: 3958})),
        (b"* OK [COPYUID 38505 304,319:320 3956:3958] ok\r\n* 1 EXPUNGE\r\n", b"OK ok", CopyResult(38505, {304: 3956, 319: 3957, 320: 3958})),
        (b"", b"OK ok", None),
        (b"", b"OK [COPYUID 38505 304:305 1] ok", None),
        (b"", b"OK [COPYUID 38505 1:4294967295 1:4294967295] ok", None),
        (b"", b"OK [COPYUID 38505 7 8] ok", None),
        (b"", b"OK [COPYUID] ok", None),
    ],
)  # fmt: skip
def test_a_move_tells_the_new_uids_when_the_server_did(data: bytes, end: bytes, expected: CopyResult | None) -> None:
    with talking(on(b"UID MOVE", data, end=end), capabilities=ALL) as (session, _):
        assert session.move([304, 319, 320], b"Trash") == expected


@pytest.mark.req("Y64")
def test_keywords_are_changed_by_deltas() -> None:
    with talking() as (session, server):
        session.store_keywords([3, 1, 2], add=["$seen", "work"], remove=["$flagged"])
        session.store_keywords([1], add=[], remove=[])
        session.store_keywords([], add=["$seen"], remove=[])
        stores = [line.split(b" ", 1)[1] for line in commands(server) if b"STORE" in line]
    # A keyword the mailbox does not have yet may be dropped: the answer tells (Y65).
    assert stores == [b"UID STORE 1:3 +FLAGS (\\Seen work)", b"UID STORE 1:3 -FLAGS.SILENT (\\Flagged)"]


def append_answer(end: bytes) -> Answer:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if not command.startswith(b"APPEND"):
            return False
        size = int(command[command.rindex(b"{") + 1 :].rstrip(b"+}"))
        if not command.endswith(b"+}"):
            peer.send(b"+ go\r\n")
        assert len(peer.until(b"\r\n")) == size + 2
        peer.send(tag + b" " + end + b"\r\n")
        return True

    return answer


@pytest.mark.req("Y72")
@pytest.mark.parametrize("capabilities", [b"IMAP4rev1 AUTH=PLAIN", b"IMAP4rev1 AUTH=PLAIN LITERAL+ UIDPLUS"])
def test_append_sends_the_exact_bytes(capabilities: bytes) -> None:
    raw = b"Subject: \xff bare LF\nand CR\rand all"
    answer = append_answer(b"OK [APPENDUID 38505 3955] ok")
    with talking(answer, capabilities=capabilities) as (session, server):
        assert session.append(b"Sent", raw, keywords=["$seen"], internal_date=AT) == AppendResult(38505, 3955)
        sent = bytes(server.peers[0].received)
        assert b'APPEND "Sent" (\\Seen) " 3-Feb-2024 04:05:06 +0000" {%d' % len(raw) in sent
        assert sent.endswith(b"}\r\n" + raw + b"\r\n")


def test_an_append_refused_before_the_data_sends_no_data() -> None:
    with talking(on(b"APPEND", b"", end=b"NO [OVERQUOTA] full")) as (session, server):
        with pytest.raises(PermanentlyRefused) as caught:
            session.append(b"Sent", b"secret text", keywords=[], internal_date=None)
        assert caught.value.code == "OVERQUOTA"
        session.noop()
        assert b"secret text" not in server.peers[0].received


def test_what_a_literal_cannot_carry_is_not_appended() -> None:
    with talking() as (session, _):
        with pytest.raises(BadArgument):
            session.append(b"Sent", b"a\0b", keywords=[], internal_date=None)
        with pytest.raises(BadArgument):
            session.append(b"Sent", b"x", keywords=[], internal_date=AT.replace(tzinfo=None))


# Listening ----------------------------------------------------------------------------------------------------


def idle_answer(news: bytes, heard: threading.Event | None = None) -> Answer:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if command != b"IDLE":
            return False
        peer.send(b"+ idling\r\n")
        peer.send(news)
        assert peer.line() == b"DONE"
        if heard is not None:
            heard.set()
        peer.send(tag + b" OK done\r\n")
        return True

    return answer


@pytest.mark.req("Y48")
@pytest.mark.req("Y77")
def test_idle_returns_what_came_and_goes_on() -> None:
    heard = threading.Event()
    news = b"* 4 EXISTS\r\n* VANISHED 2:3\r\n* OK Still here\r\n* 1 FETCH (UID 4 FLAGS (\\Seen))\r\n"
    with talking(idle_answer(news, heard), capabilities=ALL) as (session, server):
        events = []
        while len(events) < 3:
            events += session.idle(timeout_s=5)
        assert [event.kind for event in events] == ["exists", "vanished", "keywords"]
        assert events[0].number == 4
        assert events[1].uids == (2, 3)
        assert events[2].keywords is not None
        assert events[2].keywords.keywords == {"$seen"}
        assert session.idle(timeout_s=0.01) == []
        assert sum(line.endswith(b"IDLE") for line in commands(server)) == 1
        session.noop()  # any command ends it
        assert heard.is_set()


@pytest.mark.req("Y77")
def test_idle_is_renewed_before_the_server_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idling, "RENEW_AFTER_S", 0.05)
    with talking(idle_answer(b""), capabilities=ALL) as (session, server):
        session.idle(timeout_s=0.3)
        session.stop_idle()
        session.stop_idle()
        assert sum(line.endswith(b"IDLE") for line in commands(server)) >= 2


@pytest.mark.req("Y77")
def test_idle_that_is_refused_or_not_offered_says_so() -> None:
    with talking(on(b"IDLE", b"", end=b"NO not today"), capabilities=ALL) as (session, _):
        with pytest.raises(PermanentlyRefused):
            session.idle(timeout_s=1)
        session.noop()
    with talking() as (session, _), pytest.raises(PermanentlyRefused):
        session.idle(timeout_s=1)


def test_a_server_that_ends_in_idle_is_noticed() -> None:
    with talking(idle_answer(b"* BYE [UNAVAILABLE] restart\r\n"), capabilities=ALL) as (session, _):
        with pytest.raises(TemporarilyRefused):
            session.idle(timeout_s=5)
        assert session.is_closed


# Ending -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_cut_connection_is_lost_and_closing_is_quiet(end: str) -> None:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if command == b"NOOP":
            peer.reset() if end == "reset" else peer.close()
        return False

    with talking(answer) as (session, _):
        with pytest.raises(ConnectionLost):
            session.noop()
        with pytest.raises(ProtocolError):
            session.noop()
        session.close()
        session.close()


def test_bytes_read_counts_what_came() -> None:
    with talking() as (session, _):
        before = session.bytes_read
        session.noop()
        assert session.bytes_read - before > 5


def test_no_file_of_the_package_enables_a_log_of_traffic() -> None:
    with talking() as (session, _):
        assert session._wire.debug == 0
        assert not getattr(session._wire, "_cmd_log", {})


def test_the_package_loads_no_framework() -> None:
    folder = Path(wire.__file__).parent
    assert not any(
        "import django" in path.read_text() or "import celery" in path.read_text() for path in folder.glob("*.py")
    )
