"""Addresses of the pages. Each state of a page has one; none does anything by GET but show (and mark what is shown as read)."""

from __future__ import annotations

from django.urls import path, re_path

from webmail.web import urls_write
from webmail.web.lists import COMMON_VIEWS
from webmail.web.views import acts, events, health, mail, message

urlpatterns = [
    path("", mail.home, name="home"),
    # Lists and what is read in them
    *(path(f"mail/{name}", mail.common, {"name": name}, name=name) for name in COMMON_VIEWS),
    path("mail/a/<slug:account_id>/m/<slug:mailbox_id>", mail.mailbox, name="mailbox"),
    path("mail/search", mail.search, name="search"),
    path("mail/t/<slug:thread_id>", mail.thread, name="thread"),
    # One message
    path("mail/m/<slug:email_id>", mail.message, name="message"),
    path("mail/m/<slug:email_id>/content", message.content, name="message_content"),
    path("mail/m/<slug:email_id>/body", message.body, name="message_body"),
    path("mail/m/<slug:email_id>/source", message.source, name="message_source"),
    path("mail/m/<slug:email_id>/eml", message.download, name="message_download"),
    re_path(r"^mail/m/(?P<email_id>[-\w]+)/p/(?P<part_id>[0-9.]{1,100})$", message.part, name="message_part"),
    # Acts
    path("mail/act", acts.act, name="act"),
    path("mail/undo", acts.undo, name="undo"),
    path("mail/check", acts.check_now, name="check_now"),
    # Compose, outbox, settings of mailboxes
    *urls_write.urlpatterns,
    # Live updates and monitors
    path("events", events.events, name="events"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
