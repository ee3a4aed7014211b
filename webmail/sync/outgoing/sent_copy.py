"""One copy of what was sent, in Sent; all that wait of an account together, over one session.

| account | copy |
|---|---|
| the user says that the server files it | none from us |
| POP3, or a Sent that is only ours | a row, in the transaction that ends the submission |
| IMAP, the server is believed to file it | looked for after growing waits; ours only when it never comes |
| IMAP otherwise | looked for by its Message-ID first, appended when it is not there (R71) |

A copy that lies there before we can have appended one was filed by the server: from then on it is believed to do so.

Every run may be cut anywhere and repeated: an APPEND whose answer was lost is found by the next search. A refused copy is
tried again later and never makes a sent message unsent (R72). It must not send anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import IntegrityError
from django.utils import timezone

from accounts.credentials import CredentialError
from accounts.models import MailAccount, SentCopy
from webmail import dispatch
from webmail.journal.actions.keywords import set_where_allowed
from webmail.mime.digest import make_digest
from webmail.mime.parse import parse_message
from webmail.outbox.models import Submission
from webmail.outbox.queue import copies
from webmail.outbox.queue.copies import Copy
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
from webmail.sync.outgoing import lanes
from webmail.sync.outgoing.leases import kept_leases, new_owner
from webmail.sync.outgoing.lookup import uids_with_message_id
from webmail.sync.points import reached
from webmail.sync.providers import profile

log = structlog.get_logger(__name__)

NEW_SENT_NAME = "Sent"
IN_SENT = "The copy lies in Sent."
AT_ONCE = 20


@dataclass(frozen=True)
class _Filed:
    """A copy that is in Sent now; `result` where we appended it and the server said under which UID."""

    submission: Submission
    result: AppendResult | None = None


def file_copies(account_id: int) -> None:
    """Bring the accepted submissions of an account to their end. Never raises for what a server does."""
    while not lanes.filing.is_closing and (claimed := copies.claim_copies(account_id, new_owner(), limit=AT_ONCE)):
        with kept_leases() as leases:
            leases.hold([one.submission for one in claimed])
            if not _file(claimed):
                copies.put_off_due(account_id)
                return


def _file(claimed: Sequence[Copy]) -> bool:
    """False: the mail server, or our store, can take no copy at all now."""
    for one in claimed:
        _mark_original(one.submission)
    account = claimed[0].submission.account
    sent = mailboxes.mailbox_with_role(account.pk, Role.SENT)
    is_left_to_server = account.sent_copy == SentCopy.SERVER
    left = [one for one in claimed if is_left_to_server and _went_by_own_server(one.submission)]
    with changes.recording(account.pk) as record:
        copies.mark_all_done(record, [one.submission for one in left], text="The server keeps the copy in Sent.")
    ours = [one for one in claimed if one not in left]
    if not ours:
        return True
    try:
        if account.is_pop3 or (sent is not None and sent.source == Mailbox.Source.LOCAL):
            _file_here(ours, sent or _make_local_sent(account))
        else:
            _file_on_server(account, sent, ours)
    except (ProtocolError, CredentialError, SyncError, StoreError) as error:
        for one in ours:  # those that came to their end before are no longer ours to move
            _note_failure(one.submission, error)
        return False
    return True


def _note_failure(submission: Submission, error: Exception) -> None:
    log.warning("outbox.copy_not_saved", submission=submission.pk, error=type(error).__name__)
    text = f"Sent, but the copy is not in Sent yet: {plain_reason(error)} It is tried again."
    copies.mark_copy_failed(submission, text=text)


def _mark_original(submission: Submission) -> None:
    """The mail this one answers gets its mark. Setting a keyword twice changes nothing."""
    if submission.original is not None:
        keyword = emails.FORWARDED if submission.is_forward else emails.ANSWERED
        set_where_allowed(submission.user, [submission.original], add=[keyword])


# Does the server file it? -------------------------------------------------------------------------------------------


def _went_by_own_server(submission: Submission) -> bool:
    return submission.server in ("", submission.account.outgoing_host)


def _is_expected(submission: Submission) -> bool:
    """Whether the server that took it is believed to file the copy by itself."""
    account = submission.account
    if account.sent_copy != SentCopy.AUTO:
        return False
    if _went_by_own_server(submission):
        return account.saves_sent_itself or profile(account.outgoing_host).files_sent_itself
    return profile(submission.server).files_sent_itself


def _learn(submission: Submission, *, files_itself: bool) -> None:
    account = submission.account
    if not _went_by_own_server(submission) or account.saves_sent_itself == files_itself:
        return
    MailAccount.objects.filter(pk=account.pk).update(saves_sent_itself=files_itself)
    account.saves_sent_itself = files_itself
    log.info("outbox.sent_copies_of_server", account=account.pk, files_itself=files_itself)


# Here ---------------------------------------------------------------------------------------------------------------


def _make_local_sent(account: MailAccount) -> Mailbox:
    return mailboxes.create_mailbox(account.pk, name=NEW_SENT_NAME, role=Role.SENT, source=Mailbox.Source.LOCAL)


def _file_here(claimed: Sequence[Copy], sent: Mailbox) -> None:
    """Copies and ends in one transaction: all or none."""
    submissions = [one.submission for one in claimed]
    items = {one.pk: _new_email(one, Place(sent.pk)) for one in submissions}
    reached("copy_begins")
    with changes.recording(sent.account_id) as record:
        done = copies.mark_all_done(record, submissions, text=IN_SENT)
        ingest_into(record, [items[one.pk] for one in done])
        blobs.link_blobs(sent.account_id, [one.blob_id for one in done])
    reached("copied")


def is_known_in(mailbox: Mailbox, message_id: str) -> bool:
    """Whether a message with this id lies there as far as we know."""
    known = Email.objects.filter(
        account_id=mailbox.account_id, message_id_hash=message_id_hash(message_id), message_id=message_id
    )
    return EmailMailbox.objects.filter(mailbox=mailbox, email__in=known).exists()


# On the server ------------------------------------------------------------------------------------------------------


def _file_on_server(account: MailAccount, sent: Mailbox | None, claimed: Sequence[Copy]) -> None:
    filed: list[_Filed] = []
    try:
        missing = [one for one in claimed if not _is_here_already(sent, one, filed) and not _can_wait_unasked(one)]
        if not missing:
            return
        with account_session(account) as session:
            raw_name = raw_name_of(sent) if sent is not None else _find_or_make_sent(session)
            _select(session, raw_name)
            for one in missing:
                try:
                    _append_once(session, raw_name, one, filed)
                except PermanentlyRefused as error:
                    _note_failure(one.submission, error)
    finally:
        if filed:
            _end(account, sent, filed)


def _is_here_already(sent: Mailbox | None, one: Copy, filed: list[_Filed]) -> bool:
    if sent is None or not is_known_in(sent, one.submission.message_id):
        return False
    _found(one, filed)
    return True


def _can_wait_unasked(one: Copy) -> bool:
    """A server that files copies by itself is given a moment before it is asked: mostly the copy is here by then."""
    return one.is_first and _is_expected(one.submission) and copies.look_later(one.submission, now=timezone.now())


def _found(one: Copy, filed: list[_Filed]) -> None:
    if one.is_first:  # before anything of ours can have been appended
        _learn(one.submission, files_itself=True)
    filed.append(_Filed(one.submission))


def _append_once(session: ImapSession, raw_name: bytes, one: Copy, filed: list[_Filed]) -> None:
    """Append unless it is there, or the server is to be given more time."""
    submission = one.submission
    reached("copy_searched")
    if uids_with_message_id(session, submission.message_id):
        if _is_expected(submission):
            _learn(submission, files_itself=True)
        _found(one, filed)
        return
    if _is_expected(submission):
        if copies.look_later(submission, now=timezone.now()):
            return
        _learn(submission, files_itself=False)
    raw = blobs.read_blob(submission.blob)
    result = session.append(raw_name, raw, keywords=[emails.SEEN], internal_date=_sent_time(submission))
    reached("copy_appended")
    filed.append(_Filed(submission, result))


def _select(session: ImapSession, raw_name: bytes) -> None:
    try:
        session.select(raw_name)
    except PermanentlyRefused:
        session.create_mailbox(raw_name)  # it is gone since LIST
        session.select(raw_name)


def _find_or_make_sent(session: ImapSession) -> bytes:
    """The Sent of an account whose mailboxes are not listed yet, or have none: then it is made."""
    for info in session.list_mailboxes():
        if info.role == Role.SENT or info.name.casefold() == NEW_SENT_NAME.casefold():
            return info.raw_name
    raw_name = session.namespaces().personal.prefix + NEW_SENT_NAME.encode("ascii")
    session.create_mailbox(raw_name)
    return raw_name


def _end(account: MailAccount, sent: Mailbox | None, filed: Sequence[_Filed]) -> None:
    """All of these are in Sent. Those whose UID is known are stored under it (sync Y72), sync finds the others."""
    items = _items(sent, filed) if sent is not None else {}
    try:
        _end_with(account, filed, items)
    except IntegrityError:
        items = {}
        _end_with(account, filed, items)  # sync stored one of them at the very moment
    if len(items) < len(filed):
        if sent is not None:
            dispatch.wake("sync.mailbox", sent.pk)
        else:
            dispatch.wake("sync.account", account.pk)
    reached("copied")


def _items(sent: Mailbox, filed: Sequence[_Filed]) -> dict[int, NewEmail]:
    appended = [(one.submission, one.result) for one in filed if one.result is not None]
    known = set(
        Placement.objects.filter(
            mailbox=sent, uidvalidity=sent.uidvalidity, uid__in=[result.uid for _, result in appended]
        ).values_list("uid", flat=True)
    )
    return {
        submission.pk: _new_email(submission, Place(sent.pk, uidvalidity=result.uidvalidity, uid=result.uid))
        for submission, result in appended
        if result.uidvalidity == sent.uidvalidity and result.uid not in known
    }


def _end_with(account: MailAccount, filed: Sequence[_Filed], items: dict[int, NewEmail]) -> None:
    with changes.recording(account.pk) as record:
        done = copies.mark_all_done(record, [one.submission for one in filed], text=IN_SENT)
        placed = [one for one in done if one.pk in items]
        if placed:
            ingest_into(record, [items[one.pk] for one in placed])
            blobs.link_blobs(account.pk, [one.blob_id for one in placed])


def _new_email(submission: Submission, place: Place) -> NewEmail:
    raw = blobs.read_blob(submission.blob)
    message = parse_message(raw)
    digest = make_digest(message)
    return NewEmail(
        headers=message.list_headers,
        received_at=_sent_time(submission),
        size_bytes=len(raw),
        place=place,
        keywords=(emails.SEEN,),
        has_attachment=digest.has_attachment,
        blob_id=submission.blob_id,
        preview=digest.preview,
        search_text=digest.search_text,
        search_marks=digest.search_marks,
        file_names=digest.file_names,
        written=digest.written,
        is_indexed=True,
    )


def _sent_time(submission: Submission) -> datetime:
    """INTERNALDATE has whole seconds: the same here, so that the copy is recognised (jmap S4)."""
    return (submission.accepted_at or timezone.now()).replace(microsecond=0)
