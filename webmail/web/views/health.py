"""What monitors ask. No page of these tells anything about people or mail."""

from __future__ import annotations

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from webmail.dispatch import connect_redis
from webmail.figures import written_figures
from webmail.store.blobs import blob_store, check_space
from webmail.store.errors import StorageFull

_LOOPBACK = {"127.0.0.1", "::1"}


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether requests can be served: 503 without the database or the blobs. Redis is only a doorbell: a note, no failure."""
    checks = {"database": _database(), "blobs": _blobs(), "redis": _redis()}
    is_ready = checks["database"] == "ok" and checks["blobs"] == "ok"
    return JsonResponse(
        {"status": "ok" if is_ready else "unavailable", "checks": checks}, status=200 if is_ready else 503
    )


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus: from this machine itself, or for administrators; for others there is nothing here."""
    is_local = request.META.get("REMOTE_ADDR") in _LOOPBACK and "X-Forwarded-For" not in request.headers
    if not is_local and not request.user.is_staff:
        raise Http404("nothing here")
    return HttpResponse(written_figures(), content_type=CONTENT_TYPE_LATEST)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unavailable"
    return "ok"


def _blobs() -> str:
    root = getattr(blob_store(settings.BLOB_URL), "root", None)
    if root is None:  # a bucket: asking it at each probe would cost more than it tells
        return "ok"
    try:
        check_space(root)
    except StorageFull:
        return "full"
    except OSError:
        return "unavailable"
    return "ok"


def _redis() -> str:
    client = connect_redis()
    try:
        client.ping()
    except (redis.RedisError, OSError):
        return "away: live updates and wake-ups wait for the sweep"
    finally:
        client.close()
    return "ok"
