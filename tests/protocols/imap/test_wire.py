"""What goes over the wire with servers that break rules: limits, injection, odd answers."""

import resource
import time
from collections.abc import Callable

import pytest

from tests.protocols.imap.scripted import Answer, imap_script, on
from tests.protocols.imap.talking import ALICE, ALL, commands, talking
from tests.protocols.loopback import LoopbackServer, Peer, serving
from webmail.protocols.errors import (
    BadArgument,
    DeadlineExceeded,
    PermanentlyRefused,
    ServerMisbehaved,
    TemporarilyRefused,
)
from webmail.protocols.imap import reading, wire
from webmail.protocols.imap.session import LiveImapSession, open_session
from webmail.protocols.login import Login

# Limits -----------------------------------------------------------------------------------------------------


def _search_inbox(server: LoopbackServer) -> list[int]:
    session = open_session(server.endpoint(), ALICE)
    session.select(b"INBOX")
    return session.search_uids()


@pytest.mark.req("R36")
@pytest.mark.parametrize("phase", [b"AUTHENTICATE", b"SELECT", b"UID SEARCH"])
def test_a_drip_ends_at_the_total_deadline(phase: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if command.startswith(phase):
            peer.drip(b"* OK still at it\r\n", every_s=0.02)
        return False

    monkeypatch.setattr(wire.Wire, "command_s", 0.4)
    begin = time.monotonic()
    with serving(imap_script(answer)) as server, pytest.raises(DeadlineExceeded):
        _search_inbox(server)
    assert time.monotonic() - begin < 5


@pytest.mark.req("R36")
def test_silence_ends_before_the_total_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if command.startswith(b"UID SEARCH"):
            peer.stall()
        return False

    monkeypatch.setattr(wire, "IDLE_READ_S", 0.2)
    with talking(answer) as (session, _):
        with pytest.raises(DeadlineExceeded):
            session.search_uids()
        assert session.is_closed


@pytest.mark.req("R35")
@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"* 1 FETCH (UID 1 BODY[] {3000000000}\r\n", "literal"),
        (b"* 1 FETCH (UID 1 BODY[] {" + b"9" * 19 + b"}\r\n", "literal"),
    ],
)
def test_an_announced_giant_is_never_allocated(data: bytes, what: str) -> None:
    with talking(on(b"UID FETCH", data, end=b"")) as (session, _):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(ServerMisbehaved):
            session.fetch_message(1, max_bytes=1_000_000)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, what
        assert session.is_closed


@pytest.mark.req("R35")
def test_a_giant_literal_at_login_is_never_allocated() -> None:
    with (
        serving(imap_script(on(b"CAPABILITY", b"* CAPABILITY {3000000000}\r\n", end=b""))) as server,
        pytest.raises(ServerMisbehaved),
    ):
        open_session(server.endpoint(), ALICE)


@pytest.mark.req("R35")
@pytest.mark.parametrize("unit", [b"x" * 4096, b"* OK more\r\n" * 400, b"* 5 EXISTS\r\n" * 400, b"\r\n" * 2000])
def test_endless_answers_end_with_the_memory_small(unit: bytes) -> None:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if command == b"NOOP":
            peer.flood(unit)
        return False

    with talking(answer) as (session, _):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(ServerMisbehaved):
            session.noop()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000
        assert session.is_closed


@pytest.mark.req("R38")
def test_a_header_beyond_the_cap_is_cut_and_the_batch_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_HEADER_BYTES", 100)
    big = b"To: " + b"x" * 5000 + b"\r\n\r\n"
    rows = b"* 1 FETCH (UID 1 FLAGS () BODY[HEADER.FIELDS (To)] {%d}\r\n%b)\r\n" % (len(big), big)
    rows += b"* 2 FETCH (UID 2 FLAGS () BODY[HEADER.FIELDS (To)] {2}\r\n\r\n)\r\n"
    with talking(on(b"UID FETCH", rows)) as (session, _):
        found = list(session.fetch_list_data([1, 2]))
    assert [(row.uid, len(row.header)) for row in found] == [(1, 100), (2, 2)]


