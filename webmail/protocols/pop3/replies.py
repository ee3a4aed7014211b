"""Answers of a POP3 server (RFC 1939 3): status lines and dot-ended blocks out of a stream of bytes, within caps.

It must not know commands or sockets: it is fed by anything that has `read_some` and `close`, so that it can be fuzzed
alone. An answer that breaks a cap closes the source, because nobody knows where the next answer begins (security R35).
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from webmail.protocols.errors import (
    AuthenticationRefused,
    PermanentlyRefused,
    ServerError,
    ServerMisbehaved,
    TemporarilyRefused,
)

MAX_STATUS_BYTES = 8_192  # RFC 1939 says 512; token challenges are longer
_BLOCK_END = b"\r\n.\r\n"
_LINE_WITH_DOT = b"\r\n."
_READ_BYTES_KEPT = 262_144  # of what was read, until the buffer is cut

_STATUS = re.compile(rb"(\+OK|-ERR|\+)(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL)
_SIGNS = {sign.encode(): sign for sign in ("+OK", "-ERR", "+")}
_CODE = re.compile(rb"\[([A-Za-z0-9/_-]{1,40})[^\]]{0,100}\]")
_BUSY_MAILDROP = re.compile(
    rb"(maildrop|mailbox).{0,40}(lock|in use|busy)|lock.{0,40}(maildrop|mailbox)", re.IGNORECASE
)

_KIND_OF_CODE: dict[str, type[ServerError]] = {
    "IN-USE": TemporarilyRefused,  # RFC 2449 8.1.2
    "LOGIN-DELAY": TemporarilyRefused,  # RFC 2449 8.1.1
    "SYS/TEMP": TemporarilyRefused,  # RFC 3206 4
    "SYS/PERM": PermanentlyRefused,  # RFC 3206 4
    "AUTH": AuthenticationRefused,  # RFC 3206 5
}


class ByteSource(Protocol):
    """Where bytes come from: a `transport.Connection` or a test."""

    def read_some(self) -> bytes: ...
    def close(self) -> None: ...


class Status(NamedTuple):
    """A status line. `sign` is "+OK", "-ERR" or "+" (a SASL challenge); `text` is what follows, untrusted."""

    sign: str
    text: bytes = b""

    @property
    def is_ok(self) -> bool:
        return self.sign == "+OK"

    @property
    def code(self) -> str:
        """The response code at the beginning of the text (RFC 2449 8), upper case, or empty."""
        found = _CODE.match(self.text)
        return found[1].decode().upper() if found else ""


class ReplyReader:
    """Cuts a stream into status lines and blocks. Bytes that came early, as with pipelining, wait in its buffer."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._buffer = bytearray()
        self._at = 0  # what lies before was read
        self._status: Status | None = None  # of an answer whose block is not all here yet
        self._searched = 0  # bytes from `_at` in which the block does not end
        self._has_dots = False  # and in which a line begins with a dot

    @property
    def has_unread(self) -> bool:
        """Whether bytes came in that nobody has read yet."""
        return self._at < len(self._buffer)

    def read_status(self) -> Status:
        """The next status line. Raises `ServerMisbehaved` when it is none, and whatever the source raises."""
        while (end := self._buffer.find(b"\n", self._at)) < 0:
            if len(self._buffer) - self._at > MAX_STATUS_BYTES:
                raise self._misbehaved("the server sent an endless line")
            self._fill()
        line = bytes(self._buffer[self._at : end]).rstrip(b"\r\n")
        self._at = end + 1
        found = _STATUS.fullmatch(line)
        if found is None or len(line) > MAX_STATUS_BYTES:
            raise self._misbehaved("the server sent something that is no POP3 answer")
        sign, text = found.groups(b"")
        return Status(_SIGNS[sign.upper()], text)

    def read_block(self, *, max_bytes: int) -> bytes:
        """The lines up to the one that is a dot, without it, each doubled dot made single again (RFC 1939 3).

        Only CRLF ends a line here: a dot between lone LFs is content, and taking it for the end would let a message
        speak as the server. Raises `ServerMisbehaved` beyond `max_bytes` on the wire, holding no more than that.
        """
        while (block := self._block_here(max_bytes)) is None:
            self._fill()
        return block

    def read_answer(self, *, max_bytes: int) -> tuple[Status, bytes]:
        """A status line and, behind +OK, the block. Raises as the two do."""
        if self._status is None:
            self._status = self.read_status()
        while (answer := self.answer_here(max_bytes=max_bytes)) is None:
            self._fill()
        return answer

    def answer_here(self, *, max_bytes: int) -> tuple[Status, bytes] | None:
        """As `read_answer`, when all of it came in already; None when the source must be asked. Most answers to commands that
        were sent ahead are here, and take neither a deadline nor a look at the clock."""
        if self._status is None:
            if self._buffer.find(b"\n", self._at) < 0:
                return None
            self._status = self.read_status()
        block = self._block_here(max_bytes) if self._status.is_ok else b""
        if block is None:
            return None
        status, self._status = self._status, None
        return status, block

    def _block_here(self, max_bytes: int) -> bytes | None:
        buffer, at = self._buffer, self._at
        if not self._searched and buffer.startswith(_BLOCK_END[2:], at):
            self._take(at + 3)
            return b""
        start, end = at + self._searched, -1
        if not self._has_dots:
            # One search for both: a line that begins with a dot is the end, or its dot was doubled.
            end = buffer.find(_LINE_WITH_DOT, start)
            self._has_dots = end >= 0 and not buffer.startswith(_BLOCK_END, end)
        if self._has_dots:
            end = buffer.find(_BLOCK_END, start)
        size = (end + 2 if end >= 0 else len(buffer)) - at
        if size > max_bytes + len(_BLOCK_END):
            raise self._misbehaved("the server sent far more than was asked for")
        if end < 0:
            self._searched = max(0, size - len(_BLOCK_END) + 1)
            return None
        raw = bytes(memoryview(buffer)[at : end + 2])
        has_dots = self._has_dots
        self._take(end + len(_BLOCK_END))
        return _unstuff(raw) if has_dots or raw.startswith(b".") else raw

    def _fill(self) -> None:
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += self._source.read_some()

    def _take(self, end: int) -> None:
        """What lies before `end` was read. Small answers leave the buffer together, a large one at once."""
        self._at, self._searched, self._has_dots = end, 0, False
        if end > _READ_BYTES_KEPT:
            del self._buffer[:end]
            self._at = 0

    def _misbehaved(self, message: str) -> ServerMisbehaved:
        self._buffer.clear()
        self._at, self._status = 0, None
        self._source.close()
        return ServerMisbehaved(message)


