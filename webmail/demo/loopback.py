"""What the demo's servers share: listening on loopback only, and running in a thread of their own. No protocol here."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

START_TIMEOUT_S = 10.0

Result = TypeVar("Result")


class Server(Protocol):
    """Something that listens while an event loop runs."""

    async def start(self) -> None:
        """Bind and listen; returns when clients can connect."""

    async def close(self) -> None:
        """Stop listening and end every connection."""


def require_loopback(host: str) -> str:
    """Return the host when it is a loopback address. Raises `ValueError`: passwords here are published constants."""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        raise ValueError(f"the demo servers listen on loopback only, not on {host}")
    return host


class ServerThread:
    """An event loop in its own thread with servers running in it; the base of everything tests start."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._servers: list[Server] = []

    def run_servers(self, *servers: Server) -> None:
        """Start the thread and the servers in it; returns once all of them listen."""
        ready = threading.Event()

        def body() -> None:
            loop = asyncio.new_event_loop()
            self._loop = loop
            loop.call_soon(ready.set)
            try:
                loop.run_forever()
            finally:
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()

        self._thread = threading.Thread(target=body, name="demo-servers", daemon=True)
        self._thread.start()
        ready.wait(START_TIMEOUT_S)
        try:
            for server in servers:
                self.call(server.start())
                self._servers.append(server)
        except OSError:
            self.stop()  # a port is taken: leave nothing running behind
            raise

    def call(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the server's loop and wait for its result. Raises whatever it raises."""
        if self._loop is None:
            coroutine.close()
            raise RuntimeError("the servers are not running")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(START_TIMEOUT_S)

    def stop(self) -> None:
        """Close the servers and end the thread; calling it again does nothing."""
        if self._loop is None or self._thread is None:
            return
        for server in reversed(self._servers):
            self.call(server.close())
        self._servers.clear()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)
        self._loop = self._thread = None


class Listener(ABC):
    """A TCP listener that counts and can end its connections. Subclasses implement `serve`."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = require_loopback(host)
        self.port = port
        self.connection_count = 0
        """Connections accepted since the start."""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @abstractmethod
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one client until it leaves."""

    async def listen(self, **options: Any) -> None:
        """Bind; `port` holds the real port afterwards. `options` go to `asyncio.start_server`."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port, **options)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connection_count += 1
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self.serve(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or we are closing
        finally:
            self._writers.discard(writer)
            if task is not None:
                self._tasks.discard(task)
            writer.close()

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        return len(self._writers)

    async def drop_connections(self) -> None:
        """Reset every open connection, as a server that dies would."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        await self.drop_connections()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
