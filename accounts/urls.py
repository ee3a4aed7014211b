"""Addresses of sign-in, connecting a mailbox and settings. Of allauth only two views: nobody signs up by themselves."""

from __future__ import annotations

from allauth.account.views import LogoutView
from django.urls import path

from accounts.views import connecting, entering, preferences, reading, sending, settings

urlpatterns = [
    path("accounts/login/", entering.EnterView.as_view(), name="account_login"),
    path("accounts/login/wait/", entering.login_wait, name="login_wait"),
    path("accounts/logout/", LogoutView.as_view(), name="account_logout"),
    path("connect/", connecting.connect, name="connect"),
    path("connect/<str:test_id>/", connecting.connect_wait, name="connect_wait"),
    path("settings/", preferences.index, name="settings"),
    path("settings/accounts/", preferences.accounts, name="settings_accounts"),
    path("settings/accounts/<slug:account_id>/", settings.account, name="account_settings"),
    path("settings/accounts/<slug:account_id>/act", settings.account_act, name="account_act"),
    path("settings/accounts/<slug:account_id>/servers", settings.account_servers, name="account_servers"),
    path("settings/accounts/<slug:account_id>/identities/new", settings.identity_new, name="identity_new"),
    path("settings/identities/<slug:identity_id>", settings.identity, name="identity"),
    path("settings/identities/<slug:identity_id>/delete", settings.identity_delete, name="identity_delete"),
    path("settings/reading", reading.reading, name="settings_reading"),
    path("settings/reading/rules/<int:rule_id>/remove", reading.rule_remove, name="sender_rule_remove"),
    path("settings/accounts/<slug:account_id>/reading", reading.account_reading, name="account_reading"),
    path("settings/sending", sending.sending, name="settings_sending"),
    path("settings/accounts/<slug:account_id>/sending", sending.account_sending, name="account_sending"),
    path("settings/accounts/<slug:account_id>/servers/add", sending.server_add, name="outgoing_server_add"),
    path("settings/outgoing/<slug:server_id>/act", sending.server_act, name="outgoing_server_act"),
    path("settings/appearance", preferences.appearance, name="settings_appearance"),
    path("settings/language", preferences.language, name="settings_language"),
    path("settings/app-passwords", settings.app_passwords, name="settings_passwords"),
    path("settings/app-passwords/<int:token_id>/revoke", settings.app_password_revoke, name="app_password_revoke"),
]
