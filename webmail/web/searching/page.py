"""What stands above and instead of the hits of a search: how it was understood, where it looked, how much of that is known, and
what can be done next. It reads no hits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import IncomingProtocol, User
from webmail.store.models import ServerSearch
from webmail.store.queries.server_searches import latest_searches
from webmail.store.search.explain import Chip, explain
from webmail.store.search.tree import Or
from webmail.web.lists import ListSource
from webmail.web.text import with_query


@dataclass(frozen=True)
class ScopeLink:
    """A scope to choose: its name, the address of this search in it."""

    name: str
    address: str
    is_current: bool = False


@dataclass(frozen=True)
class ServerState:
    """What the mail servers were asked of this search. `text`: how far it has come, for people."""

    is_open: bool
    text: str
    searches: tuple[ServerSearch, ...]


class SearchPage:
    """Made anew for each page from the list it shows."""

    def __init__(self, user: User, source: ListSource) -> None:
        if source.scope is None:
            raise ValueError("not a search")
        self.user, self.source, self.scope = user, source, source.scope

    @cached_property
    def chips(self) -> list[Chip]:
        """See `store.search.explain`."""
        now = timezone.localtime()
        return explain(self.source.tree, self.source.query, now=now)

    def without(self, chip: Chip) -> str:
        """The address of the search that is left when the chip is dropped."""
        return self.source.link(q=chip.without or None)

    @property
    def scope_note(self) -> str:
        return self.scope.note(self.source.tree)

    @cached_property
    def scopes(self) -> list[ScopeLink]:
        """The scopes to choose from, and where Junk and Trash were left out, one with them."""
        found = [
            ScopeLink(choice.name, self.source.link(**(choice.parameters)), choice.is_current)
            for choice in self.scope.choices
        ]
        return [*found, ScopeLink(_("Junk and Trash too"), self.anywhere)] if self.scope_note else found

    @property
    def anywhere(self) -> str:
        """The search with Junk and Trash."""
        query = f"({self.source.query})" if isinstance(self.source.tree, Or) else self.source.query
        return self.source.link(q=f"{query} in:anywhere")

    @cached_property
    def widest(self) -> str:
        """The same search over everything; empty when it is that already."""
        if self.scope.is_widest:
            return ""
        return with_query(reverse("search"), {"q": self.source.query, "near": self.scope.parameters["in"]})

    @cached_property
    def is_whole(self) -> bool:
        """Whether everything in the scope was looked through, here or by its server."""
        return self.scope.coverage.is_complete or (self.server is not None and self._has_asked_all)

    @property
    def _has_asked_all(self) -> bool:
        server = self.server
        asked = (
            {one.account_id for one in server.searches if one.status == ServerSearch.Status.DONE} if server else set()
        )
        return {account.pk for account in self.scope.accounts} <= asked

    @property
    def missing_words(self) -> str:
        """Which mail could not be looked through yet."""
        covered = self.scope.coverage
        if not covered.total:
            return _("no mail is here yet")
        if covered.complete_since is not None:
            since = timezone.localtime(covered.complete_since)
            return _("mail before %(month)s is not indexed yet") % {"month": date_format(since, "YEAR_MONTH_FORMAT")}
        return _("older mail is not here yet")

    @property
    def can_ask_servers(self) -> bool:
        """POP3 servers cannot be searched."""
        return any(account.incoming_protocol == IncomingProtocol.IMAP for account in self.scope.accounts)

    @property
    def has_pop(self) -> bool:
        return any(account.is_pop3 for account in self.scope.accounts)

    @cached_property
    def server(self) -> ServerState | None:
        """What became of the last wish to ask the servers; None where there was none."""
        found = latest_searches(self.user, self.source.query, self.scope.accounts, self.scope.within)
        if not found:
            return None
        is_open = any(one.status in ServerSearch.OPEN for one in found)
        return ServerState(is_open, _words(found, is_open=is_open), tuple(found))

    @property
    def kept_query(self) -> str:
        """What a saved search of this page asks for: the scope is part of it."""
        query = self.source.query
        place = ""
        if self.scope.within is not None:
            name = self.scope.within.name
            place = f'in:"{name}"' if '"' not in name else ""
        elif self.scope.of is not None:
            place = f"account:{self.scope.of.address}"
        if self.scope.within is not None and len(self.scope.own) > 1:
            place = f"{place} account:{self.scope.within.account.address}".strip()
        if not place:
            return query
        return f"({query}) {place}" if isinstance(self.source.tree, Or) else f"{query} {place}"


def _words(searches: list[ServerSearch], *, is_open: bool) -> str:
    done = sum(one.mailboxes_done for one in searches)
    total = sum(one.mailboxes_total for one in searches)
    failed = [one for one in searches if one.status == ServerSearch.Status.FAILED]
    if is_open:
        if not total:
            return _("Searching on the server …")
        return _("Searching on the server … %(done)s of %(total)s mailboxes") % {"done": done, "total": total}
    if failed:
        return _("The search on the server failed: %(reason)s") % {"reason": failed[0].error}
    if any(one.status == ServerSearch.Status.STOPPED for one in searches):
        return _("The search on the server was stopped after %(done)s of %(total)s mailboxes.") % {
            "done": done,
            "total": total,
        }
    return _("The server was searched as well.")


def search_place(source: ListSource | None, request: HttpRequest) -> dict[str, str]:
    """The hidden fields of the search box. A search begun in a mailbox looks everywhere and offers that mailbox; a further one
    keeps the scope that was chosen."""
    if source is None:
        return (
            {name: request.GET[name] for name in ("in", "of", "near") if request.GET.get(name)}
            if request.path == reverse("search")
            else {}
        )
    if source.scope is not None:
        return {name: value for name, value in source.scope.parameters.items() if value}
    if source.mailboxes is not None and source.account is not None:
        return {"near": source.mailboxes[0].public_id}
    return {}
