"""Figures of sync and sending for Prometheus (/metrics), counted from rows when somebody asks, at most every few seconds (R94).

All processes that serve pages give the same figures: they tell of the installation, not of the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

import structlog
from django.db import DatabaseError
from django.db.models import Count, Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from accounts.models import AccountState, MailAccount
from webmail.figures import INSTALLATION
from webmail.outbox.models import Phase, Submission
from webmail.outbox.queries import queue_figures
from webmail.panel import health
from webmail.store.models import Mailbox

log = structlog.get_logger(__name__)

KEEP_S = 10.0  # how long figures are given again without counting


class Figures(Collector):
    """See the module."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counted_at = float("-inf")
        self._figures: list[Metric] = []

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: registering must not ask the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The figures; those of last time while the database is away."""
        with self._lock:
            if self._clock() - self._counted_at >= KEEP_S:
                self._counted_at = self._clock()
                try:
                    self._figures = list(_count())
                except DatabaseError as error:
                    log.warning("metrics.no_database", error=type(error).__name__)
            return list(self._figures)


def register() -> None:
    """Once in a process."""
    INSTALLATION.register(Figures())


def _count() -> Iterator[Metric]:
    yield _accounts()
    yield _gauge("accounts_late", "Accounts late by more than 15 minutes", _late())
    yield _gauge("mailboxes_parked", "Mailboxes left alone for a while", health.parked(Mailbox.objects.all()).count())
    yield _gauge(
        "mailboxes_troubled", "Mailboxes whose last visit failed", health.troubled(Mailbox.objects.all()).count()
    )
    repairs = Mailbox.objects.aggregate(sum=Sum("repairs"))["sum"] or 0
    yield CounterMetricFamily("pillarbox_repairs", "What full comparisons had to put right", value=repairs)
    yield from _actions()
    yield _gauge("bodies_missing", "Messages whose bytes are not here, 10000 at most", health.missing_bodies().length)
    yield _listening()
    yield from _submissions()


def _accounts() -> Metric:
    rows = MailAccount.objects.order_by().values("state").annotate(count=Count("id"))
    counts = dict.fromkeys(AccountState.values, 0) | {row["state"]: row["count"] for row in rows}
    metric = GaugeMetricFamily("pillarbox_accounts", "Mail accounts by state", labels=["state"])
    for state, count in counts.items():
        metric.add_metric([state], count)
    return metric


def _late() -> int:
    return health.late_accounts(MailAccount.objects.all()).count()


def _actions() -> Iterator[Metric]:
    figures = health.journal_figures()
    age = (timezone.now() - figures.oldest_at).total_seconds() if figures.oldest_at else 0.0
    yield _gauge("actions_open", "Acts of users that servers must still be told", figures.open)
    yield _gauge("actions_oldest_seconds", "Age of the oldest of them", max(age, 0.0))
    yield _gauge("actions_tried_often", "Those of them tried more than 3 times", figures.tried_often)


def _submissions() -> Iterator[Metric]:
    figures = queue_figures()
    metric = GaugeMetricFamily("pillarbox_submissions", "Messages to be sent and sent, by phase", labels=["phase"])
    for phase in Phase.values:
        metric.add_metric([phase], figures.by_phase.get(phase, 0))
    yield metric
    yield _gauge("submissions_unconfirmed", "Messages of which nobody knows whether they left", figures.unconfirmed)
    yield _gauge("submissions_oldest_due_seconds", "Age of the oldest that should have left", figures.oldest_due_s)
    yield _gauge("submissions_tried_often", "Waiting messages tried more than 3 times", figures.tried_often)
    yield _gauge("submissions_without_copy", "Sent messages whose copy is not filed", figures.without_copy)
    yield _gauge("submissions_tries", "Tries so far for messages that wait for another", figures.tries)
    came_back = health.recently_came_back(Submission.objects.all()).count()
    yield _gauge("submissions_came_back", "Messages that came back in the last 7 days", came_back)


def _listening() -> Metric:
    metric = GaugeMetricFamily("pillarbox_watch", "Accounts by how new mail is noticed", labels=["how"])
    for how, count in health.watch_figures().items():
        metric.add_metric([how], count)
    return metric


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"pillarbox_{name}", text, value=value)
