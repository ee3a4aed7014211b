"""A doorbell that cannot be relied on (F11): wake-ups come twice, late, in another order, or never."""

from __future__ import annotations

import random
import threading

LATEST_S = 1.5


def spoil_doorbell(
    *, copies: int = 1, dropped: float = 0.0, is_reordered: bool = False, visibility_s: float = 0
) -> None:
    """Break `webmail.dispatch` and the transport in this process. `dropped` is the share of wake-ups that never come;
    `visibility_s` the broker's: a task that takes longer is delivered again while it runs."""
    from webmail import dispatch
    from webmail.celery import app

    send, dice = dispatch._send_task, random.Random()

    def send_badly(task: str, row_ids: tuple[int, ...]) -> None:
        for _ in range(copies):
            if dice.random() < dropped:
                continue
            if is_reordered:
                timer = threading.Timer(dice.uniform(0, LATEST_S), send, (task, row_ids))
                timer.daemon = True
                timer.start()
            else:
                send(task, row_ids)

    dispatch._send_task = send_badly
    if visibility_s:
        app.conf.broker_transport_options = {
            **app.conf.broker_transport_options,
            "visibility_timeout": visibility_s,
            "unacked_restore_interval": 0.5,
        }
