"""Connecting a mailbox: guesses, the test by a worker, and back to the form when it fails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import credentials
from accounts.models import ConnectionTest, MailDomain, User
from tests.factories import make_account, make_user
from tests.web.pages import MARKER, body_of, client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def servers(**changes: Any) -> dict[str, Any]:
    return {
        "address": "ben@example.org",
        "display_name": "Ben",
        "password": "mailbox password",
        "incoming_protocol": "imap",
        "incoming_host": "imap.example.org",
        "incoming_port": "993",
        "incoming_security": "tls",
        "incoming_username": "",
        "outgoing_host": "smtp.example.org",
        "outgoing_port": "",
        "outgoing_security": "starttls",
        "outgoing_username": "ben@example.org",
        "outgoing_password": "",
        **changes,
    }


def start(client: Client, **changes: Any) -> ConnectionTest:
    answer = client.post(reverse("connect"), servers(**changes))
    test = ConnectionTest.objects.get()
    assert answer["Location"] == reverse("connect_wait", args=[test.public_id])
    return test


def test_the_address_is_asked_first_and_servers_are_guessed_from_it(client: Client) -> None:
    assert "E-mail address" in body_of(client.get(reverse("connect")))
    page = body_of(client.get(reverse("connect"), {"address": "ben@example.org"}))
    assert 'value="imap.example.org"' in page
    assert 'value="smtp.example.org"' in page
    assert 'value="993"' in page


def test_presets_of_the_administrator_come_before_guesses(client: Client) -> None:
    MailDomain.objects.create(
        domain="example.org", incoming_host="mail.example.org", incoming_protocol="pop3", username_format="{local}"
    )
    page = body_of(client.get(reverse("connect"), {"address": "ben@Example.org"}))
    assert 'value="mail.example.org"' in page
    assert 'value="pop3" selected' in page
    assert 'name="incoming_username" value="ben"' in page


def test_an_incomplete_address_is_said_at_its_field(client: Client) -> None:
    answer = client.get(reverse("connect"), {"address": "ben@"})
    assert answer.status_code == 422
    assert 'id="id_address_error"' in body_of(answer)


def test_a_test_is_started_with_what_was_typed_and_the_password_is_sealed(client: Client, alice: User) -> None:
    test = start(client)
    assert (test.user, test.purpose) == (alice, "connect")
    assert test.settings["incoming_username"] == "ben@example.org"
    assert test.settings["outgoing_port"] == 587
    assert "mailbox password" not in str(test.settings)
    assert credentials.open_for_test(test) == ("mailbox password", "mailbox password")


def test_the_page_waits_and_shows_each_step(client: Client) -> None:
    test = start(client)
    test.report = [
        {
            "step": "incoming.connect",
            "status": "passed",
            "title": "imap.example.org answers.",
            "advice": "",
            "server_text": "",
        }
    ]
    test.save()
    page = body_of(client.get(reverse("connect_wait", args=[test.public_id])))
    assert "imap.example.org answers." in page
    assert "every 1s" in page
    assert 'http-equiv="refresh"' in page


def test_success_leads_to_the_mail(client: Client, alice: User) -> None:
    test = start(client)
    ConnectionTest.objects.update(status="passed", account=make_account(alice))
    address = reverse("connect_wait", args=[test.public_id])
    assert client.get(address)["Location"] == reverse("home")
    assert client.get(address, headers={"HX-Request": "true"})["HX-Redirect"] == reverse("home")


@pytest.mark.req("R9")
def test_failure_says_why_and_leads_back_to_the_form_as_it_was_filled_in(client: Client) -> None:
    test = start(client, incoming_host="mail.elsewhere.example")
    step = {"step": "incoming.sign_in", "status": "failed", "title": "Refused.", "advice": "Type it again."}
    ConnectionTest.objects.update(status="failed", report=[{**step, "server_text": MARKER}])
    raw = client.get(reverse("connect_wait", args=[test.public_id])).content.decode()
    assert "Refused." in raw
    assert "every 1s" not in raw
    assert "<script>alert" not in raw
    back = f"{reverse('connect')}?from={test.public_id}"
    assert back in raw
    page = body_of(client.get(back))
    assert 'value="mail.elsewhere.example"' in page
    assert "mailbox password" not in page


def test_faults_keep_what_was_typed_but_not_the_password(client: Client) -> None:
    answer = client.post(reverse("connect"), servers(incoming_host="no host!", incoming_port="70000"))
    assert answer.status_code == 422
    page = body_of(answer)
    assert 'value="no host!"' in page
    assert 'id="id_incoming_port_error"' in page
    assert "mailbox password" not in page
    assert not ConnectionTest.objects.exists()


def test_a_mailbox_is_connected_once(client: Client, alice: User) -> None:
    make_account(alice, address="ben@example.org")
    answer = client.post(reverse("connect"), servers(address="Ben@example.org"))
    assert answer.status_code == 422
    assert "connected this mailbox already" in body_of(answer)


def test_without_a_key_the_reason_is_shown(client: Client, settings: Any) -> None:
    settings.CREDENTIAL_KEYS = {}
    answer = client.post(reverse("connect"), servers())
    assert answer.status_code == 422
    assert "Tell the administrator" in body_of(answer)


def test_a_test_that_no_worker_takes_up_is_said_to_be_slow(client: Client) -> None:
    test = start(client)
    address = reverse("connect_wait", args=[test.public_id])
    assert "no worker has begun" not in body_of(client.get(address))
    ConnectionTest.objects.update(created_at=test.created_at - timedelta(minutes=1))
    assert "no worker has begun" in body_of(client.get(address))


@pytest.mark.req("R56")
def test_tests_of_others_are_not_there(client: Client) -> None:
    test = start(client)
    bob = client_of(make_user("bob"))
    address = reverse("connect_wait", args=[test.public_id])
    assert bob.get(address).status_code == 404
    assert "imap.example.org" not in body_of(bob.get(reverse("connect"), {"from": test.public_id}))
    assert Client().get(address).status_code == 302
    assert Client().get(reverse("connect")).status_code == 302
