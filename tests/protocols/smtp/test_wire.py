import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webmail.protocols.smtp import wire
from webmail.protocols.smtp.wire import to_wire

# Pieces from which every known smuggling form can be built, and enough of them to straddle any boundary.
PIECES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\0", b"\xff", b"MAIL FROM:<x@y>"]), max_size=30)
MESSAGES = PIECES.map(b"".join) | st.binary(max_size=200)


def normalised(raw: bytes) -> bytes:
    """What the receiver shall have: every line end CRLF, the last line ended."""
    text = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return text if not text or text.endswith(b"\r\n") else text + b"\r\n"


def unstuffed(wire_form: bytes) -> bytes:
    """As a receiver undoes it: RFC 5321 4.5.2."""
    return b"".join(line.removeprefix(b".") for line in wire_form.splitlines(keepends=True))


SMUGGLING = [
    b"\n.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r\n.\r",
    b"\r\n.\n",
    b"\r.\r\n",
    b"\r\n.\r\n",
    b"\n.\r",
    b"\r.\n",
    b"\r\n\x00.\r\n",
]


@pytest.mark.req("R32")
@pytest.mark.parametrize("form", SMUGGLING)
def test_no_smuggling_form_ends_the_message(form: bytes) -> None:
    sent = b"".join(to_wire(b"Subject: x\r\n\r\nbefore" + form + b"MAIL FROM:<evil@example.org>\r\n"))
    assert b"." not in re.split(rb"\r\n|\r|\n", sent)


@pytest.mark.req("R32")
@given(MESSAGES)
@example(b".")
@example(b"\n.\n")
@example(b"\r\r\n.\r")
def test_no_line_is_a_dot_and_no_cr_or_lf_stands_alone(raw: bytes) -> None:
    sent = b"".join(to_wire(raw))
    assert b"." not in re.split(rb"\r\n|\r|\n", sent)
    assert re.sub(rb"\r\n", b"", sent).find(b"\r") == -1
    assert re.sub(rb"\r\n", b"", sent).find(b"\n") == -1
    assert not sent or sent.endswith(b"\r\n")


@pytest.mark.req("R32")
@given(MESSAGES)
def test_the_receiver_gets_the_message_back(raw: bytes) -> None:
    assert unstuffed(b"".join(to_wire(raw))) == normalised(raw)


@pytest.mark.req("R32")
@given(raw=MESSAGES, block_bytes=st.integers(1, 7))
def test_where_the_blocks_are_cut_makes_no_difference(raw: bytes, block_bytes: int) -> None:
    whole = b"".join(to_wire(raw))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "BLOCK_BYTES", block_bytes)
        assert b"".join(to_wire(raw)) == whole


def test_a_large_message_comes_in_bounded_blocks() -> None:
    raw = b".\n" * 500_000
    blocks = list(to_wire(raw))
    assert max(map(len, blocks)) <= 2 * wire.BLOCK_BYTES + 2
    assert b"".join(blocks) == b"..\r\n" * 500_000


def test_an_empty_message_is_nothing_on_the_wire() -> None:
    assert list(to_wire(b"")) == []
