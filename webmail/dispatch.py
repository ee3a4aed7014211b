"""Waking others: a worker by the name of its task, and open pages by the name of what changed. Always after commit.

Both are doorbells. When Redis is away they are silent: `sweep` finds the rows, and pages find the change at their next
request. Nothing here may raise into a request or hold one up for longer than two seconds (reliability R87).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import transaction
from kombu import pools
from kombu.exceptions import KombuError

from webmail.celery import DOORBELL_TIMEOUT_S, app

log = structlog.get_logger(__name__)

CHANGES_CHANNEL = "pillarbox:changes"
PAGES_CHANNEL = f"{CHANGES_CHANNEL}:"  # and the id of a user: who has a page open listens there, so one can count them
QUIET_AFTER_FAILURE_S = 5.0  # after a failed ring we do not try again for this long: pages stay quick

_lock = threading.Lock()
_quiet_until = 0.0
_client: redis.Redis | None = None


def wake(task: str, *row_ids: int) -> None:
    """Send a worker to look at these rows, once the running transaction has committed.

    Only ids of rows travel: never secrets, addresses or content (security R49).
    """
    transaction.on_commit(partial(_ring, partial(_send_task, task, row_ids)))


def announce(change: Mapping[str, Any]) -> None:
    """Tell open pages and streams, after commit. `change` is small JSON: account, user, types and states."""
    transaction.on_commit(partial(_ring, partial(_publish, dict(change))))


def _send_task(task: str, row_ids: tuple[int, ...]) -> None:
    with pools.producers[_bell()].acquire(block=True, timeout=DOORBELL_TIMEOUT_S) as producer:
        app.send_task(task, args=row_ids, producer=producer)


@cache
def _bell() -> Any:
    """The key of a pool of our own: a worker may wait ten seconds for a Redis that hangs, a page may not."""
    return app.connection_for_write(transport_options={"socket_timeout": DOORBELL_TIMEOUT_S})


def _publish(change: Mapping[str, Any]) -> None:
    global _client
    if _client is None:
        _client = connect_redis()
    _client.publish(CHANGES_CHANNEL, json.dumps(change))


def connect_redis() -> redis.Redis:
    """A client with short time-outs. Lazy: it connects at first use."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=DOORBELL_TIMEOUT_S, socket_connect_timeout=DOORBELL_TIMEOUT_S
    )


def _ring(action: partial[None]) -> None:
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return
    try:
        action()
    except (redis.RedisError, KombuError, OSError) as error:
        with _lock:
            _quiet_until = time.monotonic() + QUIET_AFTER_FAILURE_S
        log.warning("dispatch.doorbell_silent", error=type(error).__name__)
