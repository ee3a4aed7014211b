"""Answering those who ask to be told that their message was opened. Looking at a message sends nothing; only this does."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from webmail.journal.actions import keywords
from webmail.outbox.errors import OutboxError
from webmail.outbox.returned import receipts
from webmail.store.emails import keywords_of
from webmail.store.errors import StorageFull
from webmail.store.models import Email
from webmail.store.queries.emails import get_email_for
from webmail.web import flash
from webmail.web.reading.bodies import ContentUnreadable, parse_email
from webmail.web.requests import UserRequest, signed_in


@require_POST
@signed_in
def receipt(request: UserRequest, email_id: str) -> HttpResponse:
    """Answer a request for a receipt. Posted: `do`: send, refuse, or by_itself, which the page posts when it has shown the
    message and the person has chosen so. Either answer is kept: the sender's wish is not shown again, anywhere."""
    email = get_email_for(request.user, email_id)
    act = request.POST.get("do", "")
    if act == "refuse":
        _keep_answer(request, email)
        return _answer(request, email, _("No receipt is sent."))
    if act not in {"send", "by_itself"}:
        return redirect("message", email_id)
    try:
        words = keywords_of([email.pk])[email.pk]
        message = parse_email(email)
        receipts.send_receipt(request.user, email, message, keywords=words, by_itself=act == "by_itself")
    except (OutboxError, StorageFull, ContentUnreadable) as error:
        return _answer(request, email, str(error), kind="warn")
    _keep_answer(request, email)
    return _answer(request, email, _("The sender is told that you have opened this message."))


def _keep_answer(request: UserRequest, email: Email) -> None:
    """For us and for other programs; where the server does not let us mark it, for us alone."""
    keywords.set_where_allowed(request.user, [email], add=[receipts.ANSWERED])
    receipts.remember_answer(email)


def _answer(request: UserRequest, email: Email, text: str, *, kind: str = "") -> HttpResponse:
    if request.htmx:
        return render(request, "mail/_receipt.html", {"email": email, "answer": text, "kind": kind})
    flash.add(request, flash.Toast(text, kind="warn" if kind else "info"))
    return redirect("message", email.public_id)
