"""What holds for every answer: privacy, foreign requests, the person's time zone, error pages, signing out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine
from django.http import HttpRequest
from django.test import AsyncClient, Client
from django.urls import reverse

from tests.factories import make_account, make_email, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.web.middleware import is_foreign
from webmail.web.views import errors

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("method", "site", "refused"),
    [
        ("POST", "cross-site", True),
        ("POST", "same-site", True),
        ("POST", "same-origin", False),
        ("POST", "none", False),
        ("POST", "", False),
        ("GET", "cross-site", False),
        ("DELETE", "cross-site", True),
    ],
)
@pytest.mark.req("R55")
def test_acts_of_other_sites_are_recognised(method: str, site: str, refused: bool) -> None:
    request = HttpRequest()
    request.method = method
    if site:
        request.META["HTTP_SEC_FETCH_SITE"] = site
    assert is_foreign(request) is refused


def test_times_are_those_of_the_persons_zone() -> None:
    alice = make_user(timezone="Asia/Tokyo")
    inbox = make_mailbox(make_account(alice), "Inbox", role="inbox")
    make_email(inbox, minutes=0)  # noon UTC
    with time_machine.travel(datetime(2026, 3, 3, 13, 0, tzinfo=UTC), tick=False):
        page = body_of(client_of(alice).get("/mail/inbox"))
    assert ">21:00</time>" in page
    assert "Tuesday, 3 March 2026 at 21:00 (UTC+09:00)" in page


@pytest.mark.django_db(transaction=True)
def test_times_are_those_of_the_persons_zone_under_asgi() -> None:
    import asyncio

    from asgiref.sync import sync_to_async

    async def body() -> str:
        alice = await sync_to_async(make_user)(timezone="Asia/Tokyo")
        inbox = await sync_to_async(lambda: make_mailbox(make_account(alice), "Inbox", role="inbox"))()
        await sync_to_async(make_email)(inbox, minutes=0)
        client = AsyncClient()
        await sync_to_async(client.force_login)(alice)
        response = await client.get("/mail/inbox")
        assert response.headers["Cache-Control"] == "no-store, private"
        assert (await client.post("/mail/act", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
        return response.content.decode()

    with time_machine.travel(datetime(2026, 3, 3, 13, 0, tzinfo=UTC), tick=True):
        assert ">21:00</time>" in asyncio.run(body())


def test_a_zone_that_no_longer_exists_does_no_harm() -> None:
    alice = make_user(timezone="Nowhere/Land")
    make_mailbox(make_account(alice), "Inbox", role="inbox")
    assert client_of(alice).get("/mail/inbox").status_code == 200


@pytest.mark.req("R58")
def test_signing_out_clears_what_the_browser_holds() -> None:
    client = client_of(make_user())
    response = client.post(reverse("account_logout"))
    assert response.headers["Clear-Site-Data"] == '"cookies", "storage"'
    assert "Clear-Site-Data" not in client.get(reverse("account_login")).headers


def test_what_is_not_there_is_told_in_our_own_words() -> None:
    for client in (Client(), client_of(make_user())):
        response = client.get("/nothing/here")
        assert response.status_code == 404
        assert "There is nothing here" in body_of(response)


@pytest.mark.parametrize(("method", "words"), [("GET", "Your mail is safe"), ("POST", "It is not certain that")])
@pytest.mark.req("R88")
def test_a_fault_of_ours_is_told_without_asking_the_database(
    django_assert_num_queries: object, method: str, words: str
) -> None:
    class Nobody:
        is_authenticated = False

    request = HttpRequest()
    request.method = method
    request.META["SERVER_NAME"] = "testserver"
    request.user = Nobody()  # type: ignore[assignment]
    with django_assert_num_queries(0):  # type: ignore[operator]
        response = errors.server_error(request)
    assert response.status_code == 500
    assert words in body_of(response)


def test_a_form_of_an_old_session_is_refused_in_our_own_words() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user())
    response = client.post(reverse("check_now"))
    assert response.status_code == 403
    assert "This page was too old" in body_of(response)
