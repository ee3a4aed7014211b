"""A conversation with a submission server (RFC 5321, RFC 6409), one explicit phase per call.

    READY --send_envelope--> ENVELOPE --start_data--> DATA --write_body--> BODY --finish_data--> READY
              ENVELOPE --reset--> READY        any --quit, close, lost connection--> CLOSED

The caller commits each phase to its row before it calls the next one (reliability R65). What an error means:

| raised by | what | the message was |
|---|---|---|
| anything before `finish_data` | whatever it is | certainly not sent |
| `finish_data` | `ServerError`: the server spoke or hung up before its turn | certainly not sent |
| `finish_data` | `ConnectionLost`, `DeadlineExceeded`, `ServerMisbehaved` | nobody knows |
| `reset`, `noop`, `quit`, `is_alive` afterwards | whatever it is | what `finish_data` said |

With CHUNKING the message goes by BDAT (`body`); the phases and their meaning are the same. It must not retry, reconnect
or decide for the caller.

DATA is not written together with MAIL and RCPT, although RFC 2920 3.1 allows it: the caller could not commit the answers
to RCPT before the message begins, and a server that takes DATA without a recipient would have to be sent an empty message.
"""

from __future__ import annotations

import enum
import re
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from webmail.protocols.errors import (
    BadArgument,
    PermanentlyRefused,
    ProtocolError,
    ServerError,
    StartTlsMissing,
    TemporarilyRefused,
)
from webmail.protocols.smtp import timeouts
from webmail.protocols.smtp.authentication import authenticate
from webmail.protocols.smtp.body import Body, ChunkedBody, ChunksNotTaken, DataBody
from webmail.protocols.smtp.capabilities import parse_capabilities, parse_max_size
from webmail.protocols.smtp.dialogue import Dialogue
from webmail.protocols.smtp.envelope import Envelope, EnvelopeResult, envelope_commands
from webmail.protocols.smtp.replies import MAX_REPLY_BYTES, Reply, make_reply, misbehaved, read_reply_lines, refusal
from webmail.protocols.transport import Connection, Endpoint, Security, open_connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webmail.protocols.login import Login

__all__ = ["Envelope", "EnvelopeResult", "LiveSmtpSession", "Reply", "SmtpSession", "open_session"]

_EHLO_NAME = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Za-z:.]+\]")  # RFC 5321 4.1.4: a domain or an address literal


class SmtpSession(Protocol):
    """What `sync.outgoing.deliver` needs. `LiveSmtpSession` says what each method does; a fake behaves the same."""

    @property
    def capabilities(self) -> Mapping[str, str]: ...
    @property
    def max_size(self) -> int | None: ...
    @property
    def is_closed(self) -> bool: ...
    @property
    def messages_sent(self) -> int: ...
    def is_alive(self) -> bool: ...
    def noop(self) -> None: ...
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
    BODY = "the message is written but for its end"


