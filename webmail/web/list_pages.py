"""A window of a list for one request: its rows, its neighbours' addresses, and its state.

The rows of a window are kept as they were written for as long as their state stays the same, per person and in this process: a
list that is asked for again and again (a page that comes back, a second tab, a renewal where nothing changed) costs a comparison.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

from django.template.loader import render_to_string
from django.utils import timezone, translation
from markupsafe import Markup

from webmail.store.models import Label, Role
from webmail.store.queries.emails import PAGE_SIZE
from webmail.store.queries.labels import labels_by_keyword
from webmail.store.queries.orders import states_of_accounts
from webmail.store.queries.windows import MAX_WINDOW
from webmail.web.lists import ListSource
from webmail.web.requests import UserRequest
from webmail.web.rows import Row, RowContext, build_rows, draft_rows, own_addresses
from webmail.web.shell import Shell, shell_of

MAX_KEPT_CHARS = 8_000_000  # of all windows together, in this process; one of 50 rows has about 80,000
_MAX_DIGITS = 7  # of a number in an address


@dataclass(frozen=True)
class Place:
    """Which rows a request asks for, and which of them is open."""

    at: int
    limit: int
    open_id: str

    @classmethod
    def of(cls, request: UserRequest, open_id: str) -> Place:
        """From the parameters `at` and `n`."""
        limit = min(_integer(request.GET.get("n", "")) or PAGE_SIZE, MAX_WINDOW)
        return cls(_integer(request.GET.get("at", "")), limit, open_id)


@dataclass(frozen=True)
class Window:
    """The rows of a list from index `at` on, before they are written; `drafts` are messages being written here."""

    rows: list[Row]
    drafts: list[Row]
    at: int
    total: int
    state: str
    open_id: str
    is_counted: bool = True  # else `total` is what is known so far: there are more


@dataclass(frozen=True)
class Written:
    """A window as HTML, and what the page around it must know of it."""

    html: str
    at: int
    total: int
    is_empty: bool
    is_counted: bool


@dataclass(frozen=True)
class ListPage:
    """A window of a list as templates show it, at most `limit` rows."""

    source: ListSource
    written: Written
    limit: int
    open_id: str
    etag: str = ""  # empty: the rows may change without any change of the accounts

    @property
    def html(self) -> Markup:
        return Markup(self.written.html)  # noqa: S704 - written by mail/_window.html, which escapes

    @property
    def is_empty(self) -> bool:
        return self.written.is_empty

    @cached_property
    def older(self) -> str:
        """Address of the next page, empty at the end."""
        behind = self.written.at + self.limit
        return self.source.link(at=behind) if behind < self.written.total else ""

    @cached_property
    def newer(self) -> str:
        """Address of the page before, empty at the beginning."""
        at = self.written.at
        return self.source.link(at=max(at - self.limit, 0) or None) if at else ""


class ListReader:
    """Reads windows of one list for one request."""

    def __init__(self, request: UserRequest, source: ListSource) -> None:
        self.request, self.source = request, source

    @cached_property
    def labels(self) -> dict[str, Label]:
        return labels_by_keyword(self.request.user)

    @cached_property
    def shell(self) -> Shell:
        return shell_of(self.request)

    @cached_property
    def state(self) -> str:
        """Another text whenever rows may look different: mail, identities, labels, accounts, language, zone, day."""
        source = self.source
        accounts = self.shell.account_list if source.account is None else ()
        parts = (
            states_of_accounts(source.account_ids),
            [(label.public_id, label.name, label.color) for label in self.labels.values()],
            [(account.pk, account.name, account.address, account.color) for account in accounts],
            source.is_threaded,
            translation.get_language(),
            timezone.get_current_timezone_name(),
            timezone.localdate(),
        )
        return blake2b(repr(parts).encode(), digest_size=12).hexdigest()

    def page(self, place: Place, *, is_first: bool = False) -> ListPage:
        """One window; of a place behind the end the last page. `is_first`: of a list that is long to count, as many as are
        shown."""
        key = (self.request.user.pk, self.source.address, place)
        etag = f'W/"{self.state}"'
        written = _kept.find(key, self.state) if self._may_keep else None
        if written is None:
            window = self._read(place, is_first=is_first)
            written = self._write(window)
            # A body that is still to be read gives its row another snippet one day, which is no change of the account.
            if self._may_keep and all(row.is_settled for row in window.rows):
                _kept.keep(key, self.state, written)
            else:
                etag = ""
        return ListPage(self.source, written, place.limit, place.open_id, etag)

    def _read(self, place: Place, *, is_first: bool) -> Window:
        source, at, limit = self.source, place.at, place.limit
        state = self.state  # before the rows: what comes meanwhile makes it another one
        first = source.read_first(at, limit) if is_first else None
        if first is not None:
            keys, total = first
        else:
            total = source.total
            if at >= total:
                at = max(total - 1, 0) // limit * limit
            keys = source.read_window(at, limit)
        context = self._row_context(at)
        user = self.request.user
        has_drafts = source.role == Role.DRAFTS and not at
        return Window(
            rows=build_rows(user, keys, context, at=at),
            drafts=draft_rows(user, source, context.accounts) if has_drafts else [],
            at=at,
            total=total,
            state=state,
            open_id=place.open_id,
            is_counted=total <= at + len(keys) or first is None,
        )

    def _write(self, window: Window) -> Written:
        context: Mapping[str, object] = {"page": window, "source": self.source}
        html = render_to_string("mail/_window.html", context, self.request, using="jinja2")
        is_empty = not window.rows and not window.drafts
        return Written(html, window.at, window.total, is_empty, window.is_counted)

    @property
    def _may_keep(self) -> bool:
        """Hits of a search, drafts and what became of sent mail change by themselves."""
        return not self.source.is_search and not self.source.is_outgoing

    def _row_context(self, at: int) -> RowContext:
        source, shell = self.source, self.shell
        shows_account = source.account is None and shell.has_several
        here = source.link(at=at or None)
        return RowContext(
            source=source,
            own=own_addresses(self.request.user),
            accounts={account.pk: account for account in shell.account_list} if shows_account else {},
            mailboxes=shell.mailboxes if source.emails is not None else {},
            labels=self.labels,
            open_address=f"{here}{'&' if '?' in here else '?'}t=",
        )


def read_list(request: UserRequest, source: ListSource, *, open_id: str = "") -> ListPage:
    """One window of a list, from the index that the request names."""
    return ListReader(request, source).page(Place.of(request, open_id), is_first=True)


def _integer(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else 0


_Key = tuple[int, str, Place]


class _KeptWindows:
    """Windows as they were written last, those asked for least go first."""

    def __init__(self) -> None:
        self._found: OrderedDict[_Key, tuple[str, Written]] = OrderedDict()
        self._chars = 0
        self._lock = threading.Lock()

    def find(self, key: _Key, state: str) -> Written | None:
        """This window, if it was written in this state."""
        with self._lock:
            found = self._found.get(key)
            if found is None or found[0] != state:
                return None
            self._found.move_to_end(key)
            return found[1]

    def keep(self, key: _Key, state: str, written: Written) -> None:
        """Keep it instead of what was kept of this window."""
        with self._lock:
            before = self._found.pop(key, None)
            self._found[key] = (state, written)
            self._chars += len(written.html) - (len(before[1].html) if before else 0)
            while self._chars > MAX_KEPT_CHARS and len(self._found) > 1:
                _oldest, (_state, gone) = self._found.popitem(last=False)
                self._chars -= len(gone.html)


_kept = _KeptWindows()
