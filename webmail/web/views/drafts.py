"""What the page of a draft asks for by itself, and ways into it: where it stands now, going on with a draft of another program,
keeping text whose draft is gone."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from webmail.journal.actions import move
from webmail.journal.errors import ActionRefused
from webmail.outbox import queries
from webmail.outbox.errors import CannotSend, DraftNotHere
from webmail.outbox.models import Draft
from webmail.outbox.writing import drafts
from webmail.outbox.writing.adoption import adopt_email
from webmail.outbox.writing.filed_copies import draft_of
from webmail.store import emails
from webmail.store.errors import StorageFull
from webmail.store.models import Role
from webmail.store.queries.emails import get_email_for
from webmail.web import flash
from webmail.web.forms.compose import ComposeForm, sender_choices
from webmail.web.requests import UserRequest, signed_in
from webmail.web.text import with_query

MAX_ASKED = 50  # drafts in one question


@require_safe
@signed_in
def draft_states(request: UserRequest) -> HttpResponse:
    """The drafts named by `draft` as they are now, who asks, and a token for the next save: for a page that outlived its session.

    A draft that is gone, or another person's, is not in the answer.
    """
    found = queries.drafts_of(request.user).filter(public_id__in=request.GET.getlist("draft")[:MAX_ASKED])
    shown = {draft.public_id: version_of(draft) for draft in found}
    return JsonResponse({"owner": str(request.user.pk), "token": get_token(request), "drafts": shown})


def version_of(draft: Draft) -> dict[str, object]:
    """What is shown of a draft beside another version of it. All of it is text, never markup."""
    return {
        "revision": draft.revision,
        "saved_at": f"{timezone.localtime(draft.updated_at):%H:%M}",
        "to": draft.to,
        "cc": draft.cc,
        "bcc": draft.bcc,
        "subject": draft.subject,
        "text": draft.text,
    }


@require_POST
@signed_in
def draft_keep(request: UserRequest) -> HttpResponse:
    """A new draft of what was typed: the one it was typed into was sent or discarded elsewhere. Posted: the compose form."""
    senders = sender_choices(request.user)
    values = request.POST.copy()
    values["revision"] = "1"
    if values.get("identity") not in {sender.public_id for sender in senders} and senders:
        values["identity"] = senders[0].public_id
    form = ComposeForm(values, senders=senders)
    if not form.is_valid():
        context = {"text": values.get("text", ""), "subject": values.get("subject", ""), "current": "drafts"}
        return render(request, "compose/gone.html", context, status=422)
    draft = drafts.create_draft(form.sender.account, identity=form.sender)
    drafts.save_draft(draft, fields=form.draft_fields(), expected_revision=None)
    flash.add(request, flash.Toast(_("Kept as a new draft.")))
    return redirect("compose", draft.public_id)


@require_POST
@signed_in
def draft_continue(request: UserRequest, email_id: str) -> HttpResponse:
    """Go on here with a draft that another program saved. Its copy goes to Trash: from now on ours lies in Drafts."""
    email = get_email_for(request.user, email_id)
    here = reverse("message", args=[email.public_id])
    if emails.DRAFT not in emails.keywords_of([email.pk])[email.pk]:
        return redirect(here)
    known = draft_of(request.user, email)
    if known is not None:
        return redirect("compose", known.public_id)
    try:
        draft = adopt_email(email)
    except DraftNotHere as error:
        emails.want_body(email.pk)
        flash.add(request, flash.Toast(str(error), kind="warn"))
        return redirect(here)
    except (CannotSend, StorageFull) as error:
        flash.add(request, flash.Toast(str(error), kind="danger"))
        return redirect(here)
    try:
        move.trash_out_of(request.user, email, Role.DRAFTS)
    except ActionRefused as error:
        flash.add(request, flash.Toast(str(error), kind="warn"))
    return redirect(with_query(reverse("compose", args=[draft.public_id]), {"back": reverse("drafts")}))
