"""One copy of what was sent, in Sent; and evidence in Sent that a doubtful message has left.

| account | copy |
|---|---|
| the server files it by itself | none from us |
| POP3, or a Sent that is only ours | a row, in the transaction that ends the submission |
| IMAP | looked for by its Message-ID first, appended when it is not there (R71) |

Every run may be cut anywhere and repeated: an APPEND whose answer was lost is found by the next search. A refused copy is
tried again later and never makes a sent message unsent (R72). It must not send anything.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import IntegrityError
from django.utils import timezone

from accounts.credentials import CredentialError
from webmail import dispatch
from webmail.journal.actions.keywords import set_where_allowed
from webmail.mime.body import decompose
from webmail.mime.parse import parse_message
from webmail.mime.preview import make_preview
from webmail.mime.search_text import body_search_text
from webmail.outbox import copies, doubt
from webmail.outbox.models import Submission
from webmail.protocols.errors import PermanentlyRefused, ProtocolError
from webmail.protocols.imap.session import ImapSession
from webmail.protocols.imap.types import AppendResult
from webmail.store import blobs, changes, emails, mailboxes
from webmail.store.errors import StoreError
from webmail.store.ingest import NewEmail, Place, ingest_into, message_id_hash
from webmail.store.models import Email, EmailMailbox, Mailbox, Placement, Role
from webmail.sync.connections import account_session
from webmail.sync.errors import SyncError, plain_reason
from webmail.sync.mailbox.imap import raw_name_of
from webmail.sync.outgoing.lookup import uids_with_message_id
from webmail.sync.points import reached

log = structlog.get_logger(__name__)

NEW_SENT_NAME = "Sent"


def file_sent_copy(submission: Submission) -> None:
    """Bring an accepted submission, claimed with `claim_copy`, to its end. Never raises for what a server does."""
    _mark_original(submission)
    sent = mailboxes.mailbox_with_role(submission.account_id, Role.SENT)
    try:
        if submission.account.saves_sent_itself:
            copies.mark_done(submission, text="The server keeps the copy in Sent.")
        elif submission.account.is_pop3 or (sent is not None and sent.source == Mailbox.Source.LOCAL):
            _file_here(submission, sent or _make_local_sent(submission))
        else:
            _file_on_server(submission, sent)
    except (ProtocolError, CredentialError, SyncError, StoreError) as error:
        log.warning("outbox.copy_not_saved", submission=submission.pk, error=type(error).__name__)
        copies.mark_copy_failed(
            submission, text=f"Sent, but the copy is not in Sent yet: {plain_reason(error)} It is tried again."
        )


def look_for_evidence(submission: Submission) -> bool:
    """Settle an unconfirmed submission when its message lies in Sent: only the sending server can have put it there.

    False: no evidence; that proves nothing, and the submission stays in doubt (R66).
    """
    if submission.account.is_pop3 or submission.recipients.filter(status="accepted").exists():
        # After an earlier partial success a copy says nothing about those who still wait.
        return False
    sent = mailboxes.mailbox_with_role(submission.account_id, Role.SENT)
    if sent is None:
        return False
    is_there = _is_known_in(sent, submission.message_id)
    if not is_there and sent.source == Mailbox.Source.REMOTE:
        try:
            with account_session(submission.account) as session:
                session.select(raw_name_of(sent), read_only=True)
                is_there = bool(uids_with_message_id(session, submission.message_id))
        except (ProtocolError, CredentialError, SyncError) as error:
            log.info("outbox.no_evidence_yet", submission=submission.pk, error=type(error).__name__)
            return False
    if not is_there:
        return False
    return doubt.resolve_unconfirmed(submission, sent=True, text="Sent: the server has filed a copy in Sent.")


def _mark_original(submission: Submission) -> None:
    """The mail this one answers gets its mark. Setting a keyword twice changes nothing."""
    if submission.original is not None:
        keyword = emails.FORWARDED if submission.is_forward else emails.ANSWERED
        set_where_allowed(submission.user, [submission.original], add=[keyword])


# Here ---------------------------------------------------------------------------------------------------------------


def _make_local_sent(submission: Submission) -> Mailbox:
    return mailboxes.create_mailbox(
        submission.account_id, name=NEW_SENT_NAME, role=Role.SENT, source=Mailbox.Source.LOCAL
    )


def _file_here(submission: Submission, sent: Mailbox) -> None:
    """Copy and end in one transaction: both or neither."""
    item = _new_email(submission, Place(sent.pk))
    reached("copy_begins")
    with changes.recording(submission.account_id) as record:
        if copies.mark_done(submission, text="The copy lies in Sent.", record=record):
            ingest_into(record, [item])
            blobs.link_blobs(submission.account_id, [submission.blob_id])
    reached("copied")


def _is_known_in(mailbox: Mailbox, message_id: str) -> bool:
    known = Email.objects.filter(
        account_id=mailbox.account_id, message_id_hash=message_id_hash(message_id), message_id=message_id
    )
    return EmailMailbox.objects.filter(mailbox=mailbox, email__in=known).exists()


# On the server ------------------------------------------------------------------------------------------------------


def _file_on_server(submission: Submission, sent: Mailbox | None) -> None:
    if sent is not None and _is_known_in(sent, submission.message_id):
        copies.mark_done(submission, text="The copy lies in Sent.")
        return
    raw = blobs.read_blob(submission.blob)
    with account_session(submission.account) as session:
        raw_name = raw_name_of(sent) if sent is not None else _find_or_make_sent(session)
        result = _append_once(session, submission, raw_name, raw)
    reached("copy_appended")
    if sent is not None and result is not None and _place_copy(submission, sent, result):
        return
    copies.mark_done(submission, text="The copy lies in Sent.")
    if sent is not None:
        dispatch.wake("sync.mailbox", sent.pk)
    else:
        dispatch.wake("sync.account", submission.account_id)
    reached("copied")


def _append_once(session: ImapSession, submission: Submission, raw_name: bytes, raw: bytes) -> AppendResult | None:
    """Append unless it is there; None when the UID is not known."""
    try:
        session.select(raw_name)
    except PermanentlyRefused:
        session.create_mailbox(raw_name)  # it is gone since LIST
        session.select(raw_name)
    reached("copy_searched")
    if uids_with_message_id(session, submission.message_id):
        return None
    return session.append(raw_name, raw, keywords=[emails.SEEN], internal_date=_sent_time(submission))


def _find_or_make_sent(session: ImapSession) -> bytes:
    """The Sent of an account whose mailboxes are not listed yet, or have none: then it is made."""
    for info in session.list_mailboxes():
        if info.role == Role.SENT or info.name.casefold() == NEW_SENT_NAME.casefold():
            return info.raw_name
    raw_name = session.namespaces().personal.prefix + NEW_SENT_NAME.encode("ascii")
    session.create_mailbox(raw_name)
    return raw_name


def _place_copy(submission: Submission, sent: Mailbox, result: AppendResult) -> bool:
    """Store what was appended under the UID the server named (sync Y72); False: sync will find it."""
    if sent.uidvalidity != result.uidvalidity:
        return False
    item = _new_email(
        submission,
        Place(sent.pk, uidvalidity=result.uidvalidity, uid=result.uid),
    )
    try:
        with changes.recording(submission.account_id) as record:
            if Placement.objects.filter(mailbox=sent, uidvalidity=result.uidvalidity, uid=result.uid).exists():
                return False  # sync was faster
            if copies.mark_done(submission, text="The copy lies in Sent.", record=record):
                ingest_into(record, [item])
                blobs.link_blobs(submission.account_id, [submission.blob_id])
    except IntegrityError:
        return False  # the same, at the very moment
    reached("copied")
    return True


def _new_email(submission: Submission, place: Place) -> NewEmail:
    raw = blobs.read_blob(submission.blob)
    message = parse_message(raw)
    return NewEmail(
        headers=message.list_headers,
        received_at=_sent_time(submission),
        size_bytes=len(raw),
        place=place,
        keywords=(emails.SEEN,),
        has_attachment=decompose(message.root).has_attachment,
        blob_id=submission.blob_id,
        preview=make_preview(message),
        search_text=body_search_text(message),
        is_indexed=True,
    )


def _sent_time(submission: Submission) -> datetime:
    """INTERNALDATE has whole seconds: the same here, so that the copy is recognised (jmap S4)."""
    return (submission.accepted_at or timezone.now()).replace(microsecond=0)
