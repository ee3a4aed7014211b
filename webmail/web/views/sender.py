"""What is said about the sender of one message: looked at again while a check is under way, and asked for by a button."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from webmail.store.contents import is_readable
from webmail.store.queries.emails import get_email_for
from webmail.store.reading.sender_checks import want_check
from webmail.web.reading.authenticity import sender_notice
from webmail.web.reading.bodies import ContentUnreadable, read_form
from webmail.web.requests import UserRequest, signed_in
from webmail.web.rows import own_addresses

MAX_POLLS = 30  # seconds a page waits for a check; it goes on without it


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def sender(request: UserRequest, email_id: str) -> HttpResponse:
    """The notice about a sender as a fragment. Posted: have the signatures verified first. Only then is DNS asked, and not
    because a message is looked at: the sender runs the servers that answer. Without htmx it is the message's page."""
    email = get_email_for(request.user, email_id)
    if request.method == "POST" and email.blob_id is not None:
        want_check(email, anew=True)
    if not request.htmx:
        return redirect("message", email_id)
    if not is_readable(email):
        raise Http404("this message has not been fetched yet")
    try:
        claims = read_form(request.user, email).claims
    except ContentUnreadable as error:
        raise Http404("this message cannot be read") from error
    notice = sender_notice(request.user, email, claims, own=own_addresses(request.user))
    asked = request.GET.get("polls", "0")
    polls = int(asked) + 1 if asked.isdecimal() and len(asked) < 4 else 1
    shown = {"sender_check": notice, "sender_polls": polls, "may_ask_again": polls < MAX_POLLS}
    return render(request, "mail/_sender.html", shown)
