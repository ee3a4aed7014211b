"""The bytes of messages that are listed already: small ones first, newest first, one fsync for each batch (sync Y91, Y94).

A message somebody has opened is fetched at once, ahead of the queue, by `fetch_body`. Nothing here sets \\Seen (Y93). A message
that cannot be had says so in `body_error` and is not asked for again, until it turns up at another place.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet

from accounts.models import AccountState
from webmail.mime.limits import MAX_MESSAGE_BYTES
from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.session import ImapSession
from webmail.store import blobs, changes, emails
from webmail.store.models import Email, Mailbox, Placement
from webmail.sync.connections import account_session
from webmail.sync.imap import Fence, raw_name_of

log = structlog.get_logger(__name__)

SMALL_BYTES = 65_536  # such messages come first: reading and searching work while little was fetched (design 5)
BATCH = 200  # messages of one fsync (Y91)
BATCH_BYTES = 32_000_000  # of one batch, held in memory until they are durable
MAX_TRIES = 3  # answers without the message, before it counts as gone

TOO_LARGE = "This message is larger than 60 MB and was not fetched. It is still on the server."
NOT_THERE = "The server no longer has this message."


@dataclass(frozen=True)
class _Wanted:
    """A message without bytes, and one place to have them from."""

    email_id: int
    mailbox_id: int
    uidvalidity: int
    uid: int
    size_bytes: int


def has_missing(account_id: int) -> bool:
    """Whether bytes of the account's messages are still to be fetched."""
    return _missing(account_id).exists()


def fetch_missing(session: ImapSession, account_id: int, lease: Fence, *, deadline: float) -> bool:
    """Fetch bodies until `deadline` (of `time.monotonic`); returns whether all that can be had now are here. Safe to repeat
    at any point.

    Raises what the session raises, `LeaseLost` and `StorageFull`; batches that were committed stay.
    """
    _refuse_too_large(account_id)
    passed_over: set[int] = set()
    while batch := _next_batch(account_id, passed_over):
        if time.monotonic() >= deadline:
            return False
        for mailbox_id, wanted in _by_mailbox(batch).items():
            try:
                passed_over |= _fetch_from(session, account_id, mailbox_id, wanted, lease)
            except PermanentlyRefused as error:
                log.info("sync.bodies_refused", mailbox=mailbox_id, code=error.code)
                passed_over |= {item.email_id for item in wanted}
    return True


def fetch_body(email_id: int) -> None:
    """The bytes of one message, because somebody waits for them. Safe to repeat; does nothing when they are here.

    Raises what the connection raises: the message stays wanted, and the page says that the server is away.
    """
    email = Email.objects.select_related("account").filter(pk=email_id, blob=None, body_error="").first()
    if email is None or email.account.is_pop3 or email.account.state in _STOPPED:
        return
    if email.size_bytes > MAX_MESSAGE_BYTES:
        _give_up(email.account_id, [email.pk], TOO_LARGE)
        return
    places = _places([email.pk])
    if not places:
        return  # between two places: the next pass finds it
    with account_session(email.account) as session:
        for place in places:
            raw = _fetch_one(session, place)
            if raw is not None:
                emails.attach_blobs(email.account_id, [(email.pk, blobs.put_blob(raw).pk)])
                changes.announce(email.account_id, {})
                return
    _count_misses(email.account_id, [email.pk])


_STOPPED = (AccountState.PAUSED, AccountState.AUTH_FAILED)


def _fetch_one(session: ImapSession, place: _Wanted) -> bytes | None:
    mailbox = Mailbox.objects.get(pk=place.mailbox_id)
    try:
        if session.select(raw_name_of(mailbox), read_only=True).uidvalidity != place.uidvalidity:
            return None
        return session.fetch_message(place.uid, max_bytes=MAX_MESSAGE_BYTES)
    except PermanentlyRefused as error:
        if error.code == "TOOBIG":
            _give_up(mailbox.account_id, [place.email_id], TOO_LARGE)
        return None


# What is missing ------------------------------------------------------------------------------------------------------


def _missing(account_id: int) -> QuerySet[Email]:
    return Email.objects.filter(account_id=account_id, blob=None, body_error="", orphaned_at=None)


