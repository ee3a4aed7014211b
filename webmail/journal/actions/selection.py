"""One act on all that match: a query of any size as one Action an account, its rows changed in bounded transactions.

    apply_to_query(user, unread_emails(user), Keywords(add={"$seen"}))

The ids are taken once, as ranges in `Action.unapplied`. Each transaction changes the next batch and adds its ActionEmails, so
people see it at once, no lock is held for long, and a worker continues what a process left unfinished (`apply_next`).
`apply_to_query` ends when all rows are changed; `begin_on_ids` changes the first and leaves the rest to a worker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import MailAccount, User
from webmail import dispatch
from webmail.journal import entries
from webmail.journal.actions import keywords, move
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action
from webmail.store import changes, mailboxes
from webmail.store.models import Email, EmailMailbox, Mailbox, Role
from webmail.store.sql import chunks

BATCH = 2_500  # Emails of one transaction: a tenth of a second or two on SQLite

Ranges = list[list[int]]  # [first, last] of ids, ascending


@dataclass(frozen=True)
class Keywords:
    """Add and remove keywords. `is_lenient`: nobody asked for it; mail that may not be marked so is left alone."""

    add: Collection[str] = field(default=())
    remove: Collection[str] = field(default=())
    is_lenient: bool = False


@dataclass(frozen=True)
class Move:
    """Into `target`, out of `source` or of every other mailbox. What is of other accounts is carried there."""

    target: Mailbox
    source: Mailbox | None = None


@dataclass(frozen=True)
class Copy:
    """Into `target` as well."""

    target: Mailbox


@dataclass(frozen=True)
class Destroy:
    """For good; out of `source` alone when it is given."""

    source: Mailbox | None = None


@dataclass(frozen=True)
class Trash:
    """Into each account's Trash; what is there already, or whose account has none, for good."""


@dataclass(frozen=True)
class ToRole:
    """Into each account's mailbox with this role, as `move.archive_emails` and `move.junk_emails` do."""

    role: Role


Act = Keywords | Move | Copy | Destroy | Trash | ToRole
TASK = "journal.apply"
FIRST_BATCH = 250  # Emails changed before a page answers: more than a window of rows


def apply_to_emails(user: User, targets: Sequence[Email], act: Act) -> list[Action]:
    """Do it to these Emails, some hundred at most, at once. Raises as `apply_to_query`."""
    if isinstance(act, Keywords):
        change = keywords.set_where_allowed if act.is_lenient else keywords.set_keywords
        return change(user, targets, add=act.add, remove=act.remove)
    if isinstance(act, Move):
        return move.move_emails(user, targets, target=act.target, source=act.source)
    if isinstance(act, Copy):
        return move.copy_emails(user, targets, target=act.target)
    if isinstance(act, Destroy):
        return move.destroy_emails(user, targets, source=act.source)
    if isinstance(act, Trash):
        return move.trash_emails(user, targets)
    return move.move_to_role(user, targets, act.role)


def apply_to_query(user: User, query: QuerySet[Email], act: Act) -> list[Action]:
    """Do it to all Emails of the query that are the user's. Actions that would change nothing are not written.

    Raises `BadKeyword`, `NoSuchTarget` and `ActionRefused` before anything changed.
    """
    by_account: dict[int, list[int]] = defaultdict(list)
    rows = query.filter(account__user=user).order_by("pk").values_list("pk", "account_id").distinct()
    for pk, account_id in rows.iterator():
        by_account[account_id].append(pk)
    plans = [plan for account_id, ids in by_account.items() for plan in _plan(account_id, ids, act)]
    return [action for plan in plans if (action := _apply(user, plan)) is not None]


def begin_on_ids(
    user: User, by_account: Mapping[int, Sequence[int]], acts: Sequence[Act], *, first: Collection[int] = ()
) -> list[Action]:
    """Begin to do all of `acts` to Emails of the user's, given by account as ascending ids; those of `first` among them at
    once, the rest by a worker, which sweep finds again. Actions that would change nothing are not kept.

    The ids must be the user's: the caller has asked for them by account. Raises as `apply_to_query`.
    """
    plans = [plan for act in acts for account_id, ids in by_account.items() for plan in _plan(account_id, ids, act)]
    return [action for plan in plans if (action := _begin(user, plan, first)) is not None]


