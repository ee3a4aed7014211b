"""Settings of an account's mailboxes: made, renamed, given a role, deleted; and the whole account deleted."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import IntegrityError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.models import MailAccount
from accounts.services import record_event
from webmail.journal.actions.mailboxes import create_mailbox, delete_mailbox, rename_mailbox
from webmail.journal.errors import ActionRefused
from webmail.outbox import queries as outbox
from webmail.outbox.models import WAITING
from webmail.store.errors import BadMailboxName, MailboxNameTaken, MailboxNotEmpty
from webmail.store.mailboxes import MAX_NAME_BYTES, choose_role
from webmail.store.models import Mailbox, Role
from webmail.store.queries.accounts import (
    MailboxNode,
    build_tree,
    get_account_for,
    get_mailbox_for,
    visible_mailboxes,
)
from webmail.store.removal import remove_account
from webmail.web import flash
from webmail.web.requests import UserRequest, signed_in, wants_fragment
from webmail.web.shell.answers import done
from webmail.web.shell.navigation import in_order
from webmail.web.views.mailbox_likes import mailbox_context, mailbox_menu

# Inbox is what the protocol says; All and Flagged are views that servers make.
CHOOSABLE_ROLES = (Role.NONE, Role.ARCHIVE, Role.DRAFTS, Role.JUNK, Role.SENT, Role.TRASH)


class MailboxForm(forms.Form):
    """Name, place and role of a mailbox."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=255)
    parent = forms.ChoiceField(label=gettext_lazy("Inside"), required=False)
    role = forms.ChoiceField(label=gettext_lazy("Used for"), required=False)

    def __init__(self, *args: Any, nodes: list[MailboxNode], without: Mailbox | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mailboxes = {node.mailbox.public_id: node.mailbox for node in nodes}
        places = [(node.mailbox.public_id, "\u2003" * node.depth + node.mailbox.name) for node in nodes]
        own = without.public_id if without else ""
        top = ("", _("nothing: at the top"))
        self.fields["parent"].choices = [top, *(place for place in places if place[0] != own)]  # type: ignore[attr-defined]
        labels = {Role.NONE: _("nothing special")}
        self.fields["role"].choices = [  # type: ignore[attr-defined]
            (role.value, labels.get(role, role.label)) for role in CHOOSABLE_ROLES
        ]

    @property
    def parent_mailbox(self) -> Mailbox | None:
        return self.mailboxes.get(self.cleaned_data["parent"])


@require_http_methods(["GET", "POST"])
@signed_in
def mailboxes(request: UserRequest, account_id: str) -> HttpResponse:
    """The tree of an account; posted: a new mailbox, inside the one that `inside` names."""
    account = get_account_for(request.user, account_id)
    nodes = _nodes(account)
    data = request.POST if request.method == "POST" else None
    form = MailboxForm(data, nodes=nodes, initial={"parent": request.GET.get("inside", "")})
    if request.method == "POST" and form.is_valid():
        try:
            create_mailbox(request.user, account.pk, name=form.cleaned_data["name"], parent=form.parent_mailbox)
        except (MailboxNameTaken, BadMailboxName, ActionRefused) as error:
            form.add_error("name", _words(error))
        else:
            flash.add(request, flash.Toast(_("Mailbox %(name)s made.") % {"name": form.cleaned_data["name"]}))
            return done(request, "mailbox_settings", account.public_id)
    context = {"current": "settings", "section": "accounts", "account": account, "nodes": nodes, "form": form}
    name = "settings/_mailbox_new.html" if wants_fragment(request, "dialog") else "settings/mailboxes.html"
    return render(request, name, context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def mailbox(request: UserRequest, mailbox_id: str) -> HttpResponse:
    """Name, place and role of one mailbox."""
    found = get_mailbox_for(request.user, mailbox_id)
    if request.method == "GET" and request.GET.get("part") == "menu":
        return mailbox_menu(request, found)
    initial = {"name": found.name, "parent": found.parent.public_id if found.parent else "", "role": found.role}
    data = request.POST if request.method == "POST" else None
    form = MailboxForm(data, nodes=_nodes(found.account), without=found, initial=initial)
    if data is not None and form.is_valid() and _change(request, found, form):
        flash.add(request, flash.Toast(_("Mailbox changed.")))
        return done(request, "mailbox_settings", found.account.public_id)
    context = {"current": "settings", "section": "accounts", "form": form, **mailbox_context(request, found)}
    name = "settings/_mailbox_form.html" if wants_fragment(request, "dialog") else "settings/mailbox.html"
    return render(request, name, context, status=422 if form.errors else 200)


def _change(request: UserRequest, found: Mailbox, form: MailboxForm) -> bool:
    try:
        if found.role != Role.INBOX:
            rename_mailbox(request.user, found, name=form.cleaned_data["name"], parent=form.parent_mailbox)
            choose_role(found, form.cleaned_data["role"])
    except (MailboxNameTaken, BadMailboxName, ActionRefused) as error:
        form.add_error("name", _words(error))
    except IntegrityError:
        form.add_error("role", _("Another mailbox was given this role just now. Look again."))
    return not form.errors


@require_http_methods(["GET", "POST"])
@signed_in
def delete(request: UserRequest, mailbox_id: str) -> HttpResponse:
    """Asks first, saying how many messages go with it."""
    found = get_mailbox_for(request.user, mailbox_id)
    account, name, fault = found.account, found.name, ""
    if request.method == "POST":
        try:
            delete_mailbox(request.user, found, remove_emails=request.POST.get("with_messages") == "yes")
        except (ActionRefused, MailboxNotEmpty) as error:
            fault = _words(error)
        else:
            flash.add(request, flash.Toast(_("Mailbox %(name)s deleted.") % {"name": name}))
            return done(request, "mailbox_settings", account.public_id, gone=mailbox_id)
    context = {"current": "settings", "section": "accounts", "account": account, "mailbox": found, "fault": fault}
    name = "settings/_mailbox_delete.html" if wants_fragment(request, "dialog") else "settings/mailbox_delete.html"
    return render(request, name, context, status=422 if fault else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def account_delete(request: UserRequest, account_id: str) -> HttpResponse:
    """Takes an account out of this program; the mail at its server stays. Asks first and names what would be lost."""
    account = get_account_for(request.user, account_id)
    waiting = outbox.submissions_of(request.user, accounts=[account], phases=WAITING).count()
    if request.method == "POST":
        address = account.address
        remove_account(account)
        record_event("account.deleted", user=request.user, subject=address)
        flash.add(request, flash.Toast(_("%(address)s is removed from Pillarbox.") % {"address": address}))
        return redirect("settings")
    context = {
        "current": "settings",
        "section": "accounts",
        "account": account,
        "waiting": waiting,
        "drafts": outbox.drafts_of(request.user, account=account).count(),
    }
    return render(request, "settings/account_delete.html", context)


def _nodes(account: MailAccount) -> list[MailboxNode]:
    """The account's visible tree, each parent before its children."""
    return list(in_order(build_tree(visible_mailboxes([account]))))


def _words(error: Exception) -> str:
    """Why it was refused, for people."""
    if isinstance(error, MailboxNameTaken):
        return _("There is a mailbox of this name already.")
    if isinstance(error, MailboxNotEmpty):
        return _("It holds messages. Tick the box to delete them too.")
    if isinstance(error, BadMailboxName):
        return _("A name needs at least one character and at most %(count)s bytes, and cannot hold a slash.") % {
            "count": MAX_NAME_BYTES
        }
    return str(error)
