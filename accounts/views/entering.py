"""Signing in: with a password of ours, or with that of a mailbox, which a worker asks the mail server about.

A page never dials out. It writes down a `ConnectionTest`, remembers its id in this browser's session, and the page that
waits signs the person in when the worker has found the password good. Nobody else's test can be picked up that way.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.account.views import LoginView
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts import services
from accounts.credentials import CredentialError
from accounts.forms import LoginForm
from accounts.models import ConnectionTest, MailDomain
from accounts.views.waiting import answer_wait, is_over, is_slow

SESSION_KEY = "sign_in_test"
MAY_WAIT = timedelta(minutes=10)  # a test that is older signs nobody in
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class EnterView(LoginView):  # type: ignore[misc]
    """allauth's sign-in; an address it does not accept may still be a mailbox whose owners sign in with it."""

    form_class = LoginForm
    template_name = "account/login.html"

    def form_invalid(self, form: LoginForm) -> HttpResponseBase:
        """Ask the mail server when its domain is one that may sign in, else show the form with what is wrong."""
        test = None if getattr(self.request, "axes_locked_out", False) else start_mailbox_sign_in(form)
        if test is None:
            shown: HttpResponseBase = self.render_to_response(self.get_context_data(form=form), status=422)
            return shown
        self.request.session[SESSION_KEY] = {
            "test": test.public_id,
            "next": self.request.POST.get("next", ""),
            "remember": bool(form.cleaned_data.get("remember")),
        }
        return redirect("login_wait")


def start_mailbox_sign_in(form: LoginForm) -> ConnectionTest | None:
    """A test of the mailbox with the password typed, or None when this address cannot sign in that way."""
    address = str(form.cleaned_data.get("login") or "").strip().lower()
    password = form.data.get("password", "")
    domain = MailDomain.objects.filter(domain=address.rpartition("@")[2], may_sign_in=True).first()
    if domain is None or not password:
        return None
    try:
        return services.request_connection_test(
            purpose=ConnectionTest.Purpose.SIGN_IN,
            settings=services.settings_for_domain(domain, address),
            incoming_password=password,
        )
    except CredentialError:
        form.add_error(None, _("Signing in with a mailbox is not set up here yet. Tell the administrator."))
        return None


@require_GET
def login_wait(request: HttpRequest) -> HttpResponse:
    """Shows how far the mail server's answer is, and signs in once it is yes."""
    waiting: dict[str, Any] = request.session.get(SESSION_KEY) or {}
    since = timezone.now() - MAY_WAIT
    test = ConnectionTest.objects.filter(
        public_id=waiting.get("test", ""), purpose=ConnectionTest.Purpose.SIGN_IN, created_at__gt=since
    ).first()
    if test is None:
        request.session.pop(SESSION_KEY, None)
        return redirect("account_login")
    if test.status == ConnectionTest.Status.PASSED and test.user is not None and test.user.is_active:
        del request.session[SESSION_KEY]
        login(request, test.user, backend=BACKEND)
        request.session.set_expiry(None if waiting.get("remember") else 0)  # 0: until the browser is closed
        return answer_wait(request, goal=_after_sign_in(request, waiting.get("next", "")))
    context = {"test": test, "is_over": is_over(test), "is_slow": is_slow(test)}
    name = "account/_wait.html" if getattr(request, "htmx", False) else "account/wait.html"
    return render(request, name, context)


def _after_sign_in(request: HttpRequest, wanted: str) -> str:
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return wanted
    return resolve_url("/")
