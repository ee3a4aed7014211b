"""One attached file, looked at inside the app, with the way to the next one (features 86)."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from webmail.mime.readable import Readable, ReadableFile
from webmail.store.contents import is_readable
from webmail.store.queries.emails import get_email_for
from webmail.web.reading.awaited import awaited_page
from webmail.web.reading.bodies import ContentUnreadable, read_form
from webmail.web.reading.content_links import content_path
from webmail.web.reading.inert import plain
from webmail.web.reading.places import place_of, split_place
from webmail.web.requests import UserRequest, signed_in
from webmail.web.viewers.registry import NOTHING, viewer_of
from webmail.web.viewers.viewer import CannotShow, Shown


@signed_in
@require_safe
def view(request: UserRequest, email_id: str, place: str) -> HttpResponse:
    """The file at `place` (see `places`) in its viewer; a message within the message goes on to its own page."""
    email = get_email_for(request.user, email_id)
    nested, part_id = split_place(place)
    if not is_readable(email):
        return awaited_page(request, email)
    try:
        form = read_form(request.user, email, nested=nested)
    except ContentUnreadable as error:
        return awaited_page(request, email) if email.blob_id is None else plain(str(error), status=404)
    files = files_with(form, part_id)
    at = next(number for number, file in enumerate(files) if file.part_id == part_id)
    file = files[at]
    if not file.is_here:
        return awaited_page(request, email)
    if file.kind == "message":
        return redirect("message_nested", email_id, place)
    viewer, shown, fault = (
        viewer_of(file),
        Shown(email, file, content_path(request.user, email, nested=nested), nested),
        "",
    )
    try:
        context = viewer.context(shown)
    except CannotShow:
        viewer, context, fault = NOTHING, {}, _("This file cannot be opened here. You can download it.")
    return render(
        request,
        "viewers/view.html",
        {
            **context,
            "email": email,
            "file": file,
            "place": place,
            "fragment": viewer.template,
            "fault": fault,
            "number": at + 1,
            "total": len(files),
            "previous": _place(files, at - 1, nested),
            "next": _place(files, at + 1, nested),
            "back": reverse("message_nested", args=[email_id, "/".join(nested)])
            if nested
            else reverse("message", args=[email_id]),
        },
    )


def files_with(form: Readable, part_id: str) -> Sequence[ReadableFile]:
    """The files among which this one is gone through: those with cards, or the pictures that the text shows. Raises Http404."""
    for files in ((*form.pictures, *form.files), form.drawn):
        if any(file.part_id == part_id for file in files):
            return files
    raise Http404("no such file")


def _place(files: Sequence[ReadableFile], at: int, nested: Sequence[str]) -> str:
    """The place of the file with this number, "" where there is none."""
    return place_of(files[at].part_id, nested) if 0 <= at < len(files) else ""
