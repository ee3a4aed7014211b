"""When servers that do not tell are asked, and how pages say that they are open."""

import asyncio
import itertools

import pytest

from tests.fakes.imap import FakeImapServer
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer
from tests.sync.listening import Listening, make_inbox
from webmail.sync.watching import watch_polling
from webmail.sync.watching.watch_polling import CLOSED_S, OPEN_S, OTHERS_S, Polls
from webmail.web.views import events

ALICE, BEN = 1, 2


class Clock:
    """A clock the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def due_times(polls: Polls, clock: Clock, user_id: int, *, is_heard: bool, has_notify: bool = False) -> list[float]:
    """Seconds between the wake-ups of an account in an hour."""
    found: list[float] = []
    for _ in range(3600):
        clock.now += 1
        if polls.is_due(user_id * 10, user_id=user_id, is_heard=is_heard, has_notify=has_notify):
            found.append(clock.now)
    return [after - before for before, after in itertools.pairwise(found)]


@pytest.mark.req("Y79")
@pytest.mark.parametrize(
    ("user_id", "is_heard", "has_notify", "interval"),
    [
        (ALICE, False, False, OPEN_S),
        (BEN, False, False, CLOSED_S),
        (ALICE, True, False, OTHERS_S),
        (BEN, True, False, None),
        (ALICE, True, True, None),
        (BEN, True, True, None),
    ],
)
def test_account_is_asked_by_what_its_server_tells_and_whether_its_own_user_looks(
    user_id, is_heard, has_notify, interval
):
    clock = Clock()
    polls = Polls(find_users=lambda: {ALICE}, clock=clock)

    waits = due_times(polls, clock, user_id, is_heard=is_heard, has_notify=has_notify)

    assert set(waits) == (set() if interval is None else {interval})


@pytest.mark.req("Y79")
def test_page_that_opens_is_noticed_within_seconds():
    clock, users = Clock(), set()
    polls = Polls(find_users=lambda: users, clock=clock)
    due_times(polls, clock, ALICE, is_heard=False)
    users.add(ALICE)

    assert set(due_times(polls, clock, ALICE, is_heard=False)[1:]) == {OPEN_S}


@pytest.mark.req("Y80")
def test_accounts_do_not_all_come_at_once():
    clock = Clock()
    polls = Polls(find_users=lambda: (), clock=clock)
    first: dict[int, float] = {}
    for _ in range(int(CLOSED_S) + 1):
        for account_id in range(50):
            if polls.is_due(account_id, user_id=BEN, is_heard=False, has_notify=False):
                first.setdefault(account_id, clock.now)
        clock.now += 1

    assert len(first) == 50
    assert len(set(first.values())) > 20


@pytest.mark.req("Y79")
@pytest.mark.live
@pytest.mark.django_db(transaction=True)
def test_open_page_is_seen_by_its_user_and_no_longer_when_it_closes(redis_server: RedisServer):
    async def body() -> tuple[frozenset[int], frozenset[int]]:
        stream = events.stream(41)
        while not (during := await asyncio.to_thread(watch_polling.users_with_pages)):
            await anext(stream)
        await stream.aclose()
        while after := await asyncio.to_thread(watch_polling.users_with_pages):
            await asyncio.sleep(0.02)
        return during, after

    assert asyncio.run(asyncio.wait_for(body(), 20)) == ({41}, frozenset())


@pytest.mark.req("Y79")
def test_without_redis_nobody_seems_to_look(settings):
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"

    assert watch_polling.users_with_pages() == frozenset()


@pytest.mark.req("Y79")
@pytest.mark.django_db(transaction=True)
def test_watch_wakes_the_pass_of_a_server_without_idle_each_minute_while_its_user_looks():
    clock = Clock()
    with FakeImapServer(without={"IDLE"}) as server:
        inbox = make_inbox(server.port)
        listening = Listening(polls=Polls(find_users=lambda: {inbox.account.user_id}, clock=clock))
        try:
            listening.watch.refresh()
            listening.until(lambda: listening.watch.figures()["polled"])
            listening.woken.clear()
            for _ in range(300):
                clock.now += 1
                listening.watch.refresh()
            assert len(listening.woken) in (4, 5)
            assert set(listening.woken) == {("sync.account", inbox.account_id)}
        finally:
            listening.watch.close(timeout_s=5)
