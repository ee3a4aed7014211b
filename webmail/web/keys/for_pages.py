"""What a page is given of the keys: the map for its scripts, and the notes for people who come from other webmail."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.models import KeyPreset, User
from webmail.web.keys.commands import COMMANDS, GROUP_WORDS
from webmail.web.keys.keymap import keymap_of

NOTES: dict[str, Promise] = {
    KeyPreset.GMAIL: _(
        "Do you come from another webmail? There a may archive and u mark as unread: here e archives, Shift+u marks as unread."
    ),
    KeyPreset.OUTLOOK: _(
        "As in Outlook on the web: u marks as unread, q as read, c gives a label and n writes a message."
    ),
    KeyPreset.APPLE: _(
        "As in Apple Mail where the browser lets us. It keeps Cmd+N and Cmd+R for itself: c writes, r replies."
    ),
    KeyPreset.OFF: _("Single letters do nothing. Keys with Ctrl or Alt, the arrows, Enter and Delete work."),
}


def keymap_data(user: User, *, accounts: int) -> dict[str, Any]:
    """{"preset", "note", "groups": {name: words}, "commands": [{name, words, group, place, keys, repeats}]}."""
    keys = keymap_of(user)
    return {
        "preset": user.key_preset,
        "note": str(NOTES[user.key_preset]),
        "groups": {group.value: str(words) for group, words in GROUP_WORDS.items()},
        "commands": [
            {
                "name": command.name,
                "words": str(command.words),
                "group": command.group.value,
                "place": command.place.value,
                "keys": list(keys[command.name]),
                **({"repeats": True} if command.repeats else {}),
            }
            for command in COMMANDS
            if command.number <= accounts
        ],
    }


def keymap_script(user: User, *, accounts: int) -> SafeString:
    """`<script type="application/json" id="keymap">`: data, which the page's policy does not run."""
    return json_script(keymap_data(user, accounts=accounts), "keymap")
