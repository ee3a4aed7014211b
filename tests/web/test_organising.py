"""Settings of labels and saved searches: made, renamed, coloured, hidden, put in order, deleted; without scripts (features D)."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import make_account, make_email, make_mailbox, make_user
from tests.web.pages import body_of, client_of
from webmail.store.labels import create_label
from webmail.store.models import EmailKeyword, Label, SavedSearch
from webmail.store.queries.saved_searches import saved_searches_of
from webmail.store.saved_searches import (
    MAX_SEARCHES,
    BadSearch,
    SearchNameTaken,
    TooManySearches,
    move_search,
    rename_search,
    save_search,
)

pytestmark = pytest.mark.django_db

PAGE = "settings_organising"


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def client(alice: User) -> Client:
    return client_of(alice)


def said(client: Client, name: str, data: dict[str, str], *args: str) -> str:
    return body_of(client.post(reverse(name, args=args), data, follow=True))


def test_a_label_is_made_renamed_coloured_hidden_and_shown(client: Client, alice: User) -> None:
    assert "Label Travel made." in said(client, "label_new", {"name": " Travel ", "color": "4"})
    label = Label.objects.get(user=alice)
    said(client, "label_edit", {"name": "Journeys", "color": "6"}, label.public_id)
    said(client, "label_edit", {"is_shown": "no"}, label.public_id)
    label.refresh_from_db()
    assert (label.name, label.color, label.is_shown, label.keyword) == ("Journeys", 6, False, "travel")
    assert "hidden" in said(client, "label_edit", {}, label.public_id)
    said(client, "label_edit", {"is_shown": "yes"}, label.public_id)
    label.refresh_from_db()
    assert label.is_shown


def test_labels_are_put_in_order(client: Client, alice: User) -> None:
    first, _second, third = (create_label(alice, name) for name in ("One", "Two", "Three"))
    said(client, "label_edit", {"place": "up"}, third.public_id)
    said(client, "label_edit", {"place": "up"}, first.public_id)
    said(client, "label_edit", {"place": "down"}, first.public_id)
    assert list(Label.objects.values_list("name", flat=True)) == ["Three", "One", "Two"]


@pytest.mark.parametrize(
    ("name", "words"), [("", "needs a name"), ("travel", "of this name already"), ("x" * 101, "needs a name")]
)
def test_a_name_that_cannot_be_is_refused_in_plain_words(client: Client, alice: User, name: str, words: str) -> None:
    create_label(alice, "Travel")
    assert words in said(client, "label_new", {"name": name})
    assert Label.objects.count() == 1


def test_a_deleted_label_leaves_the_mail(client: Client, alice: User) -> None:
    label = create_label(alice, "Travel")
    email = make_email(make_mailbox(make_account(alice), "Inbox", role="inbox"), keywords=["travel"])
    asked = body_of(client.get(reverse("label_delete", args=[label.public_id])))
    assert "It is taken off 1 message" in asked
    assert "Label Travel deleted. The mail stays." in said(client, "label_delete", {}, label.public_id)
    email.refresh_from_db()
    assert not Label.objects.exists()
    assert not EmailKeyword.objects.filter(keyword="travel").exists()


def test_keywords_of_other_programs_become_labels(client: Client, alice: User) -> None:
    make_email(make_mailbox(make_account(alice), "Inbox", role="inbox"), keywords=["$label1", "$forwarded"])
    page = body_of(client.get(reverse(PAGE)))
    assert "Make a label of Important" in page
    assert "forwarded" not in page
    said(client, "label_new", {"name": "Important", "keyword": "$label1", "color": "3"})
    label = Label.objects.get()
    assert (label.keyword, label.color) == ("$label1", 3)
    said(client, "label_new", {"name": "Odd", "keyword": "$seen"})
    assert Label.objects.get(name="Odd").keyword == "odd"


def test_a_search_is_saved_renamed_moved_and_deleted(client: Client, alice: User) -> None:
    assert "Search saved as Ben." in said(client, "saved_search_new", {"name": "Ben", "q": "from:ben"})
    assert "of this name already" in said(client, "saved_search_new", {"name": "ben", "q": "x"})
    assert "something to look for" in said(client, "saved_search_new", {"name": "Empty", "q": " "})
    said(client, "saved_search_new", {"name": "Large", "q": "larger:5M"})
    ben, large = saved_searches_of(alice)
    said(client, "saved_search", {"name": "From Ben"}, ben.public_id)
    said(client, "saved_search", {"do": "up"}, large.public_id)
    assert [found.name for found in saved_searches_of(alice)] == ["Large", "From Ben"]
    said(client, "saved_search", {"do": "delete"}, large.public_id)
    assert [(found.name, found.query) for found in saved_searches_of(alice)] == [("From Ben", "from:ben")]


def test_saved_searches_have_limits_and_each_person_their_own_names(alice: User) -> None:
    search = save_search(alice, "One", "x")
    save_search(make_user("bob"), "One", "x")
    other = save_search(alice, "Two", "y")
    with pytest.raises(SearchNameTaken):
        rename_search(other, "ONE")
    rename_search(search, "one")
    with pytest.raises(BadSearch):
        rename_search(other, "\n ")
    with pytest.raises(BadSearch):
        save_search(alice, "Long", "x" * 1001)
    move_search(search, -1)
    assert [found.name for found in saved_searches_of(alice)] == ["one", "Two"]
    rows = [SavedSearch(user=alice, name=f"s{number}", query="x") for number in range(MAX_SEARCHES - 2)]
    SavedSearch.objects.bulk_create(rows)
    with pytest.raises(TooManySearches):
        save_search(alice, "More", "x")


@pytest.mark.parametrize("name", ["label_edit", "label_delete", "saved_search"])
def test_those_of_others_are_not_there(alice: User, name: str) -> None:
    label, search = create_label(alice, "Travel"), save_search(alice, "Ben", "from:ben")
    theirs = search.public_id if name == "saved_search" else label.public_id
    assert client_of(make_user("bob")).post(reverse(name, args=[theirs]), {"name": "Mine"}).status_code == 404
    label.refresh_from_db()
    assert label.name == "Travel"
