"""One message's content in its place in the reading pane."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import SenderRule
from webmail.store.emails import keywords_of
from webmail.store.queries.emails import get_email_for
from webmail.web.reading.bodies import Reader
from webmail.web.reading.pane import MessageView, build_message
from webmail.web.reading.remote_content import set_rule
from webmail.web.reading.wishes import Wish
from webmail.web.requests import UserRequest, signed_in
from webmail.web.rows import own_addresses
from webmail.web.sending.came_back import find_blocks

MAX_POLLS = 60  # seconds a page waits for a body before it asks the reader


@signed_in
@require_safe
def content(request: UserRequest, email_id: str) -> HttpResponse:
    """A message opened in place: a folded one, or one whose body was awaited. Without htmx it is the message's page."""
    email = get_email_for(request.user, email_id)
    if not request.htmx:
        return redirect("message", email_id)
    polls = request.GET.get("polls", "0")
    count = int(polls) + 1 if polls.isdecimal() and len(polls) < 4 else 1
    own = own_addresses(request.user)
    view = build_message(
        Reader(request.user, own, Wish.of(request.GET)),
        email,
        keywords=keywords_of([email.pk])[email.pk],
        is_open=True,
        came_back=find_blocks(request.user, [email], own=own).get(email.pk),
    )
    return render(
        request,
        "mail/_content.html",
        {"message": view, "polls": count, "may_poll": count < MAX_POLLS or _is_moving(view)},
    )


def _is_moving(view: MessageView) -> bool:
    """A large message may take as long as it comes at all."""
    coming = view.body.arriving if view.body is not None else None
    return coming is not None and coming.is_moving


@signed_in
@require_POST
def colors(request: UserRequest, email_id: str) -> HttpResponse:
    """Posted: `show`: original keeps the colours of this sender's mail when pages are dark, anything else adapts them again."""
    email = get_email_for(request.user, email_id)
    choice = "sender" if request.POST.get("show") == "original" else "none"
    set_rule(request.user, SenderRule.Kind.ORIGINAL_COLORS, email, choice)
    response = redirect("message_content" if request.htmx else "message", email_id)
    response.status_code = 303
    return response
