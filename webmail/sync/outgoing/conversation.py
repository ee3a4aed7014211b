"""One message over one open session, MAIL to the answer to the dot; every phase that counts is written down.

    MAIL, RCPT -> [in_data] -> DATA, body -> [dot_sent] -> dot -> [accepted | retry | failed | unconfirmed]

Brackets are commits; none is open while the server is waited for. [in_data] is left out for what is short: a death before
the dot is the same with it and without it. Whatever goes wrong before `dot_sent` is known not to have left. After it only
an answer of the server counts. It must not decide what an answer means: `queue.answers` does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from webmail.outbox.models import Submission
from webmail.outbox.queue import delivery
from webmail.outbox.queue.answers import Answer, Status
from webmail.protocols.errors import ConnectionLost, ProtocolError, ServerError, TemporarilyRefused
from webmail.protocols.smtp.session import Envelope, EnvelopeResult, Reply, SmtpSession
from webmail.sync import refusals
from webmail.sync.errors import plain_reason
from webmail.sync.points import reached

SHORT_BYTES = 262_144  # written in a blink: nobody could look at the phase in between
_CODE = re.compile(r"[245][0-9]{2}")


class NotBegun(Exception):
    """The server did not begin with the message: a fresh session or another server may be asked. The row is claimed."""

    def __init__(self, answer: Answer, *, is_lost: bool = False) -> None:
        super().__init__(str(answer))
        self.answer = answer
        self.is_lost = is_lost  # the line is dead, or the server ends this session


class LimitReached(Exception):
    """The account may send nothing more for a while (R76). Nothing has left; the row is still the caller's."""

    def __init__(self, answer: Answer, *, has_begun: bool = False) -> None:
        super().__init__(str(answer))
        self.answer = answer
        self.has_begun = has_begun  # a recipient was accepted: no other server is asked in this try


@dataclass(frozen=True)
class Message:
    """A claimed submission with what is sent: wire bytes without Bcc, and those it is still to be sent to."""

    submission: Submission
    raw: bytes
    recipients: tuple[str, ...]

    @property
    def is_short(self) -> bool:
        return len(self.raw) <= SHORT_BYTES


def converse(session: SmtpSession, message: Message) -> None:
    """MAIL to the dot; the row has moved when it returns. Raises `NotBegun`, `LimitReached`, and `ProtocolError` only
    where the message has certainly not left."""
    result = _send_envelope(session, message)
    reached("envelope_accepted")
    if not _take_envelope(message, result):
        _start_afresh(session)
        return
    reply = session.start_data()
    if not reply.is_positive:
        _take_refusal(message.submission, reply, result)
        _start_afresh(session)
        return
    reached("in_data")
    session.write_body(message.raw)
    reached("body_written")
    # Committed before the dot: a worker that dies between the two makes us ask, never send twice (R65).
    if not delivery.mark_dot_sent(message.submission, recipients=result.accepted):
        session.close()
        return
    reached("dot_marked")
    _finish(session, message.submission, result)


def _start_afresh(session: SmtpSession) -> None:
    """The next message may follow. What goes wrong here is no matter of this one any more."""
    try:
        if not session.is_closed:
            session.reset()
    except ProtocolError:
        session.close()


def _send_envelope(session: SmtpSession, message: Message) -> EnvelopeResult:
    try:
        result = session.send_envelope(
            _envelope(message), size_bytes=_wire_size(message.raw), body_8bit=not _body(message.raw).isascii()
        )
    except (ConnectionLost, TemporarilyRefused) as error:  # the latter: it said 421 before its turn
        raise NotBegun(answer_of_error(error), is_lost=True) from error
    reply = result.mail_reply
    if reply.is_positive:
        return result
    answer = answer_of(reply)
    if refusals.is_sending_limit(reply.enhanced, reply.text):
        raise LimitReached(answer)
    if answer.status == Status.WAITING:
        raise NotBegun(answer, is_lost=session.is_closed or refusals.ends_session(reply.text))
    return result


def _take_envelope(message: Message, result: EnvelopeResult) -> bool:
    """Write down the answers to MAIL and RCPT; whether DATA may follow."""
    submission = message.submission
    if not result.mail_reply.is_positive:
        _take_refusal(submission, result.mail_reply, None)
        return False
    answers = {email: answer_of(reply) for email, reply in result.recipient_replies.items()}
    if not result.accepted:
        _raise_limit(result.recipient_replies)
        delivery.mark_envelope_refused(submission, answers=answers)
        return False
    if message.is_short and len(result.accepted) == len(answers):
        return True
    return delivery.mark_in_data(submission, answers=answers)


def _raise_limit(replies: Mapping[str, Reply]) -> None:
    for reply in replies.values():
        if refusals.is_sending_limit(reply.enhanced, reply.text):
            raise LimitReached(answer_of(reply))


def _take_refusal(submission: Submission, reply: Reply, result: EnvelopeResult | None) -> None:
    """A 4xx or 5xx to MAIL, DATA or the dot: it holds for all who were in question."""
    answer = answer_of(reply)
    if refusals.is_sending_limit(reply.enhanced, reply.text):
        raise LimitReached(answer, has_begun=True)
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
            text=f"Perhaps sent: {submission.server} took the message but did not confirm it ({error}). "
            "Pillarbox looks whether it has left; you can also check and decide yourself.",
        )
        return
    reached("dot_answered")
    if reply.is_positive:
        delivery.mark_accepted(submission, reply=answer_of(reply), recipients=result.accepted)
        reached("accepted")
    else:
        _take_refusal(submission, reply, result)


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


def _envelope(message: Message) -> Envelope:
    submission = message.submission
    head = message.raw[: len(message.raw) - len(_body(message.raw))]
    return Envelope(
        mail_from=submission.mail_from,
        rcpt_to=message.recipients,
        requires_smtputf8=not head.isascii(),
        # Left out by the session where the server does not offer DSN. Our own bytes need not come back.
        ret="HDRS",
        envid=submission.public_id,
        notify=tuple(word for word in submission.notify.split(",") if word),
        requires_tls=submission.requires_tls,
    )


def _body(raw: bytes) -> bytes:
    _, _, body = raw.partition(b"\r\n\r\n")
    return body


def _wire_size(raw: bytes) -> int:
    """With CRLF line ends (RFC 1870 5)."""
    pairs = raw.count(b"\r\n")
    return len(raw) + raw.count(b"\r") + raw.count(b"\n") - 2 * pairs
