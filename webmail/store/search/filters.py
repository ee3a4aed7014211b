"""What each operator means for the rows of the store. The text of a mail is asked of the index (`words`), everything else here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cached_property
from typing import TypeVar

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from accounts.models import Identity, MailAccount, User
from webmail.store.ingest import message_id_hash
from webmail.store.models import EmailKeyword, EmailMailbox, Label, Mailbox, Role
from webmail.store.search.faults import QueryFault
from webmail.store.search.tree import Form, Term
from webmail.store.search.values import read_age, read_dates, read_size

NOBODY = Q(pk__in=())
_KEYWORDS = {
    "starred": "$flagged",
    "important": "$important",
    "answered": "$answered",
    "forwarded": "$forwarded",
    "draft": "$draft",
    "muted": "$muted",
}
_ROLE_NAMES = {"spam": Role.JUNK, "bin": Role.TRASH, "starred": Role.FLAGGED, "draft": Role.DRAFTS}


@dataclass
class Asker:
    """Whose search it is, when, and in which accounts; what has to be looked up for several terms is looked up once."""

    user: User
    now: datetime
    zone: tzinfo
    accounts: list[MailAccount]
    _labels: dict[str, str] | None = field(default=None, repr=False)

    @cached_property
    def mailboxes(self) -> list[Mailbox]:
        """All of the accounts', in order."""
        ids = [account.pk for account in self.accounts]
        return list(Mailbox.objects.filter(account_id__in=ids).order_by("id"))

    @cached_property
    def own_addresses(self) -> list[str]:
        """Everything that `me` means."""
        found = [self.user.email, *(account.address for account in self.accounts)]
        found += Identity.objects.filter(account__in=self.accounts).values_list("email", flat=True)
        return list(dict.fromkeys(one.lower() for one in found if one))

    @cached_property
    def own_names(self) -> list[str]:
        """The person's names: in whole, and the first name alone."""
        found = [self.user.name, *Identity.objects.filter(account__in=self.accounts).values_list("name", flat=True)]
        whole = [" ".join(name.split()) for name in found if name.strip()]
        first = [name.split()[0] for name in whole]
        return list(dict.fromkeys(name for name in [*whole, *first] if len(name) > 1))

    @property
    def labels(self) -> dict[str, str]:
        """Keyword by name and by keyword, in lower case."""
        if self._labels is None:
            rows = list(Label.objects.filter(user=self.user).values_list("name", "keyword"))
            self._labels = {word: word for _name, word in rows} | {name.lower(): word for name, word in rows}
        return self._labels


Value = TypeVar("Value")
Filter = Callable[[Term, Asker], Q]


def _is(term: Term, _asker: Asker) -> Q:
    value = term.value.lower()
    if value in {"unread", "read"}:
        return Q(is_unread=value == "unread")
    if value in _KEYWORDS:
        return has_keyword(_KEYWORDS[value])
    return NOBODY  # snoozed and scheduled: no Email of the store is


def has_keyword(*keywords: str) -> Q:
    """Emails that carry one of the keywords."""
    return Q(Exists(EmailKeyword.objects.filter(email_id=OuterRef("pk"), keyword__in=keywords)))


def has_label(asker: Asker) -> Q:
    """Emails with any label of the person's."""
    words = set(asker.labels.values())
    return has_keyword(*words) if words else NOBODY


def _in(term: Term, asker: Asker) -> Q:
    if term.value.lower() == "anywhere":
        return Q()
    ids = [mailbox.pk for mailbox in named_mailboxes(term, asker)]
    return Q(Exists(EmailMailbox.objects.filter(email_id=OuterRef("pk"), mailbox_id__in=ids)))


def named_mailboxes(term: Term, asker: Asker) -> list[Mailbox]:
    """The mailboxes that `in:` names: by role, else by name. Raises `QueryFault` when there is none."""
    value = term.value.lower()
    role = _ROLE_NAMES.get(value, value)
    by_role = [one for one in asker.mailboxes if role and one.role == role]
    by_name = [one for one in asker.mailboxes if one.name.lower() == value]
    if term.form is not Form.PHRASE:
        _ask_for_quotes(term, {one.name for one in asker.mailboxes})
    found = by_role or by_name
    if not found and role in Role.values and role:
        return []  # a role that none of the accounts has
    if not found:
        raise QueryFault(
            _("There is no mailbox %(name)s.") % {"name": f"“{term.value}”"}, term.value_position, term.end
        )
    return found


def _ask_for_quotes(term: Term, names: set[str]) -> None:
    """Where the words behind the value make a longer name with it, the person must say which is meant."""
    longer = {name.lower(): name for name in names if " " in name}
    words = [term.value]
    for word in term.following:
        words.append(word)
        name = longer.get(" ".join(words).lower())
        if name is not None:
            message = _("A name with blanks needs quotes: %(example)s.")
            raise QueryFault(message % {"example": f'{term.operator}:"{name}"'}, term.value_position, term.end)


def _label(term: Term, asker: Asker) -> Q:
    keyword = asker.labels.get(term.value.lower())
    if term.form is not Form.PHRASE:
        _ask_for_quotes(term, set(asker.labels))
    if keyword is None:
        raise QueryFault(_("There is no label %(name)s.") % {"name": f"“{term.value}”"}, term.value_position, term.end)
    return has_keyword(keyword)


def _account(term: Term, asker: Asker) -> Q:
    value = term.value.lower()
    found = [one.pk for one in asker.accounts if value in {one.name.lower(), one.address.lower()}]
    if not found:
        found = [
            one.pk
            for one in asker.accounts
            if value and (one.name.lower().startswith(value) or value in one.address.lower())
        ]
    if not found:
        _ask_for_quotes(term, {one.name for one in asker.accounts})
        raise QueryFault(
            _("There is no account %(name)s.") % {"name": f"“{term.value}”"}, term.value_position, term.end
        )
    return Q(account_id__in=found)


def _size(term: Term, _asker: Asker) -> Q:
    comparison = {"larger": "gt", "smaller": "lt", "minsize": "gte", "maxsize": "lte"}[term.operator]
    return Q(**{f"size_bytes__{comparison}": _known(read_size(term.value), term)})


def _date(term: Term, asker: Asker) -> Q:
    begin, end = _known(read_dates(term.value, asker.now), term)
    if term.operator == "before":
        return Q(received_at__lt=begin)
    return Q(received_at__gte=begin) & (Q(received_at__lt=end) if term.operator == "on" else Q())


def _age(term: Term, asker: Asker) -> Q:
    moment = _known(read_age(term.value, asker.now), term)
    return Q(received_at__lt=moment) if term.operator == "older_than" else Q(received_at__gte=moment)


def _known(value: Value | None, term: Term) -> Value:
    if value is None:  # a day that is none in this zone, or before all calendars
        raise QueryFault(_("This is out of reach."), term.value_position, term.end)
    return value


def _message_id(term: Term, _asker: Asker) -> Q:
    value = term.value.strip("<>")
    return Q(message_id_hash=message_id_hash(value), message_id=value)


FILTERS: Mapping[str, Filter] = {
    "is": _is,
    "in": _in,
    "label": _label,
    "account": _account,
    "larger": _size,
    "smaller": _size,
    "minsize": _size,
    "maxsize": _size,
    "after": _date,
    "before": _date,
    "on": _date,
    "older_than": _age,
    "newer_than": _age,
    "rfc822msgid": _message_id,
}
