"""One message's content in its place in the reading pane."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from webmail.store.emails import keywords_of
from webmail.store.queries.emails import get_email_for
from webmail.web.came_back import find_blocks
from webmail.web.reading import MessageView, build_message
from webmail.web.requests import UserRequest, signed_in
from webmail.web.rows import own_addresses
from webmail.web.wishes import Wish

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
        request.user,
        email,
        own=own,
        keywords=keywords_of([email.pk])[email.pk],
        is_open=True,
        came_back=find_blocks(request.user, [email], own=own).get(email.pk),
        wish=Wish.of(request.GET),
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
