"""The outbox: every message on its way, what became of it, and what the person can still do about it."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from webmail.outbox import queries
from webmail.outbox.errors import CannotSend
from webmail.outbox.models import Phase, Submission
from webmail.outbox.queue import control, doubt, moves, overview
from webmail.outbox.writing import again
from webmail.web import flash
from webmail.web.forms.send_time import SendTimeForm, send_choices
from webmail.web.requests import UserRequest, signed_in
from webmail.web.sending.send_and_archive import undo_archiving
from webmail.web.sending.sending import MOVING, Entry, entries_of, entry_of
from webmail.web.sending.timeline import receivers_of, steps_of
from webmail.web.sending.toasts import toast_of
from webmail.web.text import with_query

MAX_OPEN = 200  # of each section: with more than that one searches
RECENT = 30
FOUND = 50  # hits on a page
MAX_TEXT_CHARS = 20_000  # of a message that are shown beside its timeline; Sent has all of it
STATES = ("look", *overview.STATES)


@require_GET
@signed_in
def outbox(request: UserRequest) -> HttpResponse:
    """What needs a look, what is scheduled, what waits, what went lately; or with `q` and `state` the hits of a search.

    `show=scheduled`: scheduled messages alone.
    """
    words, state = request.GET.get("q", "").strip()[:200], request.GET.get("state", "")
    state = state if state in STATES else ""
    is_scheduled = request.GET.get("show") == "scheduled" and not words and not state
    context: dict[str, object] = {
        "current": "scheduled" if is_scheduled else "outbox",
        "is_scheduled": is_scheduled,
        "words": words,
        "state": state,
        "here": request.get_full_path(),
        "sections": [],
        "older": "",
        "is_search": bool(words or state),
    }
    if words or state:
        context |= _found(request, words, state)
    elif is_scheduled:
        context["sections"] = [("scheduled", _entries(overview.scheduled_of(request.user)))]
    else:
        context["sections"] = _sections(request)
    sections: list[tuple[str, list[Entry]]] = context["sections"]  # type: ignore[assignment]
    shown = [entry.stage for _key, entries in sections for entry in entries]
    context["is_moving"] = any(stage in MOVING for stage in shown)
    context["restored"] = shown.count("restore")
    return render(request, "outbox/outbox.html", context)


def _sections(request: UserRequest) -> list[tuple[str, list[Entry]]]:
    user = request.user
    found = {
        "look": overview.needing_a_look(user)[:MAX_OPEN],
        "scheduled": overview.scheduled_of(user)[:MAX_OPEN],
        "waiting": overview.waiting_of(user)[:MAX_OPEN],
        "lately": overview.settled_of(user)[:RECENT],
    }
    return [(key, entries) for key, rows in found.items() if (entries := entries_of(rows))]


def _entries(rows: QuerySet[Submission]) -> list[Entry]:
    return entries_of(rows[:MAX_OPEN])


def _found(request: UserRequest, words: str, state: str) -> dict[str, object]:
    page = request.GET.get("page", "1")
    number = min(max(int(page), 1), 1000) if page.isdecimal() and len(page) < 6 else 1
    rows = list(overview.find(request.user, words=words, state=state)[(number - 1) * FOUND : number * FOUND + 1])
    older = with_query(reverse("outbox"), {"q": words, "state": state, "page": number + 1}) if rows[FOUND:] else ""
    return {"sections": [("found", entries_of(rows[:FOUND]))], "older": older}


@require_GET
@signed_in
def outbox_item(request: UserRequest, submission_id: str) -> HttpResponse:
    """One message: each recipient with the server's reply, and its timeline. Asked for again while it is on its way."""
    return _item(request, queries.get_submission_for(request.user, submission_id))


def _item(
    request: UserRequest, submission: Submission, form: SendTimeForm | None = None, *, status: int = 200
) -> HttpResponse:
    is_failed = submission.phase == Phase.FAILED
    entry = entry_of(submission, draft=overview.returned_draft(submission) if is_failed else None)
    context = {
        "current": "scheduled" if entry.stage == "scheduled" else "outbox",
        "entry": entry,
        "submission": submission,
        "recipients": receivers_of(submission),
        "steps": steps_of(submission),
        "text": submission.draft_snapshot.get("text", "")[:MAX_TEXT_CHARS],
        "files": [file["name"] for file in submission.draft_snapshot.get("files", ())],
        "filed_id": overview.filed_copy_id(submission),
        "is_moving": entry.stage in MOVING,
        "choices": send_choices() if entry.stage == "scheduled" else None,
        "form": form,
        "is_rescheduling": form is not None or "reschedule" in request.GET,
    }
    return render(request, "outbox/_item.html" if request.htmx else "outbox/item.html", context, status=status)


