"""Wishes for our own check of who sent a message, as rows; a worker carries them out (`sync.verifying`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from webmail import dispatch
from webmail.store.models import Email, FetchState, SenderCheck

TASK = "verify.email"
AGAIN_AFTER = timedelta(minutes=5)  # when DNS did not answer
MAX_TRIES = 3


def want_check(email: Email, *, anew: bool = False) -> None:
    """Have this message's signatures verified. Safe to repeat: a check that was made is kept, unless `anew`."""
    with transaction.atomic():
        _, is_new = SenderCheck.objects.get_or_create(email_id=email.pk)
        if anew and not is_new:
            done = SenderCheck.objects.filter(email_id=email.pk).exclude(state=FetchState.WANTED)
            is_new = bool(done.update(state=FetchState.WANTED, wanted_at=timezone.now(), done_at=None, results={}))
        if is_new:
            dispatch.wake(TASK, email.pk)


def finish(check: SenderCheck, results: Mapping[str, Any]) -> None:
    """The check was made."""
    _close(check, FetchState.DONE, results)


def refuse(check: SenderCheck) -> None:
    """The message cannot be checked: it is not here, or it took too much."""
    _close(check, FetchState.REFUSED, {})


def _close(check: SenderCheck, state: FetchState, results: Mapping[str, Any]) -> None:
    SenderCheck.objects.filter(pk=check.pk, state=FetchState.WANTED).update(
        state=state, results=dict(results), done_at=timezone.now()
    )


def postpone(check: SenderCheck) -> bool:
    """Try again later; False when that was tried often enough."""
    tries = int(check.results.get("tries", 0)) + 1
    if tries >= MAX_TRIES:
        return False
    SenderCheck.objects.filter(pk=check.pk, state=FetchState.WANTED).update(
        results={"tries": tries}, wanted_at=timezone.now() + AGAIN_AFTER
    )
    return True


def waiting_checks(before: datetime, limit: int) -> list[int]:
    """Emails whose check was due before this time, the oldest wish first."""
    waiting = SenderCheck.objects.filter(state=FetchState.WANTED, wanted_at__lte=before)
    return list(waiting.order_by("wanted_at").values_list("email_id", flat=True)[:limit])