@pytest.mark.req("R35")
def test_a_batch_of_hostile_rows_stays_within_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_KEPT_BYTES", 30_000)
    big = b"x" * 20_000
    rows = b"".join(list_row(uid, big) for uid in (1, 2, 3))
    with talking(on(b"UID FETCH", rows)) as (session, _):
        assert [len(row.header) for row in session.fetch_list_data([1, 2, 3])] == [20_000, 8_192, 8_192]


@pytest.mark.req("R35")
def test_many_literals_in_one_answer_are_not_all_kept() -> None:
    data = (
        b"* 1 FETCH (UID 1 X ("
        + b"".join(b"{300000}\r\n" + b"x" * 300_000 for _ in range(200))
        + b") BODY[] {2}\r\nhi)\r\n"
    )
    with talking(on(b"UID FETCH", data)) as (session, _):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert session.fetch_message(1, max_bytes=10) in (b"hi", b"")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.req("R36")
def test_a_slow_reader_of_ours_does_not_use_up_the_server_s_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(wire.time, "monotonic", lambda: clock[0])
    with talking(on(b"UID FETCH", b"* 1 FETCH (UID 1 BODY[] {2}\r\nhi)\r\n")) as (session, _):
        for _ in session.fetch_messages([1]):
            clock[0] += 3600
        assert not session.is_closed
        monkeypatch.undo()


# Injection --------------------------------------------------------------------------------------------------

BREAKS = ["x\r\nA9 DELETE INBOX", "x\nA9 NOOP", "x\rA9 NOOP", "x\0y"]

CALLS: list[tuple[str, Callable[[LiveImapSession, str], object]]] = [
    ("select", lambda s, x: s.select(x.encode())),
    ("status", lambda s, x: s.status(x.encode())),
    ("create", lambda s, x: s.create_mailbox(x)),
    ("rename", lambda s, x: s.rename_mailbox(x.encode(), "new")),
    ("rename to", lambda s, x: s.rename_mailbox(b"old", x)),
    ("delete", lambda s, x: s.delete_mailbox(x.encode())),
    ("subscribe", lambda s, x: s.subscribe(x.encode(), True)),
    ("search", lambda s, x: s.search_message_id(x)),
    ("store", lambda s, x: s.store_keywords([1], add=[x], remove=[])),
    ("copy", lambda s, x: s.copy([1], x.encode())),
    ("move", lambda s, x: s.move([1], x.encode())),
    ("append", lambda s, x: s.append(x.encode(), b"hi", keywords=(), internal_date=None)),
    ("append keyword", lambda s, x: s.append(b"INBOX", b"hi", keywords=[x], internal_date=None)),
]


@pytest.mark.req("R31")
@pytest.mark.parametrize("text", BREAKS)
def test_a_line_break_in_any_argument_sends_nothing(text: str) -> None:
    with talking(capabilities=ALL) as (session, server):
        session.noop()
        before = len(server.peers[0].received)
        for name, call in CALLS:
            with pytest.raises(BadArgument):
                call(session, text)
            session.noop()
            before += len(b"A9 NOOP\r\n") if len(commands(server)[-1]) == 7 else len(b"A99 NOOP\r\n")
            assert len(server.peers[0].received) == before, name


@pytest.mark.req("R31")
@pytest.mark.parametrize("text", BREAKS)
@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "XOAUTH2"])
def test_a_line_break_in_a_credential_opens_no_connection(text: str, field: str, mechanism: str) -> None:
    values = {"username": "a", "password": "b", field: text}
    with serving(imap_script()) as server:
        with pytest.raises(BadArgument) as caught:
            open_session(server.endpoint(), Login(values["username"], values["password"], mechanism))
        assert text not in str(caught.value)
        assert server.peers == []


