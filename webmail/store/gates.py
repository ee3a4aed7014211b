"""How many connections a host takes for now, after it said that we have too many (sync Y81). All processes see it.

It recovers by itself, step by step, without a write: the limit grows by one for each `STEP` after the end of the gate.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from webmail.store.models import HostGate

CLOSED = timedelta(minutes=5)  # the limit stands for so long
STEP = timedelta(minutes=1)  # then one connection more each time


def lower_gate(host: str, *, limit: int, reason: str) -> None:
    """At most `limit` connections (at least one) of each process for a while."""
    HostGate.objects.update_or_create(
        host=host.lower()[:253],
        defaults={"limit": max(limit, 1), "until": timezone.now() + CLOSED, "reason": reason[:600]},
    )


def limit_of(host: str, *, usual: int, now: datetime | None = None) -> int:
    """How many connections of one process the host takes now; never more than `usual`."""
    gate = HostGate.objects.filter(host=host.lower()[:253]).first()
    if gate is None:
        return usual
    late = (now or timezone.now()) - gate.until
    if late < timedelta(0):
        return min(gate.limit, usual)
    return min(gate.limit + 1 + late // STEP, usual)
