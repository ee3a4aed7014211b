"""A recording SMTP sink: the judge of what was really sent. It stores wire bytes and envelope, and fails by script.

    with RecordingSmtpSink() as sink:
        sink.reply("RCPT", b"450 4.2.1 later", when=b"bob@")
        sink.cut_after_dot()
    assert [one.recipients for one in sink.messages] == [("bob@example.org",)]

Phases: CONNECT, EHLO, HELO, STARTTLS, AUTH, MAIL, RCPT, DATA, BDAT, DOT, RSET, NOOP, QUIT. What ends a message is DOT,
whether a dot or BDAT LAST; BDAT is a chunk before the last. A script's `when` is looked for in the command line, at BDAT in
the line and its octets, at DOT in the whole content.

CHUNKING, DSN, REQUIRETLS and FUTURERELEASE are offered when asked for: `extensions=(*DEFAULT_EXTENSIONS, "CHUNKING")`, or
`ALL_EXTENSIONS`. Parameters are recorded, not obeyed.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from webmail.demo.loopback import Listener, ServerThread

DEFAULT_EXTENSIONS = ("SIZE 33554432", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "PIPELINING", "AUTH PLAIN LOGIN")
ALL_EXTENSIONS = (*DEFAULT_EXTENSIONS, "CHUNKING", "DSN", "REQUIRETLS", "FUTURERELEASE 2592000 2099-01-01T00:00:00Z")
LINE_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Received:
    """One accepted message. `wire` is the content as it was sent: by DATA dot-stuffed and with the final dot line, by BDAT
    the octets of all `chunks`."""

    sender: str
    recipients: tuple[str, ...]
    wire: bytes
    mail_parameters: str
    authenticated_as: str | None
    is_tls: bool
    recipient_parameters: dict[str, str] = field(default_factory=dict)
    chunks: tuple[int, ...] = ()  # octets of each BDAT; none for DATA

    @property
    def content(self) -> bytes:
        """The message itself: without the final dot, and unstuffed."""
        if self.chunks:
            return self.wire
        return re.sub(rb"(?m)^\.", b"", self.wire.removesuffix(b".\r\n"))


@dataclass
class Script:
    """What happens in a phase: a reply instead of the usual one, a cut before or after replying, a wait before it."""

    phase: str
    reply: bytes | None = None
    cut: bool = False
    reset: bool = False
    delay_s: float = 0.0
    keeps_message: bool | None = None
    when: bytes = b""
    times: int | None = 1


@dataclass
class _Transaction:
    sender: str = ""
    mail_parameters: str = ""
    recipients: list[str] = field(default_factory=list)
    recipient_parameters: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    is_refused: bool = False  # a chunk was: nothing but RSET helps (RFC 3030 2)


class _Cut(Exception):
    pass


class _Sink(Listener):
    def __init__(self, owner: RecordingSmtpSink) -> None:
        super().__init__()
        self.owner = owner

    async def start(self) -> None:
        tls = self.owner.ssl_context if self.owner.is_implicit_tls else None
        await self.listen(limit=LINE_LIMIT_BYTES, ssl=tls)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Dialogue(self.owner, reader, writer).run()
        except _Cut:
            return


class _Dialogue:
    """One client."""

    def __init__(self, sink: RecordingSmtpSink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sink = sink
        self.reader = reader
        self.writer = writer
        self.user: str | None = None
        self.is_tls = sink.is_implicit_tls
        self.transaction: _Transaction | None = None

    async def run(self) -> None:
        await self.answer("CONNECT", b"", b"220 sink.pillarbox.test ESMTP")
        while line := await self.reader.readline():
            with self.sink.lock:
                self.sink.commands.append(line)
            verb, _, argument = line.strip().decode("utf-8", "surrogateescape").partition(" ")
            handler = getattr(self, f"do_{verb.lower()}", None)
            if handler is None:
                await self.send(b"502 5.5.2 unknown command")
            else:
                await handler(line, argument)
            if verb.upper() == "QUIT":
                return

    async def send(self, reply: bytes) -> None:
        self.writer.write(reply.replace(b"\n", b"\r\n") + b"\r\n")
        await self.writer.drain()

    async def answer(self, phase: str, line: bytes, default: bytes) -> bool:
        """Send what the script says or else the default; True when it was a 2xx or 3xx."""
        script = self.sink.take(phase, line)
        return await self.play(script, default)

    async def play(self, script: Script | None, default: bytes) -> bool:
        if script is None:
            await self.send(default)
            return default[:1] in b"23"
        if script.delay_s:
            await asyncio.sleep(script.delay_s)
        reply = script.reply if script.reply is not None else default
        if script.reply is not None or not script.cut:
            await self.send(reply)
        if script.cut:
            if script.reset:
                self.writer.transport.abort()
            raise _Cut
        return reply[:1] in b"23"

    async def do_ehlo(self, line: bytes, argument: str) -> None:
        words = ["sink.pillarbox.test", *self.sink.extensions]
        if self.sink.ssl_context is not None and not self.is_tls:
            words.append("STARTTLS")
        rows = [f"250{'-' if number < len(words) - 1 else ' '}{word}" for number, word in enumerate(words)]
        self.transaction = None
        await self.answer("EHLO", line, "\n".join(rows).encode())

    async def do_helo(self, line: bytes, argument: str) -> None:
        self.transaction = None
        await self.answer("HELO", line, b"250 sink.pillarbox.test")

    async def do_starttls(self, line: bytes, argument: str) -> None:
        if self.sink.ssl_context is None or self.is_tls:
            await self.answer("STARTTLS", line, b"454 4.7.0 TLS is not available")
        elif await self.answer("STARTTLS", line, b"220 2.0.0 go ahead"):
            self.reader._buffer.clear()  # type: ignore[attr-defined]
            await self.writer.start_tls(self.sink.ssl_context)
            self.is_tls = True

    async def do_auth(self, line: bytes, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        try:
            if mechanism.upper() == "PLAIN":
                _, user, password = base64.b64decode(initial or await self.challenge("")).decode().split("\0")
            elif mechanism.upper() == "LOGIN":
                user = base64.b64decode(initial or await self.challenge("VXNlcm5hbWU6")).decode()
                password = base64.b64decode(await self.challenge("UGFzc3dvcmQ6")).decode()
            else:
                await self.send(b"504 5.5.4 unknown mechanism")
                return
        except (binascii.Error, ValueError):
            await self.send(b"501 5.5.2 cannot decode")
            return
        is_right = (user, password) == (self.sink.user, self.sink.password)
        default = b"235 2.7.0 welcome" if is_right else b"535 5.7.8 wrong user or password"
        if await self.answer("AUTH", line, default):
            self.user = user

    async def challenge(self, text: str) -> str:
        await self.send(f"334 {text}".encode())
        return (await self.reader.readline()).strip().decode("ascii", "replace")

    async def do_mail(self, line: bytes, argument: str) -> None:
        match = re.match(r"FROM:\s*<([^>]*)>\s*(.*)", argument, re.IGNORECASE)
        default = b"250 2.1.0 ok"
        if match is None:
            default = b"501 5.5.4 syntax"
        elif self.sink.requires_auth and self.user is None:
            default = b"530 5.7.0 authentication required"
        elif self.transaction is not None:
            default = b"503 5.5.1 nested MAIL"
        if await self.answer("MAIL", line, default) and match is not None:
            self.transaction = _Transaction(match[1], match[2])

    async def do_rcpt(self, line: bytes, argument: str) -> None:
        match = re.match(r"TO:\s*<([^>]+)>\s*(.*)", argument, re.IGNORECASE)
        is_ready = match is not None and self.transaction is not None
        accepted = await self.answer("RCPT", line, b"250 2.1.5 ok" if is_ready else b"503 5.5.1 MAIL first")
        if accepted and match is not None and self.transaction is not None:
            self.transaction.recipients.append(match[1])
            self.transaction.recipient_parameters[match[1]] = match[2]

    async def do_data(self, line: bytes, argument: str) -> None:
        is_ready = self.transaction is not None and bool(self.transaction.recipients)
        default = b"354 end with a dot" if is_ready else b"554 5.5.1 no valid recipients"
        if not await self.answer("DATA", line, default) or self.transaction is None:
            return
        wire = bytearray()
        while (row := await self.reader.readline()) != b".\r\n":
            wire += row
            if not row:
                raise _Cut  # cut inside of the message: nothing was received
        wire += b".\r\n"
        await self.take_message(bytes(wire))

    async def do_bdat(self, line: bytes, argument: str) -> None:
        match = re.fullmatch(r"([0-9]+)( +LAST)?", argument, re.IGNORECASE)
        if match is None or not self.offers("CHUNKING"):
            await self.send(b"500 5.5.1 BDAT is not known here")  # and what follows is read as commands
            return
        try:
            octets = await self.reader.readexactly(int(match[1]))
        except asyncio.IncompleteReadError:
            raise _Cut from None  # cut inside of a chunk: nothing was received
        transaction = self.transaction
        if transaction is None or not transaction.recipients or transaction.is_refused:
            await self.send(b"503 5.5.1 no valid recipients")
            return
        transaction.chunks.append(octets)
        if match[2]:
            await self.take_message(b"".join(transaction.chunks))
        elif not await self.answer("BDAT", line + octets, f"250 2.0.0 {len(octets)} octets".encode()):
            transaction.is_refused = True

    def offers(self, keyword: str) -> bool:
        return any(line.split(" ")[0].upper() == keyword for line in self.sink.extensions)

    async def take_message(self, wire: bytes) -> None:
        """The message is complete: keep it or not, and answer, as the script for DOT says."""
        assert self.transaction is not None
        transaction, self.transaction = self.transaction, None
        script = self.sink.take("DOT", wire)
        default = b"250 2.0.0 queued"
        reply = script.reply if script is not None and script.reply is not None else default
        keeps = script.keeps_message if script is not None and script.keeps_message is not None else reply[:1] == b"2"
        if keeps:
            message = Received(
                transaction.sender,
                tuple(transaction.recipients),
                wire,
                transaction.mail_parameters,
                self.user,
                self.is_tls,
                transaction.recipient_parameters,
                tuple(map(len, transaction.chunks)),
            )
            self.sink.record(message)
        await self.play(script, default)

    async def do_rset(self, line: bytes, argument: str) -> None:
        self.transaction = None
        await self.answer("RSET", line, b"250 2.0.0 ok")

    async def do_noop(self, line: bytes, argument: str) -> None:
        await self.answer("NOOP", line, b"250 2.0.0 ok")

    async def do_quit(self, line: bytes, argument: str) -> None:
        await self.answer("QUIT", line, b"221 2.0.0 bye")


class RecordingSmtpSink(ServerThread):
    """An SMTP server in its own thread that keeps what it accepts. It accepts everything unless scripted.

    `user` and `password` are what AUTH accepts; with `requires_auth` MAIL is refused before it.
    """

    def __init__(
        self,
        *,
        user: str = "alice@pillarbox.test",
        password: str = "alice-password",
        requires_auth: bool = False,
        extensions: Iterable[str] = DEFAULT_EXTENSIONS,
        ssl_context: ssl.SSLContext | None = None,
        is_implicit_tls: bool = False,
    ) -> None:
        super().__init__()
        self.user, self.password, self.requires_auth = user, password, requires_auth
        self.extensions = list(extensions)
        self.ssl_context, self.is_implicit_tls = ssl_context, is_implicit_tls
        self.messages: list[Received] = []
        self.commands: list[bytes] = []
        """Every command line received, over all connections; message content is not among them."""
        self.scripts: list[Script] = []
        self.lock = threading.Lock()
        self._arrived = threading.Condition(self.lock)
        self._server = _Sink(self)

    host = "127.0.0.1"

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def connection_count(self) -> int:
        """Connections accepted since the start."""
        return self._server.connection_count

    # What a test scripts

    def reply(
        self, phase: str, reply: bytes, *, when: bytes = b"", times: int | None = 1, then_cut: bool = False
    ) -> None:
        """Answer a phase with this line (rows split by a newline) instead of the usual one."""
        self.scripts.append(Script(phase, reply=reply, when=when, times=times, cut=then_cut))

    def cut(self, phase: str, *, reset: bool = False, when: bytes = b"", times: int | None = 1) -> None:
        """Drop the connection in a phase, without an answer; at DOT the message is not kept."""
        keeps = False if phase == "DOT" else None
        self.scripts.append(Script(phase, cut=True, reset=reset, when=when, times=times, keeps_message=keeps))

    def cut_after_dot(self, *, reset: bool = False, times: int | None = 1) -> None:
        """Keep the message and drop the connection before the 250: the ambiguous case (R65)."""
        self.scripts.append(Script("DOT", cut=True, reset=reset, times=times, keeps_message=True))

    def delay(self, phase: str, seconds: float, *, times: int | None = 1) -> None:
        """Wait before the usual answer."""
        self.scripts.append(Script(phase, delay_s=seconds, times=times))

    def refuse_quit(self, *, times: int | None = None) -> None:
        """421 at QUIT, after everything went well (R67)."""
        self.reply("QUIT", b"421 4.3.2 shutting down", times=times, then_cut=True)

    def take(self, phase: str, line: bytes) -> Script | None:
        """The script for this moment, used up by one."""
        with self.lock:
            for script in self.scripts:
                if script.phase == phase and script.times != 0 and script.when.lower() in line.lower():
                    if script.times is not None:
                        script.times -= 1
                    return script
        return None

    def record(self, message: Received) -> None:
        with self._arrived:
            self.messages.append(message)
            self._arrived.notify_all()

    def wait_for_messages(self, count: int, *, timeout_s: float = 10.0) -> list[Received]:
        """Wait until so many messages were accepted in all. Raises `TimeoutError`."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.messages) >= count, timeout_s):
                raise TimeoutError(f"{len(self.messages)} of {count} messages arrived")
            return list(self.messages)

    def start(self) -> Self:
        self.run_servers(self._server)
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()
