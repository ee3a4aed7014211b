"""Evidence that a message of which nobody knows has left: its copy in Sent or All Mail (R66).

We append a copy only after a message was accepted, so one that lies there while it is in doubt was filed by the sending
server, or by another program of the user, or came back to the user as a recipient. Each means that it has left. A draft is
no evidence: some servers show drafts in All Mail. No copy proves nothing.
"""

from __future__ import annotations

import structlog

from accounts.credentials import CredentialError
from webmail.outbox.models import Submission
from webmail.outbox.queue import doubt
from webmail.outbox.returned.reports import is_reported
from webmail.protocols.errors import ProtocolError
from webmail.protocols.imap.session import ImapSession
from webmail.store import emails, mailboxes
from webmail.store.models import Mailbox, Role
from webmail.sync.connections import account_session
from webmail.sync.errors import SyncError
from webmail.sync.mailbox.imap import raw_name_of
from webmail.sync.outgoing.lookup import uids_with_message_id
from webmail.sync.outgoing.sent_copy import is_known_in

log = structlog.get_logger(__name__)

PLACES = (Role.SENT, Role.ALL)


def look_for_evidence(account_id: int) -> None:
    """Look for what is due of an account. Never raises for what a server does."""
    for submission_id in doubt.due_checks(account_id):
        submission = doubt.claim_evidence_check(submission_id)
        if submission is not None:
            _look(submission)


def _look(submission: Submission) -> bool:
    """Settle it when there is evidence; False: it stays in doubt."""
    if is_reported(submission):
        # It came before the doubt did, and was noted then.
        return doubt.resolve_unconfirmed(submission, sent=True, text="It has left: a report about it came back.")
    if submission.account.is_pop3 or submission.recipients.filter(status="accepted").exists():
        # After an earlier partial success a copy says nothing about those who still wait.
        return False
    places = [mailboxes.mailbox_with_role(submission.account_id, role) for role in PLACES]
    found = _find(submission, [place for place in places if place is not None])
    if found is None:
        return False
    text = f"Sent: a copy lies in {found.name}, put there by the server or by another program of yours."
    return doubt.resolve_unconfirmed(submission, sent=True, text=text)


def _find(submission: Submission, places: list[Mailbox]) -> Mailbox | None:
    for place in places:
        if place.role == Role.SENT and is_known_in(place, submission.message_id):
            return place
    remote = [place for place in places if place.source == Mailbox.Source.REMOTE]
    if not remote:
        return None
    try:
        with account_session(submission.account) as session:
            return next((place for place in remote if _is_at(session, place, submission.message_id)), None)
    except (ProtocolError, CredentialError, SyncError) as error:
        log.info("outbox.no_evidence_yet", submission=submission.pk, error=type(error).__name__)
        return None


def _is_at(session: ImapSession, place: Mailbox, message_id: str) -> bool:
    session.select(raw_name_of(place), read_only=True)
    uids = uids_with_message_id(session, message_id, but_with=(emails.DRAFT,))
    return bool(uids)
