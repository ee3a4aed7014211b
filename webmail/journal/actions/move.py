"""Moving, copying and deleting Emails within an account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from accounts.models import User
from webmail.journal.entries import EmailRow, append_action, by_account
from webmail.journal.errors import ActionRefused, NoSuchTarget
from webmail.journal.models import Action, ActionEmail
from webmail.store import changes, emails, mailboxes
from webmail.store.models import Email, Mailbox, Placement, Role
from webmail.store.sql import chunks


def move_emails(
    user: User | None, targets: Sequence[Email], *, target: Mailbox, source: Mailbox | None = None
) -> Action | None:
    """Move Emails into `target`: out of `source`, or out of every other mailbox when it is None.

    Returns None when all are there already. Raises `NoSuchTarget` when an Email belongs to another account.
    """
    check_target(target, {email.account_id for email in targets})
    with changes.recording(target.account_id) as record:
        rows = move_rows(record, [email.pk for email in targets], target.pk, source.pk if source else None)
        return _append(user, Action.Kind.MOVE, target, rows)


def move_rows(
    record: changes.Record, email_ids: Sequence[int], target_id: int, source_id: int | None
) -> list[EmailRow]:
    """Change the memberships for a move; what an Action keeps of each: its source, and where else it stays."""
    moves: list[EmailRow] = []
    for email_id, found in emails.memberships(email_ids).items():
        leaving = found - {target_id} if source_id is None else found & {source_id} - {target_id}
        stays = found - leaving
        moves += [(email_id, mailbox_id, {"stays": stays} if stays else {}) for mailbox_id in sorted(leaving)]
    emails.add_to_mailbox(record, dict.fromkeys(email_id for email_id, _, _ in moves), target_id)
    _take_out(record, moves)
    return moves


def copy_emails(user: User | None, targets: Sequence[Email], *, target: Mailbox) -> Action | None:
    """Put Emails into `target` as well. Raises `NoSuchTarget`."""
    check_target(target, {email.account_id for email in targets})
    with changes.recording(target.account_id) as record:
        rows = copy_rows(record, [email.pk for email in targets], target.pk)
        return _append(user, Action.Kind.COPY, target, rows)


def copy_rows(record: changes.Record, email_ids: Sequence[int], target_id: int) -> list[EmailRow]:
    """Add the memberships for a copy; what an Action keeps of each Email that was not there yet."""
    return [(email_id, None, {}) for email_id in emails.add_to_mailbox(record, email_ids, target_id)]


def _append(user: User | None, kind: str, target: Mailbox, rows: Sequence[EmailRow]) -> Action | None:
    if not rows:
        return None
    arguments = {"target": target.pk}
    return append_action(target.account_id, kind, user=user, mailbox=target, emails=rows, arguments=arguments)


def trash_emails(user: User | None, targets: Sequence[Email]) -> list[Action]:
    """Move Emails to their account's Trash; those that are in Trash already, or whose account has none, for good."""
    actions = []
    for account_id, found in by_account(targets).items():
        trash = mailboxes.mailbox_with_role(account_id, Role.TRASH)
        in_trash = emails.memberships((email.pk for email in found), mailbox_ids=[trash.pk]) if trash else {}
        to_move = [email for email in found if trash and email.pk not in in_trash]
        to_destroy = [email for email in found if not trash or email.pk in in_trash]
        if trash and to_move:
            moved = move_emails(user, to_move, target=trash)
            actions += [moved] if moved else []
        if to_destroy:
            actions += destroy_emails(user, to_destroy)
    return actions


def destroy_emails(user: User | None, targets: Sequence[Email], *, source: Mailbox | None = None) -> list[Action]:
    """Delete Emails for good: at once out of every mailbox here, or out of `source` alone; rows of Emails that are in
    no mailbox then go when the server has done it too."""
    actions = []
    for account_id, found in by_account(targets).items():
        with changes.recording(account_id) as record:
            rows = destroy_rows(record, [email.pk for email in found], source.pk if source else None)
            if rows:
                actions.append(append_action(account_id, Action.Kind.DESTROY, user=user, emails=rows))
    return actions


