"""The right to work on one thing, held by one worker at a time (sync Y82).

A lease ends by itself when its owner dies. Its fencing number grows with every owner: a commit that checks it can never be
made by one who lost it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from webmail.store.errors import LeaseLost
from webmail.store.models import Lease


@dataclass(frozen=True)
class HeldLease:
    """A lease in our hands."""

    name: str
    owner: str
    fencing: int

    def check(self) -> None:
        """Call inside the transaction that writes. Raises `LeaseLost` when another worker has taken over.

        The row stays locked to the end of the transaction, so nobody takes over between check and commit.
        """
        held = Lease.objects.select_for_update().filter(name=self.name, owner=self.owner, fencing=self.fencing)
        if not held.exists():
            raise LeaseLost(f"the lease {self.name} is no longer ours")

    def extend(self, seconds: float) -> None:
        """Keep it for `seconds` from now. Raises `LeaseLost`."""
        held = Lease.objects.filter(name=self.name, owner=self.owner, fencing=self.fencing)
        if not held.update(expires_at=timezone.now() + timedelta(seconds=seconds)):
            raise LeaseLost(f"the lease {self.name} is no longer ours")

    def release(self) -> None:
        """Let others have it. Does nothing when it is no longer ours."""
        Lease.objects.filter(name=self.name, owner=self.owner, fencing=self.fencing).update(
            owner="", expires_at=timezone.now()
        )


def take_lease(name: str, *, owner: str, seconds: float) -> HeldLease | None:
    """The lease when it is free or has ended, else None. `owner` must be unique to the process and thread."""
    now = timezone.now()
    with transaction.atomic():
        Lease.objects.get_or_create(name=name)
        free = Lease.objects.filter(Q(owner="") | Q(expires_at__lt=now), name=name)
        if not free.update(owner=owner, fencing=F("fencing") + 1, expires_at=now + timedelta(seconds=seconds)):
            return None
        fencing = Lease.objects.values_list("fencing", flat=True).get(name=name)
    return HeldLease(name, owner, fencing)


@contextmanager
def leased(name: str, *, owner: str, seconds: float) -> Iterator[HeldLease | None]:
    """Work inside a lease: yields None when another worker has it."""
    lease = take_lease(name, owner=owner, seconds=seconds)
    try:
        yield lease
    finally:
        if lease is not None:
            lease.release()
