"""A conversation with a submission server (RFC 5321, RFC 6409), one explicit phase per call.

    READY --send_envelope--> ENVELOPE --start_data--> DATA --write_body--> BODY --finish_data--> READY
              ENVELOPE --reset--> READY        any --quit, close, lost connection--> CLOSED

The caller commits each phase to its row before it calls the next one (reliability R65). What an error means depends on
the phase: up to and including `write_body` the message was certainly not sent; `ConnectionLost` (with its subclasses)
out of `finish_data` means that nobody knows. It must not retry, reconnect or decide for the caller.
"""

from __future__ import annotations

import enum
import re
from contextlib import contextmanager
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from webmail.protocols.errors import BadArgument, ConnectionLost, ProtocolError, StartTlsMissing, TemporarilyRefused
from webmail.protocols.smtp import timeouts
from webmail.protocols.smtp.authentication import authenticate
from webmail.protocols.smtp.envelope import Envelope, EnvelopeResult, envelope_commands, parse_max_size
from webmail.protocols.smtp.replies import (
    MAX_REPLY_BYTES,
    SERVICE_CLOSING,
    Reply,
    make_reply,
    misbehaved,
    read_reply,
    read_reply_lines,
    refusal,
)
from webmail.protocols.smtp.wire import to_wire
from webmail.protocols.transport import Connection, Endpoint, Security, open_connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from webmail.protocols.login import Login

__all__ = ["Envelope", "EnvelopeResult", "LiveSmtpSession", "Reply", "SmtpSession", "open_session"]

_EHLO_NAME = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Za-z:.]+\]")  # RFC 5321 4.1.4: a domain or an address literal


class SmtpSession(Protocol):
    """What `sync.outgoing.deliver` needs. `LiveSmtpSession` says what each method does; a fake behaves the same."""

    @property
    def capabilities(self) -> Mapping[str, str]: ...
    @property
    def max_size(self) -> int | None: ...
    def supports(self, name: str) -> bool: ...
    def send_envelope(self, envelope: Envelope, *, size_bytes: int, body_8bit: bool) -> EnvelopeResult: ...
    def start_data(self) -> Reply: ...
    def write_body(self, raw: bytes) -> None: ...
    def finish_data(self) -> Reply: ...
    def reset(self) -> None: ...
    def quit(self) -> None: ...
    def close(self) -> None: ...


class _Phase(enum.Enum):
    READY = "ready for an envelope"
    ENVELOPE = "an envelope was sent"
    DATA = "the server waits for the message"
    BODY = "the message is written but for the dot"


def open_session(endpoint: Endpoint, login: Login | None, *, ehlo_name: str) -> LiveSmtpSession:
    """Connect, greet, begin TLS as the endpoint says, and sign in when `login` is given.

    `ehlo_name` is our own domain or address literal. With `Security.STARTTLS` nothing but EHLO and STARTTLS crosses the
    line in the clear: a server that lacks, refuses or pre-empts it ends the session (security R33).
    Raises `BadArgument`, any `ConnectionFailed`, `StartTlsMissing`, `AuthenticationRefused`, `TemporarilyRefused`,
    `PermanentlyRefused`. No message is in danger yet.
    """
    if not _EHLO_NAME.fullmatch(ehlo_name):
        raise BadArgument("our own name for the mail server is not a domain")
    connection = open_connection(endpoint, timeout_s=timeouts.scaled(timeouts.CONNECT_S))
    session = LiveSmtpSession(connection)
    try:
        session.begin(login, ehlo_name=ehlo_name)
    except BaseException:
        session.close()
        raise
    return session


