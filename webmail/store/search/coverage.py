"""How much of the mail a search looks through: what is not indexed yet is said, not passed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Q

from accounts.models import MailAccount, User
from webmail.store.models import Email, Mailbox


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of `total` Emails `indexed` are searched in whole. Text before `complete_since` may be missing (None: nothing is).

    `is_listed`: all mailboxes are known to their beginning; else there is older mail that we have never seen.
    """

    total: int
    indexed: int
    complete_since: datetime | None
    is_listed: bool

    @property
    def is_complete(self) -> bool:
        return self.complete_since is None and self.is_listed


def coverage(
    user: User, *, accounts: Sequence[MailAccount] | None = None, within: Sequence[Mailbox] | None = None
) -> Coverage:
    """Of the user's mail, or of some accounts, or of mailboxes. Three queries."""
    own = list(MailAccount.objects.filter(user=user)) if accounts is None else accounts
    boxes = Mailbox.objects.filter(account__in=own)
    emails = Email.objects.filter(account__in=own)
    if within is not None:
        ids = [one.pk for one in within]
        boxes, emails = boxes.filter(pk__in=ids), emails.filter(mailbox_rows__mailbox_id__in=ids)
    missing = emails.filter(Q(has_document=False) | Q(is_indexed=False))
    newest = missing.aggregate(newest=Max("received_at"))["newest"]
    total = emails.count()
    unlisted = boxes.filter(source=Mailbox.Source.REMOTE).exclude(backfill_uid=1)
    return Coverage(
        total=total,
        indexed=total - missing.count() if newest is not None else total,
        complete_since=newest,
        is_listed=not unlisted.exists(),
    )
