"""/events: a stream that tells an open page that something of its user's changed (Server-Sent Events).

Redis carries it; while Redis is away the stream stays open and goes on with pings, and when it is back the page is told to
look for itself, since nobody knows what was missed. Nothing in the stream is mail: account, types and states only.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import redis
import redis.asyncio
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase

from webmail.dispatch import CHANGES_CHANNEL, PAGES_CHANNEL

PING_S = 20.0  # proxies close what is silent for longer
RETRY_S = 3.0  # while Redis is away
STREAM_S = 900.0  # then the page connects anew, and its session is checked anew
CONNECT_TIMEOUT_S = 2.0

PING = b": ping\n\n"
LOOK = b"event: change\ndata: {}\n\n"
# Nothing is published there: that somebody listens tells `watch` whose pages are open (`sync.watching.watch_polling`).


async def events(request: HttpRequest) -> HttpResponseBase:
    """The stream of the signed-in person; 403 for others, which ends a browser's tries."""
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    user = await request.auser()
    if user.pk is None:
        return HttpResponse(status=403)
    response = StreamingHttpResponse(stream(user.pk), content_type="text/event-stream")
    # Never held back by a proxy, never compressed (it would wait for more).
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Content-Encoding"] = "identity"
    response.headers["Cache-Control"] = "no-store, private"
    return response


async def stream(user_id: int) -> AsyncIterator[bytes]:
    """Events of one user, with a ping at least every PING_S seconds, until STREAM_S have passed."""
    ends_at = time.monotonic() + STREAM_S
    pinged_at = time.monotonic()
    was_away = False
    yield f"retry: {int(RETRY_S * 1000)}\n\n".encode()
    while time.monotonic() < ends_at:
        try:
            async for event in _listen(user_id, ends_at):
                if was_away:
                    was_away = False
                    yield LOOK
                yield event
        except (redis.RedisError, OSError):
            was_away = True
            if time.monotonic() - pinged_at >= PING_S:
                pinged_at = time.monotonic()
                yield PING
            await asyncio.sleep(RETRY_S)


async def _listen(user_id: int, ends_at: float) -> AsyncIterator[bytes]:
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=CONNECT_TIMEOUT_S)
    try:
        async with client.pubsub() as pubsub:
            await pubsub.subscribe(CHANGES_CHANNEL, f"{PAGES_CHANNEL}{user_id}")
            yield PING
            while time.monotonic() < ends_at:
                wait_s = max(min(PING_S, ends_at - time.monotonic()), 0.01)
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=wait_s)
                event = _event_for(user_id, message) if message else PING
                if event:
                    yield event
    finally:
        await client.aclose()


def _event_for(user_id: int, message: dict[str, Any]) -> bytes:
    """The event of a published change, or nothing when it is another user's."""
    try:
        change = json.loads(message["data"])
        if change["user"] != user_id:
            return b""
        told = {"account": change["account"], "changed": change["changed"]}
    except (ValueError, KeyError, TypeError):
        return b""
    return f"event: change\ndata: {json.dumps(told)}\n\n".encode()
