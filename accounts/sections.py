"""The settings as a whole: their sections in order, and what can be found in each by words.

It names addresses of views of upper layers and imports none of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import forms_preferences as preferences
from accounts.forms_preferences import PreferenceForm
from accounts.models import MailAccount, User


@dataclass(frozen=True)
class Section:
    """A page of the settings. `about`: what it holds, in a line."""

    key: str
    label: str
    icon: str
    address: str
    about: str


@dataclass(frozen=True)
class Found:
    """A setting that words led to."""

    label: str
    section: str
    address: str
    hint: str = ""


_FORMS: tuple[tuple[str, type[PreferenceForm]], ...] = (
    ("appearance", preferences.AppearanceForm),
    ("reading", preferences.ReadingForm),
    ("organising", preferences.SwipeForm),
    ("notifications", preferences.NotificationForm),
    ("language", preferences.LanguageForm),
    ("sending", preferences.SendingForm),
)


def sections() -> list[Section]:
    """All of them, in order."""
    rows = (
        ("accounts", "settings_accounts", _("Accounts"), "at-sign", _("Mailboxes, servers, identities")),
        ("appearance", "settings_appearance", _("Appearance"), "palette", _("Theme, rows, panes")),
        ("reading", "settings_reading", _("Reading"), "mail-open", _("Conversations, pictures, what counts as read")),
        ("organising", "settings_organising", _("Organising"), "tag", _("Labels, saved searches, swiping")),
        (
            "notifications",
            "settings_notifications",
            _("Notifications"),
            "bell",
            _("Which mail, how much of it, when not"),
        ),
        ("keys", "settings_keys", _("Keys"), "keyboard", _("Presets and keys of your own")),
        ("language", "settings_language", _("Language and region"), "globe", _("Language, time zone")),
        ("sending", "settings_sending", _("Sending"), "send", _("Taking back, receipts, servers")),
        ("passwords", "settings_passwords", _("App passwords"), "key-round", _("For other programs")),
    )
    return [Section(key, label, icon, reverse(name), about) for key, name, label, icon, about in rows]


def find(user: User, text: str) -> list[Found]:
    """The settings in which every word of the text occurs, by section; all of them when there is none."""
    wanted = _fold(text).split()
    return [found for found, words in _everything(user) if all(word in _fold(words) for word in wanted)]


def _everything(user: User) -> Iterable[tuple[Found, str]]:
    known = {section.key: section for section in sections()}
    forms = dict(_FORMS)
    for section in known.values():
        yield Found(section.label, section.label, section.address, section.about), f"{section.label} {section.about}"
        form = forms[section.key](instance=user) if section.key in forms else None
        for name, field in form.fields.items() if form is not None else ():
            address = f"{section.address}#setting-{name}"
            words = " ".join([section.label, *form.words_of(name)]) if form is not None else ""
            yield Found(str(field.label), section.label, address), words
        for label, address, words in _others(section.key):
            yield Found(label, section.label, address), f"{section.label} {label} {words}"
        if section.key == "accounts":
            yield from _accounts(user, section)


def _others(key: str) -> Iterable[tuple[str, str, str]]:
    """Settings that are no single field: label, address, further words."""
    if key == "accounts":
        yield _("Connect a mailbox"), reverse("connect"), _("add account new IMAP POP3")
    elif key == "reading":
        yield _("Rules for senders"), reverse("settings_reading") + "#rules", _("pictures always show colours")
    elif key == "organising":
        yield _("Labels"), reverse("settings_organising") + "#labels", _("tags keywords colour rename hide delete")
        yield _("Saved searches"), reverse("settings_organising") + "#searches", _("rename delete order")
    elif key == "notifications":
        yield _("Mailboxes that notify"), reverse("settings_notifications") + "#mailboxes", _("desktop alerts on off")


def _accounts(user: User, section: Section) -> Iterable[tuple[Found, str]]:
    rows = (
        ("account_settings", _("Name, colour, views"), _("identities signature remove pause")),
        ("account_servers", _("Servers and password"), _("IMAP SMTP POP3 host port login")),
        ("mailbox_settings", _("Mailboxes"), _("folders rename new delete subscribe colour favourite")),
        ("account_sending", _("Sending"), _("Sent copy outgoing servers")),
        ("account_fetching", _("Fetching and storage"), _("offline sync download limit")),
        ("account_reading", _("Checks of senders"), _("authentication DKIM SPF DMARC")),
    )
    for account in MailAccount.objects.filter(user=user):
        for name, label, words in rows:
            address = reverse(name, args=[account.public_id])
            shown = Found(f"{account.name}: {label}", section.label, address)
            yield shown, f"{section.label} {account.name} {account.address} {label} {words}"


def _fold(text: str) -> str:
    """Without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))
