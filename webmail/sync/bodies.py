"""The bytes of messages that are listed already, in the order of `body_queue`, one fsync for each batch (sync Y28, Y91, Y94).

A message somebody has opened is fetched at once, ahead of the queue, by `fetch_body`. Nothing here sets \\Seen (Y93). A message
that cannot be had says so in `body_error` and is not asked for again, until it turns up at another place. A message larger
than one buffer goes to the store piece by piece.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import chain

import structlog
from django.db import transaction
from django.db.models import F

from accounts.models import AccountState, MailAccount
from accounts.models.mail_account import KeepBodies
from webmail.mime.limits import MAX_MESSAGE_BYTES
from webmail.protocols.errors import PermanentlyRefused
from webmail.protocols.imap.session import ImapSession
from webmail.store import blobs, changes, emails
from webmail.store.models import Blob, Email, Mailbox
from webmail.sync import body_queue, budget, text_parts
from webmail.sync.body_queue import Stage, Wanted
from webmail.sync.connections import account_session
from webmail.sync.imap import Fence, raw_name_of

log = structlog.get_logger(__name__)

STREAM_BYTES = 8_388_608  # a larger message is not held whole (Y94)
PIECE_BYTES = 2_097_152  # of such a message, in memory at a time
MAX_TRIES = 3  # answers without the message, before it counts as gone

TOO_LARGE = "This message is larger than 60 MB and was not fetched. It is still on the server."
NOT_THERE = "The server no longer has this message."

_STOPPED = (AccountState.PAUSED, AccountState.AUTH_FAILED)


def has_missing(account: MailAccount) -> bool:
    """Whether bytes of the account's messages are still to be fetched, as far as it keeps them."""
    return body_queue.wanted_now(account).exists()


def fetch_missing(session: ImapSession, account: MailAccount, lease: Fence, *, deadline: float) -> bool:
    """Fetch texts and bodies until `deadline` (of `time.monotonic`); returns whether all that can be had now are here.
    Safe to repeat at any point.

    Ends early, as if all were here, when the account's bytes of the day are used up (`budget.is_spent`): the next pass
    looks again. Raises what the session raises, `LeaseLost` and `StorageFull`; batches that were committed stay.
    """
    _refuse_too_large(account.pk)
    passed_over: set[int] = set()
    while (batch := body_queue.next_batch(account, passed_over)) is not None:
        if time.monotonic() >= deadline:
            return False
        if budget.is_spent(account):
            log.info("sync.budget_spent", account=account.pk)
            return True
        for mailbox_id, wanted in batch.by_mailbox().items():
            try:
                passed_over |= _fetch_from(session, account, mailbox_id, wanted, lease, batch.stage)
            except PermanentlyRefused as error:
                log.info("sync.bodies_refused", mailbox=mailbox_id, code=error.code)
                passed_over |= {item.email_id for item in wanted}
        budget.count_session(account.pk, session)
    return True


def fetch_body(email_id: int) -> None:
    """The bytes of one message, because somebody waits for them, whatever the day's budget says. Safe to repeat; does
    nothing when they are here.

    Raises what the connection raises: the message stays wanted, and the page says that the server is away.
    """
    email = Email.objects.select_related("account").filter(pk=email_id, blob=None, body_error="").first()
    if email is None or email.account.is_pop3 or email.account.state in _STOPPED:
        return
    if email.size_bytes > MAX_MESSAGE_BYTES:
        _give_up(email.account_id, [email.pk], TOO_LARGE)
        return
    places = body_queue.places([email.pk])
    if not places:
        return  # between two places: the next pass finds it
    with account_session(email.account) as session:
        for place in places:
            blob = _fetch_one(session, place)
            if blob is not None:
                emails.attach_blobs(email.account_id, [(email.pk, blob.pk)], keeps_text=_keeps_text(email.account))
                changes.announce(email.account_id, {})
                return
    _count_misses(email.account_id, [email.pk])


def _keeps_text(account: MailAccount) -> bool:
    return account.keep_bodies != KeepBodies.ALL


# Fetching -------------------------------------------------------------------------------------------------------------


def _fetch_one(session: ImapSession, place: Wanted) -> Blob | None:
    """The bytes from this place, stored; None when they are not to be had there."""
    mailbox = Mailbox.objects.get(pk=place.mailbox_id)
    try:
        if session.select(raw_name_of(mailbox), read_only=True).uidvalidity != place.uidvalidity:
            return None
        if place.size_bytes > STREAM_BYTES:
            return _stream(session, place.uid)
        raw = session.fetch_message(place.uid, max_bytes=MAX_MESSAGE_BYTES)
        return blobs.put_blob(raw) if raw is not None else None
    except PermanentlyRefused as error:
        if error.code == "TOOBIG":
            _give_up(mailbox.account_id, [place.email_id], TOO_LARGE)
        return None


