"""A conversation with a POP3 server (RFC 1939, RFC 2449, RFC 2595, RFC 5034).

Message numbers hold for one session; deletions count only when QUIT was answered +OK (reliability R85, sync Y90), so
everything but `quit` ends the connection without it. It must not decide what to fetch or delete.
"""

from __future__ import annotations

import base64
from collections import deque
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Protocol, Self

from webmail.protocols.errors import (
    BadArgument,
    PermanentlyRefused,
    ProtocolError,
    ServerMisbehaved,
    StartTlsMissing,
    TemporarilyRefused,
)
from webmail.protocols.guard import refuse_line_breaks
from webmail.protocols.login import XOAUTH2, Login, sasl_plain, sasl_xoauth2
from webmail.protocols.pop3 import timeouts
from webmail.protocols.pop3.listing import Maildrop, UidlEntry, parse_capabilities, parse_sizes, parse_uidls
from webmail.protocols.pop3.replies import ReplyReader, Status, login_refusal, refusal
from webmail.protocols.transport import READ_CHUNK_BYTES, Connection, Endpoint, Security, open_connection

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from types import TracebackType

__all__ = ["LivePop3Session", "Maildrop", "Pop3Session", "UidlEntry", "open_session"]

MAX_CAPA_BYTES = 65_536
MAX_LISTING_BYTES = 33_554_432  # UIDL of 400,000 messages
MAX_TOP_BYTES = 16_777_216  # a server that ignores the line count may send a whole message
MAX_IN_FLIGHT = 32  # RETR commands before the first answer is read (sync Y89)
SLACK_BYTES = 65_536  # sizes in LIST are estimates on some servers

_MAX_INITIAL_RESPONSE = 255  # RFC 5034 4: a longer AUTH command is sent in two steps
_MAX_SASL_STEPS = 3


class Pop3Session(Protocol):
    """What `sync.maildrop.pop3` needs. `LivePop3Session` says what each method does; a fake behaves the same."""

    @property
    def capabilities(self) -> frozenset[str]: ...
    @property
    def login_delay_s(self) -> int | None: ...
    @property
    def expire_days(self) -> int | None: ...
    @property
    def bytes_read(self) -> int: ...
    @property
    def bytes_written(self) -> int: ...
    def supports(self, name: str) -> bool: ...
    def stat(self) -> tuple[int, int]: ...
    def maildrop(self) -> Maildrop: ...
    def uidls(self) -> list[UidlEntry] | None: ...
    def sizes(self) -> dict[int, int]: ...
    def top(self, number: int, lines: int) -> bytes | None: ...
    def headers(self, numbers: Sequence[int]) -> dict[int, bytes] | None: ...
    def retrieve(self, number: int, *, max_bytes: int) -> bytes: ...
    def retrieve_many(self, numbers: Sequence[int], *, max_bytes: int) -> Iterator[tuple[int, bytes]]: ...
    def delete(self, number: int) -> None: ...
    def delete_many(self, numbers: Sequence[int]) -> list[int]: ...
    def quit(self) -> bool: ...
    def close(self) -> None: ...


def open_session(endpoint: Endpoint, login: Login) -> LivePop3Session:
    """Connect, begin TLS as the endpoint says, and sign in.

    With `Security.STARTTLS` nothing but CAPA and STLS crosses the line in the clear: a server that lacks, refuses or
    pre-empts STLS ends the session (security R33).
    Raises any `ConnectionFailed`, `StartTlsMissing`, `AuthenticationRefused`, `TemporarilyRefused` ([IN-USE],
    [LOGIN-DELAY], [SYS/TEMP]) and `PermanentlyRefused`.
    """
    connection = open_connection(endpoint, timeout_s=timeouts.scaled(timeouts.CONNECT_S))
    session = LivePop3Session(connection)
    try:
        session.begin(login)
    except BaseException:
        session.close()
        raise
    return session


