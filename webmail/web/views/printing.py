"""A message or a conversation on paper: no chrome, full headers, quotes open, black on white (ux section 12)."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from webmail.store.emails import keywords_of
from webmail.web.reading.bodies import Reader
from webmail.web.reading.pane import MessageView, build_message, emails_to_read
from webmail.web.reading.wishes import Wish
from webmail.web.requests import UserRequest, signed_in
from webmail.web.rows import own_addresses

MAX_PRINTED = 100  # messages of one conversation
ON_PAPER = Wish(original=True, quoted=True)


@signed_in
@require_safe
def print_reading(request: UserRequest, public_id: str) -> HttpResponse:
    """One message, or all of a thread in their order. Remote pictures are left out, as on a page that nobody asked for them."""
    emails = emails_to_read(request.user, public_id)[:MAX_PRINTED]
    keywords = keywords_of([email.pk for email in emails])
    reader = Reader(request.user, own_addresses(request.user), ON_PAPER)
    messages: list[MessageView] = [
        build_message(reader, email, keywords=keywords[email.pk], is_open=True) for email in emails
    ]
    subject = next((email.subject.strip() for email in emails if email.subject.strip()), "")
    return render(
        request, "mail/print.html", {"messages": [replace(one, receipt=None) for one in messages], "subject": subject}
    )
