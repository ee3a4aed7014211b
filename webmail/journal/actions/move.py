"""Moving, copying and deleting Emails. What goes into another account becomes a TRANSFER: the message is sent there, and only
when it has arrived it leaves its place here (`sync.actions.transfer`). It must not change anything before all of it is allowed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import MailAccount, User
from webmail.journal.entries import EmailRow, append_action, by_account, held_emails
from webmail.journal.errors import ActionRefused, NoSuchTarget
from webmail.journal.models import Action, ActionEmail
from webmail.store import changes, emails, mailboxes
from webmail.store.models import Email, EmailMailbox, Mailbox, Placement, Role
from webmail.store.sql import chunks


def move_emails(
    user: User | None, targets: Sequence[Email], *, target: Mailbox, source: Mailbox | None = None
) -> list[Action]:
    """Move Emails of one or several accounts into `target`: out of `source`, or out of every other mailbox when it is None.

    One Action an account, none for what is there already. Raises `NoSuchTarget` when the target belongs to another person or
    takes no mail, `ActionRefused` when a mailbox lets nothing out.
    """
    grouped = {account_id: [email.pk for email in found] for account_id, found in by_account(targets).items()}
    check_target(target, grouped)
    check_leaving([pk for ids in grouped.values() for pk in ids], grouped, target=target, source=source)
    source_id = source.pk if source else None
    actions = []
    for account_id, ids in grouped.items():
        within, across = split_transfers(account_id, ids, target)
        with changes.recording(account_id) as record:
            actions += _append(
                user, account_id, Action.Kind.MOVE, target, move_rows(record, within, target.pk, source_id)
            )
            rows = transfer_rows(record, across, source_id, keep=False)
            actions += _append(user, account_id, Action.Kind.TRANSFER, target, rows, keep=False, source=source_id)
    return actions


def move_rows(
    record: changes.Record, email_ids: Sequence[int], target_id: int, source_id: int | None
) -> list[EmailRow]:
    """Change the memberships for a move; what an Action keeps of each: its source, and where else it stays."""
    moves: list[EmailRow] = []
    closed = closed_mailboxes([record.account_id]).keys()
    for email_id, found in emails.memberships(email_ids).items():
        leaving = found - {target_id} - closed if source_id is None else found & {source_id} - {target_id}
        stays = found - leaving
        moves += [(email_id, mailbox_id, {"stays": stays} if stays else {}) for mailbox_id in sorted(leaving)]
    emails.add_to_mailbox(record, dict.fromkeys(email_id for email_id, _, _ in moves), target_id)
    _take_out(record, moves)
    return moves


def copy_emails(user: User | None, targets: Sequence[Email], *, target: Mailbox) -> list[Action]:
    """Put Emails into `target` as well; one Action an account. Raises `NoSuchTarget`."""
    grouped = {account_id: [email.pk for email in found] for account_id, found in by_account(targets).items()}
    check_target(target, grouped)
    actions = []
    for account_id, ids in grouped.items():
        within, across = split_transfers(account_id, ids, target)
        with changes.recording(account_id) as record:
            actions += _append(user, account_id, Action.Kind.COPY, target, copy_rows(record, within, target.pk))
            rows = transfer_rows(record, across, None, keep=True)
            actions += _append(user, account_id, Action.Kind.TRANSFER, target, rows, keep=True, source=None)
    return actions


def copy_rows(record: changes.Record, email_ids: Sequence[int], target_id: int) -> list[EmailRow]:
    """Add the memberships for a copy; what an Action keeps of each Email that was not there yet."""
    return [(email_id, None, {}) for email_id in emails.add_to_mailbox(record, email_ids, target_id)]


def split_transfers(account_id: int, email_ids: Sequence[int], target: Mailbox) -> tuple[list[int], list[int]]:
    """Those the server of the account can put into `target` itself, and those whose bytes must be carried there: into another
    account, and between what lies on the server and what lies only here."""
    if account_id != target.account_id:
        return [], list(email_ids)
    if target.account.is_pop3:
        return list(email_ids), []  # all of it is ours
    if target.source == Mailbox.Source.LOCAL:
        return [], list(email_ids)
    ours = set(Mailbox.objects.filter(account_id=account_id, source=Mailbox.Source.LOCAL).values_list("pk", flat=True))
    if not ours:
        return list(email_ids), []
    touched = set(EmailMailbox.objects.filter(mailbox__in=ours).values_list("email_id", flat=True))
    inside = emails.memberships(pk for pk in email_ids if pk in touched)
    across = [pk for pk in email_ids if pk in inside and inside[pk] <= ours]
    carried = set(across)
    return [pk for pk in email_ids if pk not in carried], across


def transfer_rows(
    record: changes.Record, email_ids: Sequence[int], source_id: int | None, *, keep: bool
) -> list[EmailRow]:
    """What an Action keeps of Emails that go into another account. Unless they stay as well (`keep`), they are taken out of
    `source_id`, or of every mailbox, at once."""
    if keep:
        return [(email_id, None, {}) for email_id in email_ids]
    leaving: list[EmailRow] = []
    closed = closed_mailboxes([record.account_id]).keys()
    for email_id, inside in emails.memberships(email_ids).items():
        out_of = inside - closed if source_id is None else inside & {source_id}
        stays = inside - out_of
        leaving += [(email_id, mailbox_id, {"stays": stays} if stays else {}) for mailbox_id in sorted(out_of)]
    _take_out(record, leaving)
    return leaving


def _append(
    user: User | None, account_id: int, kind: str, target: Mailbox, rows: Sequence[EmailRow], **arguments: object
) -> list[Action]:
    if not rows:
        return []
    told = {"target": target.pk, **arguments}
    return [append_action(account_id, kind, user=user, mailbox=target, emails=rows, arguments=told)]


def trash_emails(user: User | None, targets: Sequence[Email]) -> list[Action]:
    """Move Emails to their account's Trash; those that are in Trash already, or whose account has none, for good."""
    actions = []
    check_leaving([email.pk for email in targets], {email.account_id for email in targets})
    for account_id, found in by_account(targets).items():
        trash = mailboxes.mailbox_with_role(account_id, Role.TRASH)
        in_trash = emails.memberships((email.pk for email in found), mailbox_ids=[trash.pk]) if trash else {}
        to_move = [email for email in found if trash and email.pk not in in_trash]
        to_destroy = [email for email in found if not trash or email.pk in in_trash]
        if trash and to_move:
            actions += move_emails(user, to_move, target=trash)
        if to_destroy:
            actions += destroy_emails(user, to_destroy)
    return actions


