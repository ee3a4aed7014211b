"""The Celery tasks: each only names the function that does the work, in the layer that owns the rows.

Rows are the queue and a message is a doorbell: a task that is lost, delivered twice or fails changes nothing, because
`sweep` finds the rows again. Arguments are ids of rows, never secrets or content (security R49).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from celery import Task, signals
from django.core.exceptions import ObjectDoesNotExist
from django.db import close_old_connections

from webmail.celery import app
from webmail.journal.actions import selection
from webmail.store import indexing, server_searches
from webmail.store.reading import drawings, pictures, sender_checks
from webmail.sync import connections, passes
from webmail.sync.actions import replay
from webmail.sync.checking import diagnose
from webmail.sync.content import bodies, budget
from webmail.sync.outgoing import deliver, draft_copies, lanes
from webmail.sync.pictures import fetch
from webmail.sync.searching import run as searching
from webmail.sync.turns import turns
from webmail.sync.verifying import arrivals, check
from webmail.workers.heartbeat import Heartbeat
from webmail.workers.memory import freeze_what_is_loaded

log = structlog.get_logger(__name__)


class RowTask(Task):  # type: ignore[misc]
    """Runs a body on ids of rows: fresh database connections, log lines that name task and rows, and no way out for
    errors. This is the one place where a broad except is right."""

    abstract = True

    def __call__(self, *row_ids: int) -> None:
        close_old_connections()
        with structlog.contextvars.bound_contextvars(task=self.name, rows=list(row_ids)):
            try:
                self.run(*row_ids)
            except ObjectDoesNotExist as error:
                log.info("task.row_gone", error=str(error))  # deleted since somebody rang
            except Exception:
                log.exception("task.failed")
            finally:
                close_old_connections()


BODIES: Mapping[str, Callable[..., object]] = {
    "sync.account": passes.sync_account,
    "sync.mailbox": passes.sync_mailbox,
    "sync.body": bodies.fetch_body,
    "sync.drafts": draft_copies.file_drafts,
    "journal.replay": replay.replay_account,
    selection.TASK: selection.apply_rest,
    "outbox.deliver": deliver.deliver_submission,
    deliver.TASK: deliver.deliver_account,
    "connections.test": diagnose.run_connection_test,
    "index.account": indexing.index_account,
    drawings.TASK: drawings.make_drawing,
    sender_checks.TASK: check.check_email,
    pictures.TASK: fetch.fetch_pictures,
    server_searches.TASK: searching.search_server,
}

for _name, _body in BODIES.items():
    app.task(name=_name, base=RowTask)(_body)

arrivals.connect()


_beats: list[Heartbeat] = []


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _settle(**_: Any) -> None:
    """Before the cpu worker forks: its children share what is frozen."""
    freeze_what_is_loaded()


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _show_life(sender: Any, **_: Any) -> None:
    """A worker is named kind@host, such as net@mail. The cpu worker forks, so it must not keep a database pool."""
    kind = str(sender.hostname).partition("@")[0]
    if kind == "net":
        turns.set_threads(sender.controller.concurrency)
        lanes.set_threads(sender.controller.concurrency)
    _beats.append(Heartbeat(kind, is_forking=kind == "cpu").start())


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _begin_to_end(**_: Any) -> None:
    """Long drains end after the message they are at: nothing is left in doubt by a restart."""
    lanes.close()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _end_life(**_: Any) -> None:
    connections.close_kept_sessions()
    budget.flush_all()
    while _beats:
        _beats.pop().stop()
