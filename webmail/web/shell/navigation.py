"""The lines of the sidebar: common views, saved searches, the mailbox tree of each account, labels.

It makes values of rows that were read already; reading is `frame`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import AccountState, MailAccount, User
from webmail.store.models import Mailbox, Role
from webmail.store.queries.accounts import MailboxNode
from webmail.web.text import with_query

TROUBLED = (AccountState.FAILING, AccountState.AUTH_FAILED)
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
    """A line of the sidebar. `key` is what a page gives as `current` to mark it; `address` is empty when it opens nothing."""

    key: str
    name: str
    icon: str
    address: str
    count: int = 0
    is_strong: bool = False
    depth: int = 0
    warning: str = ""  # words for a mark beside it: something needs a look
    is_total: bool = False  # the count is of all messages, not of unread ones
    color: int | None = None
    menu: str = ""  # where its settings are, which is its menu as well
    drop: str = ""  # what is dropped on it: "mailbox" or "label" with its key
    is_favourite: bool = False
    children: tuple[NavItem, ...] = field(default=())

    @property
    def count_words(self) -> str:
        """What the figure says to those who hear it."""
        words = (
            ngettext("%(count)s message", "%(count)s messages", self.count)
            if self.is_total
            else ngettext("%(count)s unread", "%(count)s unread", self.count)
        )
        return words % {"count": self.count}


@dataclass(frozen=True)
class AccountNav:
    """An account with its mailboxes as lines, and how far its first sync has come (None: it is complete)."""

    account: MailAccount
    initial: str
    tree: tuple[NavItem, ...]  # the lines at the top, each with its children
    progress: ListingProgress | None

    @property
    def items(self) -> tuple[NavItem, ...]:
        """All lines, each in front of its children."""
        return tuple(_flat(self.tree))

    @property
    def favourites(self) -> tuple[NavItem, ...]:
        return tuple(item for item in self.items if item.is_favourite)


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


def account_nav(user: User, tree: AccountTree) -> AccountNav:
    """The lines of an account: mailboxes with a role in their fixed order, then the others by name, each with what is inside."""
    tops = [node for node in tree.nodes if node.depth == 0]
    lines = tuple(_mailbox_item(user, tree.account, node) for node in tops)
    return AccountNav(tree.account, account_initial(tree.account), lines, tree.progress)


def _mailbox_item(user: User, account: MailAccount, node: MailboxNode) -> NavItem:
    mailbox = node.mailbox
    role = Role(mailbox.role)
    takes = mailbox.is_selectable and not mailbox.is_read_only
    return NavItem(
        key=mailbox.public_id,
        name=mailbox_title(mailbox),
        icon=ROLE_ICONS[role],
        address=reverse("mailbox", args=[account.public_id, mailbox.public_id]) if mailbox.is_selectable else "",
        count=count_of(user, mailbox),
        is_strong=role == Role.INBOX,
        depth=node.depth,
        warning=mailbox.trouble,
        is_total=role in _TOTALS,
        color=mailbox.color,
        menu=reverse("mailbox_edit", args=[mailbox.public_id]),
        drop="mailbox" if takes else "",
        is_favourite=mailbox.is_favourite,
        children=tuple(_mailbox_item(user, account, child) for child in by_name(node.children)),
    )


def by_name(nodes: Iterable[MailboxNode]) -> list[MailboxNode]:
    """Mailboxes with a role first, then as people look names up: without regard to case."""
    return sorted(nodes, key=lambda node: (node.mailbox.sort_order, node.mailbox.name.casefold(), node.mailbox.name))


def in_order(tops: Iterable[MailboxNode]) -> Iterable[MailboxNode]:
    """Each parent before its children."""
    for node in by_name(tops):
        yield node
        yield from in_order(node.children)


def count_of(user: User, mailbox: Mailbox) -> int:
    """The figure beside a mailbox: what waits in it, everything in Drafts, none where nobody waits for anything."""
    if mailbox.role in _TOTALS:
        return mailbox.total_emails
    if mailbox.role in _UNCOUNTED:
        return 0
    is_threaded = user.has_threads if mailbox.has_threads is None else mailbox.has_threads
    return mailbox.unread_threads if is_threaded else mailbox.unread_emails


def label_items(labels: Sequence[tuple[str, str, int]], addresses: str) -> tuple[NavItem, ...]:
    """Lines of labels given as (public id, name, colour)."""
    return tuple(
        NavItem(
            key=public_id,
            name=name,
            icon="tag",
            address=reverse(addresses, args=[public_id]),
            color=color,
            depth=0,
            menu=reverse("label_edit", args=[public_id]),
            drop="label",
        )
        for public_id, name, color in labels
    )


def search_items(searches: Sequence[tuple[str, str, str]]) -> tuple[NavItem, ...]:
    """Lines of saved searches given as (public id, name, query)."""
    return tuple(
        NavItem(
            key=public_id,
            name=name,
            icon="bookmark",
            address=with_query(reverse("search"), {"q": query}),
            menu=reverse("saved_search", args=[public_id]),
        )
        for public_id, name, query in searches
    )


def _flat(items: Iterable[NavItem]) -> Iterable[NavItem]:
    for item in items:
        yield item
        yield from _flat(item.children)


def mailbox_title(mailbox: Mailbox) -> str:
    """A server's names are kept; mailboxes with a role have the name people know them by."""
    return str(Role(mailbox.role).label) if mailbox.role else mailbox.name


def account_initial(account: MailAccount) -> str:
    """The letter that stands beside an account's colour."""
    return (account.name or account.address)[:1].upper()


def look_words(count: int) -> str:
    """For the mark beside the outbox; empty without any."""
    words = ngettext("%(count)s message needs a look", "%(count)s messages need a look", count)
    return words % {"count": count} if count else ""


def common_names() -> dict[str, str]:
    """What the views over all accounts are called."""
    return {
        "inbox": _("Inbox"),
        "unread": _("Unread"),
        "starred": _("Starred"),
        "drafts": _("Drafts"),
        "sent": _("Sent"),
        "all": _("All mail"),
    }
