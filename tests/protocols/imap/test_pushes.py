"""What servers say unasked, in pieces of any size."""

import pytest

from webmail.protocols.errors import ServerMisbehaved
from webmail.protocols.imap.pushes import MAX_LINE_BYTES, LineCutter, Push, read_push


def pushes_of(data: bytes, *, size: int) -> list[Push | None]:
    cutter = LineCutter()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [read_push(response) for piece in pieces for response in cutter.feed(piece)]


@pytest.mark.req("Y76")
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_each_line_names_its_mailbox(size):
    data = (
        b"* 3 EXISTS\r\n* 3 RECENT\r\n* STATUS Work (MESSAGES 1)\r\n* STATUS {5}\r\nA (b) (UNSEEN 0)\r\n"
        b'* STATUS "inbox" (MESSAGES 2)\r\n* LIST () "/" New\r\n* VANISHED 1:3\r\n'
        b"* OK [NOTIFICATIONOVERFLOW] too much\r\n* OK [ALERT] going down\r\n* OK [HIGHESTMODSEQ 3] x\r\n"
    )

    assert [push for push in pushes_of(data, size=size) if push is not None] == [
        Push("messages"),
        Push("messages", b"Work"),
        Push("messages", b"A (b)"),
        Push("messages", b"INBOX"),
        Push("mailboxes"),
        Push("messages"),
        Push("overflow"),
        Push("alert", text="going down"),
    ]


@pytest.mark.req("R35")
@pytest.mark.parametrize("data", [b"* OK " + b"x" * (MAX_LINE_BYTES + 1), b"* STATUS {99999999}\r\n"])
def test_what_never_ends_is_refused(data):
    with pytest.raises(ServerMisbehaved):
        LineCutter().feed(data)
