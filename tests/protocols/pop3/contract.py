"""What every POP3 session must do, live or fake: run by `test_contract.py` and by whoever writes another session.

Each function takes a `Maildrop`: an account that is empty at first, takes mail and opens sessions.
"""

from collections.abc import Callable
from typing import Protocol

import pytest

from webmail.protocols.errors import BadArgument, PermanentlyRefused
from webmail.protocols.pop3.session import Pop3Session

MAX_BYTES = 10_000_000


class Maildrop(Protocol):
    """An account on some server."""

    def deliver(self, raw: bytes) -> None: ...
    def open(self) -> Pop3Session: ...


def message(number: int, body: bytes = b"text\r\n") -> bytes:
    return f"Subject: number {number}\r\nMessage-ID: <{number}@example.org>\r\n\r\n".encode() + body


def an_empty_maildrop_lists_nothing(drop: Maildrop) -> None:
    session = drop.open()
    assert session.stat() == (0, 0)
    assert session.uidls() == []
    assert session.sizes() == {}
    assert list(session.retrieve_many([], max_bytes=MAX_BYTES)) == []
    assert session.quit()


def a_message_comes_back_byte_for_byte(drop: Maildrop) -> None:
    bodies = (b".\r\n", b"..\r\n.x\r\n\r\n.\r\n", b"\xff\x00 caf\xc3\xa9\r\n", b"x" * 100_000 + b"\r\n", b"")
    for number, body in enumerate(bodies, 1):
        drop.deliver(message(number, body))
    session = drop.open()
    assert [session.retrieve(number, max_bytes=MAX_BYTES) for number in range(1, 6)] == [
        message(number, body) for number, body in enumerate(bodies, 1)
    ]
    assert session.quit()


def numbers_names_and_sizes_belong_together(drop: Maildrop) -> None:
    for number in range(1, 4):
        drop.deliver(message(number, b"x" * number * 10 + b"\r\n"))
    session = drop.open()
    assert session.stat() == (3, sum(session.sizes().values()))
    assert session.sizes() == {number: len(message(number, b"x" * number * 10 + b"\r\n")) for number in (1, 2, 3)}
    entries = session.uidls()
    assert entries is not None
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert len({entry.uidl for entry in entries}) == 3
    assert session.quit()
    again = drop.open()
    assert again.uidls() == entries
    assert again.quit()


def top_gives_the_header_and_so_many_lines(drop: Maildrop) -> None:
    drop.deliver(message(1, b"one\r\n.two\r\nthree\r\n"))
    session = drop.open()
    assert session.top(1, 0) == message(1, b"")
    assert session.top(1, 2) == message(1, b"one\r\n.two\r\n")
    assert session.top(1, 99) == message(1, b"one\r\n.two\r\nthree\r\n")
    assert session.top(2, 0) is None
    assert session.quit()


def many_messages_come_in_the_order_asked_for(drop: Maildrop) -> None:
    for number in range(1, 81):
        drop.deliver(message(number))
    session = drop.open()
    numbers = list(range(80, 0, -1))
    assert list(session.retrieve_many(numbers, max_bytes=MAX_BYTES)) == [(n, message(n)) for n in numbers]
    assert session.stat()[0] == 80
    assert session.quit()


def a_message_that_is_not_there_is_refused_or_left_out(drop: Maildrop) -> None:
    drop.deliver(message(1))
    drop.deliver(message(2))
    session = drop.open()
    with pytest.raises(PermanentlyRefused):
        session.retrieve(3, max_bytes=MAX_BYTES)
    with pytest.raises(PermanentlyRefused):
        session.delete(3)
    found = list(session.retrieve_many([1, 3, 2, 4], max_bytes=MAX_BYTES))
    assert found == [(1, message(1)), (2, message(2))]
    assert session.quit()


def deletions_count_after_quit(drop: Maildrop) -> None:
    for number in (1, 2, 3):
        drop.deliver(message(number))
    session = drop.open()
    session.delete(1)
    session.delete(3)
    assert session.quit()
    left = drop.open()
    assert [raw for _, raw in left.retrieve_many([1], max_bytes=MAX_BYTES)] == [message(2)]
    assert left.stat()[0] == 1
    assert left.quit()


def deletions_do_not_count_without_quit(drop: Maildrop) -> None:
    drop.deliver(message(1))
    session = drop.open()
    session.delete(1)
    session.close()
    again = drop.open()
    assert again.stat()[0] == 1
    assert again.quit()


def a_number_below_one_is_a_bad_argument(drop: Maildrop) -> None:
    session = drop.open()
    calls: tuple[Callable[[], object], ...] = (
        lambda: session.retrieve(0, max_bytes=1),
        lambda: session.delete(-1),
        lambda: session.top(0, 0),
        lambda: session.top(1, -1),
        lambda: session.retrieve_many([1, 0], max_bytes=1),
        lambda: session.retrieve(1, max_bytes=0),
    )
    for call in calls:
        with pytest.raises(BadArgument):
            call()
    assert session.quit()


def a_session_begins_with_count_sizes_and_names(drop: Maildrop) -> None:
    for number in range(1, 4):
        drop.deliver(message(number))
    session = drop.open()
    found = session.maildrop()
    assert (found.count, found.sizes, found.uidls) == (3, session.sizes(), session.uidls())
    assert session.quit()


def headers_and_deletions_go_ahead(drop: Maildrop) -> None:
    for number in range(1, 71):
        drop.deliver(message(number))
    session = drop.open()
    assert session.headers([]) == {}
    assert session.headers([2, 99, 70]) == {2: message(2, b""), 70: message(70, b"")}
    assert session.delete_many([]) == []
    assert session.delete_many([*range(1, 69), 99]) == list(range(1, 69))
    assert session.quit()
    again = drop.open()
    assert again.stat()[0] == 2
    assert again.quit()


CONTRACT = (
    a_session_begins_with_count_sizes_and_names,
    headers_and_deletions_go_ahead,
    an_empty_maildrop_lists_nothing,
    a_message_comes_back_byte_for_byte,
    numbers_names_and_sizes_belong_together,
    top_gives_the_header_and_so_many_lines,
    many_messages_come_in_the_order_asked_for,
    a_message_that_is_not_there_is_refused_or_left_out,
    deletions_count_after_quit,
    deletions_do_not_count_without_quit,
    a_number_below_one_is_a_bad_argument,
)
