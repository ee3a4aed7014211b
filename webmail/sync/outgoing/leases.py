"""Keeping claims alive: one thread renews what a worker holds while the worker waits for servers."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import close_old_connections, connection

from webmail.outbox.models import Submission
from webmail.outbox.queue import delivery, schedule


class Leases:
    """The claims that are held now: those of one owner. `hold` replaces them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: tuple[Submission, ...] = ()

    def hold(self, submissions: Sequence[Submission]) -> None:
        """From now on these are kept alive, and no others."""
        with self._lock:
            self._held = tuple(submissions)

    def renew(self) -> None:
        """Renew once. A claim that was lost stays lost."""
        with self._lock:
            held = self._held
        delivery.renew_leases(held)


def new_owner() -> str:
    """A name for one claim, never used twice: whoever lost the claim cannot move the row any more."""
    return f"{socket.gethostname()[:40]}:{threading.get_ident()}:{uuid.uuid4().hex}"


@contextmanager
def kept_leases() -> Iterator[Leases]:
    """What the block holds is renewed from a thread of its own."""
    leases, ended = Leases(), threading.Event()

    def renew() -> None:
        try:
            while not ended.wait(schedule.LEASE_RENEWAL_S):
                close_old_connections()
                leases.renew()
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name="leases", daemon=True)
    thread.start()
    try:
        yield leases
    finally:
        ended.set()
        thread.join()
