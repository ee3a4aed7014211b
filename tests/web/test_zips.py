"""All files as one zip file: streamed, names that lead nowhere, limits."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.attached_files import message_with, png
from tests.factories import make_account, make_email, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import client_of
from webmail.store.models import Email, Mailbox
from webmail.web.reading import zipping

pytestmark = [pytest.mark.django_db, pytest.mark.req("R24")]


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


def address_of(email: Email) -> str:
    return reverse("message_zip", args=[email.public_id])


def unpacked(response: Any) -> dict[str, bytes]:
    """What is in the zip file, as any other program reads it."""
    assert isinstance(response, StreamingHttpResponse)

    async def read() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    with zipfile.ZipFile(io.BytesIO(asyncio.run(read()))) as archive:
        assert archive.testzip() is None
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def test_all_files_are_in_it_byte_for_byte(client: Client, inbox: Mailbox) -> None:
    picture = png()
    files = [
        ("a.png", "image/png", picture),
        ("Grüße.txt", "text/plain", b"Hi\r\n"),
        ("empty.bin", "application/x", b""),
    ]
    email = make_email_from_bytes(inbox, message_with(*files, subject="Plans"))
    response = client.get(address_of(email))
    assert response.is_async
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"] == 'attachment; filename="Plans.zip"'
    assert response.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert unpacked(response) == {"a.png": picture, "Grüße.txt": b"Hi\r\n", "empty.bin": b""}


@pytest.mark.req("R22")
@pytest.mark.req("R23")
def test_names_lead_nowhere_and_are_told_apart(client: Client, inbox: Mailbox) -> None:
    names = [
        "../../etc/passwd",
        "C:\\\\x\\\\y.txt",
        "A.TXT",
        "a.txt",
        "a.txt",
        "con.txt",
        "doc\u202efdp.exe",
        "a/b",
        "é" * 200 + ".pdf",
    ]
    files = [(name, "application/octet-stream", str(number).encode()) for number, name in enumerate(names)]
    found = unpacked(client.get(address_of(make_email_from_bytes(inbox, message_with(*files)))))
    assert len(found) == len(names)
    for name in found:
        assert "/" not in name
        assert "\\" not in name
        assert not name.startswith(".")
        assert "\u202e" not in name
        assert len(name.encode()) <= 255
    assert {"A.TXT", "a (2).txt", "a (3).txt", "_con.txt"} <= set(found)
    assert sorted(found.values()) == sorted(str(number).encode() for number in range(len(names)))


def test_a_conversation_gives_the_files_of_all_its_messages(client: Client, inbox: Mailbox) -> None:
    first = make_email_from_bytes(inbox, message_with(("plan.txt", "text/plain", b"one")))
    second = make_email_from_bytes(inbox, message_with(("plan.txt", "text/plain", b"two")))
    Email.objects.filter(pk=second.pk).update(thread=first.thread)
    assert Email.objects.filter(thread=first.thread, has_attachment=True).count() == 2
    found = unpacked(client.get(reverse("thread_zip", args=[first.thread.public_id])))
    assert found == {"plan.txt": b"one", "plan (2).txt": b"two"}


def test_a_message_without_files_has_no_zip_file(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, b"Subject: x\r\n\r\nHi\r\n")
    assert client.get(address_of(email)).status_code == 404
    assert client.get(reverse("thread_zip", args=[email.thread.public_id])).status_code == 404


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [("MAX_MEMBERS", 1, "more than"), ("MAX_TOTAL_BYTES", 5, "together"), ("MAX_RATIO", 0, "much larger")],
)
def test_what_is_too_much_is_refused_in_words_before_it_begins(
    client: Client, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, said: str
) -> None:
    monkeypatch.setattr(zipping, limit, value)
    files = [("a.txt", "text/plain", b"123"), ("b.txt", "text/plain", b"456")]
    response = client.get(address_of(make_email_from_bytes(inbox, message_with(*files))))
    assert response.status_code == 413
    assert said in response.content.decode()


def test_files_on_the_server_are_waited_for(client: Client, inbox: Mailbox) -> None:
    email = make_email(inbox)
    response = client.get(address_of(email))
    assert response.headers["Refresh"].startswith("1;")
    email.refresh_from_db()
    assert email.body_wanted_at is not None


def test_nothing_is_read_before_it_is_sent(inbox: Mailbox) -> None:
    """A large message is decoded when its turn has come, not all of them at the beginning."""
    from webmail.web.reading.bodies import read_form

    email = make_email_from_bytes(
        inbox, message_with(*((f"{n}.bin", "application/x", b"x" * 50_000) for n in range(4)))
    )
    members = zipping.plan_members([(email, read_form(inbox.account.user, email).files)])
    pieces = zipping.zip_pieces(members)
    sizes = [len(piece) for piece in pieces]
    assert len(sizes) > 8
    assert max(sizes) <= 70_000


@pytest.mark.req("R56")
def test_nobody_else_gets_it(inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, message_with(("a.txt", "text/plain", b"x")))
    bob = client_of(make_user("bob"))
    for address in (address_of(email), reverse("thread_zip", args=[email.thread.public_id])):
        assert bob.get(address).status_code == 404
        assert Client().get(address).status_code == 302


def test_a_conversation_with_files_in_several_messages_offers_them_together(client: Client, inbox: Mailbox) -> None:
    first = make_email_from_bytes(inbox, message_with(("a.txt", "text/plain", b"one")))
    address = reverse("thread_zip", args=[first.thread.public_id])
    page = reverse("thread", args=[first.thread.public_id])
    assert address not in client.get(page).content.decode()
    second = make_email_from_bytes(inbox, message_with(("b.txt", "text/plain", b"two")))
    Email.objects.filter(pk=second.pk).update(thread=first.thread)
    assert address in client.get(page).content.decode()
