"""What a person sees of their own queue: what needs a look, what is scheduled, what waits, and the rest by word and state.

Read receipts are nobody's letters and are left out. Reading only: `queries` has the single submission, `control` the acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Value
from django.utils import timezone

from accounts.models import User
from webmail.outbox.models import (
    SENT,
    WAITING,
    DeliveryReport,
    Draft,
    HeldFor,
    Kind,
    Phase,
    Report,
    Submission,
    SubmissionRecipient,
)
from webmail.outbox.queries import submissions_of
from webmail.outbox.queue import schedule
from webmail.store.models import Email, Role

LOOK_FOR = timedelta(days=7)  # what has left and went wrong later is brought before people for so long
_UNSETTLED = (*WAITING, Phase.ACCEPTED, Phase.FAILED, Phase.UNCONFIRMED)
_SCHEDULED = Q(phase=Phase.HELD, held_for=HeldFor.SCHEDULE)
_ASKS = Q(phase=Phase.HELD, held_for=HeldFor.RESTORE)
_WITHOUT_COPY = Q(phase=Phase.ACCEPTED, sent_copy_failures__gt=0)

STATES: Mapping[str, Q] = {
    "waiting": Q(phase__in=WAITING),
    "scheduled": _SCHEDULED,
    "sent": Q(phase__in=SENT),
    "failed": Q(phase=Phase.FAILED),
    "doubt": Q(phase=Phase.UNCONFIRMED),
    "cancelled": Q(phase=Phase.CANCELLED),
}


@dataclass(frozen=True)
class Counts:
    """For the sidebar."""

    look: int
    scheduled: int
    waiting: int
    drafts: int  # that lie only here: those filed at a server are counted with its mailbox


def letters_of(user: User) -> QuerySet[Submission]:
    """Every message of the person's, newest first."""
    return submissions_of(user).filter(kind=Kind.MESSAGE)


def needing_a_look(user: User) -> QuerySet[Submission]:
    """What only a person can settle, or must know of: in doubt, asked about, delayed, failed, sent but not to all, come back.

    A failed one is settled when the draft that came back is sent or discarded, what happened behind the server that took a
    message after `LOOK_FOR`; either when the person has acknowledged it.
    """
    return letters_of(user).filter(_needs_a_look() | _went_wrong())


def scheduled_of(user: User) -> QuerySet[Submission]:
    """The next to leave first."""
    return letters_of(user).filter(_SCHEDULED).order_by("send_at", "id")


def waiting_of(user: User) -> QuerySet[Submission]:
    """On its way with nothing wrong so far, the next to leave first; scheduled ones are a list of their own."""
    found = letters_of(user).filter(phase__in=WAITING)
    return found.exclude(_SCHEDULED | _ASKS).exclude(_is_delayed()).order_by("send_at", "id")


def settled_of(user: User) -> QuerySet[Submission]:
    """The others, newest first."""
    return letters_of(user).exclude(phase__in=WAITING).exclude(_needs_a_look() | _went_wrong())


def find(user: User, *, words: str = "", state: str = "") -> QuerySet[Submission]:
    """By a part of the subject or of a recipient's address, and by one of `STATES` or "look"; newest first."""
    found = needing_a_look(user) if state == "look" else letters_of(user).filter(STATES.get(state, Q()))
    for word in words.split()[:10]:
        to = SubmissionRecipient.objects.filter(submission=OuterRef("pk"), email__icontains=word)
        found = found.filter(Q(subject__icontains=word) | Exists(to))
    return found


