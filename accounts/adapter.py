"""How allauth behaves here: nobody signs up by themselves, and too many wrong passwords wait a minute."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Users are made by the administrator, or by the first sign-in with a mailbox; never by a form of ours."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": gettext_lazy("This address and password do not belong together. Try again."),
        "account_inactive": gettext_lazy("This user may not sign in. Ask the administrator."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Failures are counted for the address and the network address together, so the address is named for the counter."""
        credentials.setdefault("login", str(credentials.get("email", "")).strip().lower())
        user: AbstractBaseUser | None = super().authenticate(request, **credentials)
        return user

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """allauth's own messages ("signed in as …") say nothing that the page does not show."""


def locked_out(request: HttpRequest, *_details: Any) -> HttpResponse:
    """The answer to sign-ins while an address is locked (security section 3: ten tries a minute). Tells no more than that."""
    context = {
        "title": _("Too many tries"),
        "detail": _("Signing in was tried too often with a wrong password. Wait a minute, then try again."),
    }
    response = render(request, "account/locked.html", context, status=429)
    response["Retry-After"] = "60"
    return response
