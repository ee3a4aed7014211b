"""Reading drafts and submissions, always for one user; figures over all of them for the operator."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Sum
from django.http import Http404
from django.utils import timezone

from accounts.models import AccountState, MailAccount, User
from webmail.outbox.models import (
    CANCELLABLE,
    CLAIMABLE,
    NEEDS_A_PERSON,
    SENT,
    WAITING,
    Draft,
    HeldFor,
    Phase,
    Report,
    Submission,
    SubmissionRecipient,
)
from webmail.outbox.queue import schedule
from webmail.outbox.queue.unfinished import unfinished

MANY_TRIES = 3  # reliability R94: from more than this on the health page shows it


def drafts_of(user: User, *, account: MailAccount | None = None) -> QuerySet[Draft]:
    """Newest first, with account and identity."""
    found = Draft.objects.filter(account__user=user).select_related("account", "identity")
    return found.filter(account=account) if account is not None else found


def get_draft_for(user: User, public_id: str) -> Draft:
    """Raises Http404 when it is not the user's."""
    draft = Draft.objects.filter(account__user=user, public_id=public_id)
    found = draft.select_related("account", "identity", "original").prefetch_related("attachments__blob").first()
    if found is None:
        raise Http404("no such draft")
    return found


def submissions_of(
    user: User, *, accounts: Collection[MailAccount] | None = None, phases: Collection[Phase] | None = None
) -> QuerySet[Submission]:
    """Newest first, with account and recipients: slice it. Always two queries."""
    found = Submission.objects.filter(user=user).select_related("account", "identity").prefetch_related("recipients")
    if accounts is not None:
        found = found.filter(account__in=accounts)
    return found.filter(phase__in=phases) if phases is not None else found


def get_submission_for(user: User, public_id: str) -> Submission:
    """With recipients and timeline. Raises Http404 when it is not the user's."""
    found = Submission.objects.filter(user=user, public_id=public_id).select_related("account", "identity", "original")
    submission = found.prefetch_related("recipients", "events").first()
    if submission is None:
        raise Http404("no such submission")
    return submission


def waiting_of(user: User) -> QuerySet[Submission]:
    """The Outbox: what is held, waits or is under way, the next to go first."""
    return submissions_of(user, phases=WAITING).order_by("send_at", "id")


def troubled_of(user: User) -> QuerySet[Submission]:
    """What the user must know of: failed, in doubt, delayed, sent without a copy, sent but not to everybody, or come back."""
    rows = SubmissionRecipient.objects.filter(submission=OuterRef("pk"))
    missed = rows.filter(Q(status=SubmissionRecipient.Status.REFUSED) | Q(report=Report.FAILED))
    delayed_since = timezone.now() - schedule.TELL_AFTER
    return submissions_of(user).filter(
        Q(phase__in=NEEDS_A_PERSON)
        | Q(phase=Phase.RETRY, first_try_at__lte=delayed_since)
        | Q(phase=Phase.ACCEPTED, sent_copy_failures__gt=0)
        | (Q(phase__in=SENT) & Exists(missed))
    )


def accounts_due(*, limit: int = 500) -> list[int]:
    """The ids of all accounts, of whomever, whose submissions a worker has something to do for; the longest due first."""
    now = timezone.now()
    stopped = MailAccount.objects.filter(state__in=(AccountState.PAUSED, AccountState.AUTH_FAILED)).values("pk")
    due = unfinished().filter(next_try_at__lte=now).exclude(account_id__in=stopped)
    due = due.filter(
        Q(phase__in=CLAIMABLE, send_at__lte=now)
        | Q(phase=Phase.ACCEPTED, lease_owner="")
        | Q(phase=Phase.UNCONFIRMED, created_at__gt=now - schedule.EVIDENCE_FOR)
    )
    oldest = due.order_by().values("account_id").annotate(oldest=Min("next_try_at")).order_by("oldest")
    return list(oldest.values_list("account_id", flat=True)[:limit])


def undo_status(submission: Submission) -> str:
    """`pending`, `final` or `canceled` (RFC 8621 section 7): pending as long as `control.cancel` can succeed."""
    if submission.phase == Phase.CANCELLED:
        return "canceled"
    return "pending" if submission.phase in CANCELLABLE else "final"


@dataclass(frozen=True)
class QueueFigures:
    """The send queue for the health page (reliability R66, R94)."""

    by_phase: dict[str, int]
    tried_often: int
    without_copy: int
    oldest_due_at: datetime | None  # of those that should have gone by now
    tries: int  # begun so far for those that wait for another

    @property
    def unconfirmed(self) -> int:
        return self.by_phase.get(Phase.UNCONFIRMED, 0)

    @property
    def oldest_due_s(self) -> float:
        """How long ago the oldest of them should have gone, in seconds; 0 when there is none."""
        return max((timezone.now() - self.oldest_due_at).total_seconds(), 0.0) if self.oldest_due_at else 0.0


def queue_figures() -> QueueFigures:
    """Over all users: for operators only."""
    counted = Submission.objects.order_by().values("phase").annotate(count=Count("id"))
    due = Submission.objects.filter(phase__in=(Phase.HELD, Phase.QUEUED), send_at__lte=timezone.now())
    due = due.exclude(held_for=HeldFor.RESTORE, phase=Phase.HELD)  # a person lets those go
    return QueueFigures(
        by_phase={row["phase"]: row["count"] for row in counted},
        tried_often=Submission.objects.filter(phase=Phase.RETRY, attempts__gt=MANY_TRIES).count(),
        without_copy=Submission.objects.filter(phase=Phase.ACCEPTED, sent_copy_failures__gt=0).count(),
        oldest_due_at=due.order_by().aggregate(oldest=Min("send_at"))["oldest"],
        tries=Submission.objects.filter(phase=Phase.RETRY).order_by().aggregate(tries=Sum("attempts"))["tries"] or 0,
    )
