"""What the palette finds (features 38): everything that is the person's, nothing of anybody else, asked for again only when changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from tests.factories import make_account, make_email_from_bytes, make_mailbox, make_user
from tests.web.pages import client_of
from webmail.store.models import Label, Mailbox, SavedSearch

pytestmark = pytest.mark.django_db

MAIL = "From: {who} <{who}@example.net>\r\nTo: box@example.org, Cleo <cleo@example.net>\r\nSubject: Hello\r\n\r\nHello.\r\n"


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    make_mailbox(account, "Projects")
    return make_mailbox(account, "Inbox", role="inbox")


def places(user: User) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client_of(user).get(reverse("palette")).json()["places"]
    return found


def test_it_holds_views_mailboxes_accounts_labels_searches_settings_and_people(alice: User, inbox: Mailbox) -> None:
    Label.objects.create(user=alice, name="Travel", keyword="travel")
    SavedSearch.objects.create(user=alice, name="Bills", query="subject:bill")
    for who in ("anna", "ben", "anna"):
        make_email_from_bytes(inbox, MAIL.format(who=who).encode())
    found = places(alice)
    by_kind = {kind: [place["name"] for place in found if place["kind"] == kind] for kind in {p["kind"] for p in found}}
    assert "Unread" in by_kind["view"]
    assert {"Inbox", "Projects"} <= set(by_kind["mailbox"])
    assert by_kind["account"] == [inbox.account.name]
    assert by_kind["label"] == ["Travel"]
    assert by_kind["search"] == ["Bills"]
    assert {"Appearance", "Keys"} <= set(by_kind["settings"])
    assert "Administration" not in by_kind["settings"]
    assert set(by_kind["person"]) == {"anna", "ben", "Cleo", "box@example.org"} - {inbox.account.address}
    assert by_kind["person"].index("anna") < by_kind["person"].index("ben"), "who writes more often comes first"
    client = client_of(alice)
    for place in found:
        if place["kind"] in ("view", "mailbox", "label", "search", "person"):
            assert client.get(place["address"].partition("#")[0]).status_code == 200, place


def test_nobody_finds_what_is_another_ones(alice: User, inbox: Mailbox) -> None:
    make_email_from_bytes(inbox, MAIL.format(who="secretive").encode())
    Label.objects.create(user=alice, name="Secretive", keyword="secretive")
    bob = make_user("bob")
    make_mailbox(make_account(bob), "Inbox", role="inbox")
    assert "ecretive" in str(places(alice))
    assert "ecretive" not in str(places(bob))
    assert client_of(make_user("cleo")).get(reverse("palette")).status_code == 200


def test_names_of_strangers_cannot_turn_the_line_around(alice: User, inbox: Mailbox) -> None:
    make_email_from_bytes(inbox, b"From: =?utf-8?q?Ben=E2=80=AEgpj?= <ben@example.net>\r\nSubject: x\r\n\r\nx\r\n")
    assert "\u202e" not in str([place["name"] for place in places(alice)])


def test_it_is_answered_with_304_until_something_changed(alice: User, inbox: Mailbox) -> None:
    client = client_of(alice)
    tag = client.get(reverse("palette"))["ETag"]

    def ask() -> int:
        return client.get(reverse("palette"), headers={"If-None-Match": tag}).status_code

    with CaptureQueriesContext(connection) as queries:
        assert ask() == 304
    assert len(queries) <= 8
    Label.objects.create(user=alice, name="New", keyword="new")
    assert ask() == 200
    tag = client.get(reverse("palette"))["ETag"]
    assert ask() == 304
    make_email_from_bytes(inbox, MAIL.format(who="dora").encode())
    assert ask() == 200


def test_its_queries_do_not_grow_with_mailboxes_and_mail(alice: User, inbox: Mailbox) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            places(alice)
        return len(queries)

    before = count()
    for number in range(5):
        make_mailbox(inbox.account, f"More {number}")
        make_email_from_bytes(inbox, MAIL.format(who=f"p{number}").encode())
    assert count() == before
