"""A TCP proxy that spoils connections at chosen moments: between a client and any server, real or fake.

    with CuttingProxy(port=sink.port) as proxy:
        proxy.cut_after(FROM_CLIENT, b"\\r\\n.\\r\\n")     # the dot is delivered, the answer never comes
        proxy.cut_before(FROM_SERVER, b"[APPENDUID")
        proxy.holds = {FROM_SERVER}                       # one-way: the server hears, and is not heard

Directions are named by who speaks.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Self

from webmail.demo.loopback import Listener, ServerThread

FROM_CLIENT = "client"
FROM_SERVER = "server"
BOTH = frozenset({FROM_CLIENT, FROM_SERVER})
CHUNK_BYTES = 64 * 1024
HOLE_PAUSE_S = 0.01


@dataclass
class Rule:
    """What happens when `pattern` passes in this direction: a cut of both sides, or with `delay_s` only a wait before it.

    `delivers` says whether the pattern still gets through before a cut.
    """

    direction: str
    pattern: bytes
    delivers: bool = False
    reset: bool = False
    delay_s: float = 0.0
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
            _reset(writer)
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
                _reset(writer)
                server_writer.transport.abort()
            elif self.owner.slow_close_s:
                await asyncio.sleep(self.owner.slow_close_s)
        finally:
            for task in pumps:
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            server_writer.close()

    async def pump(self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy one direction. Patterns are found across chunks, as the last bytes are remembered."""
        owner, tail = self.owner, b""
        while data := await reader.read(owner.chunk_bytes):
            await self.wait(direction, data)
            rule, end = owner.find_rule(direction, tail, data)
            if rule is not None and rule.delay_s:
                await asyncio.sleep(rule.delay_s)
            elif rule is not None:
                writer.write(data[:end])
                await writer.drain()
                raise _Stop(reset=rule.reset)
            owner.count(direction, len(data))
            writer.write(data)
            await writer.drain()
            tail = (tail + data)[-owner.longest_pattern :]
            if owner.limit_reached(direction):
                raise _Stop(reset=owner.limit_resets)

    async def wait(self, direction: str, data: bytes) -> None:
        """What a slow or dead line costs these bytes."""
        owner = self.owner
        if owner.latency_s:
            await asyncio.sleep(owner.latency_s)
        if owner.bytes_per_s:
            await asyncio.sleep(len(data) / owner.bytes_per_s)
        held_s = 0.0
        while direction in owner.holds:
            await asyncio.sleep(HOLE_PAUSE_S)
            held_s += HOLE_PAUSE_S
            if owner.hole_ends_s and held_s >= owner.hole_ends_s:
                raise _Stop(reset=False)

    async def drop_connections(self) -> None:
        for writer in list(self._writers):
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN: the client hears of an error, not of an end."""
    if not writer.transport.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class CuttingProxy(ServerThread):
    """Listens on a free port and forwards to `port` on loopback until told to spoil it.

    Attributes to set at any time: `latency_s` (each way, a chunk), `bytes_per_s` (0: no limit), `chunk_bytes` (1 for a
    slicer), `slow_close_s` (the other side learns of an end so much later), `holds` (directions whose bytes are held back
    and nobody is told: a black hole with both, one-way with one), `hole_ends_s` (a held connection is closed then; 0:
    never), `refuses` (new connections are reset), `target_port` (for connections that come from now on).
    """

    def __init__(self, *, port: int, latency_s: float = 0.0) -> None:
        super().__init__()
        self.target_port = port
        self.latency_s = latency_s
        self.bytes_per_s = 0.0
        self.chunk_bytes = CHUNK_BYTES
        self.slow_close_s = 0.0
        self.holds: frozenset[str] | set[str] = frozenset()
        self.hole_ends_s = 0.0
        self.refuses = False
        self.limit_resets = False
        self.bytes_passed = {FROM_CLIENT: 0, FROM_SERVER: 0}
        self._limits: dict[str, int] = {}
        self._rules: list[Rule] = []
        self._server = _Proxy(self)

    host = "127.0.0.1"

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def connection_count(self) -> int:
        """Connections accepted since the start."""
        return self._server.connection_count

    @property
    def is_black_hole(self) -> bool:
        """Whether nothing passes in either direction; set it to begin or end that."""
        return self.holds == BOTH

    @is_black_hole.setter
    def is_black_hole(self, value: bool) -> None:
        self.holds = BOTH if value else frozenset()

    def cut_after(self, direction: str, pattern: bytes, *, reset: bool = False, times: int = 1) -> None:
        """Let the pattern through, then cut."""
        self._rules.append(Rule(direction, pattern, delivers=True, reset=reset, times=times))

    def cut_before(self, direction: str, pattern: bytes, *, reset: bool = False, times: int = 1) -> None:
        """Let everything before the pattern through, then cut."""
        self._rules.append(Rule(direction, pattern, reset=reset, times=times))

    def delay_before(self, direction: str, pattern: bytes, seconds: float, *, times: int = 1) -> None:
        """Hold back the chunk with the pattern, and what follows it, for so long."""
        self._rules.append(Rule(direction, pattern, delay_s=seconds, times=times))

    def cut_after_bytes(self, direction: str, count: int, *, reset: bool = False) -> None:
        """Cut after so many more bytes in a direction, at the end of the chunk that reaches it."""
        self._limits[direction] = self.bytes_passed[direction] + count
        self.limit_resets = reset

    def forget_limits(self) -> None:
        """Take back what `cut_after_bytes` said and has not happened."""
        self._limits.clear()

    def heal(self) -> None:
        """Behave again: every rule, limit and slowness ends. Bytes that are held back go on their way."""
        self._rules.clear()
        self._limits.clear()
        self.latency_s = self.bytes_per_s = self.slow_close_s = self.hole_ends_s = 0.0
        self.chunk_bytes, self.holds, self.refuses = CHUNK_BYTES, frozenset(), False

    def drop_connections(self) -> None:
        """Reset every connection now."""
        self.call(self._server.drop_connections())

    @property
    def longest_pattern(self) -> int:
        """How many passed bytes must be remembered to find a pattern that comes in two chunks."""
        return max([len(rule.pattern) for rule in self._rules], default=1)

    def find_rule(self, direction: str, tail: bytes, data: bytes) -> tuple[Rule | None, int]:
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
