"""IMAP servers that let everybody in and then hold a connection in a bad way: each is a neighbour others must not notice."""

from __future__ import annotations

import asyncio
from typing import Literal, Self

from webmail.demo.loopback import Listener, ServerThread

Manner = Literal["drips", "answers no IDLE", "never answers again", "floods", "sends one endless line"]

_GREETING = b"* OK ready\r\n"
# One answer for every command.
_ANSWER = b"* CAPABILITY IMAP4rev1 IDLE\r\n* 0 EXISTS\r\n* OK [UIDVALIDITY 1] valid\r\n* OK [UIDNEXT 1] next\r\n"
_DRIP_S = 0.05
_FLOOD = b"* 1 EXISTS\r\n" * 5_000
_ENDLESS = b"* OK " + b"x" * 60_000


class _Server(Listener):
    def __init__(self, manner: Manner) -> None:
        super().__init__()
        self.manner = manner
        self.commands: list[bytes] = []

    async def start(self) -> None:
        await self.listen()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.manner == "drips":
            await self._for_ever(writer, b"* OK slowly", _DRIP_S)
        writer.write(_GREETING)
        while True:
            tag, _, rest = (await reader.readline()).partition(b" ")
            if not tag:
                return
            command = rest.split()[0].upper()
            self.commands.append(command)
            if command == b"IDLE":
                await self._idle(reader, writer)
                return
            writer.write(_ANSWER + tag + b" OK done\r\n")

    async def _idle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.manner != "answers no IDLE":
            writer.write(b"+ idling\r\n")
        if self.manner == "floods":
            await self._for_ever(writer, _FLOOD, 0)
        if self.manner == "sends one endless line":
            await self._for_ever(writer, _ENDLESS, 0)
        while await reader.readline():
            pass

    async def _for_ever(self, writer: asyncio.StreamWriter, data: bytes, wait_s: float) -> None:
        pieces = [data[at : at + 1] for at in range(len(data))] if wait_s else [data]
        while True:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(wait_s)


class HostileImapServer(ServerThread):
    """One of them on a free port of loopback; any user name and password will do."""

    def __init__(self, manner: Manner) -> None:
        super().__init__()
        self._server = _Server(manner)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def commands(self) -> list[bytes]:
        """The names of the commands it got, over all connections."""
        return self._server.commands

    @property
    def connection_count(self) -> int:
        """Connections accepted since the start."""
        return self._server.connection_count

    def __enter__(self) -> Self:
        self.run_servers(self._server)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
