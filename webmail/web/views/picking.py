"""Choosing where to move, copy or go, and which label to give: lines for the picker, or a page of plain forms without scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from webmail.store.search.parse import QueryFault
from webmail.web.acts.targets import KINDS, can_create, targets_of
from webmail.web.acts.wish import MAX_ROWS
from webmail.web.lists import ListSource, source_of_address
from webmail.web.requests import UserRequest, signed_in
from webmail.web.shell import shell_of


@signed_in
@require_safe
def targets(request: UserRequest) -> HttpResponse:
    """The lines of the picker as JSON: {kind, can_create, icons, targets: [as `acts.targets.Target`]}."""
    kind = _kind(request.GET)
    source = _source(request, request.GET)
    ids = request.GET.getlist("ids")[:MAX_ROWS]
    found = targets_of(request.user, shell_of(request), source, kind, ids)
    answer: dict[str, Any] = {
        "kind": kind,
        "can_create": can_create(kind),
        "icons": staticfiles_storage.url("icons.svg"),
        "targets": [asdict(target) for target in found],
    }
    return JsonResponse(answer)


@signed_in
@require_http_methods(["GET", "POST"])
def pick(request: UserRequest) -> HttpResponse:
    """The same as a page. By POST as well, since the forms of lists carry their token; it changes nothing."""
    data = request.POST if request.method == "POST" else request.GET
    kind = _kind(data)
    source = _source(request, data)
    ids = data.getlist("ids")[:MAX_ROWS]
    context = {
        "kind": kind,
        "ids": ids,
        "list": data.get("list", ""),
        "open_id": data.get("open", ""),
        "back": source.link(),
        "targets": targets_of(request.user, shell_of(request), source, kind, ids),
        "can_create": can_create(kind),
        "current": source.key,
    }
    return render(request, "organise/pick.html", context)


def _kind(data: QueryDict) -> str:
    kind = data.get("kind", "")
    if kind not in KINDS:
        raise Http404("no such picker")
    return kind


def _source(request: UserRequest, data: QueryDict) -> ListSource:
    try:
        return source_of_address(request.user, data.get("list", ""))
    except (Http404, QueryFault):
        return source_of_address(request.user, reverse("inbox"))
