"""Sections of the settings that are forms about the person: each field saves itself, or all of them with a button.

`?field=<name>` posts one field and is answered with a line to put beside it; without it the whole form is posted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts import sections
from accounts.forms_preferences import AppearanceForm, LanguageForm, PreferenceForm
from accounts.models import MailAccount
from accounts.views.connecting import signed_in_user

CURRENT = "settings"
MAX_WORDS_CHARS = 100


@require_GET
@login_required
def index(request: HttpRequest) -> HttpResponse:
    """The list of sections beside the accounts; with `find`, the settings that the words lead to."""
    user = signed_in_user(request)
    if "find" in request.GET:
        text = request.GET["find"][:MAX_WORDS_CHARS].strip()
        context = {"current": CURRENT, "section": "", "find": text, "found": sections.find(user, text)}
        is_part = request.headers.get("HX-Target") == "settings-main"
        return render(request, "settings/_found.html" if is_part else "settings/found.html", context)
    return _accounts(request, is_index=True)


@require_GET
@login_required
def accounts(request: HttpRequest) -> HttpResponse:
    """All accounts with their state."""
    return _accounts(request, is_index=False)


def _accounts(request: HttpRequest, *, is_index: bool) -> HttpResponse:
    found = list(MailAccount.objects.filter(user=signed_in_user(request)))
    context = {"current": CURRENT, "section": "accounts", "is_index": is_index, "accounts": found}
    return render(request, "settings/accounts.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def appearance(request: HttpRequest) -> HttpResponse:
    """Theme, density, panes."""
    return answer(request, AppearanceForm, "appearance", "settings_appearance")


@require_http_methods(["GET", "POST"])
@login_required
def language(request: HttpRequest) -> HttpResponse:
    """Language and time zone."""
    return answer(request, LanguageForm, "language", "settings_language")


def answer(
    request: HttpRequest,
    form_class: type[PreferenceForm],
    section: str,
    name: str,
    context: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """The page of a section (template `settings/<section>.html`), or what became of the field or form that was posted.

    `name`: the section's view, which a saved form leads back to.
    """
    user = signed_in_user(request)
    if request.method == "POST" and (only := request.GET.get("field")):
        return _answer_field(request, form_class(request.POST, instance=user, only=only), only)
    form = form_class(request.POST if request.method == "POST" else None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.store()
        messages.success(request, _("Saved."))
        return redirect(name)
    if form.errors:
        user.refresh_from_db()  # the page itself is drawn with the stored values
    page = {"current": CURRENT, "section": section, "form": form, **(context or {})}
    return render(request, f"settings/{section}.html", page, status=422 if form.errors else 200)


def _answer_field(request: HttpRequest, form: PreferenceForm, name: str) -> HttpResponse:
    if name not in form.fields:
        raise Http404("no such setting")
    is_saved = form.is_valid()
    if is_saved:
        form.store()
    response = render(
        request, "settings/_said.html", {"errors": form.errors.get(name, [])}, status=200 if is_saved else 422
    )
    if is_saved and name in form.reloading:
        response["HX-Refresh"] = "true"
    elif is_saved:
        value = form.cleaned_data[name]
        told = value if isinstance(value, bool | int) or value is None else str(value)
        response["HX-Trigger"] = json.dumps({"setting:saved": {"field": name, "value": told}})
    return response
