"""The window in which a send can be taken back (reliability R73). Its end is the server's time, never the browser's."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from accounts.models import User
from webmail.outbox.models import HeldFor, Phase, Submission

# The server holds longer than it shows: a click in the last second still comes in time over a slow line.
HOLD_MARGIN_S = 4
MAX_UNDO_S = 60


def undo_seconds(user: User) -> int:
    """How long this person is shown that a send can be taken back; 0: not at all."""
    chosen: int = settings.UNDO_SEND_S if user.undo_send_s is None else user.undo_send_s
    return min(chosen, MAX_UNDO_S)


def hold_for(user: User) -> timedelta:
    """How long the message waits really."""
    shown = undo_seconds(user)
    return timedelta(seconds=shown + HOLD_MARGIN_S if shown else 0)


def undo_deadline(submission: Submission) -> datetime | None:
    """Until when pages offer to take it back; None when it does not wait for that."""
    if submission.phase != Phase.HELD or submission.held_for != HeldFor.UNDO:
        return None
    return submission.send_at - timedelta(seconds=HOLD_MARGIN_S)
