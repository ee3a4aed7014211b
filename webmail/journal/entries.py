"""Writing Actions and bringing them to an end. The remote half is `sync.actions.replay`."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from webmail import dispatch
from webmail.journal.models import Action, ActionEmail, Step
from webmail.store.models import Email, Mailbox
from webmail.store.sql import chunks, insert_rows

FIRST_RETRY_S = 30
LONGEST_RETRY_S = 3600
RECENT = timedelta(days=7)  # so long a refusal is shown

EmailRow = tuple[int, int | None, Mapping[str, Any]]  # email id, source mailbox id, what changed

# What a person does in one go: Actions written while it is set belong to it (`steps.recording`).
current_step: ContextVar[Step | None] = ContextVar("current_step", default=None)


def append_action(
    account_id: int,
    kind: str,
    *,
    user: User | None,
    emails: Sequence[EmailRow] = (),
    mailbox: Mailbox | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Action:
    """Write an Action about Emails, given as (email id, source mailbox id, what changed), and wake replay after commit.

    Call it in the transaction that changed the rows.
    """
    action = Action.objects.create(
        account_id=account_id,
        user=user,
        step=current_step.get(),
        kind=kind,
        mailbox=mailbox,
        arguments=dict(arguments or {}),
    )
    add_emails(action, emails)
    dispatch.wake("journal.replay", account_id)
    return action


def add_emails(action: Action, emails: Sequence[EmailRow]) -> None:
    """More Emails for an Action, in the transaction that changed their rows."""
    in_order = sorted(emails, key=lambda row: row[0])  # carried out in the order in which they came, on every database
    rows = [(action.pk, email_id, source_id, _json(changed), False, "{}") for email_id, source_id, changed in in_order]
    insert_rows(ActionEmail, ("action_id", "email_id", "source_id", "changed", "is_done", "progress"), rows)
    if rows:
        Action.objects.filter(pk=action.pk).update(total=F("total") + len(rows))
        action.total += len(rows)


def replay_lease(account_id: int) -> str:
    """The name of the lease under which an account's Actions are carried out, and put back."""
    return f"replay:{account_id}"


def open_actions(account_id: int) -> list[Action]:
    """What is still to be told to the server, in order."""
    return list(Action.objects.filter(account_id=account_id, status__in=Action.OPEN).order_by("id"))


def start(action: Action) -> None:
    """A try begins: counted, and its next time set, before anything is sent."""
    wait = min(FIRST_RETRY_S * 2 ** min(action.attempts, 10), LONGEST_RETRY_S)
    Action.objects.filter(pk=action.pk, status__in=Action.OPEN).update(
        status=Action.Status.RUNNING,
        attempts=F("attempts") + 1,
        next_try_at=timezone.now() + timedelta(seconds=wait),
    )
    action.status = Action.Status.RUNNING
    action.attempts += 1


def save_progress(action: Action, progress: Mapping[str, Any]) -> None:
    """Remember a step that must not be repeated blindly, such as a COPY that was answered (sync Y68)."""
    action.progress = dict(progress)
    Action.objects.filter(pk=action.pk).update(progress=action.progress)


def save_arguments(action: Action, arguments: Mapping[str, Any]) -> None:
    """Remember with the act what is known only now."""
    action.arguments = dict(arguments)
    Action.objects.filter(pk=action.pk).update(arguments=action.arguments)


def open_rows(actions: Sequence[Action], *, limit: int, but_begun: bool = False) -> list[ActionEmail]:
    """The next Emails the server was not told of yet, those of one source together; empty when all came to an end.

    `but_begun`: without those that may have been sent to another account already.
    """
    rows = ActionEmail.objects.filter(action__in=[action.pk for action in actions], is_done=False)
    if but_begun:
        rows = rows.filter(progress={}, arrived=None)
    return list(rows.order_by("source_id", "id")[:limit])


def settle(rows: Sequence[ActionEmail]) -> None:
    """These came to an end: carried out, or nothing to do any more. Call it in the transaction of their rows."""
    for chunk in chunks(row.pk for row in rows):
        ActionEmail.objects.filter(pk__in=chunk).update(is_done=True)
    for action_id, count in Counter(row.action_id for row in rows).items():
        Action.objects.filter(pk=action_id).update(done_count=F("done_count") + count)
    for row in rows:
        row.is_done = True


def settle_lost(account_id: int, email_ids: Collection[int]) -> int:
    """These Emails are nowhere on the server any more: what open Actions were to tell it of them is nothing to do (Y74). Those
    that wait are tried at once. Not what is carried to another account, which has its own order. Returns how many rows ended."""
    rows: list[ActionEmail] = []
    for chunk in chunks(email_ids):
        found = ActionEmail.objects.filter(email_id__in=chunk, is_done=False, action__status__in=Action.OPEN)
        rows += found.filter(action__account_id=account_id).exclude(action__kind=Action.Kind.TRANSFER)
    settle(rows)
    concerned = Action.objects.filter(pk__in={row.action_id for row in rows}, status__in=Action.OPEN)
    concerned.update(next_try_at=timezone.now())
    return len(rows)


def is_stop_wanted(actions: Sequence[Action]) -> bool:
    """Whether the user has asked for one of these to be stopped since it began."""
    ids = [action.pk for action in actions]
    return Action.objects.filter(pk__in=ids, stop_wanted_at__isnull=False).exists()


