"""The Celery application. Messages are only a doorbell: rows are the queue (decision 0002)."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webmail.settings")

LONGEST_TASK_S = 4_500  # a delivery that waits its longest for a slow server: body 3,600 s and final dot 600 s
DOORBELL_TIMEOUT_S = 2  # a page must not wait for a Redis that hangs (reliability R87)

app = Celery("pillarbox")


@app.on_configure.connect  # type: ignore[untyped-decorator]
def _read_settings(sender: Celery, **_: Any) -> None:
    from django.conf import settings

    sender.conf.broker_url = broker_url(settings.REDIS_URL)


app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    result_backend=None,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    # True would make workers exit when Redis restarts (Celery 5.7).
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=DOORBELL_TIMEOUT_S,
    broker_transport_options={
        "visibility_timeout": LONGEST_TASK_S,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 10,
        "socket_connect_timeout": DOORBELL_TIMEOUT_S,
        "queue_order_strategy": "priority",
    },
    task_default_queue="net",
    task_routes={"index.*": {"queue": "cpu"}, "drawings.*": {"queue": "cpu"}},
    task_publish_retry=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    imports=["webmail.workers.tasks"],
)


def broker_url(redis_url: str) -> str:
    """Our REDIS_URL as kombu spells it: a Unix socket is redis+socket://."""
    return redis_url.replace("unix://", "redis+socket://", 1) if redis_url.startswith("unix://") else redis_url


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _keep_django_logging(**_: Any) -> None:
    """Celery leaves logging to Django's configuration."""
