"""/events: who is told what, pings, and Redis going away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import AsyncClient, Client

from tests.factories import make_user
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer
from webmail.dispatch import CHANGES_CHANNEL, connect_redis
from webmail.web.views import events

WAIT_S = 20


def run(body: Any) -> Any:
    return asyncio.run(asyncio.wait_for(body, WAIT_S))


async def publish(user_id: int) -> None:
    """Repeated until the stream hears it: when a subscription stands is Redis' business."""
    client = connect_redis()
    change = json.dumps({"account": f"a{user_id}", "user": user_id, "changed": {"Email": "7"}})
    while True:
        await asyncio.to_thread(client.publish, CHANGES_CHANNEL, change)
        await asyncio.sleep(0.05)


async def first(found: AsyncIterator[bytes], wanted: bytes) -> bytes:
    async for event in found:
        if wanted in event:
            return event
    raise AssertionError("the stream ended")


@pytest.mark.live
def test_a_change_of_ones_own_is_told_and_others_are_not(redis_server: RedisServer) -> None:
    async def body() -> list[bytes]:
        ringing = [asyncio.create_task(publish(2)), asyncio.create_task(publish(1))]
        heard = []
        async for event in events.stream(1):
            heard.append(event)
            if sum(b"event: change" in one for one in heard) == 5:
                break
        for task in ringing:
            task.cancel()
        return heard

    heard = run(body())
    told = [event for event in heard if b"event: change" in event]
    assert set(told) == {b'event: change\ndata: {"account": "a1", "changed": {"Email": "7"}}\n\n'}


def test_pings_go_on_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "RETRY_S", 0.02)
    monkeypatch.setattr(events, "PING_S", 0.01)
    monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")

    async def body() -> None:
        found = events.stream(1)
        for _ in range(3):
            await first(found, events.PING)

    run(body())


@pytest.mark.live
def test_when_redis_is_back_the_page_is_told_to_look(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RETRY_S", 0.02)
    is_away = True
    listen = events._listen

    async def failing(user_id: int, ends_at: float) -> AsyncIterator[bytes]:
        if is_away:
            raise redis.ConnectionError
        async for event in listen(user_id, ends_at):
            yield event

    monkeypatch.setattr(events, "_listen", failing)

    async def body() -> None:
        nonlocal is_away
        found = events.stream(1)
        assert (await anext(found)).startswith(b"retry:")
        waiting = asyncio.create_task(anext(found))
        await asyncio.sleep(0.05)
        is_away = False
        assert await waiting == events.LOOK

    run(body())


def test_a_stream_ends_after_a_while_so_that_the_session_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "STREAM_S", 0.05)
    monkeypatch.setattr(events, "RETRY_S", 0.02)

    async def body() -> list[bytes]:
        return [event async for event in events.stream(1)]

    assert run(body())[0].startswith(b"retry:")


@pytest.mark.parametrize("data", [b"no json", b"[]", b"{}", b'{"user": 1}', b'{"user": 1, "account": "a"}', b"null"])
def test_what_cannot_be_read_is_passed_over(data: bytes) -> None:
    assert events._event_for(1, {"data": data}) == b""


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("R56")
def test_the_stream_is_for_signed_in_people_by_get(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "STREAM_S", 0.0)
    alice = make_user()

    async def body() -> None:
        stranger = AsyncClient()
        assert (await stranger.get("/events")).status_code == 403
        client = AsyncClient()
        await sync_to_async(client.force_login)(alice)
        response = await client.get("/events")
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Content-Encoding"] == "identity"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["Cache-Control"] == "no-store, private"
        assert (await anext(aiter(response.streaming_content))).startswith(b"retry:")
        assert (await client.post("/events")).status_code == 405

    run(body())


@pytest.mark.django_db
def test_the_stream_is_refused_to_strangers_without_async_too() -> None:
    assert Client().get("/events").status_code == 403
