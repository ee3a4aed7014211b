"""Processes that run until they are told to stop: SIGTERM and SIGINT set a flag, and the loop ends by itself."""

from __future__ import annotations

import os
import signal
import socket
import threading
from types import FrameType

from webmail.store.models import Lease


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM, SIGINT or SIGHUP sets. Call it in the main thread; waiting for it ends at once."""
    stopped = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    return stopped


def process_owner() -> str:
    """A name for this process as owner of a lease."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}"


def free_lease_of_the_dead(name: str) -> bool:
    """Free a lease whose owner was a process of this machine that is no more, so that a restart need not wait."""
    lease = Lease.objects.filter(name=name).exclude(owner="").first()
    if lease is None:
        return False
    host, _, pid = lease.owner.rpartition(":")
    if host != socket.gethostname()[:60] or not pid.isdigit() or _is_alive(int(pid)):
        return False
    return bool(Lease.objects.filter(pk=lease.pk, owner=lease.owner).update(owner=""))


def _is_alive(pid: int) -> bool:
    if pid == os.getpid():
        return False  # our own number, given to another process before us
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
