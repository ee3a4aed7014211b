"""Addresses of writing and sending, and of the settings that lie above the accounts: mailboxes."""

from __future__ import annotations

from django.urls import path

from webmail.web.views import compose, fetching, mailbox_settings, outbox

urlpatterns = [
    path("compose/new", compose.compose_new, name="compose_new"),
    path("compose/<slug:draft_id>", compose.compose, name="compose"),
    path("compose/<slug:draft_id>/save", compose.compose_save, name="compose_save"),
    path("compose/<slug:draft_id>/files", compose.compose_files, name="compose_files"),
    path("outbox", outbox.outbox, name="outbox"),
    path("outbox/<slug:submission_id>", outbox.outbox_item, name="outbox_item"),
    path("outbox/<slug:submission_id>/act", outbox.outbox_act, name="outbox_act"),
    path("settings/accounts/<slug:account_id>/mailboxes", mailbox_settings.mailboxes, name="mailbox_settings"),
    path("settings/accounts/<slug:account_id>/fetching", fetching.fetching, name="account_fetching"),
    path("settings/accounts/<slug:account_id>/fetching/act", fetching.fetching_act, name="account_fetching_act"),
    path("settings/accounts/<slug:account_id>/delete", mailbox_settings.account_delete, name="account_delete"),
    path("settings/mailboxes/<slug:mailbox_id>", mailbox_settings.mailbox, name="mailbox_edit"),
    path("settings/mailboxes/<slug:mailbox_id>/delete", mailbox_settings.delete, name="mailbox_delete"),
]
