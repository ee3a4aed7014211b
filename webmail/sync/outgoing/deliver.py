"""Bringing one submission to its server: claim, drive SMTP phase by phase, write down every phase (reliability section 3).

    claim -> connect, MAIL, RCPT -> [in_data] -> DATA, body -> [dot_sent] -> dot -> [accepted | retry | failed | unconfirmed]

Brackets are commits; none is open while the server is waited for. Whatever goes wrong before `dot_sent` is known not to
have left. After it only an answer of the server counts. It must not decide what an answer means: `outbox.answers` does.
"""

from __future__ import annotations

import re
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db import close_old_connections, connection

from accounts import services
from accounts.credentials import CredentialDamaged, CredentialMissing, NoCredentialKey
from accounts.models import AccountState
from webmail import dispatch
from webmail.mime.compose import without_bcc
from webmail.outbox import copies, delivery, doubt, schedule, upkeep
from webmail.outbox.answers import Answer, Status
from webmail.outbox.models import Submission, SubmissionRecipient
from webmail.outbox.queries import due_submissions
from webmail.protocols.errors import (
    AddressNotAllowed,
    AuthenticationRefused,
    BadArgument,
    PermanentlyRefused,
    ProtocolError,
    ServerError,
)
from webmail.protocols.smtp.session import Envelope, EnvelopeResult, Reply, SmtpSession
from webmail.store import blobs
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.sync.connections import smtp_session
from webmail.sync.errors import TooManyConnections, plain_reason
from webmail.sync.outgoing import sent_copy
from webmail.sync.points import reached

log = structlog.get_logger(__name__)

_CODE = re.compile(r"[245][0-9]{2}")


def deliver_submission(submission_id: int) -> None:
    """Do what is due for a submission: send it, file its Sent copy, or look for evidence that it has left.

    Safe to run twice and at the same time elsewhere: each part begins with a claim that only one can win.
    """
    submission = delivery.claim(submission_id, new_owner())
    if submission is not None:
        with kept_lease(submission):
            _send(submission)
    copied = copies.claim_copy(submission_id, new_owner())
    if copied is not None:
        with kept_lease(copied):
            sent_copy.file_sent_copy(copied)
    doubtful = doubt.claim_evidence_check(submission_id)
    if doubtful is not None:
        sent_copy.look_for_evidence(doubtful)


def sweep_outbox() -> int:
    """Find what wake-ups missed: due submissions, expired leases, copies to file, doubts to settle. Returns how many.

    Rows and wake-ups only, so it may run as often as every few seconds, anywhere, several times at once.
    """
    upkeep.release_due()
    upkeep.recover_expired_leases()
    upkeep.tell_delayed()
    due = due_submissions()
    for submission_id in due:
        dispatch.wake("outbox.deliver", submission_id)
    return len(due)


def new_owner() -> str:
    """A name for one claim, never used twice: whoever lost the claim cannot move the row any more."""
    return f"{socket.gethostname()[:40]}:{threading.get_ident()}:{uuid.uuid4().hex}"


@contextmanager
def kept_lease(submission: Submission) -> Iterator[None]:
    """Renew the claim from a thread of its own while the block waits for a server."""
    ended = threading.Event()

    def renew() -> None:
        try:
            while not ended.wait(schedule.LEASE_RENEWAL_S):
                close_old_connections()
                if not delivery.renew_lease(submission):
                    return
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name=f"lease-{submission.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


# The conversation ---------------------------------------------------------------------------------------------------


def _send(submission: Submission) -> None:
    """One try. Every way out has moved the row, or left it to its lease."""
    reached("claimed")
    try:
        raw = without_bcc(blobs.read_blob(submission.blob))
    except (BlobMissing, BlobDamaged):
        log.exception("outbox.blob_lost", submission=submission.pk)
        text = "Pillarbox cannot read the finished message any more. Look through the draft and send it again."
        delivery.mark_failed(submission, reply=Answer(text=text))
        return
    try:
        with smtp_session(submission.account) as session:
            reached("connected")
            _converse(session, submission, raw)
            session.quit()
    except (AuthenticationRefused, CredentialMissing, CredentialDamaged) as error:
        _stop_account(submission, error)
    except (PermanentlyRefused, AddressNotAllowed, BadArgument) as error:
        delivery.mark_failed(submission, reply=answer_of_error(error))
    except (ProtocolError, NoCredentialKey, TooManyConnections) as error:
        delivery.mark_retry(submission, reply=answer_of_error(error))


