"""The documents of bodies: inert, reached by a key that opens one message for one person, from the second host when set."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.core import signing
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import client_of
from webmail.mime.safe_html.sanitize import sanitize
from webmail.store.models import Email, Mailbox
from webmail.web.reading import content_links

pytestmark = pytest.mark.django_db

HTML = b"From: ben@example.net\r\nSubject: <x>\r\nContent-Type: text/html\r\n\r\n<p onclick=alert(1)>Hi</p><script>1</script>\r\n"
CONTENT = "https://content.example.org"


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


def body_of(user: User, email: Email) -> str:
    return content_links.content_path(user, email) + "body"


def html_email(inbox: Mailbox, html: str) -> Email:
    return make_email_from_bytes(inbox, f"Subject: x\r\nContent-Type: text/html\r\n\r\n{html}".encode())


@pytest.mark.req("R2")
def test_a_body_is_its_own_inert_document(alice: User, inbox: Mailbox) -> None:
    address = body_of(alice, make_email_from_bytes(inbox, HTML))
    response = Client().get(address)
    assert response.headers["Content-Security-Policy"] == (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
        f"img-src http://testserver{address.removesuffix('body')} data:; style-src 'unsafe-inline'; "
        "frame-ancestors http://testserver; form-action 'none'; base-uri 'none'"
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store, private"
    assert "X-Frame-Options" not in response.headers
    page = response.content.decode()
    assert "<p>Hi</p>" in page
    assert "<script" not in page
    assert "<title>&lt;x&gt;</title>" in page


@pytest.mark.req("R4")
def test_the_served_body_is_exactly_what_the_cleaner_returned(alice: User, inbox: Mailbox) -> None:
    html = "<table><tr><td style='color:red;position:fixed'>x</td></tr></table><a href='https://x.test/?a=1&b=2'>y</a>"
    page = Client().get(body_of(alice, html_email(inbox, html))).content.decode()
    assert sanitize(html, cid_urls={}, strips_tracking=True).html in page


def test_a_plain_message_has_no_body_document(alice: User, inbox: Mailbox) -> None:
    assert Client().get(body_of(alice, make_email_from_bytes(inbox, b"Subject: x\r\n\r\nHi\r\n"))).status_code == 404


def test_pictures_of_the_mail_are_reached_from_its_body_and_are_no_cards(alice: User, inbox: Mailbox) -> None:
    raw = (
        b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
        b'--b\r\nContent-Type: text/html\r\n\r\n<img src="cid:pic">\r\n--b\r\nContent-Type: image/png\r\n'
        b"Content-ID: <pic>\r\nContent-Transfer-Encoding: binary\r\n\r\n\x89PNG\r\n\x1a\n\r\n--b--\r\n"
    )
    email = make_email_from_bytes(inbox, raw)
    address = body_of(alice, email)
    found = re.search(r'<img src="([^"]+)"', Client().get(address).content.decode())
    assert found is not None
    assert found[1] == "p/2"
    picture = Client().get(address.removesuffix("body") + found[1])
    assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/png")
    page = client_of(alice).get(reverse("message", args=[email.public_id])).content.decode()
    assert "attached__file" not in page


@pytest.mark.req("R18")
def test_a_key_opens_one_message_for_one_person_for_some_hours(
    alice: User, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    email, other = make_email_from_bytes(inbox, HTML), make_email_from_bytes(inbox, HTML + b"2")
    body = body_of(alice, email)
    key = body.split("/")[3]
    assert Client().get(body).status_code == 200
    assert Client().get(body.replace(email.public_id, other.public_id)).status_code == 404
    assert Client().get(body.replace(key, key[:-1] + ("x" if key[-1] != "x" else "y"))).status_code == 404
    forged = signing.Signer(salt=content_links.SALT, sep=".").sign_object(
        [make_user("bob").pk, email.public_id, 0, 10_000_000]
    )
    assert Client().get(body.replace(key, forged)).status_code == 404
    monkeypatch.setattr(content_links.time, "time", lambda: 10**11)
    assert Client().get(body).status_code == 404
    monkeypatch.undo()
    alice.is_active = False
    alice.save()
    assert Client().get(body).status_code == 404


@pytest.mark.req("R3")
def test_with_a_second_host_content_comes_from_it_alone(
    alice: User, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONTENT_URL", CONTENT)
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["testserver", "content.example.org"])
    email = make_email_from_bytes(inbox, HTML)
    client = client_of(alice)
    body = body_of(alice, email)
    assert body.startswith(f"{CONTENT}/mail/c/")
    assert f'src="{body}?' in client.get(reverse("message", args=[email.public_id])).content.decode()
    path = body.removeprefix(CONTENT)
    assert client.get(path).status_code == 404
    there = Client(SERVER_NAME="content.example.org")
    response = there.get(path, secure=True)
    assert response.status_code == 200
    policy = response.headers["Content-Security-Policy"]
    assert f"img-src {body.removesuffix('body')} " in policy
    assert f"frame-ancestors {settings.BASE_URL};" in policy
    there.force_login(alice)
    for address in ("/", "/mail/inbox", "/accounts/login/", "/api/docs", reverse("message", args=[email.public_id])):
        assert there.get(address).status_code == 404


@pytest.mark.req("R3")
def test_with_a_second_host_files_are_saved_from_there(
    alice: User, inbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONTENT_URL", CONTENT)
    email = html_email(inbox, "<p>x</p>")
    response = client_of(alice).get(reverse("message_part", args=[email.public_id, "1"]))
    assert response.status_code == 302
    assert response.headers["Location"].startswith(f"{CONTENT}/mail/c/")
    assert response.headers["Location"].endswith("/p/1?save=1")
