"""The search page: hits, how the query was understood, faults at their place."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import MARKER, body_of, client_of
from webmail.store.models import Mailbox

pytestmark = pytest.mark.django_db

RAW = "From: Ben <ben@example.net>\r\nSubject: {subject}\r\n\r\nThe harbour is closed.\r\n"


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    return make_mailbox(make_account(alice), "Inbox", role="inbox")


def test_hits_are_listed_with_how_the_query_was_understood(client: Client, inbox: Mailbox) -> None:
    email = make_email_from_bytes(inbox, RAW.format(subject="Notice").encode())
    page = body_of(client.get("/mail/search?q=from:ben harbour"))
    assert "Notice" in page
    assert '<span class="search-chip__label">from:</span> <bdi>ben</bdi>' in page
    assert "<bdi>harbour</bdi>" in page
    assert "1 result<" in page
    assert 'value="from:ben harbour"' in page
    opened = body_of(client.get(f"/mail/search?q=harbour&t={email.thread.public_id}"))
    assert "The harbour is closed." in opened


def test_a_hit_tells_which_mailbox_it_lies_in(client: Client, inbox: Mailbox) -> None:
    projects = make_mailbox(inbox.account, "Projects")
    make_email_from_bytes(projects, RAW.format(subject="Notice").encode())
    assert ">Projects</bdi>" in body_of(client.get("/mail/search?q=harbour"))


def test_a_search_within_one_mailbox_finds_its_mail_alone(client: Client, inbox: Mailbox) -> None:
    make_email_from_bytes(inbox, RAW.format(subject="Notice").encode())
    projects = make_mailbox(inbox.account, "Projects")
    assert "No messages match." in body_of(client.get(f"/mail/search?q=harbour&in={projects.public_id}"))


def test_a_fault_is_shown_at_its_place_and_nothing_runs(client: Client, inbox: Mailbox) -> None:
    response = client.get("/mail/search?q=harbour befor:2020")
    assert response.status_code == 422
    page = body_of(response)
    assert "Did you mean before:?" in page
    assert "<bdi>harbour </bdi><mark>befor:</mark>" in page


def test_a_value_that_makes_no_sense_is_a_fault_too(client: Client, inbox: Mailbox) -> None:
    assert client.get("/mail/search?q=larger:much").status_code == 422


def test_nothing_asked_shows_what_can_be_asked(client: Client, inbox: Mailbox) -> None:
    page = body_of(client.get("/mail/search"))
    assert "rfc822msgid:" in page


@pytest.mark.req("R9")
def test_a_query_is_text_wherever_it_is_shown(client: Client, inbox: Mailbox) -> None:
    for query in (MARKER, f"befor:{MARKER}", f"in:{MARKER}"):
        assert "<script>alert" not in client.get("/mail/search", {"q": query}).content.decode()


@pytest.mark.req("R56")
def test_bob_finds_nothing_of_alice_and_cannot_name_her_mailbox(inbox: Mailbox) -> None:
    make_email_from_bytes(inbox, RAW.format(subject="Notice").encode())
    bob = client_of(make_user("bob"))
    assert "Notice" not in body_of(bob.get("/mail/search?q=harbour"))
    assert bob.get(f"/mail/search?q=harbour&in={inbox.public_id}").status_code == 404
