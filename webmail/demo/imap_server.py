"""The IMAP4rev1 server: connections, command lines with literals, login, STARTTLS and IDLE.

What commands do is in `imap_mailboxes` and `imap_messages`. Every ability can be switched off by `ImapConfig`, and is
then really absent, so the same server shows how a client copes without it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from webmail.demo import imap_mailboxes as boxes
from webmail.demo import imap_messages as mail
from webmail.demo import imap_notify as notify
from webmail.demo.errors import StoreError
from webmail.demo.hooks import Cut, Hooks
from webmail.demo.imap_session import ImapConfig, Session
from webmail.demo.imap_syntax import Bad, No, Value, as_text, as_word, parse_arguments
from webmail.demo.loopback import Listener

if TYPE_CHECKING:
    from webmail.demo.store import DemoStore

MAX_LINE_BYTES = 256 * 1024
MAX_LITERAL_BYTES = 64 * 1024 * 1024

_LITERAL_AT_END = re.compile(rb"\{(\d{1,10})(\+?)\}\r?\n\Z")

Handler = Callable[..., str]

MAILBOX_COMMANDS: dict[str, Handler] = {
    "LIST": boxes.do_list,
    "LSUB": boxes.do_lsub,
    "STATUS": boxes.do_status,
    "SELECT": boxes.do_select,
    "EXAMINE": boxes.do_examine,
    "CLOSE": boxes.do_close,
    "UNSELECT": boxes.do_unselect,
    "CREATE": boxes.do_create,
    "DELETE": boxes.do_delete,
    "RENAME": boxes.do_rename,
    "SUBSCRIBE": boxes.do_subscribe,
    "UNSUBSCRIBE": boxes.do_unsubscribe,
    "NAMESPACE": boxes.do_namespace,
    "NOTIFY": notify.do_notify,
    "APPEND": mail.do_append,
}
MESSAGE_COMMANDS: dict[str, Handler] = {
    "FETCH": mail.do_fetch,
    "STORE": mail.do_store,
    "SEARCH": mail.do_search,
    "COPY": mail.do_copy,
    "MOVE": mail.do_move,
    "EXPUNGE": mail.do_expunge,
}
# RFC 3501 7.4.1: while these run by sequence number, the numbers must not shift.
KEEPS_NUMBERS = {"FETCH", "STORE", "SEARCH"}


class ImapServer(Listener):
    """Serves a `DemoStore` over IMAP on loopback."""

    def __init__(
        self,
        store: DemoStore,
        *,
        config: ImapConfig | None = None,
        hooks: Hooks | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(host=host, port=port)
        self.store = store
        self.config = config or ImapConfig()
        self.hooks = hooks or Hooks()

    async def start(self) -> None:
        """Bind and listen."""
        tls = self.config.ssl_context if self.config.is_implicit_tls else None
        await self.listen(limit=MAX_LINE_BYTES, ssl=tls)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        await Connection(self, reader, writer).run()


class Connection:
    """One client: reads commands, runs them, sends what they answer."""

    def __init__(self, server: ImapServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._session = Session(server.store, server.config, server.hooks, is_tls=server.config.is_implicit_tls)
        self._changed = asyncio.Event()
        self._is_done = False
        self._command = ""

    async def run(self) -> None:
        """Greet, then serve commands until LOGOUT, the end of the connection or a scripted cut."""
        loop = asyncio.get_running_loop()

        def wake(address: str) -> None:
            if address == (self._session.user or "").lower() and not loop.is_closed():
                loop.call_soon_threadsafe(self._changed.set)

        stop_listening = self._session.store.listen(wake)
        try:
            words = " ".join(self._session.capabilities)
            greeting = f"* OK [CAPABILITY {words}] Pillarbox demo server ready.\r\n".encode()
            await self._write(self._session.hooks.greeting(greeting))
            while not self._is_done:
                await self._serve_command()
        except Cut as cut:
            await self._end(cut)
        finally:
            stop_listening()

    async def _end(self, cut: Cut) -> None:
        self._writer.write(cut.data)
        if cut.reset:
            self._writer.transport.abort()
            return
        await self._writer.drain()

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    # Reading

    async def _read_line(self) -> bytes:
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise Cut(b"* BYE Line too long\r\n") from None
        except asyncio.IncompleteReadError:
            raise Cut from None
        return line

    async def _read_command(self) -> bytes:
        """One command with its literals in place. A literal that is too big ends the connection."""
        buffer = await self._read_line()
        while match := _LITERAL_AT_END.search(buffer):
            size = int(match[1])
            is_ahead = bool(match[2])
            if size > MAX_LITERAL_BYTES or (is_ahead and not self._session.has("LITERAL+")):
                raise Cut(b"* BYE Literal refused\r\n")
            if not is_ahead:
                await self._write(b"+ OK\r\n")
            buffer = buffer[: match.start()] + b"{%d}\r\n" % size + await self._reader.readexactly(size)
            buffer += await self._read_line()
        return buffer

    # Commands

    async def _serve_command(self) -> None:
        line = await self._read_command()
        session = self._session
        # Only the command's own line end goes: a literal may well end in more of them.
        tag, _, rest = line.removesuffix(b"\n").removesuffix(b"\r").partition(b" ")
        session.tag = tag.decode("ascii", "replace")
        name, _, rest = rest.partition(b" ")
        command = name.decode("ascii", "replace").upper()
        if command == "UID":
            name, _, rest = rest.partition(b" ")
            command = f"UID {name.decode('ascii', 'replace').upper()}"
        self._command = command
        if not tag or not command:
            await self._write(b"* BAD Empty command\r\n")
            return
        instead = session.hooks.before(command, line)
        if instead is not None:
            session.out.append(instead.untagged)
            await self._finish(instead.status.decode("utf-8", "surrogateescape"))
            return
        try:
            status = await self._run(command, rest)
        except No as refusal:
            status = f"NO {refusal}"
        except (Bad, RecursionError) as error:
            status = f"BAD {error}"
        except StoreError as error:
            status = f"NO [CANNOT] {type(error).__name__}"
        await self._finish(status)

    async def _finish(self, status: str) -> None:
        """Send the queued lines, changes others made, and the tagged status in one write."""
        session = self._session
        if status.startswith("OK") and session.user is not None:
            with session.store.lock:
                session.poll(may_expunge=self._command not in KEEPS_NUMBERS)
                notify.tell_changes(session)
        data = b"".join(session.out)
        session.out.clear()
        if status:
            data += f"{session.tag} {status}\r\n".encode("utf-8", "surrogateescape")
        await self._write(session.hooks.outgoing(self._command, data))

    async def _run(self, command: str, rest: bytes) -> str:
        special = {
            "LOGIN": self._login,
            "AUTHENTICATE": self._authenticate,
            "STARTTLS": self._start_tls,
            "IDLE": self._idle,
            "LOGOUT": self._logout,
        }.get(command)
        args = parse_arguments(rest)
        if special is not None:
            return await special(args)
        by_uid, verb = command.startswith("UID "), command.removeprefix("UID ")
        with self._session.store.lock:
            if verb in MESSAGE_COMMANDS:
                return "OK " + MESSAGE_COMMANDS[verb](self._session, args, by_uid=by_uid)
            if command in MAILBOX_COMMANDS:
                return "OK " + MAILBOX_COMMANDS[command](self._session, args)
        return self._run_simple(command, args)

    def _run_simple(self, command: str, args: list[Value]) -> str:
        session = self._session
        if command == "CAPABILITY":
            session.untagged("CAPABILITY " + " ".join(session.capabilities))
        elif command == "ID" and session.has("ID"):
            session.untagged('ID ("name" "Pillarbox demo server")')
        elif command == "ENABLE" and session.has("ENABLE"):
            self._enable([as_word(word) for word in args])
        elif command == "CHECK":
            _ = session.selected
        elif command != "NOOP":
            raise Bad("Unknown command")
        return f"OK {command.title()} completed."

    def _enable(self, words: list[str]) -> None:
        session = self._session
        _ = session.account
        fresh = [word for word in words if word in ("CONDSTORE", "QRESYNC") and session.has(word)]
        session.enabled.update(fresh)
        if "QRESYNC" in fresh:
            session.enabled.add("CONDSTORE")  # RFC 7162 3.2.3
        session.untagged(" ".join(["ENABLED", *fresh]))

    # Signing in

    async def _login(self, args: list[Value]) -> str:
        if len(args) != 2:
            raise Bad("Missing arguments")
        return self._sign_in(as_text(args[0]), as_text(args[1]))

    async def _authenticate(self, args: list[Value]) -> str:
        if not args or as_word(args[0]) != "PLAIN":
            raise No("Unsupported mechanism", code="CANNOT")
        if len(args) > 1 and self._session.has("SASL-IR"):
            answer = as_text(args[1]).encode()
        elif len(args) > 1:
            raise Bad("No initial response without SASL-IR")
        else:
            await self._write(b"+ \r\n")
            answer = (await self._read_line()).strip()
        try:
            _, user, password = base64.b64decode(answer, validate=True).decode("utf-8").split("\0")
        except (binascii.Error, ValueError):
            raise Bad("Invalid PLAIN response") from None
        return self._sign_in(user, password)

    def _sign_in(self, user: str, password: str) -> str:
        session = self._session
        if session.user is not None:
            raise Bad("Already signed in")
        if session.config.requires_tls and not session.is_tls:
            raise No("Plain text is not allowed without TLS", code="PRIVACYREQUIRED")
        if not session.store.is_password(user, password):
            raise No("Authentication failed.", code="AUTHENTICATIONFAILED")
        session.user = user
        return f"OK [CAPABILITY {' '.join(session.capabilities)}] Logged in"

    async def _start_tls(self, args: list[Value]) -> str:
        context = self._session.config.ssl_context
        if context is None or self._session.is_tls:
            raise Bad("TLS is not available")
        await self._write(f"{self._session.tag} OK Begin TLS negotiation now.\r\n".encode())
        # Whatever was sent along in the clear must not be taken for the first protected command.
        self._reader._buffer.clear()  # type: ignore[attr-defined]
        await self._writer.start_tls(context)
        self._session.is_tls = True
        return ""

    async def _logout(self, args: list[Value]) -> str:
        self._is_done = True
        self._session.view = None
        self._session.untagged("BYE Logging out")
        return "OK Logout completed."

    # IDLE

    async def _idle(self, args: list[Value]) -> str:
        """RFC 2177: send changes as they come until the client says DONE."""
        session = self._session
        session.require("IDLE")
        _ = session.account
        await self._write(session.hooks.outgoing("IDLE", b"+ idling\r\n"))
        done = asyncio.ensure_future(self._read_line())
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            while True:
                self._changed.clear()
                with session.store.lock:
                    if notify.wants_selected(session):
                        session.poll(may_expunge=True)
                    notify.tell_changes(session)
                if session.out:
                    data = b"".join(session.out)
                    session.out.clear()
                    await self._write(session.hooks.outgoing("IDLE", data))
                if changed.done():
                    changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({done, changed}, return_when=asyncio.FIRST_COMPLETED)
                if done.done():
                    break
        finally:
            changed.cancel()
            done.cancel()
        if done.result().strip().upper() != b"DONE":
            raise Bad("Expected DONE")
        return "OK Idle completed."