def ids_by_account(user: User, query: QuerySet[Email]) -> dict[int, list[int]]:
    """The ids of the query's Emails that are the user's, ascending: a query an account, for they come flat and fast."""
    accounts = MailAccount.objects.filter(user=user).values_list("pk", flat=True)
    found = {
        pk: list(query.filter(account_id=pk).order_by("pk").values_list("pk", flat=True).distinct())
        for pk in list(accounts)
    }
    return {pk: ids for pk, ids in found.items() if ids}


def apply_rest(action_id: int) -> None:
    """The body of the worker's task: change all rows that are left, then wake replay. Safe to call at any time."""
    action = Action.objects.get(pk=action_id)
    while apply_next(action):
        pass
    if Action.objects.filter(pk=action_id, total=0, unapplied=[]).delete()[0]:
        return  # it changed nothing
    dispatch.wake("journal.replay", action.account_id)


def unfinished_actions(limit: int) -> list[int]:
    """Actions with rows still to be changed, for sweep."""
    rows = Action.objects.filter(status__in=Action.OPEN, stop_wanted_at=None).exclude(unapplied=[])
    return list(rows.order_by("pk").values_list("pk", flat=True)[:limit])


@dataclass(frozen=True)
class _Plan:
    account_id: int
    ids: Sequence[int]
    kind: str
    mailbox: Mailbox | None = None
    arguments: dict[str, Any] = field(default_factory=dict)


def _plan(account_id: int, ids: Sequence[int], act: Act) -> list[_Plan]:
    if isinstance(act, Keywords):
        adding, removing = keywords.clean_change(act.add, act.remove)
        if act.is_lenient:
            refused = keywords.refused_marking(ids, adding | removing, [account_id])
            ids = [pk for pk in ids if pk not in refused] if refused else ids
        else:
            keywords.check_marking(ids, adding | removing, [account_id])
        arguments: dict[str, Any] = {"add": sorted(adding), "remove": sorted(removing)}
        return [_Plan(account_id, ids, Action.Kind.KEYWORDS, None, arguments)]
    if isinstance(act, Move | Copy):
        return _plan_move(account_id, ids, act)
    if isinstance(act, Destroy):
        move.check_leaving(ids, [account_id], source=act.source)
        arguments = {"source": act.source.pk if act.source else None}
        return [_Plan(account_id, ids, Action.Kind.DESTROY, None, arguments)]
    if isinstance(act, ToRole):
        home, source = move.home_of(account_id, act.role)
        return _plan_move(account_id, ids, Move(home, source))
    return _plan_trash(account_id, ids)


def _plan_move(account_id: int, ids: Sequence[int], act: Move | Copy) -> list[_Plan]:
    move.check_target(act.target, {account_id})
    is_copy = isinstance(act, Copy)
    source = None if isinstance(act, Copy) else act.source
    if not is_copy:
        move.check_leaving(ids, [account_id], source=source, target=act.target)
    within, across = move.split_transfers(account_id, ids, act.target)
    arguments: dict[str, Any] = {"target": act.target.pk, "source": source.pk if source else None}
    kind = Action.Kind.COPY if is_copy else Action.Kind.MOVE
    return [
        _Plan(account_id, within, kind, act.target, arguments),
        _Plan(account_id, across, Action.Kind.TRANSFER, act.target, {**arguments, "keep": is_copy}),
    ]


def _plan_trash(account_id: int, ids: Sequence[int]) -> list[_Plan]:
    trash = mailboxes.mailbox_with_role(account_id, Role.TRASH)
    if trash is None:
        return _plan(account_id, ids, Destroy())
    there = set(ids) & set(EmailMailbox.objects.filter(mailbox=trash).values_list("email_id", flat=True))
    found = _plan(account_id, [pk for pk in ids if pk not in there], Move(trash))
    return found + (_plan(account_id, sorted(there), Destroy()) if there else [])


