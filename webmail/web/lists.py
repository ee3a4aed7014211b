"""What a list page lists: a mailbox, a view over all accounts, a label, or the hits of a search. Each has an address of its own.

An act on rows names the list by that address, so that it means the same Emails as the page did.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.db.models import QuerySet
from django.http import Http404
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from markupsafe import Markup

from accounts.models import MailAccount, User
from webmail.mime.hits import Hits
from webmail.store.models import Email, Mailbox, Role
from webmail.store.queries import windows
from webmail.store.queries.accounts import accounts_of, get_mailbox_for, mailboxes_with_role
from webmail.store.queries.emails import starred_emails, unread_emails, visible_emails
from webmail.store.queries.labels import emails_with_label, get_label_for
from webmail.store.queries.orders import Keys
from webmail.store.queries.server_searches import found_ids, latest_searches
from webmail.store.queries.windows import Key, Order, View
from webmail.store.search.highlights import highlights
from webmail.store.search.parse import parse_query
from webmail.store.search.tree import Node
from webmail.web.searching.marks import mark_hits
from webmail.web.searching.scope import Scope
from webmail.web.shell import mailbox_title
from webmail.web.text import with_query

_ROLES = {"inbox": Role.INBOX, "drafts": Role.DRAFTS, "sent": Role.SENT}
_VIEWS = {"unread": View.UNREAD, "all": View.ALL}
_SELECTIONS: dict[str, Callable[[User], QuerySet[Email]]] = {
    "unread": unread_emails,
    "starred": starred_emails,
    "all": visible_emails,
}
_NAMES = {
    "inbox": gettext_lazy("Inbox"),
    "unread": gettext_lazy("Unread"),
    "starred": gettext_lazy("Starred"),
    "drafts": gettext_lazy("Drafts"),
    "sent": gettext_lazy("Sent"),
    "all": gettext_lazy("All mail"),
}
COMMON_VIEWS = tuple(_NAMES)
MAX_FIRST = 400  # rows; whoever looks further down waits for the whole
FRESH_S = 10  # hits of a search are read anew after this: bodies become searchable without any change of the account


@dataclass(frozen=True)
class ListSource:
    """A list before it is read. Either `mailboxes` or `emails` says what is in it."""

    key: str  # the line of the sidebar that is marked
    title: str
    address: str  # path and query that lead here, with the order unless it is the usual one
    account_ids: tuple[int, ...] = ()  # whose mail it shows
    mailboxes: tuple[Mailbox, ...] | None = None
    emails: QuerySet[Email] | None = None
    view: View | None = None  # the same as `emails`, kept ready
    account: MailAccount | None = None  # None: over all accounts
    role: str = ""
    label_id: str = ""  # of the list of a label
    is_threaded: bool = True
    order: Order = field(default_factory=Order)
    query: str = ""
    scope: Scope | None = None  # of a search
    tree: Node | None = None  # what it asks for
    hits: Hits = field(default_factory=Hits)
    parts: tuple[QuerySet[Email], ...] = ()  # of a search: `emails` in each account
    # Of a search: a text with its hits marked; escapes what it is given.
    marks: Callable[[str], Markup] | None = None

    @property
    def is_outgoing(self) -> bool:
        """Rows name the recipients: the sender is always the user."""
        return self.role in {Role.SENT, Role.DRAFTS}

    @property
    def is_search(self) -> bool:
        return self.key == "search"

    @cached_property
    def total(self) -> int:
        """How many rows the list has. Of mailboxes these are figures at hand."""
        if self.mailboxes is not None:
            return windows.count_mailboxes(self.mailboxes, threaded=self.is_threaded)
        if self.view is not None:
            return windows.count_view(self.view, self.account_ids, threaded=self.is_threaded)
        return len(self._selected)

    def read_window(self, at: int, limit: int) -> list[Key]:
        """The rows from index `at` on, in the order of the list."""
        if self.mailboxes is not None:
            mailboxes = self.mailboxes
            return windows.of_mailboxes(mailboxes, threaded=self.is_threaded, order=self.order, at=at, limit=limit)
        if self.view is not None:
            return windows.of_view(
                self.view, self.account_ids, threaded=self.is_threaded, order=self.order, at=at, limit=limit
            )
        return [Key(*pair) for pair in self._selected.cut(at, limit)]

    def read_first(self, at: int, limit: int) -> tuple[list[Key], int] | None:
        """The same rows and a lower bound of `total`, which is larger than their end only while there are more: for lists that
        would have to be read as a whole to be counted. None where that is no gain."""
        if not self.parts or self.order != Order() or at + limit > MAX_FIRST:
            return None
        keys, has_more = windows.first_of_selection(self.parts, threaded=self.is_threaded, at=at, limit=limit)
        return (keys, at + len(keys) + int(has_more)) if keys or not at else None

    @cached_property
    def _selected(self) -> Keys:
        emails = self.emails if self.emails is not None else Email.objects.none()
        name = self.address
        if self.is_search:  # relative dates
            name += f" {int(time.time() / FRESH_S)} {timezone.get_current_timezone_name()}"
        return windows.of_selection(
            emails, name=name, account_ids=self.account_ids, threaded=self.is_threaded, order=self.order
        )

    def sorted_by(self, text: str) -> ListSource:
        """The same list in the order that the parameter `sort` names."""
        order = Order.read(text)
        if order == self.order:
            return self
        other = replace(self, order=order)
        return replace(other, address=other.link(sort=order.write() or None))

    def link(self, **query: Any) -> str:
        """The address of this list with further parameters; None takes one away."""
        path, _sep, own = self.address.partition("?")
        kept = {name: values[0] for name, values in parse_qs(own).items()}
        return with_query(path, {**kept, **query})


def common_source(user: User, name: str) -> ListSource:
    """One of the views over all accounts but those that are left out of it. Raises Http404 for an unknown name."""
    if name not in _NAMES:
        raise Http404("no such view")
    role = _ROLES.get(name, Role.NONE)
    common: dict[str, Any] = {"key": name, "title": str(_NAMES[name]), "address": reverse(name), "role": role}
    if role:
        mailboxes = tuple(mailboxes_with_role(user, role, view=name))
        return ListSource(
            **common,
            account_ids=tuple(mailbox.account_id for mailbox in mailboxes),
            mailboxes=mailboxes,
            is_threaded=user.has_threads and role != Role.DRAFTS,
        )
    accounts = accounts_of(user)
    shown = tuple(account.pk for account in accounts if name not in account.left_out_of)
    emails = _SELECTIONS[name](user)
    return ListSource(
        **common,
        account_ids=shown,
        emails=emails if len(shown) == len(accounts) else emails.filter(account_id__in=shown),
        view=_VIEWS.get(name),
        is_threaded=user.has_threads,
    )


def mailbox_source(user: User, account_id: str, mailbox_id: str) -> ListSource:
    """One mailbox, by public ids. Raises Http404 when it is not the user's or not in that account."""
    mailbox = get_mailbox_for(user, mailbox_id)
    if mailbox.account.public_id != account_id:
        raise Http404("no such mailbox")
    return source_of_mailbox(user, mailbox)


