"""A message within a message, opened in place: its own header, body and files, and an answer to it."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from webmail.store.contents import is_readable
from webmail.store.queries.emails import get_email_for
from webmail.web.reading.awaited import awaited_page
from webmail.web.reading.bodies import ContentUnreadable, read_nested
from webmail.web.reading.inert import plain
from webmail.web.reading.wishes import Wish
from webmail.web.requests import UserRequest, signed_in


@signed_in
@require_safe
def nested(request: UserRequest, email_id: str, inner: str) -> HttpResponse:
    """`inner`: part ids on the way to it, each followed by a slash but the last."""
    email = get_email_for(request.user, email_id)
    if not is_readable(email):
        return awaited_page(request, email)
    part_ids = tuple(inner.split("/"))
    try:
        content = read_nested(request.user, email, part_ids, wish=Wish.of(request.GET))
    except ContentUnreadable as error:
        if email.blob_id is None:
            return awaited_page(request, email)
        return plain(str(error), status=404)
    head = content.form.head
    return render(
        request,
        "mail/nested.html",
        {
            "email": email,
            "content": content,
            "form": content.form,
            "head": head,
            "sent_at": datetime.fromisoformat(head.sent_at) if head.sent_at else None,
            "outer": part_ids[:-1],
            "inner": inner,
        },
    )
