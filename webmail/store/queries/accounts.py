"""A user's accounts and mailboxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Count, Q
from django.http import Http404

from accounts.models import MailAccount, User
from webmail.store.models import Email, Mailbox, Role


def accounts_of(user: User) -> list[MailAccount]:
    """In the user's order."""
    return list(MailAccount.objects.filter(user=user))


def get_account_for(user: User, public_id: str) -> MailAccount:
    """Raises Http404 when it is not the user's."""
    account = MailAccount.objects.filter(user=user, public_id=public_id).first()
    if account is None:
        raise Http404("no such account")
    return account


def visible_mailboxes(accounts: Sequence[MailAccount]) -> list[Mailbox]:
    """The mailboxes people see: roles first in fixed order, then by name; those gone from the server are hidden."""
    mailboxes = Mailbox.objects.filter(account__in=accounts, missing_since=None)
    return list(mailboxes.order_by("account__position", "sort_order", "name"))


def get_mailbox_for(user: User, public_id: str) -> Mailbox:
    """Raises Http404 when it is not the user's."""
    # Each list request asks this: without an order, which would join more tables for a single row.
    found = Mailbox.objects.filter(account__user=user, public_id=public_id).select_related("account").order_by()
    try:
        return found.get()
    except Mailbox.DoesNotExist:
        raise Http404("no such mailbox") from None


@dataclass
class MailboxNode:
    """A mailbox with its children, for a tree."""

    mailbox: Mailbox
    depth: int = 0
    children: list[MailboxNode] = field(default_factory=list)


@dataclass
class AccountTree:
    """An account with the tops of its mailbox tree and the progress of its first sync."""

    account: MailAccount
    tops: list[MailboxNode]
    progress: SyncProgress

    def flat(self) -> list[MailboxNode]:
        """All nodes, each parent before its children."""
        found: list[MailboxNode] = []
        queue = list(reversed(self.tops))
        while queue:
            node = queue.pop()
            found.append(node)
            queue.extend(reversed(node.children))
        return found


@dataclass(frozen=True)
class SyncProgress:
    """How far the copy of an account has come, in messages. `listed` of `total` are in the lists, `complete` have bytes."""

    total: int
    listed: int
    complete: int

    @property
    def is_listed(self) -> bool:
        return self.listed >= self.total

    @property
    def is_complete(self) -> bool:
        return self.complete >= self.listed >= self.total


def account_trees(user: User) -> list[AccountTree]:
    """All accounts of the user with their trees: three queries, whatever their number."""
    accounts = accounts_of(user)
    by_account: dict[int, list[Mailbox]] = defaultdict(list)
    for mailbox in visible_mailboxes(accounts):
        by_account[mailbox.account_id].append(mailbox)
    progress = sync_progress(accounts)
    return [AccountTree(account, build_tree(by_account[account.pk]), progress[account.pk]) for account in accounts]


def build_tree(mailboxes: Sequence[Mailbox]) -> list[MailboxNode]:
    """Nodes by parent, in the order given; a mailbox whose parent is not among them stands at the top."""
    nodes = {mailbox.pk: MailboxNode(mailbox) for mailbox in mailboxes}
    tops: list[MailboxNode] = []
    for node in nodes.values():
        parent = nodes.get(node.mailbox.parent_id or 0)
        (parent.children if parent else tops).append(node)
    _set_depths(tops)
    return tops


def _set_depths(tops: list[MailboxNode]) -> None:
    queue = [(node, 0) for node in tops]
    while queue:
        node, depth = queue.pop()
        node.depth = depth
        queue += [(child, depth + 1) for child in node.children]


def sync_progress(accounts: Sequence[MailAccount]) -> dict[int, SyncProgress]:
    """The progress of each account. While every mailbox is listed, the total is simply what there is."""
    unlisted = Mailbox.objects.filter(
        account__in=accounts, source=Mailbox.Source.REMOTE, is_selectable=True, missing_since=None
    ).exclude(backfill_uid=1)
    waiting: dict[int, int] = defaultdict(int)
    for account_id, remote_total, total in unlisted.values_list("account_id", "remote_total", "total_emails"):
        waiting[account_id] += max(remote_total - total, 0)
    rows = Email.objects.filter(account__in=accounts).values("account_id")
    counted = {
        row["account_id"]: (row["listed"], row["bodyless"])
        for row in rows.annotate(
            listed=Count("id"), bodyless=Count("id", filter=Q(blob=None, body_error=""))
        ).order_by()
    }
    result = {}
    for account in accounts:
        listed, bodyless = counted.get(account.pk, (0, 0))
        result[account.pk] = SyncProgress(listed + waiting[account.pk], listed, listed - bodyless)
    return result


def mailboxes_with_role(user: User, role: Role, *, view: str = "") -> list[Mailbox]:
    """The mailboxes of one role over all accounts; `view`: without the accounts that are left out of this common view."""
    found = Mailbox.objects.filter(account__user=user, role=role, missing_since=None)
    ordered = found.select_related("account").order_by("account__position")
    return [mailbox for mailbox in ordered if view not in mailbox.account.left_out_of]


def unread_with_role(user: User, role: Role, *, view: str) -> int:
    """What is unread in the mailboxes of that view: conversations or messages, as each mailbox counts."""
    found = Mailbox.objects.filter(account__user=user, role=role, missing_since=None).order_by()
    rows = found.values_list("has_threads", "unread_threads", "unread_emails", "account__left_out_of")
    return sum(
        threads if (user.has_threads if has_threads is None else has_threads) else emails
        for has_threads, threads, emails, left_out_of in rows
        if view not in left_out_of
    )
