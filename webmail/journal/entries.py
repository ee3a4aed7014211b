"""Writing Actions and bringing them to an end. The remote half is `sync.replay`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import MailAccount, User
from webmail import dispatch
from webmail.journal.models import Action, ActionEmail
from webmail.store.models import Email, Mailbox
from webmail.store.sql import chunks, insert_rows

FIRST_RETRY_S = 30
LONGEST_RETRY_S = 3600


def append_action(
    account_id: int,
    kind: str,
    *,
    user: User | None,
    emails: Sequence[tuple[int, int | None, Mapping[str, Any]]] = (),
    mailbox: Mailbox | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Action:
    """Write an Action about Emails, given as (email id, source mailbox id, what changed), and wake replay after commit.

    Call it in the transaction that changed the rows.
    """
    action = Action.objects.create(
        account_id=account_id, user=user, kind=kind, mailbox=mailbox, arguments=dict(arguments or {})
    )
    rows = [(action.pk, email_id, source_id, _json(changed)) for email_id, source_id, changed in emails]
    insert_rows(ActionEmail, ("action_id", "email_id", "source_id", "changed"), rows)
    dispatch.wake("journal.replay", account_id)
    return action


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


def mark_done(action: Action) -> None:
    """Carried out, or nothing to do any more."""
    Action.objects.filter(pk=action.pk, status__in=Action.OPEN).update(
        status=Action.Status.DONE, done_at=timezone.now(), error=""
    )
    action.status = Action.Status.DONE


def mark_waiting(action: Action, *, error: str) -> None:
    """A temporary refusal: tried again at `next_try_at`, and everything behind it waits, to keep the order."""
    Action.objects.filter(pk=action.pk, status__in=Action.OPEN).update(status=Action.Status.PENDING, error=error[:600])
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


def pending_keywords(account_id: int, *, since: datetime | None = None) -> dict[int, frozenset[str]]:
    """The keywords of each Email that open Actions touch: sync leaves exactly those alone (sync Y60, Y64).

    `since`: when sync began to ask the server. What was carried out after that may not be in the answer yet, so Actions
    done since then count as open.
    """
    rows = _pending(account_id, (Action.Kind.KEYWORDS,), since).values_list("email_id", "changed")
    found: dict[int, set[str]] = defaultdict(set)
    for email_id, changed in rows:
        found[email_id] |= {*changed.get("added", ()), *changed.get("removed", ())}
    return {email_id: frozenset(keywords) for email_id, keywords in found.items()}


def pending_removals(account_id: int, *, since: datetime | None = None) -> dict[int, set[int]]:
    """The mailboxes that open moves and deletions take each Email out of: sync does not put it back there.

    `since` as in `pending_keywords`.
    """
    rows = _pending(account_id, (Action.Kind.MOVE, Action.Kind.DESTROY), since).filter(source__isnull=False)
    found: dict[int, set[int]] = defaultdict(set)
    for email_id, source_id in rows.values_list("email_id", "source_id"):
        found[email_id].add(source_id)
    return dict(found)


def pending_arrivals(account_id: int, *, since: datetime | None = None) -> dict[int, set[int]]:
    """The mailboxes that open moves and copies put each Email into: sync does not miss it there yet."""
    rows = _pending(account_id, (Action.Kind.MOVE, Action.Kind.COPY), since)
    found: dict[int, set[int]] = defaultdict(set)
    for email_id, target_id in rows.values_list("email_id", "action__mailbox_id"):
        found[email_id].add(target_id)
    return dict(found)


def _pending(account_id: int, kinds: Sequence[str], since: datetime | None) -> QuerySet[ActionEmail]:
    unfinished = Q(action__status__in=Action.OPEN)
    if since is not None:
        unfinished |= Q(action__done_at__gte=since)
    return ActionEmail.objects.filter(unfinished, action__account_id=account_id, action__kind__in=kinds)


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


def recent_failures(user: User, *, limit: int = 20) -> list[Action]:
    """Acts that a server refused for good lately, newest first, for the page that tells the user."""
    accounts = MailAccount.objects.filter(user=user)
    failed = Action.objects.filter(account__in=accounts, status=Action.Status.FAILED)
    return list(failed.select_related("account").order_by("-id")[:limit])


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps({key: sorted(items) for key, items in value.items()})
