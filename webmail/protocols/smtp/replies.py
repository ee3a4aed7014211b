"""Replies of an SMTP server (RFC 5321 4.2, RFC 2034), read within caps. It must not decide what a reply means.

A reply that breaks the syntax or a cap closes the connection: after it nobody knows which answer belongs to which
command (security R35, R40).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from webmail.protocols.errors import (
    PermanentlyRefused,
    ServerError,
    ServerMisbehaved,
    TemporarilyRefused,
    clean_server_text,
)
from webmail.protocols.transport import READ_CHUNK_BYTES, Connection

MAX_LINE_BYTES = 8_192  # RFC 5321 4.5.3.1.5 says 512; error texts with links are longer
MAX_REPLY_BYTES = 65_536  # far above the longest EHLO answer
MAX_REPLY_LINES = 256

SERVICE_CLOSING = 421  # RFC 5321 3.8: may come at any time, the server hangs up after it

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(rb"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?=[ \t]|$)[ \t]*")


@dataclass(frozen=True)
class Reply:
    """`code` has three digits; `enhanced` is a status such as "5.7.8" (RFC 3463) or empty; `text` is what the server
    said, cleaned and cut short, and untrusted."""

    code: int
    enhanced: str = ""
    text: str = ""

    @property
    def is_positive(self) -> bool:
        """2xx or 3xx. The session lets 3xx through only where it belongs: as the 354 of `start_data`."""
        return 200 <= self.code < 400

    @property
    def is_temporary(self) -> bool:
        """4xx: try again later."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """5xx: do not try the same again."""
        return 500 <= self.code < 600


def read_reply_lines(connection: Connection, *, seconds: float) -> tuple[int, list[bytes]]:
    """The code and the texts of one reply, complete within `seconds`.

    Raises `ServerMisbehaved` for anything that is not a reply or exceeds a cap, `DeadlineExceeded`, `ConnectionLost`.
    """
    lines: list[bytes] = []
    code = 0
    size = 0
    with connection.limits(seconds=seconds, max_bytes=MAX_REPLY_BYTES + READ_CHUNK_BYTES):
        while True:
            line = connection.read_line(max_bytes=MAX_LINE_BYTES)
            size += len(line)
            found = _LINE.fullmatch(line.rstrip(b"\r\n"))
            if found is None or (code and int(found[1]) != code):
                raise misbehaved(connection, "the server sent something that is no SMTP reply")
            if size > MAX_REPLY_BYTES or len(lines) >= MAX_REPLY_LINES:
                raise misbehaved(connection, "the server sent an endless reply")
            code = int(found[1])
            lines.append(found[3] or b"")
            if found[2] != b"-":
                return code, lines


def read_reply(connection: Connection, *, seconds: float) -> Reply:
    """One reply, complete within `seconds`. Raises as `read_reply_lines`."""
    return make_reply(*read_reply_lines(connection, seconds=seconds))


def make_reply(code: int, lines: list[bytes]) -> Reply:
    """The reply that a code and its texts make. The enhanced status is cut off every line that repeats it."""
    enhanced = ""
    found = _ENHANCED.match(lines[0])
    if found and found[1][:1] == str(code)[:1].encode():  # RFC 2034 4: the classes must agree
        enhanced = found[1].decode()
        lines = [_ENHANCED.sub(b"", line, count=1) if line.startswith(found[1]) else line for line in lines]
    return Reply(code, enhanced, clean_server_text(b" ".join(lines)))


def misbehaved(connection: Connection, message: str) -> ServerMisbehaved:
    """The error to raise, after closing the connection."""
    connection.close()
    return ServerMisbehaved(message)


def refusal(reply: Reply, message: str) -> ServerError:
    """The error for a 4xx or 5xx reply. Its code is the enhanced status, else the three digits."""
    kind = TemporarilyRefused if reply.is_temporary else PermanentlyRefused
    return kind(message, server_text=reply.text, code=reply.enhanced or str(reply.code))