def open_session(endpoint: Endpoint, login: Login | None, *, ehlo_name: str, may_chunk: bool = True) -> LiveSmtpSession:
    """Connect, greet, begin TLS as the endpoint says, and sign in when `login` is given.

    `ehlo_name` is our own domain or address literal. With `Security.STARTTLS` nothing but EHLO and STARTTLS crosses the
    line in the clear: a server that lacks, refuses or pre-empts it ends the session (security R33).
    Without `may_chunk` messages go by DATA whatever the server offers.
    Raises `BadArgument`, any `ConnectionFailed`, `StartTlsMissing`, `AuthenticationRefused`, `TemporarilyRefused`,
    `PermanentlyRefused`. No message is in danger yet.
    """
    if not _EHLO_NAME.fullmatch(ehlo_name):
        raise BadArgument("our own name for the mail server is not a domain")
    connection = open_connection(endpoint, timeout_s=timeouts.scaled(timeouts.CONNECT_S))
    session = LiveSmtpSession(connection, may_chunk=may_chunk)
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

    def __init__(self, connection: Connection, *, may_chunk: bool = True) -> None:
        self._connection = connection
        self._dialogue = Dialogue(connection)
        self._capabilities: Mapping[str, str] = MappingProxyType({})
        self._phase = _Phase.READY
        self._may_chunk = may_chunk
        self._chunks_proven = False
        self._accepted: list[bytes] = []  # MAIL and the accepted RCPT, as they were written
        self._body: Body = DataBody(self._dialogue)
        self._messages_sent = 0

    # Opening --------------------------------------------------------------------------------------------------

    def begin(self, login: Login | None, *, ehlo_name: str) -> None:
        """Greeting, EHLO, STARTTLS and AUTH. Called once, by `open_session`."""
        self._dialogue.expect(self._dialogue.read(), 220, "the mail server does not take connections now")
        self._say_hello(ehlo_name)
        if self._connection.endpoint.security is Security.STARTTLS:
            self._begin_tls()
            self._say_hello(ehlo_name)  # RFC 3207 4.2: what was offered before TLS is forgotten
        if login is None:
            return
        if self.supports("STARTTLS") and not self.supports("AUTH"):  # after TLS no server offers STARTTLS
            raise PermanentlyRefused("the mail server lets nobody sign in without encryption", code="5.7.11")
        authenticate(self._exchange_auth, login, offered=self._capabilities.get("AUTH", ""))

    def _say_hello(self, ehlo_name: str) -> None:
        self._dialogue.refuse_unsolicited()
        self._dialogue.write(f"EHLO {ehlo_name}\r\n".encode())
        code, lines = read_reply_lines(self._connection, seconds=timeouts.scaled(timeouts.REPLY_S))
        if code == 250:
            self._capabilities = MappingProxyType(parse_capabilities(lines[1:]))
            return
        self._capabilities = MappingProxyType({})
        reply = make_reply(code, lines)
        if reply.is_permanent:  # RFC 5321 3.2: a server too old for EHLO
            reply = self._dialogue.exchange(f"HELO {ehlo_name}\r\n".encode())
        self._dialogue.expect(reply, 250, "the mail server refused our greeting")

    def _begin_tls(self) -> None:
        if not self.supports("STARTTLS"):
            raise StartTlsMissing("the mail server does not offer STARTTLS")
        if self._dialogue.exchange(b"STARTTLS\r\n").code != 220:
            raise StartTlsMissing("the mail server refused STARTTLS")
        with self._connection.limits(seconds=timeouts.scaled(timeouts.CONNECT_S), max_bytes=MAX_REPLY_BYTES):
            self._connection.start_tls()

    def _exchange_auth(self, line: bytes) -> Reply:
        reply = self._dialogue.exchange(line + b"\r\n")
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
        """Whether EHLO listed `name` (any case)."""
        return name.upper() in self._capabilities

    @property
    def uses_chunks(self) -> bool:
        """Whether the next message goes by BDAT. It becomes False when the server offers CHUNKING and refuses BDAT."""
        return self._may_chunk and self.supports("CHUNKING")

    # Between messages: what a pool asks -----------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        """Whether we know that the connection has ended. See `is_alive` for one that has been idle."""
        return self._connection.is_closed

    @property
    def messages_sent(self) -> int:
        """Messages the server has accepted on this session. Some servers allow few for each connection."""
        return self._messages_sent

    def is_alive(self) -> bool:
        """Whether an idle session can be used, without a round trip: False, and closed, when the server has hung up or
        said something meanwhile, such as 421 for having waited too long. Never raises a `ProtocolError`."""
        if self._phase is not _Phase.READY or self._connection.is_closed:
            return False
        try:
            is_quiet = not self._connection.has_data(wait_s=0)
        except ProtocolError:
            is_quiet = False
        if not is_quiet:
            self.close()
        return is_quiet

    def noop(self) -> None:
        """NOOP: keep the session awake. Raises `ConnectionLost` or a `ServerError`; the connection is closed then."""
        self._require(_Phase.READY)
        self._expect_250(b"NOOP\r\n", "the mail server does not go on")

    # A message ------------------------------------------------------------------------------------------------

    def send_envelope(self, envelope: Envelope, *, size_bytes: int, body_8bit: bool) -> EnvelopeResult:
        """MAIL and every RCPT, in one write when PIPELINING is offered (RFC 2920).

        `size_bytes`: length of the message with CRLF line ends. `body_8bit`: the message holds bytes above 127.
        Refusals come back as replies. Raises `BadArgument` or `PermanentlyRefused` before a byte is written when the
        envelope cannot be carried, `ConnectionLost` in any form, and `TemporarilyRefused` when the server said goodbye
        before it was asked, after which the session is closed. The message was not sent in any of these cases.
        After a result without an accepted recipient call `reset` (or `quit`).
        """
        self._require(_Phase.READY)
        mail, recipients = envelope_commands(
            envelope,
            size_bytes=size_bytes,
            body_8bit=body_8bit,
            capabilities=self._capabilities,
            is_tls=self._connection.is_tls,
        )
        if self._body.needs_reset:
            self.reset()
        self._dialogue.refuse_unsolicited()
        with self._dialogue.limits(timeouts.ENVELOPE_S):
            result = self._write_envelope(mail, recipients)
        self._accepted = [mail, *(recipients[address] for address in result.accepted)]
        if result.mail_reply.is_positive:
            self._phase = _Phase.ENVELOPE
        return result

    def _write_envelope(self, mail: bytes, recipients: Mapping[str, bytes]) -> EnvelopeResult:
        if not self.supports("PIPELINING"):
            return self._send_in_lockstep(mail, recipients)
        self._dialogue.write(b"".join([mail, *recipients.values()]))
        return self._read_envelope_replies(recipients)

    def _read_envelope_replies(self, recipients: Mapping[str, bytes]) -> EnvelopeResult:
        mail_reply = self._dialogue.read_completion()
        replies: dict[str, Reply] = {}
        for address in recipients:
            if self._connection.is_closed:  # after 421: the same holds for everybody else
                replies[address] = next(reversed(replies.values()), mail_reply)
            else:
                replies[address] = self._dialogue.read_completion()
        return EnvelopeResult(mail_reply, replies if mail_reply.is_positive else {})

    def _send_in_lockstep(self, mail: bytes, recipients: Mapping[str, bytes]) -> EnvelopeResult:
        self._dialogue.write(mail)
        mail_reply = self._dialogue.read_completion()
        replies: dict[str, Reply] = {}
        for address, command in recipients.items() if mail_reply.is_positive else ():
            if self._connection.is_closed:
                replies[address] = next(reversed(replies.values()), mail_reply)
                continue
            self._dialogue.refuse_unsolicited()
            self._dialogue.write(command)
            replies[address] = self._dialogue.read_completion()
        return EnvelopeResult(mail_reply, replies)

    def start_data(self) -> Reply:
        """Begin the message. A positive reply is always 354; 4xx and 5xx are returned and nothing was sent.

        With BDAT nothing is written and the reply is our own: the server has its say on the first chunk.
        """
        self._require(_Phase.ENVELOPE)
        if len(self._accepted) < 2:
            raise RuntimeError("no recipient was accepted: reset instead")
        self._body = self._new_body()
        reply = self._body.start()
        if reply.is_positive:
            self._phase = _Phase.DATA
        return reply

    def _new_body(self) -> Body:
        if not self.uses_chunks:
            return DataBody(self._dialogue)
        return ChunkedBody(self._dialogue, is_proven=self._chunks_proven, is_pipelining=self.supports("PIPELINING"))

    def write_body(self, raw: bytes) -> None:
        """The whole message but for what ends it, the dot or the last chunk: it is not sent until `finish_data`.

        A server that offers CHUNKING and does not know BDAT is given the envelope again and the message by DATA.
        Raises `ConnectionLost` in any form, or `TemporarilyRefused`/`PermanentlyRefused` when the server spoke before
        its turn or refused a chunk. In every case the message was not sent and the connection is closed.
        """
        self._require(_Phase.DATA)
        try:
            self._body.write(raw)
            self._chunks_proven = isinstance(self._body, ChunkedBody)
        except ChunksNotTaken as found:
            self._body = DataBody(self._dialogue)
            self._begin_with_data(found.reply)
            self._body.write(raw)
        self._phase = _Phase.BODY

    def _begin_with_data(self, chunk_refused: Reply | None) -> None:
        if chunk_refused is not None:
            self._may_chunk = False
            self._repeat_envelope()
        reply = self._body.start()
        if not reply.is_positive:
            self.close()
            raise refusal(reply, "the mail server refused the message")

    def _repeat_envelope(self) -> None:
        """RSET, MAIL and the accepted RCPT after a chunk that was not understood.

        RSET is said twice if need be: the piece of a line that the server may have kept spoils the first one. A refusal
        now is for another day, when the server may answer as it did at first; it says nothing of the message.
        """
        try:
            if self._dialogue.exchange(b"RSET\r\n").code != 250:
                self._expect_250(b"RSET\r\n", "the mail server did not start afresh")
            with self._dialogue.limits(timeouts.ENVELOPE_S):
                for command in self._accepted:
                    self._dialogue.write(command)
                    reply = self._dialogue.read_completion()
                    if not reply.is_positive:
                        raise refusal(reply, "the mail server refused to begin again")
        except ServerError as error:
            self.close()
            raise TemporarilyRefused("the mail server offered to take the message in chunks and did not") from error

    def finish_data(self) -> Reply:
        """What ends the message, and the answer: positive (the server has the message), 4xx or 5xx (it has not).

        `ConnectionLost`, `DeadlineExceeded` and `ServerMisbehaved` mean that the fate of the message is unknown: treat
        it as unconfirmed (reliability R65). `TemporarilyRefused` and `PermanentlyRefused` are raised only when the
        server spoke or hung up before its turn, so that the end was never written.
        """
        self._require(_Phase.BODY)
        reply = self._body.finish()
        self._phase = _Phase.READY
        self._messages_sent += reply.is_positive
        return reply

    def reset(self) -> None:
        """RSET: forget the envelope. Raises `ConnectionLost` or a `ServerError`; the connection is closed then."""
        if self._phase in {_Phase.DATA, _Phase.BODY}:
            raise RuntimeError("inside a message RSET would become part of it: close instead")
        self._expect_250(b"RSET\r\n", "the mail server did not start afresh")
        self._body = DataBody(self._dialogue)
        self._phase = _Phase.READY

    def quit(self) -> None:
        """QUIT, briefly, and close. Never raises: what was accepted stays accepted whatever happens here (R67)."""
        try:
            if self._phase not in {_Phase.DATA, _Phase.BODY} and not self._connection.is_closed:
                with self._dialogue.limits(timeouts.QUIT_S):
                    self._connection.write(b"QUIT\r\n")
                    self._dialogue.read(seconds=timeouts.QUIT_S)
        except ProtocolError:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Hang up without QUIT. A message that was not ended is dropped by the server. May be called twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _require(self, phase: _Phase) -> None:
        if self._phase is not phase:
            raise RuntimeError(f"called when {self._phase.value}")

    def _expect_250(self, command: bytes, message: str) -> None:
        """A command that has nothing to say but 250. Anything else closes the connection and is raised."""
        try:
            self._dialogue.expect(self._dialogue.exchange(command), 250, message)
        except ProtocolError:
            self.close()
            raise
