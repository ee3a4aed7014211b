"""Settings of notifications: how much of a message they show, when they are quiet, and which mailboxes have any."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms_preferences import NotificationForm
from accounts.models import MailAccount
from accounts.views.preferences import answer
from webmail.store.mailboxes import update_mailbox
from webmail.store.models import Mailbox, Role
from webmail.store.queries.accounts import get_account_for, visible_mailboxes
from webmail.web.requests import UserRequest, signed_in
from webmail.web.shell import shell_of

# New mail does not come into these by itself, or nobody wants to hear of it.
_SILENT_ROLES = frozenset({Role.DRAFTS, Role.SENT, Role.JUNK, Role.TRASH})


@dataclass(frozen=True)
class AccountChoice:
    """An account with the mailboxes that can tell of new mail, and how many of them do."""

    account: MailAccount
    mailboxes: tuple[tuple[Mailbox, bool], ...]

    @property
    def count(self) -> int:
        return sum(1 for _mailbox, is_on in self.mailboxes if is_on)


@require_http_methods(["GET", "POST"])
@signed_in
def notifications(request: UserRequest) -> HttpResponse:
    """The page; posted: how notifications look and when they come."""
    trees = shell_of(request).trees
    choices = [_choice(tree.account, [node.mailbox for node in tree.nodes]) for tree in trees]
    return answer(request, NotificationForm, "notifications", "settings_notifications", {"choices": choices})


@require_POST
@signed_in
def account(request: UserRequest, account_id: str) -> HttpResponse:
    """Posted: `mailbox`, the public ids of those of the account that tell of new mail; with `all`=no none of them does."""
    found = get_account_for(request.user, account_id)
    wanted = set() if request.POST.get("all") == "no" else set(request.POST.getlist("mailbox"))
    choice = _choice(found, visible_mailboxes([found]))
    for mailbox, is_on in choice.mailboxes:
        if (mailbox.public_id in wanted) != is_on:
            update_mailbox(mailbox, notifies=mailbox.public_id in wanted)
    if request.htmx:
        return render(request, "settings/_said.html", {"errors": []})
    messages.success(request, _("Saved."))
    return redirect("settings_notifications")


def _choice(found: MailAccount, mailboxes: list[Mailbox]) -> AccountChoice:
    able = [mailbox for mailbox in mailboxes if mailbox.is_selectable and mailbox.role not in _SILENT_ROLES]
    return AccountChoice(found, tuple((mailbox, notifies(mailbox)) for mailbox in able))


def notifies(mailbox: Mailbox) -> bool:
    """Whether new mail in it is told of: what the person said, else only Inbox."""
    return mailbox.role == Role.INBOX if mailbox.notifies is None else mailbox.notifies
