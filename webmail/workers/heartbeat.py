"""A process that says it is alive: a row every few seconds, for the health pages. It must not import what does the work,
so that the web process can use it too.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Self

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone

from webmail.store import models

log = structlog.get_logger(__name__)

BEAT_S = 10.0


class Heartbeat:
    """Writes the row of this process from a thread of its own until `stop`.

    `kind` is web, net, cpu, watch or sweep; `detail` gives small figures to show with it. `is_forking`: the process will
    fork, so that nothing of the database may stay open between two beats.
    """

    def __init__(
        self,
        kind: str,
        *,
        detail: Callable[[], Mapping[str, object]] = dict,
        is_forking: bool = False,
        interval_s: float = BEAT_S,
    ) -> None:
        self._kind = kind
        self._detail = detail
        self._is_forking = is_forking
        self._interval_s = interval_s
        self._host = socket.gethostname()[:60]
        self._name = f"{kind}@{self._host}:{os.getpid()}"
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> Self:
        """Beat at once, then every `BEAT_S` seconds."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End, and take the row away: a process that left properly is not missing."""
        self._stopped.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        started_at = timezone.now()
        try:
            while True:
                self._try(lambda: self._write(started_at=started_at))
                if self._stopped.wait(self._interval_s):
                    break
            self._try(lambda: models.Heartbeat.objects.filter(name=self._name).delete())
        finally:
            self._let_go()

    def _write(self, *, started_at: datetime) -> None:
        models.Heartbeat.objects.update_or_create(
            name=self._name,
            defaults={
                "kind": self._kind,
                "host": self._host,
                "pid": os.getpid(),
                "started_at": started_at,
                "seen_at": timezone.now(),
                "detail": dict(self._detail()),
            },
        )

    def _try(self, write: Callable[[], object]) -> None:
        """A database that is away must not end the thread: the next beat tries again."""
        try:
            write()
        except DatabaseError as error:
            log.warning("heartbeat.missed", kind=self._kind, error=type(error).__name__)
        self._let_go()

    def _let_go(self) -> None:
        connection.close()
        if self._is_forking and hasattr(connection, "close_pool"):
            connection.close_pool()  # a child would inherit its sockets
