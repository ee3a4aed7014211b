"""An answer that waits for a worker: the view asks the store now and then, and sleeps in between.

For asynchronous views alone. Nothing is locked and no database connection is held while it sleeps: a page full of pictures that
are still being made costs little more than the open connections of the browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

T = TypeVar("T")

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 0.5
GROWTH = 1.5


async def wait_for(look: Callable[[], T | None], *, seconds: float) -> T | None:
    """What `look` gives as soon as it gives something; None when `seconds` have passed. `look` may ask the database."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    pause_s = FIRST_PAUSE_S
    while True:
        found = await sync_to_async(_look)(look)
        left_s = ends_at - loop.time()
        if found is not None or left_s <= 0:
            return found
        await asyncio.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * GROWTH, LONGEST_PAUSE_S)


def _look(look: Callable[[], T | None]) -> T | None:
    try:
        return look()
    finally:
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
