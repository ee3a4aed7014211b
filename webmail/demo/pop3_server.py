"""The POP3 server: RFC 1939 with CAPA, AUTH PLAIN and STLS, over the INBOX of a demo store.

Numbers and sizes are fixed at login. Marked messages are removed only when QUIT is answered, so a connection that is
cut before it deletes nothing.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from webmail.demo.hooks import Cut, Hooks
from webmail.demo.imap_structure import split_header
from webmail.demo.loopback import Listener
from webmail.demo.model import INBOX, Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from webmail.demo.store import DemoStore

MAX_LINE_BYTES = 4096
MAX_ERRORS = 20  # bad commands after which a client is sent away

DEFAULT_CAPABILITIES = ("TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "USER", "SASL PLAIN")


@dataclass(frozen=True)
class Pop3Config:
    """How a server presents itself. TOP and UIDL left out of `capabilities` are really absent."""

    capabilities: tuple[str, ...] = DEFAULT_CAPABILITIES
    has_capa: bool = True
    ssl_context: ssl.SSLContext | None = None
    is_implicit_tls: bool = False
    requires_tls: bool = False


class Refusal(Exception):
    """The command is answered with -ERR and this text."""


class Pop3Server(Listener):
    """Serves a `DemoStore` over POP3 on loopback."""

    def __init__(
        self,
        store: DemoStore,
        *,
        config: Pop3Config | None = None,
        hooks: Hooks | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(host=host, port=port)
        self.store = store
        self.config = config or Pop3Config()
        self.hooks = hooks or Hooks()

    async def start(self) -> None:
        """Bind and listen."""
        await self.listen(limit=MAX_LINE_BYTES, ssl=self.config.ssl_context if self.config.is_implicit_tls else None)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        await Connection(self, reader, writer).run()

    def unique_ids(self, uidvalidity: int, messages: list[Message]) -> list[str]:
        """The unique id of each message, in order. Stable across sessions as long as UIDVALIDITY is."""
        return [f"{uidvalidity:08x}{message.uid:08x}" for message in messages]


class Connection:
    """One client's session."""

    def __init__(self, server: Pop3Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._is_tls = server.config.is_implicit_tls
        self._user = ""
        self._account: str | None = None
        self._messages: list[Message] = []
        self._uidvalidity = 0
        self._deleted: set[int] = set()
        self._is_done = False

    async def run(self) -> None:
        """Greet and serve until QUIT, the end of the connection or a scripted cut."""
        try:
            await self._write(self._server.hooks.greeting(b"+OK Pillarbox demo server ready.\r\n"))
            errors = 0
            while not self._is_done and errors < MAX_ERRORS:
                errors += not await self._serve_command()
        except Cut as cut:
            self._writer.write(cut.data)
            if cut.reset:
                self._writer.transport.abort()
            else:
                await self._writer.drain()

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def _read_line(self) -> bytes:
        try:
            return await self._reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise Cut from None

    async def _serve_command(self) -> bool:
        line = await self._read_line()
        name, _, argument = line.strip().decode("utf-8", "surrogateescape").partition(" ")
        command = name.upper()
        instead = self._server.hooks.before(command, line)
        if instead is not None:
            await self._write(instead.untagged + (instead.status + b"\r\n" if instead.status else b""))
            return True
        try:
            answer = await self._run(command, argument)
        except Refusal as refusal:
            answer = f"-ERR {refusal}\r\n".encode()
        await self._write(self._server.hooks.outgoing(command, answer))
        return answer.startswith(b"+OK") or not answer

    async def _run(self, command: str, argument: str) -> bytes:
        signing_in = {"AUTH": self._auth, "STLS": self._start_tls}
        anywhere: dict[str, Callable[[str], bytes]] = {
            "CAPA": self._capa,
            "QUIT": self._quit,
            "USER": self._do_user,
            "PASS": self._do_pass,
        }
        transaction: dict[str, Callable[[str], bytes]] = {
            "STAT": self._stat,
            "LIST": self._list,
            "UIDL": self._uidl,
            "RETR": self._retr,
            "TOP": self._top,
            "DELE": self._dele,
            "RSET": self._rset,
            "NOOP": lambda argument: b"+OK\r\n",
        }
        if command in signing_in:
            return await signing_in[command](argument)
        if command in anywhere:
            return anywhere[command](argument)
        if command in ("TOP", "UIDL") and command not in self._server.config.capabilities:
            raise Refusal("Unknown command.")
        if command in transaction:
            if self._account is None:
                raise Refusal("Log in first.")
            return transaction[command](argument)
        raise Refusal("Unknown command.")

    # Signing in

    def _capa(self, argument: str) -> bytes:
        config = self._server.config
        if not config.has_capa:
            raise Refusal("Unknown command.")
        words = list(config.capabilities)
        if config.ssl_context is not None and not self._is_tls:
            words.append("STLS")
        return _multiline("Capability list follows", "".join(f"{word}\r\n" for word in words).encode())

    def _do_user(self, argument: str) -> bytes:
        self._refuse_plain_text()
        self._user = argument
        return b"+OK\r\n"

    def _do_pass(self, argument: str) -> bytes:
        if not self._user:
            raise Refusal("USER first.")
        return self._sign_in(self._user, argument)

    async def _auth(self, argument: str) -> bytes:
        mechanism, _, initial = argument.partition(" ")
        if "SASL PLAIN" not in self._server.config.capabilities or mechanism.upper() != "PLAIN":
            raise Refusal("Unsupported mechanism.")
        self._refuse_plain_text()
        if not initial:
            await self._write(b"+ \r\n")
            initial = (await self._read_line()).strip().decode("ascii", "replace")
        try:
            _, user, password = base64.b64decode(initial, validate=True).decode("utf-8").split("\0")
        except (binascii.Error, ValueError):
            raise Refusal("Invalid response.") from None
        return self._sign_in(user, password)

    def _refuse_plain_text(self) -> None:
        if self._account is not None:
            raise Refusal("Already logged in.")
        if self._server.config.requires_tls and not self._is_tls:
            raise Refusal("[SYS/PERM] TLS first.")

    def _sign_in(self, user: str, password: str) -> bytes:
        self._refuse_plain_text()
        store = self._server.store
        if not store.is_password(user, password):
            raise Refusal("[AUTH] Authentication failed.")
        with store.lock:
            mailbox = store.mailbox(user, INBOX)
            self._messages = list(mailbox.messages.values())
            self._uidvalidity = mailbox.uidvalidity
        self._account = user
        return b"+OK Logged in.\r\n"

    async def _start_tls(self, argument: str) -> bytes:
        context = self._server.config.ssl_context
        if context is None or self._is_tls:
            raise Refusal("TLS is not available.")
        await self._write(b"+OK Begin TLS negotiation now.\r\n")
        # Bytes sent along in the clear must not be taken for the first protected command.
        self._reader._buffer.clear()  # type: ignore[attr-defined]  # StreamReader has no public way
        await self._writer.start_tls(context)
        self._is_tls = True
        return b""

    # Messages

    def _message(self, argument: str) -> tuple[int, Message]:
        number = int(argument) if argument.isascii() and argument.isdigit() and len(argument) < 10 else 0
        if not 1 <= number <= len(self._messages) or number in self._deleted:
            raise Refusal("There is no such message.")
        return number, self._messages[number - 1]

    def _present(self) -> list[tuple[int, Message]]:
        return [(number, one) for number, one in enumerate(self._messages, 1) if number not in self._deleted]

    def _stat(self, argument: str) -> bytes:
        present = self._present()
        return f"+OK {len(present)} {sum(len(one.raw) for _, one in present)}\r\n".encode()

    def _list(self, argument: str) -> bytes:
        if argument:
            number, message = self._message(argument)
            return f"+OK {number} {len(message.raw)}\r\n".encode()
        lines = "".join(f"{number} {len(one.raw)}\r\n" for number, one in self._present())
        return _multiline(f"{len(self._present())} messages", lines.encode())

    def _uidl(self, argument: str) -> bytes:
        ids = self._server.unique_ids(self._uidvalidity, self._messages)
        if argument:
            number, _ = self._message(argument)
            return f"+OK {number} {ids[number - 1]}\r\n".encode()
        lines = "".join(f"{number} {ids[number - 1]}\r\n" for number, _ in self._present())
        return _multiline("", lines.encode())

    def _retr(self, argument: str) -> bytes:
        _, message = self._message(argument)
        return _multiline(f"{len(message.raw)} octets", message.raw)

    def _top(self, argument: str) -> bytes:
        number, _, count = argument.partition(" ")
        _, message = self._message(number)
        if not (count.isascii() and count.isdigit()):
            raise Refusal("TOP needs a number of lines.")
        header, body = split_header(message.raw)
        return _multiline("", header + b"".join(body.splitlines(keepends=True)[: int(count)]))

    def _dele(self, argument: str) -> bytes:
        number, _ = self._message(argument)
        self._deleted.add(number)
        return b"+OK Marked to be deleted.\r\n"

    def _rset(self, argument: str) -> bytes:
        self._deleted.clear()
        return b"+OK\r\n"

    def _quit(self, argument: str) -> bytes:
        self._is_done = True
        if self._account is not None and self._deleted:
            uids = [self._messages[number - 1].uid for number in sorted(self._deleted)]
            self._server.store.expunge(self._account, INBOX, uids)
        return b"+OK Logging out.\r\n"


def _multiline(text: str, content: bytes) -> bytes:
    """A multi-line answer: dot-stuffed, ended by a dot (RFC 1939 section 3)."""
    lines = content.split(b"\r\n")
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
    end = b"" if stuffed.endswith(b"\r\n") or not stuffed else b"\r\n"
    return f"+OK {text}".rstrip().encode() + b"\r\n" + stuffed + end + b".\r\n"
