"""Answers of a POP3 server (RFC 1939 3): status lines and dot-ended blocks out of a stream of bytes, within caps.

It must not know commands or sockets: it is fed by anything that has `read_some` and `close`, so that it can be fuzzed
alone. An answer that breaks a cap closes the source, because nobody knows where the next answer begins (security R35).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from webmail.protocols.errors import (
    AuthenticationRefused,
    PermanentlyRefused,
    ServerError,
    ServerMisbehaved,
    TemporarilyRefused,
)

MAX_STATUS_BYTES = 8_192  # RFC 1939 says 512; token challenges are longer
_BLOCK_END = b"\r\n.\r\n"

_STATUS = re.compile(rb"(\+OK|-ERR|\+)(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL)
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


@dataclass(frozen=True)
class Status:
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

    @property
    def has_unread(self) -> bool:
        """Whether bytes came in that nobody has read yet."""
        return bool(self._buffer)

    def read_status(self) -> Status:
        """The next status line. Raises `ServerMisbehaved` when it is none, and whatever the source raises."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_STATUS_BYTES:
                raise self._misbehaved("the server sent an endless line")
            self._buffer += self._source.read_some()
        line = bytes(self._buffer[: end + 1]).rstrip(b"\r\n")
        del self._buffer[: end + 1]
        found = _STATUS.fullmatch(line)
        if found is None or len(line) > MAX_STATUS_BYTES:
            raise self._misbehaved("the server sent something that is no POP3 answer")
        return Status(found[1].decode().upper(), found[2] or b"")

    def read_block(self, *, max_bytes: int) -> bytes:
        """The lines up to the one that is a dot, without it, each doubled dot made single again (RFC 1939 3).

        Only CRLF ends a line here: a dot between lone LFs is content, and taking it for the end would let a message
        speak as the server. Raises `ServerMisbehaved` beyond `max_bytes` on the wire, holding no more than that.
        """
        searched = 0
        while True:
            if self._buffer.startswith(b".\r\n"):
                del self._buffer[:3]
                return b""
            end = self._buffer.find(_BLOCK_END, searched)
            size = end + 2 if end >= 0 else len(self._buffer)
            if size > max_bytes + len(_BLOCK_END):
                raise self._misbehaved("the server sent far more than was asked for")
            if end >= 0:
                raw = bytes(memoryview(self._buffer)[:size])
                del self._buffer[: end + len(_BLOCK_END)]
                return _unstuff(raw)
            searched = max(0, size - len(_BLOCK_END) + 1)
            self._buffer += self._source.read_some()

    def _misbehaved(self, message: str) -> ServerMisbehaved:
        self._buffer.clear()
        self._source.close()
        return ServerMisbehaved(message)


def _unstuff(raw: bytes) -> bytes:
    if raw.startswith(b"."):
        raw = raw[1:]
    return raw.replace(b"\r\n.", b"\r\n")


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
