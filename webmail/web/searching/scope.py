"""Where a search looks: one mailbox, one account or everything; outside Junk and Trash unless the query names a place.

The address says it: `in` is a mailbox, `of` an account; `near` is the mailbox the person came from, which is offered and not searched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from accounts.models import MailAccount, User
from webmail.store.models import Email, Mailbox
from webmail.store.queries.accounts import accounts_of, get_mailbox_for
from webmail.store.search.coverage import Coverage, coverage
from webmail.store.search.run import search_emails
from webmail.store.search.tree import Node, wanted_terms
from webmail.web.shell import mailbox_title


@dataclass(frozen=True)
class Choice:
    """A scope that can be had: its name and the parameters of its address."""

    name: str
    parameters: dict[str, str]
    is_current: bool


@dataclass(frozen=True)
class Scope:
    """The scope of one search. At most one of `within` and `of` is given."""

    user: User
    own: tuple[MailAccount, ...]  # all accounts of the person
    within: Mailbox | None = None
    of: MailAccount | None = None
    near: Mailbox | None = None

    @classmethod
    def read(cls, user: User, *, within_id: str = "", of_id: str = "", near_id: str = "") -> Scope:
        """From public ids; empty ones are none. Raises Http404 for what is not the user's."""
        own = tuple(accounts_of(user))
        within = get_mailbox_for(user, within_id) if within_id else None
        near = get_mailbox_for(user, near_id) if near_id and within is None else within
        of = None
        if of_id and within is None:
            of = next((account for account in own if account.public_id == of_id), None)
            if of is None:
                raise Http404("no such account")
        return cls(user, own, within, of, near)

    @property
    def accounts(self) -> tuple[MailAccount, ...]:
        """Whose mail is looked through."""
        if self.within is not None:
            return (self.within.account,)
        return self.own if self.of is None else (self.of,)

    @property
    def parameters(self) -> dict[str, str]:
        """Of the address; empty ones are left out of it."""
        return self._parameters(self.within, self.of)

    def _parameters(self, within: Mailbox | None, of: MailAccount | None) -> dict[str, str]:
        near = self.near if within is None else None
        return {
            "in": within.public_id if within else "",
            "of": of.public_id if of else "",
            "near": near.public_id if near else "",
        }

    @property
    def name(self) -> str:
        """What the chip says."""
        if self.within is not None:
            return mailbox_title(self.within)
        return _("Everything") if self.of is None else self.of.name

    @property
    def is_widest(self) -> bool:
        return self.within is None and self.of is None

    @property
    def choices(self) -> list[Choice]:
        """This folder, this account (or each of several), everything."""
        found = []
        near = self.within or self.near
        if near is not None:
            name = _("This folder: %(name)s") % {"name": mailbox_title(near)}
            found.append(Choice(name, self._parameters(near, None), self.within is not None))
        if len(self.own) > 1:
            for account in (near.account,) if near is not None else self.own:
                name = _("This account: %(name)s") % {"name": account.name} if near is not None else account.name
                is_current = self.of is not None and self.of.pk == account.pk
                found.append(Choice(name, self._parameters(None, account), is_current))
        return [*found, Choice(_("Everything"), self._parameters(None, None), self.is_widest)]

    def note(self, tree: Node | None) -> str:
        """What the scope leaves out, in words; empty when the query names a place or one mailbox is searched."""
        if self.within is not None or any(term.operator == "in" for term in wanted_terms(tree)):
            return ""
        return _("outside Junk and Trash")

    def emails(self, tree: Node | None, *, zone: tzinfo, only: MailAccount | None = None) -> QuerySet[Email]:
        """The hits, in `only` one of its accounts. Raises `QueryFault` when a value names nothing there is."""
        within = None if self.within is None else [self.within]
        return search_emails(self.user, tree, within=within, accounts=self.accounts, zone=zone, only=only)

    @cached_property
    def coverage(self) -> Coverage:
        """How much of the scope is looked through."""
        within = None if self.within is None else [self.within]
        return coverage(self.user, accounts=self.accounts, within=within)
