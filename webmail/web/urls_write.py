"""Addresses of writing and sending, and of the settings that lie above the accounts: mailboxes."""

from __future__ import annotations

from django.urls import path

from webmail.web.views import (
    compose,
    drafts,
    fetching,
    mailbox_likes,
    mailbox_settings,
    notification_settings,
    organising,
    outbox,
    receipts,
    remote,
    uploads,
)

urlpatterns = [
    path("compose/new", compose.compose_new, name="compose_new"),
    path("compose/keep", drafts.draft_keep, name="draft_keep"),
    path("compose/state", drafts.draft_states, name="draft_states"),
    path("mail/m/<slug:email_id>/continue", drafts.draft_continue, name="draft_continue"),
    path("compose/times", compose.compose_times, name="compose_times"),
    path("compose/<slug:draft_id>", compose.compose, name="compose"),
    path("compose/<slug:draft_id>/save", compose.compose_save, name="compose_save"),
    path("compose/<slug:draft_id>/files", compose.compose_files, name="compose_files"),
    path("compose/<slug:draft_id>/uploads", uploads.upload_begin, name="upload_begin"),
    path("compose/<slug:draft_id>/uploads/<slug:upload_id>", uploads.upload, name="upload"),
    path("outbox", outbox.outbox, name="outbox"),
    path("outbox/restored", outbox.outbox_restored, name="outbox_restored"),
    path("outbox/<slug:submission_id>", outbox.outbox_item, name="outbox_item"),
    path("outbox/<slug:submission_id>/toast", outbox.outbox_toast, name="outbox_toast"),
    path("outbox/<slug:submission_id>/act", outbox.outbox_act, name="outbox_act"),
    path("mail/m/<slug:email_id>/receipt", receipts.receipt, name="receipt"),
    path("mail/m/<slug:email_id>/pictures", remote.choose, name="remote_rule"),
    path("settings/accounts/<slug:account_id>/mailboxes", mailbox_settings.mailboxes, name="mailbox_settings"),
    path("settings/accounts/<slug:account_id>/fetching", fetching.fetching, name="account_fetching"),
    path("settings/accounts/<slug:account_id>/fetching/act", fetching.fetching_act, name="account_fetching_act"),
    path("settings/accounts/<slug:account_id>/delete", mailbox_settings.account_delete, name="account_delete"),
    path("settings/mailboxes/<slug:mailbox_id>", mailbox_settings.mailbox, name="mailbox_edit"),
    path("settings/mailboxes/<slug:mailbox_id>/delete", mailbox_settings.delete, name="mailbox_delete"),
    path("settings/mailboxes/<slug:mailbox_id>/set", mailbox_likes.mailbox_set, name="mailbox_set"),
    path("settings/accounts/<slug:account_id>/menu", mailbox_likes.account_menu, name="account_menu"),
    path("settings/accounts/<slug:account_id>/set", mailbox_likes.account_set, name="account_set"),
    path("settings/organising", organising.organising, name="settings_organising"),
    path("settings/labels/new", organising.label_new, name="label_new"),
    path("settings/labels/<slug:label_id>", organising.label, name="label_edit"),
    path("settings/labels/<slug:label_id>/delete", organising.label_delete, name="label_delete"),
    path("settings/searches/new", organising.search_new, name="saved_search_new"),
    path("settings/searches/<slug:search_id>", organising.search, name="saved_search"),
    path("mail/searches/counts", organising.search_counts, name="saved_search_counts"),
    path("settings/notifications", notification_settings.notifications, name="settings_notifications"),
    path("settings/notifications/<slug:account_id>", notification_settings.account, name="account_notifications"),
]
