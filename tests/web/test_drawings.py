"""Thumbnails and pages: drawn by a worker, waited for, served to their owner alone."""

from __future__ import annotations

import asyncio
import io

import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from accounts.models import User
from tests.attached_files import PROGRAM, around, message_with, pdf, png
from tests.factories import make_account, make_email, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import client_of
from webmail import dispatch
from webmail.store.models import Drawing, Email, FetchState, Mailbox
from webmail.store.reading import drawings
from webmail.web.reading import held
from webmail.web.views import drawings as views

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A cpu worker that is at once there; the ids of what it was woken for."""
    woken: list[int] = []

    def work(task: str, *row_ids: int) -> None:
        if task == drawings.TASK:
            woken.extend(row_ids)
            drawings.make_drawing(*row_ids)

    monkeypatch.setattr(dispatch, "wake", work)
    return woken


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "THUMBNAIL_WAIT_S", 0.0)
    monkeypatch.setattr(views, "PAGE_WAIT_S", 0.0)


def thumb_of(email: Email, place: str = "2") -> str:
    return reverse("message_thumbnail", args=[email.public_id, place])


def page_of(email: Email, number: int, place: str = "2") -> str:
    return reverse("message_page", args=[email.public_id, number, place])


@pytest.mark.req("R21")
def test_a_thumbnail_is_a_small_picture_that_we_have_drawn(client: Client, inbox: Mailbox, worker: list[int]) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.png", "image/png", png(900, 300, "blue"))))
    response = client.get(thumb_of(email))
    assert response.headers["Content-Type"] == "image/webp"
    assert response.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"].startswith("private, max-age=")
    picture = Image.open(io.BytesIO(response.content))
    assert picture.size == (320, 107)
    assert picture.convert("RGB").getpixel((100, 50))[2] > 200


def test_what_is_drawn_once_is_not_drawn_again(client: Client, inbox: Mailbox, worker: list[int]) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.png", "image/png", png())))
    assert client.get(thumb_of(email)).status_code == 200
    assert client.get(thumb_of(email)).status_code == 200
    assert len(worker) == 1


def test_pages_of_a_pdf_are_drawn_one_by_one(client: Client, inbox: Mailbox, worker: list[int]) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.pdf", "application/pdf", pdf(2))))
    page = Image.open(io.BytesIO(client.get(page_of(email, 2)).content))
    assert page.size == (1200, 1800)
    assert client.get(page_of(email, 3)).status_code == 404
    assert client.get(page_of(email, 0)).status_code == 404
    assert client.get(page_of(email, 201)).status_code == 404
    assert Drawing.objects.get(state=FetchState.DONE).pages == 2


def test_a_part_of_a_message_within_the_message_is_drawn_too(client: Client, inbox: Mailbox, worker: list[int]) -> None:
    email = make_email_from_bytes(inbox, around(message_with(("a.png", "image/png", png()))))
    assert client.get(thumb_of(email, "2/2")).status_code == 200


@pytest.mark.req("R21")
@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("image/png", b"<svg onload=alert(1)>", "type"),
        ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "type"),
        ("image/png", PROGRAM, "type"),
        ("image/png", b"\x89PNG\r\n\x1a\n" + b"broken" * 20, "damaged"),
        ("application/pdf", b"%PDF-1.4 broken", "damaged"),
    ],
)
def test_what_cannot_be_drawn_is_not_found_and_not_tried_again(
    client: Client, inbox: Mailbox, worker: list[int], kind: str, content: bytes, reason: str
) -> None:
    email = make_email_from_bytes(inbox, message_with(("a", kind, content)))
    assert client.get(thumb_of(email)).status_code == 404
    assert client.get(thumb_of(email)).status_code == 404
    assert Drawing.objects.get().reason == reason
    assert len(worker) == 1


@pytest.mark.usefixtures("no_worker")
def test_without_a_worker_the_answer_is_no_picture_and_the_row_waits(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.png", "image/png", png())))
    assert client.get(thumb_of(email)).status_code == 404
    assert drawings.wanted_drawings() == [Drawing.objects.get().pk]


def test_bytes_that_are_not_here_make_no_row(client: Client, inbox: Mailbox, worker: list[int]) -> None:
    assert client.get(thumb_of(make_email(inbox))).status_code == 404
    assert not Drawing.objects.exists()


@pytest.mark.req("R56")
def test_nobody_else_sees_it(inbox: Mailbox, worker: list[int]) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.png", "image/png", png())))
    for address in (thumb_of(email), page_of(email, 1)):
        assert client_of(make_user(f"bob{len(address)}")).get(address).status_code == 404
        assert Client().get(address).status_code == 302
    assert worker == []


def test_only_reading_is_allowed(client: Client, inbox: Mailbox, worker: list[int]) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.png", "image/png", png())))
    assert client.post(thumb_of(email)).status_code == 405


def test_waiting_looks_until_there_is_something() -> None:
    answers = iter([None, None, "here"])
    assert asyncio.run(held.wait_for(lambda: next(answers), seconds=20.0)) == "here"


def test_waiting_ends_when_its_time_is_over() -> None:
    looks: list[int] = []
    assert asyncio.run(held.wait_for(lambda: looks.append(1), seconds=0.1)) is None  # type: ignore[func-returns-value]
    assert len(looks) > 1
