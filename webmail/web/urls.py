"""Addresses of the pages. Each state of a page has one; none does anything by GET but show (and mark what is shown as read)."""

from __future__ import annotations

from django.urls import path, re_path

from webmail.web import urls_write
from webmail.web.lists import COMMON_VIEWS
from webmail.web.views import (
    activity,
    acts,
    content,
    drawings,
    events,
    health,
    key_settings,
    mail,
    manifest,
    message,
    nested,
    news,
    palette,
    parts,
    picking,
    printing,
    remote,
    search,
    sender,
    signing_in,
    source,
    viewing,
    zips,
)

_PART = "[0-9a-z.]{1,100}"
_MESSAGE = r"^mail/m/(?P<email_id>[-\w]+)/"
_PLACE = (
    rf"(?P<place>{_PART}(?:/{_PART}){{0,10}})"  # of a part: messages within the message that lead there, and itself
)
_CONTENT = rf"^mail/c/(?P<key>[-.\w]{{1,300}})/(?P<email_id>[-\w]{{1,64}})/(?P<inner>(?:n/{_PART}/){{0,10}})"

urlpatterns = [
    path("", mail.home, name="home"),
    # Lists and what is read in them
    *(path(f"mail/{name}", mail.common, {"name": name}, name=name) for name in COMMON_VIEWS),
    path("mail/a/<slug:account_id>/m/<slug:mailbox_id>", mail.mailbox, name="mailbox"),
    path("mail/label/<slug:label_id>", mail.label, name="label"),
    path("mail/search", search.search, name="search"),
    path("mail/search/suggest", search.suggestions, name="search_suggest"),
    path("mail/search/save", search.save, name="search_save"),
    path("mail/search/forget", search.forget, name="search_forget"),
    path("mail/search/server", search.server, name="search_server"),
    path("mail/search/server/stop", search.server_stop, name="search_server_stop"),
    path("mail/t/<slug:thread_id>", mail.thread, name="thread"),
    # One message
    path("mail/m/<slug:email_id>", mail.message, name="message"),
    path("mail/m/<slug:email_id>/content", message.content, name="message_content"),
    path("mail/m/<slug:email_id>/colors", message.colors, name="message_colors"),
    path("mail/m/<slug:public_id>/print", printing.print_reading, name="message_print"),
    path("mail/t/<slug:public_id>/print", printing.print_reading, name="thread_print"),
    path("mail/m/<slug:email_id>/sender", sender.sender, name="message_sender"),
    path("mail/m/<slug:email_id>/source", source.source, name="message_source"),
    path("mail/m/<slug:email_id>/eml", source.download, name="message_download"),
    path("mail/m/<slug:email_id>/headers", source.headers, name="message_headers"),
    path("mail/m/<slug:email_id>/zip", zips.message_zip, name="message_zip"),
    path("mail/t/<slug:thread_id>/zip", zips.thread_zip, name="thread_zip"),
    re_path(rf"{_MESSAGE}p/{_PLACE}$", parts.part, name="message_part"),
    re_path(rf"{_MESSAGE}view/{_PLACE}$", viewing.view, name="message_view"),
    re_path(rf"{_MESSAGE}thumb/{_PLACE}$", drawings.thumbnail, name="message_thumbnail"),
    re_path(rf"{_MESSAGE}page/(?P<number>[0-9]{{1,4}})/{_PLACE}$", drawings.page, name="message_page"),
    re_path(
        rf"^mail/m/(?P<email_id>[-\w]+)/n/(?P<inner>{_PART}(?:/{_PART}){{0,9}})$", nested.nested, name="message_nested"
    ),
    # Content, by a key in the address: on the second host when there is one
    re_path(rf"{_CONTENT}body$", content.body, name="content_body"),
    re_path(rf"{_CONTENT}p/(?P<part_id>{_PART})$", parts.content_part, name="content_part"),
    re_path(rf"{_CONTENT}v/(?P<part_id>{_PART})$", parts.content_media, name="content_media"),
    re_path(rf"{_CONTENT}l/(?P<number>[0-9]{{1,5}})$", content.link, name="content_link"),
    re_path(rf"{_CONTENT}r/(?P<number>[0-9]{{1,5}})$", remote.picture, name="content_remote"),
    # Acts
    path("mail/act", acts.act, name="act"),
    path("mail/undo", acts.undo, name="undo"),
    path("mail/empty", acts.empty, name="empty"),
    path("mail/seen", acts.seen, name="seen"),
    path("mail/targets", picking.targets, name="targets"),
    path("mail/pick", picking.pick, name="pick"),
    path("activity", activity.activity, name="activity"),
    path("activity/<slug:step_id>/toast", activity.activity_toast, name="activity_toast"),
    path("activity/<slug:step_id>/stop", activity.activity_stop, name="activity_stop"),
    path("mail/check", acts.check_now, name="check_now"),
    # Compose, outbox, settings of mailboxes
    *urls_write.urlpatterns,
    # Keys
    path("palette", palette.palette, name="palette"),
    path("settings/keys", key_settings.key_settings, name="settings_keys"),
    # Live updates and monitors
    path("events", events.events, name="events"),
    path("mail/news", news.news, name="news"),
    path("session", news.session, name="session"),
    path("mail/a/<slug:account_id>/sign-in", signing_in.sign_in_again, name="sign_in_again"),
    path("mail/a/<slug:account_id>/sign-in/<str:test_id>", signing_in.sign_in_state, name="sign_in_state"),
    path("manifest.webmanifest", manifest.manifest, name="manifest"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
