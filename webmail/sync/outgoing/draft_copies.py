"""The copy of each draft in the account's Drafts mailbox, so that other programs can go on with it (reliability R78).

One copy: the new one is appended first, and the older ones with the same Message-ID are removed when the server has named the
new one's UID, or a search finds it. A run that was cut leaves two, and the next one removes the older. When a draft is sent or
thrown away, its copy goes too. What another program has written is left alone, even under our Message-ID: then the draft here
goes on under a new one, and both are kept. It must not send anything.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import AccountState, MailAccount
from webmail import dispatch
from webmail.mime.addresses import is_valid_email, parse_addresses
from webmail.mime.headers import parse_list_headers
from webmail.outbox.errors import OutboxError
from webmail.outbox.models import Draft, FiledDraft
from webmail.outbox.writing.drafts import choose_identity
from webmail.outbox.writing.filed_copies import is_marked, mark_copy
from webmail.outbox.writing.messages import Recipients, freeze, id_for, message_of_draft
from webmail.protocols.errors import BadArgument, PermanentlyRefused
from webmail.protocols.imap.session import ImapSession
from webmail.store import blobs, changes, emails, leases, mailboxes
from webmail.store.ingest import NewEmail, Place, ingest_into, message_id_hash
from webmail.store.models import Email, Mailbox, Role
from webmail.sync.connections import account_session
from webmail.sync.mailbox.imap import raw_name_of
from webmail.sync.outgoing.lookup import uids_with_message_id
from webmail.sync.points import reached

log = structlog.get_logger(__name__)

QUIET = timedelta(seconds=8)  # a draft that is being typed is filed when the typing pauses
LEASE_S = 300.0
DRAFT_KEYWORDS = (emails.DRAFT, emails.SEEN)


def accounts_with_work() -> list[int]:
    """Accounts whose drafts changed since they were filed, or whose filed copies have lost their draft."""
    settled = timezone.now() - QUIET
    changed = Draft.objects.filter(filed_revision__lt=F("revision"), updated_at__lt=settled)
    stale = FiledDraft.objects.filter(draft=None)
    ids = set(changed.values_list("account_id", flat=True)) | set(stale.values_list("account_id", flat=True))
    usable = MailAccount.objects.exclude(state__in=(AccountState.PAUSED, AccountState.AUTH_FAILED))
    return list(usable.filter(pk__in=ids).values_list("pk", flat=True))


def file_drafts(account_id: int) -> int:
    """Bring the Drafts mailbox of an account up to date; returns how many copies were written or removed.

    Raises what `account_session` raises. Safe to repeat: every step looks first.
    """
    owner = f"drafts:{os.getpid()}:{threading.get_ident()}"
    with leases.leased(f"drafts:{account_id}", owner=owner, seconds=LEASE_S) as lease:
        if lease is None:
            return 0
        account = MailAccount.objects.get(pk=account_id)
        target = mailboxes.mailbox_with_role(account_id, Role.DRAFTS)
        drafts = list(Draft.objects.filter(account=account, filed_revision__lt=F("revision")))
        stale = list(FiledDraft.objects.filter(account=account, draft=None))
        if target is None:
            # An account whose server has no Drafts keeps them here; nothing is created by force (jmap section 7).
            _settle(drafts, stale)
            return 0
        if target.source == Mailbox.Source.LOCAL:
            return _file_here(account, target, drafts, stale)
        if not target.remote_name:
            return 0  # just made here; the server has not been told yet
        return _file_on_server(account, target, drafts, stale)


def _settle(drafts: Sequence[Draft], stale: Sequence[FiledDraft]) -> None:
    for draft in drafts:
        Draft.objects.filter(pk=draft.pk).update(filed_revision=draft.revision)
    FiledDraft.objects.filter(pk__in=[row.pk for row in stale]).delete()


def _bytes_of(draft: Draft) -> bytes | None:
    """The draft as a message; recipients that are not addresses yet are left out. None when it cannot be written."""
    message = message_of_draft(draft)
    fields = [
        tuple(address for address in parse_addresses(typed) if is_valid_email(address.email))
        for typed in (message.to, message.cc, message.bcc)
    ]
    try:
        raw = freeze(
            message,
            identity=draft.identity or choose_identity(draft.account),
            recipients=Recipients(*fields),
            message_id=draft.message_id,
            sent_at=draft.updated_at,
        )
    except OutboxError as error:
        log.info("drafts.not_filed", draft=draft.pk, error=type(error).__name__)
        return None
    return mark_copy(draft, raw)


def _mark_filed(draft: Draft) -> None:
    Draft.objects.filter(pk=draft.pk).update(filed_revision=draft.revision)
    FiledDraft.objects.update_or_create(
        account_id=draft.account_id,
        message_id=draft.message_id,
        # The draft may have been sent meanwhile: then the copy is stale at once, and the next run removes it.
        defaults={"draft": Draft.objects.filter(pk=draft.pk).first()},
    )


# Here ---------------------------------------------------------------------------------------------------------------


def _file_here(account: MailAccount, target: Mailbox, drafts: Sequence[Draft], stale: Sequence[FiledDraft]) -> int:
    for draft in drafts:
        raw = _bytes_of(draft)
        if raw is None:
            _settle([draft], ())  # the older copy is better than none
        else:
            _replace_here(target, draft, raw)
    for row in stale:
        with changes.recording(account.pk) as record:
            emails.destroy_emails(record, _copies(target, row.message_id))
            row.delete()
    return len(drafts) + len(stale)


def _replace_here(target: Mailbox, draft: Draft, raw: bytes) -> None:
    blob = blobs.put_blob(raw)
    item = NewEmail(
        headers=parse_list_headers(raw),
        received_at=draft.updated_at,
        size_bytes=len(raw),
        place=Place(target.pk),
        keywords=DRAFT_KEYWORDS,
        has_attachment=draft.attachments.exists(),
        blob_id=blob.pk,
    )
    with changes.recording(target.account_id) as record:
        emails.destroy_emails(record, _copies(target, draft.message_id))
        ingest_into(record, [item])
        blobs.link_blobs(target.account_id, [blob.pk])
        _mark_filed(draft)
        dispatch.wake("index.account", target.account_id)


def _copies(target: Mailbox, message_id: str) -> list[int]:
    found = Email.objects.filter(
        account_id=target.account_id,
        message_id_hash=message_id_hash(message_id),
        message_id=message_id,
        mailbox_rows__mailbox=target,
    )
    return list(found.values_list("pk", flat=True))


# On the server ------------------------------------------------------------------------------------------------------


def _file_on_server(account: MailAccount, target: Mailbox, drafts: Sequence[Draft], stale: Sequence[FiledDraft]) -> int:
    if not drafts and not stale:
        return 0
    with account_session(account) as session:
        session.select(raw_name_of(target))
        for draft in drafts:
            if not _replace_on_server(session, target, draft):
                _settle([draft], ())  # the older copy is better than none; the next edit tries again
        for row in stale:
            own, _ = _copies_on_server(session, row.message_id)
            _remove(session, own)
            row.delete()
    dispatch.wake("sync.mailbox", target.pk)
    return len(drafts) + len(stale)


def _replace_on_server(session: ImapSession, target: Mailbox, draft: Draft) -> bool:
    """The new copy first, then our older ones go. False when it cannot be written, or the server refuses it for good."""
    older, foreign = _copies_on_server(session, draft.message_id)
    if foreign:
        draft = _part_from(draft)
    raw = _bytes_of(draft)
    if raw is None:
        return False
    reached("draft_begins")
    try:
        named = session.append(raw_name_of(target), raw, keywords=DRAFT_KEYWORDS, internal_date=draft.updated_at)
    except (PermanentlyRefused, BadArgument) as error:
        log.info("drafts.not_filed", draft=draft.pk, error=type(error).__name__)
        return False
    reached("draft_appended")
    if named or _is_seen(session, target, draft.message_id, older):
        _remove(session, older)
    _mark_filed(draft)
    reached("draft_filed")
    return True


def _is_seen(session: ImapSession, target: Mailbox, message_id: str, older: Sequence[int]) -> bool:
    """Whether a server that names no UID shows the new copy. Selected anew, since some look at a mailbox once a second."""
    session.select(raw_name_of(target))
    return bool(set(uids_with_message_id(session, message_id)) - set(older))


def _copies_on_server(session: ImapSession, message_id: str) -> tuple[list[int], list[int]]:
    """The UIDs with this Message-ID: those we have written, and those of other programs."""
    uids = uids_with_message_id(session, message_id)
    headers = dict(session.fetch_sections({uid: ["HEADER"] for uid in uids})) if uids else {}
    own = [uid for uid in uids if is_marked(headers.get(uid, {}).get("HEADER", b""))]
    return own, [uid for uid in uids if uid not in own]


def _part_from(draft: Draft) -> Draft:
    """Another program has saved this draft as well: what is here goes on under a Message-ID of its own."""
    fresh = id_for(draft.identity or choose_identity(draft.account))
    with transaction.atomic():
        Draft.objects.filter(pk=draft.pk).update(message_id=fresh)
        # Stale from now on: what we had filed under the old one goes, the other program's stays.
        FiledDraft.objects.filter(account_id=draft.account_id, message_id=draft.message_id).update(draft=None)
    log.info("drafts.written_elsewhere", draft=draft.pk)
    draft.message_id = fresh
    return draft


def _remove(session: ImapSession, uids: list[int]) -> None:
    if not uids:
        return
    session.mark_deleted(uids)
    if session.supports("UIDPLUS"):  # without it they stay \\Deleted: a bare EXPUNGE would take foreign ones (sync Y69)
        session.expunge(uids)