class LivePop3Session:
    """An open, signed-in connection. Made by `open_session`; as a context manager it closes without QUIT.

    Every method raises `ConnectionLost` in any form when the connection ends, and a `ServerError` for -ERR unless it
    says otherwise. Not for two threads.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reader = ReplyReader(connection)
        self._capabilities: frozenset[str] = frozenset()
        self._in_flight: deque[int] = deque()

    # Opening --------------------------------------------------------------------------------------------------

    def begin(self, login: Login) -> None:
        """Greeting, CAPA, STLS and sign-in. Called once, by `open_session`."""
        with self._limits(MAX_CAPA_BYTES):
            greeting = self._reader.read_status()
        if not greeting.is_ok:
            raise login_refusal(greeting, has_auth_codes=True)  # nobody has named a user yet
        self._read_capabilities()
        if self._connection.endpoint.security is Security.STARTTLS:
            self._begin_tls()
            self._read_capabilities()  # RFC 2595 4: what was offered before TLS is forgotten
        if login.mechanism == XOAUTH2:
            self._authenticate("XOAUTH2", sasl_xoauth2(login))
        elif self.supports("SASL=PLAIN"):
            self._authenticate("PLAIN", sasl_plain(login))
        else:
            self._give_user_and_password(login)

    def _read_capabilities(self) -> None:
        status, block = self._ask_block("CAPA", max_bytes=MAX_CAPA_BYTES)
        self._capabilities = parse_capabilities(block) if status.is_ok else frozenset()

    def _begin_tls(self) -> None:
        if not self.supports("STLS"):
            raise StartTlsMissing("the mail server does not offer STLS")
        if not self._ask("STLS").is_ok:
            raise StartTlsMissing("the mail server refused STLS")
        if self._reader.has_unread:
            raise StartTlsMissing("the server sent data before the encryption began")
        with self._limits(MAX_CAPA_BYTES, seconds=timeouts.CONNECT_S):
            self._connection.start_tls()

    def _authenticate(self, mechanism: str, message: bytes) -> None:
        if not self.supports(f"SASL={mechanism}"):
            raise PermanentlyRefused("the mail server does not offer sign-in with a token")
        encoded = base64.b64encode(message).decode()
        command = f"AUTH {mechanism} {encoded}"
        # What to say to each challenge; after a refused token an empty line asks for the final -ERR.
        answers = deque([""])
        if len(command) + 2 > _MAX_INITIAL_RESPONSE:
            command = f"AUTH {mechanism}"
            answers.appendleft(encoded)
        status = self._ask(command)
        for _ in range(_MAX_SASL_STEPS):
            if status.sign != "+":
                break
            status = self._ask(answers.popleft() if answers else "*")  # RFC 5034 4: "*" cancels
        self._require_login(status)

    def _give_user_and_password(self, login: Login) -> None:
        status = self._ask(f"USER {login.username}")
        if status.is_ok:
            status = self._ask(f"PASS {login.password}")
        self._require_login(status)

    def _require_login(self, status: Status) -> None:
        if status.sign == "+":
            raise self._misbehaved("the server never came to an end of the sign-in")
        if not status.is_ok:
            raise login_refusal(status, has_auth_codes=self.supports("AUTH-RESP-CODE"))

    # What the server can do -----------------------------------------------------------------------------------

    @property
    def capabilities(self) -> frozenset[str]:
        """CAPA as offered before sign-in: "TOP", "SASL", "SASL=PLAIN"... Empty when the server knows no CAPA."""
        return self._capabilities

    @property
    def login_delay_s(self) -> int | None:
        """The least time between two sessions, in seconds, or None when the server names none (RFC 2449 6.5)."""
        prefix = "LOGIN-DELAY="
        found = [name.removeprefix(prefix) for name in self._capabilities if name.startswith(prefix)]
        return max((int(value) for value in found if value.isdecimal() and len(value) < 10), default=None)

    @property
    def expire_days(self) -> int | None:
        """After how many days the server deletes mail by itself, or None when it says never or nothing (RFC 2449 6.7).

        0 means that mail may not be left there at all. "USER" behind the number, "it depends", counts as the number.
        """
        prefix = "EXPIRE="
        found = [name.removeprefix(prefix) for name in self._capabilities if name.startswith(prefix)]
        return min((int(value) for value in found if value.isdecimal() and len(value) < 10), default=None)

    @property
    def bytes_read(self) -> int:
        """Bytes that came over the line, TLS not counted."""
        return self._connection.bytes_read

    @property
    def bytes_written(self) -> int:
        """Bytes that were sent, TLS not counted."""
        return self._connection.bytes_written

    def supports(self, name: str) -> bool:
        """Whether CAPA offered this keyword, or this "KEYWORD=ARGUMENT"."""
        return name.upper() in self._capabilities

    # Reading --------------------------------------------------------------------------------------------------

    def stat(self) -> tuple[int, int]:
        """Number of messages and their size together in octets."""
        return self._count(self._ask("STAT"))

    def _count(self, status: Status) -> tuple[int, int]:
        words = self._require_ok(status, "the mail server did not count its messages").text.split()
        if len(words) < 2 or not all(word.isdigit() and len(word) < 19 for word in words[:2]):
            raise self._misbehaved("the server answered STAT with something that is no count")
        return int(words[0]), int(words[1])

    def maildrop(self) -> Maildrop:
        """STAT, LIST and UIDL, in one round trip where PIPELINING is offered. Raises as each of them does."""
        if not self.supports("PIPELINING"):
            return Maildrop(self.stat()[0], self.sizes(), self.uidls())
        self._require_idle()
        self._send("STAT\r\nLIST\r\nUIDL\r\n")
        with self._limits(0):
            counted = self._reader.read_status()
        listed, sizes = self._read_block(max_bytes=MAX_LISTING_BYTES)
        named, names = self._read_block(max_bytes=MAX_LISTING_BYTES)
        self._require_ok(listed, "the mail server did not list its messages")
        uidls = parse_uidls(names) if self._is_offered(named) else None
        return Maildrop(self._count(counted)[0], parse_sizes(sizes), uidls)

    def uidls(self) -> list[UidlEntry] | None:
        """Every message with its lasting name, or None when the server has none. Doubles and gaps are as the server
        sent them. Raises `TemporarilyRefused` rather than None when the server says that it is in trouble."""
        status, block = self._ask_block("UIDL", max_bytes=MAX_LISTING_BYTES)
        return parse_uidls(block) if self._is_offered(status) else None

    def sizes(self) -> dict[int, int]:
        """Message number to size in octets, as the server counts."""
        status, block = self._ask_block("LIST", max_bytes=MAX_LISTING_BYTES)
        self._require_ok(status, "the mail server did not list its messages")
        return parse_sizes(block)

    def top(self, number: int, lines: int) -> bytes | None:
        """The header, the blank line and so many lines of the body, or None when the server refuses TOP."""
        if lines < 0:
            raise BadArgument("a number of lines is not negative")
        status, block = self._ask_block(f"TOP {_checked(number)} {lines}", max_bytes=MAX_TOP_BYTES)
        return block if self._is_offered(status) else None

    def headers(self, numbers: Sequence[int]) -> dict[int, bytes] | None:
        """Number to header block, by TOP, asking ahead where PIPELINING is offered; refused ones are left out. None when the
        server has no TOP: it refuses the first one, whatever that one is."""
        found: dict[int, bytes] = {}
        first, rest = numbers[:1], numbers[1:]
        for number in first:
            block = self.top(number, 0)
            if block is not None:
                found[number] = block
            elif not self.supports("TOP"):
                return None
        commands = [(number, f"TOP {_checked(number)} 0") for number in rest]
        answers = self._ask_ahead(commands, max_bytes=MAX_TOP_BYTES)
        return found | {number: block for number, status, block in answers if self._is_offered(status)}

    def retrieve(self, number: int, *, max_bytes: int) -> bytes:
        """The whole message, dots single, CRLF line ends as sent.

        `max_bytes` is the largest message wanted, in bytes; a server that sends clearly more is cut off with
        `ServerMisbehaved` before the memory grows. Look at `sizes` first.
        """
        status, block = self._ask_block(f"RETR {_checked(number)}", max_bytes=_wire_limit(max_bytes))
        self._require_ok(status, "the mail server did not hand out the message")
        return block

    def retrieve_many(self, numbers: Sequence[int], *, max_bytes: int) -> Iterator[tuple[int, bytes]]:
        """Number and message for each of `numbers`, in order, asking ahead where PIPELINING is offered (sync Y89).

        A message that the server refuses is left out; its trouble ([SYS/TEMP]) is raised. Until the iterator is used up
        no other command may be given. Leaving it early closes the connection, since answers are still on their way.
        """
        self._require_idle()
        limit = _wire_limit(max_bytes)
        return self._stream_messages([(number, f"RETR {_checked(number)}") for number in numbers], max_bytes=limit)

    def _stream_messages(self, commands: list[tuple[int, str]], *, max_bytes: int) -> Iterator[tuple[int, bytes]]:
        with closing(self._ask_ahead(commands, max_bytes=max_bytes)) as answers:
            for number, status, block in answers:
                if self._is_offered(status):
                    yield number, block

    def _ask_ahead(
        self, commands: Sequence[tuple[int, str]], *, max_bytes: int, has_block: bool = True
    ) -> Generator[tuple[int, Status, bytes]]:
        """Number, status and block of each command, in order, up to `MAX_IN_FLIGHT` of them under way at once."""
        self._require_idle()
        depth = MAX_IN_FLIGHT if self.supports("PIPELINING") else 1
        waiting = deque(commands)
        try:
            while waiting or self._in_flight:
                if len(self._in_flight) <= depth // 2:  # refilled by halves: fewer, fuller packets
                    batch = [waiting.popleft() for _ in range(min(len(waiting), depth - len(self._in_flight)))]
                    self._in_flight.extend(number for number, _ in batch)
                    self._send("".join(f"{command}\r\n" for _, command in batch))
                status, block = self._read_block(max_bytes=max_bytes, has_block=has_block)
                yield self._in_flight.popleft(), status, block
        finally:
            if self._in_flight:
                self._in_flight.clear()
                self.close()

    # Changing -------------------------------------------------------------------------------------------------

    def delete(self, number: int) -> None:
        """Mark a message. It is deleted only when `quit` returns True."""
        self._require_ok(self._ask(f"DELE {_checked(number)}"), "the mail server did not delete the message")

    def delete_many(self, numbers: Sequence[int]) -> list[int]:
        """Mark messages, asking ahead where PIPELINING is offered. Returns those that the server marked."""
        commands = [(number, f"DELE {_checked(number)}") for number in numbers]
        answers = self._ask_ahead(commands, max_bytes=0, has_block=False)
        return [number for number, status, _ in answers if self._is_offered(status)]

    def quit(self) -> bool:
        """QUIT and close. True only when the server said +OK: then, and only then, the marked messages are deleted."""
        try:
            return not self._in_flight and self._ask("QUIT").is_ok
        except ProtocolError:
            return False
        finally:
            self.close()

    def close(self) -> None:
        """Hang up without QUIT: nothing is deleted. May be called twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # Wire -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _limits(self, max_bytes: int, *, seconds: float = timeouts.COMMAND_S) -> Iterator[None]:
        # One chunk more: with pipelining the next answer arrives in the same packet.
        with self._connection.limits(seconds=timeouts.scaled(seconds), max_bytes=max_bytes + 2 * READ_CHUNK_BYTES):
            yield

    def _require_idle(self) -> None:
        if self._in_flight:
            raise RuntimeError("answers to retrieve_many are still on their way")

    def _send(self, commands: str) -> None:
        with self._limits(0):
            self._connection.write(commands.encode())

    def _ask(self, command: str) -> Status:
        self._require_idle()
        refuse_line_breaks(command, what="a command")
        with self._limits(0):
            self._connection.write(f"{command}\r\n".encode())
            return self._reader.read_status()

    def _read_block(self, *, max_bytes: int, has_block: bool = True) -> tuple[Status, bytes]:
        here = self._reader.answer_here(max_bytes=max_bytes) if has_block else None
        if here is not None:
            return here
        with self._limits(max_bytes):
            if not has_block:
                return self._reader.read_status(), b""
            return self._reader.read_answer(max_bytes=max_bytes)

    def _ask_block(self, command: str, *, max_bytes: int) -> tuple[Status, bytes]:
        self._require_idle()
        with self._limits(max_bytes):
            self._connection.write(f"{command}\r\n".encode())
            return self._read_block(max_bytes=max_bytes)

    def _require_ok(self, status: Status, message: str) -> Status:
        if status.sign == "+":
            raise self._misbehaved("the server sent a challenge where nothing was to be signed")
        if not status.is_ok:
            raise refusal(status, message)
        return status

    def _is_offered(self, status: Status) -> bool:
        """Whether a command that a server may lack was carried out. Trouble of the server is raised, not taken for a no."""
        if status.is_ok:
            return True
        error = refusal(status, "the mail server could not answer")
        if isinstance(error, TemporarilyRefused):
            raise error
        return False

    def _misbehaved(self, message: str) -> ServerMisbehaved:
        self.close()
        return ServerMisbehaved(message)


def _checked(number: int) -> int:
    if number < 1:
        raise BadArgument("a message number is at least 1")
    return number


def _wire_limit(max_bytes: int) -> int:
    """The cap on the wire for a message of `max_bytes`: doubling the dot of a line that is nothing but a dot adds a third.

    A cap below it would let a sender write a message that can never be fetched.
    """
    if max_bytes < 1:
        raise BadArgument("a cap of bytes is positive")
    return max_bytes + max_bytes // 3 + SLACK_BYTES
