"""Settings of keys: the preset, and the keys of each command. Each change saves itself; all of it works without scripts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.models import KeyPreset
from webmail.web.keys.commands import BY_NAME, COMMANDS, GROUP_WORDS, Command
from webmail.web.keys.for_pages import NOTES, keymap_data
from webmail.web.keys.keymap import KeyRefused, check_key, keymap_of, own_keys, preset_keys, reset_keys, set_keys
from webmail.web.requests import UserRequest, signed_in
from webmail.web.shell import shell_of

_ACTS = ("preset", "add", "remove", "off", "reset", "reset_all")


class PresetForm(forms.Form):
    """Whose keys."""

    preset = forms.ChoiceField(choices=KeyPreset.choices)


@require_http_methods(["GET", "POST"])
@signed_in
def key_settings(request: UserRequest) -> HttpResponse:
    """The page. Posted: `act` of `_ACTS`, `command` and `key`; a script gets the new map or the refusal as JSON."""
    refused: KeyRefused | None = None
    if request.method == "POST":
        try:
            _change(request)
        except KeyRefused as error:
            refused = error
        if request.headers.get("Accept") == "application/json":
            return _as_json(request, refused)
        if refused is None:
            messages.success(request, _("Saved."))
            name = _asked(request)[1]
            return redirect(f"{request.path}#key-{name}" if name in BY_NAME else request.path)
    return _page(request, refused)


def _change(request: UserRequest) -> None:
    act, name, key = _asked(request)
    user = request.user
    if act == "preset":
        form = PresetForm(request.POST)
        if not form.is_valid():
            raise KeyRefused(_("There is no such set of keys."))
        user.key_preset = form.cleaned_data["preset"]
        user.save(update_fields=["key_preset"])
    elif act == "reset_all":
        reset_keys(user)
    elif name not in BY_NAME or act not in _ACTS:
        raise KeyRefused(_("There is no such command."))
    elif act == "reset":
        reset_keys(user, name)
    else:
        _change_keys(request, act, name, key)


def _asked(request: UserRequest) -> tuple[str, str, str]:
    """The act, the command and the key. The button of a key says all three at once: `remove` = command and key."""
    removed, _space, key = request.POST.get("remove", "").partition(" ")
    if removed:
        return "remove", removed, key
    return request.POST.get("act", ""), request.POST.get("command", ""), request.POST.get("key", "")


def _change_keys(request: UserRequest, act: str, name: str, written: str) -> None:
    """`add` gives one more key, `remove` takes one, `off` takes all."""
    keys = list(keymap_of(request.user)[name])
    if act == "off":
        keys = []
    elif act == "remove":
        keys = [key for key in keys if key != written]
    else:
        keys.append(check_key(request.user, name, written))
    set_keys(request.user, name, keys)


def _as_json(request: UserRequest, refused: KeyRefused | None) -> HttpResponse:
    if refused is not None:
        other = refused.other.name if refused.other else ""
        return JsonResponse({"refused": str(refused.words), "other": other}, status=422)
    own = list(own_keys(request.user))
    data = keymap_data(request.user, accounts=len(shell_of(request).account_list))
    return JsonResponse({"keymap": data, "own": own})


def _page(request: UserRequest, refused: KeyRefused | None) -> HttpResponse:
    own = own_keys(request.user)
    keys = keymap_of(request.user)
    preset = preset_keys(request.user.key_preset)
    shown = len(shell_of(request).account_list)
    sought = request.GET.get("find", "").strip()[:100]
    groups = [
        (words, [_line(command, keys, own, preset) for command in COMMANDS if _is_shown(command, group, shown, sought)])
        for group, words in GROUP_WORDS.items()
    ]
    context = {
        "current": "settings",
        "section": "keys",
        "presets": KeyPreset.choices,
        "groups": [(words, lines) for words, lines in groups if lines],
        "note": NOTES[request.user.key_preset],
        "has_own": bool(own),
        "refused": refused.words if refused else "",
        "refused_at": _asked(request)[1] if refused else "",
        "written": request.POST.get("key", "")[:60] if refused else "",
        "sought": sought,
    }
    return render(request, "settings/keys.html", context, status=422 if refused else 200)


def _is_shown(command: Command, group: str, accounts: int, sought: str) -> bool:
    return command.group == group and command.number <= accounts and sought.casefold() in str(command.words).casefold()


def _line(command: Command, keys: Any, own: Any, preset: Any) -> dict[str, Any]:
    """One command as the page shows it."""
    return {
        "name": command.name,
        "words": command.words,
        "keys": keys[command.name],
        "is_own": command.name in own,
        "preset": preset[command.name],
    }
