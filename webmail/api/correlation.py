"""The id of a request, told in `X-Request-Id` and in problem documents: the one its log lines carry."""

from __future__ import annotations

import re
import uuid

import structlog
from django.http import HttpRequest

# A client or proxy may choose it, but nothing that could confuse a log or a header.
_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def request_id(request: HttpRequest) -> str:
    """Always the same for one request."""
    known = request.META.get("pillarbox.request_id")
    if known is None:
        bound = str(structlog.contextvars.get_contextvars().get("request_id", ""))
        known = bound if _ID.fullmatch(bound) else str(uuid.uuid4())
        request.META["pillarbox.request_id"] = known
    return str(known)
