"""Which bytes of an account are fetched next, and from which place (sync Y28).

    opened by somebody -> small messages, whole -> texts of large ones -> the rest, as far as the account keeps it

Each newest first. Only rows are read here; what is fetched is in `bodies` and `text_parts`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone

from accounts.models import MailAccount
from accounts.models.mail_account import KeepBodies
from webmail.store.models import Email, Placement
from webmail.store.sql import chunks

SMALL_BYTES = 65_536  # such messages are fetched whole at once: reading and searching work while little was fetched
BATCH = 200  # messages of one fsync (Y91)
QUEUE = 2_000  # messages that are looked up at once
QUEUE_BYTES = 268_435_456  # of them together, streamed
BATCH_BYTES = 16_000_000  # of one batch, held in memory until they are durable (Y94)


class Stage(Enum):
    """What is fetched of a message."""

    WHOLE = "whole"
    TEXT = "text"


@dataclass(frozen=True)
class Wanted:
    """A message without bytes, and one place to have them from."""

    email_id: int
    mailbox_id: int
    uidvalidity: int
    uid: int
    size_bytes: int


@dataclass(frozen=True)
class Batch:
    """Messages to fetch together."""

    stage: Stage
    wanted: list[Wanted]

    def by_mailbox(self) -> dict[int, list[Wanted]]:
        """The messages of each mailbox, in order."""
        grouped: dict[int, list[Wanted]] = defaultdict(list)
        for item in self.wanted:
            grouped[item.mailbox_id].append(item)
        return dict(grouped)


def missing(account_id: int) -> QuerySet[Email]:
    """Emails whose whole bytes are not here and could be had."""
    return Email.objects.filter(account_id=account_id, blob=None, body_error="", orphaned_at=None)


def wanted_now(account: MailAccount) -> QuerySet[Email]:
    """Those of which something is still to be fetched, as far as the account keeps messages whole."""
    rows = missing(account.pk)
    if account.keep_bodies == KeepBodies.ALL:
        return rows
    return rows.filter(Q(body_wanted_at__isnull=False) | Q(text_blob=None) | _kept_whole(account))


def next_batch(account: MailAccount, passed_over: Collection[int], *, has_texts: bool = True) -> Batch | None:
    """What comes next of one stage, newest first; None when nothing can be had now. `has_texts` False: large messages come
    whole at once."""
    has_place = missing(account.pk).filter(placements__uid__isnull=False, placements__gone_at=None)
    no_text = Q(text_blob=None)
    for stage, part in (
        (Stage.WHOLE, Q(body_wanted_at__isnull=False)),
        (Stage.WHOLE, no_text & Q(size_bytes__lte=SMALL_BYTES)),
        (Stage.TEXT, no_text),
        (Stage.WHOLE, _kept_whole(account)),
    ):
        if stage is Stage.TEXT and not has_texts:
            continue
        limit = BATCH if stage is Stage.TEXT else QUEUE
        found = has_place.filter(part).order_by("-received_at").values_list("id", flat=True)
        ids = [pk for pk in dict.fromkeys(found[: limit + 2 * len(passed_over)]) if pk not in passed_over][:limit]
        if wanted := places(ids):
            return Batch(stage, wanted if stage is Stage.TEXT else cut_to_size(wanted, QUEUE_BYTES))
    return None


def bytes_without_text(account_id: int) -> int:
    """How much there is still to fetch of messages of which nothing is here."""
    left = missing(account_id).filter(text_blob=None).aggregate(size=Sum("size_bytes"))["size"]
    return left or 0


def places(email_ids: Sequence[int]) -> list[Wanted]:
    """One place on the server for each Email that has one, in the order given."""
    found: dict[int, Wanted] = {}
    for chunk in chunks(email_ids):
        rows = Placement.objects.filter(
            email_id__in=chunk, uid__isnull=False, gone_at=None, uidvalidity=F("mailbox__uidvalidity")
        ).values_list("email_id", "mailbox_id", "uidvalidity", "uid", "email__size_bytes")
        found |= {row[0]: Wanted(row[0], row[1], row[2] or 0, row[3] or 0, row[4]) for row in rows}
    return [found[pk] for pk in email_ids if pk in found]


def cut(wanted: Iterable[Wanted]) -> list[list[Wanted]]:
    """The messages in lists that each may be held in memory at once."""
    rest = list(wanted)
    groups = []
    while rest:
        group = cut_to_size(rest, BATCH_BYTES)
        groups.append(group)
        rest = rest[len(group) :]
    return groups


def _kept_whole(account: MailAccount) -> Q:
    """Messages with a text whose rest is fetched by itself."""
    if account.keep_bodies == KeepBodies.ON_DEMAND:
        return Q(pk__in=())
    if account.keep_bodies == KeepBodies.RECENT:
        return Q(received_at__gte=timezone.now() - timedelta(days=account.keep_days))
    return Q()


def cut_to_size(wanted: list[Wanted], limit_bytes: int) -> list[Wanted]:
    """The first of the messages that have so many bytes together; one at least."""
    total = 0
    for number, item in enumerate(wanted):
        total += item.size_bytes
        if total > limit_bytes and number:
            return wanted[:number]
    return wanted
