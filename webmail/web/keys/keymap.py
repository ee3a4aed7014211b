"""The keys of one person: those of the preset, with their own on top. Changing them refuses what could never be pressed.

`User.keys` holds {command: [keys]}; an empty list switches the keys of this command off. What a person chose wins: a preset's
key that would clash with it is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import KeyPreset, User
from webmail.web.keys.browsers import kept_reason
from webmail.web.keys.commands import BY_NAME, COMMANDS, Command, Place
from webmail.web.keys.notation import NotAKey, is_character, is_prefix, normalise

Keymap = dict[str, tuple[str, ...]]
MAX_ALTERNATIVES = 4  # keys of one command


class KeyRefused(Exception):
    """Why a key cannot be given to a command, in words for the person. `other`: the command that has it."""

    def __init__(self, words: str | Promise, other: Command | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.other = other


def preset_keys(preset: str) -> Keymap:
    """The keys of a preset; of "off" those of Gmail that are no single characters (WCAG 2.1.4)."""
    if preset == KeyPreset.OFF:
        return {command.name: tuple(keys for keys in command.gmail if not is_character(keys)) for command in COMMANDS}
    column = preset if preset in (KeyPreset.OUTLOOK, KeyPreset.APPLE) else KeyPreset.GMAIL
    return {command.name: getattr(command, str(column)) for command in COMMANDS}


def own_keys(user: User) -> Keymap:
    """What the person changed; anything in the row that is no command or no key is passed over."""
    stored = user.keys if isinstance(user.keys, dict) else {}
    return {name: _clean(keys) for name, keys in stored.items() if name in BY_NAME and isinstance(keys, list)}


def _clean(keys: Iterable[object]) -> tuple[str, ...]:
    found = []
    for key in keys:
        try:
            found.append(normalise(str(key)))
        except NotAKey:
            continue
    return tuple(found[:MAX_ALTERNATIVES])


def keymap_of(user: User) -> Keymap:
    """{name of a command: its keys}, for every command, in the order of the table."""
    own = own_keys(user)
    taken = [(BY_NAME[name], keys) for name, keys in own.items()]
    return {
        name: own[name] if name in own else tuple(key for key in keys if not _is_taken(BY_NAME[name], key, taken))
        for name, keys in preset_keys(user.key_preset).items()
    }


def _is_taken(command: Command, key: str, taken: Sequence[tuple[Command, tuple[str, ...]]]) -> bool:
    return any(_meet(command, other) and any(_clash(key, one) for one in keys) for other, keys in taken)


def _clash(one: str, other: str) -> bool:
    return is_prefix(one, other) or is_prefix(other, one)


def _meet(one: Command, other: Command) -> bool:
    """Whether both could be meant by the same press."""
    places = {one.place, other.place}
    return Place.COMPOSER not in places or places <= {Place.COMPOSER, Place.ANYWHERE}


def find_clash(keymap: Mapping[str, Sequence[str]], name: str, key: str) -> tuple[Command, str] | None:
    """The other command that has this key, begins with it or is where it begins, and that command's key."""
    for other, keys in keymap.items():
        if other == name or not _meet(BY_NAME[name], BY_NAME[other]):
            continue
        for one in keys:
            if _clash(key, one):
                return BY_NAME[other], one
    return None


def check_key(user: User, name: str, written: str) -> str:
    """The key in its one spelling. Raises KeyRefused, with the reason in words."""
    try:
        key = normalise(written)
    except NotAKey as error:
        raise KeyRefused(_("This is no key. Write it like e, Shift+i, Ctrl+k or g i.")) from error
    reason = kept_reason(key)
    if reason is not None:
        raise KeyRefused(format_lazy(_("{key} cannot be used: {reason}."), key=key, reason=reason))
    if BY_NAME[name].place == Place.COMPOSER and (is_character(key) or " " in key):
        raise KeyRefused(_("While you write, a key needs Ctrl or Alt: a letter alone would be typed."))
    clash = find_clash(keymap_of(user), name, key)
    if clash is not None:
        other, its_key = clash
        words = _("{key} is taken: “{other}”.") if its_key == key else _("{key} is taken: “{other}” has {its_key}.")
        raise KeyRefused(format_lazy(words, key=key, other=other.words, its_key=its_key), other)
    return key


def set_keys(user: User, name: str, written: Sequence[str]) -> None:
    """Gives the command these keys and saves; none switches its keys off. Raises KeyRefused, and nothing is changed."""
    keys = list(dict.fromkeys(check_key(user, name, one) for one in written))
    if len(keys) > MAX_ALTERNATIVES:
        raise KeyRefused(format_lazy(_("No more than {number} keys for one command."), number=MAX_ALTERNATIVES))
    if any(is_prefix(one, other) for one in keys for other in keys if one != other):
        raise KeyRefused(_("One of these keys is the beginning of the other."))
    changed = {**{known: list(own) for known, own in own_keys(user).items()}, name: keys}
    if tuple(keys) == preset_keys(user.key_preset)[name]:
        del changed[name]
    _save(user, changed)


def reset_keys(user: User, name: str | None = None) -> None:
    """Back to the preset: one command, or all. Raises KeyRefused when another command has the preset's key by now."""
    if name is None:
        _save(user, {})
        return
    left = {known: list(keys) for known, keys in own_keys(user).items() if known != name}
    for key in preset_keys(user.key_preset)[name]:
        clash = find_clash(left, name, key)
        if clash is not None:
            other, _its_key = clash
            raise KeyRefused(format_lazy(_("{key} is taken: “{other}”."), key=key, other=other.words), other)
    _save(user, left)


def _save(user: User, keys: dict[str, list[str]]) -> None:
    user.keys = keys
    user.save(update_fields=["keys"])
