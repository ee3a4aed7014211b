"""Bodies, parts and sources as they are served: inert, under safe names, to their owner alone."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.core import signing
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import make_account, make_email, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import client_of
from webmail.store.models import Email, Mailbox
from webmail.web import content_links

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


@pytest.mark.req("R2")
def test_a_body_is_its_own_inert_document(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, HTML)
    response = client.get(reverse("message_body", args=[email.public_id]))
    policy = response.headers["Content-Security-Policy"]
    assert policy == (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
        f"img-src http://testserver/mail/m/{email.public_id}/ data:; style-src 'unsafe-inline'; "
        "frame-ancestors http://testserver; form-action 'none'; base-uri 'none'"
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store, private"
    page = response.content.decode()
    assert "<p>Hi</p>" in page
    assert "<script" not in page
    assert "<title>&lt;x&gt;</title>" in page


@pytest.mark.req("R4")
def test_the_served_body_is_exactly_what_the_cleaner_returned(client: Client, inbox: Mailbox) -> None:
    from webmail.mime.safe_html.sanitize import sanitize

    html = "<table><tr><td style='color:red;position:fixed'>x</td></tr></table><a href='https://x.test/?a=1&b=2'>y</a>"
    email = make_email_from_bytes(inbox, f"Subject: x\r\nContent-Type: text/html\r\n\r\n{html}".encode())
    page = client.get(reverse("message_body", args=[email.public_id])).content.decode()
    assert sanitize(html, cid_urls={}).html in page


def test_a_plain_message_has_no_body_document(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, b"Subject: x\r\n\r\nHi\r\n")
    assert client.get(reverse("message_body", args=[email.public_id])).status_code == 404


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


def test_source_and_download_give_the_message_as_it_came(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, HTML)
    source = client.get(reverse("message_source", args=[email.public_id]))
    assert source.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert source.content == HTML
    saved = client.get(reverse("message_download", args=[email.public_id]))
    assert saved.content == HTML
    assert saved.headers["Content-Disposition"] == 'attachment; filename="_x_.eml"'
    assert make_email(inbox).public_id  # without bytes there is nothing to show
    waiting = client.get(reverse("message_source", args=[make_email(inbox).public_id]))
    assert waiting.headers["Refresh"].startswith("1;")
    assert Email.objects.filter(body_wanted_at__isnull=False).count() == 1


def test_pictures_of_the_mail_carry_their_own_key(client: Client, inbox: Mailbox) -> None:
    email = with_part(inbox, "image/png", b"\x89PNG\r\n\x1a\n", cid="pic")
    page = client.get(reverse("message_body", args=[email.public_id])).content.decode()
    found = re.search(r'<img src="([^"]+)"', page)
    assert found is not None
    address = found[1].replace("&amp;", "&")
    assert Client().get(address).status_code == 200
    # It is shown in the text, so it is no card as well.
    assert "attached__file" not in client.get(reverse("message", args=[email.public_id])).content.decode()


def test_a_key_opens_one_message_for_one_person_for_some_hours(
    alice: User, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    email, other = make_email_from_bytes(inbox, HTML), make_email_from_bytes(inbox, HTML + b"2")
    key = content_links.sign(alice, email)
    body = reverse("message_body", args=[email.public_id])
    assert Client().get(f"{body}?k={key}").status_code == 200
    assert Client().get(f"{reverse('message_body', args=[other.public_id])}?k={key}").status_code == 404
    assert Client().get(f"{body}?k={key[:-1]}x").status_code == 404
    assert Client().get(f"{body}?k=").status_code == 404
    forged = signing.dumps([make_user("bob").pk, email.public_id], salt=content_links.SALT)
    assert Client().get(f"{body}?k={forged}").status_code == 404
    monkeypatch.setattr(content_links, "LIFETIME_S", -1)
    assert Client().get(f"{body}?k={key}").status_code == 404
    monkeypatch.undo()
    alice.is_active = False
    alice.save()
    assert Client().get(f"{body}?k={key}").status_code == 404


@pytest.mark.req("R3")
def test_with_a_second_host_content_comes_from_it_alone(
    client: Client, alice: User, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONTENT_URL", CONTENT)
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["testserver", "content.example.org"])
    email = make_email_from_bytes(inbox, HTML)
    body = reverse("message_body", args=[email.public_id])
    assert f'src="{CONTENT}{body}?k=' in client.get(reverse("message", args=[email.public_id])).content.decode()
    assert client.get(body).headers["Location"].startswith(f"{CONTENT}{body}?k=")
    there = Client(SERVER_NAME="content.example.org")
    response = there.get(f"{body}?k={content_links.sign(alice, email)}", secure=True)
    assert response.status_code == 200
    assert f"img-src {CONTENT}/mail/m/{email.public_id}/" in response.headers["Content-Security-Policy"]
    assert f"frame-ancestors {settings.BASE_URL}" in response.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in response.headers
    there.force_login(alice)
    for address in (body, "/", "/mail/inbox", "/accounts/login/", "/api/docs"):
        assert there.get(address).status_code == 404


@pytest.mark.req("R56")
def test_bob_gets_nothing_and_strangers_are_led_to_the_sign_in(inbox: Mailbox) -> None:
    email = with_part(inbox, "application/pdf", b"x")
    bob = client_of(make_user("bob"))
    for name in ("message_body", "message_source", "message_download"):
        address = reverse(name, args=[email.public_id])
        assert bob.get(address).status_code == 404
        assert Client().get(address).headers["Location"].startswith(reverse("account_login"))
    assert bob.get(part_of(email)).status_code == 404
    assert Client().get(part_of(email)).headers["Location"].startswith(reverse("account_login"))
