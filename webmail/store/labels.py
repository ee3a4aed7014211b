"""Making and changing a person's labels. On the server a label is an IMAP keyword; name, colour and place are ours.

The keyword is made once from the name and never changes, so renaming touches no mail. Taking a label off mail is the
journal's (`journal.actions.labels`). It must not touch Emails.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts.models import User
from webmail.store.errors import StoreError
from webmail.store.models import Label

MAX_NAME_CHARS = 100
MAX_LABELS = 500  # of one person: a sidebar and a picker hold them all
COLORS = 8
# Thunderbird's five, by the keywords that it and others store (its preferences `mailnews.tags`).
KNOWN_NAMES = {
    "$label1": "Important",
    "$label2": "Work",
    "$label3": "Personal",
    "$label4": "To Do",
    "$label5": "Later",
}
KNOWN_COLORS = {"$label1": 3, "$label2": 2, "$label3": 1, "$label4": 0, "$label5": 4}
# Words other programs store as keywords with a meaning of their own: no label may take one of them.
RESERVED = frozenset(
    {
        "junk", "nonjunk", "notjunk", "forwarded", "mdnsent", "redirected", "replied", "seen", "answered", "flagged",
        "deleted", "draft", "recent", "unread", "old", "nil", "label",
    }
)  # fmt: skip
_OTHER = re.compile(r"[^a-z0-9]+")


class BadLabelName(StoreError):
    """No name at all, or too long."""


class LabelNameTaken(StoreError):
    """The person has a label of this name already."""


class TooManyLabels(StoreError):
    """The person has as many labels as there can be."""


def keyword_for(name: str) -> str:
    """The keyword a name leads to: an IMAP atom in lower case (RFC 3501 section 9), always the same for the same name.

    Accents fall away; a name in another script than Latin gets `label-` and a short hash.
    """
    folded = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    word = _OTHER.sub("-", plain).strip("-")[:60]
    lost = any(char.isalnum() and not char.isascii() for char in plain)
    if lost or not word or word in RESERVED:
        return f"label-{sha256(name.casefold().encode()).hexdigest()[:12]}"
    return word


def create_label(user: User, name: str, *, color: int | None = None, keyword: str = "") -> Label:
    """A new label, behind the others. `keyword`: of mail that carries it already (`queries.labels.keywords_without_label`).

    Raises `BadLabelName`, `LabelNameTaken`, `TooManyLabels`.
    """
    name = clean_name(name)
    if Label.objects.filter(user=user, name__iexact=name).exists():
        raise LabelNameTaken(_("There is a label %(name)s already.") % {"name": name})
    count = Label.objects.filter(user=user).count()
    if count >= MAX_LABELS:
        raise TooManyLabels(_("There can be %(count)s labels at most.") % {"count": MAX_LABELS})
    last = Label.objects.filter(user=user).aggregate(last=Max("position"))["last"]
    keyword = keyword.lower() or _free_keyword(user, name)
    if color is None:
        color = KNOWN_COLORS.get(keyword, count % COLORS)
    position = min((last or 0) + 1, 32_000)
    try:
        with transaction.atomic():
            return Label.objects.create(user=user, name=name, keyword=keyword, color=color % COLORS, position=position)
    except IntegrityError as error:  # made in another window at the same moment
        raise LabelNameTaken(_("There is a label %(name)s already.") % {"name": name}) from error


def adopt_keyword(user: User, keyword: str, name: str, color: int) -> Label:
    """A label for a keyword that mail carries already; when its name is taken, with a number behind it."""
    taken = {label.casefold() for label in Label.objects.filter(user=user).values_list("name", flat=True)}
    names = (name if number == 1 else f"{name[: MAX_NAME_CHARS - 5]} {number}" for number in range(1, MAX_LABELS + 2))
    return create_label(user, next(one for one in names if one.casefold() not in taken), color=color, keyword=keyword)


def change_label(
    label: Label, *, name: str | None = None, color: int | None = None, is_shown: bool | None = None
) -> None:
    """Change how a label is shown; its keyword stays. Raises `BadLabelName`, `LabelNameTaken`."""
    if name is not None:
        label.name = clean_name(name)
        if Label.objects.filter(user_id=label.user_id, name__iexact=label.name).exclude(pk=label.pk).exists():
            raise LabelNameTaken(_("There is a label %(name)s already.") % {"name": label.name})
    if color is not None:
        label.color = color % COLORS
    if is_shown is not None:
        label.is_shown = is_shown
    try:
        with transaction.atomic():
            label.save(update_fields=["name", "color", "is_shown"])
    except IntegrityError as error:
        raise LabelNameTaken(_("There is a label %(name)s already.") % {"name": label.name}) from error


def place_labels(user: User, public_ids: list[str]) -> None:
    """Put a person's labels into this order; those that are not named stand behind."""
    place = {public_id: number for number, public_id in enumerate(public_ids)}
    labels = sorted(Label.objects.filter(user=user), key=lambda label: place.get(label.public_id, len(place)))
    for number, label in enumerate(labels):
        label.position = number
    Label.objects.bulk_update(labels, ["position"])


def clean_name(name: str) -> str:
    """A name on one line without control characters. Raises `BadLabelName`."""
    printable = "".join(char if unicodedata.category(char)[0] != "C" else " " for char in name)
    cleaned = " ".join(printable.split())
    if not cleaned:
        raise BadLabelName(_("A label needs a name."))
    if len(cleaned) > MAX_NAME_CHARS:
        raise BadLabelName(_("The name of a label has %(count)s characters at most.") % {"count": MAX_NAME_CHARS})
    return cleaned


def _free_keyword(user: User, name: str) -> str:
    """The keyword of the name, with a number behind it when another label of the person's has it."""
    first = keyword_for(name)
    taken = set(Label.objects.filter(user=user, keyword__startswith=first).values_list("keyword", flat=True))
    return next(
        word
        for number in range(1, MAX_LABELS + 2)
        if (word := first if number == 1 else f"{first}-{number}") not in taken
    )
