"""What a list page lists: a mailbox, a view over all accounts, or the hits of a search. Each has an address of its own.

An act on rows names the list by that address, so that it means the same Emails as the page did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.db.models import QuerySet
from django.http import Http404
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import MailAccount, User
from webmail.store.models import Email, Mailbox, Role
from webmail.store.queries.accounts import get_mailbox_for, mailboxes_with_role
from webmail.store.queries.emails import (
    Cursor,
    Page,
    list_mailboxes,
    list_query,
    starred_emails,
    unread_emails,
)
from webmail.store.search.parse import Term, parse_query
from webmail.store.search.run import search_emails
from webmail.web.shell import mailbox_title
from webmail.web.text import with_query

_ROLES = {"inbox": Role.INBOX, "drafts": Role.DRAFTS, "sent": Role.SENT}
_NAMES = {"inbox": "Inbox", "unread": "Unread", "starred": "Starred", "drafts": "Drafts", "sent": "Sent"}
COMMON_VIEWS = tuple(_NAMES)


@dataclass(frozen=True)
class ListSource:
    """A list before it is read. Either `mailboxes` or `emails` says what is in it."""

    key: str  # the line of the sidebar that is marked
    title: str
    address: str  # path and query that lead here
    mailboxes: tuple[Mailbox, ...] | None = None
    emails: QuerySet[Email] | None = None
    account: MailAccount | None = None  # None: over all accounts
    role: str = ""
    is_threaded: bool = True
    query: str = ""
    within: Mailbox | None = None  # of a search
    terms: tuple[Term, ...] = field(default=())

    @property
    def is_outgoing(self) -> bool:
        """Rows name the recipients: the sender is always the user."""
        return self.role in {Role.SENT, Role.DRAFTS}

    @property
    def is_search(self) -> bool:
        return self.key == "search"

    def read_page(self, *, after: Cursor | None, before: Cursor | None = None, limit: int) -> Page:
        """Row keys, newest first: those behind `after`, or those next in front of `before`."""
        if self.emails is not None:
            return list_query(self.emails, threaded=self.is_threaded, after=after, before=before, limit=limit)
        return list_mailboxes(self.mailboxes or (), threaded=self.is_threaded, after=after, before=before, limit=limit)

    def link(self, **query: Any) -> str:
        """The address of this list with further parameters."""
        path, _sep, own = self.address.partition("?")
        kept = {name: values[0] for name, values in parse_qs(own).items()}
        return with_query(path, {**kept, **query})


def common_source(user: User, name: str) -> ListSource:
    """One of the views over all accounts. Raises Http404 for an unknown name."""
    if name not in _NAMES:
        raise Http404("no such view")
    role = _ROLES.get(name, Role.NONE)
    emails = {"unread": unread_emails, "starred": starred_emails}.get(name)
    return ListSource(
        key=name,
        title=_(_NAMES[name]),
        address=reverse(name),
        mailboxes=tuple(mailboxes_with_role(user, role, view=name)) if role else None,
        emails=emails(user) if emails else None,
        role=role,
        is_threaded=user.has_threads and role != Role.DRAFTS,
    )


def mailbox_source(user: User, account_id: str, mailbox_id: str) -> ListSource:
    """One mailbox, by public ids. Raises Http404 when it is not the user's or not in that account."""
    mailbox = get_mailbox_for(user, mailbox_id)
    if mailbox.account.public_id != account_id:
        raise Http404("no such mailbox")
    return source_of_mailbox(user, mailbox)


def source_of_mailbox(user: User, mailbox: Mailbox) -> ListSource:
    """One mailbox of the user's."""
    return ListSource(
        key=mailbox.public_id,
        title=mailbox_title(mailbox),
        address=reverse("mailbox", args=[mailbox.account.public_id, mailbox.public_id]),
        mailboxes=(mailbox,),
        account=mailbox.account,
        role=mailbox.role,
        is_threaded=user.has_threads and mailbox.role != Role.DRAFTS,
    )


def search_source(user: User, query: str, *, within_id: str = "") -> ListSource:
    """The hits of a query, everywhere but in Trash and Junk or in one mailbox.

    Raises `QueryFault` when the query cannot be understood, Http404 for a mailbox that is not the user's.
    """
    query = query.strip()
    within = get_mailbox_for(user, within_id) if within_id else None
    terms = parse_query(query)
    zone = timezone.get_current_timezone()
    emails = (
        search_emails(user, terms, within=[within] if within else None, zone=zone) if terms else Email.objects.none()
    )
    return ListSource(
        key="search",
        title=_("Search"),
        address=with_query(reverse("search"), {"q": query, "in": within_id}),
        emails=emails,
        is_threaded=user.has_threads,
        query=query,
        within=within,
        terms=tuple(terms),
    )


def source_of_address(user: User, address: str) -> ListSource:
    """The list that an address of ours leads to. Raises Http404 for any other address, `QueryFault` as `search_source`."""
    parts = urlsplit(address)
    try:
        match = resolve(parts.path)
    except Resolver404 as error:
        raise Http404("no such list") from error
    if match.url_name in COMMON_VIEWS:
        return common_source(user, match.url_name)
    if match.url_name == "mailbox":
        return mailbox_source(user, match.kwargs["account_id"], match.kwargs["mailbox_id"])
    if match.url_name == "search":
        query = parse_qs(parts.query)
        return search_source(user, query.get("q", [""])[0], within_id=query.get("in", [""])[0])
    raise Http404("no such list")


def write_cursor(cursor: Cursor | None) -> str | None:
    """A place in a list as a parameter: microseconds and row id."""
    if cursor is None:
        return None
    return f"{int(cursor.received_at.timestamp() * 1_000_000)}-{cursor.email_id}"


def read_cursor(text: str) -> Cursor | None:
    """What `write_cursor` wrote; None for an empty text. Raises Http404 for anything else."""
    if not text:
        return None
    moment, _sep, email_id = text.partition("-")
    try:
        seconds, micros = divmod(int(moment), 1_000_000)
        return Cursor(datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros), int(email_id))
    except (ValueError, OverflowError, OSError) as error:
        raise Http404("no such place in the list") from error