def mark_done(action: Action) -> None:
    """Carried out, or nothing to do any more."""
    Action.objects.filter(pk=action.pk, status__in=Action.OPEN).update(
        status=Action.Status.DONE, done_at=timezone.now(), error="", done_count=F("total"), progress={}
    )
    action.status = Action.Status.DONE


def mark_stopped(action: Action) -> None:
    """The user stopped it. The caller has put back what was not told yet."""
    Action.objects.filter(pk=action.pk, status__in=Action.OPEN).update(
        status=Action.Status.STOPPED, done_at=timezone.now(), unapplied=[]
    )
    action.status = Action.Status.STOPPED


def mark_waiting(action: Action, *, error: str, least_s: float = 0.0) -> None:
    """A temporary refusal: tried again at `next_try_at`, not within `least_s` seconds, and what is behind it waits, to keep the
    order."""
    still_open = Action.objects.filter(pk=action.pk, status__in=Action.OPEN)
    still_open.update(status=Action.Status.PENDING, error=error[:600])
    if least_s:
        earliest = timezone.now() + timedelta(seconds=least_s)
        still_open.filter(next_try_at__lt=earliest).update(next_try_at=earliest)
    action.status = Action.Status.PENDING


def mark_failed(action: Action, *, error: str) -> None:
    """A permanent refusal. The caller has put the rows back; the user sees `error`."""
    Action.objects.filter(pk=action.pk, status__in=Action.OPEN).update(
        status=Action.Status.FAILED, done_at=timezone.now(), error=error[:600]
    )
    action.status = Action.Status.FAILED


def retry_now(account_id: int) -> int:
    """Let what the account has open be tried at once, in its order; returns how many Actions that are."""
    count = Action.objects.filter(account_id=account_id, status__in=Action.OPEN).update(next_try_at=timezone.now())
    if count:
        dispatch.wake("journal.replay", account_id)
    return count


def pending_keywords(
    account_id: int, *, since: datetime | None = None, email_ids: Collection[int] | None = None
) -> dict[int, frozenset[str]]:
    """The keywords of each Email that open Actions touch: sync leaves exactly those alone (sync Y60, Y64).

    `since`: when sync began to ask the server. What was carried out after that may not be in the answer yet, so Actions
    done since then count as open. `email_ids`: only of these, so that a look at a few stays cheap beside an act on many.
    """
    found: dict[int, set[str]] = defaultdict(set)
    for rows in _pending_of(_pending(account_id, (Action.Kind.KEYWORDS,), since), email_ids):
        for email_id, changed in rows.values_list("email_id", "changed"):
            found[email_id] |= {*changed.get("added", ()), *changed.get("removed", ())}
    return {email_id: frozenset(keywords) for email_id, keywords in found.items()}


def pending_removals(
    account_id: int, *, since: datetime | None = None, email_ids: Collection[int] | None = None
) -> dict[int, set[int]]:
    """The mailboxes that open moves and deletions take each Email out of: sync does not put it back there.

    `since` and `email_ids` as in `pending_keywords`.
    """
    leaving = _pending(account_id, (Action.Kind.MOVE, Action.Kind.DESTROY, Action.Kind.TRANSFER), since)
    found: dict[int, set[int]] = defaultdict(set)
    for rows in _pending_of(leaving.filter(source__isnull=False), email_ids):
        for email_id, source_id in rows.values_list("email_id", "source_id"):
            found[email_id].add(source_id)
    return dict(found)


def _pending(account_id: int, kinds: Sequence[str], since: datetime | None) -> QuerySet[ActionEmail]:
    unfinished = Q(action__status__in=Action.OPEN)
    if since is not None:
        unfinished |= Q(action__done_at__gte=since)
    return ActionEmail.objects.filter(unfinished, action__account_id=account_id, action__kind__in=kinds)


def _pending_of(rows: QuerySet[ActionEmail], email_ids: Collection[int] | None) -> Iterator[QuerySet[ActionEmail]]:
    if email_ids is None:
        yield rows
        return
    for chunk in chunks(email_ids):
        yield rows.filter(email_id__in=chunk)


def held_emails(email_ids: Iterable[int]) -> set[int]:
    """Those of the Emails that an open Action still needs: they must not be destroyed (sync Y45)."""
    return {
        email_id
        for chunk in chunks(email_ids)
        for email_id in ActionEmail.objects.filter(email_id__in=chunk, action__status__in=Action.OPEN).values_list(
            "email_id", flat=True
        )
    }


def by_account(emails: Iterable[Email]) -> dict[int, list[Email]]:
    """The Emails of each account, in the order given."""
    grouped: dict[int, list[Email]] = defaultdict(list)
    for email in emails:
        grouped[email.account_id].append(email)
    return dict(grouped)


def troubled_actions(account_id: int, *, limit: int = 20) -> list[Action]:
    """Acts that could not be carried out so far, oldest first, then those that the server refused for good lately: `error`
    says why. The former are tried again, the latter were put back (sync Y64, reliability R82)."""
    rows = Action.objects.filter(account_id=account_id)
    stuck = rows.filter(status__in=Action.OPEN).exclude(error="").order_by("id")
    refused = rows.filter(status=Action.Status.FAILED, created_at__gte=timezone.now() - RECENT).order_by("-id")
    return [*stuck[:limit], *refused[:limit]]


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps({key: sorted(items) for key, items in value.items()}) if value else "{}"
