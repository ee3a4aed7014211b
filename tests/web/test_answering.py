"""The ASGI application that uvicorn serves: ordinary views in kept threads, views that wait on the event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory
from django.urls import path

from webmail.answering import MAX_THREADS, Handler

pytestmark = pytest.mark.urls(__name__)

seen: list[str] = []


def plain(_request: HttpRequest) -> HttpResponse:
    seen.append(threading.current_thread().name)
    return HttpResponse("plain")


async def waiting(_request: HttpRequest) -> HttpResponse:
    seen.append(threading.current_thread().name)
    await asyncio.sleep(0)
    return HttpResponse("waiting")


urlpatterns = [path("plain", plain), path("waiting", waiting)]


@pytest.fixture(autouse=True)
def forget() -> None:
    seen.clear()


def answer(*paths: str) -> list[Any]:
    handler = Handler()

    async def ask() -> list[Any]:
        requests = [AsyncRequestFactory().get(path) for path in paths]
        return list(await asyncio.gather(*(handler.get_response_async(request) for request in requests)))

    return asyncio.run(ask())


def test_a_plain_view_runs_in_a_kept_thread_with_every_middleware(db: None) -> None:
    [response] = answer("/plain")

    assert response.content == b"plain"
    assert response["Cache-Control"] == "no-store, private"
    assert seen[0].startswith("request_")


def test_a_view_that_waits_stays_on_the_event_loop(db: None) -> None:
    [response] = answer("/waiting")

    assert response.content == b"waiting"
    assert seen == [threading.main_thread().name]


def test_more_requests_than_threads_are_all_answered(db: None) -> None:
    responses = answer(*["/plain"] * (MAX_THREADS * 2))

    assert [response.status_code for response in responses] == [200] * (MAX_THREADS * 2)
    assert len(set(seen)) <= MAX_THREADS


def test_an_unknown_address_is_answered_with_404(db: None) -> None:
    [response] = answer("/nowhere")

    assert response.status_code == 404
