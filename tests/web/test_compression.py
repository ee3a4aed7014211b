"""Pages go out compressed where the browser takes that (ux 11)."""

from __future__ import annotations

import gzip

import pytest
from django.http import FileResponse, HttpRequest, HttpResponse
from django.test import RequestFactory

from webmail.web.compression import compressed_pages

PAGE = "<p>A line of a page.</p>" * 200


def answer(response: HttpResponse | FileResponse, accepts: str = "gzip, br") -> HttpResponse:
    def view(_request: HttpRequest) -> HttpResponse | FileResponse:
        return response

    found = compressed_pages(view)(RequestFactory().get("/", headers={"accept-encoding": accepts}))
    assert isinstance(found, HttpResponse | FileResponse)
    return found  # type: ignore[return-value]


def test_a_page_is_compressed_and_comes_back_whole() -> None:
    response = answer(HttpResponse(PAGE))

    assert response["Content-Encoding"] == "gzip"
    assert gzip.decompress(response.content).decode() == PAGE
    assert int(response["Content-Length"]) == len(response.content) < len(PAGE) / 5
    assert "Accept-Encoding" in response["Vary"]


def test_what_is_kept_for_an_unchanged_list_is_the_same_text() -> None:
    lengths = set()
    for _turn in range(40):
        response = answer(HttpResponse(PAGE, headers={"ETag": 'W/"1"'}))
        assert gzip.decompress(response.content).decode() == PAGE
        lengths.add(len(response.content))

    assert len(lengths) > 5  # R55: no length tells what lies in a page


@pytest.mark.parametrize("accepts", ["", "br", "gzip;q=0", "gzip; q=0.000, br"])
def test_who_does_not_take_it_gets_it_as_it_is(accepts: str) -> None:
    response = answer(HttpResponse(PAGE), accepts)

    assert not response.has_header("Content-Encoding")
    assert response.content.decode() == PAGE
    assert "Accept-Encoding" in response["Vary"]


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse("short"),
        HttpResponse(PAGE, content_type="application/octet-stream"),
        HttpResponse(PAGE, headers={"Content-Encoding": "identity"}),
    ],
)
def test_short_ones_other_types_and_what_is_encoded_already_stay(response: HttpResponse) -> None:
    before = response.content

    assert answer(response).content == before
