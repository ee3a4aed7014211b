"""What the pages that wait for a connection test have in common."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import ConnectionTest

SOON = timedelta(seconds=15)


def is_over(test: ConnectionTest) -> bool:
    """Whether a worker has ended the test, for better or worse."""
    return test.status in (ConnectionTest.Status.PASSED, ConnectionTest.Status.FAILED)


def is_slow(test: ConnectionTest) -> bool:
    """Whether nobody has begun the test for longer than anybody expects: probably no worker runs."""
    is_waiting = test.status == ConnectionTest.Status.PENDING
    return is_waiting and timezone.now() - test.created_at > SOON


def answer_wait(request: HttpRequest, *, goal: str) -> HttpResponse:
    """Lead the page to `goal`, whether a script or the browser asked."""
    return HttpResponseClientRedirect(goal) if getattr(request, "htmx", False) else redirect(goal)
