"""The words for a step, made when they are shown: from its verb and detail, in the reader's language and number.

Whole sentences, since languages turn them round. It must not ask the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webmail.journal.models import Step
from webmail.web.text import figure


def words_of(step: Step) -> str:
    """What was done: "Archived", "3 conversations moved to Projects"."""
    detail = step.detail
    if step.verb == "undo":
        return _("Undone: %(what)s") % {
            "what": _words(detail.get("verb", ""), detail.get("detail", {}), is_final=False)
        }
    return _words(step.verb, detail, is_final=step.is_final)


def _words(verb: str, detail: Mapping[str, object], *, is_final: bool) -> str:
    verb = "destroy" if verb == "delete" and is_final else verb
    forms = _FORMS.get(verb)
    if forms is None:
        return _("Changed")
    number = int(str(detail.get("rows", 1) or 1))
    one, threads, messages = forms
    if number == 1 and not detail.get("is_counted"):
        text = one()
    else:
        text = threads(number) if detail.get("is_threads") else messages(number)
    values = {"n": figure(number), "name": _target(detail)}
    return text % values


def _target(detail: Mapping[str, object]) -> str:
    name, account = str(detail.get("name", "")), str(detail.get("account", ""))
    return _("%(name)s in %(account)s") % {"name": name, "account": account} if account else name


_Form = tuple[Callable[[], str], Callable[[int], str], Callable[[int], str]]
_FORMS: dict[str, _Form] = {
    "read": (
        lambda: _("Marked as read"),
        lambda n: ngettext("%(n)s conversation marked as read", "%(n)s conversations marked as read", n),
        lambda n: ngettext("%(n)s message marked as read", "%(n)s messages marked as read", n),
    ),
    "unread": (
        lambda: _("Marked as unread"),
        lambda n: ngettext("%(n)s conversation marked as unread", "%(n)s conversations marked as unread", n),
        lambda n: ngettext("%(n)s message marked as unread", "%(n)s messages marked as unread", n),
    ),
    "unread_from": (
        lambda: _("Unread from here on"),
        lambda n: ngettext(
            "%(n)s conversation marked as unread from there on", "%(n)s conversations marked as unread from there on", n
        ),
        lambda n: ngettext(
            "%(n)s message marked as unread from there on", "%(n)s messages marked as unread from there on", n
        ),
    ),
    "star": (
        lambda: _("Starred"),
        lambda n: ngettext("%(n)s conversation starred", "%(n)s conversations starred", n),
        lambda n: ngettext("%(n)s message starred", "%(n)s messages starred", n),
    ),
    "unstar": (
        lambda: _("Star removed"),
        lambda n: ngettext("Star removed from %(n)s conversation", "Star removed from %(n)s conversations", n),
        lambda n: ngettext("Star removed from %(n)s message", "Star removed from %(n)s messages", n),
    ),
    "important": (
        lambda: _("Marked as important"),
        lambda n: ngettext("%(n)s conversation marked as important", "%(n)s conversations marked as important", n),
        lambda n: ngettext("%(n)s message marked as important", "%(n)s messages marked as important", n),
    ),
    "unimportant": (
        lambda: _("No longer important"),
        lambda n: ngettext("%(n)s conversation no longer important", "%(n)s conversations no longer important", n),
        lambda n: ngettext("%(n)s message no longer important", "%(n)s messages no longer important", n),
    ),
    "mute": (
        lambda: _("Muted. New replies skip the inbox."),
        lambda n: ngettext(
            "%(n)s conversation muted. New replies skip the inbox.",
            "%(n)s conversations muted. New replies skip the inbox.",
            n,
        ),
        lambda n: ngettext(
            "%(n)s message muted. New replies skip the inbox.", "%(n)s messages muted. New replies skip the inbox.", n
        ),
    ),
    "unmute": (
        lambda: _("No longer muted"),
        lambda n: ngettext("%(n)s conversation no longer muted", "%(n)s conversations no longer muted", n),
        lambda n: ngettext("%(n)s message no longer muted", "%(n)s messages no longer muted", n),
    ),
    "label": (
        lambda: _("Labelled %(name)s"),
        lambda n: ngettext("%(n)s conversation labelled %(name)s", "%(n)s conversations labelled %(name)s", n),
        lambda n: ngettext("%(n)s message labelled %(name)s", "%(n)s messages labelled %(name)s", n),
    ),
    "unlabel": (
        lambda: _("Label %(name)s taken off"),
        lambda n: ngettext(
            "Label %(name)s taken off %(n)s conversation", "Label %(name)s taken off %(n)s conversations", n
        ),
        lambda n: ngettext("Label %(name)s taken off %(n)s message", "Label %(name)s taken off %(n)s messages", n),
    ),
    "archive": (
        lambda: _("Archived"),
        lambda n: ngettext("%(n)s conversation archived", "%(n)s conversations archived", n),
        lambda n: ngettext("%(n)s message archived", "%(n)s messages archived", n),
    ),
    "junk": (
        lambda: _("Moved to Junk"),
        lambda n: ngettext("%(n)s conversation moved to Junk", "%(n)s conversations moved to Junk", n),
        lambda n: ngettext("%(n)s message moved to Junk", "%(n)s messages moved to Junk", n),
    ),
    "notjunk": (
        lambda: _("Not junk: moved to Inbox"),
        lambda n: ngettext(
            "%(n)s conversation moved to Inbox: not junk", "%(n)s conversations moved to Inbox: not junk", n
        ),
        lambda n: ngettext("%(n)s message moved to Inbox: not junk", "%(n)s messages moved to Inbox: not junk", n),
    ),
    "move": (
        lambda: _("Moved to %(name)s"),
        lambda n: ngettext("%(n)s conversation moved to %(name)s", "%(n)s conversations moved to %(name)s", n),
        lambda n: ngettext("%(n)s message moved to %(name)s", "%(n)s messages moved to %(name)s", n),
    ),
    "copy": (
        lambda: _("Copied to %(name)s"),
        lambda n: ngettext("%(n)s conversation copied to %(name)s", "%(n)s conversations copied to %(name)s", n),
        lambda n: ngettext("%(n)s message copied to %(name)s", "%(n)s messages copied to %(name)s", n),
    ),
    "restore": (
        lambda: _("Taken out of Trash"),
        lambda n: ngettext("%(n)s conversation taken out of Trash", "%(n)s conversations taken out of Trash", n),
        lambda n: ngettext("%(n)s message taken out of Trash", "%(n)s messages taken out of Trash", n),
    ),
    "delete": (
        lambda: _("Moved to Trash"),
        lambda n: ngettext("%(n)s conversation moved to Trash", "%(n)s conversations moved to Trash", n),
        lambda n: ngettext("%(n)s message moved to Trash", "%(n)s messages moved to Trash", n),
    ),
    "destroy": (
        lambda: _("Deleted for good"),
        lambda n: ngettext("%(n)s conversation deleted for good", "%(n)s conversations deleted for good", n),
        lambda n: ngettext("%(n)s message deleted for good", "%(n)s messages deleted for good", n),
    ),
    "empty": (
        lambda: _("%(name)s emptied"),
        lambda n: ngettext(
            "%(name)s emptied: %(n)s message deleted for good", "%(name)s emptied: %(n)s messages deleted for good", n
        ),
        lambda n: ngettext(
            "%(name)s emptied: %(n)s message deleted for good", "%(name)s emptied: %(n)s messages deleted for good", n
        ),
    ),
    "unlabel_all": (
        lambda: _("Label %(name)s deleted"),
        lambda n: ngettext(
            "Label %(name)s deleted and taken off %(n)s message",
            "Label %(name)s deleted and taken off %(n)s messages",
            n,
        ),
        lambda n: ngettext(
            "Label %(name)s deleted and taken off %(n)s message",
            "Label %(name)s deleted and taken off %(n)s messages",
            n,
        ),
    ),
}
