"""What a button on rows or in the reading pane does: which Emails it means, the act, the words for it, and its undo.

button            Emails it means
read              all of the conversation, wherever they lie
unread, star      the newest of the conversation in this list
unstar            all of the conversation
archive, junk,    those in the mailboxes of this list; in lists over everything (search, starred, unread) those that
move, delete      came in, so that one's own copies in Sent stay; when there are none, all
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from webmail.journal.actions import keywords, move, putting_back
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action, ActionEmail
from webmail.store import emails as store_emails
from webmail.store.mailboxes import mailbox_with_role
from webmail.store.models import Email, EmailMailbox, Mailbox, Role
from webmail.store.queries.accounts import get_mailbox_for
from webmail.store.queries.emails import emails_of_threads, get_emails_for
from webmail.web.lists import ListSource
from webmail.web.shell import mailbox_title

MAX_ROWS = 1_000
_NOT_RECEIVED = (Role.SENT, Role.DRAFTS, Role.TRASH, Role.JUNK)


@dataclass(frozen=True)
class Act:
    """A verb, its target for a move, and the rows it is about."""

    verb: str
    target_id: str
    row_ids: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What was done. `actions` can be undone; `is_gone`: the rows left the list."""

    text: str
    actions: tuple[Action, ...] = field(default=())
    is_gone: bool = False


def read_act(button: str, checked: Sequence[str]) -> Act:
    """What a button says: "archive", "move:m1…" for the checked rows, "archive t1…" for one row."""
    what, _space, one = button.partition(" ")
    verb, _colon, target_id = what.partition(":")
    rows = [one] if one else list(checked)
    return Act(verb, target_id, tuple(dict.fromkeys(rows))[:MAX_ROWS])


def perform(user: User, act: Act, source: ListSource) -> Outcome:
    """Do it. Raises `ActionRefused` with words for people when it cannot be done, Http404 for a foreign target."""
    handler = _HANDLERS.get(act.verb)
    if handler is None or not act.row_ids:
        raise ActionRefused(_("Select at least one message first."))
    return handler(user, act, source)


def destroys(user: User, act: Act, source: ListSource) -> bool:
    """Whether a deletion would be for good: then the user is asked first."""
    if act.verb != "delete":
        return False
    found = _meant(user, act, source)
    trashes = {email.account_id: mailbox_with_role(email.account_id, Role.TRASH) for email in found}
    if not all(trashes.values()):
        return True
    ids = [trash.pk for trash in trashes.values() if trash]
    return bool(store_emails.memberships((email.pk for email in found), mailbox_ids=ids))


def undo(user: User, action_ids: Sequence[str]) -> int:
    """Do the opposite of these Actions of the user's; returns how many Emails came back. Others' ids do nothing."""
    count = 0
    for action in Action.objects.filter(user=user, account__user=user, public_id__in=list(action_ids)[:100]):
        rows = list(action.emails.select_related("email__account", "source"))
        if action.kind == Action.Kind.MOVE and action.mailbox is not None:
            count += _move_back(user, action.mailbox, [(row.email, row.source) for row in rows if row.source])
        elif action.kind == Action.Kind.KEYWORDS:
            count += _change_back(user, rows)
        elif action.kind == Action.Kind.TRANSFER:
            count += _bring_back(user, action)
    return count


def _bring_back(user: User, action: Action) -> int:
    """What is still here is not sent any more; what has arrived in the other mailbox is sent back."""
    count = 0
    with suppress(ActionRefused):  # it has come to an end
        putting_back.stop_action(action)
        count = action.total - action.emails.count()
    target, arrived = action.mailbox, action.arguments.get("arrived", {})
    sources = Mailbox.objects.filter(account=action.account, pk__in=arrived)
    for source in sources if target is not None else ():
        there = Email.objects.filter(pk__in=arrived[str(source.pk)], account__user=user)
        for done in move.move_emails(user, list(there.select_related("account")), target=source, source=target):
            count += done.total
    return count


