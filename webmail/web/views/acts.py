"""What people do to mail from a list or the reading pane. Every act is a form; with htmx the list is renewed in place."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from django_htmx.http import push_url, reswap, retarget, trigger_client_event

from accounts import services
from accounts.models import AccountState
from webmail.journal import steps, undoing
from webmail.journal.actions import keywords
from webmail.journal.errors import ActionRefused
from webmail.store.models import Role
from webmail.store.search.parse import QueryFault
from webmail.web import acts, flash
from webmail.web.acts import toasts
from webmail.web.lists import ListSource, source_of_address
from webmail.web.reading.pane import build_reading, emails_to_read
from webmail.web.requests import UserRequest, signed_in
from webmail.web.shell import shell_of

_STARS = {"star", "unstar"}  # seen where they are done: nothing is said of one row


@signed_in
@require_POST
def act(request: UserRequest) -> HttpResponse:
    """Do what the button says to the rows it means. Deleting for good asks first."""
    source = source_of(request)
    wish = acts.read_wish(request.POST)
    try:
        if not request.POST.get("confirmed") and acts.destroys(request.user, wish, source):
            return _ask(request, wish, source)
        outcome = acts.perform(request.user, wish, source)
    except ActionRefused as error:
        flash.add(request, flash.Toast(str(error), kind="danger"))
        return answer(request, source, closes=False)
    if outcome.step is not None:
        flash.add(request, toasts.toast_of(outcome.step, address=request.POST.get("list", "") or source.link()))
    # Where unread begins is said of a message of what is open.
    is_meant = wish.is_all or wish.verb == "unread_from" or request.POST.get("open", "") in wish.row_ids
    closes = is_meant and not outcome.keeps_open
    return answer(request, source, closes=closes, has_counts=wish.verb not in _STARS)


@signed_in
@require_POST
def empty(request: UserRequest) -> HttpResponse:
    """Delete for good all that lies in the Trash or Junk that is listed. Always asks first, with the number; runs as a job."""
    source = source_of(request)
    if source.role not in {Role.TRASH, Role.JUNK} or not source.mailboxes:
        flash.add(request, flash.Toast(_("Only Trash and Junk can be emptied."), kind="danger"))
        return answer(request, source, closes=False)
    if not request.POST.get("confirmed"):
        count = sum(mailbox.total_emails for mailbox in source.mailboxes)
        context = {"count": count, "name": source.title, "list": source.link()}
        return in_dialog(request, "organise/_empty.html", "organise/empty.html", context)
    try:
        step = acts.empty_mailboxes(request.user, source)
    except ActionRefused as error:
        flash.add(request, flash.Toast(str(error), kind="danger"))
        return answer(request, source, closes=False)
    toast = toasts.toast_of(step, address=source.link()) if step else flash.Toast(_("There is nothing to delete."))
    flash.add(request, toast)
    return answer(request, source, closes=True)


@signed_in
@require_POST
def undo(request: UserRequest) -> HttpResponse:
    """Undo a step, or the last one that can be."""
    source = source_of(request)
    public_id = request.POST.get("step", "")
    step = steps.get_step_for(request.user, public_id) if public_id else steps.last_undoable(request.user)
    if step is None:
        flash.add(request, flash.Toast(_("There is nothing to undo.")))
        return answer(request, source, closes=False)
    try:
        undone = undoing.undo_step(request.user, step)
    except ActionRefused as error:
        flash.add(request, flash.Toast(str(error), kind="warn"))
    else:
        flash.add(request, toasts.toast_of_undone(step, undone, address=request.POST.get("list", "")))
    return answer(request, source, closes=False)


@signed_in
@require_POST
def seen(request: UserRequest) -> HttpResponse:
    """A conversation or message was looked at for as long as the person's setting says: it counts as read. No step of its own."""
    emails = emails_to_read(request.user, request.POST.get("id", ""))
    keywords.set_where_allowed(request.user, [email for email in emails if email.is_unread], add=["$seen"])
    if not request.htmx:
        return redirect(source_of(request).link())
    return HttpResponse(_frame(request, source_of(request), has_counts=True))