@pytest.mark.req("R31")
def test_each_call_puts_exactly_one_tag_on_the_wire() -> None:
    odd = 'a "b" \\c {5} (d) *%'
    with talking(on(b"UID FETCH", b""), capabilities=b"IMAP4rev1 AUTH=PLAIN UIDPLUS MOVE CONDSTORE LITERAL+") as (
        session,
        server,
    ):
        session.noop()
        calls: list[Callable[[], object]] = [
            lambda: session.select(odd.encode()),
            lambda: session.create_mailbox(odd),
            lambda: session.rename_mailbox(odd.encode(), odd),
            lambda: session.delete_mailbox(odd.encode()),
            lambda: session.subscribe(odd.encode(), False),
            lambda: session.search_message_id("<" + odd + ">"),
            lambda: session.search_message_id("<ünï@x>"),
            lambda: session.store_keywords([1, 2, 9], add=["$seen"], remove=[]),
            lambda: session.mark_deleted([3]),
            lambda: session.copy([1], odd.encode()),
            lambda: session.move([1], odd.encode()),
            lambda: session.expunge([1]),
            lambda: session.append(b"x", b"A9 DELETE INBOX\n", keywords=["$seen"], internal_date=None),
            lambda: list(session.fetch_list_data([1, 2])),
            lambda: list(session.fetch_messages([1, 2])),
            lambda: session.fetch_keywords(1, None, changed_since=None),
        ]
        for call in calls:
            before = len(server.peers[0].received)
            call()
            sent = bytes(server.peers[0].received)[before:]
            lines = [line for line in sent.split(b"\r\n") if line]
            tags = [line for line in lines if line[:1] == b"A" and line[1:2].isdigit()]
            assert len(tags) == (2 if b"{16+}" in sent else 1), sent  # the appended text looks like a command


# Odd but well-meant servers -----------------------------------------------------------------------------------


@pytest.mark.req("R41")
def test_a_bare_ok_a_lower_case_tag_and_blank_lines_are_understood() -> None:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if command.startswith(b"CAPABILITY"):
            peer.send(b"\r\n* capability IMAP4rev1\n" + tag.lower() + b" ok\r\n")
        elif command.startswith(b"LOGIN"):
            peer.send(b"\r\n" + tag + b" OK\r\n")
        elif command.startswith(b"UID FETCH"):
            peer.send(b"* 1 FETCH (UID 1 BODY[] {2}\r\nhi)\r\n\r\n* 1 FETCH (UID 2 BODY[] {2}\r\nho junk)\r\n")
            peer.send(tag.lower() + b" ok\r\n")
        else:
            return False
        return True

    with talking(answer) as (session, _):
        assert list(session.fetch_messages([1, 2])) == [(1, b"hi"), (2, b"ho")]


@pytest.mark.req("R34")
def test_text_of_the_server_is_cleaned_and_cut() -> None:
    with talking(on(b"CREATE", b"", end=b"NO [ALERT] \x1b[31mclick\t" + b"x" * 5000)) as (session, _):
        with pytest.raises(PermanentlyRefused) as caught:
            session.create_mailbox("x")
        assert len(caught.value.server_text) <= 500
        assert caught.value.server_text.isprintable()
        session.noop()


@pytest.mark.req("Y52")
@pytest.mark.parametrize("validity", [b"", b"* OK [UIDVALIDITY 0] x\r\n", b"* OK [UIDVALIDITY 4294967296] x\r\n"])
def test_a_mailbox_without_uidvalidity_is_refused_alone(validity: bytes) -> None:
    with talking() as (session, _):
        pass
    with serving(imap_script(on(b"SELECT", b"* 0 EXISTS\r\n" + validity))) as server:
        session = open_session(server.endpoint(), ALICE)
        with pytest.raises(PermanentlyRefused) as caught:
            session.select(b"Odd")
        assert caught.value.code == "UIDVALIDITY"
        assert session.selected is None
        session.noop()
        session.close()


def test_a_missing_uidnext_is_found_from_the_last_message() -> None:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        return on(b"SELECT", b"* 2 EXISTS\r\n* OK [UIDVALIDITY 5] x\r\n")(peer, tag, command) or on(
            b"UID FETCH * (UID)", b"* 2 FETCH (UID 41)\r\n"
        )(peer, tag, command)

    with serving(imap_script(answer)) as server, open_session(server.endpoint(), ALICE) as session:
        assert session.select(b"INBOX").uidnext == 42


