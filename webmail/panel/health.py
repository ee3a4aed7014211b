"""How the installation is, read from rows alone: what the operator should look at first (reliability R94).

Nothing here asks Redis, a mail server or another process; a process that is alive says so in its heartbeat row.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count, DateTimeField, Exists, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import AccountState, MailAccount
from webmail.journal.models import Action
from webmail.outbox.models import Phase, Report, Submission, SubmissionEvent, SubmissionRecipient
from webmail.outbox.queries import MANY_TRIES
from webmail.outbox.queue.schedule import TELL_AFTER
from webmail.store.blobs import LOW_SPACE_BYTES, LOW_SPACE_SHARE
from webmail.store.indexing import TOO_LARGE, UNREADABLE
from webmail.store.models import Email, FetchState, Heartbeat, HostGate, Mailbox

# 15 minutes late (R94): a full pass of an account whose server announces mail is due every 15 minutes (sync Y79).
LATE_AFTER = timedelta(minutes=30)
SILENT_AFTER = timedelta(seconds=30)  # a living process says so every few seconds
RECENT = timedelta(days=7)  # older failures have been seen
PROCESS_KINDS = ("net", "cpu", "watch", "sweep")  # the page itself shows that web is alive
MAX_ERRORS = 10
WATCH_FIGURES = ("accounts", "listening", "notify", "idle", "polled", "shards")  # as `watch` gives them
# Counting beyond this tells nothing more and costs time on a large installation.
MAX_COUNTED = 10_000


@dataclass(frozen=True)
class AccountFigures:
    """Mail accounts by condition."""

    total: int
    failing: int
    refused: int
    late: int
    paused: int


@dataclass(frozen=True)
class ProcessFigures:
    """One kind of process: how many are alive, and when one was last heard of."""

    kind: str
    alive: int
    seen_at: datetime | None

    @property
    def is_missing(self) -> bool:
        return not self.alive


@dataclass(frozen=True)
class QueueLength:
    """Work that waits in rows. `length` is at most MAX_COUNTED."""

    length: int
    oldest_at: datetime | None


@dataclass(frozen=True)
class JournalFigures:
    """Actions that servers must still be told, and those refused for good lately."""

    open: int
    oldest_at: datetime | None
    tried_often: int
    failed: int


@dataclass(frozen=True)
class DiskFigures:
    """The space left where we write."""

    name: str
    free_bytes: int
    total_bytes: int

    @property
    def is_low(self) -> bool:
        """Less than twice of what makes the store refuse new mail (`store.blobs.check_space`): a warning in time."""
        return self.free_bytes < 2 * LOW_SPACE_BYTES and self.free_bytes < 2 * LOW_SPACE_SHARE * self.total_bytes


@dataclass(frozen=True)
class RecentError:
    """Something a server said that stopped us."""

    at: datetime
    row: MailAccount | Submission | Action
    text: str


def late_accounts(rows: QuerySet[MailAccount]) -> QuerySet[MailAccount]:
    """Those that should run by themselves and have not ended a pass for too long."""
    since = timezone.now() - LATE_AFTER
    last = Coalesce("last_sync_at", "created_at", output_field=DateTimeField())
    return rows.alias(last=last).filter(last__lt=since).exclude(state__in=_NOT_EXPECTED)


_NOT_EXPECTED = (AccountState.PAUSED, AccountState.AUTH_FAILED)


def account_figures() -> AccountFigures:
    """Two queries."""
    counted = MailAccount.objects.order_by().aggregate(
        total=Count("id"),
        failing=Count("id", filter=Q(state=AccountState.FAILING)),
        refused=Count("id", filter=Q(state=AccountState.AUTH_FAILED)),
        paused=Count("id", filter=Q(state=AccountState.PAUSED)),
    )
    return AccountFigures(late=late_accounts(MailAccount.objects.all()).count(), **counted)


def process_figures() -> list[ProcessFigures]:
    """Every kind that should run, and any other that has said something; one query."""
    since = timezone.now() - SILENT_AFTER
    seen: dict[str, list[datetime]] = {kind: [] for kind in PROCESS_KINDS}
    for kind, at in Heartbeat.objects.values_list("kind", "seen_at"):
        seen.setdefault(kind, []).append(at)
    return [
        ProcessFigures(kind, sum(at >= since for at in times), max(times, default=None)) for kind, times in seen.items()
    ]


def recently_failed(rows: QuerySet[Submission]) -> QuerySet[Submission]:
    """Those that came to nothing lately."""
    return rows.filter(phase=Phase.FAILED, created_at__gte=timezone.now() - RECENT)


def recently_came_back(rows: QuerySet[Submission]) -> QuerySet[Submission]:
    """Sent ones of which a server reported lately that somebody did not get them."""
    since = timezone.now() - RECENT
    reported = SubmissionRecipient.objects.filter(submission=OuterRef("pk"), report=Report.FAILED, report_at__gte=since)
    return rows.filter(Exists(reported))


def delayed(rows: QuerySet[Submission]) -> QuerySet[Submission]:
    """Those whose first try was longer ago than their senders take for granted (reliability R69)."""
    return rows.filter(phase=Phase.RETRY, first_try_at__lte=timezone.now() - TELL_AFTER)


def recently_refused(rows: QuerySet[Action]) -> QuerySet[Action]:
    """Actions that a server refused for good lately."""
    return rows.filter(status=Action.Status.FAILED, created_at__gte=timezone.now() - RECENT)


def tried_often(rows: QuerySet[Submission]) -> QuerySet[Submission]:
    """Delayed, and tried more often than R94 lets pass in silence."""
    return rows.filter(phase=Phase.RETRY, attempts__gt=MANY_TRIES)


def journal_figures() -> JournalFigures:
    """Two queries."""
    counted = (
        Action.objects.filter(status__in=Action.OPEN)
        .order_by()
        .aggregate(
            open=Count("id"), oldest_at=Min("created_at"), tried_often=Count("id", filter=Q(attempts__gt=MANY_TRIES))
        )
    )
    return JournalFigures(failed=recently_refused(Action.objects.all()).count(), **counted)


def troubled(rows: QuerySet[Mailbox]) -> QuerySet[Mailbox]:
    """Mailboxes whose last visit failed, parked or not."""
    return rows.exclude(trouble="")


def parked(rows: QuerySet[Mailbox]) -> QuerySet[Mailbox]:
    """Mailboxes that are left alone for now, because visit after visit failed (reliability R91)."""
    return rows.filter(parked_until__gt=timezone.now())


def lowered_gates() -> QuerySet[HostGate]:
    """Hosts that said we hold too many connections, while their limit stands."""
    return HostGate.objects.filter(until__gt=timezone.now())


def watch_figures() -> dict[str, int]:
    """Accounts by how new mail is noticed, over all `watch` processes that are alive; one query."""
    since = timezone.now() - SILENT_AFTER
    figures = dict.fromkeys(WATCH_FIGURES, 0)
    for detail in Heartbeat.objects.filter(kind="watch", seen_at__gte=since).values_list("detail", flat=True):
        for name in WATCH_FIGURES:
            value = detail.get(name, 0) if isinstance(detail, dict) else 0
            figures[name] += value if isinstance(value, int) else 0
    return figures


def missing_bodies() -> QueueLength:
    """Messages whose bytes are to be had and not here yet."""
    return QueueLength(_count(Email.objects.filter(blob=None, body_error="")), None)


def wanted_bodies() -> QueueLength:
    """Messages somebody has opened whose bytes are still to be fetched."""
    rows = Email.objects.filter(blob=None, body_wanted_at__isnull=False, body_error="")
    return QueueLength(_count(rows), rows.aggregate(oldest=Min("body_wanted_at"))["oldest"])


def unindexed_emails() -> QueueLength:
    """Messages whose bytes are here and still to be parsed."""
    return QueueLength(_count(Email.objects.filter(is_indexed=False, blob__isnull=False)), None)


def awaited(rows: QuerySet[Any]) -> QueueLength:
    """What readers wait for a worker to fetch, draw or check: rows of `store.models.reading`."""
    found = rows.filter(state=FetchState.WANTED).order_by().aggregate(length=Count("id"), oldest=Min("wanted_at"))
    return QueueLength(min(found["length"], MAX_COUNTED), found["oldest"])


def unreadable_emails() -> int:
    """Messages that could not be taken apart within the limits; their sources can be downloaded."""
    return _count(Email.objects.filter(is_indexed=True, body_error__in=(UNREADABLE, TOO_LARGE)))


def disk_figures() -> list[DiskFigures]:
    """Where the database, logs and blobs of this machine lie; a folder that is not there yet is left out."""
    folders = {"data": Path(settings.VAR_DIR)}
    blobs = urlsplit(settings.BLOB_URL)
    if blobs.scheme == "file":
        folders["messages"] = Path(blobs.path)
    found = []
    for name, folder in folders.items():
        if folder.is_dir():
            usage = shutil.disk_usage(folder)
            found.append(DiskFigures(name, usage.free, usage.total))
    return found


def recent_errors() -> list[RecentError]:
    """The last things that went wrong at servers, newest first; three queries."""
    stopped = MailAccount.objects.filter(state__in=(AccountState.FAILING, AccountState.AUTH_FAILED))
    accounts = stopped.select_related("user").order_by("-state_since")[:MAX_ERRORS]
    troubled = SubmissionEvent.objects.filter(phase__in=(Phase.FAILED, Phase.RETRY, Phase.UNCONFIRMED))
    events = troubled.select_related("submission").order_by("-id")[:MAX_ERRORS]
    failed = Action.objects.filter(status=Action.Status.FAILED).order_by("-id")[:MAX_ERRORS]
    errors = [RecentError(account.state_since, account, account.state_reason) for account in accounts]
    errors += [RecentError(event.at, event.submission, event.text) for event in events]
    errors += [RecentError(action.done_at or action.created_at, action, action.error) for action in failed]
    return sorted(errors, key=lambda error: error.at, reverse=True)[:MAX_ERRORS]


def _count(rows: QuerySet[Email]) -> int:
    return rows.order_by()[:MAX_COUNTED].count()
