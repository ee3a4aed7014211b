"""The mail pages: a list at the left, a conversation at the right. Each state has an address: list, place in it, open row.

The same view renders the whole page, the list alone, a window of its rows, or the reading pane alone, as htmx asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.http import Http404, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from webmail.journal.actions import keywords
from webmail.store.emails import memberships
from webmail.store.models import Email, Mailbox, Role
from webmail.store.queries.accounts import visible_mailboxes
from webmail.web.list_pages import ListPage, ListReader, Place, read_list
from webmail.web.lists import (
    ListSource,
    common_source,
    label_source,
    mailbox_source,
    source_of_mailbox,
)
from webmail.web.reading.pane import Reading, build_reading, emails_to_read
from webmail.web.reading.wishes import Wish
from webmail.web.requests import UserRequest, signed_in, wants_fragment
from webmail.web.searching.marks import write_hits
from webmail.web.shell import shell_of

LIST_ID, ROWS_ID, READING_ID = "list", "rows", "reading"


@signed_in
@require_safe
def home(request: UserRequest) -> HttpResponse:
    """The inbox; a person without any mailbox is led to connect one."""
    if not shell_of(request).account_list:
        return redirect("connect")
    return redirect("inbox")


@signed_in
@require_safe
def common(request: UserRequest, name: str) -> HttpResponse:
    """A view over all accounts."""
    return mail_page(request, common_source(request.user, name))


@signed_in
@require_safe
def mailbox(request: UserRequest, account_id: str, mailbox_id: str) -> HttpResponse:
    """One mailbox."""
    return mail_page(request, mailbox_source(request.user, account_id, mailbox_id))


@signed_in
@require_safe
def label(request: UserRequest, label_id: str) -> HttpResponse:
    """What carries a label."""
    return mail_page(request, label_source(request.user, label_id))


@signed_in
@require_safe
def thread(request: UserRequest, thread_id: str) -> HttpResponse:
    """A conversation by its own address, beside the list it lies in."""
    return _by_own_address(request, thread_id)


@signed_in
@require_safe
def message(request: UserRequest, email_id: str) -> HttpResponse:
    """One message by its own address, beside the list it lies in."""
    return _by_own_address(request, email_id)


def _by_own_address(request: UserRequest, public_id: str) -> HttpResponse:
    emails = emails_to_read(request.user, public_id)
    mailboxes = _mailboxes_of(emails)
    if not mailboxes:
        raise Http404("this message is in no mailbox any more")
    return mail_page(request, source_of_mailbox(request.user, mailboxes[0]), open_id=public_id)


def _mailboxes_of(emails: Sequence[Email]) -> list[Mailbox]:
    inside = {pk for found in memberships(email.pk for email in emails).values() for pk in found}
    found = [mailbox for mailbox in visible_mailboxes([emails[0].account]) if mailbox.pk in inside]
    for mailbox in found:
        mailbox.account = emails[0].account
    return sorted(found, key=lambda mailbox: mailbox.role in {Role.SENT, Role.DRAFTS})


def mail_page(request: UserRequest, source: ListSource, *, open_id: str = "") -> HttpResponse:
    """The answer for a list and the row that is open in it."""
    source = source.sorted_by(request.GET.get("sort", ""))
    own_id, open_id = open_id, open_id or request.GET.get("t", "")
    if wants_fragment(request, ROWS_ID):
        return _window(request, source, open_id=open_id)
    wish = Wish.of(request.GET)
    if source.hits:
        wish = replace(wish, hits=write_hits(source.hits))
    reading = _find_reading(request, open_id, wish, must_be=bool(own_id) or wants_fragment(request, READING_ID))
    if wants_fragment(request, READING_ID):
        return HttpResponse(render_pane(request, source, reading))
    _ = shell_of(request).position  # before the rows
    page = read_list(request, source, open_id=open_id)
    if wants_fragment(request, LIST_ID):
        return HttpResponse(render_list_fragments(request, page))
    html = render_to_string("mail/mail.html", _context(request, page, reading), request, using="jinja2")
    return HttpResponse(html, status=404 if open_id and reading is None else 200)


def _find_reading(request: UserRequest, open_id: str, wish: Wish, *, must_be: bool) -> Reading | None:
    """What the address opens. The list is shown without it when it is gone, unless there is nothing but it (`must_be`)."""
    if not open_id:
        return None
    try:
        return open_reading(request, open_id, wish)
    except Http404:
        if must_be:
            raise
        return None


def open_reading(request: UserRequest, public_id: str, wish: Wish) -> Reading:
    """What is read. Where no script tells when somebody has read it, it counts as read from now on, unless the person wants that
    never, or another site's page or a prefetch asked for it (R55)."""
    emails = emails_to_read(request.user, public_id)
    reading = build_reading(request.user, public_id, emails, wish)
    if reading.unread and request.user.mark_read_after_s is not None and _is_own_wish(request):
        keywords.set_where_allowed(request.user, reading.unread, add=["$seen"])
    return reading


def _is_own_wish(request: UserRequest) -> bool:
    headers = request.headers
    if request.htmx or "X-Prefetch" in headers or "Sec-Purpose" in headers:
        return False
    return headers.get("Sec-Fetch-Site", "none") in {"same-origin", "none"}


def render_list_fragments(request: UserRequest, page: ListPage) -> str:
    """The list, and with it everything that tells of counts: sidebar, state, toasts."""
    return render_to_string("mail/_renewed.html", _context(request, page, None), request, using="jinja2")


def render_pane(request: UserRequest, source: ListSource, reading: Reading | None, *, oob: bool = False) -> str:
    """The reading pane alone; `oob`: beside another fragment."""
    shell = shell_of(request)
    context = {"shell": shell, "source": source, "reading": reading, "current": source.key, "oob": oob}
    return render_to_string("mail/_reading.html", context, request, using="jinja2")


def _context(request: UserRequest, page: ListPage, reading: Reading | None) -> dict[str, object]:
    return {
        "shell": shell_of(request),
        "current": page.source.key,
        "source": page.source,
        "page": page,
        "reading": reading,
        "query": page.source.query,
    }


def _window(request: UserRequest, source: ListSource, *, open_id: str) -> HttpResponse:
    """Rows alone, as often as somebody scrolls; on wish with everything that tells of counts. Who has them in this state is told
    so and no more."""
    has_counts = request.GET.get("with") == "counts"
    if has_counts:
        _ = shell_of(request).position  # before the rows
    page = ListReader(request, source).page(Place.of(request, open_id))
    html, etag = page.written.html, page.etag
    if has_counts:
        context = {"shell": shell_of(request), "source": source, "current": source.key}
        html += render_to_string("mail/_counts.html", context, request, using="jinja2")
    elif etag and request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    return HttpResponse(html, headers={"ETag": etag} if etag and not has_counts else None)