@require_POST
@signed_in
def outbox_restored(request: UserRequest) -> HttpResponse:
    """Send everything that is held since a backup was restored: the person has looked whether it was sent since (R92)."""
    count = control.release_restored(request.user)
    text = ngettext("%(count)s message is on its way.", "%(count)s messages are on their way.", count)
    _say(request, text % {"count": count} if count else "")
    return redirect("outbox")


@require_GET
@signed_in
def outbox_toast(request: UserRequest, submission_id: str) -> HttpResponse:
    """The toast of a message that was sent, as it is by now."""
    submission = queries.get_submission_for(request.user, submission_id)
    return render(request, "parts/_toast.html", {"toast": toast_of(submission)})


@require_POST
@signed_in
def outbox_act(request: UserRequest, submission_id: str) -> HttpResponse:
    """Posted: `act`: cancel, reschedule, again, or one of `_ACTS`. Too late is said, never an error.

    `back`: a list of the outbox to return to; `compose_back`: where the composer leads after a cancel.
    """
    submission = queries.get_submission_for(request.user, submission_id)
    act = request.POST.get("act", "")
    if act == "cancel":
        return _cancel(request, submission)
    if act == "reschedule":
        return _reschedule(request, submission)
    if act == "again":
        return _again(request, submission)
    run = _ACTS.get(act)
    if run is not None:
        _say(request, run(submission))
    return _return(request, submission)


def _say(request: UserRequest, text: str) -> None:
    too_late = _("That came too late: the message has moved on.")
    flash.add(request, flash.Toast(text or too_late, kind="info" if text else "warn"))


def _return(request: UserRequest, submission: Submission) -> HttpResponse:
    back = request.POST.get("back", "")
    address = reverse("outbox")
    if back == address or back.startswith(f"{address}?"):
        return redirect(back)
    return redirect("outbox_item", submission.public_id)


def _cancel(request: UserRequest, submission: Submission) -> HttpResponse:
    draft = control.cancel(submission)
    is_back = draft is not None or moves.reload(submission).phase == Phase.CANCELLED
    if is_back and submission.archive_undo:
        undo_archiving(request.user, submission)
    if draft is not None:
        flash.add(request, flash.Toast(_("Not sent. Here is your message again.")))
        # A scheduled one is mostly corrected and scheduled again: the picker has its time.
        query = {"back": request.POST.get("compose_back", ""), "at": submission.send_wall[:16]}
        return redirect(with_query(reverse("compose", args=[draft.public_id]), query))
    if is_back:
        flash.add(request, flash.Toast(_("Taken back. It is not sent.")))
        return redirect("outbox")
    text = _("Too late to take it back: it is being sent or has been.")
    view = flash.Link(_("View"), reverse("outbox_item", args=[submission.public_id]))
    flash.add(request, flash.Toast(text, kind="warn", link=view))
    return redirect("outbox_item", submission.public_id)


def _reschedule(request: UserRequest, submission: Submission) -> HttpResponse:
    form = SendTimeForm(request.POST.dict())
    if not form.is_valid() or form.send_time is None:
        return _item(request, submission, form, status=422)
    done = control.reschedule(submission, form.send_time)
    _say(request, f"{_('Leaves %(when)s.') % {'when': form.words()}} {form.shift}".strip() if done else "")
    return redirect("outbox_item", submission.public_id)


def _again(request: UserRequest, submission: Submission) -> HttpResponse:
    try:
        draft = again.write_again(submission)
    except CannotSend as error:
        flash.add(request, flash.Toast(str(error), kind="danger"))
        return _return(request, submission)
    if draft is None:
        flash.add(request, flash.Toast(_("The text of this message is not kept here any more."), kind="warn"))
        return _return(request, submission)
    back = reverse("outbox_item", args=[submission.public_id])
    return redirect(with_query(reverse("compose", args=[draft.public_id]), {"back": back}))


def _send_now(submission: Submission) -> str:
    return _("On its way.") if control.send_now(submission) else ""


def _discard(submission: Submission) -> str:
    return _("Deleted. It is not sent.") if control.discard(submission) else ""


def _dismiss(submission: Submission) -> str:
    return _("It is among the others now.") if control.acknowledge(submission) else ""


def _retry(submission: Submission) -> str:
    return _("Trying now.") if control.retry_now(submission) else ""


def _stop(submission: Submission) -> str:
    return _("No further try is made.") if control.stop_trying(submission) else ""


def _resend(submission: Submission) -> str:
    return _("It is sent again.") if doubt.resolve_unconfirmed(submission, sent=False) else ""


def _mark_sent(submission: Submission) -> str:
    return _("Marked as sent.") if doubt.resolve_unconfirmed(submission, sent=True) else ""


def _look(submission: Submission) -> str:
    return _("Looking in Sent for it.") if doubt.look_now(submission) else ""


_ACTS: dict[str, Callable[[Submission], str]] = {
    "send_now": _send_now,
    "discard": _discard,
    "dismiss": _dismiss,
    "retry": _retry,
    "stop": _stop,
    "resend": _resend,
    "mark_sent": _mark_sent,
    "look": _look,
}
