"""How a submission moves from phase to phase (drawn in `outbox.models`, reliability section 3).

Every move is one compare-and-set: it happens when the row is still in a phase it may leave, and where a worker moves it,
still held by that very claim. False or None means that somebody else was faster; the caller then does nothing more. A
move writes its event and its change record in the same transaction. Which moves there are is said by its callers:
`delivery`, `copies`, `doubt` for workers, `control` for people, `upkeep` for the sweep. Nothing here talks to a server.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import AccountState, MailAccount
from webmail.outbox import schedule
from webmail.outbox.answers import Answer, Status, apply_answers, next_phase
from webmail.outbox.messages import restore_draft
from webmail.outbox.models import (
    Draft,
    Phase,
    Submission,
    SubmissionEvent,
    SubmissionRecipient,
)
from webmail.store import changes

MAX_TEXT_CHARS = 600
_STOPPED_ACCOUNTS = (AccountState.PAUSED, AccountState.AUTH_FAILED)

FREE: Mapping[str, Any] = {"lease_owner": "", "lease_until": None}


def reload(submission: Submission) -> Submission:
    """The row as it is now, with what delivery needs."""
    return Submission.objects.select_related("account", "user", "blob", "original").get(pk=submission.pk)


def held(submission: Submission) -> QuerySet[Submission]:
    return Submission.objects.filter(lease_owner=submission.lease_owner)


def unstopped(rows: QuerySet[Submission]) -> QuerySet[Submission]:
    # A sub-select over another table: a join would put the row itself into a sub-select, whose conditions PostgreSQL
    # does not check again after it has waited for the row.
    return rows.filter(account_id__in=MailAccount.objects.exclude(state__in=_STOPPED_ACCOUNTS).values("pk"))


def first_look() -> datetime:
    return timezone.now() + timedelta(seconds=schedule.EVIDENCE_FIRST_S)


def move(submission: Submission, *, sources: Collection[Phase], target: Phase, **options: Any) -> bool:
    with changes.recording(submission.account_id) as record:
        return move_in(record, submission, sources=sources, target=target, **options)


def move_in(
    record: changes.Record,
    submission: Submission,
    *,
    sources: Collection[Phase],
    target: Phase,
    where: QuerySet[Submission] | None = None,
    text: str = "",
    keeps_reply: bool = False,
    **columns: Any,
) -> bool:
    rows = (where if where is not None else Submission.objects.all()).filter(pk=submission.pk, phase__in=sources)
    if text and not keeps_reply:
        columns["last_reply"] = text[:MAX_TEXT_CHARS]
    if not rows.update(phase=target, **columns):
        return False
    Submission.objects.filter(pk=submission.pk).update(updated_modseq=record.take(changes.SUBMISSION)[0])
    SubmissionEvent.objects.create(submission_id=submission.pk, phase=target, text=text[:MAX_TEXT_CHARS])
    return True


def settle(
    submission: Submission,
    answers: Mapping[str, Answer],
    *,
    sources: Collection[Phase],
    last: Answer | None = None,
    is_final: bool = False,
) -> Phase | None:
    """Write each recipient's answer and go where they lead. `last`: what the server said last, for those who wait."""
    now = timezone.now()
    with changes.recording(submission.account_id) as record:
        before = dict(SubmissionRecipient.objects.filter(submission=submission).values_list("email", "status"))
        after = apply_answers(before, answers)
        exhausted = is_final or schedule.is_exhausted(
            tries=submission.attempts, first_try_at=submission.first_try_at, now=now
        )
        target = next_phase(list(after.values()), is_exhausted=exhausted)
        answer = last or next(iter(answers.values()), Answer())
        columns: dict[str, Any] = dict(FREE)
        if target == Phase.ACCEPTED:
            columns |= {"accepted_at": now, "next_try_at": now}
        given_up = [email for email, status in after.items() if status == Status.WAITING and target != Phase.RETRY]
        refused = [email for email, status in after.items() if status == Status.REFUSED]
        text = _text_for(target, answer, len(given_up) + len(refused))
        where = held(submission)
        if not move_in(record, submission, sources=sources, target=target, where=where, text=text, **columns):
            return None
        write_answers(submission, answers)
        write_answers(submission, dict.fromkeys(given_up, replace(answer, is_refusal=True)))
        if target == Phase.FAILED:
            give_back(submission)
    return target


def _text_for(target: Phase, answer: Answer, refused: int) -> str:
    said = f" The server said: “{answer}”" if answer.is_quoted else f" {answer.text}".rstrip()
    if target == Phase.RETRY:
        return f"Not sent yet; it is tried again.{said}"
    if target == Phase.FAILED:
        return f"Not sent. The message is back in your drafts.{said}"
    if refused:
        return f"Sent, but not to {'one recipient' if refused == 1 else f'{refused} recipients'}; see the list.{said}"
    return f"Sent.{said}"


def write_answers(submission: Submission, answers: Mapping[str, Answer]) -> None:
    waiting = SubmissionRecipient.objects.filter(submission=submission, status=Status.WAITING)
    for email, answer in answers.items():
        waiting.filter(email=email).update(status=answer.status, reply=str(answer)[:MAX_TEXT_CHARS])


def give_back(submission: Submission) -> Draft | None:
    row = Submission.objects.select_related("account", "original").get(pk=submission.pk)
    return restore_draft(row.draft_snapshot, account=row.account, original=row.original, is_forward=row.is_forward)