def _stream(session: ImapSession, uid: int) -> Blob | None:
    """A large message piece by piece into the store (Y94). A server that sends no pieces is asked for the whole."""
    pieces = session.fetch_message_pieces(uid, piece_bytes=PIECE_BYTES, max_bytes=MAX_MESSAGE_BYTES)
    try:
        first = next(pieces, None)
        return blobs.put_stream(chain([first], pieces)) if first is not None else None
    except PermanentlyRefused as error:
        if error.code != "PARTIAL":
            raise
    raw = session.fetch_message(uid, max_bytes=MAX_MESSAGE_BYTES)
    return blobs.put_blob(raw) if raw is not None else None


def _fetch_from(
    session: ImapSession, account: MailAccount, mailbox_id: int, wanted: Sequence[Wanted], lease: Fence, stage: Stage
) -> set[int]:
    """Fetch these from one mailbox; returns the Emails that must wait for the next pass."""
    mailbox = Mailbox.objects.get(pk=mailbox_id)
    selected = session.selected
    if selected is None or selected.raw_name != raw_name_of(mailbox):
        selected = session.select(raw_name_of(mailbox), read_only=True)
    if selected.uidvalidity != mailbox.uidvalidity:
        return {item.email_id for item in wanted}  # the next pass of the mailbox relinks them
    if stage is Stage.WHOLE:
        return _fetch_whole(session, account, wanted, lease)
    sizes = {item.uid: item.size_bytes for item in wanted}
    texts = text_parts.fetch_texts(session, {item.uid: item.email_id for item in wanted}, sizes)
    _store_texts(account.pk, texts, lease)
    missed: set[int] = set()
    for group in body_queue.cut(item for item in wanted if item.email_id not in texts):
        missed |= _fetch_whole(session, account, group, lease)
    return missed


def _fetch_whole(session: ImapSession, account: MailAccount, wanted: Sequence[Wanted], lease: Fence) -> set[int]:
    email_of = {item.uid: item.email_id for item in wanted if item.size_bytes <= STREAM_BYTES}
    done: set[int] = set()
    raws: dict[int, bytes] = {}
    for uid, raw in session.fetch_messages(list(email_of)) if email_of else ():
        if len(raw) > MAX_MESSAGE_BYTES:
            _give_up(account.pk, [email_of[uid]], TOO_LARGE)
            done.add(email_of[uid])
        else:
            raws[email_of[uid]] = raw
    _store(account, raws, lease)
    done |= raws.keys()
    for item in wanted:
        if item.size_bytes > STREAM_BYTES and _fetch_streamed(session, account, item, lease):
            done.add(item.email_id)
    missed = [item.email_id for item in wanted if item.email_id not in done]
    _count_misses(account.pk, missed)
    return set(missed)


def _fetch_streamed(session: ImapSession, account: MailAccount, item: Wanted, lease: Fence) -> bool:
    try:
        blob = _stream(session, item.uid)
    except PermanentlyRefused as error:
        if error.code != "TOOBIG":
            raise
        _give_up(account.pk, [item.email_id], TOO_LARGE)
        return True
    if blob is None:
        return False
    with transaction.atomic():
        lease.check()
        emails.attach_blobs(account.pk, [(item.email_id, blob.pk)], keeps_text=_keeps_text(account))
    return True


def _store(account: MailAccount, raws: Mapping[int, bytes], lease: Fence) -> None:
    """Bytes first, one fsync; rows after (R88)."""
    if not raws:
        return
    stored = blobs.put_blobs(list(raws.values()))
    with transaction.atomic():
        lease.check()
        attached = [(pk, blob.pk) for pk, blob in zip(raws, stored, strict=True)]
        emails.attach_blobs(account.pk, attached, keeps_text=_keeps_text(account))


def _store_texts(account_id: int, texts: Mapping[int, bytes], lease: Fence) -> None:
    if not texts:
        return
    stored = blobs.put_blobs(list(texts.values()))
    with transaction.atomic():
        lease.check()
        emails.attach_texts(account_id, [(pk, blob.pk) for pk, blob in zip(texts, stored, strict=True)])


# What cannot be had ---------------------------------------------------------------------------------------------------


def _count_misses(account_id: int, email_ids: Sequence[int]) -> None:
    """The server answered without these. They may have moved a moment ago, so only several misses count."""
    if not email_ids:
        return
    Email.objects.filter(pk__in=email_ids, blob=None).update(body_failures=F("body_failures") + 1)
    lost = Email.objects.filter(pk__in=email_ids, blob=None, body_failures__gte=MAX_TRIES)
    _give_up(account_id, list(lost.values_list("id", flat=True)), NOT_THERE)


def _refuse_too_large(account_id: int) -> None:
    large = body_queue.missing(account_id).filter(size_bytes__gt=MAX_MESSAGE_BYTES)
    _give_up(account_id, list(large.values_list("id", flat=True)), TOO_LARGE)


def _give_up(account_id: int, email_ids: Sequence[int], reason: str) -> None:
    if not email_ids:
        return
    with transaction.atomic():
        Email.objects.filter(pk__in=email_ids, blob=None).update(body_error=reason, body_wanted_at=None)
        changes.announce(account_id, {})
    log.info("sync.bodies_given_up", account=account_id, count=len(email_ids))