def destroy_rows(record: changes.Record, email_ids: Sequence[int], source_id: int | None) -> list[EmailRow]:
    """Take Emails out of every mailbox, or of `source_id` alone; what an Action keeps of each."""
    members = emails.memberships(email_ids, mailbox_ids=[source_id] if source_id else None)
    leaving: list[EmailRow] = [
        (email_id, mailbox_id, {}) for email_id, inside in members.items() for mailbox_id in sorted(inside)
    ]
    _take_out(record, leaving)
    return leaving


def _take_out(record: changes.Record, rows: Sequence[EmailRow]) -> None:
    grouped: dict[int, list[int]] = defaultdict(list)
    for email_id, mailbox_id, _ in rows:
        if mailbox_id is not None:
            grouped[mailbox_id].append(email_id)
    for mailbox_id, email_ids in grouped.items():
        emails.remove_from_mailbox(record, email_ids, mailbox_id)


def archive_emails(user: User | None, targets: Sequence[Email]) -> list[Action]:
    """Move Emails to their account's Archive. Raises `ActionRefused` when an account has none."""
    return _move_to_role(user, targets, Role.ARCHIVE)


def junk_emails(user: User | None, targets: Sequence[Email]) -> list[Action]:
    """Move Emails to their account's Junk. Raises `ActionRefused` when an account has none."""
    return _move_to_role(user, targets, Role.JUNK)


def undo_rows(record: changes.Record, action: Action, rows: Sequence[ActionEmail]) -> None:
    """Put Emails back where the Action took them from, and out of its target unless they lie there on the server.

    An Email that the user has moved on since stays where it is: that later act now begins at the old place.
    """
    moved_on = _moved_on(action, {row.email_id for row in rows})
    back: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        later = moved_on.pop(row.email_id, None)
        if later is not None and row.source_id is not None:
            ActionEmail.objects.filter(pk=later).update(source_id=row.source_id)
        elif row.source_id is not None:
            back[row.source_id].append(row.email_id)
    for mailbox_id, email_ids in back.items():
        emails.add_to_mailbox(record, email_ids, mailbox_id)
    if action.mailbox_id is not None:
        ids = {row.email_id for row in rows}
        done = action.emails.filter(email_id__in=ids, is_done=True).values_list("email_id", flat=True)
        ids -= {*done, *placed_in(ids, action.mailbox_id)}
        emails.remove_from_mailbox(record, ids, action.mailbox_id)


def placed_in(email_ids: Collection[int], mailbox_id: int) -> set[int]:
    """Those of the Emails that the server has in the mailbox."""
    found: set[int] = set()
    for chunk in chunks(email_ids):
        rows = Placement.objects.filter(email_id__in=chunk, mailbox_id=mailbox_id, is_deleted=False)
        found.update(pk for pk in rows.exclude(uidvalidity__lt=0).values_list("email_id", flat=True) if pk)
    return found


def _moved_on(action: Action, email_ids: Collection[int]) -> dict[int, int]:
    """Email id -> the row of the next open Action that takes it out of this one's target."""
    if action.mailbox_id is None:
        return {}
    found: dict[int, int] = {}
    for chunk in chunks(email_ids):
        rows = ActionEmail.objects.filter(
            email_id__in=chunk, action_id__gt=action.pk, action__status__in=Action.OPEN, source_id=action.mailbox_id
        )
        for pk, email_id in rows.order_by("action_id").values_list("pk", "email_id"):
            found.setdefault(email_id, pk)
    return found


def _move_to_role(user: User | None, targets: Sequence[Email], role: Role) -> list[Action]:
    grouped = by_account(targets)
    homes = {account_id: mailboxes.mailbox_with_role(account_id, role) for account_id in grouped}
    if not all(homes.values()):
        raise ActionRefused(f"This account has no mailbox for {role.label}. Choose one in the account's settings.")
    moved = [
        move_emails(user, found, target=home) for account_id, found in grouped.items() if (home := homes[account_id])
    ]
    return [action for action in moved if action]


def check_target(target: Mailbox, account_ids: Collection[int]) -> None:
    """Raises `NoSuchTarget` when the mailbox cannot hold mail, or is not of the one account."""
    if set(account_ids) - {target.account_id}:
        raise NoSuchTarget("Mail can be moved only within its own account so far.")
    if not target.is_selectable or target.is_read_only:
        raise NoSuchTarget(f"{target.name} cannot hold mail.")