@pytest.mark.req("Y38")
def test_nomodseq_and_zero_read_as_no_modseq() -> None:
    data = b"* 1 EXISTS\r\n* OK [UIDVALIDITY 5] x\r\n* OK [UIDNEXT 9] x\r\n* OK [HIGHESTMODSEQ 0] x\r\n"
    with (
        serving(imap_script(on(b"SELECT", data), capabilities=b"IMAP4rev1 AUTH=PLAIN CONDSTORE")) as server,
        open_session(server.endpoint(), ALICE) as session,
    ):
        assert session.select(b"INBOX").highestmodseq is None
        with pytest.raises(BadArgument):
            session.fetch_keywords(1, None, changed_since=5)


@pytest.mark.req("Y13")
def test_qresync_counts_only_when_enabled_names_it() -> None:
    for enabled, expected in ((b"* ENABLED\r\n", False), (b"* ENABLED CONDSTORE QRESYNC\r\n", True)):
        with talking(on(b"ENABLE", enabled), capabilities=ALL) as (session, _):
            assert session.supports("qresync") is expected
            assert session.supports("CONDSTORE")


# Reading ------------------------------------------------------------------------------------------------------


def list_row(uid: int, subject: bytes = b"x") -> bytes:
    return b"* %d FETCH (UID %d FLAGS () BODY[HEADER.FIELDS (Subject)] {%d}\r\n%b)\r\n" % (
        uid,
        uid,
        len(subject),
        subject,
    )


@pytest.mark.req("Y14")
@pytest.mark.req("R38")
def test_rows_belong_to_a_batch_by_uid_and_after_its_own_ok() -> None:
    tags: list[bytes] = []

    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if not command.startswith(b"UID FETCH"):
            return False
        tags.append(tag)
        if len(tags) == 2:  # both commands are in flight: answer them mixed up, with a stranger and a twin
            peer.send(list_row(3) + list_row(1) + list_row(99) + list_row(4) + list_row(1, b"twin"))
            peer.send(b"* 1 FETCH (FLAGS (\\Seen))\r\n* 7 EXISTS\r\n* 2 EXPUNGE\r\n")
            peer.send(tags[1] + b" OK second first\r\n" + list_row(2) + tags[0] + b" OK\r\n")
        return True

    with talking(answer) as (session, _):
        batches = [
            [(row.uid, row.header) for row in rows] for rows in session.fetch_list_data_batches([[1, 2], [4, 3]])
        ]
        assert batches == [[(1, b"x"), (2, b"x")], [(4, b"x"), (3, b"x")]]
        assert [event.kind for event in session.take_events()] == ["keywords", "exists", "expunge"]


@pytest.mark.req("Y5")
def test_two_commands_are_in_flight_and_empty_batches_cost_none() -> None:
    arrived: list[int] = []
    waiting: list[bytes] = []

    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        if not command.startswith(b"UID FETCH"):
            return False
        waiting.append(tag)
        arrived.append(len(waiting))
        if len(waiting) == 2 or len(arrived) == 5:
            for each in waiting:
                peer.send(each + b" OK\r\n")
            waiting.clear()
        return True

    with talking(answer) as (session, server):
        assert list(session.fetch_list_data_batches([[1], [], [2], [3], [4], [5], []])) == [[]] * 7
        assert sum(b"UID FETCH" in line for line in commands(server)) == 5
    assert 2 in arrived


def test_a_reader_that_stops_early_leaves_the_session_in_step() -> None:
    data = list_row(1) + b"* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\n"
    with talking(on(b"UID FETCH", data)) as (session, _):
        for _ in session.fetch_list_data_batches([[1], [2], [3]]):
            break
        assert next(session.fetch_messages([1])) is not None
        session.noop()
        assert session.search_uids() == []


def test_a_command_during_a_fetch_is_a_mistake_that_shows() -> None:
    with talking(on(b"UID FETCH", list_row(1))) as (session, _):
        stream = session.fetch_list_data_batches([[1], [2]])
        next(stream)
        with pytest.raises(RuntimeError):
            session.noop()
        assert len(list(stream)) == 1
        session.noop()


