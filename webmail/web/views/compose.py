"""Writing a message: a page over a draft. It is saved by a form, with scripts also by itself; sending makes a submission.

Nothing typed is ever lost: a save that another window forestalled, a refused address or a failed upload answers with the
page as it was filled in and says what is wrong.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import cast

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import User
from webmail.mime.opened import NoSuchPart
from webmail.outbox import queries
from webmail.outbox.errors import CannotSend, DraftConflict, DraftGone, OriginalNotHere, OutboxError, in_megabytes
from webmail.outbox.models import Draft, Submission
from webmail.outbox.queue import overview, submit
from webmail.outbox.writing import drafts
from webmail.outbox.writing.room import files_limit
from webmail.outbox.writing.senders import move_draft
from webmail.store import emails
from webmail.store.errors import StorageFull
from webmail.store.models import Email
from webmail.store.queries.emails import get_email_for
from webmail.web import flash
from webmail.web.forms.compose import ComposeForm, initial_of, sender_choices
from webmail.web.forms.send_time import SendTimeForm, read_wall, send_choices
from webmail.web.requests import UserRequest, signed_in
from webmail.web.sending import send_and_archive
from webmail.web.sending.toasts import toast_of
from webmail.web.text import with_query
from webmail.web.views.drafts import version_of

MODES = ("new", "reply", "reply_all", "forward")
SENDING = ("send", "send_archive", "later")
AT = "at:"


@require_POST
@signed_in
def compose_new(request: UserRequest) -> HttpResponse:
    """Begin a draft and go to its page. Posted: `mode`, `email` for all but new, `nested` to answer a message within it (part
    ids with slashes), `to` and `back` if wanted."""
    mode = request.POST.get("mode", "new")
    if mode not in MODES:
        mode = "new"
    original = get_email_for(request.user, request.POST.get("email", "")) if mode != "new" else None
    back = _back(request, request.POST.get("back") or request.headers.get("Referer", ""))
    try:
        nested = tuple(filter(None, request.POST.get("nested", "").split("/")))
        draft = _begin(request.user, cast(drafts.Mode, mode), original, to=request.POST.get("to", ""), nested=nested)
    except NoSuchPart as error:
        raise Http404("no such message") from error
    except OriginalNotHere as error:
        _want_body(original)
        flash.add(request, flash.Toast(str(error), kind="warn"))
        return redirect(back)
    except (CannotSend, StorageFull) as error:
        flash.add(request, flash.Toast(str(error), kind="danger"))
        return redirect(back)
    if draft is None:
        flash.add(request, flash.Toast(_("Connect a mailbox first; mail is sent from it."), kind="warn"))
        return redirect("connect")
    return redirect(with_query(reverse("compose", args=[draft.public_id]), {"back": back}))


def _begin(
    user: User, mode: drafts.Mode, original: Email | None, *, to: str, nested: tuple[str, ...] = ()
) -> Draft | None:
    if original is not None:
        return drafts.create_draft(original.account, original=original, mode=mode, nested=nested)
    senders = sender_choices(user)
    sender = next((one for one in senders if one.account.can_send), senders[0] if senders else None)
    if sender is None:
        return None
    draft = drafts.create_draft(sender.account, identity=sender)
    if to:
        return drafts.save_draft(draft, fields=drafts.DraftFields(to=to[:1000]), expected_revision=draft.revision)
    return draft


def _want_body(original: Email | None) -> None:
    if original is not None:
        emails.want_body(original.pk)


@require_http_methods(["GET", "POST"])
@signed_in
def compose(request: UserRequest, draft_id: str) -> HttpResponse:
    """The page of a draft. Posted: the form and `act`: save, attach, fork, discard, `remove` with a file's id, or one of

    send, send_archive, later (at `send_wall` in `send_zone`), or "at:" and a local time of those that were offered.
    """
    if request.method == "POST":
        return _post(request, draft_id)
    draft = _find(request, draft_id)
    if draft is None:
        return _gone(request)
    senders = sender_choices(request.user)
    form = ComposeForm(senders=senders, initial=initial_of(draft, key=secrets.token_urlsafe(16)))
    return _page(request, draft, form)


@require_POST
@signed_in
def compose_save(request: UserRequest, draft_id: str) -> HttpResponse:
    """Autosave: answers {revision, saved_at}; 409 when another window was faster, 410 when the draft is gone."""
    draft = _find(request, draft_id)
    if draft is None:
        return JsonResponse({"message": str(DraftGone())}, status=410)
    form = ComposeForm(request.POST, senders=sender_choices(request.user))
    if not form.is_valid():
        message = next(iter(next(iter(form.errors.values()))))
        return JsonResponse({"message": str(message)}, status=422)
    try:
        saved = _save(draft, form)
    except DraftConflict as error:
        return JsonResponse({"message": str(error), "other": version_of(error.current)}, status=409)
    except DraftGone as error:
        return JsonResponse({"message": str(error)}, status=410)
    local = timezone.localtime(saved.updated_at)
    return JsonResponse({"revision": saved.revision, "saved_at": f"{local:%H:%M}"})


@require_POST
@signed_in
def compose_files(request: UserRequest, draft_id: str) -> HttpResponse:
    """Files chosen while scripts run: takes `files`, or `remove` with a file's id; answers with the list of files."""
    draft = queries.get_draft_for(request.user, draft_id)
    if "remove" in request.POST:
        drafts.remove_attachment(draft, request.POST["remove"])
    fault = _attach(draft, request.FILES.getlist("files"))
    context = _files_context(draft) | {"fault": fault}
    return render(request, "compose/_files.html", context, status=422 if fault else 200)


