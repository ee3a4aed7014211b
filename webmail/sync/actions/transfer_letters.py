"""The messages of one batch that go into another account, with their bytes: what is missing here is fetched first.

It must not send anything, nor change anything but that bytes arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from accounts.models import MailAccount
from accounts.models.mail_account import KeepBodies
from webmail import dispatch
from webmail.journal.models import Action, ActionEmail
from webmail.mime.headers import ListHeaders, parse_list_headers
from webmail.protocols.imap.session import ImapSession
from webmail.store import blobs, emails
from webmail.store.errors import StoreError
from webmail.store.models import Email, Mailbox
from webmail.store.sql import chunks
from webmail.sync.actions.replay_places import NotLocated, lying_in_all
from webmail.sync.actions.transfer_matching import Wanted
from webmail.sync.connections import account_session
from webmail.sync.content import bodies, body_queue
from webmail.sync.mailbox.imap import raw_name_of

GIVE_UP_READING = 4  # tries to read a message from its own server

NO_BYTES = "The message could not be read from its own server, so it was not sent on."


@dataclass
class Letter:
    """One Email on its way. `progress` is that of its rows; `row_ids` all of them in this Action."""

    email: Email
    headers: ListHeaders
    size_bytes: int
    sha256: str
    keywords: frozenset[str]
    progress: dict[str, object] = field(default_factory=dict)

    @property
    def sent_at(self) -> datetime:
        """INTERNALDATE has whole seconds."""
        return self.email.received_at.replace(microsecond=0)

    @property
    def is_sent(self) -> bool:
        """Whether an APPEND of it was answered."""
        return "uid" in self.progress or "appended" in self.progress

    def uid_under(self, uidvalidity: int) -> int | None:
        """What APPENDUID named, as long as it means anything."""
        uid = self.progress.get("uid")
        return uid if isinstance(uid, int) and self.progress.get("uidvalidity") == uidvalidity else None

    def wanted(self, uidvalidity: int) -> Wanted:
        """What to look for in the target."""
        return Wanted(
            self.email.pk,
            self.headers.message_id or "",
            self.headers.header_hash,
            self.size_bytes,
            self.uid_under(uidvalidity),
        )

    def read(self) -> bytes:
        """The bytes. Raises `StoreError`."""
        if self.email.blob is None:
            raise ValueError("a letter without bytes")
        return blobs.read_blob(self.email.blob)


def gather(action: Action, rows: Sequence[ActionEmail]) -> tuple[list[Letter], dict[int, str]]:
    """The rows' Emails as letters in their order, and why others cannot go: email id -> words for people.

    Raises what a session of the account raises, and `NotLocated` when a pass must say first where a message lies now.
    """
    account = action.account
    progress = {row.email_id: row.progress for row in reversed(rows)}
    ids = list(dict.fromkeys(row.email_id for row in rows))
    if not account.is_pop3:
        _fetch_missing(account, rows)
    known = {email.pk: email for chunk in chunks(ids) for email in _read(chunk)}
    keywords = emails.keywords_of(ids)
    letters: list[Letter] = []
    refused: dict[int, str] = {}
    for pk in ids:
        email = known[pk]
        letter = _letter(email, keywords[pk], progress[pk])
        if letter is None and not account.is_pop3 and not email.body_error and action.attempts < GIVE_UP_READING:
            dispatch.wake("sync.account", account.pk)
            raise NotLocated("a message is not where it was, and is looked for")
        if letter is None:
            refused[pk] = email.body_error or NO_BYTES
        else:
            letters.append(letter)
    return letters, refused


def _read(ids: Sequence[int]) -> list[Email]:
    return list(Email.objects.filter(pk__in=ids).select_related("blob"))


def _letter(email: Email, keywords: frozenset[str], progress: dict[str, object]) -> Letter | None:
    if email.blob is None:
        return None
    try:
        raw = blobs.read_blob(email.blob)
    except StoreError:
        return None
    return Letter(email, parse_list_headers(raw), len(raw), email.blob.sha256, keywords, dict(progress))


# Fetching -------------------------------------------------------------------------------------------------------------


def _fetch_missing(account: MailAccount, rows: Sequence[ActionEmail]) -> None:
    """Bytes that are not here, a mailbox at a time. A text without its attachments is not enough."""
    bare: set[int] = set()
    for chunk in chunks({row.email_id for row in rows}):
        bare.update(Email.objects.filter(pk__in=chunk, blob=None).values_list("pk", flat=True))
    if not bare:
        return
    missing = sorted(bare)
    places = body_queue.places(missing)
    if len(places) < len(missing):
        with account_session(account) as session:
            lying_in_all(session, [row for row in rows if row.email_id in bare])  # looks for what has no place
        places = body_queue.places(missing)
    small = [place for place in places if place.size_bytes <= bodies.STREAM_BYTES]
    if small:
        with account_session(account) as session:
            for mailbox_id, wanted in body_queue.Batch(body_queue.Stage.WHOLE, small).by_mailbox().items():
                _fetch_from(session, account, Mailbox.objects.get(pk=mailbox_id), wanted)
    for place in places:
        if place.size_bytes > bodies.STREAM_BYTES:
            bodies.fetch_body(place.email_id)


def _fetch_from(
    session: ImapSession, account: MailAccount, mailbox: Mailbox, wanted: Sequence[body_queue.Wanted]
) -> None:
    if session.select(raw_name_of(mailbox), read_only=True).uidvalidity != mailbox.uidvalidity:
        return  # the next pass says where they lie
    email_of = {place.uid: place.email_id for place in wanted}
    raws = dict(session.fetch_messages(list(email_of)))
    stored = blobs.put_blobs(list(raws.values()))
    attached = [(email_of[uid], blob.pk) for uid, blob in zip(raws, stored, strict=True)]
    emails.attach_blobs(account.pk, attached, keeps_text=account.keep_bodies != KeepBodies.ALL)
