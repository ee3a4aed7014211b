"""How far an account has been fetched, and what of it takes room here: for its settings page."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, Sum
from django.utils import timezone

from accounts.models import MailAccount
from webmail.store.models import BlobLink, Email, Mailbox, Traffic
from webmail.store.queries.accounts import sync_progress


@dataclass(frozen=True)
class FetchingState:
    """Counts are of messages. `listed` of `total` stand in the lists; of the listed, `whole` are here with all their bytes and
    `text_only` without attachments; `refused` cannot be had. `is_listed`: the first listing is complete."""

    total: int
    listed: int
    whole: int
    text_only: int
    refused: int
    is_listed: bool
    bytes_here: int
    bytes_today: int
    troubled: list[Mailbox]

    @property
    def waiting(self) -> int:
        """Listed messages of which nothing else is here yet."""
        return max(self.listed - self.whole - self.text_only - self.refused, 0)


def fetching_state(account: MailAccount) -> FetchingState:
    """The state of one account: a handful of counting queries, for a page that is rarely opened."""
    progress = sync_progress([account])[account.pk]
    counted = Email.objects.filter(account=account).aggregate(
        whole=Count("id", filter=Q(blob__isnull=False)),
        text_only=Count("id", filter=Q(blob=None, text_blob__isnull=False)),
        refused=Count("id", filter=Q(blob=None, text_blob=None) & ~Q(body_error="")),
    )
    today = Traffic.objects.filter(account=account, day=timezone.now().date()).first()
    stored = BlobLink.objects.filter(account=account, kind=BlobLink.Kind.MESSAGE)
    mailboxes = Mailbox.objects.filter(account=account, missing_since=None)
    unlisted = mailboxes.filter(source=Mailbox.Source.REMOTE, is_selectable=True).exclude(backfill_uid=1)
    return FetchingState(
        total=progress.total,
        listed=progress.listed,
        whole=counted["whole"],
        text_only=counted["text_only"],
        refused=counted["refused"],
        is_listed=not unlisted.exists(),
        bytes_here=stored.aggregate(size=Sum("blob__size_bytes"))["size"] or 0,
        bytes_today=today.bytes_down if today else 0,
        troubled=list(mailboxes.exclude(trouble="").order_by("name")),
    )