def _apply(user: User, plan: _Plan) -> Action | None:
    if not plan.ids:
        return None
    action = _write(user, plan, plan.ids)
    while apply_next(action):
        pass
    if not action.total:
        action.delete()
        return None
    dispatch.wake("journal.replay", plan.account_id)
    return action


def _begin(user: User, plan: _Plan, first: Collection[int]) -> Action | None:
    if not plan.ids:
        return None
    now = [pk for pk in plan.ids if pk in first] if first and len(plan.ids) > FIRST_BATCH else plan.ids[:FIRST_BATCH]
    later = set(now)
    rest = to_ranges(pk for pk in plan.ids if pk not in later)
    with changes.recording(plan.account_id) as record:
        action = _write(user, plan, ())
        entries.add_emails(action, _change(record, action, now))
        if not action.total and not rest:
            action.delete()
            return None
        Action.objects.filter(pk=action.pk).update(unapplied=rest)
        action.unapplied = rest
        if rest:
            dispatch.wake(TASK, action.pk)
        else:
            dispatch.wake("journal.replay", plan.account_id)
    return action


def _write(user: User, plan: _Plan, unapplied: Sequence[int]) -> Action:
    return Action.objects.create(
        account_id=plan.account_id,
        user=user,
        step=entries.current_step.get(),
        kind=plan.kind,
        mailbox=plan.mailbox,
        arguments=plan.arguments,
        unapplied=to_ranges(unapplied),
    )


def apply_next(action: Action) -> bool:
    """Change the rows of the next batch; False when none are left, or when the Action was stopped or has ended."""
    with changes.recording(action.account_id) as record:
        row = Action.objects.select_for_update().get(pk=action.pk)
        if row.status not in Action.OPEN or row.stop_wanted_at is not None or not row.unapplied:
            return False
        ids, left = take(row.unapplied, BATCH)
        entries.add_emails(row, _change(record, row, _still_there(row.account_id, ids)))
        Action.objects.filter(pk=row.pk).update(unapplied=left)
    action.unapplied, action.total = left, row.total
    return bool(left)


def _change(record: changes.Record, action: Action, ids: Sequence[int]) -> Sequence[entries.EmailRow]:
    arguments = action.arguments
    if action.kind == Action.Kind.KEYWORDS:
        return keywords.change_rows(record, ids, frozenset(arguments["add"]), frozenset(arguments["remove"]))
    if action.kind == Action.Kind.DESTROY:
        return move.destroy_rows(record, ids, arguments["source"])
    if action.mailbox_id is None:  # deleted meanwhile: the rest stays where it is
        return []
    if action.kind == Action.Kind.COPY:
        return move.copy_rows(record, ids, action.mailbox_id)
    if action.kind == Action.Kind.MOVE:
        return move.move_rows(record, ids, action.mailbox_id, arguments["source"])
    if action.kind == Action.Kind.TRANSFER:
        return move.transfer_rows(record, ids, arguments["source"], keep=arguments["keep"])
    raise ActionRefused(_("This cannot be done to all that match."))


def _still_there(account_id: int, ids: Sequence[int]) -> list[int]:
    return [
        pk
        for chunk in chunks(ids)
        for pk in Email.objects.filter(account_id=account_id, pk__in=chunk).values_list("pk", flat=True)
    ]


def to_ranges(ids: Iterable[int]) -> Ranges:
    """Ascending ids as [first, last] ranges."""
    found: Ranges = []
    for pk in ids:
        if found and pk == found[-1][1] + 1:
            found[-1][1] = pk
        else:
            found.append([pk, pk])
    return found


def take(ranges: Ranges, count: int) -> tuple[list[int], Ranges]:
    """The first `count` ids, and the ranges that are left."""
    taken: list[int] = []
    for index, (first, last) in enumerate(ranges):
        room = count - len(taken)
        if last - first + 1 > room:
            taken.extend(range(first, first + room))
            return taken, [[first + room, last], *ranges[index + 1 :]]
        taken.extend(range(first, last + 1))
    return taken, []
