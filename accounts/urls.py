"""Addresses of sign-in, connecting a mailbox and settings."""

from __future__ import annotations

from allauth.account.views import LogoutView
from django.urls import path

from accounts.views import entering

urlpatterns = [
    path("accounts/login/", entering.EnterView.as_view(), name="account_login"),
    path("accounts/login/wait/", entering.login_wait, name="login_wait"),
    path("accounts/logout/", LogoutView.as_view(), name="account_logout"),
]
