"""When to look at accounts whose servers do not tell (sync Y79). Kept in memory: no row is written to wait.

Whose pages are open says Redis: the stream of events of each page listens at a channel of its user as well, and Redis knows
which channels have listeners. Nothing is written for that either, and a page that is closed is gone at once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Container

import redis
import structlog

from webmail import dispatch

log = structlog.get_logger(__name__)

OPEN_S = 60.0  # no IDLE, and a page of its user is open
CLOSED_S = 300.0  # no IDLE
OTHERS_S = 300.0  # IDLE tells of the inbox only: the other mailboxes, while a page is open; else the full pass does it
ASK_S = 10.0  # how often Redis is asked whose pages are open


def users_with_pages() -> frozenset[int]:
    """The users with an open page, by their ids; nobody while Redis is away."""
    client = dispatch.connect_redis()
    try:
        channels = client.pubsub_channels(f"{dispatch.PAGES_CHANNEL}*")
    except (redis.RedisError, OSError) as error:
        log.debug("watch.no_redis", error=type(error).__name__)
        return frozenset()
    finally:
        client.close()
    names = (channel.decode("ascii", "replace") if isinstance(channel, bytes) else channel for channel in channels)
    ids = (name.removeprefix(dispatch.PAGES_CHANNEL) for name in names)
    return frozenset(int(user_id) for user_id in ids if user_id.isdecimal())


class Polls:
    """Remembers when each account was woken last. Ask often; it answers True once per interval."""

    def __init__(
        self,
        *,
        find_users: Callable[[], Collection[int]] = users_with_pages,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find_users = find_users
        self._clock = clock
        self._asked_at = float("-inf")
        self._users: Collection[int] = ()
        self._last: dict[int, float] = {}

    def is_due(self, account_id: int, *, user_id: int, is_heard: bool, has_notify: bool) -> bool:
        """Whether to look at the account now. `is_heard`: its server tells of its inbox; `has_notify`: of all mailboxes."""
        if has_notify:
            return False
        now = self._clock()
        is_open = user_id in self._ask(now)
        if is_heard and not is_open:
            return False
        interval = OTHERS_S if is_heard else (OPEN_S if is_open else CLOSED_S)
        # The first time somewhere within the interval, so that not all come at once (Y80).
        last = self._last.setdefault(account_id, now - random.uniform(0, interval))  # noqa: S311 - no secret
        if now - last < interval:
            return False
        self._last[account_id] = now
        return True

    def keep(self, accounts: Container[int]) -> None:
        """Forget all others."""
        for account_id in [one for one in self._last if one not in accounts]:
            del self._last[account_id]

    def _ask(self, now: float) -> Collection[int]:
        if now - self._asked_at >= ASK_S:
            self._asked_at = now
            self._users = self._find_users()
        return self._users
