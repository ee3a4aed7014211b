"""/events: who is told what, what was missed, pings, and Redis going away (features K, live updates that survive everything)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import AsyncClient, Client

from accounts import services
from accounts.models import AccountState, MailAccount, User
from tests.factories import make_account, make_email, make_mailbox, make_user
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer
from webmail.dispatch import CHANGES_CHANNEL, connect_redis
from webmail.store.models import Mailbox
from webmail.store.queries.live import Position, position_of, read_position
from webmail.web.views import events

WAIT_S = 20


@pytest.fixture
def alice(transactional_db: None) -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "RETRY_S", 0.02)
    monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")


def run(body: Any) -> Any:
    return asyncio.run(asyncio.wait_for(body, WAIT_S))


async def publish(user_id: int, account: str, state: str) -> None:
    """Repeated until the stream hears it: when a subscription stands is Redis' business."""
    client = connect_redis()
    change = json.dumps({"account": account, "user": user_id, "changed": {"Email": state}})
    while True:
        await asyncio.to_thread(client.publish, CHANGES_CHANNEL, change)
        await asyncio.sleep(0.05)


async def first(found: AsyncIterator[bytes], wanted: bytes) -> bytes:
    async for event in found:
        if wanted in event:
            return event
    raise AssertionError("the stream ended")


def id_of(event: bytes) -> str:
    return event.decode().splitlines()[0].removeprefix("id: ")


@pytest.mark.live
def test_a_change_of_ones_own_is_told_with_where_it_leads_and_others_are_not(
    redis_server: RedisServer, alice: User, inbox: Mailbox
) -> None:
    own, position = inbox.account.public_id, position_of(alice.pk)

    async def body() -> list[bytes]:
        ringing = [
            asyncio.create_task(publish(alice.pk + 1, "another", "9")),
            asyncio.create_task(publish(alice.pk, own, "900")),
        ]
        heard = []
        async for event in events.stream(alice.pk):
            heard.append(event)
            if sum(b"event: change" in one for one in heard) == 3:
                break
        for task in ringing:
            task.cancel()
        return heard

    told = [event for event in run(body()) if b"event: change" in event]
    position.clocks[own] = 900
    data = json.dumps({"account": own, "changed": {"Email": "900"}, "state": str(position)})
    assert set(told) == {f"id: {position}\nevent: change\ndata: {data}\n\n".encode()}


@pytest.mark.live
def test_a_page_that_comes_back_is_told_once_what_it_missed(
    redis_server: RedisServer, alice: User, inbox: Mailbox
) -> None:
    before = str(position_of(alice.pk))
    make_email(inbox)

    async def answers(since: str) -> list[bytes]:
        found = events.stream(alice.pk, since)
        heard = [await anext(found), await anext(found)]
        await found.aclose()  # type: ignore[attr-defined]
        return heard[1:]

    [missed] = run(answers(before))
    assert b"event: change" in missed
    assert id_of(missed) == str(position_of(alice.pk)) != before
    assert run(answers(id_of(missed))) == [events.PING]  # nothing since: nothing is told
    [fresh] = run(answers(""))
    assert b"event: state" in fresh  # a page just made learns where it stands
    assert id_of(fresh) == id_of(missed)


def test_changes_are_told_while_redis_is_away(no_redis: None, alice: User, inbox: Mailbox) -> None:
    async def body() -> tuple[bytes, bytes]:
        found = events.stream(alice.pk)
        state = await first(found, b"event: state")
        await sync_to_async(make_email)(inbox)
        return state, await first(found, b"event: change")

    state, change = run(body())
    assert id_of(state) != id_of(change) == str(position_of(alice.pk))


def test_pings_go_on_while_redis_is_away(no_redis: None, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PING_S", 0.01)

    async def body() -> None:
        found = events.stream(alice.pk)
        for _ in range(3):
            await first(found, events.PING)

    run(body())


@pytest.mark.live
def test_when_redis_is_back_only_what_changed_meanwhile_is_told(
    redis_server: RedisServer, alice: User, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RETRY_S", 0.02)
    right = settings.REDIS_URL

    async def body() -> list[bytes]:
        monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
        found = events.stream(alice.pk)
        heard = [await anext(found), await anext(found)]
        monkeypatch.setattr(settings, "REDIS_URL", right)
        heard.append(await anext(found))  # the subscription stands: nothing was missed
        await found.aclose()  # type: ignore[attr-defined]
        return heard

    _retry, state, back = run(body())
    assert b"event: state" in state
    assert back == events.PING


def test_a_stream_ends_after_a_while_so_that_the_session_is_asked_again(
    no_redis: None, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "STREAM_S", 0.05)

    async def body() -> list[bytes]:
        return [event async for event in events.stream(alice.pk)]

    assert run(body())[0].startswith(b"retry:")


@pytest.mark.parametrize(
    "data",
    [b"no json", b"[]", b"{}", b'{"user": 1}', b'{"user": 1, "account": "a"}', b"null", b'{"user": 1, "changed": []}'],
)
def test_what_cannot_be_read_is_passed_over(data: bytes) -> None:
    assert events.change_of(1, {"data": data}) is None


@pytest.mark.parametrize(
    "text", ["", "1", "a.b~", "a.1", "a.-1~", "../x.1~", "a" * 7_000 + ".1~", "a." + "9" * 30 + "~"]
)
def test_a_position_that_nobody_wrote_is_none(text: str) -> None:
    assert read_position(text) is None


@pytest.mark.django_db
def test_a_position_moves_with_mail_with_conditions_and_with_accounts() -> None:
    alice = make_user()
    inbox = make_mailbox(make_account(alice), "Inbox", role="inbox")
    seen = [str(position_of(alice.pk))]
    make_email(inbox)
    seen.append(str(position_of(alice.pk)))
    services.set_state(MailAccount.objects.get(), AccountState.AUTH_FAILED, reason="No.")
    seen.append(str(position_of(alice.pk)))
    make_account(alice)
    seen.append(str(position_of(alice.pk)))
    assert len(set(seen)) == 4
    assert [str(read_position(text)) for text in seen] == seen
    assert position_of(make_user("bob").pk) == Position({}, "0")


@pytest.mark.req("R56")
def test_the_stream_is_for_signed_in_people_by_get(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "STREAM_S", 0.0)

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


@pytest.mark.live
def test_the_header_of_a_browser_names_what_it_heard_last(
    redis_server: RedisServer, alice: User, inbox: Mailbox
) -> None:
    before = str(position_of(alice.pk))
    make_email(inbox)

    async def body() -> bytes:
        client = AsyncClient()
        await sync_to_async(client.force_login)(alice)
        response = await client.get("/events", headers={"Last-Event-ID": before})
        found = aiter(response.streaming_content)
        await anext(found)
        event: bytes = await anext(found)
        await found.aclose()  # type: ignore[attr-defined]
        return event

    assert b"event: change" in run(body())


@pytest.mark.django_db
def test_the_stream_is_refused_to_strangers_without_async_too() -> None:
    assert Client().get("/events").status_code == 403
