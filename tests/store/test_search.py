"""The query language and what it finds, the same on both databases."""

from __future__ import annotations

import pytest

from tests import factories
from tests.store.conftest import World
from webmail.mime.addresses import Address
from webmail.store import changes, emails, indexing, ingest
from webmail.store.models import Email, SearchDocument
from webmail.store.search import index
from webmail.store.search.parse import QueryFault, parse_query
from webmail.store.search.run import search_emails


def hits(world: World, text: str) -> set[str]:
    """Subjects of what a query finds."""
    return {email.subject for email in search_emails(world.alice, parse_query(text))}


@pytest.fixture
def letters(world: World) -> World:
    """Four messages that differ in what can be searched for."""

    def put(subject: str, **fields: object) -> Email:
        names = {key: fields.pop(key) for key in ("from_", "from_name") if key in fields}
        return factories.make_email(world.inbox, headers=factories.make_headers(subject=subject, **names), **fields)  # type: ignore[arg-type]

    put("Rechnung für März", from_="anna@shop.example", from_name="Anna Müller", size_bytes=5_000_000)
    put("Budget 2026", keywords=["$seen", "$flagged"], search_text="der quartalsbericht liegt bei")
    put("会議のお知らせ", has_attachment=True, keywords=["$seen"])
    trashed = put("Rechnung alt")
    with changes.recording(world.account.pk) as record:
        emails.add_to_mailbox(record, [trashed.pk], world.trash.pk)
        emails.remove_from_mailbox(record, [trashed.pk], world.inbox.pk)
    return world


@pytest.mark.req("S17")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("rechnung", {"Rechnung für März"}),
        ("RECHNUNG marz", {"Rechnung für März"}),
        ("echnun", set()),
        ("anna", {"Rechnung für März"}),
        ("from:muller", {"Rechnung für März"}),
        ("from:@shop.example", {"Rechnung für März"}),
        ("to:anna", set()),
        ("subject:anna", set()),
        ("quartals", {"Budget 2026"}),
        ("body:quartals", {"Budget 2026"}),
        ("subject:quartals", set()),
        ("会議", {"会議のお知らせ"}),
        ("is:unread", {"Rechnung für März"}),
        ("is:starred", {"Budget 2026"}),
        ("has:attachment", {"会議のお知らせ"}),
        ("-has:attachment -is:unread", {"Budget 2026"}),
        ("larger:1M", {"Rechnung für März"}),
        ("in:trash rechnung", {"Rechnung alt"}),
        ("in:anywhere rechnung", {"Rechnung für März", "Rechnung alt"}),
        ("before:2026-03-03", set()),
        ("after:2026-03-03 is:starred", {"Budget 2026"}),
        ('"fur marz"', {"Rechnung für März"}),
        ('"a\' OR 1=1"', set()),
    ],
)
def test_queries_find_what_they_say(letters: World, query: str, found: set[str]) -> None:
    assert hits(letters, query) == found


@pytest.mark.parametrize("query", ["is:blue", "has:wings", "larger:big", "before:never", "in:nowhere", 'subject:"%"'])
def test_a_value_that_makes_no_sense_is_a_fault(letters: World, query: str) -> None:
    with pytest.raises(QueryFault):
        hits(letters, query)


@pytest.mark.req("R56")
def test_search_sees_only_the_users_own_mail(letters: World) -> None:
    bob = factories.make_user("bob")
    assert list(search_emails(bob, parse_query("in:anywhere rechnung"))) == []


def test_text_added_later_is_found_at_once(letters: World) -> None:
    email = Email.objects.get(subject="Budget 2026")
    emails.store_parsed(letters.account.pk, [emails.ParsedBody(email.pk, "Vorschau", "ganz neuer text", False)])
    assert hits(letters, "neuer") == {"Budget 2026"}
    assert hits(letters, "quartals") == set()


def test_a_to_address_is_found_only_in_to(world: World) -> None:
    headers = factories.make_headers(subject="An Carla", to=(Address("Carla", "carla@example.com"),))
    factories.make_email(world.inbox, headers=headers)
    assert hits(world, "to:carla") == {"An Carla"}
    assert hits(world, "from:carla") == set()


# A first listing ------------------------------------------------------------------------------------------------------


@pytest.fixture
def listed(world: World) -> World:
    """So many messages in one batch that their search documents come later."""
    names = ["Zoë", *["Ben"] * ingest.DOCUMENTS_AT_ONCE]
    items = [
        factories.make_item(
            world.inbox, headers=factories.make_headers(subject=f"Größe {number}", from_name=name), uid=number + 1
        )
        for number, name in enumerate(names)
    ]
    ingest.ingest_emails(world.account.pk, items)
    return world


@pytest.mark.req("Y2")
def test_mail_of_a_first_listing_is_found_before_its_documents_are_written(listed: World) -> None:
    assert SearchDocument.objects.count() == 0
    assert hits(listed, "grosse 17") == {"Größe 17"}
    assert hits(listed, "from:zoe") == {"Größe 0"}
    assert len(hits(listed, "subject:GRÖSSE")) == ingest.DOCUMENTS_AT_ONCE + 1
    assert len(hits(listed, "-zoe")) == ingest.DOCUMENTS_AT_ONCE
    assert hits(listed, "body:grosse") == set()
    other = factories.make_user("olga")
    assert list(search_emails(other, parse_query("grosse"))) == []


@pytest.mark.req("Y2")
def test_documents_left_for_later_are_written_newest_first_and_once(listed: World) -> None:
    newest = Email.objects.order_by("-id").values_list("id", flat=True)
    assert index.add_missing(listed.account.pk, limit=5) == 5
    assert set(SearchDocument.objects.values_list("email_id", flat=True)) == set(newest[:5])
    indexing.index_account(listed.account.pk)
    assert SearchDocument.objects.count() == len(newest)
    assert not Email.objects.filter(has_document=False).exists()
    assert index.add_missing(listed.account.pk, limit=5) == 0
    assert hits(listed, "from:zoe") == {"Größe 0"}
    assert hits(listed, "grosse 17") == {"Größe 17"}


@pytest.mark.req("Y2")
def test_a_body_that_comes_first_brings_the_whole_document(listed: World) -> None:
    email = Email.objects.get(subject="Größe 3")
    with changes.recording(listed.account.pk):
        index.set_contents({email.pk: index.Content("harbour light")})
    assert hits(listed, "harbour") == {"Größe 3"}
    assert hits(listed, 'body:"harbour light" subject:grosse') == {"Größe 3"}
    assert SearchDocument.objects.count() == 1


def test_a_few_new_messages_are_in_the_index_at_once(world: World) -> None:
    ingest.ingest_emails(world.account.pk, [factories.make_item(world.inbox, uid=1)])
    assert SearchDocument.objects.count() == 1
