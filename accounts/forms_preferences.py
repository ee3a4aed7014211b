"""How a person likes their pages: one form for each section of the settings.

A form saves the fields it was given and no others, so that one setting can be stored by itself (`only`). The words a setting is
found by are its label, its hint, its choices and `words`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User

Groups = tuple[tuple[Any, tuple[str, ...]], ...]


class PreferenceForm(forms.ModelForm):  # type: ignore[type-arg]
    """Some fields of `User`. `groups`: headings (empty: none) with the names of the fields below each, in order."""

    groups: ClassVar[Groups] = ()
    words: ClassVar[Mapping[str, Any]] = {}
    reloading: ClassVar[frozenset[str]] = frozenset()  # fields after which the page is loaded anew

    def __init__(self, data: Any = None, *, instance: User, only: str = "", **options: Any) -> None:
        """`only`: the name of the one field that is posted; a name that the form does not have leaves none."""
        super().__init__(data, instance=instance, **options)
        if only:
            for name in [name for name in self.fields if name != only]:
                del self.fields[name]

    def store(self) -> None:
        """Save what was posted; the form must be valid."""
        self.instance.save(update_fields=list(self.fields))

    def words_of(self, name: str) -> Iterable[str]:
        """What a setting is found by."""
        field = self.fields[name]
        yield str(field.label)
        yield str(field.help_text)
        yield str(self.words.get(name, ""))
        if name != "timezone":
            yield from (str(label) for _value, label in getattr(field, "choices", ()))


class AppearanceForm(PreferenceForm):
    """Colours, sizes, where things stand."""

    groups = (
        (gettext_lazy("Colours"), ("theme", "mail_colors")),
        (gettext_lazy("Layout"), ("density", "phone_density", "pane")),
    )
    words: ClassVar[Mapping[str, Any]] = {
        "theme": gettext_lazy("dark mode night light colours"),
        "mail_colors": gettext_lazy("dark mode mail HTML background"),
        "density": gettext_lazy("spacing size row height compact"),
        "phone_density": gettext_lazy("spacing size mobile row height"),
        "pane": gettext_lazy("reading preview split columns"),
    }

    class Meta:
        model = User
        fields: ClassVar = ["theme", "mail_colors", "density", "phone_density", "pane"]
        labels: ClassVar = {
            "theme": gettext_lazy("Theme"),
            "mail_colors": gettext_lazy("Mail while the pages are dark"),
            "density": gettext_lazy("Rows on a computer"),
            "phone_density": gettext_lazy("Rows on a phone"),
            "pane": gettext_lazy("An opened conversation stands"),
        }
        help_texts: ClassVar = {"pane": gettext_lazy("Narrow windows always show it in place of the list.")}
        widgets: ClassVar = dict.fromkeys(fields, forms.RadioSelect)


class ReadingForm(PreferenceForm):
    """Conversations, what counts as read, and what is shown of messages."""

    SECONDS = (0, 1, 2, 3, 5, 10, 30)
    groups = (
        (gettext_lazy("Conversations"), ("has_threads", "thread_order", "after_act")),
        (gettext_lazy("Messages"), ("mark_read_after_s", "prefers_text")),
        (gettext_lazy("Content from elsewhere"), ("remote_pictures", "strips_tracking")),
    )
    words: ClassVar[Mapping[str, Any]] = {
        "has_threads": gettext_lazy("threads group conversation view"),
        "thread_order": gettext_lazy("newest oldest first sort"),
        "after_act": gettext_lazy("auto advance next previous archive delete"),
        "mark_read_after_s": gettext_lazy("unread seen delay seconds"),
        "prefers_text": gettext_lazy("plain text HTML"),
        "remote_pictures": gettext_lazy("images privacy tracking pixel"),
        "strips_tracking": gettext_lazy("privacy utm links"),
    }

    class Meta:
        model = User
        fields: ClassVar = [
            "has_threads",
            "thread_order",
            "after_act",
            "mark_read_after_s",
            "prefers_text",
            "remote_pictures",
            "strips_tracking",
        ]
        labels: ClassVar = {
            "has_threads": gettext_lazy("Show messages of one conversation together"),
            "thread_order": gettext_lazy("Messages of a conversation"),
            "after_act": gettext_lazy("When the open conversation is archived, deleted or moved, show"),
            "prefers_text": gettext_lazy("Show plain text when a message has it"),
            "remote_pictures": gettext_lazy("Pictures from elsewhere"),
            "strips_tracking": gettext_lazy("Take tracking marks off links"),
        }
        help_texts: ClassVar = {
            "has_threads": gettext_lazy("A mailbox can differ: see its menu."),
            "remote_pictures": gettext_lazy(
                "Loading a picture tells its sender that you have opened the message. It is fetched by this server, so the "
                "sender learns neither your address nor your browser. What only tracks is never loaded."
            ),
            "strips_tracking": gettext_lazy("Such as utm_source: they tell a site which message you came from."),
        }
        widgets: ClassVar = dict.fromkeys(("thread_order", "after_act", "remote_pictures"), forms.RadioSelect)

    def __init__(self, data: Any = None, *, instance: User, only: str = "", **options: Any) -> None:
        super().__init__(data, instance=instance, only=only, **options)
        if "mark_read_after_s" in self.fields:
            seconds = sorted({*self.SECONDS, instance.mark_read_after_s or 0})
            self.fields["mark_read_after_s"] = forms.TypedChoiceField(
                label=_("An opened message counts as read"),
                choices=[*((number, _after(number)) for number in seconds), ("", _("never by itself"))],
                coerce=int,
                empty_value=None,
                required=False,
            )


class SwipeForm(PreferenceForm):
    """What a swipe over a row does."""

    groups = ((gettext_lazy("Swiping over a row"), ("swipe_right", "swipe_left")),)
    words: ClassVar[Mapping[str, Any]] = dict.fromkeys(
        ("swipe_right", "swipe_left"), gettext_lazy("swipe gesture touch phone mobile")
    )

    class Meta:
        model = User
        fields: ClassVar = ["swipe_right", "swipe_left"]
        labels: ClassVar = {"swipe_right": gettext_lazy("To the right"), "swipe_left": gettext_lazy("To the left")}
        help_texts: ClassVar = {"swipe_left": gettext_lazy("On touch screens. All of it is in the menus as well.")}


class NotificationForm(PreferenceForm):
    """What the desktop says of new mail, and when it says nothing."""

    groups = (
        (gettext_lazy("What they show"), ("notification_text",)),
        (gettext_lazy("Quiet hours"), ("quiet_from", "quiet_until")),
    )
    words: ClassVar[Mapping[str, Any]] = {
        "notification_text": gettext_lazy("desktop alerts privacy preview"),
        "quiet_from": gettext_lazy("do not disturb night silence"),
        "quiet_until": gettext_lazy("do not disturb night silence"),
    }

    class Meta:
        model = User
        fields: ClassVar = ["notification_text", "quiet_from", "quiet_until"]
        labels: ClassVar = {
            "notification_text": gettext_lazy("A notification shows"),
            "quiet_from": gettext_lazy("From"),
            "quiet_until": gettext_lazy("Until"),
        }
        help_texts: ClassVar = {
            "quiet_until": gettext_lazy("Times of your day. Empty: notifications come at any time.")
        }
        widgets: ClassVar = {
            "notification_text": forms.RadioSelect,
            "quiet_from": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
            "quiet_until": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        }


class LanguageForm(PreferenceForm):
    """In which words pages speak, and in which zone times are shown."""

    groups = (("", ("language", "timezone")),)
    reloading = frozenset({"language", "timezone"})
    words: ClassVar[Mapping[str, Any]] = {
        "language": "language Sprache اللغة translation locale",
        "timezone": gettext_lazy("time clock region date"),
    }

    class Meta:
        model = User
        fields: ClassVar = ["language", "timezone"]

    def __init__(self, data: Any = None, *, instance: User, only: str = "", **options: Any) -> None:
        super().__init__(data, instance=instance, only=only, **options)
        browser = ("", _("As the browser says"))
        if "language" in self.fields:
            self.fields["language"] = forms.ChoiceField(
                label=_("Language"),
                choices=[browser, *settings.LANGUAGES],
                required=False,
                help_text=_("Dates, times and figures follow it."),
            )
        if "timezone" in self.fields:
            zones = ((name, name.replace("_", " ")) for name in sorted(available_timezones()))
            self.fields["timezone"] = forms.ChoiceField(
                label=_("Time zone"),
                choices=[browser, *zones],
                required=False,
                help_text=_("Times of messages are shown in it."),
            )


class SendingForm(PreferenceForm):
    """How sending behaves for a person: how long it can be taken back, and what happens when somebody wants a receipt."""

    UNDO_S = (0, 5, 10, 20, 30)
    groups = (("", ("undo_send_s", "receipts", "name")),)
    words: ClassVar[Mapping[str, Any]] = {
        "undo_send_s": gettext_lazy("undo send delay recall"),
        "receipts": gettext_lazy("read receipt MDN confirmation"),
        "name": gettext_lazy("your name from sender identity"),
    }

    class Meta:
        model = User
        fields: ClassVar = ["undo_send_s", "receipts", "name"]
        labels: ClassVar = {
            "receipts": gettext_lazy("When somebody asks for a read receipt"),
            "name": gettext_lazy("Your name"),
        }
        help_texts: ClassVar = {
            "receipts": gettext_lazy(
                "A receipt tells the sender when you opened the message. Mailing lists never get one."
            ),
            "name": gettext_lazy("Fills in the name of new identities."),
        }
        widgets: ClassVar = {"receipts": forms.RadioSelect}

    def __init__(self, data: Any = None, *, instance: User, only: str = "", **options: Any) -> None:
        chosen: int = settings.UNDO_SEND_S if instance.undo_send_s is None else instance.undo_send_s
        super().__init__(data, instance=instance, only=only, initial={"undo_send_s": chosen}, **options)
        if "undo_send_s" in self.fields:
            choices = [(seconds, _seconds(seconds)) for seconds in sorted({*self.UNDO_S, chosen})]
            self.fields["undo_send_s"] = forms.TypedChoiceField(
                label=_("A message can be taken back for"), choices=choices, coerce=int, widget=forms.RadioSelect
            )


def _after(count: int) -> str:
    if not count:
        return _("at once")
    return ngettext("after %(count)s second", "after %(count)s seconds", count) % {"count": count}


def _seconds(count: int) -> str:
    return ngettext("%(count)s second", "%(count)s seconds", count) % {"count": count} if count else _("not at all")
