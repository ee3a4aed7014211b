"""Bodies, parts and sources as they are served: inert, under safe names, to their owner alone."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import make_account, make_email, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import client_of
from webmail.store.models import Email, Mailbox

pytestmark = pytest.mark.django_db

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
HTML = b"From: ben@example.net\r\nSubject: <x>\r\nContent-Type: text/html\r\n\r\n<p onclick=alert(1)>Hi</p><script>1</script>\r\n"
CONTENT = "https://content.example.org"


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


def with_part(inbox: Mailbox, kind: str, content: bytes, *, name: str = "file", cid: str = "") -> Email:
    extra = f"Content-ID: <{cid}>\r\n" if cid else ""
    head = (
        "From: ben@example.net\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        f'--b\r\nContent-Type: text/html\r\n\r\n<img src="cid:{cid}">\r\n--b\r\nContent-Type: {kind}\r\n{extra}'
        f'Content-Disposition: attachment; filename="{name}"\r\nContent-Transfer-Encoding: binary\r\n\r\n'
    )
    return make_email_from_bytes(inbox, head.encode() + content + b"\r\n--b--\r\n")


def part_of(email: Email, part: str = "2") -> str:
    return reverse("message_part", args=[email.public_id, part])


@pytest.mark.req("R21")
@pytest.mark.parametrize(
    ("kind", "served"),
    [
        ("application/pdf", "application/pdf"),
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("text/xml", "application/octet-stream"),
        ("image/png", "application/octet-stream"),  # the bytes are no PNG
        ("x/y<script>", "application/octet-stream"),
        ("text/plain", "text/plain; charset=utf-8"),
    ],
)
def test_parts_are_saved_under_a_safe_type(client: Client, inbox: Mailbox, kind: str, served: str) -> None:
    email = with_part(inbox, kind, b"<script>alert(1)</script>")
    response = client.get(part_of(email) + "?show=1")
    assert response.headers["Content-Type"] == served
    if kind != "text/plain":
        assert response.headers["Content-Disposition"].startswith("attachment;")
    assert response.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.content == b"<script>alert(1)</script>"


@pytest.mark.req("R21")
def test_pictures_that_are_what_they_say_may_be_looked_at(client: Client, inbox: Mailbox) -> None:
    import base64

    email = with_part(inbox, "image/png", base64.b64decode(PIXEL), name="a.png")
    response = client.get(part_of(email) + "?show=1")
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Content-Disposition"] == 'inline; filename="a.png"'
    assert client.get(part_of(email)).headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.req("R22")
def test_a_hostile_name_cannot_leave_the_header_or_the_folder(client: Client, inbox: Mailbox) -> None:
    email = with_part(inbox, "application/pdf", b"x", name='../../etc/pas\\"swd\u202efdp.exe')
    header = client.get(part_of(email)).headers["Content-Disposition"]
    assert "/" not in header
    assert "\u202e" not in header
    assert "\r" not in header


def test_text_in_an_old_charset_is_declared_as_such(client: Client, inbox: Mailbox) -> None:
    email = with_part(inbox, "text/plain; charset=iso-8859-1", "Grüße".encode("latin-1"))
    assert client.get(part_of(email)).headers["Content-Type"] == "text/plain; charset=iso-8859-1"


@pytest.mark.parametrize("part", ["9", "1.1.1", "0", "2.", "..2"])
def test_a_part_that_is_not_there_is_not_found(client: Client, inbox: Mailbox, part: str) -> None:
    email = with_part(inbox, "application/pdf", b"x")
    assert client.get(part_of(email, part)).status_code == 404


def test_a_download_gives_the_message_as_it_came(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, HTML)
    saved = client.get(reverse("message_download", args=[email.public_id]))
    assert saved.content == HTML
    assert saved.headers["Content-Disposition"] == 'attachment; filename="_x_.eml"'
    assert make_email(inbox).public_id  # without bytes there is nothing to show
    waiting = client.get(reverse("message_source", args=[make_email(inbox).public_id]))
    assert waiting.headers["Refresh"].startswith("1;")
    assert Email.objects.filter(body_wanted_at__isnull=False).count() == 1


@pytest.mark.req("R56")
def test_bob_gets_nothing_and_strangers_are_led_to_the_sign_in(inbox: Mailbox) -> None:
    email = with_part(inbox, "application/pdf", b"x")
    bob = client_of(make_user("bob"))
    for name in ("message_source", "message_download"):
        address = reverse(name, args=[email.public_id])
        assert bob.get(address).status_code == 404
        assert Client().get(address).headers["Location"].startswith(reverse("account_login"))
    assert bob.get(part_of(email)).status_code == 404
    assert Client().get(part_of(email)).headers["Location"].startswith(reverse("account_login"))
