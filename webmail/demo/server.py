"""The bundled demo mail server: IMAP, POP3 and submission on loopback, with two filled mailboxes.

`run_demo` is what `make run` starts; `DemoServer` is the same thing in a thread, for tests. Mail leaves the machine on
no path: see `delivery`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from webmail.demo.addresses import (
    IMAP_PASSWORD,
    IMAP_USER,
    OUTSIDE_PASSWORD,
    OUTSIDE_USER,
    POP3_PASSWORD,
    POP3_USER,
)
from webmail.demo.delivery import Postman
from webmail.demo.imap_server import ImapServer
from webmail.demo.loopback import Server, ServerThread, require_loopback
from webmail.demo.messages import DEFAULT_SEED, fill_store, trickle_message
from webmail.demo.model import INBOX
from webmail.demo.pop3_server import Pop3Config, Pop3Server
from webmail.demo.smtp_server import SubmissionServer
from webmail.demo.store import DemoStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from webmail.demo.hooks import Hooks
    from webmail.demo.imap_session import ImapConfig


def present() -> datetime:
    """Now, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


class Trickle:
    """Puts one new message into each demo mailbox in turn, every `interval_s` seconds, so that mail arrives live."""

    def __init__(self, store: DemoStore, *, interval_s: float) -> None:
        self._store = store
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; the first message comes after one interval."""
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(self._interval_s)
            user = (IMAP_USER, POP3_USER)[number % 2]
            now = present()
            self._store.append(user, INBOX, trickle_message(number, user=user, now=now), internal_date=now)
            number += 1

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


class DemoServer(ServerThread):
    """The whole demo in one thread. Use as a context manager, or call `start` and `stop`.

    `directory` keeps the mail over a restart; without it everything is forgotten. Ports of 0 are chosen freely and
    can be read from `imap_port`, `pop3_port` and `smtp_port` once started. With `fill` off, mailboxes start empty.
    """

    def __init__(
        self,
        *,
        directory: Path | None = None,
        host: str = "127.0.0.1",
        imap_port: int = 0,
        pop3_port: int = 0,
        smtp_port: int = 0,
        now: datetime | None = None,
        seed: int = DEFAULT_SEED,
        fill: bool = True,
        trickle_s: float | None = None,
        imap_config: ImapConfig | None = None,
        pop3_config: Pop3Config | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        super().__init__()
        self.host = require_loopback(host)
        self.store = DemoStore(directory)
        _add_users(self.store)
        if fill:
            fill_once(self.store, now=now or present(), seed=seed)
        postman = Postman(self.store, outside_user=OUTSIDE_USER, clock=present)
        self.imap = ImapServer(self.store, config=imap_config, hooks=hooks, host=host, port=imap_port)
        self.pop3 = Pop3Server(self.store, config=pop3_config, hooks=hooks, host=host, port=pop3_port)
        self.smtp = SubmissionServer(self.store, postman, host=host, port=smtp_port)
        self._trickle = Trickle(self.store, interval_s=trickle_s) if trickle_s else None

    @property
    def imap_port(self) -> int:
        """Where IMAP listens."""
        return self.imap.port

    @property
    def pop3_port(self) -> int:
        """Where POP3 listens."""
        return self.pop3.port

    @property
    def smtp_port(self) -> int:
        """Where submission listens."""
        return self.smtp.port

    def servers(self) -> list[Server]:
        """All parts, in the order to start them."""
        return [self.imap, self.pop3, self.smtp, *([self._trickle] if self._trickle else [])]

    def start(self) -> Self:
        """Start everything in a thread; returns once all three ports accept connections."""
        self.run_servers(*self.servers())
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _add_users(store: DemoStore) -> None:
    store.add_user(IMAP_USER, IMAP_PASSWORD)
    store.add_user(POP3_USER, POP3_PASSWORD, mailboxes=[(INBOX, None)])
    store.add_user(OUTSIDE_USER, OUTSIDE_PASSWORD, mailboxes=[(INBOX, None)])


def fill_once(store: DemoStore, *, now: datetime, seed: int = DEFAULT_SEED) -> None:
    """Fill the demo mailboxes unless this store was filled before: what a newcomer deleted stays deleted."""
    with store.batch(None):
        if store.note_once("filled", "demo"):
            fill_store(store, now=now, seed=seed)


def run_demo(
    *,
    directory: Path,
    imap_port: int = 0,
    pop3_port: int = 0,
    smtp_port: int = 0,
    host: str = "127.0.0.1",
    now: datetime | None = None,
    trickle_s: float | None = None,
    on_ready: Callable[[DemoServer], None] | None = None,
) -> None:
    """Run the demo in this thread until SIGINT or SIGTERM. `on_ready` is called once all three ports are open.

    Raises `ValueError` for a host that is not loopback and `OSError` when a port is taken.
    """
    demo = DemoServer(
        directory=directory,
        host=host,
        imap_port=imap_port,
        pop3_port=pop3_port,
        smtp_port=smtp_port,
        now=now,
        trickle_s=trickle_s,
    )

    async def serve() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        started: list[Server] = []
        try:
            for server in demo.servers():
                await server.start()
                started.append(server)
            if on_ready is not None:
                on_ready(demo)
            await stopped.wait()
        finally:
            for server in reversed(started):
                await server.close()

    asyncio.run(serve())
