"""`manage.py watch`: hears of new mail at once, for all accounts, in one process; wakes workers and does nothing else."""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections

from webmail.sync.watching.watch import Watch
from webmail.sync.watching.watch_shards import Shards, lease_name
from webmail.sync.watching.watch_targets import SHARDS
from webmail.workers.heartbeat import Heartbeat
from webmail.workers.stopping import free_lease_of_the_dead, process_owner, stop_on_signals
from webmail.workers.waiting import Bells, due_accounts

log = structlog.get_logger(__name__)

ROUND_S = 2.0  # how often accounts, due polls and leases are looked at


class Command(BaseCommand):
    """Several, here or on other machines, share the accounts; those of one that dies are taken over by the others."""

    help = "Listen for new mail at all IMAP servers, and poll the others. Runs until it is stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = stop_on_signals()
        watch = Watch()
        shards = Shards(process_owner())
        _free_leases_of_the_dead()
        beat = Heartbeat("watch", detail=lambda: {**watch.figures(), "shards": len(shards.held)}).start()
        try:
            _watch(watch, shards, stopped)
        finally:
            watch.close()
            beat.stop()


def _watch(watch: Watch, shards: Shards, stopped: threading.Event) -> None:
    bells = Bells()
    next_round = 0.0
    while not stopped.is_set():
        # Short, because a signal does not end the wait for events.
        watch.pump(timeout_s=0.5)
        if time.monotonic() >= next_round:
            _look(watch, shards, bells)
            next_round = time.monotonic() + ROUND_S
    try:
        shards.release()
    except DatabaseError as error:
        log.warning("watch.no_database", error=type(error).__name__)  # they end by themselves
    finally:
        close_old_connections()


def _look(watch: Watch, shards: Shards, bells: Bells) -> None:
    """A database that is away for a moment must not end all connections."""
    try:
        held = shards.look()
        watch.refresh(held)
        if held:
            bells.ring("sync.account", due_accounts())
    except DatabaseError as error:
        log.warning("watch.no_database", error=type(error).__name__)
    finally:
        close_old_connections()


def _free_leases_of_the_dead() -> None:
    """So that a restart on this machine need not wait for the leases to end."""
    try:
        for shard in range(SHARDS):
            free_lease_of_the_dead(lease_name(shard))
    except DatabaseError as error:
        log.warning("watch.no_database", error=type(error).__name__)
    finally:
        close_old_connections()
