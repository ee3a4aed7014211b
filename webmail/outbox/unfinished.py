"""The submissions that are not over: few, whatever the history. The sweep looks at them every few seconds."""

from __future__ import annotations

from django.db.models import QuerySet

from webmail.outbox.models import CLAIMABLE, IN_FLIGHT, Phase, Submission

# In the words of the index `outbox_open`: SQLite uses it only for a condition that stands there as it does here.
_PHASES = (Phase.HELD, *CLAIMABLE, *IN_FLIGHT, Phase.ACCEPTED)
_CONDITION = f"outbox_submission.phase IN ({', '.join(repr(str(phase)) for phase in _PHASES)})"


def unfinished() -> QuerySet[Submission]:
    """Held, waiting, under way, or accepted with the Sent copy still to be filed; the longest due first."""
    return Submission.objects.extra(where=[_CONDITION]).order_by("next_try_at", "pk")  # noqa: S610 - our own constant
