"""How many bytes an account has moved today, and how many it may (reliability R84).

Counted in memory and written now and then: a pass that finds nothing new writes no row for it. A process that is killed
forgets less than `FLUSH_BYTES` of each account. The day is a day of UTC.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from datetime import UTC, date, datetime
from typing import Protocol
from weakref import WeakKeyDictionary

from django.db.models import F

from accounts.models import MailAccount
from webmail.store.models import Traffic
from webmail.sync import providers

FLUSH_BYTES = 262_144


class Counting(Protocol):
    """A session that counts its bytes."""

    @property
    def bytes_read(self) -> int: ...
    @property
    def bytes_written(self) -> int: ...


class _Counts:
    """What was counted in this process and is not in the rows yet: account to (down, up)."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.moved: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
        self.seen: WeakKeyDictionary[Counting, tuple[int, int]] = WeakKeyDictionary()

    def take(self, account_id: int) -> tuple[int, int]:
        with self.lock:
            down, up = self.moved.pop(account_id, (0, 0))
            return down, up


_counts = _Counts()


def today() -> date:
    """The day that counts."""
    return datetime.now(UTC).date()


def count_session(account_id: int, session: Counting) -> None:
    """Count what the session moved since it was last counted; written when it is worth a row."""
    with _counts.lock:
        before = _counts.seen.get(session, (0, 0))
        now = (session.bytes_read, session.bytes_written)
        _counts.seen[session] = now
        moved = _counts.moved[account_id]
        moved[0] += now[0] - before[0]
        moved[1] += now[1] - before[1]
        is_due = sum(moved) >= FLUSH_BYTES
    if is_due:
        flush(account_id)


def flush(account_id: int) -> None:
    """Write what was counted, in one statement but for the first of a day. Does nothing when nothing was."""
    down, up = _counts.take(account_id)
    if not down and not up:
        return
    row = Traffic.objects.filter(account_id=account_id, day=today())
    if not row.update(bytes_down=F("bytes_down") + down, bytes_up=F("bytes_up") + up):
        if not MailAccount.objects.filter(pk=account_id).exists():
            return  # deleted meanwhile
        Traffic.objects.get_or_create(account_id=account_id, day=today())
        row.update(bytes_down=F("bytes_down") + down, bytes_up=F("bytes_up") + up)


def flush_all() -> None:
    """Write everything: at the end of a process."""
    for account_id in list(_counts.moved):
        flush(account_id)


def bytes_down_today(account_id: int) -> int:
    """What the account has fetched today, with what is not written yet."""
    written = Traffic.objects.filter(account_id=account_id, day=today()).values_list("bytes_down", flat=True).first()
    with _counts.lock:
        pending = _counts.moved[account_id][0] if account_id in _counts.moved else 0
    return (written or 0) + pending


def limit_of(account: MailAccount) -> int | None:
    """Bytes that may be fetched in a day; None: no limit."""
    if account.daily_byte_limit is not None:
        return account.daily_byte_limit
    return providers.profile(account.incoming_host).daily_bytes_down


def is_spent(account: MailAccount) -> bool:
    """Whether the rest of the bodies waits for tomorrow. New mail, and what somebody opens, still comes."""
    limit = limit_of(account)
    return limit is not None and bytes_down_today(account.pk) >= limit


def explain(account: MailAccount) -> str:
    """Why bodies wait, for people."""
    megabytes = (limit_of(account) or 0) // 1_000_000
    return (
        f"The {megabytes:,} MB that may be fetched in a day are used up. New messages still arrive, and those you open; "
        "the rest follows after midnight UTC."
    )
