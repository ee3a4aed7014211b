"""Settings of organising: labels, saved searches, swiping. Everything is a form that works without scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.forms import COLORS
from accounts.forms_preferences import SwipeForm
from accounts.views.preferences import answer
from webmail.journal.actions.labels import delete_label
from webmail.store.errors import StoreError
from webmail.store.labels import (
    BadLabelName,
    LabelNameTaken,
    TooManyLabels,
    change_label,
    create_label,
    place_labels,
)
from webmail.store.models import Label, SavedSearch
from webmail.store.queries.labels import emails_with_label, get_label_for, keywords_without_label, labels_of
from webmail.store.queries.saved_searches import get_saved_search_for, saved_searches_of
from webmail.store.saved_searches import (
    BadSearch,
    SearchNameTaken,
    TooManySearches,
    delete_search,
    move_search,
    rename_search,
    save_search,
)
from webmail.store.search.parse import QueryFault
from webmail.web import flash
from webmail.web.lists import search_source
from webmail.web.requests import UserRequest, signed_in, wants_fragment
from webmail.web.shell.answers import done

MAX_COUNTED = 1_000  # Emails of a saved search: its number in the sidebar stays cheap

_WORDS: Mapping[type[StoreError], Callable[[], str]] = {
    BadLabelName: lambda: _("A label needs a name of at most 100 characters."),
    LabelNameTaken: lambda: _("There is a label of this name already."),
    TooManyLabels: lambda: _("There are as many labels as there can be."),
    BadSearch: lambda: _("A saved search needs a name of at most 100 characters, and something to look for."),
    SearchNameTaken: lambda: _("There is a saved search of this name already."),
    TooManySearches: lambda: _("There are as many saved searches as there can be."),
}


@require_http_methods(["GET", "POST"])
@signed_in
def organising(request: UserRequest) -> HttpResponse:
    """The page; posted: how swiping behaves."""
    context = {
        "colors": COLORS,
        "labels": labels_of(request.user),
        "keywords": keywords_without_label(request.user),
        "searches": saved_searches_of(request.user),
    }
    return answer(request, SwipeForm, "organising", "settings_organising", context)


@require_POST
@signed_in
def label_new(request: UserRequest) -> HttpResponse:
    """Posted: `name`, perhaps `color`, and `keyword` of mail that has it already."""
    color, keyword = _color(request), request.POST.get("keyword", "")
    if keyword and keyword not in {found.keyword for found in keywords_without_label(request.user)}:
        keyword = ""
    try:
        made = create_label(request.user, request.POST.get("name", ""), color=color, keyword=keyword)
    except StoreError as error:
        return _refused(request, error)
    flash.add(request, flash.Toast(_("Label %(name)s made.") % {"name": made.name}))
    return done(request, "settings_organising", anchor="labels")


@require_http_methods(["GET", "POST"])
@signed_in
def label(request: UserRequest, label_id: str) -> HttpResponse:
    """One label: its menu or page; posted: whichever of `name`, `color`, `is_shown`, `place` there is."""
    found = get_label_for(request.user, label_id)
    if request.method == "GET":
        context = {"current": "settings", "section": "organising", "label": found, "colors": COLORS}
        return render(request, _form_of(request, "label"), context)
    shown = request.POST.get("is_shown")
    try:
        change_label(
            found,
            name=request.POST.get("name"),
            color=_color(request),
            is_shown=None if shown is None else shown == "yes",
        )
    except StoreError as error:
        return _refused(request, error)
    if request.POST.get("place") in {"up", "down"}:
        _move_label(request, found, -1 if request.POST["place"] == "up" else 1)
    return done(request, "settings_organising", anchor="labels")


@require_http_methods(["GET", "POST"])
@signed_in
def label_delete(request: UserRequest, label_id: str) -> HttpResponse:
    """Asks first, saying how much mail carries it; the mail itself stays."""
    found = get_label_for(request.user, label_id)
    if request.method == "GET":
        count = emails_with_label(request.user, found).count()
        context = {"current": "settings", "section": "organising", "label": found, "count": count}
        is_part = wants_fragment(request, "dialog")
        return render(request, "settings/_label_delete.html" if is_part else "settings/label_delete.html", context)
    name = found.name
    delete_label(request.user, found)
    flash.add(request, flash.Toast(_("Label %(name)s deleted. The mail stays.") % {"name": name}))
    return done(request, "settings_organising", anchor="labels")


@require_POST
@signed_in
def search_new(request: UserRequest) -> HttpResponse:
    """Posted: `name` and `q`: keep a search."""
    try:
        made = save_search(request.user, request.POST.get("name", ""), request.POST.get("q", ""))
    except StoreError as error:
        return _refused(request, error)
    flash.add(request, flash.Toast(_("Search saved as %(name)s.") % {"name": made.name}))
    return done(request, "settings_organising", anchor="searches")


@require_http_methods(["GET", "POST"])
@signed_in
def search(request: UserRequest, search_id: str) -> HttpResponse:
    """One saved search: its menu; posted: `name`, or `do`: up, down, delete."""
    found = get_saved_search_for(request.user, search_id)
    if request.method == "GET":
        context = {"current": "settings", "section": "organising", "search": found}
        return render(request, _form_of(request, "search"), context)
    act = request.POST.get("do", "")
    if act == "delete":
        delete_search(found)
        flash.add(request, flash.Toast(_("%(name)s is no longer saved.") % {"name": found.name}))
    elif act in {"up", "down"}:
        move_search(found, -1 if act == "up" else 1)
    else:
        try:
            rename_search(found, request.POST.get("name", ""))
        except StoreError as error:
            return _refused(request, error)
    return done(request, "settings_organising", anchor="searches")


@require_GET
@signed_in
def search_counts(request: UserRequest) -> HttpResponse:
    """How many messages each saved search finds, put into the sidebar out of band: no page waits for it."""
    counts = [(found.public_id, _count(request, found)) for found in saved_searches_of(request.user)]
    return render(request, "parts/_search_counts.html", {"counts": counts, "highest": MAX_COUNTED})


def _count(request: UserRequest, found: SavedSearch) -> int:
    try:
        emails = search_source(request.user, found.query).emails
    except QueryFault:  # what was understood once may not be after an update
        return 0
    return len(emails.order_by().values_list("pk", flat=True)[: MAX_COUNTED + 1]) if emails is not None else 0


def _move_label(request: UserRequest, found: Label, places: int) -> None:
    ids = [one.public_id for one in labels_of(request.user)]
    here = ids.index(found.public_id)
    ids.insert(max(0, here + places), ids.pop(here))
    place_labels(request.user, ids)


def _form_of(request: UserRequest, noun: str) -> str:
    """The template of a label or search: its menu, its form for the dialog, or its page."""
    if request.GET.get("part") == "menu":
        return f"settings/_{noun}_menu.html"
    return f"settings/_{noun}_form.html" if wants_fragment(request, "dialog") else f"settings/{noun}.html"


def _color(request: UserRequest) -> int | None:
    given = request.POST.get("color", "")
    return int(given) if given in {"0", "1", "2", "3", "4", "5", "6", "7"} else None


def _refused(request: UserRequest, error: StoreError) -> HttpResponse:
    flash.add(request, flash.Toast(_WORDS[type(error)](), kind="danger"))
    return done(request, "settings_organising")