def _next_batch(account_id: int, passed_over: set[int]) -> list[_Wanted]:
    """Opened ones, then small ones, then large ones, each newest first; as many as one batch may hold."""
    missing = _missing(account_id).filter(placements__uid__isnull=False, placements__gone_at=None)
    for part in (Q(body_wanted_at__isnull=False), Q(size_bytes__lte=SMALL_BYTES), Q()):
        found = missing.filter(part).order_by("-received_at").values_list("id", flat=True)
        ids = [pk for pk in dict.fromkeys(found[: BATCH + 2 * len(passed_over)]) if pk not in passed_over][:BATCH]
        if places := _places(ids):
            return _cut_to_size(places)
    return []


def _places(email_ids: Sequence[int]) -> list[_Wanted]:
    """One place on the server for each Email that has one, in the order given."""
    rows = Placement.objects.filter(
        email_id__in=email_ids, uid__isnull=False, gone_at=None, uidvalidity=F("mailbox__uidvalidity")
    ).values_list("email_id", "mailbox_id", "uidvalidity", "uid", "email__size_bytes")
    places = {row[0]: _Wanted(row[0], row[1], row[2] or 0, row[3] or 0, row[4]) for row in rows}
    return [places[pk] for pk in email_ids if pk in places]


def _cut_to_size(wanted: list[_Wanted]) -> list[_Wanted]:
    total = 0
    for number, item in enumerate(wanted):
        total += item.size_bytes
        if total > BATCH_BYTES and number:
            return wanted[:number]
    return wanted


def _by_mailbox(batch: Iterable[_Wanted]) -> dict[int, list[_Wanted]]:
    grouped: dict[int, list[_Wanted]] = defaultdict(list)
    for item in batch:
        grouped[item.mailbox_id].append(item)
    return dict(grouped)


# Fetching -------------------------------------------------------------------------------------------------------------


def _fetch_from(
    session: ImapSession, account_id: int, mailbox_id: int, wanted: Sequence[_Wanted], lease: Fence
) -> set[int]:
    """Fetch these from one mailbox; returns the Emails that must wait for the next pass."""
    mailbox = Mailbox.objects.get(pk=mailbox_id)
    selected = session.selected
    if selected is None or selected.raw_name != raw_name_of(mailbox):
        selected = session.select(raw_name_of(mailbox), read_only=True)
    if selected.uidvalidity != mailbox.uidvalidity:
        return {item.email_id for item in wanted}  # the next pass of the mailbox relinks them
    email_of = {item.uid: item.email_id for item in wanted}
    too_large: list[int] = []
    raws: dict[int, bytes] = {}
    for uid, raw in session.fetch_messages(list(email_of)):
        if len(raw) > MAX_MESSAGE_BYTES:
            too_large.append(email_of[uid])
        else:
            raws[email_of[uid]] = raw
    _store(account_id, raws, lease)
    _give_up(account_id, too_large, TOO_LARGE)
    missed = [pk for pk in email_of.values() if pk not in raws and pk not in too_large]
    _count_misses(account_id, missed)
    return set(missed)


def _store(account_id: int, raws: Mapping[int, bytes], lease: Fence) -> None:
    """Bytes first, one fsync; rows after (R88)."""
    if not raws:
        return
    stored = blobs.put_blobs(list(raws.values()))
    with transaction.atomic():
        lease.check()
        emails.attach_blobs(account_id, [(pk, blob.pk) for pk, blob in zip(raws, stored, strict=True)])


def _count_misses(account_id: int, email_ids: Sequence[int]) -> None:
    """The server answered without these. They may have moved a moment ago, so only several misses count."""
    if not email_ids:
        return
    Email.objects.filter(pk__in=email_ids, blob=None).update(body_failures=F("body_failures") + 1)
    lost = Email.objects.filter(pk__in=email_ids, blob=None, body_failures__gte=MAX_TRIES)
    _give_up(account_id, list(lost.values_list("id", flat=True)), NOT_THERE)


def _refuse_too_large(account_id: int) -> None:
    large = _missing(account_id).filter(size_bytes__gt=MAX_MESSAGE_BYTES)
    _give_up(account_id, list(large.values_list("id", flat=True)), TOO_LARGE)


def _give_up(account_id: int, email_ids: Sequence[int], reason: str) -> None:
    if not email_ids:
        return
    with transaction.atomic():
        Email.objects.filter(pk__in=email_ids, blob=None).update(body_error=reason, body_wanted_at=None)
        changes.announce(account_id, {})
    log.info("sync.bodies_given_up", account=account_id, count=len(email_ids))