def trash_out_of(user: User | None, email: Email, role: Role) -> list[Action]:
    """Move an Email to Trash if it lies in the account's mailbox with this role; one that has left it stays where it is."""
    source = mailboxes.mailbox_with_role(email.account_id, role)
    if source is None or not emails.memberships([email.pk], mailbox_ids=[source.pk]):
        return []
    return trash_emails(user, [email])


def destroy_emails(user: User | None, targets: Sequence[Email], *, source: Mailbox | None = None) -> list[Action]:
    """Delete Emails for good: at once out of every mailbox here, or out of `source` alone; rows of Emails that are in
    no mailbox then go when the server has done it too. Raises `ActionRefused` when a mailbox lets nothing out."""
    check_leaving([email.pk for email in targets], {email.account_id for email in targets}, source=source)
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
    closed = closed_mailboxes([record.account_id]).keys() if source_id is None else ()
    leaving: list[EmailRow] = [
        (email_id, mailbox_id, {})
        for email_id, inside in members.items()
        for mailbox_id in sorted(inside.difference(closed))
    ]
    _take_out(record, leaving)
    return leaving


def _take_out(record: changes.Record, rows: Sequence[EmailRow]) -> None:
    grouped: dict[int, list[int]] = defaultdict(list)
    for email_id, mailbox_id, _uid in rows:
        if mailbox_id is not None:
            grouped[mailbox_id].append(email_id)
    for mailbox_id, email_ids in grouped.items():
        emails.remove_from_mailbox(record, email_ids, mailbox_id)


