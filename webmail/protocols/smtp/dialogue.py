"""Commands and their replies on one connection, in step. It must not know what a message is.

What keeps commands and replies in step is here: a reply that nobody asked for is never taken for the answer to the next
command (security R40), and after 421 the connection is closed (RFC 5321 3.8).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from webmail.protocols.errors import ConnectionLost, TemporarilyRefused
from webmail.protocols.smtp import timeouts
from webmail.protocols.smtp.replies import (
    MAX_REPLY_BYTES,
    SERVICE_CLOSING,
    Reply,
    misbehaved,
    read_reply,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webmail.protocols.transport import Connection


class Dialogue:
    """The command line of a session. Every method may raise `ConnectionLost` or one of its subclasses."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @contextmanager
    def limits(self, seconds: float) -> Iterator[None]:
        """A total deadline, in seconds before scaling, for what happens inside."""
        with self.connection.limits(seconds=timeouts.scaled(seconds), max_bytes=MAX_REPLY_BYTES):
            yield

    def write(self, data: bytes) -> None:
        """A command or several; their replies are still to be read."""
        with self.limits(timeouts.REPLY_S):
            self.connection.write(data)

    def read(self, *, seconds: float = timeouts.REPLY_S) -> Reply:
        """The next reply, whatever it says, complete within `seconds` before scaling."""
        reply = read_reply(self.connection, seconds=timeouts.scaled(seconds))
        if reply.code == SERVICE_CLOSING:
            self.connection.close()
        return reply

    def read_completion(self, *, seconds: float = timeouts.REPLY_S) -> Reply:
        """A reply that must be 2xx, 4xx or 5xx: 3xx means that we and the server do not speak of the same command."""
        reply = self.read(seconds=seconds)
        if 300 <= reply.code < 400:
            raise misbehaved(self.connection, "the server asked for more where nothing more is to come")
        return reply

    def exchange(self, command: bytes) -> Reply:
        """One command and its reply. Raises `ServerError` when the server spoke before it was asked."""
        self.refuse_unsolicited()
        self.write(command)
        return self.read()

    def expect(self, reply: Reply, code: int, message: str) -> None:
        """Raise the fitting error unless the reply has this code."""
        if reply.code == code:
            return
        if reply.is_positive:
            raise misbehaved(self.connection, message)
        raise refusal(reply, message)

    def refuse_unsolicited(self) -> None:
        """Before a command: a reply that nobody asked for would be taken for the answer to it (R40)."""
        if self.connection.is_closed:
            raise ConnectionLost("the connection is closed")
        if self.connection.has_data(wait_s=0):
            reply = self.read(seconds=timeouts.UNASKED_S)
            if reply.code == SERVICE_CLOSING:
                raise refusal(reply, "the mail server is closing the connection")
            raise misbehaved(self.connection, "the server sent a reply that nobody asked for")

    def refuse_early_reply(self, *, wait_s: float = 0.0) -> None:
        """Before the message is ended: what the server says now cannot be about the whole message, so it is not ended."""
        if not self.connection.has_data(wait_s=wait_s):
            return
        reply = self.read(seconds=timeouts.UNASKED_S)
        self.connection.close()
        if reply.is_positive:
            raise TemporarilyRefused("the mail server answered before the message ended", server_text=reply.text)
        raise refusal(reply, "the mail server refused the message before it ended")