def counts_of(user: User) -> Counts:
    """One query over what is open or went wrong lately, and the drafts: every page asks."""
    letters = Submission.objects.filter(user=user, kind=Kind.MESSAGE).order_by()
    open_ones = letters.filter(phase__in=_UNSETTLED)
    left = letters.exclude(_WITHOUT_COPY)
    drafts = Draft.objects.filter(account__user=user, filed_revision=0).order_by()
    parts = (
        ("look", open_ones.filter(_needs_a_look())),
        # Each finds its few rows by itself: all of them as one condition have no index.
        ("look", left.filter(_refused_lately())),
        ("look", left.filter(_came_back_lately())),
        ("scheduled", open_ones.filter(_SCHEDULED)),
        ("waiting", open_ones.filter(Q(phase__in=WAITING) & ~_SCHEDULED & ~_ASKS & ~_is_delayed())),
        ("drafts", drafts),
    )
    first, *others = (rows.values_list(Value(name, output_field=CharField()), "pk") for name, rows in parts)
    found: dict[str, set[int]] = {name: set() for name, _rows in parts}
    for name, pk in first.union(*others, all=True):
        found[name].add(pk)
    return Counts(**{name: len(ids) for name, ids in found.items()})


def returned_draft(submission: Submission) -> Draft | None:
    """The draft that came back of a failed or cancelled submission, when it is still there."""
    return Draft.objects.filter(account_id=submission.account_id, message_id=submission.message_id).first()


def failed_sending_of(draft: Draft) -> Submission | None:
    """The submission this draft came back of, when it failed and was not sent again since."""
    rows = Submission.objects.filter(account_id=draft.account_id, message_id=draft.message_id)
    newest = rows.order_by("-id").first()
    return newest if newest is not None and newest.phase == Phase.FAILED else None


def filed_copy_id(submission: Submission) -> str:
    """The public id of the copy in Sent; empty when there is none here (yet)."""
    if submission.phase not in SENT:
        return ""
    rows = Email.objects.filter(account_id=submission.account_id, message_id=submission.message_id)
    filed = rows.filter(mailbox_rows__mailbox__role=Role.SENT).values_list("public_id", flat=True)
    return filed.first() or ""


def _is_delayed() -> Q:
    return Q(phase=Phase.RETRY, first_try_at__isnull=False, first_try_at__lte=timezone.now() - schedule.TELL_AFTER)


def _needs_a_look() -> Q:
    of_it = {"account_id": OuterRef("account_id"), "message_id": OuterRef("message_id")}
    is_back = Exists(Draft.objects.filter(**of_it))
    is_replaced = Exists(Submission.objects.filter(**of_it, pk__gt=OuterRef("pk")))
    never_a_draft = Q(draft_snapshot={}, created_at__gte=timezone.now() - LOOK_FOR)
    return (
        Q(phase=Phase.UNCONFIRMED)
        | _ASKS
        | _is_delayed()
        # In this order: few drafts are back, and to look for a newer row costs more.
        | (Q(phase=Phase.FAILED, acknowledged_at=None) & (Q(is_back) | never_a_draft) & ~is_replaced)
        | _WITHOUT_COPY
    )


def _went_wrong() -> Q:
    """What left, or was reported, lately and did not reach everybody, until the person has seen it."""
    return _refused_lately() | _came_back_lately()


def _refused_lately() -> Q:
    rows = SubmissionRecipient.objects.filter(submission=OuterRef("pk"), status=SubmissionRecipient.Status.REFUSED)
    unseen = Q(acknowledged_at=None) | Q(acknowledged_at__lt=F("accepted_at"))
    return Q(phase__in=SENT, accepted_at__gte=timezone.now() - LOOK_FOR) & unseen & Q(Exists(rows))


def _came_back_lately() -> Q:
    rows = SubmissionRecipient.objects.filter(submission=OuterRef("pk"), report=Report.FAILED)
    unseen = Q(acknowledged_at=None) | Q(
        Exists(DeliveryReport.objects.filter(submission=OuterRef("pk"), at__gt=OuterRef("acknowledged_at")))
    )
    return Q(phase__in=SENT, pk__in=_reported_lately().values("submission_id")) & unseen & Q(Exists(rows))


def _reported_lately() -> QuerySet[DeliveryReport]:
    return DeliveryReport.objects.filter(at__gte=timezone.now() - LOOK_FOR, submission__isnull=False)