def _converse(session: SmtpSession, submission: Submission, raw: bytes) -> None:
    """MAIL to the dot. Raises `ProtocolError` only where the message has certainly not left."""
    result = session.send_envelope(
        _envelope(submission, raw), size_bytes=_wire_size(raw), body_8bit=not _body(raw).isascii()
    )
    reached("envelope_accepted")
    if not _take_envelope(submission, result):
        return
    reply = session.start_data()
    if not reply.is_positive:
        _take_refusal(submission, reply, result)
        return
    reached("in_data")
    session.write_body(raw)
    reached("body_written")
    # Committed before the dot: a worker that dies between the two makes us ask, never send twice (R65).
    if not delivery.mark_dot_sent(submission):
        session.close()
        return
    reached("dot_marked")
    _finish(session, submission, result)


def _take_envelope(submission: Submission, result: EnvelopeResult) -> bool:
    """Write down the answers to MAIL and RCPT; whether DATA may follow."""
    if not result.mail_reply.is_positive:
        _take_refusal(submission, result.mail_reply, None)
        return False
    answers = {email: answer_of(reply) for email, reply in result.recipient_replies.items()}
    if not result.accepted:
        delivery.mark_envelope_refused(submission, answers=answers)
        return False
    return delivery.mark_in_data(submission, answers=answers)


def _take_refusal(submission: Submission, reply: Reply, result: EnvelopeResult | None) -> None:
    """A 4xx or 5xx to MAIL, DATA or the dot: it holds for all who were in question."""
    answer = answer_of(reply)
    if answer.status == Status.REFUSED:
        delivery.mark_failed(submission, reply=answer, recipients=result.accepted if result else None)
    else:
        delivery.mark_retry(submission, reply=answer)


def _finish(session: SmtpSession, submission: Submission, result: EnvelopeResult) -> None:
    """The dot and its answer. No answer: nobody knows."""
    try:
        reply = session.finish_data()
    except ServerError:
        raise  # the server spoke before the dot was written: it has not left
    except ProtocolError as error:
        delivery.mark_unconfirmed(
            submission,
            text=f"Perhaps sent: {_host(submission)} took the message but did not confirm it ({error}). "
            "Pillarbox looks whether it has left; you can also check and decide yourself.",
        )
        return
    reached("dot_answered")
    if reply.is_positive:
        delivery.mark_accepted(submission, reply=answer_of(reply), recipients=result.accepted)
        reached("accepted")
    else:
        _take_refusal(submission, reply, result)


def _stop_account(submission: Submission, error: Exception) -> None:
    """The server wants another password: the account waits for it, and with it everything in its queue (R68)."""
    reason = f"Outgoing mail, {_host(submission)}: {plain_reason(error)}"
    services.set_state(submission.account, AccountState.AUTH_FAILED, reason=reason)
    delivery.put_back(submission, text=f"Not sent yet. {reason} Sign in again; everything that waits is sent then.")


# Values -------------------------------------------------------------------------------------------------------------


def answer_of(reply: Reply) -> Answer:
    """A reply in the outbox's terms."""
    return Answer(reply.code, reply.text, reply.enhanced)


def answer_of_error(error: Exception) -> Answer:
    """An error in the outbox's terms: with the server's words where it spoke."""
    if not isinstance(error, ServerError):
        return Answer(text=plain_reason(error))
    if not error.server_text:  # ours, such as the figures of a message that is too large for this server
        text = str(error)
        return Answer(text=f"{text[:1].upper()}{text[1:]}.")
    if _CODE.fullmatch(error.code):
        return Answer(int(error.code), error.server_text)
    return Answer(text=error.server_text, enhanced=error.code)


def _envelope(submission: Submission, raw: bytes) -> Envelope:
    waiting = SubmissionRecipient.objects.filter(submission=submission, status=Status.WAITING)
    head = raw[: len(raw) - len(_body(raw))]
    return Envelope(
        mail_from=submission.mail_from,
        rcpt_to=tuple(waiting.values_list("email", flat=True)),
        requires_smtputf8=not head.isascii(),
    )


def _body(raw: bytes) -> bytes:
    _, _, body = raw.partition(b"\r\n\r\n")
    return body


def _wire_size(raw: bytes) -> int:
    """With CRLF line ends (RFC 1870 5)."""
    pairs = raw.count(b"\r\n")
    return len(raw) + raw.count(b"\r") + raw.count(b"\n") - 2 * pairs


def _host(submission: Submission) -> str:
    return submission.account.outgoing_host