def test_a_refused_batch_raises_and_the_session_goes_on() -> None:
    with talking(on(b"UID FETCH", b"", end=b"NO [INUSE] locked")) as (session, _):
        with pytest.raises(TemporarilyRefused):
            list(session.fetch_list_data_batches([[1], [2], [3]]))
        session.noop()


@pytest.mark.req("R38")
def test_a_message_nobody_asked_for_is_not_handed_out() -> None:
    data = b"".join(b"* 1 FETCH (UID %d BODY[] {2}\r\nhi)\r\n" % uid for uid in (9, 1, 1))
    with talking(on(b"UID FETCH", data)) as (session, _):
        assert list(session.fetch_messages([1, 2])) == [(1, b"hi")]
        assert session.fetch_message(2, max_bytes=10) is None


def test_a_message_too_large_is_not_cut_but_refused() -> None:
    with talking(on(b"UID FETCH", b"* 1 FETCH (UID 1 BODY[]<0> {5}\r\nhello)\r\n")) as (session, server):
        assert session.fetch_message(1, max_bytes=5) == b"hello"
        with pytest.raises(PermanentlyRefused) as caught:
            session.fetch_message(1, max_bytes=4)
        assert caught.value.code == "TOOBIG"
        assert b"BODY.PEEK[]<0.5>" in server.peers[0].received


@pytest.mark.req("Y30")
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"* SEARCH 5 3 3 0 99999999999 x\r\n* SEARCH 9\r\n", [3, 5, 9]),
        (b"* SEARCH 2 1 (MODSEQ 917)\r\n", [1, 2]),
        (b'* ESEARCH (TAG "x") UID ALL 7:9,2\r\n', [2, 7, 8, 9]),
        (b'* ESEARCH (TAG "x") UID\r\n', []),
        (b"", []),
    ],
)
def test_search_answers_are_ascending_and_unique(data: bytes, expected: list[int]) -> None:
    with talking(on(b"UID SEARCH", data), capabilities=ALL) as (session, _):
        assert session.search_uids() == expected


def test_a_message_id_search_leaves_out_what_lies_before() -> None:
    with talking(on(b"UID SEARCH", b"* SEARCH 4 8\r\n")) as (session, server):
        assert session.search_message_id("<a@b>", since_uid=5) == [8]
        assert b'UID SEARCH UID 5:4294967295 HEADER Message-ID "<a@b>"' in server.peers[0].received


QRESYNC = b"* OK [UIDVALIDITY 5] x\r\n* OK [UIDNEXT 9] x\r\n* OK [HIGHESTMODSEQ 90] x\r\n"


def qresync(vanished: bytes) -> Answer:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        return any(
            reply(peer, tag, command)
            for reply in (
                on(b"ENABLE", b"* ENABLED CONDSTORE QRESYNC\r\n"),
                on(b"SELECT", QRESYNC),
                on(b"UID FETCH", vanished + b"* 1 FETCH (UID 4 FLAGS (\\Deleted a) MODSEQ (91))\r\n"),
            )
        )

    return answer


@pytest.mark.req("Y35")
def test_a_delta_holds_what_changed_and_what_vanished() -> None:
    with talking(qresync(b"* VANISHED (EARLIER) 2:3,50\r\n"), capabilities=ALL) as (session, server):
        delta = session.fetch_keywords(1, 10, changed_since=80)
        assert list(delta.vanished) == [2, 3]
        assert [(row.uid, row.keywords, row.is_deleted, row.modseq) for row in delta.changed] == [(4, {"a"}, True, 91)]
        assert b"UID FETCH 1:10 (UID FLAGS MODSEQ) (CHANGEDSINCE 80 VANISHED)" in server.peers[0].received