def _change_back(user: User, rows: Sequence[ActionEmail]) -> int:
    """Only what really changed on each Email."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Email]] = {}
    for row in rows:
        changed = (tuple(row.changed.get("removed", ())), tuple(row.changed.get("added", ())))
        alike.setdefault(changed, []).append(row.email)
    for (removed, added), found in alike.items():
        keywords.set_keywords(user, found, add=removed, remove=added)
    return len(rows)


def _move_back(user: User, was_target: Mailbox, pairs: Sequence[tuple[Email, Mailbox]]) -> int:
    """Into the first mailbox each Email came from, and copied into the others it had been in."""
    first: dict[int, Mailbox] = {}
    moves: dict[Mailbox, list[Email]] = {}
    copies: dict[Mailbox, list[Email]] = {}
    for email, mailbox in pairs:
        group = moves if email.pk not in first else copies
        first.setdefault(email.pk, mailbox)
        group.setdefault(mailbox, []).append(email)
    for mailbox, found in moves.items():
        move.move_emails(user, found, target=mailbox, source=was_target)
    for mailbox, found in copies.items():
        move.copy_emails(user, found, target=mailbox)
    return len(first)


# Which Emails ---------------------------------------------------------------------------------------------------------


def _of_rows(user: User, row_ids: Sequence[str], *, within: Sequence[Mailbox] | None) -> list[Email]:
    threads = [row_id for row_id in row_ids if row_id.startswith("t")]
    single = [row_id for row_id in row_ids if not row_id.startswith("t")]
    found = emails_of_threads(user, threads, within=within) if threads else []
    return found + (get_emails_for(user, single) if single else [])


def _meant(user: User, act: Act, source: ListSource) -> list[Email]:
    if source.mailboxes is not None:
        inside = _of_rows(user, act.row_ids, within=source.mailboxes)
        # A conversation opened by its own address, or moved meanwhile: then all of it is meant.
        return inside or _received(_of_rows(user, act.row_ids, within=None))
    return _received(_of_rows(user, act.row_ids, within=None))


def _received(found: list[Email]) -> list[Email]:
    rows = EmailMailbox.objects.filter(email_id__in=[email.pk for email in found])
    came_in = set(rows.exclude(mailbox__role__in=_NOT_RECEIVED).values_list("email_id", flat=True))
    return [email for email in found if email.pk in came_in] or found


def _newest(found: Sequence[Email]) -> list[Email]:
    newest: dict[int, Email] = {}
    for email in sorted(found, key=lambda email: (email.received_at, email.pk)):
        newest[email.thread_id] = email
    return list(newest.values())


# Acts -----------------------------------------------------------------------------------------------------------------


def _mark_read(user: User, act: Act, source: ListSource) -> Outcome:
    found = _of_rows(user, act.row_ids, within=None)
    unread = [email for email in found if email.is_unread]
    done = keywords.set_keywords(user, unread, add=["$seen"])
    return Outcome(_count(act, _("Marked as read"), _("%(count)s marked as read")), tuple(done))


def _mark_unread(user: User, act: Act, source: ListSource) -> Outcome:
    done = keywords.set_keywords(user, _newest(_meant(user, act, source)), remove=["$seen"])
    return Outcome(_count(act, _("Marked as unread"), _("%(count)s marked as unread")), tuple(done))


def _star(user: User, act: Act, source: ListSource) -> Outcome:
    done = keywords.set_keywords(user, _newest(_meant(user, act, source)), add=["$flagged"])
    return Outcome(_count(act, _("Starred"), _("%(count)s starred")), tuple(done))


def _unstar(user: User, act: Act, source: ListSource) -> Outcome:
    done = keywords.set_keywords(user, _of_rows(user, act.row_ids, within=None), remove=["$flagged"])
    return Outcome(_count(act, _("Star removed"), _("%(count)s: star removed")), tuple(done))


def _archive(user: User, act: Act, source: ListSource) -> Outcome:
    done = move.archive_emails(user, _meant(user, act, source))
    return Outcome(_count(act, _("Archived"), _("%(count)s archived")), tuple(done), is_gone=True)


def _junk(user: User, act: Act, source: ListSource) -> Outcome:
    done = move.junk_emails(user, _meant(user, act, source))
    return Outcome(_count(act, _("Moved to Junk"), _("%(count)s moved to Junk")), tuple(done), is_gone=True)


def _not_junk(user: User, act: Act, source: ListSource) -> Outcome:
    done = []
    for account_id, found in _by_account(_meant(user, act, source)).items():
        inbox = mailbox_with_role(account_id, Role.INBOX)
        if inbox is not None:
            done += move.move_emails(user, found, target=inbox)
    return Outcome(_count(act, _("Moved to Inbox"), _("%(count)s moved to Inbox")), tuple(done), is_gone=True)


def _delete(user: User, act: Act, source: ListSource) -> Outcome:
    found = _meant(user, act, source)
    is_final = destroys(user, act, source)
    done = move.trash_emails(user, found)
    if is_final:
        return Outcome(_count(act, _("Deleted for good"), _("%(count)s deleted for good")), is_gone=True)
    return Outcome(_count(act, _("Moved to Trash"), _("%(count)s moved to Trash")), tuple(done), is_gone=True)


def _move(user: User, act: Act, source: ListSource) -> Outcome:
    target = get_mailbox_for(user, act.target_id)
    done = move.move_emails(user, _meant(user, act, source), target=target)
    name = {"name": mailbox_title(target)}
    one, many = _("Moved to %(name)s") % name, _("%%(count)s moved to %(name)s") % name
    return Outcome(_count(act, one, many), tuple(done), is_gone=True)


def _by_account(found: Sequence[Email]) -> dict[int, list[Email]]:
    grouped: dict[int, list[Email]] = {}
    for email in found:
        grouped.setdefault(email.account_id, []).append(email)
    return grouped


def _count(act: Act, one: str, many: str) -> str:
    number = len(act.row_ids)
    if number == 1:
        return one
    is_threads = all(row_id.startswith("t") for row_id in act.row_ids)
    if is_threads:
        counted = ngettext("%(number)d conversation", "%(number)d conversations", number) % {"number": number}
    else:
        counted = ngettext("%(number)d message", "%(number)d messages", number) % {"number": number}
    return many.replace("%(count)s", counted)


_HANDLERS: dict[str, Callable[[User, Act, ListSource], Outcome]] = {
    "read": _mark_read,
    "unread": _mark_unread,
    "star": _star,
    "unstar": _unstar,
    "archive": _archive,
    "junk": _junk,
    "notjunk": _not_junk,
    "delete": _delete,
    "move": _move,
}
