"""How keys are written: `j`, `Shift+j`, `#`, `Ctrl+k`, `g i`. One spelling for each, whatever a person types. Knows no commands.

A letter with Shift is written `Shift+j`; a sign that needs Shift is the sign itself (`#`, `?`), because which keys make it
differs between keyboards. `Ctrl` stands for Cmd on a Mac. Keys of a sequence are separated by a space.
"""

from __future__ import annotations

import unicodedata

MAX_STROKES = 3
MAX_CHARS = 60  # of what a person may write
_MODIFIERS = {
    "ctrl": "Ctrl",
    "control": "Ctrl",
    "cmd": "Ctrl",
    "command": "Ctrl",
    "meta": "Ctrl",
    "⌘": "Ctrl",
    "strg": "Ctrl",
    "alt": "Alt",
    "option": "Alt",
    "⌥": "Alt",
    "shift": "Shift",
    "⇧": "Shift",
}
_ORDER = ("Ctrl", "Alt", "Shift")
_NAMED = {
    "enter": "Enter",
    "return": "Enter",
    "del": "Delete",
    "delete": "Delete",
    "backspace": "Backspace",
    "insert": "Insert",
    "ins": "Insert",
    "esc": "Escape",
    "escape": "Escape",
    "tab": "Tab",
    "space": "Space",
    "home": "Home",
    "end": "End",
    "pageup": "PageUp",
    "pagedown": "PageDown",
    "up": "ArrowUp",
    "down": "ArrowDown",
    "left": "ArrowLeft",
    "right": "ArrowRight",
    "arrowup": "ArrowUp",
    "arrowdown": "ArrowDown",
    "arrowleft": "ArrowLeft",
    "arrowright": "ArrowRight",
    **{f"f{number}": f"F{number}" for number in range(1, 13)},
}


class NotAKey(ValueError):
    """What was written names no key."""


def normalise(written: str) -> str:
    """The one spelling of a key or sequence: `ctrl + K` becomes `Ctrl+k`. Raises NotAKey."""
    if len(written) > MAX_CHARS:
        raise NotAKey(written)
    tidy = unicodedata.normalize("NFC", written).strip().replace(" + ", "+")
    strokes = [_stroke(part) for part in tidy.split()]
    if not 1 <= len(strokes) <= MAX_STROKES:
        raise NotAKey(written)
    return " ".join(strokes)


def _stroke(written: str) -> str:
    # The last "+" may be the key itself: "+", "Ctrl++".
    head, plus, tail = written.rpartition("+")
    if plus and not tail:
        if head and not head.endswith("+"):
            raise NotAKey(written)
        head, tail = head.removesuffix("+"), "+"
    given = [name for name in head.split("+") if name]
    found = {_MODIFIERS[name.lower()] for name in given if name.lower() in _MODIFIERS}
    if len(found) != len(given):
        raise NotAKey(written)
    key = _key(tail)
    if len(key) == 1 and key.isalpha() and key != key.lower():
        found.add("Shift")
        key = key.lower()
    if len(key) == 1 and not key.isalnum() and "Ctrl" not in found and "Alt" not in found:
        found.discard("Shift")  # the sign says it already
    return "+".join([*(name for name in _ORDER if name in found), key])


def _key(written: str) -> str:
    named = _NAMED.get(written.lower()) if len(written) > 1 else None
    if named:
        return named
    if len(written) == 1 and written.isprintable() and not written.isspace():
        return written
    raise NotAKey(written)


def is_character(keys: str) -> bool:
    """Whether it is made of letters, figures or signs alone, which speech input and a slip of the hand make too (WCAG 2.1.4)."""
    first = keys.split()[0]
    return len(first.removeprefix("Shift+")) == 1


def is_prefix(keys: str, other: str) -> bool:
    """Whether `other` begins with `keys`: one of them could never be pressed."""
    return other == keys or other.startswith(f"{keys} ")
