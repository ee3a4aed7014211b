"""Moving, copying and deleting Emails within an account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from accounts.models import User
from webmail.journal.entries import append_action, by_account
from webmail.journal.errors import ActionRefused, NoSuchTarget
from webmail.journal.models import Action
from webmail.store import changes, emails, mailboxes
from webmail.store.models import Email, Mailbox, Role


def move_emails(
    user: User | None, targets: Sequence[Email], *, target: Mailbox, source: Mailbox | None = None
) -> Action | None:
    """Move Emails into `target`: out of `source`, or out of every other mailbox when it is None.

    Returns None when all are there already. Raises `NoSuchTarget` when an Email belongs to another account.
    """
    _check_target(targets, target)
    with changes.recording(target.account_id) as record:
        moves: list[tuple[int, int]] = []
        for email_id, found in emails.memberships(email.pk for email in targets).items():
            leaving = found - {target.pk} if source is None else found & {source.pk} - {target.pk}
            moves += [(email_id, mailbox_id) for mailbox_id in sorted(leaving)]
        if not moves:
            return None
        emails.add_to_mailbox(record, dict.fromkeys(email_id for email_id, _ in moves), target.pk)
        for mailbox_id, email_ids in _by_mailbox(moves).items():
            emails.remove_from_mailbox(record, email_ids, mailbox_id)
        return append_action(
            target.account_id,
            Action.Kind.MOVE,
            user=user,
            mailbox=target,
            emails=[(email_id, mailbox_id, {}) for email_id, mailbox_id in moves],
            arguments={"target": target.pk},
        )


def copy_emails(user: User | None, targets: Sequence[Email], *, target: Mailbox) -> Action | None:
    """Put Emails into `target` as well. Raises `NoSuchTarget`."""
    _check_target(targets, target)
    with changes.recording(target.account_id) as record:
        added = emails.add_to_mailbox(record, [email.pk for email in targets], target.pk)
        if not added:
            return None
        return append_action(
            target.account_id,
            Action.Kind.COPY,
            user=user,
            mailbox=target,
            emails=[(email_id, None, {}) for email_id in added],
            arguments={"target": target.pk},
        )


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
            members = emails.memberships((email.pk for email in found), mailbox_ids=[source.pk] if source else None)
            leaving = [(email_id, mailbox_id) for email_id, inside in members.items() for mailbox_id in sorted(inside)]
            for mailbox_id, email_ids in _by_mailbox(leaving).items():
                emails.remove_from_mailbox(record, email_ids, mailbox_id)
            if leaving:
                actions.append(
                    append_action(
                        account_id,
                        Action.Kind.DESTROY,
                        user=user,
                        emails=[(email_id, mailbox_id, {}) for email_id, mailbox_id in leaving],
                    )
                )
    return actions


def archive_emails(user: User | None, targets: Sequence[Email]) -> list[Action]:
    """Move Emails to their account's Archive. Raises `ActionRefused` when an account has none."""
    return _move_to_role(user, targets, Role.ARCHIVE)


def junk_emails(user: User | None, targets: Sequence[Email]) -> list[Action]:
    """Move Emails to their account's Junk. Raises `ActionRefused` when an account has none."""
    return _move_to_role(user, targets, Role.JUNK)


def undo_move(action: Action) -> None:
    """Put Emails back where the Action took them from: undo by the user, or a permanent refusal."""
    with changes.recording(action.account_id) as record:
        back = [(row.email_id, row.source_id) for row in action.emails.all() if row.source_id]
        for mailbox_id, email_ids in _by_mailbox(back).items():
            emails.add_to_mailbox(record, email_ids, mailbox_id)
        target = action.arguments.get("target")
        if target is not None:
            emails.remove_from_mailbox(record, [row.email_id for row in action.emails.all()], target)


def _move_to_role(user: User | None, targets: Sequence[Email], role: Role) -> list[Action]:
    grouped = by_account(targets)
    homes = {account_id: mailboxes.mailbox_with_role(account_id, role) for account_id in grouped}
    if not all(homes.values()):
        raise ActionRefused(f"This account has no mailbox for {role.label}. Choose one in the account's settings.")
    moved = [
        move_emails(user, found, target=home) for account_id, found in grouped.items() if (home := homes[account_id])
    ]
    return [action for action in moved if action]


def _check_target(targets: Sequence[Email], target: Mailbox) -> None:
    if any(email.account_id != target.account_id for email in targets):
        raise NoSuchTarget("Mail can be moved only within its own account so far.")
    if not target.is_selectable or target.is_read_only:
        raise NoSuchTarget(f"{target.name} cannot hold mail.")


def _by_mailbox(pairs: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    grouped: dict[int, list[int]] = defaultdict(list)
    for email_id, mailbox_id in pairs:
        grouped[mailbox_id].append(email_id)
    return dict(grouped)
