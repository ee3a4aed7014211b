"""Addresses longer than any of ours are refused before they are compared with the patterns of our pages."""

import asyncio

import pytest
from django.test import AsyncClient, Client

from webmail.web.middleware import MAX_PATH_CHARS


@pytest.mark.req("R44")
@pytest.mark.django_db
def test_an_address_that_is_too_long_is_refused_and_one_that_fits_is_looked_up(client: Client) -> None:
    begin = "/panel/r/"
    longest = begin + "a" * (MAX_PATH_CHARS - len(begin))
    assert client.get(longest).status_code != 414
    response = client.get(longest + "a")
    assert response.status_code == 414
    assert response.headers["Cache-Control"] == "no-store, private"
    assert response.content == b""


@pytest.mark.req("R44")
def test_it_is_refused_on_the_asynchronous_way_too() -> None:
    response = asyncio.run(AsyncClient().get("/r/" + "a/" * MAX_PATH_CHARS))
    assert response.status_code == 414
