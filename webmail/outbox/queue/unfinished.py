"""The submissions that are not over: few, whatever the history. Sweep and workers look at them every few seconds.

In the words of the index `outbox_open`: SQLite takes a partial index only for a condition that stands there as it does here.
"""

from __future__ import annotations

from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from webmail.outbox.models import UNFINISHED, Submission

_CONDITION = f"outbox_submission.phase IN ({', '.join(repr(str(phase)) for phase in UNFINISHED)})"
# SQLite would take the index of the account first, which holds its whole history: hence the sum.
_OF_ACCOUNT = f"{_CONDITION} AND outbox_submission.account_id + 0 = %s"


def unfinished() -> QuerySet[Submission]:
    """Held, waiting, under way, accepted with the Sent copy still to be filed, or in doubt; the longest due first."""
    return Submission.objects.filter(_written(_CONDITION)).order_by("next_try_at", "pk")


def unfinished_of(account_id: int) -> QuerySet[Submission]:
    """Those of one account, in no order."""
    return Submission.objects.filter(_written(_OF_ACCOUNT, account_id))


def _written(words: str, *values: int) -> RawSQL:
    return RawSQL(words, values, output_field=BooleanField())  # noqa: S611 - nothing of it comes from outside
