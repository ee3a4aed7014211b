"""How a submission moves from phase to phase (drawn in `outbox.models`, reliability section 3).

Every move is one compare-and-set: it happens when the row is still in a phase it may leave, and where a worker moves it,
still held by that very claim. False or None means that somebody else was faster; the caller then does nothing more. A
move writes its event and its change record in the same transaction. Which moves there are is said by its callers:
`delivery`, `copies`, `doubt` for workers, `control` for people, `upkeep` for the sweep. Nothing here talks to a server.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import AccountState, MailAccount
from webmail.outbox.models import (
    Draft,
    Kind,
    Phase,
    Submission,
    SubmissionEvent,
)
from webmail.outbox.queue import schedule
from webmail.outbox.queue.answers import Answer, Status, apply_answers, next_phase
from webmail.outbox.writing.messages import restore_draft
from webmail.store import changes
from webmail.store.sql import execute_many, insert_rows, to_column

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


def move_held(
    record: changes.Record,
    submission: Submission,
    *,
    sources: Collection[Phase],
    target: Phase,
    text: str = "",
    **columns: Any,
) -> bool:
    """`move_in` for the claim that `submission` is, in as few statements as it takes: a message passes here three times.

    The host that was tried, `submission.server`, is written with it.
    """
    where = {"lease_owner": submission.lease_owner}
    if not update_if(submission, sources, target, where=where, text=text, server=submission.server, **columns):
        return False
    publish(record, [(submission.pk, target, text)])
    return True


def update_if(
    submission: Submission,
    sources: Collection[Phase],
    target: Phase,
    *,
    where: Mapping[str, Any],
    text: str = "",
    **columns: Any,
) -> bool:
    """The compare-and-set alone: `where` are further columns and what they must hold. Call `publish` for those that moved."""
    if text:
        columns["last_reply"] = text[:MAX_TEXT_CHARS]
    values = {"phase": str(target), **columns}
    assignments = ", ".join(f"{name} = %s" for name in values)
    conditions = "".join(f" AND {name} = %s" for name in where)
    marks = ", ".join(["%s"] * len(sources))
    # Names of columns come from our own code, never from outside.
    statement = f"UPDATE outbox_submission SET {assignments} WHERE id = %s{conditions} AND phase IN ({marks})"  # noqa: S608
    parameters = [
        *map(_to_column, values.values()),
        submission.pk,
        *map(_to_column, where.values()),
        *map(str, sources),
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return bool(cursor.rowcount)


def _to_column(value: Any) -> Any:
    return to_column(value) if isinstance(value, datetime) else value


def publish(record: changes.Record, moved: Sequence[tuple[int, Phase, str]]) -> None:
    """Event and change number of each submission that moved: (id, phase, text)."""
    numbers = record.take(changes.SUBMISSION, len(moved))
    execute_many(
        "UPDATE outbox_submission SET updated_modseq = %s WHERE id = %s",
        [(number, pk) for number, (pk, _, _) in zip(numbers, moved, strict=True)],
    )
    at = to_column(timezone.now())
    rows = [(pk, at, str(phase), text[:MAX_TEXT_CHARS]) for pk, phase, text in moved]
    insert_rows(SubmissionEvent, ("submission_id", "at", "phase", "text"), rows)


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
        before = statuses_of(submission)
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
        text = _text_for(submission, target, answer, len(given_up) + len(refused))
        if not move_held(record, submission, sources=sources, target=target, text=text, **columns):
            return None
        write_answers(submission, answers)
        write_answers(submission, dict.fromkeys(given_up, replace(answer, is_refusal=True)))
        if target == Phase.FAILED:
            give_back(submission)
        if target == Phase.ACCEPTED and submission.kind == Kind.RECEIPT:  # it leaves no copy
            update_if(submission, (Phase.ACCEPTED,), Phase.DONE, where={})
            publish(record, [(submission.pk, Phase.DONE, "")])
    return target


def statuses_of(submission: Submission) -> dict[str, str]:
    """Every recipient and how it stands."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT email, status FROM outbox_submissionrecipient WHERE submission_id = %s ORDER BY id", [submission.pk]
        )
        return dict(cursor.fetchall())


def _text_for(submission: Submission, target: Phase, answer: Answer, refused: int) -> str:
    said = f" The server said: “{answer}”" if answer.is_quoted else f" {answer.text}".rstrip()
    if target == Phase.RETRY:
        return f"Not sent yet; it is tried again.{said}"
    if target == Phase.FAILED:
        is_back = "" if submission.kind == Kind.RECEIPT else " The message is back in your drafts."
        return f"Not sent.{is_back}{said}"
    by_way = f" by {submission.server}" if submission.server not in ("", submission.account.outgoing_host) else ""
    if refused:
        whom = "one recipient" if refused == 1 else f"{refused} recipients"
        return f"Sent{by_way}, but not to {whom}; see the list.{said}"
    return f"Sent{by_way}.{said}"


def write_answers(submission: Submission, answers: Mapping[str, Answer]) -> None:
    """What the server said to each recipient who still waits."""
    execute_many(
        "UPDATE outbox_submissionrecipient SET status = %s, reply = %s "
        "WHERE submission_id = %s AND status = %s AND email = %s",
        [
            (str(answer.status), str(answer)[:MAX_TEXT_CHARS], submission.pk, str(Status.WAITING), email)
            for email, answer in answers.items()
        ],
    )


def give_back(submission: Submission) -> Draft | None:
    """The draft that the submission was, as it was; None when there was none, as for a receipt."""
    if submission.kind == Kind.RECEIPT:
        return None
    row = Submission.objects.select_related("account", "original").get(pk=submission.pk)
    return restore_draft(row.draft_snapshot, account=row.account, original=row.original, is_forward=row.is_forward)
