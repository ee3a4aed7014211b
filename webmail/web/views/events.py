"""/events: a stream that tells an open page that something of its user's changed (Server-Sent Events).

Each event carries as its id where the user's mail stands by then (`store.queries.live`). A page that connects again names the last
one it heard, by `Last-Event-ID` or `?since=`, and is told at once when something changed meanwhile: once, or not at all. So nothing is
missed over a lost network, sleep, or a Redis that was restarted. Redis only makes it quick: while it is away the stream looks by itself
every few seconds. Nothing in the stream is mail: account, types and states only.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import redis
import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase

from webmail.dispatch import CHANGES_CHANNEL, PAGES_CHANNEL
from webmail.store.queries.live import Position, position_of, read_position

PING_S = 20.0  # proxies close what is silent for longer
RETRY_S = 3.0  # while Redis is away
STREAM_S = 900.0  # then the page connects anew, and its session is checked anew
CONNECT_TIMEOUT_S = 2.0

PING = b": ping\n\n"


async def events(request: HttpRequest) -> HttpResponseBase:
    """The stream of the signed-in person; 403 for others, which ends a browser's tries."""
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    user = await request.auser()
    if user.pk is None:
        return HttpResponse(status=403)
    since = request.headers.get("Last-Event-ID") or request.GET.get("since", "")
    response = StreamingHttpResponse(stream(user.pk, since), content_type="text/event-stream")
    # Never held back by a proxy, never compressed (it would wait for more).
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Content-Encoding"] = "identity"
    response.headers["Cache-Control"] = "no-store, private"
    return response


async def stream(user_id: int, since: str = "") -> AsyncIterator[bytes]:
    """Events of one user, with a ping at least every PING_S seconds, until STREAM_S have passed.

    `since`: the position that the page knows; empty or unreadable: it has just been made and knows the present one.
    """
    ends_at = time.monotonic() + STREAM_S
    pinged_at = time.monotonic()
    known = read_position(since)
    yield f"retry: {int(RETRY_S * 1000)}\n\n".encode()
    while time.monotonic() < ends_at:
        async for event, position in _listen(user_id, known, ends_at):
            known = position
            yield event
        if time.monotonic() >= ends_at:
            return
        # Redis is away.
        found = await _look(user_id)
        if event := _difference(known, found):
            yield event
        known = found
        if time.monotonic() - pinged_at >= PING_S:
            pinged_at = time.monotonic()
            yield PING
        await asyncio.sleep(RETRY_S)


async def _listen(user_id: int, known: Position | None, ends_at: float) -> AsyncIterator[tuple[bytes, Position]]:
    """Events with the position they lead to, first what was missed; ends when Redis is lost."""
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=CONNECT_TIMEOUT_S)
    try:
        async with client.pubsub() as pubsub:
            # Nothing is published on the second: that somebody listens tells `watch` whose pages are open.
            await pubsub.subscribe(CHANGES_CHANNEL, f"{PAGES_CHANNEL}{user_id}")
            # Looked up when the subscription stands, so that nothing falls between.
            position = await _look(user_id)
            yield _difference(known, position) or PING, position
            while time.monotonic() < ends_at:
                wait_s = max(min(PING_S, ends_at - time.monotonic()), 0.01)
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=wait_s)
                if message is None:
                    yield PING, position
                elif (change := change_of(user_id, message)) is not None:
                    if not position.advance(change["account"], change["changed"].values()):
                        position = await _look(user_id)
                    yield write_event("change", str(position), change), position
    except (redis.RedisError, OSError):
        return
    finally:
        await client.aclose()


def _difference(known: Position | None, found: Position) -> bytes:
    """What a page hears when nobody knows what it missed: nothing when it stands where the mail does."""
    if known is None:
        return write_event("state", str(found), {})
    return b"" if str(known) == str(found) else write_event("change", str(found), {})


def write_event(name: str, position: str, data: dict[str, Any]) -> bytes:
    """An event whose id and `state` are the position of the user's mail."""
    return f"id: {position}\nevent: {name}\ndata: {json.dumps({**data, 'state': position})}\n\n".encode()


def change_of(user_id: int, message: dict[str, Any]) -> dict[str, Any] | None:
    """A published change, or None when it is another user's or cannot be read."""
    try:
        change = json.loads(message["data"])
        if change["user"] != user_id:
            return None
        changed = {str(name): str(state) for name, state in change["changed"].items()}
        return {"account": str(change["account"]), "changed": changed}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


async def _look(user_id: int) -> Position:
    return await sync_to_async(_position)(user_id)


def _position(user_id: int) -> Position:
    try:
        return position_of(user_id)
    finally:
        # A stream lives for minutes in a thread of its own: it must not hold a connection to the database all the while.
        if not connection.in_atomic_block:
            connection.close()
