"""Which accounts this process listens to, when several `watch` run: a lease for each of a few shards (sync Y82).

Accounts are dealt out to shards by their id. All leases are renewed by one UPDATE every few seconds, whatever the number of
accounts. Free shards are taken up to a fair share; those of a process that died, by whoever sees it first. Who holds more
than its share while others live gives some back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from webmail.store import leases
from webmail.store.models import Heartbeat, Lease
from webmail.sync.watching.watch_targets import SHARDS

LEASE_S = 20.0  # a killed process is replaced after this and a look
RENEW_S = 6.0
LOOK_S = 3.0  # how often somebody with less than all looks for free ones
ALIVE_S = 25.0  # a process that was heard of within this counts when shares are made


def lease_name(shard: int) -> str:
    """The name of a shard's lease."""
    return f"watch:{shard}"


class Shards:
    """The shards of one process. One thread only. Raises `DatabaseError` when the database is away."""

    def __init__(self, owner: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._owner = owner
        self._clock = clock
        self._held: dict[int, leases.HeldLease] = {}
        self._good_until = 0.0
        self._renewed_at = self._looked_at = float("-inf")

    @property
    def held(self) -> frozenset[int]:
        """Ours for sure: none once they could not be renewed in time."""
        return frozenset(self._held) if self._clock() < self._good_until else frozenset()

    def look(self) -> frozenset[int]:
        """Renew, take and give back what is due; returns the shards that are ours now."""
        now = self._clock()
        if self._held and now - self._renewed_at >= RENEW_S:
            self._renew(now)
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            self._balance(now)
        return self.held

    def release(self) -> None:
        """Let others have all of them at once."""
        for lease in self._held.values():
            lease.release()
        self._held.clear()

    def _renew(self, now: float) -> None:
        names = [lease.name for lease in self._held.values()]
        rows = Lease.objects.filter(name__in=names, owner=self._owner)
        until = timezone.now() + timedelta(seconds=LEASE_S)
        if rows.update(expires_at=until) != len(names):
            fencing = dict(rows.values_list("name", "fencing"))
            self._held = {
                shard: lease for shard, lease in self._held.items() if fencing.get(lease.name) == lease.fencing
            }
        self._renewed_at, self._good_until = now, now + LEASE_S

    def _balance(self, now: float) -> None:
        share = self._fair_share()
        while len(self._held) > share:
            _, lease = self._held.popitem()
            lease.release()
        if len(self._held) == SHARDS:
            return
        rows = {row.name: row for row in Lease.objects.filter(name__in=[lease_name(one) for one in range(SHARDS)])}
        for shard in range(SHARDS):
            row = rows.get(lease_name(shard))
            is_dead = row is not None and row.owner != "" and row.expires_at < timezone.now()
            is_free = row is None or row.owner == ""
            if shard not in self._held and (is_dead or (is_free and len(self._held) < share)):
                taken = leases.take_lease(lease_name(shard), owner=self._owner, seconds=LEASE_S)
                if taken is not None:
                    self._held[shard] = taken
                    # The oldest of them counts for all; a renewal comes soon.
                    self._good_until = min(self._good_until, now + LEASE_S) if self.held else now + LEASE_S

    def _fair_share(self) -> int:
        since = timezone.now() - timedelta(seconds=ALIVE_S)
        alive = max(Heartbeat.objects.filter(kind="watch", seen_at__gte=since).count(), 1)
        return -(-SHARDS // alive)