@pytest.mark.req("Y46")
@pytest.mark.parametrize(
    ("uids", "count", "is_doubtful"),
    [(b"12:*", 2**32 - 12, True), (b"1:4294967295", 2**32 - 1, False), (b"x,4,0,5:9999999999", 1, True)],
)
def test_an_open_or_gigantic_vanished_is_a_claim_and_takes_no_memory(
    uids: bytes, count: int, is_doubtful: bool
) -> None:
    with talking(qresync(b"* VANISHED (EARLIER) " + uids + b"\r\n"), capabilities=ALL) as (session, _):
        delta = session.fetch_keywords(1, None, changed_since=80)
        assert (len(delta.vanished), delta.is_doubtful) == (count, is_doubtful)
        assert not session.is_closed


# Mailboxes ----------------------------------------------------------------------------------------------------


@pytest.mark.req("Y17")
@pytest.mark.req("Y27")
@pytest.mark.req("R37")
def test_one_bad_line_does_not_break_the_list() -> None:
    lines = (
        b'* LIST (\\Subscribed) "/" inbox\r\n'
        b"* STATUS inbox (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 5 HIGHESTMODSEQ 12)\r\n"
        b'* LIST (\\HasNoChildren \\Sent) "/" "Entw&APw-rfe"\r\n'
        b'* LIST (broken\r\n* LIST () "/"\r\n* LIST\r\n'
        b'* LIST (\\NoSelect) "/" {5}\r\nA "b"\r\n'
        b'* LIST () "/" "Bad&x"\r\n* LIST () "/" "../../etc"\r\n* LIST () NIL "caf\xe9"\r\n'
        b'* LIST () "/" My Mail\r\n* STATUS "Bad&x" (MESSAGES 99999999999 UIDNEXT 1 UIDVALIDITY 1)\r\n'
        b'* LIST () "/" "Shared/all"\r\n'
    )

    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        return on(b"LIST", lines)(peer, tag, command) or on(
            b"NAMESPACE", b'* NAMESPACE (("" "/")) NIL (("Shared/" "/"))\r\n'
        )(peer, tag, command)

    with talking(answer, capabilities=ALL) as (session, server):
        found = {box.raw_name: box for box in session.list_mailboxes()}
        assert sum(b'STATUS "' in line for line in commands(server)) == 0
    assert list(found) == [
        b"inbox",
        b"Entw&APw-rfe",
        b'A "b"',
        b"Bad&x",
        b"../../etc",
        b"caf\xe9",
        b"My Mail",
    ]
    inbox = found[b"inbox"]
    assert (inbox.name, inbox.role, inbox.is_subscribed) == ("INBOX", "inbox", True)
    assert inbox.status is not None
    assert (inbox.status.messages, inbox.status.uidnext, inbox.status.highestmodseq) == (3, 9, 12)
    assert (found[b"Entw&APw-rfe"].name, found[b"Entw&APw-rfe"].role) == ("Entwürfe", "sent")
    assert found[b'A "b"'].is_selectable is False
    assert found[b"Bad&x"].status is None
    assert (found[b"caf\xe9"].name, found[b"caf\xe9"].delimiter) == ("caf\\xe9", None)


@pytest.mark.req("Y18")
def test_a_plain_server_is_listed_with_list_lsub_and_status() -> None:
    def answer(peer: Peer, tag: bytes, command: bytes) -> bool:
        return any(
            reply(peer, tag, command)
            for reply in (
                on(b"LIST", b'* LIST () "." INBOX\r\n* LIST () "." "INBOX.a"\r\n* LIST () "." "INBOX.b"\r\n'),
                on(b"LSUB", b'* LSUB () "." "INBOX.a"\r\n'),
                on(b'STATUS "INBOX.A"', b'* STATUS "INBOX.a" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)\r\n'),
                on(b"STATUS", b"", end=b"NO broken"),
            )
        )

    with talking(answer) as (session, server):
        boxes = session.list_mailboxes()
        assert not any(b'STATUS "INBOX"' in line for line in commands(server))  # the selected one
    assert [(box.name, box.is_subscribed, box.status is not None) for box in boxes] == [
        ("INBOX", False, False),
        ("INBOX.a", True, True),
        ("INBOX.b", False, False),
    ]
