"""Settings of sending: for the person, and for an account who files the Sent copy, its further servers, what they offer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.forms import OutgoingServerForm, SentCopyForm
from accounts.forms_preferences import SendingForm
from accounts.models import MailAccount, OutgoingServer
from accounts.views.connecting import signed_in_user
from accounts.views.preferences import CURRENT, answer

MAX_SERVERS = 10  # further ones of an account: nobody needs more, and each may be tried


@require_http_methods(["GET", "POST"])
@login_required
def sending(request: HttpRequest) -> HttpResponse:
    """How long a send can be taken back, and what happens to requests for read receipts."""
    accounts = list(MailAccount.objects.filter(user=signed_in_user(request)))
    return answer(request, SendingForm, "sending", "settings_sending", {"accounts": accounts})


@require_http_methods(["GET", "POST"])
@login_required
def account_sending(request: HttpRequest, account_id: str) -> HttpResponse:
    """Sending of one account. Posted: `sent_copy`."""
    found = _account(request, account_id)
    form = SentCopyForm(request.POST if request.method == "POST" else None, instance=found)
    if request.method == "POST" and form.is_valid():
        form.instance.save(update_fields=list(form.cleaned_data))  # workers write other columns meanwhile
        messages.success(request, _("Saved."))
        return redirect("account_sending", found.public_id)
    return _page(request, found, form, OutgoingServerForm())


@sensitive_post_parameters("password")
@require_POST
@login_required
def server_add(request: HttpRequest, account_id: str) -> HttpResponse:
    """A further server; it is tried after those there are."""
    found = _account(request, account_id)
    form = OutgoingServerForm(request.POST)
    if found.outgoing_servers.count() >= MAX_SERVERS:
        form.add_error(None, _("An account can have %(count)s further servers.") % {"count": MAX_SERVERS})
    if not form.is_valid():
        return _page(request, found, SentCopyForm(instance=found), form)
    values = form.cleaned_data
    services.add_outgoing_server(
        found, values["host"], values["port"], values["security"], values["username"], values["password"]
    )
    messages.success(request, _("Added. It is used when those before it cannot be."))
    return redirect("account_sending", found.public_id)


@require_POST
@login_required
def server_act(request: HttpRequest, server_id: str) -> HttpResponse:
    """Posted: `act`: up, down or remove."""
    rows = OutgoingServer.objects.select_related("account")
    server = get_object_or_404(rows, account__user=signed_in_user(request), public_id=server_id)
    account_id = server.account.public_id
    act = request.POST.get("act")
    if act in {"up", "down"}:
        services.move_outgoing_server(server, up=act == "up")
    elif act == "remove":
        services.remove_outgoing_server(server)
        messages.success(request, _("%(host)s is not used any more.") % {"host": server.host})
    return redirect("account_sending", account_id)


def _page(
    request: HttpRequest, account: MailAccount, form: SentCopyForm, server_form: OutgoingServerForm
) -> HttpResponse:
    context = {
        "current": CURRENT,
        "section": "accounts",
        "account": MailAccount.objects.get(pk=account.pk),
        "form": form,
        "server_form": server_form,
        "servers": list(account.outgoing_servers.all()),
        "offers": list(offers_of(account.outgoing_offers)),
    }
    is_faulty = bool(form.errors or server_form.errors)
    return render(request, "settings/account_sending.html", context, status=422 if is_faulty else 200)


def offers_of(offers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a sending server offers, as (what, in words). Nothing when it was never asked."""
    if not offers:
        return
    size = str(offers.get("SIZE", ""))
    known = size.isdecimal() and int(size) > 0
    limit = _("%(size)s MB") % {"size": int(size) // 1_000_000} if known else _("no limit stated")
    yield _("Largest message"), limit
    yes, no = _("yes"), _("not offered")
    yield _("Delivery reports"), yes if "DSN" in offers else no
    yield _("Encryption all the way"), yes if "REQUIRETLS" in offers else no
    yield _("International addresses"), yes if "SMTPUTF8" in offers else no


def _account(request: HttpRequest, account_id: str) -> MailAccount:
    return get_object_or_404(MailAccount, user=signed_in_user(request), public_id=account_id)
