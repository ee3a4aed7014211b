"""What is wrong with a message is told by name, and only by names that are known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webmail.mime.content_defects import find_defects
from webmail.mime.defects import DEFECTS
from webmail.mime.parse import parse_message


@pytest.mark.req("R45")
@pytest.mark.parametrize(
    ("raw", "defects"),
    [
        (b"From: a@b.c\r\nDate: Mon, 01 Jan 2024 12:00:00 +0100\r\nSubject: =?utf-8?Q?=C3=BC?=\r\n\r\nx", ()),
        (b"Date: yesterday\r\n\r\nx", ("bad-date",)),
        (b"Date: Mon, 31 Feb 2024 12:00:00 +0100\r\n\r\nx", ("bad-date",)),
        (b"Subject: one\r\nSubject: two\r\n\r\nx", ("repeated-field",)),
        (b"Subject: caf\xe9\r\n\r\nx", ("eight-bit-header",)),
        (b"Subject: caf\xc3\xa9\r\n\r\nx", ()),
        (b"Subject: =?utf-8?Q?=C3=BC=C3=B6=FF?=\r\n\r\nx", ("broken-encoded-word",)),
        (b"From: =?utf-8?Z?n!?= <a@b.c>\r\n\r\nx", ("broken-encoded-word",)),
        (b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx", ("several-content-types",)),
        (b"Content-Type: plain/text\r\n\r\nx", ("bad-content-type",)),
        (b"Content-Transfer-Encoding: x-strange\r\n\r\nx", ("unknown-transfer-encoding", "wrong-charset")),
        (b"Content-Transfer-Encoding: base64\r\n\r\n%%eHh4!\r\n", ("bad-base64",)),
        (b"Content-Transfer-Encoding: base64\r\n\r\neHh4eA\r\n", ("bad-base64",)),
        (b"Content-Transfer-Encoding: base64\r\n\r\neHh4eA==\r\n", ()),
        (b"Content-Type: text/plain; charset=martian\r\n\r\nx", ("unknown-charset",)),
        (b"Content-Type: text/plain; charset=utf-8\r\n\r\nabc \xc3\xa9\xc3\xa9 \xff", ("undecodable-bytes",)),
        (b"Content-Type: text/plain; charset=koi8-r\r\n\r\n\xc3\xa9t\xc3\xa9", ("wrong-charset",)),
    ],
)
def test_defects_are_named(raw: bytes, defects: tuple[str, ...]) -> None:
    assert find_defects(parse_message(raw)) == defects


@given(st.lists(st.sampled_from([b"Content-Type: ", b"multipart/mixed; boundary=", b"x", b"\r\n", b"--x", b"--", b"\r", b"\n", b"Date: 1",
                                 b"base64", b"Content-Transfer-Encoding: ", b"\xff", b"=?x?q?", b"From: a", b": "]), max_size=40))  # fmt: skip
def test_every_name_is_known(pieces: list[bytes]) -> None:
    assert set(find_defects(parse_message(b"".join(pieces)))) <= set(DEFECTS)