class LiveSmtpSession:
    """An open SMTP connection. Made by `open_session`; as a context manager it closes without QUIT. Not for two threads.

    Calling a method in the wrong phase is a fault of ours and raises `RuntimeError` before a byte is written.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._capabilities: Mapping[str, str] = MappingProxyType({})
        self._phase = _Phase.READY
        self._accepted = 0

    # Opening --------------------------------------------------------------------------------------------------

    def begin(self, login: Login | None, *, ehlo_name: str) -> None:
        """Greeting, EHLO, STARTTLS and AUTH. Called once, by `open_session`."""
        self._expect(self._read(), 220, "the mail server does not take connections now")
        self._say_hello(ehlo_name)
        if self._connection.endpoint.security is Security.STARTTLS:
            self._begin_tls()
            self._say_hello(ehlo_name)  # RFC 3207 4.2: what was offered before TLS is forgotten
        if login is not None:
            authenticate(self._exchange_auth, login, offered=self._capabilities.get("AUTH", ""))

    def _say_hello(self, ehlo_name: str) -> None:
        self._refuse_unsolicited()
        self._connection_write(f"EHLO {ehlo_name}\r\n".encode())
        code, lines = read_reply_lines(self._connection, seconds=timeouts.scaled(timeouts.REPLY_S))
        if code == 250:
            self._capabilities = MappingProxyType(_parse_capabilities(lines[1:]))
            return
        self._capabilities = MappingProxyType({})
        reply = make_reply(code, lines)
        if reply.is_permanent:  # RFC 5321 3.2: a server too old for EHLO
            reply = self._exchange(f"HELO {ehlo_name}\r\n".encode())
        self._expect(reply, 250, "the mail server refused our greeting")

    def _begin_tls(self) -> None:
        if not self.supports("STARTTLS"):
            raise StartTlsMissing("the mail server does not offer STARTTLS")
        if self._exchange(b"STARTTLS\r\n").code != 220:
            raise StartTlsMissing("the mail server refused STARTTLS")
        with self._connection.limits(seconds=timeouts.scaled(timeouts.CONNECT_S), max_bytes=MAX_REPLY_BYTES):
            self._connection.start_tls()

    def _exchange_auth(self, line: bytes) -> Reply:
        reply = self._exchange(line + b"\r\n")
        if reply.is_positive and reply.code not in {235, 334}:
            raise misbehaved(self._connection, "the server answered AUTH with something that is no answer to it")
        return reply

    # What the server can do -----------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Mapping[str, str]:
        """EHLO keywords in upper case, each with its parameters or an empty string."""
        return self._capabilities

    @property
    def max_size(self) -> int | None:
        """The largest message the server takes, in bytes, or None when it names no limit (RFC 1870)."""
        return parse_max_size(self._capabilities)

    def supports(self, name: str) -> bool:
        """Whether EHLO offered this keyword."""
        return name.upper() in self._capabilities

    # Phases ---------------------------------------------------------------------------------------------------

    def send_envelope(self, envelope: Envelope, *, size_bytes: int, body_8bit: bool) -> EnvelopeResult:
        """MAIL and every RCPT, in one write when PIPELINING is offered (RFC 2920).

        `size_bytes`: length of the message with CRLF line ends. `body_8bit`: the message holds bytes above 127.
        Refusals come back as replies. Raises `BadArgument` or `PermanentlyRefused` before a byte is written when the
        envelope cannot be carried, and `ConnectionLost` in any form; the message was not sent in any of these cases.
        After a result without an accepted recipient call `reset` (or `quit`).
        """
        self._require(_Phase.READY)
        mail, recipients = envelope_commands(
            envelope, size_bytes=size_bytes, body_8bit=body_8bit, capabilities=self._capabilities
        )
        self._refuse_unsolicited()
        with self._limits(timeouts.ENVELOPE_S):
            if self.supports("PIPELINING"):
                self._connection_write(b"".join([mail, *recipients.values()]))
                result = self._read_envelope_replies(recipients)
            else:
                result = self._send_in_lockstep(mail, recipients)
        self._accepted = len(result.accepted)
        if result.mail_reply.is_positive:
            self._phase = _Phase.ENVELOPE
        return result

    def _read_envelope_replies(self, recipients: Mapping[str, bytes]) -> EnvelopeResult:
        mail_reply = self._read_completion()
        replies: dict[str, Reply] = {}
        for address in recipients:
            if self._connection.is_closed:  # after 421: the same holds for everybody else
                replies[address] = next(reversed(replies.values()), mail_reply)
            else:
                replies[address] = self._read_completion()
        return EnvelopeResult(mail_reply, replies if mail_reply.is_positive else {})

    def _send_in_lockstep(self, mail: bytes, recipients: Mapping[str, bytes]) -> EnvelopeResult:
        self._connection_write(mail)
        mail_reply = self._read_completion()
        replies: dict[str, Reply] = {}
        for address, command in recipients.items() if mail_reply.is_positive else ():
            if self._connection.is_closed:
                replies[address] = next(reversed(replies.values()), mail_reply)
                continue
            self._refuse_unsolicited()
            self._connection_write(command)
            replies[address] = self._read_completion()
        return EnvelopeResult(mail_reply, replies)

    def start_data(self) -> Reply:
        """DATA. A positive reply is always 354; 4xx and 5xx are returned and nothing was sent."""
        self._require(_Phase.ENVELOPE)
        if not self._accepted:
            raise RuntimeError("no recipient was accepted: reset instead")
        reply = self._exchange(b"DATA\r\n")
        if reply.code == 354:
            self._phase = _Phase.DATA
        elif reply.is_positive:
            raise misbehaved(self._connection, "the server answered DATA with something that is no answer to it")
        return reply

    def write_body(self, raw: bytes) -> None:
        """The whole message but for the final dot, in wire form (`to_wire`): it is not sent until `finish_data`.

        Raises `ConnectionLost` in any form, or `TemporarilyRefused`/`PermanentlyRefused` when the server spoke before
        its turn. In every case the message was not sent and the connection is closed.
        """
        self._require(_Phase.DATA)
        with self._limits(timeouts.BODY_S):
            for block in to_wire(raw):
                with self._limits(timeouts.BODY_BLOCK_S):
                    self._connection.write(block)
        self._refuse_early_reply()
        self._phase = _Phase.BODY

    def finish_data(self) -> Reply:
        """The final dot and its reply: positive (the server has the message), 4xx or 5xx (it has not).

        `ConnectionLost`, `DeadlineExceeded` and `ServerMisbehaved` mean that the fate of the message is unknown: treat
        it as unconfirmed (reliability R65). `TemporarilyRefused` and `PermanentlyRefused` are raised only when the
        server spoke or hung up before its turn, so that the dot was never written.
        """
        self._require(_Phase.BODY)
        try:
            self._refuse_early_reply()
        except ConnectionLost as error:
            # Known to be unsent; as ConnectionLost it would bother the user with a doubt that does not exist.
            raise TemporarilyRefused("the connection ended before the message did") from error
        with self._limits(timeouts.FINAL_DOT_S):
            self._connection.write(b".\r\n")  # write_body ended the last line
            reply = read_reply(self._connection, seconds=timeouts.scaled(timeouts.FINAL_DOT_S))
        if 300 <= reply.code < 400:
            raise misbehaved(self._connection, "the server answered the message with something that is no answer to it")
        self._phase = _Phase.READY
        return self._note_closing(reply)

    def reset(self) -> None:
        """RSET: forget the envelope. Raises `ConnectionLost` or a `ServerError`; the connection is closed then."""
        if self._phase in {_Phase.DATA, _Phase.BODY}:
            raise RuntimeError("inside a message RSET would become part of it: close instead")
        reply = self._exchange(b"RSET\r\n")
        if reply.code != 250:
            self.close()
        self._expect(reply, 250, "the mail server did not start afresh")
        self._phase = _Phase.READY

    def quit(self) -> None:
        """QUIT, briefly, and close. Never raises: what was accepted stays accepted whatever happens here (R67)."""
        try:
            if self._phase not in {_Phase.DATA, _Phase.BODY} and not self._connection.is_closed:
                with self._limits(timeouts.QUIT_S):
                    self._connection.write(b"QUIT\r\n")
                    read_reply(self._connection, seconds=timeouts.scaled(timeouts.QUIT_S))
        except ProtocolError:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Hang up without QUIT. A message whose dot was not written is dropped by the server. May be called twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # Wire -----------------------------------------------------------------------------------------------------

    def _require(self, phase: _Phase) -> None:
        if self._phase is not phase:
            raise RuntimeError(f"called when {self._phase.value}")

    @contextmanager
    def _limits(self, seconds: float) -> Iterator[None]:
        with self._connection.limits(seconds=timeouts.scaled(seconds), max_bytes=MAX_REPLY_BYTES):
            yield

    def _connection_write(self, data: bytes) -> None:
        with self._limits(timeouts.REPLY_S):
            self._connection.write(data)

    def _read(self) -> Reply:
        return self._note_closing(read_reply(self._connection, seconds=timeouts.scaled(timeouts.REPLY_S)))

    def _read_completion(self) -> Reply:
        """A reply to MAIL or RCPT: 3xx there means that the server and we do not speak of the same command (R40)."""
        reply = self._read()
        if 300 <= reply.code < 400:
            raise misbehaved(self._connection, "the server asked for more where nothing more is to come")
        return reply

    def _exchange(self, command: bytes) -> Reply:
        self._refuse_unsolicited()
        self._connection_write(command)
        return self._read()

    def _note_closing(self, reply: Reply) -> Reply:
        if reply.code == SERVICE_CLOSING:
            self.close()
        return reply

    def _expect(self, reply: Reply, code: int, message: str) -> None:
        if reply.code == code:
            return
        if reply.is_positive:
            raise misbehaved(self._connection, message)
        raise refusal(reply, message)

    def _refuse_unsolicited(self) -> None:
        """Before a command: a reply that nobody asked for would be taken for the answer to it (R40)."""
        if self._connection.is_closed:
            raise ConnectionLost("the connection is closed")
        if self._connection.has_data(wait_s=0):
            reply = self._read()
            if reply.code == SERVICE_CLOSING:
                raise refusal(reply, "the mail server is closing the connection")
            raise misbehaved(self._connection, "the server sent a reply that nobody asked for")

    def _refuse_early_reply(self) -> None:
        """Before the dot: whatever the server says now cannot be about the whole message, so the dot is not written."""
        if not self._connection.has_data(wait_s=0):
            return
        reply = self._read()
        self.close()
        if reply.is_positive:
            raise TemporarilyRefused("the mail server answered before the message ended", server_text=reply.text)
        raise refusal(reply, "the mail server refused the message before it ended")


def _parse_capabilities(lines: list[bytes]) -> dict[str, str]:
    """EHLO lines as keyword and parameters. "AUTH=LOGIN", the form of old servers, is read as "AUTH LOGIN"."""
    found: dict[str, str] = {}
    for line in lines:
        keyword, _, parameters = line.decode("ascii", "replace").strip().partition(" ")
        keyword = keyword.upper()
        if keyword.startswith("AUTH="):
            keyword, parameters = "AUTH", f"{keyword[5:]} {parameters}"
        if keyword == "AUTH" and "AUTH" in found:
            parameters = f"{found['AUTH']} {parameters}"
        if keyword:
            found[keyword] = parameters.strip()
    return found
