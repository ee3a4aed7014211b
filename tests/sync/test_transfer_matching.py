"""Which message there is the one we sent: by what APPENDUID said, by identity and size, and never one twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from webmail.mime.headers import parse_list_headers
from webmail.protocols.imap.types import ListData
from webmail.sync.actions.transfer_matching import Wanted, match

pytestmark = pytest.mark.req("Y72")


def header(message_id: str = "", subject: str = "Hello") -> bytes:
    own = f"Message-ID: <{message_id}>\r\n" if message_id else ""
    return f"Subject: {subject}\r\n{own}\r\n".encode()


def row(uid: int, block: bytes, *, size: int = 100, is_deleted: bool = False) -> ListData:
    return ListData(uid, frozenset(), datetime(2026, 3, 3, tzinfo=UTC), size, block, False, None, None, is_deleted)


def wanted(key: int, block: bytes, *, size: int = 100, uid: int | None = None) -> Wanted:
    headers = parse_list_headers(block)
    return Wanted(key, headers.message_id or "", headers.header_hash, size, uid)


def uids(ours: list[Wanted], theirs: list[ListData]) -> dict[int, tuple[int, bool]]:
    return {key: (arrival.data.uid, arrival.is_exact) for key, arrival in match(ours, theirs).items()}


A, B, NONE = header("a@x"), header("b@x"), header()


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        pytest.param([wanted(1, A, uid=7)], [row(7, A)], {1: (7, True)}, id="named"),
        pytest.param([wanted(1, A, uid=7)], [row(7, B), row(8, A)], {1: (8, True)}, id="named wrongly"),
        pytest.param([wanted(1, A, uid=7)], [row(7, A, size=120)], {1: (7, False)}, id="named, rewritten"),
        pytest.param([wanted(1, A)], [row(3, B), row(4, A)], {1: (4, True)}, id="by Message-ID"),
        pytest.param([wanted(1, NONE)], [row(3, header(subject="No")), row(4, NONE)], {1: (4, True)}, id="by fields"),
        pytest.param([wanted(1, A), wanted(2, A)], [row(3, A), row(4, A)], {1: (3, True), 2: (4, True)}, id="twins"),
        pytest.param([wanted(1, A), wanted(2, A)], [row(3, A)], {1: (3, True)}, id="one twin is there"),
        pytest.param(
            [wanted(1, A, uid=3), wanted(2, A)], [row(3, A), row(4, A)], {1: (3, True), 2: (4, True)}, id="both"
        ),
        pytest.param([wanted(1, A)], [row(3, A, size=120)], {1: (3, False)}, id="rewritten"),
        pytest.param([wanted(1, A)], [row(3, A, size=120), row(4, A, size=130)], {}, id="rewritten, in doubt there"),
        pytest.param([wanted(1, A), wanted(2, A)], [row(3, A, size=120)], {}, id="rewritten, in doubt here"),
        pytest.param([wanted(1, NONE)], [row(3, NONE, size=120)], {}, id="nothing to know it by"),
        pytest.param([wanted(1, A, uid=3)], [row(3, A, is_deleted=True)], {}, id="deleted"),
        pytest.param([], [row(3, A)], {}, id="nothing wanted"),
    ],
)
def test_what_was_sent_is_found_once(ours, theirs, found):
    assert uids(ours, theirs) == found
