"""The product broken on purpose (reliability section 9): each takes one guard away, in the process that calls it.

A fault test that stays green with one of these would prove nothing. `test_mutations` runs them in children of the worker
process and wants the judge to see it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def mark_the_dot_late() -> None:
    """Commit dot_sent after the dot was answered."""
    from webmail.outbox.queue import delivery
    from webmail.protocols.smtp.session import LiveSmtpSession

    mark, finish = delivery.mark_dot_sent, LiveSmtpSession.finish_data
    marked: list[tuple[Any, Any]] = []

    def note_only(submission: Any, *, recipients: Any) -> bool:
        marked.append((submission, recipients))
        return True

    def finish_first(session: LiveSmtpSession) -> Any:
        reply = finish(session)
        submission, recipients = marked.pop()
        mark(submission, recipients=recipients)
        return reply

    delivery.mark_dot_sent = note_only
    LiveSmtpSession.finish_data = finish_first  # type: ignore[method-assign]


def claim_whatever_its_phase() -> None:
    """The claim without its condition."""
    from webmail.outbox.models import Phase
    from webmail.outbox.queue import delivery

    delivery.CLAIMABLE = tuple(Phase)  # type: ignore[assignment]


def retry_an_expired_doubt() -> None:
    """A worker that died after the dot is taken for one that died before it."""
    from webmail.outbox.models import Phase, Submission
    from webmail.outbox.queue import upkeep

    recover = upkeep.recover_expired_leases

    def forget_the_dot() -> int:
        Submission.objects.filter(phase=Phase.DOT_SENT).update(phase=Phase.IN_DATA)
        return recover()

    upkeep.recover_expired_leases = forget_the_dot


def acknowledge_before_the_commit() -> None:
    """Submitting returns while its transaction is still open; the next one commits it."""
    from django.db import transaction

    from tests.outbox import letters

    submit = letters.submit
    open_ones: list[Any] = []

    def submit_and_leave_open(*arguments: Any, **fields: Any) -> Any:
        if open_ones:
            open_ones.pop().__exit__(None, None, None)
        block = transaction.atomic()
        block.__enter__()
        open_ones.append(block)
        return submit(*arguments, **fields)

    letters.submit = submit_and_leave_open


def take_421_at_quit_for_failure() -> None:
    """QUIT that is not answered with 221 makes the message before it a failed try."""
    from django.utils import timezone

    from webmail.outbox.models import SENT, Phase, Submission
    from webmail.outbox.queue.moves import FREE
    from webmail.protocols.errors import ProtocolError
    from webmail.protocols.smtp.session import LiveSmtpSession

    def quit_and_look(session: LiveSmtpSession) -> None:
        try:
            with session._dialogue.limits(5):
                session._connection.write(b"QUIT\r\n")
                is_polite = session._dialogue.read(seconds=5).code == 221
        except ProtocolError:
            is_polite = False
        session.close()
        if not is_polite:
            last = Submission.objects.filter(phase__in=SENT).latest("accepted_at")
            last.recipients.update(status="waiting")
            Submission.objects.filter(pk=last.pk).update(phase=Phase.RETRY, next_try_at=timezone.now(), **FREE)

    LiveSmtpSession.quit = quit_and_look  # type: ignore[method-assign]


def append_without_a_search() -> None:
    """The Sent copy is appended again whatever lies there."""
    from webmail.sync.outgoing import sent_copy

    sent_copy.uids_with_message_id = lambda session, message_id: []
    sent_copy.is_known_in = lambda mailbox, message_id: False


MUTATIONS: dict[str, Callable[[], None]] = {
    function.__name__: function
    for function in (
        mark_the_dot_late,
        claim_whatever_its_phase,
        retry_an_expired_doubt,
        acknowledge_before_the_commit,
        take_421_at_quit_for_failure,
        append_without_a_search,
    )
}
