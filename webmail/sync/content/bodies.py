"""The bytes of messages that are listed already, in the order of `body_queue`, one fsync for each batch (sync Y28, Y91, Y94).

A message somebody has opened is fetched at once, ahead of the queue, by `fetch_body`. Nothing here sets \\Seen (Y93). A message
that cannot be had says so in `body_error` and is not asked for again, until it turns up at another place. A message larger
than one buffer goes to the store piece by piece.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from typing import cast

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
from webmail.store.reading import arriving
from webmail.sync.connections import account_session
from webmail.sync.content import body_queue, budget, text_parts
from webmail.sync.content.body_queue import Stage, Wanted
from webmail.sync.mailbox.imap import Fence, raw_name_of

log = structlog.get_logger(__name__)

STREAM_BYTES = arriving.LARGE_BYTES  # a larger message is not held whole (Y94)
SOON_S = 60.0  # what will be here by then comes whole at once
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
    run = _Run(session, account, lease, deadline)
    while (batch := run.next_batch()) is not None:
        if time.monotonic() >= deadline:
            return False
        if budget.is_spent(account):
            log.info("sync.budget_spent", account=account.pk)
            return True
        for mailbox_id, wanted in batch.by_mailbox().items():
            try:
                run.fetch_from(mailbox_id, wanted, batch.stage)
            except PermanentlyRefused as error:
                log.info("sync.bodies_refused", mailbox=mailbox_id, code=error.code)
                run.passed_over |= {item.email_id for item in wanted}
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
            return _stream(session, place.uid, place.email_id)
        raw = session.fetch_message(place.uid, max_bytes=MAX_MESSAGE_BYTES)
        return blobs.put_blob(raw) if raw is not None else None
    except PermanentlyRefused as error:
        if error.code == "TOOBIG":
            _give_up(mailbox.account_id, [place.email_id], TOO_LARGE)
        return None


def _stream(session: ImapSession, uid: int, email_id: int) -> Blob | None:
    """A large message piece by piece into the store (Y94), counted for who waits for it. A server that sends no pieces is
    asked for the whole."""
    pieces = session.fetch_message_pieces(uid, piece_bytes=PIECE_BYTES, max_bytes=MAX_MESSAGE_BYTES)
    try:
        first = next(pieces, None)
        return blobs.put_stream(arriving.counted(email_id, chain([first], pieces))) if first is not None else None
    except PermanentlyRefused as error:
        if error.code != "PARTIAL":
            raise
    raw = session.fetch_message(uid, max_bytes=MAX_MESSAGE_BYTES)
    return blobs.put_blob(raw) if raw is not None else None


class _Run:
    """One run over what is missing: how quick the server is, and what must wait for the next pass."""

    def __init__(self, session: ImapSession, account: MailAccount, lease: Fence, deadline: float) -> None:
        self.session = session
        self.account = account
        self.lease = lease
        self.deadline = deadline
        self.passed_over: set[int] = set()
        self._has_texts = True
        self._bytes = 0
        self._seconds = 0.0

    def next_batch(self) -> body_queue.Batch | None:
        """What comes next. Where everything will be here in a moment, texts are not fetched apart: twice the work."""
        batch = body_queue.next_batch(self.account, self.passed_over, has_texts=self._has_texts)
        if batch is None or batch.stage is not Stage.TEXT or self.account.keep_bodies != KeepBodies.ALL:
            return batch
        left = body_queue.bytes_without_text(self.account.pk)
        if not self._bytes or left * self._seconds > SOON_S * self._bytes:
            return batch
        self._has_texts = False
        return body_queue.next_batch(self.account, self.passed_over, has_texts=False)

    def fetch_from(self, mailbox_id: int, wanted: Sequence[Wanted], stage: Stage) -> None:
        """Fetch these from one mailbox, until the deadline."""
        mailbox = Mailbox.objects.get(pk=mailbox_id)
        selected = self.session.selected
        if selected is None or selected.raw_name != raw_name_of(mailbox):
            selected = self.session.select(raw_name_of(mailbox), read_only=True)
        if selected.uidvalidity != mailbox.uidvalidity:
            # The next pass of the mailbox relinks them.
            self.passed_over |= {item.email_id for item in wanted}
            return
        if stage is Stage.TEXT:
            sizes = {item.uid: item.size_bytes for item in wanted}
            texts = text_parts.fetch_texts(self.session, {item.uid: item.email_id for item in wanted}, sizes)
            _store_texts(self.account.pk, texts, self.lease)
            wanted = [item for item in wanted if item.email_id not in texts]
        self._fetch_whole(wanted)

    def _fetch_whole(self, wanted: Sequence[Wanted]) -> None:
        small = {item.uid: item.email_id for item in wanted if item.size_bytes <= STREAM_BYTES}
        done = self._fetch_small(small) if small else set()
        for item in wanted:
            if item.size_bytes > STREAM_BYTES and not self._is_over() and self._fetch_streamed(item):
                done.add(item.email_id)
        if not self._is_over():
            missed = [item.email_id for item in wanted if item.email_id not in done]
            _count_misses(self.account.pk, missed)
            self.passed_over |= set(missed)

    def _fetch_small(self, email_of: Mapping[int, int]) -> set[int]:
        """The server sends on while a batch is stored. Returns the Emails that are settled."""
        done: set[int] = set()
        raws: dict[int, bytes] = {}
        held = 0
        began = time.monotonic()
        # Closed when the slice ends early, which leaves the connection in step.
        with closing(cast("Generator[tuple[int, bytes]]", self.session.fetch_messages(list(email_of)))) as messages:
            for uid, raw in messages:
                done.add(email_of[uid])
                if len(raw) > MAX_MESSAGE_BYTES:
                    _give_up(self.account.pk, [email_of[uid]], TOO_LARGE)
                    continue
                raws[email_of[uid]] = raw
                held += len(raw)
                if len(raws) >= body_queue.BATCH or held >= body_queue.BATCH_BYTES:
                    self._store(raws)
                    raws, held = {}, 0
                    if self._is_over():
                        break
        self._store(raws)
        self._seconds += time.monotonic() - began
        return done

    def _store(self, raws: Mapping[int, bytes]) -> None:
        """Bytes first, one fsync; rows after (R88)."""
        if not raws:
            return
        ids = blobs.store_bytes(list(raws.values()))
        with transaction.atomic():
            self.lease.check()
            attached = list(zip(raws, ids, strict=True))
            emails.attach_blobs(self.account.pk, attached, keeps_text=_keeps_text(self.account))
        self._bytes += sum(len(raw) for raw in raws.values())

    def _fetch_streamed(self, item: Wanted) -> bool:
        try:
            blob = _stream(self.session, item.uid, item.email_id)
        except PermanentlyRefused as error:
            if error.code != "TOOBIG":
                raise
            _give_up(self.account.pk, [item.email_id], TOO_LARGE)
            return True
        if blob is None:
            return False
        with transaction.atomic():
            self.lease.check()
            emails.attach_blobs(self.account.pk, [(item.email_id, blob.pk)], keeps_text=_keeps_text(self.account))
        return True

    def _is_over(self) -> bool:
        return time.monotonic() >= self.deadline


def _store_texts(account_id: int, texts: Mapping[int, bytes], lease: Fence) -> None:
    if not texts:
        return
    stored = blobs.store_bytes(list(texts.values()))
    with transaction.atomic():
        lease.check()
        emails.attach_texts(account_id, list(zip(texts, stored, strict=True)))


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
