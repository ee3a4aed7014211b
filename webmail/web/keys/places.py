"""Where the palette leads besides commands: the person's mailboxes, accounts, labels, saved searches, settings and people.

Read when a palette is opened first, and again only when the mail or the names have changed (`places_tag`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts import sections
from accounts.models import User
from webmail.mime.hidden_characters import neutralise
from webmail.store.models import ChangeClock, Email, Label, SavedSearch
from webmail.web.shell import Shell
from webmail.web.text import with_query

RECENT_EMAILS = 500  # of each account, whose people are offered: those one has to do with now
MAX_PEOPLE = 300


@dataclass(frozen=True)
class Place:
    """A line of the palette. `note` tells two of the same name apart; `search` is found but not shown."""

    kind: str  # view, mailbox, account, label, search, settings, person
    name: str
    address: str
    note: str = ""
    search: str = ""

    def as_data(self) -> dict[str, str]:
        """For JSON; what is empty is left out."""
        return {key: neutralise(value) if key != "address" else value for key, value in vars(self).items() if value}


def places_tag(user: User) -> str:
    """Changes when anything in the palette may have: three small queries."""
    parts: list[object] = [user.pk, user.is_staff, get_language()]
    parts += ChangeClock.objects.filter(account__user=user).order_by("account_id").values_list("account_id", "modseq")
    parts += user.mail_accounts.order_by("position", "pk").values_list("pk", "name", "color")
    parts += Label.objects.filter(user=user).values_list("public_id", "name")
    parts += SavedSearch.objects.filter(user=user).values_list("public_id", "name", "query")
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def places_of(user: User, shell: Shell) -> list[Place]:
    """Everything that is the person's, most general first."""
    return [
        *_views(shell),
        *_mailboxes(shell),
        *_labels(user),
        *_searches(user),
        *_settings(user),
        *_people(user, shell),
    ]


def _views(shell: Shell) -> Iterable[Place]:
    for item in shell.common:
        yield Place("view", item.name, item.address)


def _mailboxes(shell: Shell) -> Iterable[Place]:
    for nav in shell.accounts:
        first = next((item.address for item in nav.items if item.address), "")
        if first:
            yield Place("account", nav.account.name, first, nav.account.address)
        for item in nav.items:
            if item.address:
                yield Place("mailbox", item.name, item.address, nav.account.name if shell.has_several else "")


def _labels(user: User) -> Iterable[Place]:
    for label in Label.objects.filter(user=user):
        yield Place("label", label.name, reverse("label", args=[label.public_id]))


def _searches(user: User) -> Iterable[Place]:
    for saved in SavedSearch.objects.filter(user=user):
        yield Place("search", saved.name, with_query(reverse("search"), {"q": saved.query}), saved.query)


def _settings(user: User) -> Iterable[Place]:
    for found in sections.find(user, ""):
        yield Place("settings", found.label, found.address, found.section if found.section != found.label else "")
    if user.is_staff:
        yield Place("settings", _("Administration"), reverse("admin:index"))


def _people(user: User, shell: Shell) -> Iterable[Place]:
    """Those of the recent mail, most frequent first, without the person's own addresses."""
    own = {account.address.lower() for account in shell.account_list}
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for account in shell.account_list:
        rows = Email.objects.filter(account=account).order_by("-received_at", "-id")
        for addresses in rows.values_list("addresses", flat=True)[:RECENT_EMAILS]:
            for name, email in (pair for field in ("from", "to") for pair in addresses.get(field, ())):
                key = str(email).lower()
                if key and key not in own:
                    counts[key] += 1
                    names[key] = names.get(key) or str(name or "")
    for email, _count in counts.most_common(MAX_PEOPLE):
        query = f"from:{email} OR to:{email}"
        yield Place("person", names[email] or email, with_query(reverse("search"), {"q": query}), email)