def archive_emails(user: User | None, targets: Sequence[Email]) -> list[Action]:
    """Move Emails to their account's Archive. Where a server keeps all mail in one mailbox anyway (Gmail), they leave only
    Inbox, and labels stay. Raises `ActionRefused` when an account has neither."""
    return move_to_role(user, targets, Role.ARCHIVE)


def junk_emails(user: User | None, targets: Sequence[Email]) -> list[Action]:
    """Move Emails to their account's Junk. Raises `ActionRefused` when an account has none."""
    return move_to_role(user, targets, Role.JUNK)


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


def move_to_role(user: User | None, targets: Sequence[Email], role: Role) -> list[Action]:
    """Move Emails to their account's mailbox with this role. Raises `ActionRefused` when an account has none."""
    planned: list[tuple[list[Email], Mailbox, Mailbox | None]] = []
    for account_id, found in by_account(targets).items():
        home, source = home_of(account_id, role)
        check_target(home, {account_id})
        check_leaving([email.pk for email in found], [account_id], source=source, target=home)
        planned.append((found, home, source))
    return [
        action for found, home, source in planned for action in move_emails(user, found, target=home, source=source)
    ]


def home_of(account_id: int, role: Role) -> tuple[Mailbox, Mailbox | None]:
    """Where mail of this role goes, and the one mailbox it leaves (None: all). Raises `ActionRefused` when there is none."""
    home, source = mailboxes.mailbox_with_role(account_id, role), None
    if home is None and role == Role.ARCHIVE:
        home = mailboxes.mailbox_with_role(account_id, Role.ALL)
        source = mailboxes.mailbox_with_role(account_id, Role.INBOX)
    if home is None:
        raise ActionRefused(
            _("This account has no mailbox for %(role)s. Choose one in the account's settings.") % {"role": role.label}
        )
    return home, source


def check_target(target: Mailbox, account_ids: Collection[int]) -> None:
    """Raises `NoSuchTarget` when the mailbox takes no mail, or belongs to another person than the accounts do."""
    others = set(account_ids) - {target.account_id}
    if others and set(MailAccount.objects.filter(pk__in=others).values_list("user_id", flat=True)) != {
        target.account.user_id
    }:
        raise NoSuchTarget(_("There is no such mailbox."))
    if not target.is_selectable or target.is_read_only:
        raise NoSuchTarget(_("%(name)s cannot hold mail.") % {"name": target.name})
    if not mailboxes.may(target, "insert"):
        raise NoSuchTarget(_("You may not put mail into %(name)s.") % {"name": target.name})


def check_leaving(
    email_ids: Sequence[int],
    account_ids: Collection[int],
    *,
    source: Mailbox | None = None,
    target: Mailbox | None = None,
) -> None:
    """Raises `ActionRefused` when `source` lets nothing out (RFC 4314 section 4: right `t`); without one, when an Email lies
    only in mailboxes that do not, apart from `target`."""
    closed = closed_mailboxes(account_ids)
    if not closed:
        return
    inside = {0: {source.pk}} if source is not None else emails.memberships(email_ids)
    for boxes in inside.values():
        leaving = boxes - {target.pk if target else None}
        if leaving and leaving <= closed.keys():
            raise ActionRefused(_("You may not take mail out of %(name)s.") % {"name": closed[min(leaving)]})


def closed_mailboxes(account_ids: Collection[int]) -> dict[int, str]:
    """The mailboxes that let no mail out, by id: their names. Mail that lies there too stays there."""
    limited = Q(is_read_only=True) | ~Q(rights="")
    boxes = Mailbox.objects.filter(limited, account_id__in=account_ids)
    return {box.pk: box.name for box in boxes if not mailboxes.may(box, "delete")}


def drop_homeless(record: changes.Record, action: Action) -> None:
    """Destroy the Emails of an ended Action that lie in no mailbox and at no place any more, unless another one needs them."""
    ids = set(action.emails.values_list("email_id", flat=True))
    alive = set(emails.memberships(ids)) | held_emails(ids)
    for chunk in chunks(ids):
        placed = Placement.objects.filter(email_id__in=chunk, uid__isnull=False)
        alive.update(pk for pk in placed.values_list("email_id", flat=True) if pk)
    emails.destroy_emails(record, ids - alive)
