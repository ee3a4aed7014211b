"""A person's labels, and what mail carries them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.http import Http404

from accounts.models import User
from webmail.store.labels import KNOWN_COLORS, KNOWN_NAMES, MAX_LABELS, MAX_NAME_CHARS, RESERVED, keyword_for
from webmail.store.models import Email, EmailKeyword, Label
from webmail.store.queries.emails import visible_emails


def labels_of(user: User) -> list[Label]:
    """All labels of a person, in their order: one query."""
    return list(Label.objects.filter(user=user))


def labels_by_keyword(user: User) -> dict[str, Label]:
    """The label of each keyword, for the chips of rows: one query."""
    return {label.keyword: label for label in labels_of(user)}


def get_label_for(user: User, public_id: str) -> Label:
    """Raises Http404 when it is not the user's."""
    label = Label.objects.filter(user=user, public_id=public_id).first()
    if label is None:
        raise Http404("no such label")
    return label


def emails_with_label(user: User, label: Label) -> QuerySet[Email]:
    """The Emails of all accounts that carry it, in any mailbox but Trash and Junk."""
    carried = EmailKeyword.objects.filter(keyword=label.keyword, email__account__user=user)
    return visible_emails(user).filter(pk__in=carried.values("email_id"))


def unread_with_labels(user: User) -> dict[str, int]:
    """How many unread Emails carry each label's keyword: one query for the sidebar. Keywords without any are left out."""
    keywords = Label.objects.filter(user=user).values("keyword")
    rows = EmailKeyword.objects.filter(keyword__in=keywords, email__in=visible_emails(user).filter(is_unread=True))
    return dict(rows.order_by().values_list("keyword").annotate(count=Count("email_id", distinct=True)))


def carried_labels(user: User, email_ids: Iterable[int]) -> dict[str, int]:
    """How many of these Emails carry each keyword, for the marks of the picker. Of at most some thousand."""
    rows = EmailKeyword.objects.filter(email_id__in=list(email_ids), email__account__user=user)
    return dict(rows.order_by().values_list("keyword").annotate(count=Count("email_id")))


@dataclass(frozen=True)
class FoundKeyword:
    """A keyword that mail carries, from another program, and that is no label yet; how it could be named and coloured."""

    keyword: str
    name: str
    color: int


def keywords_without_label(user: User) -> list[FoundKeyword]:
    """The keywords of a person's mail that could become labels: not those of the protocol or of other programs' states."""
    known = Label.objects.filter(user=user).values("keyword")
    rows = EmailKeyword.objects.filter(email__account__user=user).exclude(keyword__in=known)
    rows = rows.filter(~Q(keyword__startswith="$") | Q(keyword__in=list(KNOWN_NAMES)))
    words = rows.order_by("keyword").values_list("keyword", flat=True).distinct()[: MAX_LABELS * 2]
    return [_found(word) for word in words if word not in RESERVED and not word.startswith("\\")]


def _found(keyword: str) -> FoundKeyword:
    name = KNOWN_NAMES.get(keyword) or keyword.replace("_", " ").replace("-", " ").strip().capitalize() or keyword
    return FoundKeyword(keyword, name[:MAX_NAME_CHARS], KNOWN_COLORS.get(keyword, len(keyword_for(keyword)) % 8))
