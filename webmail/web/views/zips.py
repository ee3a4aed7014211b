"""All files of a message, or of a conversation, as one zip file (features 87)."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from webmail.mime.filenames import content_disposition
from webmail.mime.readable import ReadableFile
from webmail.store.contents import is_readable
from webmail.store.models import Email
from webmail.store.queries.emails import emails_in_thread, get_email_for, get_thread_for
from webmail.web.reading.awaited import awaited_page
from webmail.web.reading.bodies import ContentUnreadable, read_form
from webmail.web.reading.inert import make_inert, plain
from webmail.web.reading.zipping import MAX_MEMBERS, MAX_TOTAL_BYTES, TooMuch, plan_members, stream, zip_pieces
from webmail.web.requests import UserRequest, signed_in

MAX_MESSAGES = 500  # of one conversation that are looked through


@signed_in
@require_safe
def message_zip(request: UserRequest, email_id: str) -> HttpResponseBase:
    """The files of one message."""
    email = get_email_for(request.user, email_id)
    return _zip(request, [email], name=email.subject)


@signed_in
@require_safe
def thread_zip(request: UserRequest, thread_id: str) -> HttpResponseBase:
    """The files of all messages of a conversation, oldest first."""
    thread = get_thread_for(request.user, thread_id)
    emails = [email for email in emails_in_thread(thread) if email.has_attachment][:MAX_MESSAGES]
    return _zip(request, emails, name=emails[0].subject if emails else "")


def _zip(request: UserRequest, emails: Sequence[Email], *, name: str) -> HttpResponseBase:
    found: list[tuple[Email, Sequence[ReadableFile]]] = []
    for email in emails:
        files = _files_of(request, email)
        if isinstance(files, HttpResponse):
            return files
        found.append((email, files))
    try:
        members = plan_members(found)
    except TooMuch as error:
        return plain(_explain(error), status=413)
    if not members:
        raise Http404("there are no files")
    response = StreamingHttpResponse(stream(zip_pieces(members)), content_type="application/zip")
    response.headers["Content-Disposition"] = content_disposition("attachment", f"{name or _('Attachments')}.zip")
    response.headers["X-Accel-Buffering"] = "no"
    return make_inert(response)


def _files_of(request: UserRequest, email: Email) -> Sequence[ReadableFile] | HttpResponse:
    """The files with cards, or the page that is shown until all of them are here."""
    if not is_readable(email):
        return awaited_page(request, email)
    try:
        form = read_form(request.user, email)
    except ContentUnreadable as error:
        return awaited_page(request, email) if email.blob_id is None else plain(str(error), status=404)
    files = (*form.pictures, *form.files)
    return files if all(file.is_here for file in files) else awaited_page(request, email)


def _explain(error: TooMuch) -> str:
    if error.limit == "members":
        return _("These are more than %(count)d files. Download them one by one.") % {"count": MAX_MEMBERS}
    if error.limit == "total":
        size = MAX_TOTAL_BYTES // 1_000_000
        return _("These files have more than %(size)d MB together. Download them one by one.") % {"size": size}
    return _("These files are much larger than the message they came in. Download them one by one.")
