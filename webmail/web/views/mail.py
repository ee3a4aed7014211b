"""The mail pages: a list at the left, a conversation at the right. Each state has an address: list, place in it, open row.

The same view renders the whole page, the list alone, more rows for its end, or the reading pane alone, as htmx asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from accounts.models import User
from webmail.journal.actions import keywords
from webmail.store.emails import memberships
from webmail.store.models import Email, Mailbox, Role
from webmail.store.queries.accounts import visible_mailboxes
from webmail.store.queries.emails import MAX_PAGE_SIZE, PAGE_SIZE
from webmail.store.search.parse import OPERATORS, QueryFault
from webmail.web.lists import (
    ListSource,
    common_source,
    mailbox_source,
    read_cursor,
    search_source,
    source_of_mailbox,
    write_cursor,
)
from webmail.web.reading.pane import Reading, build_reading, emails_to_read
from webmail.web.reading.wishes import Wish
from webmail.web.requests import UserRequest, signed_in, wants_fragment
from webmail.web.rows import Row, RowContext, build_rows, draft_rows, own_addresses
from webmail.web.shell import Shell, shell_of
from webmail.web.text import date_group

LIST_ID, MORE_ID, READING_ID = "list", "more", "reading"


@dataclass(frozen=True)
class ListPage:
    """One page of a list as templates show it."""

    source: ListSource
    rows: list[Row]
    drafts: list[Row]
    older: str  # address of the next page, empty at the end
    newer: str  # address of the page before, empty at the beginning
    open_id: str

    @property
    def is_empty(self) -> bool:
        return not self.rows and not self.drafts


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
def search(request: UserRequest) -> HttpResponse:
    """The hits of a query. One that is not understood is shown with the place of the fault, and nothing runs."""
    query, within_id = request.GET.get("q", ""), request.GET.get("in", "")
    try:
        source = search_source(request.user, query, within_id=within_id)
        if source.terms:
            return mail_page(request, source)
        fault = None
    except QueryFault as found:
        fault = found
    context = {
        "current": "search",
        "query": query,
        "within_id": within_id,
        "fault": fault,
        "operators": OPERATORS,
        "position": min(fault.position, len(query)) if fault else 0,
    }
    return render(request, "mail/search.html", context, status=422 if fault else 200)


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
    open_id = open_id or request.GET.get("t", "")
    if wants_fragment(request, MORE_ID):
        return _more(request, source)
    reading = open_reading(request, open_id) if open_id else None
    if wants_fragment(request, READING_ID):
        return _pane(request, source, reading)
    page = read_list(request, source, open_id=open_id)
    return HttpResponse(
        render_list_fragments(request, page)
        if wants_fragment(request, LIST_ID)
        else render_to_string("mail/mail.html", _context(request, page, reading), request, using="jinja2")
    )


def open_reading(request: UserRequest, public_id: str) -> Reading:
    """What is read; it counts as read from now on, unless another site's page or a prefetch asked for it (R55)."""
    emails = emails_to_read(request.user, public_id)
    reading = build_reading(request.user, public_id, emails, Wish.of(request.GET))
    is_own_wish = request.headers.get("Sec-Fetch-Site", "none") in {"same-origin", "none"}
    if reading.unread and is_own_wish and "Sec-Purpose" not in request.headers:
        keywords.set_where_allowed(request.user, reading.unread, add=["$seen"])
    return reading


def read_list(request: UserRequest, source: ListSource, *, open_id: str = "", first_group: str = "") -> ListPage:
    """One page of a list, from the place that the request names."""
    shell = shell_of(request)
    place = {name: request.GET[name] for name in ("after", "before") if request.GET.get(name)}
    cursor, before = read_cursor(place.get("after", "")), read_cursor(place.get("before", ""))
    # A list that was scrolled on is renewed in its whole length.
    limit = min(max(_integer(request.GET.get("rows", "")), PAGE_SIZE), MAX_PAGE_SIZE)
    page = source.read_page(after=cursor, before=before, limit=limit)
    if before is None:
        older, is_first = page.next_cursor, cursor is None
    else:
        older, is_first = (page.rows[-1].cursor if page.rows else None), not page.has_more
    row_context = _row_context(request.user, shell, source, place)
    has_drafts = source.role == Role.DRAFTS and is_first
    return ListPage(
        source=source,
        rows=build_rows(request.user, page.rows, row_context, first_group=first_group),
        drafts=draft_rows(request.user, source, row_context.accounts) if has_drafts else [],
        older=source.link(after=write_cursor(older)) if older else "",
        newer=source.link(before=write_cursor(page.rows[0].cursor)) if page.rows and not is_first else "",
        open_id=open_id,
    )


def _row_context(user: User, shell: Shell, source: ListSource, place: Mapping[str, str]) -> RowContext:
    shows_account = source.account is None and shell.has_several
    return RowContext(
        source=source,
        own=own_addresses(user),
        accounts={account.pk: account for account in shell.account_list} if shows_account else {},
        mailboxes=shell.mailboxes if source.emails is not None else {},
        place=place,
    )


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


def _more(request: UserRequest, source: ListSource) -> HttpResponse:
    after = request.GET.get("after", "")
    cursor = read_cursor(after)
    first_group = date_group(cursor.received_at) if cursor else ""
    page = read_list(request, source, open_id=request.GET.get("t", ""), first_group=first_group)
    return render(request, "mail/_more.html", {"page": page, "source": source})


def _pane(request: UserRequest, source: ListSource, reading: Reading | None) -> HttpResponse:
    html = render_pane(request, source, reading)
    if reading is not None and reading.unread:
        html += render_to_string(
            "parts/_sidebar.html",
            {"shell": shell_of(request), "current": source.key, "oob": True},
            request,
            using="jinja2",
        )
    return HttpResponse(html)


def _integer(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0
