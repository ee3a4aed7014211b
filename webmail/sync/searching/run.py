"""A search at the mail server: mailbox by mailbox, inside the account's lease, found again by `sweep` after a crash.

    waiting -> SEARCH of each mailbox -> messages we know become hits -> those we do not know are listed first, as any listing does
                        |-- stopped, or over its time: the next turn goes on where it was

The row says how far it came. What is listed on the way costs the first listing nothing: it finds those messages known.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import structlog
from django.utils import timezone

from accounts.credentials import CredentialError
from accounts.models import AccountState, Identity, MailAccount, User
from webmail.protocols.errors import PermanentlyRefused, ProtocolError
from webmail.protocols.imap.session import ImapSession
from webmail.store import changes, leases, server_searches
from webmail.store.errors import LeaseLost, StorageFull
from webmail.store.mailboxes import ROLE_ORDER
from webmail.store.models import Mailbox, Role, ServerSearch
from webmail.store.search.parse import QueryFault, parse_query
from webmail.store.search.run import search_emails
from webmail.store.search.tree import Node, wanted_terms
from webmail.sync.connections import account_session
from webmail.sync.errors import SyncError, plain_reason
from webmail.sync.mailbox import imap, placements, plan
from webmail.sync.mailbox.imap import Fence, raw_name_of
from webmail.sync.mailbox.imap_visit import Visit
from webmail.sync.searching.command import Person, ServerQuery, needs_utf8, server_query

log = structlog.get_logger(__name__)

LEASE_S = 60.0
SLICE_S = 40.0  # of one task; then others have their turn and the next round goes on
MAX_HITS = 500  # of one mailbox, the newest: nobody reads more, and each costs a row
_STOPPED = (AccountState.PAUSED, AccountState.AUTH_FAILED)


def search_server(search_id: int) -> None:
    """Carry out one search, or go on with it. Safe to repeat; does nothing while the account's pass is at work: that one looks at
    waiting searches itself (`run_waiting`)."""
    search = ServerSearch.objects.select_related("account", "user", "mailbox").get(pk=search_id)
    if search.status not in ServerSearch.OPEN:
        return
    if search.account.state in _STOPPED:
        server_searches.finish(search, error=_reason_of_stop(search))
        return
    owner = f"{os.uname().nodename}:{os.getpid()}:{threading.get_ident()}"
    with leases.leased(f"account:{search.account_id}", owner=owner, seconds=LEASE_S) as lease:
        if lease is not None:
            _carry_out(search, lease, deadline=time.monotonic() + SLICE_S)


def run_waiting(account: MailAccount, lease: Fence, *, deadline: float) -> None:
    """The searches of an account whose pass holds the lease: somebody waits for them."""
    rows = ServerSearch.objects.filter(account=account, status__in=ServerSearch.OPEN).order_by("id")
    for search in rows.select_related("account", "user", "mailbox"):
        _carry_out(search, lease, deadline=deadline)


def _carry_out(search: ServerSearch, lease: Fence, *, deadline: float) -> None:
    try:
        _Run(search, lease, deadline).go()
    except (LeaseLost, StorageFull):
        raise
    except QueryFault as error:  # a label or mailbox it names is gone meanwhile
        server_searches.finish(search, error=str(error))
    except (ProtocolError, CredentialError, SyncError) as error:
        log.info("search.server_failed", search=search.pk, error=type(error).__name__)
        server_searches.finish(search, error=_failure_of(error))
    changes.announce(search.account_id, {})


def _reason_of_stop(search: ServerSearch) -> str:
    return str(search.account.state_reason or search.account.get_state_display())


def _failure_of(error: Exception) -> str:
    if isinstance(error, PermanentlyRefused) and error.code == "BADCHARSET":
        return "The server searches for plain letters only, without accents."
    return plain_reason(error)


class _Run:
    """One turn of one search."""

    def __init__(self, search: ServerSearch, lease: Fence, deadline: float) -> None:
        self.search, self.lease, self.deadline = search, lease, deadline
        self.account: MailAccount = search.account
        self.zone = _zone_of(search.user)

    def go(self) -> None:
        """Mailbox after mailbox from where it stands."""
        tree = parse_query(self.search.query)
        if tree is None:
            server_searches.finish(self.search)
            return
        query = server_query(tree, self._person())
        places = self._mailboxes(tree) if query.keys else []
        done = min(self.search.mailboxes_done, len(places))
        if not self._note(done, len(places)):
            return
        with account_session(self.account) as session:
            for mailbox in places[done:]:
                if time.monotonic() >= self.deadline:
                    return
                self._search(session, mailbox, query)
                done += 1
                if not self._note(done, len(places)):
                    return
        server_searches.finish(self.search)

    def _note(self, done: int, total: int) -> bool:
        is_wanted = server_searches.note_progress(self.search, done=done, total=total)
        changes.announce(self.account.pk, {})
        return is_wanted

    def _person(self) -> Person:
        found = [self.search.user.email, self.account.address]
        found += Identity.objects.filter(account=self.account).values_list("email", flat=True)
        return Person(list(dict.fromkeys(one.lower() for one in found if one)), timezone.now().astimezone(self.zone))

    def _mailboxes(self, tree: Node) -> list[Mailbox]:
        """Where to ask, in an order that stays: Inbox and roles first. Outside Junk and Trash unless the query names a place."""
        rows = Mailbox.objects.filter(account=self.account, source=Mailbox.Source.REMOTE)
        if self.search.mailbox_id:
            return list(rows.filter(pk=self.search.mailbox_id))
        names_place = any(term.operator == "in" for term in wanted_terms(tree))
        hidden = () if names_place else (Role.JUNK, Role.TRASH)
        found = [one for one in rows if one.is_selectable and one.remote_name and one.role not in hidden]
        others = len(ROLE_ORDER)
        return sorted(found, key=lambda one: (ROLE_ORDER[one.role] if one.role else others, one.pk))

    def _search(self, session: ImapSession, mailbox: Mailbox, query: ServerQuery) -> None:
        if mailbox.uidvalidity is None:  # never looked at: what its UIDs mean is noted first
            imap.sync_mailbox(session, mailbox, self.lease, deadline=self.deadline, may_backfill=False)
            mailbox.refresh_from_db()
        try:
            selected = session.select(raw_name_of(mailbox))
        except PermanentlyRefused as error:
            log.info("search.mailbox_refused", mailbox=mailbox.pk, code=error.code)
            return  # one mailbox that cannot be opened keeps nobody from the others
        if selected.uidvalidity != mailbox.uidvalidity:
            return  # the next pass makes sense of it
        uids = session.search_keys(query.keys, is_utf8=needs_utf8(query.keys)).newest(MAX_HITS)
        unknown = sorted(set(uids) - set(placements.known_at(mailbox, uids)))
        if unknown:
            visit = Visit(session, mailbox, selected, self.lease, began_at=timezone.now(), may_backfill=False)
            visit.list_batches(plan.batches(unknown), after=lambda _number: {})
        known = placements.known_at(mailbox, uids).values()
        self._add([one.email_id for one in known], query.local)

    def _add(self, email_ids: Sequence[int], local: Node | None) -> None:
        """Hits of the server that fulfil the rest of the query too."""
        found = set(email_ids)
        if local is not None and found:
            mailbox = self.search.mailbox
            hits = search_emails(
                self.search.user, local, within=[mailbox] if mailbox else None, accounts=[self.account], zone=self.zone
            )
            found &= set(hits.order_by().values_list("pk", flat=True))
        server_searches.add_hits(self.search, found)


def _zone_of(user: User) -> tzinfo:
    return ZoneInfo(user.timezone) if user.timezone else UTC
