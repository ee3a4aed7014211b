"""What stands around every page of a signed-in person: common views, account trees, state of the connections.

Templates get it by `shell_of(request)`, so that views of any layer can use the same frame. Each part is read when a template
asks for it: a fragment without a sidebar costs no query for one. The whole sidebar costs four: accounts, mailboxes, the names of
labels and saved searches, what waits in drafts and outbox.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

from django.db.models import Value
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import AccountState, MailAccount, User
from webmail.outbox.queue.overview import Counts, counts_of
from webmail.store.models import Label, Mailbox, Role, SavedSearch
from webmail.store.queries.accounts import accounts_of, build_tree, unread_with_role, visible_mailboxes
from webmail.store.queries.live import position_from
from webmail.web.shell.navigation import (
    TROUBLED,
    AccountNav,
    AccountTree,
    NavItem,
    account_nav,
    common_names,
    count_of,
    in_order,
    label_items,
    look_words,
    search_items,
)
from webmail.web.text import with_query


class Shell:
    """The frame for one request."""

    def __init__(self, user: User) -> None:
        self.user = user

    @cached_property
    def trees(self) -> list[AccountTree]:
        """All accounts with their mailboxes: two queries."""
        accounts = accounts_of(self.user)
        by_account: dict[int, list[Mailbox]] = {account.pk: [] for account in accounts}
        for mailbox in visible_mailboxes(accounts):
            by_account[mailbox.account_id].append(mailbox)
        return [AccountTree(account, tuple(in_order(build_tree(by_account[account.pk])))) for account in accounts]

    @cached_property
    def position(self) -> str:
        """Where the mail stands: the page compares it with what the stream tells. Asked for before rows are read, so that it is
        never ahead of them."""
        return str(position_from(self.account_list))

    @cached_property
    def account_list(self) -> list[MailAccount]:
        return [tree.account for tree in self.trees]

    @cached_property
    def has_several(self) -> bool:
        return len(self.trees) > 1

    @cached_property
    def common(self) -> list[NavItem]:
        """The views over all accounts."""
        names = common_names()
        drafts = self.outbox_counts.drafts + self._total(Role.DRAFTS)
        return [
            NavItem("inbox", names["inbox"], "inbox", reverse("inbox"), self._unread(Role.INBOX), is_strong=True),
            NavItem("unread", names["unread"], "mail", reverse("unread")),
            NavItem("starred", names["starred"], "star", reverse("starred")),
            NavItem("drafts", names["drafts"], "file-text", reverse("drafts"), drafts, is_total=True),
            *self._outgoing(),
            NavItem("sent", names["sent"], "send", reverse("sent")),
            NavItem("all", names["all"], "layers", reverse("all")),
        ]

    def _outgoing(self) -> Iterable[NavItem]:
        """Scheduled always has its line; the outbox has one while something waits or needs a look."""
        counts = self.outbox_counts
        scheduled = with_query(reverse("outbox"), {"show": "scheduled"})
        yield NavItem("scheduled", _("Scheduled"), "calendar", scheduled, counts.scheduled, is_total=True)
        if counts.waiting or counts.look:
            total = counts.waiting + counts.look
            yield NavItem(
                "outbox",
                _("Outbox"),
                "send-horizontal",
                reverse("outbox"),
                total,
                warning=look_words(counts.look),
                is_total=True,
            )

    @cached_property
    def outbox_counts(self) -> Counts:
        """Messages that have not left, drafts, and what a person must look at: one query."""
        return counts_of(self.user)

    @cached_property
    def _named(self) -> list[tuple[str, str, str, str, int, bool]]:
        """Labels and saved searches in one query: kind, public id, name, query, colour, whether it is shown."""
        labels = Label.objects.filter(user=self.user).order_by()
        searches = SavedSearch.objects.filter(user=self.user).order_by()
        rows = labels.values_list(
            Value("label"), "public_id", "name", "keyword", "color", "is_shown", "position"
        ).union(
            searches.values_list(
                Value("search"), "public_id", "name", "query", Value(0), Value(value=True), "position"
            ),
            all=True,
        )
        return [row[:6] for row in sorted(rows, key=lambda row: (row[6], row[2].casefold()))]

    @cached_property
    def labels(self) -> tuple[NavItem, ...]:
        """Labels across accounts, those that are not hidden."""
        shown = [
            (public_id, name, color)
            for kind, public_id, name, _word, color, is_shown in self._named
            if kind == "label" and is_shown
        ]
        return label_items(shown, "label")

    @cached_property
    def searches(self) -> tuple[NavItem, ...]:
        """Saved searches. Their numbers come later, see `views.organising.search_counts`."""
        return search_items([(row[1], row[2], row[3]) for row in self._named if row[0] == "search"])

    @cached_property
    def unread(self) -> int:
        """Unread in the common inbox, for the title. A pane that comes alone has no trees to read it from."""
        if "trees" in self.__dict__:
            return self._unread(Role.INBOX)
        return unread_with_role(self.user, Role.INBOX, view=Role.INBOX.value)

    @cached_property
    def accounts(self) -> list[AccountNav]:
        return [account_nav(self.user, tree) for tree in self.trees]

    @cached_property
    def checked_at(self) -> datetime | None:
        """The oldest of the accounts' last complete passes: nothing is older than this. None: one never had any."""
        times = [account.last_sync_at for account in self.account_list if account.state != AccountState.PAUSED]
        known = [moment for moment in times if moment is not None]
        return min(known) if known and len(known) == len(times) else None

    @cached_property
    def troubled(self) -> list[MailAccount]:
        return [account for account in self.account_list if account.state in TROUBLED]

    def account(self, account_id: int) -> MailAccount:
        """One of the user's accounts by row id."""
        return next(account for account in self.account_list if account.pk == account_id)

    @cached_property
    def mailboxes(self) -> dict[int, Mailbox]:
        """All visible mailboxes by row id."""
        return {node.mailbox.pk: node.mailbox for tree in self.trees for node in tree.nodes}

    def _unread(self, role: Role) -> int:
        return sum(count_of(self.user, mailbox) for mailbox in self._with_role(role, role.value))

    def _total(self, role: Role) -> int:
        return sum(mailbox.total_emails for mailbox in self._with_role(role, role.value))

    def _with_role(self, role: Role, view: str) -> Iterable[Mailbox]:
        """The mailboxes of a role in the accounts that are part of this common view."""
        for tree in self.trees:
            if view not in tree.account.left_out_of:
                yield from (node.mailbox for node in tree.nodes if node.mailbox.role == role)


def shell_of(request: HttpRequest) -> Shell:
    """The frame of this request, made once. The person must be signed in."""
    found: Shell | None = getattr(request, "_shell", None)
    if found is None:
        user = request.user
        if not isinstance(user, User):
            raise TypeError("only pages of signed-in people have this frame")
        found = Shell(user)
        request._shell = found  # type: ignore[attr-defined]
    return found