def _post(request: UserRequest, draft_id: str) -> HttpResponse:
    act = request.POST.get("act", "remove" if "remove" in request.POST else "save")
    if _sends(act):
        # A second click finds the message of the first, whose draft is gone by now.
        known = submit.find_submission(request.user, request.POST.get("key", "-"))
        if known is not None:
            return _sent(request, known)
    draft = _find(request, draft_id)
    if draft is None:
        return _gone(request)
    if act == "discard":
        drafts.discard_draft(draft)
        flash.add(request, flash.Toast(_("Draft discarded.")))
        return redirect(_back(request, request.POST.get("back", "")))
    form = ComposeForm(request.POST, senders=sender_choices(request.user))
    if not form.is_valid():
        return _page(request, draft, form, status=422)
    try:
        return _carry_out(request, act, draft, form)
    except DraftConflict as error:
        return _page(request, error.current, form, conflict=error.current, status=409)
    except DraftGone:
        return _gone(request)


def _carry_out(request: UserRequest, act: str, draft: Draft, form: ComposeForm) -> HttpResponse:
    if act == "fork":
        fork = drafts.fork_draft(draft, fields=_own_fields(draft, form))
        flash.add(request, flash.Toast(_("Yours is kept as a second draft.")))
        return redirect(_address(request, fork))
    saved = _save(draft, form)
    if _sends(act):
        return _send(request, act, saved, form)
    if act == "remove":
        drafts.remove_attachment(saved, request.POST["remove"])
    fault = _attach(saved, request.FILES.getlist("files"))
    if fault:
        flash.add(request, flash.Toast(fault, kind="danger"))
    elif act == "save":
        flash.add(request, flash.Toast(_("Draft saved.")))
    return redirect(_address(request, saved))


def _save(draft: Draft, form: ComposeForm) -> Draft:
    revision = form.cleaned_data["revision"]
    if form.sender.account_id != draft.account_id:
        draft = move_draft(draft, identity=form.sender, expected_revision=revision)
        revision = draft.revision
    return drafts.save_draft(draft, fields=form.draft_fields(), expected_revision=revision)


def _own_fields(draft: Draft, form: ComposeForm) -> drafts.DraftFields:
    """For a second draft: it stays in the account of the first."""
    fields = form.draft_fields()
    if form.sender.account_id == draft.account_id:
        return fields
    return drafts.DraftFields(to=fields.to, cc=fields.cc, bcc=fields.bcc, subject=fields.subject, text=fields.text)


def _sends(act: str) -> bool:
    return act in SENDING or act.startswith(AT)


def _send(request: UserRequest, act: str, draft: Draft, form: ComposeForm) -> HttpResponse:
    fault = _attach(draft, request.FILES.getlist("files"))
    if fault:
        form.add_error(None, fault)
    times = _times(request, act)
    if times is not None and not times.is_valid():
        form.check_recipients()
        return _page(request, draft, form, times=times, status=422)
    if fault or not form.check_recipients():
        return _page(request, draft, form, times=times, status=422)
    try:
        submission = submit.submit_draft(
            draft,
            user=request.user,
            idempotency_key=form.cleaned_data["key"] or secrets.token_urlsafe(16),
            send_at=times.send_time if times is not None else None,
        )
    except DraftConflict:
        raise
    except (OutboxError, StorageFull) as error:
        form.add_error(None, str(error))
        return _page(request, draft, form, times=times, status=422)
    notes = [times.shift if times is not None else ""]
    if act == "send_archive":
        notes.append(send_and_archive.archive_original(request.user, submission))
    return _sent(request, submission, note=" ".join(filter(None, notes)))


