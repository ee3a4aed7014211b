"""Where a person's mail stands, as one short text, and what has arrived since such a text was written.

A *position* is `<account>.<modseq>` for each account, joined by commas, and after a `~` a mark of the accounts' conditions (whose
changes move no clock): "a1f.204,a7c.9~5d0a11c2". Pages compare it; nobody but this module looks into it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import MailAccount
from webmail.store.models import ChangeClock, Email, EmailKeyword, EmailMailbox, Mailbox, Role

MUTED = "$muted"
NEWS_SPAN = timedelta(days=7)  # what came earlier is no news, however long a page slept
MAX_ACCOUNTS = 200  # of a position that a request names; more is not ours
_LONGEST = 6_000  # characters of a position


@dataclass
class Position:
    """Clocks by the accounts' public ids, and the mark of their conditions."""

    clocks: dict[str, int] = field(default_factory=dict)
    conditions: str = ""

    def __str__(self) -> str:
        return ",".join(f"{name}.{clock}" for name, clock in sorted(self.clocks.items())) + f"~{self.conditions}"

    def advance(self, account: str, states: Iterable[str]) -> bool:
        """Take over told states of one account; False when it is not known here or nothing of a clock was told."""
        numbers = [int(state) for state in states if state.isdecimal()]
        if not numbers or account not in self.clocks:
            return False
        self.clocks[account] = max(self.clocks[account], *numbers)
        return True


def position_of(user_id: int) -> Position:
    """Where the mail of a person stands now: two small queries."""
    return position_from(list(MailAccount.objects.filter(user_id=user_id)))


def position_from(accounts: Sequence[MailAccount]) -> Position:
    """The same from all accounts of a person, as they have just been read: one query."""
    clocks = dict(ChangeClock.objects.filter(account__in=accounts).values_list("account_id", "modseq"))
    told = "\n".join(f"{one.state} {one.state_reason}" for one in sorted(accounts, key=lambda one: one.pk))
    found = {one.public_id: clocks.get(one.pk, 0) for one in accounts}
    return Position(found, f"{zlib.crc32(told.encode()):x}")


def read_position(text: str) -> Position | None:
    """What `str(Position)` wrote; None for anything else."""
    if not text or len(text) > _LONGEST:
        return None
    clocks, mark, conditions = text.partition("~")
    found = {}
    for part in filter(None, clocks.split(",")[:MAX_ACCOUNTS]):
        name, _dot, number = part.partition(".")
        if not name.isalnum() or not number.isdecimal() or len(number) > 18:
            return None
        found[name] = int(number)
    return Position(found, conditions) if mark else None


# What has arrived ---------------------------------------------------------------------------------------------------


def notifying_mailboxes(accounts: Sequence[MailAccount]) -> QuerySet[Mailbox]:
    """Of whose new mail a person wants to be told: as they chose, else their Inboxes."""
    wanted = Q(notifies=True) | Q(notifies=None, role=Role.INBOX)
    return Mailbox.objects.filter(wanted, account__in=accounts, missing_since=None)


def arrived_since(accounts: Sequence[MailAccount], clocks: Mapping[str, int], *, limit: int) -> list[Email]:
    """Unread Emails that came in after these clocks into mailboxes that notify, newest first, at most `limit`.

    Not those of muted conversations, not what an account brought along when it was connected or listed, and nothing of an
    account whose clock is not given: nobody knows what was seen of it.
    """
    wanted = Q(pk__in=())
    for account in accounts:
        if account.public_id in clocks:
            # The index is on the number of the last change, which is never below that of the first.
            since = clocks[account.public_id]
            wanted |= Q(
                account=account,
                updated_modseq__gt=since,
                created_modseq__gt=since,
                received_at__gt=max(account.created_at, timezone.now() - NEWS_SPAN),
            )
    inside = EmailMailbox.objects.filter(email=OuterRef("pk"), mailbox__in=notifying_mailboxes(accounts))
    muted = EmailKeyword.objects.filter(keyword=MUTED, email__thread=OuterRef("thread"))
    found = Email.objects.filter(wanted, Exists(inside), ~Exists(muted), is_unread=True)
    return list(found.select_related("thread", "account").order_by("-received_at", "-pk")[:limit])


def oldest_received(account: MailAccount) -> datetime | None:
    """When the oldest message of an account that is here was received: one step along the index of its dates."""
    return Email.objects.filter(account=account).order_by("received_at").values_list("received_at", flat=True).first()
