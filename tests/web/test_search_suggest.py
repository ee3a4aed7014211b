"""Suggestions below the search box, and the history they come from (ux 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import make_account, make_email, make_headers, make_mailbox, make_user
from tests.web.pages import MARKER, body_of, client_of
from webmail.store import recent_searches
from webmail.store.labels import create_label
from webmail.store.models import Mailbox, RecentSearch
from webmail.store.queries.accounts import accounts_of
from webmail.store.saved_searches import save_search
from webmail.web.searching import people
from webmail.web.searching.suggest import Group, suggest

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_known() -> Iterator[None]:
    people.forget_all()
    yield
    people.forget_all()


@pytest.fixture
def alice() -> User:
    return make_user()


@pytest.fixture
def inbox(alice: User) -> Mailbox:
    account = make_account(alice)
    make_mailbox(account, "My Projects")
    return make_mailbox(account, "Inbox", role="inbox")


@pytest.fixture
def client(alice: User, inbox: Mailbox) -> Client:
    return client_of(alice)


def suggested(user: User, query: str, caret: int | None = None) -> list[Group]:
    return suggest(user, accounts_of(user), query, len(query) if caret is None else caret)


def queries(user: User, query: str, caret: int | None = None) -> list[str]:
    return [one.query for group in suggested(user, query, caret) for one in group.suggestions]


def test_an_empty_box_offers_what_was_searched_for_then_operators(alice: User, inbox: Mailbox) -> None:
    recent_searches.remember_search(alice, "old words")
    recent_searches.remember_search(alice, "new words")
    save_search(alice, "Big", "larger:5M")
    assert queries(alice, "")[:4] == ["new words", "old words", "larger:5M", "from:"]


def test_people_are_found_by_words_of_their_names_without_accents_and_by_address(alice: User, inbox: Mailbox) -> None:
    make_email(inbox, headers=make_headers(from_name="Chloé Martin", from_="c@shop.example"))
    people.forget_all()
    for typed in ("chloe", "Mart", "c@shop"):
        assert "from:c@shop.example " in queries(alice, typed)
    assert queries(alice, "hlo") == []
    assert queries(alice, "budget to:mart") == ["budget to:c@shop.example "]


def test_operators_and_their_values_complete_the_word_at_the_caret(alice: User, inbox: Mailbox) -> None:
    create_label(alice, "To read")
    assert "budget filename:" in queries(alice, "budget filen")
    assert queries(alice, "-has:p") == ["-has:pdf "]
    assert queries(alice, "is:st") == ["is:starred "]
    assert queries(alice, "label:re") == ['label:"To read" ']
    assert queries(alice, "in:proj") == ['in:"My Projects" ']
    assert queries(alice, "(in:inb x)", 7) == ["(in:inbox x)"]
    caret = suggested(alice, "is:st rest", 5)[0].suggestions[0]
    assert (caret.query, caret.caret) == ("is:starred rest", len("is:starred "))


def test_every_operator_has_something_to_offer_and_the_help_says_what(alice: User, inbox: Mailbox) -> None:
    from webmail.store.search.operators import OPERATORS, PEOPLE

    for name in sorted(set(OPERATORS) - PEOPLE - {"label"}):
        assert suggested(alice, f"{name}:"), name


def test_the_answer_is_a_listbox_of_options_and_escapes_everything(client: Client, alice: User, inbox: Mailbox) -> None:
    recent_searches.remember_search(alice, MARKER)
    make_email(inbox, headers=make_headers(from_name=MARKER, from_="evil@example.net"))
    people.forget_all()
    page = client.get("/mail/search/suggest", {"q": "evil"}).content.decode()
    assert 'role="listbox"' in page
    assert 'role="option"' in page
    assert 'data-q="from:evil@example.net "' in page
    assert MARKER not in page + client.get("/mail/search/suggest").content.decode()
    for at in ("-1", "99999", "x", "3"):
        assert client.get("/mail/search/suggest", {"q": 'a "b', "at": at}).status_code == 200


def test_a_search_that_ran_is_remembered_once_and_fifty_are_kept(client: Client, alice: User) -> None:
    for number in range(55):
        recent_searches.remember_search(alice, f"word{number}")
    client.get("/mail/search?q=harbour")
    client.get("/mail/search?q=harbour")
    client.get("/mail/search?q=befor:2020")
    found = recent_searches.recent_searches(alice)
    assert found[:2] == ["harbour", "word54"]
    assert len(found) == recent_searches.MAX_KEPT


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("q=harbour&at=50", {}),
        ("q=harbour", {"Sec-Purpose": "prefetch"}),
        ("q=harbour", {"Sec-Fetch-Site": "cross-site"}),
        ("q=harbour", {"HX-Request": "true", "HX-Target": "rows"}),
        ("q=befor:x", {}),
        ("q=", {}),
    ],
)
def test_what_nobody_ran_is_not_remembered(client: Client, query: str, headers: dict[str, Any]) -> None:
    client.get(f"/mail/search?{query}", headers=headers)
    assert not RecentSearch.objects.exists()


def test_nothing_is_kept_of_who_does_not_want_it_and_history_can_be_cleared(client: Client, alice: User) -> None:
    client.get("/mail/search?q=harbour")
    assert "harbour" in body_of(client.get("/mail/search"))
    assert client.post(reverse("search_forget")).status_code == 302
    assert recent_searches.recent_searches(alice) == []
    User.objects.filter(pk=alice.pk).update(keeps_searches=False)
    client.get("/mail/search?q=harbour")
    assert recent_searches.recent_searches(alice) == []


@pytest.mark.req("R56")
def test_nobody_is_offered_what_is_another_persons(alice: User, inbox: Mailbox) -> None:
    bob = make_user("bob")
    recent_searches.remember_search(alice, "secret")
    save_search(alice, "secret", "x")
    create_label(alice, "secret")
    make_email(inbox, headers=make_headers(from_name="Secret", from_="secret@example.net"))
    people.forget_all()
    assert len(queries(alice, "secret")) == 3
    assert queries(bob, "secret") == []
