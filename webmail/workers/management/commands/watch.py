"""`manage.py watch`: hears of new mail at once, for all accounts, in one process; wakes workers and does nothing else."""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections

from webmail.store import leases
from webmail.store.errors import LeaseLost
from webmail.store.leases import HeldLease
from webmail.sync.idle import Watch
from webmail.workers.heartbeat import Heartbeat
from webmail.workers.stopping import free_lease_of_the_dead, process_owner, stop_on_signals
from webmail.workers.waiting import Bells, due_accounts

log = structlog.get_logger(__name__)

LEASE = "watch:0"
LEASE_S = 30.0
STANDBY_S = 3.0  # how often a second watch looks whether the first one is gone
ROUND_S = 2.0  # how often accounts, due polls and the lease are looked at


class Command(BaseCommand):
    """A second one, here or on another machine, stands by until the lease of the first has ended."""

    help = "Listen for new mail at all IMAP servers, and poll the others. Runs until it is stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = stop_on_signals()
        watch = Watch()
        beat = Heartbeat("watch", detail=watch.figures).start()
        try:
            while not stopped.is_set():
                lease = _take_lease()
                if lease is None:
                    stopped.wait(STANDBY_S)
                    continue
                _watch(watch, lease, stopped)
        finally:
            watch.close()
            beat.stop()


def _take_lease() -> HeldLease | None:
    try:
        free_lease_of_the_dead(LEASE)
        return leases.take_lease(LEASE, owner=process_owner(), seconds=LEASE_S)
    except DatabaseError as error:
        log.warning("watch.no_database", error=type(error).__name__)
        return None
    finally:
        close_old_connections()


def _watch(watch: Watch, lease: HeldLease, stopped: threading.Event) -> None:
    """Until stopped, or another one has the lease."""
    bells = Bells()
    next_round = 0.0
    try:
        while not stopped.is_set():
            # Short, because a signal does not end the wait for events.
            watch.pump(timeout_s=0.5)
            if time.monotonic() >= next_round:
                _look(watch, lease, bells)
                next_round = time.monotonic() + ROUND_S
        lease.release()
    except LeaseLost:
        log.warning("watch.lease_lost")
    finally:
        watch.close()


def _look(watch: Watch, lease: HeldLease, bells: Bells) -> None:
    """A database that is away for a moment must not end all connections."""
    try:
        lease.extend(LEASE_S)
        watch.refresh()
        bells.ring("sync.account", due_accounts())
    except DatabaseError as error:
        log.warning("watch.no_database", error=type(error).__name__)
    finally:
        close_old_connections()