def _unstuff(raw: bytes) -> bytes:
    if raw.startswith(b"."):
        raw = raw[1:]
    return raw.replace(_LINE_WITH_DOT, b"\r\n")


def refusal(status: Status, message: str) -> ServerError:
    """The error for -ERR. Without a code that says otherwise it is permanent: "no such message" and the like."""
    return _kind_of(status.code, PermanentlyRefused)(message, server_text=status.text, code=status.code)


def login_refusal(status: Status, *, has_auth_codes: bool) -> ServerError:
    """The error for -ERR while signing in (reliability R85: a busy maildrop is no wrong password).

    `has_auth_codes`: CAPA offered AUTH-RESP-CODE, so a refusal without [AUTH] is not about name or password (RFC 3206 6).
    """
    default: type[ServerError] = AuthenticationRefused
    if has_auth_codes or _BUSY_MAILDROP.search(status.text):
        default = TemporarilyRefused
    kind = _kind_of(status.code, default)
    message = "the mail server refused the sign-in"
    if kind is AuthenticationRefused:
        message = "the mail server refused the user name or the password"
    return kind(message, server_text=status.text, code=status.code)


def _kind_of(code: str, default: type[ServerError]) -> type[ServerError]:
    # RFC 2449 8: an unknown finer code, as in SYS/TEMP/DISK, means what its beginning means.
    while code and code not in _KIND_OF_CODE:
        code = code.rpartition("/")[0]
    return _KIND_OF_CODE.get(code, default)
