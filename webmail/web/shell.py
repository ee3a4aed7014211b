"""What stands around every page of a signed-in person: common views, account trees, state of the connections.

Templates get it by `shell_of(request)`, so that views of any layer can use the same frame. Each part is read when a template
asks for it: a fragment without a sidebar costs no query for one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import AccountState, MailAccount, User
from webmail.outbox import queries as outbox
from webmail.outbox.queue.overview import Counts, counts_of
from webmail.store.models import Mailbox, Role
from webmail.store.queries.accounts import MailboxNode, accounts_of, build_tree, visible_mailboxes
from webmail.web.text import with_query

_TROUBLED = (AccountState.FAILING, AccountState.AUTH_FAILED)
ROLE_ICONS = {
    Role.INBOX: "inbox",
    Role.DRAFTS: "file-text",
    Role.SENT: "send",
    Role.ARCHIVE: "archive",
    Role.JUNK: "octagon-alert",
    Role.TRASH: "trash-2",
    Role.ALL: "layers",
    Role.FLAGGED: "star",
    Role.NONE: "folder",
}
_TOTALS = (Role.DRAFTS,)
_UNCOUNTED = (Role.JUNK, Role.TRASH, Role.SENT, Role.ARCHIVE, Role.ALL, Role.FLAGGED)


@dataclass(frozen=True)
class NavItem:
    """A line of the sidebar. `key` is what a page gives as `current` to mark it."""

    key: str
    name: str
    icon: str
    address: str
    count: int = 0
    is_strong: bool = False
    depth: int = 0
    warning: str = ""  # words for a mark beside it: something needs a look


@dataclass(frozen=True)
class AccountNav:
    """An account with its mailboxes as lines, and how far its first sync has come (None: it is complete)."""

    account: MailAccount
    initial: str
    items: tuple[NavItem, ...]
    progress: ListingProgress | None

    @property
    def is_troubled(self) -> bool:
        return self.account.state in _TROUBLED


@dataclass(frozen=True)
class ListingProgress:
    """Messages in the lists so far, of how many."""

    done: int
    total: int


@dataclass(frozen=True)
class AccountTree:
    """An account with all nodes of its mailbox tree, each parent before its children."""

    account: MailAccount
    nodes: tuple[MailboxNode, ...]

    @property
    def progress(self) -> ListingProgress | None:
        """How far the first listing is, from the counters at hand; None when it is complete."""
        done = sum(node.mailbox.total_emails for node in self.nodes)
        waiting = sum(
            max(node.mailbox.remote_total - node.mailbox.total_emails, 0)
            for node in self.nodes
            if node.mailbox.is_selectable and not node.mailbox.is_backfilled
        )
        return ListingProgress(done, done + waiting) if waiting else None


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
        return [AccountTree(account, tuple(_in_order(build_tree(by_account[account.pk])))) for account in accounts]

    @cached_property
    def account_list(self) -> list[MailAccount]:
        return [tree.account for tree in self.trees]

    @cached_property
    def has_several(self) -> bool:
        return len(self.trees) > 1

    @cached_property
    def common(self) -> list[NavItem]:
        """The views over all accounts."""
        drafts = outbox.drafts_of(self.user).filter(filed_revision=0).count()
        return [
            NavItem("inbox", _("Inbox"), "inbox", reverse("inbox"), self._unread(Role.INBOX), is_strong=True),
            NavItem("unread", _("Unread"), "mail", reverse("unread")),
            NavItem("starred", _("Starred"), "star", reverse("starred")),
            NavItem("drafts", _("Drafts"), "file-text", reverse("drafts"), drafts + self._total(Role.DRAFTS)),
            *self._outgoing(),
            NavItem("sent", _("Sent"), "send", reverse("sent")),
        ]

    def _outgoing(self) -> Iterable[NavItem]:
        """Scheduled always has its line; the outbox has one while something waits or needs a look."""
        counts = self.outbox_counts
        scheduled = with_query(reverse("outbox"), {"show": "scheduled"})
        yield NavItem("scheduled", _("Scheduled"), "calendar", scheduled, counts.scheduled)
        if counts.waiting or counts.look:
            number = counts.look
            words = ngettext("%(count)s message needs a look", "%(count)s messages need a look", number)
            warning = words % {"count": number} if number else ""
            total = counts.waiting + number
            yield NavItem("outbox", _("Outbox"), "send-horizontal", reverse("outbox"), total, warning=warning)

    @cached_property
    def outbox_counts(self) -> Counts:
        """Messages that have not left, and those a person must look at."""
        return counts_of(self.user)

    @cached_property
    def unread(self) -> int:
        """Unread in the common inbox, for the title."""
        return self._unread(Role.INBOX)

    @cached_property
    def accounts(self) -> list[AccountNav]:
        return [self._account_nav(tree) for tree in self.trees]

    @cached_property
    def checked_at(self) -> datetime | None:
        """The oldest of the accounts' last complete passes: nothing is older than this. None: one never had any."""
        times = [account.last_sync_at for account in self.account_list if account.state != AccountState.PAUSED]
        known = [moment for moment in times if moment is not None]
        return min(known) if known and len(known) == len(times) else None

    @cached_property
    def troubled(self) -> list[MailAccount]:
        return [account for account in self.account_list if account.state in _TROUBLED]

    def account(self, account_id: int) -> MailAccount:
        """One of the user's accounts by row id."""
        return next(account for account in self.account_list if account.pk == account_id)

    @cached_property
    def mailboxes(self) -> dict[int, Mailbox]:
        """All visible mailboxes by row id."""
        return {node.mailbox.pk: node.mailbox for tree in self.trees for node in tree.nodes}

    def _account_nav(self, tree: AccountTree) -> AccountNav:
        items = tuple(self._mailbox_item(tree.account, node.mailbox, node.depth) for node in tree.nodes)
        return AccountNav(tree.account, account_initial(tree.account), items, tree.progress)

    def _mailbox_item(self, account: MailAccount, mailbox: Mailbox, depth: int) -> NavItem:
        role = Role(mailbox.role)
        count = self._count(mailbox)
        address = reverse("mailbox", args=[account.public_id, mailbox.public_id]) if mailbox.is_selectable else ""
        return NavItem(
            mailbox.public_id, mailbox_title(mailbox), ROLE_ICONS[role], address, count, role == Role.INBOX, depth
        )

    def _count(self, mailbox: Mailbox) -> int:
        if mailbox.role in _TOTALS:
            return mailbox.total_emails
        if mailbox.role in _UNCOUNTED:
            return 0
        return mailbox.unread_threads if self.user.has_threads else mailbox.unread_emails

    def _unread(self, role: Role) -> int:
        return sum(self._count(mailbox) for mailbox in self._with_role(role))

    def _total(self, role: Role) -> int:
        return sum(mailbox.total_emails for mailbox in self._with_role(role))

    def _with_role(self, role: Role) -> Iterable[Mailbox]:
        for tree in self.trees:
            if tree.account.is_unified:
                yield from (node.mailbox for node in tree.nodes if node.mailbox.role == role)


def _in_order(tops: Iterable[MailboxNode]) -> Iterable[MailboxNode]:
    for node in tops:
        yield node
        yield from _in_order(node.children)


def mailbox_title(mailbox: Mailbox) -> str:
    """A server's names are kept; mailboxes with a role have the name people know them by."""
    return str(Role(mailbox.role).label) if mailbox.role else mailbox.name


def account_initial(account: MailAccount) -> str:
    """The letter that stands beside an account's colour."""
    return (account.name or account.address)[:1].upper()


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
