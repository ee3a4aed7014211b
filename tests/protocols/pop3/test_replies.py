from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.pop3.maildrop_server import stuff
from webmail.protocols.errors import (
    AuthenticationRefused,
    ConnectionLost,
    PermanentlyRefused,
    ProtocolError,
    ServerError,
    ServerMisbehaved,
    TemporarilyRefused,
)
from webmail.protocols.pop3.listing import UidlEntry, parse_capabilities, parse_sizes, parse_uidls
from webmail.protocols.pop3.replies import MAX_STATUS_BYTES, ReplyReader, Status, login_refusal, refusal


class Chunks:
    """A source that hands out prepared pieces and then is at its end."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.handed_out = 0
        self.is_closed = False

    def read_some(self) -> bytes:
        for piece in self._pieces:
            if piece:
                self.handed_out += len(piece)
                return piece
        raise ConnectionLost("at the end")

    def close(self) -> None:
        self.is_closed = True


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    ends = sorted({min(place, len(data)) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


# Bodies made of the pieces that matter, and of anything; their lines end in CRLF, as RFC 1939 has it.
BODIES = (
    st.lists(st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"a"]), max_size=40).map(b"".join) | st.binary(max_size=100)
).map(lambda body: body + b"\r\n" if body and not body.endswith(b"\r\n") else body)
PLACES = st.lists(st.integers(0, 200), max_size=30)


@given(bodies=st.lists(BODIES, min_size=1, max_size=4), places=PLACES)
def test_blocks_come_out_as_they_went_in_however_they_are_cut(bodies: list[bytes], places: list[int]) -> None:
    stream = b"".join(b"+OK here\r\n" + stuff(body) for body in bodies) + b"-ERR end\r\n"
    reader = ReplyReader(Chunks(cut(stream, places)))
    for body in bodies:
        assert reader.read_status() == Status("+OK", b"here")
        assert reader.read_block(max_bytes=10_000) == body
    assert reader.read_status() == Status("-ERR", b"end")
    assert not reader.has_unread


@given(stream=st.binary(max_size=300), places=PLACES)
def test_any_bytes_at_all_give_a_value_or_an_error_of_ours(stream: bytes, places: list[int]) -> None:
    source = Chunks(cut(b"+OK\r\n" + stream, places))
    reader = ReplyReader(source)
    try:
        while True:
            if reader.read_status().is_ok:
                reader.read_block(max_bytes=100)
    except ProtocolError:
        pass


@pytest.mark.parametrize("lone", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\rx"])
def test_only_a_dot_between_crlfs_ends_a_message(lone: bytes) -> None:
    body = b"before" + lone + b"-ERR from the message\r\n"
    reader = ReplyReader(Chunks([stuff(body)]))
    block = reader.read_block(max_bytes=1000)
    assert block.endswith(b"-ERR from the message\r\n")
    assert not reader.has_unread


@pytest.mark.req("R35")
@pytest.mark.parametrize("piece", [b"line\r\n" * 1000, b"x" * 65_536])
def test_an_endless_message_ends_early(piece: bytes) -> None:
    source = Chunks(iter(lambda: piece, b""))
    with pytest.raises(ServerMisbehaved):
        ReplyReader(source).read_block(max_bytes=200_000)
    assert source.is_closed
    assert source.handed_out <= 200_000 + 2 * len(piece)


@pytest.mark.req("R35")
def test_a_finished_message_above_the_cap_ends_early_too() -> None:
    source = Chunks([b"x" * 2000 + b"\r\n.\r\n"])
    with pytest.raises(ServerMisbehaved):
        ReplyReader(source).read_block(max_bytes=1000)
    assert source.is_closed


@pytest.mark.req("R35")
def test_an_endless_status_line_ends_early() -> None:
    source = Chunks(iter(lambda: b"+OK " + b"x" * 4096, b""))
    with pytest.raises(ServerMisbehaved):
        ReplyReader(source).read_status()
    assert source.handed_out <= MAX_STATUS_BYTES + 2 * 5000


@pytest.mark.req("R41")
@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"+OK\r\n", Status("+OK")),
        (b"+ok \r\n", Status("+OK")),
        (b"+OK\n", Status("+OK")),
        (b"-err [in-use] busy\r\n", Status("-ERR", b"[in-use] busy")),
        (b"+ \r\n", Status("+")),
        (b"+\r\n", Status("+")),
        (b"+ dGV4dA==\r\n", Status("+", b"dGV4dA==")),
    ],
)
def test_a_status_line_is_understood(line: bytes, status: Status) -> None:
    assert ReplyReader(Chunks([line])).read_status() == status


@pytest.mark.parametrize(
    "line", [b"\r\n", b"OK\r\n", b"+OKAY\r\n", b"* OK\r\n", b"220 hello\r\n", b"+OK" + b"x" * 9000 + b"\r\n"]
)
def test_what_is_no_status_line_ends_the_session(line: bytes) -> None:
    source = Chunks([line])
    with pytest.raises(ServerMisbehaved):
        ReplyReader(source).read_status()
    assert source.is_closed


@pytest.mark.req("R85")
@pytest.mark.parametrize(
    ("text", "at_login", "later"),
    [
        (b"[IN-USE] Do you have another POP session running?", TemporarilyRefused, TemporarilyRefused),
        (b"[in-use] busy", TemporarilyRefused, TemporarilyRefused),
        (b"[LOGIN-DELAY] minimum 900 s", TemporarilyRefused, TemporarilyRefused),
        (b"[LOGIN-DELAY 300] wait", TemporarilyRefused, TemporarilyRefused),
        (b"[SYS/TEMP] disk", TemporarilyRefused, TemporarilyRefused),
        (b"[SYS/TEMP/DISK] disk", TemporarilyRefused, TemporarilyRefused),
        (b"[SYS/PERM] gone", PermanentlyRefused, PermanentlyRefused),
        (b"[AUTH] wrong", AuthenticationRefused, AuthenticationRefused),
        (b"maildrop already locked", TemporarilyRefused, PermanentlyRefused),
        (b"Unable to lock mailbox", TemporarilyRefused, PermanentlyRefused),
        (b"account locked", AuthenticationRefused, PermanentlyRefused),
        (b"wrong", AuthenticationRefused, PermanentlyRefused),
        (b"wrong [IN-USE]", AuthenticationRefused, PermanentlyRefused),
        (b"", AuthenticationRefused, PermanentlyRefused),
    ],
)
def test_a_refusal_says_what_to_do(text: bytes, at_login: type[ServerError], later: type[ServerError]) -> None:
    status = Status("-ERR", text)
    assert type(login_refusal(status, has_auth_codes=False)) is at_login
    assert type(refusal(status, "no")) is later


def test_with_auth_codes_a_refusal_without_one_is_not_about_the_password() -> None:
    assert type(login_refusal(Status("-ERR", b"oops"), has_auth_codes=True)) is TemporarilyRefused
    assert type(login_refusal(Status("-ERR", b"[AUTH] no"), has_auth_codes=True)) is AuthenticationRefused
    assert login_refusal(Status("-ERR", b"[AUTH] no"), has_auth_codes=True).code == "AUTH"


@pytest.mark.req("R41")
def test_malformed_lines_of_a_uidl_list_are_skipped_and_doubles_stay() -> None:
    block = (
        b"1 same\r\n2 same\r\n3  spaced \r\n4\r\n5 \r\nsix x\r\n\r\n7 a b\r\n8 bad\x00one\r\n0 zero\r\n"
        b"9 caf\xe9\r\n9999999999999 big\r\n10 " + b"x" * 300 + b"\r\n11 " + b"y" * 255 + b"\r\n1 again\r\n"
    )
    assert parse_uidls(block) == [
        UidlEntry(1, "same"),
        UidlEntry(2, "same"),
        UidlEntry(3, "spaced"),
        UidlEntry(7, "a b"),
        UidlEntry(8, "bad\x00one"),
        UidlEntry(9, "caf\xe9"),
        UidlEntry(10, "x" * 300),
        UidlEntry(11, "y" * 255),
        UidlEntry(1, "again"),
    ]


def test_sizes_and_capabilities_are_read() -> None:
    assert parse_sizes(b"1 120\r\n2 0 extra\r\nx\r\n3 -1\r\n4 " + b"9" * 40 + b"\r\n") == {1: 120, 2: 0}
    assert parse_capabilities(b"top\r\n\r\nSASL plain XOAUTH2\r\nEXPIRE 60 USER\r\n") == {
        *("TOP", "SASL", "SASL=PLAIN", "SASL=XOAUTH2", "EXPIRE", "EXPIRE=60", "EXPIRE=USER"),
    }


@given(st.binary(max_size=200))
def test_no_list_makes_the_parsers_fail(block: bytes) -> None:
    for entry in parse_uidls(block):
        assert entry.number > 0
        assert entry.uidl
    parse_sizes(block)
    parse_capabilities(block)


@given(bodies=st.lists(BODIES, min_size=1, max_size=4), places=PLACES)
def test_answers_that_came_in_need_no_source_and_others_wait_for_it(bodies: list[bytes], places: list[int]) -> None:
    reader = ReplyReader(Chunks(cut(b"".join(b"+OK here\r\n" + stuff(body) for body in bodies), places)))
    for body in bodies:
        answer = reader.answer_here(max_bytes=10_000)
        assert (answer or reader.read_answer(max_bytes=10_000)) == (Status("+OK", b"here"), body)
    assert reader.answer_here(max_bytes=10_000) is None
    assert not reader.has_unread


@pytest.mark.req("R35")
def test_an_answer_that_came_in_whole_is_held_to_its_cap_too() -> None:
    source = Chunks([b"+OK\r\n.\r\n+OK\r\n" + b"x" * 2000 + b"\r\n.\r\n"])
    reader = ReplyReader(source)
    assert reader.read_answer(max_bytes=1000) == (Status("+OK"), b"")
    with pytest.raises(ServerMisbehaved):
        reader.answer_here(max_bytes=1000)
    assert source.is_closed
