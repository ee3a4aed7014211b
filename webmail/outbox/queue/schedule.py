"""When a submission is tried again, and how long anything about it may take. Pure: times in, times out (reliability section 4)."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

# Wait before try n+1 after n tries: 7.5 min, doubling, capped at 16 h. The tenth try is 47 h 52.5 min after the first.
WAITS_S = (450, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 57_600, 57_600)
MAX_TRIES = len(WAITS_S) + 1
GIVE_UP_AFTER = timedelta(hours=48)
TELL_AFTER = timedelta(hours=2)  # from then on the user is told that it is delayed
JITTER = 0.1  # so that a server that comes back is not met by everybody at once

LEASE_S = 60.0  # a worker renews it while it lives; a dead one is noticed within this time (I8: 120 s)
LEASE_RENEWAL_S = 15.0

MAX_AHEAD = timedelta(days=60)  # reliability R74
LATE_SEND_LIMIT = timedelta(hours=24)  # missed by more than this, the user is asked instead

COPY_FIRST_RETRY_S = 60
COPY_LONGEST_RETRY_S = 6 * 3600
EVIDENCE_FIRST_S = 60
EVIDENCE_LONGEST_S = 6 * 3600
EVIDENCE_FOR = timedelta(days=14)  # no server files a copy later; from then on only a person can tell


def next_try(*, tries: int, first_try_at: datetime, now: datetime) -> datetime:
    """When to try again if the try that begins now, the `tries`th, does not succeed. Never past 48 h after the first."""
    wait_s = WAITS_S[min(tries, len(WAITS_S)) - 1]
    due = now + timedelta(seconds=wait_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret
    return min(due, max(first_try_at + GIVE_UP_AFTER, now))


def is_exhausted(*, tries: int, first_try_at: datetime | None, now: datetime) -> bool:
    """Whether the last try of the schedule is over."""
    return tries >= MAX_TRIES or (first_try_at is not None and now >= first_try_at + GIVE_UP_AFTER)


def copy_retry(failures: int, *, now: datetime) -> datetime:
    """When to try again to file the Sent copy after so many failures."""
    return now + timedelta(seconds=min(COPY_FIRST_RETRY_S * 2 ** min(failures, 12), COPY_LONGEST_RETRY_S))


def evidence_check(*, since: datetime, now: datetime) -> datetime:
    """When to look again whether an unconfirmed message has left: often at first, later every six hours."""
    age_s = (now - since).total_seconds()
    return now + timedelta(seconds=min(max(age_s, EVIDENCE_FIRST_S), EVIDENCE_LONGEST_S))
