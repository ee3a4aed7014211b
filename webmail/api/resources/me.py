"""The user who asks, and whether the service answers."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse
from ninja import Router

from webmail.api import access
from webmail.api.answers import answer
from webmail.api.auth import ApiRequest
from webmail.api.operations import PUBLIC, operation
from webmail.api.schemas.accounts import LimitsOut, MeOut
from webmail.api.schemas.base import HealthOut
from webmail.api.schemas.messages import MAX_BATCH
from webmail.outbox.writing.messages import MAX_FILES_BYTES, MAX_RECIPIENTS
from webmail.store.queries.emails import MAX_PAGE_SIZE

router = Router(tags=["user"])


@operation(router, "GET", "/me", scope=None, answers={200: MeOut})
def get_me(request: ApiRequest) -> HttpResponse:
    """The user, the scopes of this credential, and the limits that hold."""
    user, is_limited = request.auth.user, request.auth.account_ids is not None
    me = MeOut(
        email=user.email,
        name=user.name,
        timezone=user.timezone,
        scopes=sorted(request.auth.scopes),
        account_ids=[account.public_id for account in access.accounts_for(request)] if is_limited else None,
        limits=LimitsOut(
            max_page_size=MAX_PAGE_SIZE,
            max_batch_size=MAX_BATCH,
            max_upload_bytes=MAX_FILES_BYTES,
            max_recipients=MAX_RECIPIENTS,
        ),
    )
    return answer(request, me)


@operation(router, "GET", "/health", scope=PUBLIC, answers={200: HealthOut})
def get_health(request: HttpRequest) -> HttpResponse:
    """Whether the service and its database answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return answer(request, HealthOut(status="ok"))
