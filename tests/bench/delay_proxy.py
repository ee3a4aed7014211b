"""A loopback proxy that adds a round-trip time, and counts bytes and round trips."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass

_CHUNK_BYTES = 65_536
_QUEUE_LENGTH = 256


@dataclass
class Traffic:
    """What passed. A round trip is a piece of the client's after a piece of the server's."""

    up: int = 0
    down: int = 0
    round_trips: int = 0
    connections: int = 0


class DelayProxy:
    """Runs in a thread of its own; `port` is where clients connect."""

    def __init__(self, target_port: int, *, round_trip_s: float = 0.0) -> None:
        self._target_port = target_port
        self._delay_s = round_trip_s / 2
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.traffic = Traffic()
        self._has_answered = True
        self.port = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def take(self) -> Traffic:
        """What passed since the last call."""
        taken, self.traffic = self.traffic, Traffic()
        self._has_answered = True
        return taken

    def close(self) -> None:
        """End it with all its connections."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connect, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    @staticmethod
    async def _end() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.traffic.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        await asyncio.gather(
            self._pump(reader, far_writer, is_up=True),
            self._pump(far_reader, writer, is_up=False),
            return_exceptions=True,
        )

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUE_LENGTH)
        sender = asyncio.create_task(_send_late(queue, writer))
        while True:
            data = await reader.read(_CHUNK_BYTES)
            self._count(len(data), is_up=is_up)
            await queue.put((time.monotonic() + self._delay_s, data))
            if not data:
                break
        await sender

    def _count(self, size: int, *, is_up: bool) -> None:
        if not size:
            return
        if is_up:
            self.traffic.up += size
            self.traffic.round_trips += self._has_answered
            self._has_answered = False
        else:
            self.traffic.down += size
            self._has_answered = True


async def _send_late(queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    while True:
        due, data = await queue.get()
        wait_s = due - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        if not data:
            writer.close()
            return
        writer.write(data)
        await writer.drain()
