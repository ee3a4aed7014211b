"""The pages install as an app (feature 124): the manifest, its icons, what the document says of them."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve
from PIL import Image

from tests.factories import make_account, make_user
from tests.web.pages import client_of

IMAGES = Path(settings.BASE_DIR) / "static" / "images"


@pytest.mark.django_db
def test_the_manifest_is_for_everybody_and_says_the_same_without_an_account() -> None:
    response = Client().get("/manifest.webmanifest")
    assert response.headers["Content-Type"] == "application/manifest+json"
    found = json.loads(response.content)
    assert (found["name"], found["display"], found["start_url"], found["scope"]) == (
        "Pillarbox",
        "standalone",
        "/",
        "/",
    )
    assert [one["name"] for one in found["shortcuts"]] == ["Write", "Inbox", "Search"]
    for shortcut in found["shortcuts"]:
        assert resolve(shortcut["url"].partition("#")[0])


@pytest.mark.django_db
def test_each_icon_is_there_in_the_size_it_claims() -> None:
    found = json.loads(Client().get("/manifest.webmanifest").content)
    assert {icon["purpose"] for icon in found["icons"]} == {"any", "maskable"}
    for icon in found["icons"]:
        data = (IMAGES / icon["src"].rpartition("/")[2]).read_bytes()
        if icon["type"] == "image/png":
            picture = Image.open(BytesIO(data))
            assert f"{picture.width}x{picture.height}" == icon["sizes"]
            assert len(data) < 20_000


@pytest.mark.django_db
def test_a_maskable_icon_fills_its_square_and_keeps_its_drawing_in_the_safe_circle() -> None:
    picture = Image.open(IMAGES / "icon-maskable-512.png").convert("RGBA")
    corner = picture.getpixel((0, 0))
    assert corner[3] == 255  # type: ignore[index]
    for x in range(0, 512, 8):
        for y in range(0, 512, 8):
            if (x - 256) ** 2 + (y - 256) ** 2 > (0.4 * 512 + 4) ** 2:
                assert picture.getpixel((x, y)) == corner


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/accounts/login/", "/mail/inbox"])
def test_every_document_names_manifest_icons_and_the_colours_of_both_themes(address: str) -> None:
    alice = make_user()
    make_account(alice)
    page = (client_of(alice) if address == "/mail/inbox" else Client()).get(address).content.decode()
    assert '<link rel="manifest" href="/manifest.webmanifest">' in page
    assert 'rel="apple-touch-icon"' in page
    assert (
        len(
            re.findall(
                r'<meta name="theme-color" content="#\w{6}" media="\(prefers-color-scheme: (?:light|dark)\)"', page
            )
        )
        == 2
    )
