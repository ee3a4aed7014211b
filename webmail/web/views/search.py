"""Searching: the hits as a list page, how many there are, saving a search, asking the mail servers, suggestions while typing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from webmail.store.errors import StoreError
from webmail.store.queries.accounts import accounts_of
from webmail.store.recent_searches import forget_searches, recent_searches, remember_search
from webmail.store.saved_searches import BadSearch, SearchNameTaken, TooManySearches, save_search
from webmail.store.search.operators import OPERATORS
from webmail.store.search.parse import QueryFault
from webmail.store.server_searches import begin_searches, stop_searches
from webmail.web import flash
from webmail.web.lists import ListSource, search_source, source_of_address
from webmail.web.requests import UserRequest, signed_in
from webmail.web.searching.page import SearchPage
from webmail.web.searching.suggest import suggest
from webmail.web.text import local_path
from webmail.web.views.mail import mail_page

_REFUSED: Mapping[type[StoreError], Callable[[], str]] = {
    SearchNameTaken: lambda: _("There is a saved search of this name already."),
    TooManySearches: lambda: _("There are as many saved searches as there can be."),
    BadSearch: lambda: _("A saved search needs a name and something to look for, and neither too long."),
}
_SHOWN = 10  # recent searches on the page of search


@signed_in
@require_safe
def search(request: UserRequest) -> HttpResponse:
    """The hits of a query. One that is not understood is shown with the place of the fault, and nothing runs."""
    query = request.GET.get("q", "")
    fault: QueryFault | None = None
    try:
        source = _source(request)
        if source.tree is not None:
            return _hits(request, source)
    except QueryFault as found:
        fault = found
    position = min(fault.position, len(query)) if fault else 0
    context = {
        "current": "search",
        "query": query,
        "fault": fault,
        "operators": OPERATORS,
        "recent": recent_searches(request.user)[:_SHOWN],
        "position": position,
        "end": max(min(fault.end, len(query)), position) if fault else 0,
    }
    return render(request, "search/search.html", context, status=422 if fault else 200)


def _source(request: UserRequest) -> ListSource:
    asked = request.GET
    return search_source(
        request.user,
        asked.get("q", ""),
        within_id=asked.get("in", ""),
        of_id=asked.get("of", ""),
        near_id=asked.get("near", ""),
    )


def _hits(request: UserRequest, source: ListSource) -> HttpResponse:
    if request.htmx and "count" in request.GET:
        context = {"source": source, "total": source.total, "is_counted": True}
        return render(request, "search/_figure.html", context)
    if request.htmx and "server" in request.GET:
        page = SearchPage(request.user, source)
        answer = render(request, "search/_server.html", {"source": source, "search": page})
        answer["HX-Trigger"] = "search:found"
        return answer
    if not request.htmx and _is_begun_here(request):
        remember_search(request.user, source.query)
    return mail_page(request, source)


def _is_begun_here(request: UserRequest) -> bool:
    """The person ran it, rather than a page of somebody else's, a prefetch, or a step within its hits."""
    headers = request.headers
    if "Sec-Purpose" in headers or headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        return False
    return "t" not in request.GET and "at" not in request.GET


@require_POST
@signed_in
def save(request: UserRequest) -> HttpResponse:
    """Posted: `list`, the address of a search, and `name`: keep it, its scope with it."""
    source = _posted(request)
    query = SearchPage(request.user, source).kept_query
    try:
        made = save_search(request.user, request.POST.get("name", ""), query)
    except StoreError as error:
        flash.add(request, flash.Toast(_REFUSED[type(error)](), kind="danger"))
    else:
        flash.add(request, flash.Toast(_("Search saved as %(name)s.") % {"name": made.name}))
    return redirect(source.address)


@require_POST
@signed_in
def forget(request: UserRequest) -> HttpResponse:
    """Clear the history of searches."""
    forget_searches(request.user)
    if request.htmx:
        return _suggestions(request)
    flash.add(request, flash.Toast(_("The history of searches is empty now.")))
    return redirect("search")


@require_POST
@signed_in
def server(request: UserRequest) -> HttpResponse:
    """Posted: `list`: ask the mail servers of its scope as well."""
    source = _posted(request)
    if source.scope is None or source.tree is None:
        raise Http404("no such search")
    begin_searches(request.user, source.query, source.scope.accounts, source.scope.within)
    return redirect(source.address)


@require_POST
@signed_in
def server_stop(request: UserRequest) -> HttpResponse:
    """Posted: `list`: no further mailbox is asked for it."""
    source = _posted(request)
    stop_searches(request.user, source.query)
    return redirect(source.address)


def _posted(request: UserRequest) -> ListSource:
    try:
        source = source_of_address(request.user, local_path(request.POST.get("list", "")))
    except QueryFault as error:
        raise Http404("no such search") from error
    if not source.is_search:
        raise Http404("no such search")
    return source


@signed_in
@require_safe
def suggestions(request: UserRequest) -> HttpResponse:
    """What the words in the box could go on to, as options of a listbox: `q`, and `at`, where the caret stands."""
    return _suggestions(request)


def _suggestions(request: UserRequest) -> HttpResponse:
    query = request.GET.get("q", "")
    at = request.GET.get("at", "")
    caret = min(int(at), len(query)) if at.isdecimal() and len(at) <= 4 else len(query)
    groups = suggest(request.user, accounts_of(request.user), query, caret)
    return render(request, "search/_suggestions.html", {"groups": groups})
