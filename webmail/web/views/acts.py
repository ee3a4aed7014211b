"""What people do to mail from a list or the reading pane. Every act is a form; with htmx the list is renewed in place."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from django_htmx.http import push_url, reswap, retarget, trigger_client_event

from accounts import services
from accounts.models import AccountState
from webmail.journal.errors import ActionRefused
from webmail.store.search.parse import QueryFault
from webmail.web import acts, flash
from webmail.web.lists import ListSource, source_of_address
from webmail.web.reading.pane import build_reading, emails_to_read
from webmail.web.requests import UserRequest, signed_in
from webmail.web.shell import shell_of
from webmail.web.views.mail import read_list, render_list_fragments, render_pane

_REOPENED = {"star", "unstar"}  # the open conversation stays; the others close it


@signed_in
@require_POST
def act(request: UserRequest) -> HttpResponse:
    """Do what the button says to the rows it means. Deleting for good asks first."""
    source = _source(request)
    wish = acts.read_act(request.POST.get("do", ""), request.POST.getlist("ids"))
    if not request.POST.get("confirmed") and acts.destroys(request.user, wish, source):
        return _ask(request, wish)
    try:
        outcome = acts.perform(request.user, wish, source)
    except ActionRefused as error:
        flash.add(request, flash.Toast(str(error), kind="danger"))
        return _answer(request, source, closes=False)
    if wish.verb not in _REOPENED:
        _tell(request, source, outcome)
    closes = request.POST.get("open", "") in wish.row_ids and wish.verb not in _REOPENED | {"read"}
    return _answer(request, source, closes=closes)


@signed_in
@require_POST
def undo(request: UserRequest) -> HttpResponse:
    """Do the opposite of what was just done."""
    source = _source(request)
    try:
        count = acts.undo(request.user, request.POST.get("actions", "").split("."))
    except ActionRefused as error:
        flash.add(request, flash.Toast(str(error), kind="danger"))
    else:
        text = _("Undone") if count else _("This was moved on elsewhere and cannot be undone any more.")
        flash.add(request, flash.Toast(text))
    return _answer(request, source, closes=False)


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
    return redirect(_source(request).link())


def _source(request: UserRequest) -> ListSource:
    """The list that the act was done in; one that cannot be read any more is answered with the inbox."""
    address = request.POST.get("list", "")
    try:
        return source_of_address(request.user, address)
    except (Http404, QueryFault):
        return source_of_address(request.user, reverse("inbox"))


def _tell(request: UserRequest, source: ListSource, outcome: acts.Outcome) -> None:
    way_back = None
    if outcome.actions:
        fields = {
            "actions": ".".join(action.public_id for action in outcome.actions),
            "list": request.POST.get("list", "") or source.link(),
        }
        way_back = flash.Act(_("Undo"), reverse("undo"), fields, swaps=True)
    flash.add(request, flash.Toast(outcome.text, act=way_back))


def _answer(request: UserRequest, source: ListSource, *, closes: bool) -> HttpResponse:
    """The renewed list, in place or as a page of its own."""
    named = _named_place(request.POST.get("list", ""))
    place = {name: named[name] for name in ("after", "before") if named.get(name)}
    open_id = "" if closes else request.POST.get("open", "") or named.get("t", "")
    if not request.htmx:
        return redirect(source.link(**place, t=open_id))
    # The place in the list and its length travel with the form, not with the address of the act.
    request.GET = QueryDict(urlencode({**place, "rows": request.POST.get("rows", "")}))
    html = render_list_fragments(request, read_list(request, source, open_id=open_id))
    if closes or open_id:
        html += _pane(request, source, open_id)
    response = HttpResponse(html)
    return push_url(response, source.link(**place)) if closes else response


def _pane(request: UserRequest, source: ListSource, open_id: str) -> str:
    """The reading pane out of band: empty, or the bar of what is open with its present state."""
    if not open_id:
        return render_pane(request, source, None, oob=True)
    try:
        emails = emails_to_read(request.user, open_id)
    except Http404:
        return render_pane(request, source, None, oob=True)
    reading = build_reading(request.user, open_id, emails)
    context = {"shell": shell_of(request), "source": source, "reading": reading}
    return render_to_string("mail/_state.html", context, request, using="jinja2")


def _ask(request: UserRequest, wish: acts.Act) -> HttpResponse:
    context = {
        "count": len(wish.row_ids),
        "do": wish.verb,
        "ids": wish.row_ids,
        "list": request.POST.get("list", ""),
        "open_id": request.POST.get("open", ""),
        "rows": request.POST.get("rows", ""),
    }
    if not request.htmx:
        return render(request, "mail/confirm.html", context)
    response = render(request, "mail/_confirm.html", context)
    trigger_client_event(response, "dialog:open", {"id": "dialog"}, after="settle")
    return reswap(retarget(response, "#dialog"), "innerHTML")


def _named_place(address: str) -> dict[str, str]:
    """The parameters of the address that a form names."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
