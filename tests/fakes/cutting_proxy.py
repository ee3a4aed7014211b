"""A TCP proxy that spoils connections at chosen moments: between a client and any server, real or fake.

    with CuttingProxy(port=sink.port) as proxy:
        proxy.cut_after(FROM_CLIENT, b"\\r\\n.\\r\\n")     # the dot is delivered, the answer never comes
        proxy.cut_before(FROM_SERVER, b"[APPENDUID")

Directions are named by who speaks.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self

from webmail.demo.loopback import Listener, ServerThread

FROM_CLIENT = "client"
FROM_SERVER = "server"
CHUNK_BYTES = 64 * 1024


@dataclass
class CutRule:
    """Cut both sides when `pattern` passes in this direction; `delivers` says whether the pattern still gets through."""

    direction: str
    pattern: bytes
    delivers: bool
    reset: bool = False
    times: int = 1


class _Stop(Exception):
    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


class _Proxy(Listener):
    def __init__(self, owner: CuttingProxy) -> None:
        super().__init__()
        self.owner = owner

    async def start(self) -> None:
        await self.listen()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.owner.refuses:
            writer.transport.abort()
            return
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.owner.target_port)
        pumps = {
            asyncio.ensure_future(self.pump(FROM_CLIENT, reader, server_writer)),
            asyncio.ensure_future(self.pump(FROM_SERVER, server_reader, writer)),
        }
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            errors = [task.exception() for task in done]
            if any(isinstance(error, _Stop) and error.reset for error in errors):
                writer.transport.abort()
                server_writer.transport.abort()
        finally:
            for task in pumps:
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            server_writer.close()

    async def pump(self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy one direction. Patterns are found across chunks, as the last bytes are remembered."""
        owner, tail = self.owner, b""
        while data := await reader.read(owner.chunk_bytes):
            if owner.latency_s:
                await asyncio.sleep(owner.latency_s)
            while owner.is_black_hole:
                await asyncio.sleep(0.01)
            rule, end = owner.find_cut(direction, tail, data)
            if rule is not None:
                writer.write(data[:end])
                await writer.drain()
                raise _Stop(reset=rule.reset)
            owner.count(direction, len(data))
            writer.write(data)
            await writer.drain()
            tail = (tail + data)[-owner.longest_pattern :]
            if owner.limit_reached(direction):
                raise _Stop(reset=owner.limit_resets)


class CuttingProxy(ServerThread):
    """Listens on a free port and forwards to `port` on loopback until told to spoil it.

    Attributes to set at any time: `latency_s` (each way, a chunk), `chunk_bytes` (1 for a slicer), `is_black_hole`
    (bytes are held back, nobody is told), `refuses` (new connections are reset).
    """

    def __init__(self, *, port: int, latency_s: float = 0.0) -> None:
        super().__init__()
        self.target_port = port
        self.latency_s = latency_s
        self.chunk_bytes = CHUNK_BYTES
        self.is_black_hole = False
        self.refuses = False
        self.limit_resets = False
        self.bytes_passed = {FROM_CLIENT: 0, FROM_SERVER: 0}
        self._limits: dict[str, int] = {}
        self._rules: list[CutRule] = []
        self._server = _Proxy(self)

    host = "127.0.0.1"

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def connection_count(self) -> int:
        """Connections accepted since the start."""
        return self._server.connection_count

    def cut_after(self, direction: str, pattern: bytes, *, reset: bool = False, times: int = 1) -> None:
        """Let the pattern through, then cut."""
        self._rules.append(CutRule(direction, pattern, delivers=True, reset=reset, times=times))

    def cut_before(self, direction: str, pattern: bytes, *, reset: bool = False, times: int = 1) -> None:
        """Let everything before the pattern through, then cut."""
        self._rules.append(CutRule(direction, pattern, delivers=False, reset=reset, times=times))

    def cut_after_bytes(self, direction: str, count: int, *, reset: bool = False) -> None:
        """Cut after so many more bytes in a direction, at the end of the chunk that reaches it."""
        self._limits[direction] = self.bytes_passed[direction] + count
        self.limit_resets = reset

    def forget_limits(self) -> None:
        """Take back what `cut_after_bytes` said and has not happened."""
        self._limits.clear()

    def drop_connections(self) -> None:
        """Reset every connection now."""
        self.call(self._server.drop_connections())

    @property
    def longest_pattern(self) -> int:
        """How many passed bytes must be remembered to find a pattern that comes in two chunks."""
        return max([len(rule.pattern) for rule in self._rules], default=1)

    def find_cut(self, direction: str, tail: bytes, data: bytes) -> tuple[CutRule | None, int]:
        """The rule that fires on these bytes, and how many of `data` may still pass."""
        for rule in self._rules:
            if rule.direction != direction or rule.times == 0:
                continue
            kept = tail[-(len(rule.pattern) - 1) :] if len(rule.pattern) > 1 else b""
            position = (kept + data).find(rule.pattern)
            if position >= 0:
                rule.times -= 1
                end = position - len(kept) + (len(rule.pattern) if rule.delivers else 0)
                return rule, max(end, 0)
        return None, 0

    def count(self, direction: str, passed: int) -> None:
        self.bytes_passed[direction] += passed

    def limit_reached(self, direction: str) -> bool:
        """Has a byte limit of `cut_after_bytes` been reached? It is used up then."""
        if direction in self._limits and self.bytes_passed[direction] >= self._limits[direction]:
            del self._limits[direction]
            return True
        return False

    def start(self) -> Self:
        self.run_servers(self._server)
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()
