"""Answers to changes made from the sidebar: with htmx the sidebar anew with what is to be said, else the way back."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from webmail.web.shell.frame import shell_of

_VIEWS = frozenset({"inbox", "unread", "starred", "drafts", "sent", "all"})
_NAMED_BY = {"mailbox": "mailbox_id", "label": "label_id"}


def done(request: HttpRequest, name: str, *args: Any, anchor: str = "", gone: str = "") -> HttpResponse:
    """A change was made. Without htmx: back to `back` of the form, else to the named view, at `anchor`.

    `gone`: the key of what does not exist any more; a page that shows it is left for the common inbox.
    """
    address = reverse(name, args=args) + (f"#{anchor}" if anchor else "")
    if not getattr(request, "htmx", False):
        back = request.POST.get("back", "")
        is_ours = back and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
        return redirect(back if is_ours else address)
    current = current_of(request)
    if gone and gone == current:
        return HttpResponseClientRedirect(reverse("inbox"))
    context = {"shell": shell_of(request), "current": current, "oob": True}
    response = render(request, "parts/_sidebar_renewed.html", context)
    trigger_client_event(response, "sidebar:changed", {})
    return trigger_client_event(response, "list:changed", {})


def current_of(request: HttpRequest) -> str:
    """The key of the sidebar's line that belongs to the page on which htmx runs; empty when there is none."""
    htmx: Any = getattr(request, "htmx", None)
    here = (htmx.current_url_abs_path if htmx else None) or ""
    try:
        match = resolve(urlsplit(here).path)
    except Resolver404:
        return ""
    if match.url_name in _VIEWS:
        return str(match.url_name)
    if match.url_name in _NAMED_BY:
        return str(match.kwargs.get(_NAMED_BY[match.url_name], ""))
    return "settings" if here.startswith("/settings/") else ""