@signed_in
@require_POST
def check_now(request: UserRequest) -> HttpResponse:
    """Ask for a pass over every account that is not paused. The pages hear of what it brings."""
    running = [account for account in shell_of(request).account_list if account.state != AccountState.PAUSED]
    for account in running:
        services.request_sync(account)
    flash.add(
        request,
        flash.Toast(
            ngettext("Checking for new mail", "Checking %(count)d accounts for new mail", len(running))
            % {"count": len(running)}
        ),
    )
    if request.htmx:
        return render(request, "parts/_toasts.html", {"oob": True})
    return redirect(source_of(request).link())


def source_of(request: UserRequest) -> ListSource:
    """The list that the act was done in; one that cannot be read any more is answered with the inbox."""
    address = request.POST.get("list", "")
    try:
        return source_of_address(request.user, address)
    except (Http404, QueryFault):
        return source_of_address(request.user, reverse("inbox"))


def answer(request: UserRequest, source: ListSource, *, closes: bool, has_counts: bool = True) -> HttpResponse:
    """Everything around the list that has changed, and word for the list to renew itself; or, without scripts, its page.
    `has_counts`: figures of the sidebar may be others now; that of stars has none."""
    named = _named_place(request.POST.get("list", ""))
    place = {name: value for name, value in named.items() if name in {"after", "before", "sort", "at"} and value}
    open_id = "" if closes else request.POST.get("open", "") or named.get("t", "")
    if not request.htmx:
        on_activity = request.POST.get("list", "") == reverse("activity")
        return redirect(reverse("activity") if on_activity else source.link(**place, t=open_id))
    html = _frame(request, source, has_counts=has_counts)
    if closes or open_id:
        html += _pane(request, source, open_id)
    response = HttpResponse(html)
    trigger_client_event(response, "list:changed", {"closes": closes}, after="settle")
    reswap(response, "none")
    return push_url(response, source.link(**place)) if closes else response


def _frame(request: UserRequest, source: ListSource, *, has_counts: bool) -> str:
    context = {
        "shell": shell_of(request),
        "current": source.key,
        "source": source,
        "reading": None,
        "has_counts": has_counts,
    }
    return render_to_string("organise/_changed.html", context, request, using="jinja2")


def _pane(request: UserRequest, source: ListSource, open_id: str) -> str:
    """The reading pane out of band: empty, or the bar of what is open with its present state."""
    context = {"shell": shell_of(request), "source": source, "current": source.key, "reading": None, "oob": True}
    if open_id:
        try:
            emails = emails_to_read(request.user, open_id)
        except Http404:
            open_id = ""
        else:
            context["reading"] = build_reading(request.user, open_id, emails)
            context["unfolded"] = request.POST.getlist("unfolded")
    name = "mail/_state.html" if open_id else "mail/_reading.html"
    return render_to_string(name, context, request, using="jinja2")


def _ask(request: UserRequest, wish: acts.Wish, source: ListSource) -> HttpResponse:
    context = {
        "count": acts.count_rows(source, wish),
        "do": wish.verb,
        "ids": wish.row_ids,
        "but": wish.but,
        "is_all": wish.is_all,
        "list": request.POST.get("list", ""),
        "open_id": request.POST.get("open", ""),
    }
    return in_dialog(request, "mail/_confirm.html", "mail/confirm.html", context)


def in_dialog(request: UserRequest, part: str, page: str, context: dict[str, object]) -> HttpResponse:
    """A question: in the dialog of the page, or as a page of its own without scripts."""
    if not request.htmx:
        return render(request, page, context)
    response = render(request, part, context)
    trigger_client_event(response, "dialog:open", {"id": "dialog"}, after="settle")
    return reswap(retarget(response, "#dialog"), "innerHTML")


def _named_place(address: str) -> dict[str, str]:
    """The parameters of the address that a form names."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
