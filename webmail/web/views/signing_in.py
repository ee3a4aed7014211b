"""Signing in again at a mail server that refused the password: one field, where the trouble is shown. A worker asks the server."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from accounts import services
from accounts.credentials import CredentialError
from accounts.models import ConnectionTest, MailAccount
from accounts.views.waiting import is_over, is_slow
from webmail.store.queries.accounts import get_account_for
from webmail.web.requests import UserRequest, signed_in
from webmail.web.states.advice import step_words

MAX_PASSWORD_CHARS = 1_000


@sensitive_post_parameters("password")
@require_POST
@signed_in
def sign_in_again(request: UserRequest, account_id: str) -> HttpResponse:
    """Posted `password`: it is tried, and stored when the server takes it."""
    account = get_account_for(request.user, account_id)
    password = request.POST.get("password", "")[:MAX_PASSWORD_CHARS]
    if not password:
        return _form(request, account, fault=_("Type the password of this mailbox."))
    try:
        test = services.request_sign_in(account, user=request.user, password=password)
    except CredentialError:
        words = _("Passwords cannot be stored here yet. Tell the administrator: CREDENTIAL_KEYS is not set.")
        return _form(request, account, fault=words)
    if not request.htmx:
        return redirect("connect_wait", test.public_id)
    return _waiting(request, account, test)


@require_safe
@signed_in
def sign_in_state(request: UserRequest, account_id: str, test_id: str) -> HttpResponse:
    """How far it is: asked each second by the page until it is over."""
    account = get_account_for(request.user, account_id)
    test = ConnectionTest.objects.filter(
        account=account, user=request.user, public_id=test_id, purpose=ConnectionTest.Purpose.VERIFY
    ).first()
    if test is None:
        raise Http404("no such test")
    if not request.htmx:
        return redirect("connect_wait", test.public_id)
    if not is_over(test):
        return _waiting(request, account, test)
    if test.status == ConnectionTest.Status.PASSED:
        response = render(request, "mail/_signed_in.html", {"account": account})
        return trigger_client_event(response, "pillarbox:account-back", {"account": account.public_id})
    failed: dict[str, Any] = next((step for step in test.report if step.get("status") == "failed"), {})
    words = _("%(host)s did not take it.") % {"host": account.incoming_host}
    advice = step_words(failed, "advice") or step_words(failed, "title")
    return _form(request, account, fault=f"{words} {advice}".strip(), details=failed.get("server_text") or "")


def _waiting(request: UserRequest, account: MailAccount, test: ConnectionTest) -> HttpResponse:
    context = {"account": account, "test": test, "is_slow": is_slow(test)}
    return render(request, "mail/_sign_in_wait.html", context)


def _form(request: UserRequest, account: MailAccount, *, fault: str, details: str = "") -> HttpResponse:
    if not request.htmx:
        return redirect("account_servers", account.public_id)
    context = {"account": account, "fault": fault, "details": details, "is_open": True}
    return render(request, "mail/_sign_in.html", context, status=422)