def _times(request: UserRequest, act: str) -> SendTimeForm | None:
    """The form of the time that was chosen; None when it is to leave now."""
    if act.startswith(AT):
        return SendTimeForm({"send_wall": act.removeprefix(AT), "send_zone": request.POST.get("send_zone", "")})
    return SendTimeForm(request.POST.dict()) if act == "later" else None


def _sent(request: UserRequest, submission: Submission, *, note: str = "") -> HttpResponse:
    back = _back(request, request.POST.get("back", ""))
    flash.add(request, toast_of(submission, note=note, back=back))
    return redirect(back)


@require_GET
@signed_in
def compose_times(request: UserRequest) -> HttpResponse:
    """The times that are offered now: asked for when the menu of a page that stood open for long is opened."""
    return render(request, "compose/_presets.html", {"choices": send_choices()})


def _attach(draft: Draft, files: Iterable[UploadedFile[bytes]]) -> str:
    """Add files; what went wrong in words, or nothing. Those before the one refused stay."""
    limit = files_limit(draft.account)
    for file in files:
        if (file.size or 0) > limit:
            return _("%(name)s is larger than a message can carry (%(limit)s). Send a link instead.") % {
                "name": file.name,
                "limit": in_megabytes(limit),
            }
        try:
            drafts.add_attachment(draft, name=file.name or _("file"), type=file.content_type or "", raw=file.read())
        except (OutboxError, StorageFull) as error:
            return f"{file.name}: {error}"
    return ""


def _page(
    request: UserRequest,
    draft: Draft,
    form: ComposeForm,
    *,
    conflict: Draft | None = None,
    times: SendTimeForm | None = None,
    status: int = 200,
) -> HttpResponse:
    given = request.POST.get("back", "") if request.method == "POST" else request.GET.get("back", "")
    is_stale = conflict is not None
    if form.is_bound and not is_stale:
        # What was posted is saved by now: the next save builds upon that.
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["revision"] = str(draft.revision)  # type: ignore[index]
    context = {
        **_files_context(draft),
        "form": form,
        "conflict": conflict,
        "back": _back(request, given),
        "current": "drafts",
        "fault": "",
        "saved_at": draft.updated_at if draft.revision > 1 else None,
        "senders": list(form.senders.values()),
        "sender_id": form["identity"].value() or "",
        "choices": send_choices(),
        "times": times,
        "wall": read_wall(request.GET.get("at", "")),
        "came_back": overview.failed_sending_of(draft),
        "can_archive": send_and_archive.can_archive(draft),
        "has_require_tls": "REQUIRETLS" in draft.account.outgoing_offers,
    }
    return render(request, "compose/compose.html", context, status=status)


def _files_context(draft: Draft) -> dict[str, object]:
    files = list(draft.attachments.select_related("blob").all())
    return {
        "draft": draft,
        "files": files,
        "files_bytes": sum(file.blob.size_bytes for file in files),
        "limit_bytes": files_limit(draft.account),
    }


def _find(request: UserRequest, draft_id: str) -> Draft | None:
    """The draft; None when it is not here any more, or never was this user's."""
    rows = queries.drafts_of(request.user).select_related("account", "identity", "original")
    return rows.filter(public_id=draft_id).first()


def _gone(request: UserRequest) -> HttpResponse:
    """The draft of this page was sent or discarded elsewhere, or is nobody's here. Text posted with it is given back."""
    context = {"text": request.POST.get("text", ""), "subject": request.POST.get("subject", ""), "current": "drafts"}
    return render(request, "compose/gone.html", context, status=404)


def _address(request: HttpRequest, draft: Draft) -> str:
    back = _back(request, request.POST.get("back", ""))
    return with_query(reverse("compose", args=[draft.public_id]), {"back": back})


def _back(request: HttpRequest, address: str) -> str:
    """Where the person came from, if that is a page of mail or the outbox; else the inbox. Always a path."""
    if address and url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()}):
        path = "/" + address.split("://", 1)[-1].partition("/")[2] if "://" in address else address
        if path.startswith(("/mail/", "/outbox")):
            return path
    return reverse("inbox")
