"""Keys that a page cannot have, or must not take: browsers keep them, or people need them to get about. Each with its reason."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_TABS = _("browsers keep it for windows and tabs")
_RELOAD = _("browsers reload the page with it")
_TEXT = _("it copies, cuts, pastes or selects text")
_PAGE = _("browsers print, find or zoom with it")
_MOVE = _("people who use the keyboard move through the page with it")
_CLOSE = _("it closes what is open")
_HISTORY = _("browsers go back and forward with it")
_SYSTEM = _("the system or the browser keeps it")
_NUMBER = _("browsers change the tab with it")

KEPT: dict[str, Promise] = {
    **dict.fromkeys(("Ctrl+n", "Ctrl+t", "Ctrl+w", "Ctrl+Shift+n", "Ctrl+Shift+t", "Ctrl+Shift+w", "Ctrl+Tab"), _TABS),
    **dict.fromkeys(("Ctrl+Shift+Tab", "Ctrl+PageUp", "Ctrl+PageDown", "Ctrl+Shift+p", "Ctrl+q", "Alt+F4"), _TABS),
    **dict.fromkeys(("Ctrl+r", "Ctrl+Shift+r", "F5", "Ctrl+F5"), _RELOAD),
    **dict.fromkeys(("Ctrl+c", "Ctrl+x", "Ctrl+v", "Ctrl+a", "Ctrl+Shift+v"), _TEXT),
    **dict.fromkeys(("Ctrl+p", "Ctrl+f", "Ctrl+g", "Ctrl+l", "Ctrl+0", "Ctrl++", "Ctrl+-", "Ctrl+="), _PAGE),
    **dict.fromkeys(("Tab", "Shift+Tab", "Space", "Shift+Space"), _MOVE),
    **dict.fromkeys(("Escape", "Shift+Escape"), _CLOSE),
    **dict.fromkeys(("Alt+ArrowLeft", "Alt+ArrowRight"), _HISTORY),
    **dict.fromkeys(("F1", "F3", "F6", "F7", "F10", "F11", "F12", "Alt+Tab", "Alt+Space", "Ctrl+Alt+Delete"), _SYSTEM),
    **dict.fromkeys((f"Ctrl+{number}" for number in range(1, 10)), _NUMBER),
}


def kept_reason(keys: str) -> Promise | None:
    """Why this key, or one of this sequence, cannot be had; None: it can."""
    return next((KEPT[stroke] for stroke in keys.split() if stroke in KEPT), None)
