"""Pages about bytes that are still on the server: how far they are, and what happens when they do not come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests.attached_files import message_with
from tests.factories import make_account, make_email, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.mime.skeleton import skeleton_of
from webmail.store import blobs, emails
from webmail.store.models import BodyProgress, Email, Mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.req("Y93")]


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
def large(inbox: Mailbox) -> Email:
    return make_email(inbox, size_bytes=41_000_000)


@pytest.fixture
def without_files(inbox: Mailbox) -> Email:
    """A message of which only the text is here."""
    raw = message_with(("plan.bin", "application/octet-stream", bytes(range(256)) * 400))
    skeleton = skeleton_of(raw)
    assert skeleton is not None
    email = make_email(inbox, size_bytes=len(raw))
    emails.attach_texts(inbox.account_id, [(email.pk, blobs.put_blob(skeleton).pk)])
    email.refresh_from_db()
    return email


@pytest.mark.parametrize("name", ["message_source", "message_download", "message_zip", "message_headers"])
def test_a_page_that_needs_the_bytes_asks_for_them_and_says_how_far_they_are(
    client: Client, large: Email, name: str
) -> None:
    BodyProgress.objects.create(email=large, received_bytes=12_000_000)
    response = client.get(reverse(name, args=[large.public_id]))
    assert response.headers["Refresh"] == f"1; url={reverse(name, args=[large.public_id])}?waits=1"
    page = body_of(response)
    assert "12 MB of 41 MB" in page
    assert 'max="41000000" value="12000000"' in page
    large.refresh_from_db()
    assert large.body_wanted_at is not None


def test_the_reading_pane_shows_it_too_and_goes_on_as_long_as_something_comes(client: Client, large: Email) -> None:
    address = reverse("message_content", args=[large.public_id])
    progress = BodyProgress.objects.create(email=large, received_bytes=12_000_000)
    page = body_of(client.get(f"{address}?polls=500", headers={"HX-Request": "true"}))
    assert "12 MB of 41 MB" in page
    assert 'hx-trigger="load delay:1s"' in page
    BodyProgress.objects.filter(pk=progress.pk).update(updated_at=timezone.now() - timedelta(minutes=5))
    assert "hx-trigger" not in body_of(client.get(f"{address}?polls=500", headers={"HX-Request": "true"}))


def test_who_has_waited_for_long_is_told_unless_something_comes(client: Client, large: Email) -> None:
    address = reverse("message_source", args=[large.public_id]) + "?waits=59"
    response = client.get(address)
    assert (response.status_code, "Refresh" in response.headers) == (503, False)
    BodyProgress.objects.create(email=large, received_bytes=1)
    assert client.get(address).headers["Refresh"].endswith("waits=60")


def test_files_on_the_server_have_a_card_that_fetches_them(client: Client, without_files: Email) -> None:
    page = client.get(reverse("message", args=[without_files.public_id])).content.decode()
    card = page.split('<li class="attached__file">')[1].split("</li>")[0]
    assert "on the server" in card
    assert " download>" not in card  # the browser would save the page that says to wait
    address = reverse("message_part", args=[without_files.public_id, "2"])
    assert f'href="{address}"' in card
    assert client.get(address).headers["Refresh"].startswith("1;")
    assert client.get(reverse("message_view", args=[without_files.public_id, "2"])).headers["Refresh"].startswith("1;")
    assert client.get(reverse("message_thumbnail", args=[without_files.public_id, "2"])).status_code == 404


def test_headers_are_shown_when_only_the_text_is_here(client: Client, without_files: Email) -> None:
    page = body_of(client.get(reverse("message_headers", args=[without_files.public_id])))
    assert "Ben <ben@example.net>" in page