def source_of_mailbox(user: User, mailbox: Mailbox) -> ListSource:
    """One mailbox of the user's."""
    has_threads = user.has_threads if mailbox.has_threads is None else mailbox.has_threads
    return ListSource(
        key=mailbox.public_id,
        title=mailbox_title(mailbox),
        address=reverse("mailbox", args=[mailbox.account.public_id, mailbox.public_id]),
        account_ids=(mailbox.account_id,),
        mailboxes=(mailbox,),
        account=mailbox.account,
        role=mailbox.role,
        is_threaded=has_threads and mailbox.role != Role.DRAFTS,
    )


def label_source(user: User, label_id: str) -> ListSource:
    """What carries a label, in all accounts. Raises Http404 when it is not the user's."""
    label = get_label_for(user, label_id)
    return ListSource(
        key=label.public_id,
        title=label.name,
        address=reverse("label", args=[label.public_id]),
        label_id=label.public_id,
        account_ids=tuple(account.pk for account in accounts_of(user)),
        emails=emails_with_label(user, label),
        is_threaded=user.has_threads,
    )


def search_source(user: User, query: str, *, within_id: str = "", of_id: str = "", near_id: str = "") -> ListSource:
    """The hits of a query, in the scope that public ids of a mailbox or an account name (see `Scope`).

    Raises `QueryFault` when the query cannot be understood, Http404 for what is not the user's.
    """
    query = query.strip()
    scope = Scope.read(user, within_id=within_id, of_id=of_id, near_id=near_id)
    tree = parse_query(query)
    zone = timezone.get_current_timezone()
    emails = scope.emails(tree, zone=zone) if tree else Email.objects.none()
    parts = [scope.emails(tree, zone=zone, only=account) for account in scope.accounts] if tree else []
    found_there = found_ids(latest_searches(user, query, scope.accounts, scope.within)) if tree else []
    if found_there:  # what its server knows of a message we may not have read yet
        others = Email.objects.filter(pk__in=found_there, account__in=scope.accounts)
        emails, parts = emails | others, []
    found = highlights(tree)
    return ListSource(
        key="search",
        title=_("Search"),
        address=with_query(reverse("search"), {"q": query, **scope.parameters}),
        account_ids=tuple(account.pk for account in scope.accounts),
        emails=emails,
        is_threaded=user.has_threads,
        query=query,
        scope=scope,
        tree=tree,
        hits=found,
        parts=tuple(parts),
        marks=partial(mark_hits, hits=found) if found else None,
    )


def source_of_address(user: User, address: str) -> ListSource:
    """The list that an address of ours leads to. Raises Http404 for any other address, `QueryFault` as `search_source`."""
    parts = urlsplit(address)
    try:
        match = resolve(parts.path)
    except Resolver404 as error:
        raise Http404("no such list") from error
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if match.url_name in COMMON_VIEWS:
        source = common_source(user, match.url_name)
    elif match.url_name == "mailbox":
        source = mailbox_source(user, match.kwargs["account_id"], match.kwargs["mailbox_id"])
    elif match.url_name == "label":
        source = label_source(user, match.kwargs["label_id"])
    elif match.url_name == "search":
        source = search_source(
            user,
            query.get("q", ""),
            within_id=query.get("in", ""),
            of_id=query.get("of", ""),
            near_id=query.get("near", ""),
        )
    else:
        raise Http404("no such list")
    return source.sorted_by(query.get("sort", ""))
