"""Doing what a button says, as one Step that can be undone. What each verb does stands in `verbs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import User
from webmail.journal import steps
from webmail.journal.actions import selection
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Step
from webmail.store.mailboxes import mailbox_with_role
from webmail.store.models import Email, EmailMailbox, Role
from webmail.web.acts import meant
from webmail.web.acts.verbs import VERBS, Deed
from webmail.web.acts.wish import Wish
from webmail.web.lists import ListSource


@dataclass(frozen=True)
class Outcome:
    """What was done. `step` can be undone, None: nothing had to be changed; `is_gone`: the rows left the list."""

    step: Step | None
    is_gone: bool
    keeps_open: bool  # the open conversation stays open


def perform(user: User, wish: Wish, source: ListSource) -> Outcome:
    """Do it. Raises `ActionRefused` with words for people when it cannot be done, Http404 for a foreign target."""
    verb = VERBS.get(wish.verb)
    if verb is None or not wish.means_something:
        raise ActionRefused(_("Select at least one message first."))
    deed = verb.deed(user, wish, source)
    detail = {"rows": 0, "is_threads": source.is_threaded, "name": deed.name, "target": deed.target_id}
    if deed.account:
        detail["account"] = deed.account
    done = _to_all(user, wish, source, deed, detail) if wish.is_all else _to_rows(user, wish, source, deed, detail)
    return Outcome(done, is_gone=verb.is_gone, keeps_open=verb.keeps_open)


def _to_rows(user: User, wish: Wish, source: ListSource, deed: Deed, detail: dict[str, object]) -> Step | None:
    found = meant.emails_meant(user, wish.row_ids, source, deed.scope)
    detail["rows"] = len(wish.row_ids)
    detail["is_threads"] = all(row_id.startswith("t") for row_id in wish.row_ids)
    detail["planned"] = len(found)
    is_final = wish.verb == "delete" and would_destroy(found)
    with steps.recording(user, wish.verb, detail, is_final=is_final) as step:
        for act in deed.acts_on(found):
            if act.targets:
                selection.apply_to_emails(user, act.targets, act.act)
        step.step.detail["planned"] = _changed_emails(step.step)
    return step.kept


def _to_all(user: User, wish: Wish, source: ListSource, deed: Deed, detail: dict[str, object]) -> Step | None:
    ids = meant.ids_meant(user, source, deed.scope, wish.but)
    detail["rows"] = count_rows(source, wish)
    detail["planned"] = sum(map(len, ids.values())) * len(deed.acts)
    first = set(meant.first_meant(source, selection.FIRST_BATCH))
    is_final = wish.verb == "delete" and source.role == Role.TRASH
    with steps.recording(user, wish.verb, detail, is_final=is_final) as step:
        selection.begin_on_ids(user, ids, deed.acts, first=first)
    return step.kept


def empty_mailboxes(user: User, source: ListSource) -> Step | None:
    """Delete for good what lies in the mailboxes of the list, as a job; what lies elsewhere too stays there. None: nothing.

    Raises `ActionRefused` when a mailbox lets nothing out.
    """
    found = {}
    for mailbox in source.mailboxes or ():
        inside = Email.objects.filter(account__user=user, mailbox_rows__mailbox=mailbox)
        found[mailbox] = selection.ids_by_account(user, inside)
    count = sum(len(ids) for by_account in found.values() for ids in by_account.values())
    detail = {"rows": count, "planned": count, "name": source.title, "is_counted": True}
    with steps.recording(user, "empty", detail, is_final=True) as step:
        for mailbox, by_account in found.items():
            selection.begin_on_ids(user, by_account, [selection.Destroy(mailbox)])
    return step.kept


def _changed_emails(step: Step) -> int:
    return sum(step.actions.values_list("total", flat=True))


def count_rows(source: ListSource, wish: Wish) -> int:
    """How many rows of the list `all` means: the figure that the list itself shows."""
    if not wish.is_all:
        return len(wish.row_ids)
    return max(source.total - len(wish.but), 0)


def destroys(user: User, wish: Wish, source: ListSource) -> bool:
    """Whether a deletion would be for good: then the user is asked first."""
    if wish.verb != "delete":
        return False
    if wish.is_all:
        boxes = source.mailboxes or ()
        return source.role == Role.TRASH or any(not mailbox_with_role(box.account_id, Role.TRASH) for box in boxes)
    return would_destroy(meant.emails_meant(user, wish.row_ids, source, meant.INSIDE))


def would_destroy(found: Sequence[Email]) -> bool:
    """Whether moving these to Trash means to delete some for good: they are there, or their account has none."""
    trashes = {email.account_id: mailbox_with_role(email.account_id, Role.TRASH) for email in found}
    if not all(trashes.values()):
        return True
    ids = [trash.pk for trash in trashes.values() if trash]
    rows = EmailMailbox.objects.filter(mailbox_id__in=ids, email_id__in=[email.pk for email in found])
    return bool(ids) and rows.exists()
