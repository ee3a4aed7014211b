"""The menu of a mailbox and of an account, and what is changed there with one press: colour, favourite, notifications,
conversations, subscription."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts import services
from accounts.forms import COLORS
from accounts.models import AccountState
from webmail.journal.actions.mailboxes import subscribe_mailbox
from webmail.journal.errors import ActionRefused
from webmail.store.mailboxes import may, update_mailbox
from webmail.store.models import Mailbox, Role
from webmail.store.queries.accounts import get_account_for, get_mailbox_for
from webmail.web import flash
from webmail.web.requests import UserRequest, signed_in
from webmail.web.shell import mailbox_title
from webmail.web.shell.answers import done
from webmail.web.views.notification_settings import notifies

_SWITCHES = {"favourite": "is_favourite", "notifies": "notifies", "threads": "has_threads"}
_PLACES = frozenset("01234567")


def mailbox_menu(request: UserRequest, found: Mailbox) -> HttpResponse:
    """The menu of a mailbox's line in the sidebar."""
    return render(request, "settings/_mailbox_menu.html", mailbox_context(request, found))


def mailbox_context(request: UserRequest, found: Mailbox) -> dict[str, Any]:
    """What menu and page of a mailbox show of it."""
    own = found.has_threads
    return {
        "mailbox": found,
        "account": found.account,
        "title": mailbox_title(found),
        "colors": COLORS,
        "is_notifying": notifies(found),
        "is_threaded": request.user.has_threads if own is None else own,
        "may_move": found.role != Role.INBOX and may(found, "delete_mailbox"),
        "may_hold": may(found, "create"),
        "can_subscribe": found.source == Mailbox.Source.REMOTE and not found.account.is_pop3,
        "can_empty": found.role in {Role.TRASH, Role.JUNK},
    }


@require_POST
@signed_in
def mailbox_set(request: UserRequest, mailbox_id: str) -> HttpResponse:
    """Posted: one of `color` (0 to 7, empty: none), `favourite`, `notifies`, `threads`, `subscribed` (yes or no)."""
    found = get_mailbox_for(request.user, mailbox_id)
    color = request.POST.get("color")
    if color is not None:
        if color and color not in _PLACES:
            raise Http404("no such colour")
        update_mailbox(found, color=int(color) if color else None)
    for name, column in _SWITCHES.items():
        if name in request.POST:
            update_mailbox(found, **{column: request.POST[name] == "yes"})
    if "subscribed" in request.POST:
        _subscribe(request, found, request.POST["subscribed"] == "yes")
    return done(request, "mailbox_edit", found.public_id)


def _subscribe(request: UserRequest, found: Mailbox, is_wanted: bool) -> None:  # noqa: FBT001
    try:
        subscribe_mailbox(request.user, found, subscribed=is_wanted)
    except ActionRefused as error:
        flash.add(request, flash.Toast(str(error), kind="danger"))
        return
    words = _("%(name)s is subscribed to.") if is_wanted else _("%(name)s is no longer subscribed to.")
    flash.add(request, flash.Toast(words % {"name": found.name}))


@require_GET
@signed_in
def account_menu(request: UserRequest, account_id: str) -> HttpResponse:
    """The menu of an account's line in the sidebar."""
    found = get_account_for(request.user, account_id)
    context = {"account": found, "colors": COLORS, "is_paused": found.state == AccountState.PAUSED}
    return render(request, "settings/_account_menu.html", context)


@require_POST
@signed_in
def account_set(request: UserRequest, account_id: str) -> HttpResponse:
    """Posted: `color`, 0 to 7, or `act`=sync: look for new mail now."""
    found = get_account_for(request.user, account_id)
    if request.POST.get("act") == "sync":
        services.request_sync(found)
        flash.add(request, flash.Toast(_("Checking %(name)s for new mail.") % {"name": found.name}))
        return done(request, "account_settings", found.public_id)
    if request.POST.get("color") not in _PLACES:
        raise Http404("no such colour")
    found.color = int(request.POST["color"])
    found.save(update_fields=["color"])
    return done(request, "account_settings", found.public_id)
