"""How a search is explained, what of a hit is marked, and what a search does not look through yet (ux section 7)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from tests import factories
from tests.store.conftest import World
from tests.store.search_mailbox import NOW
from webmail.store.models import Email, Mailbox
from webmail.store.search.coverage import coverage
from webmail.store.search.explain import explain
from webmail.store.search.highlights import beginnings, highlights
from webmail.store.search.parse import parse_query


@pytest.mark.parametrize(
    ("query", "chips"),
    [
        ("", []),
        ("from:Anna has:pdf", ["from: Anna", "has: PDF"]),
        ("after:2026-03-01 -invoice", ["after: 1 Mar 2026", "not: invoice"]),
        ("on:yesterday before:2026-02 after:2025", ["on: 17 Mar 2026", "before: February 2026", "after: 2025"]),
        ("from:(anna OR ben)", ["from: anna or ben"]),
        ("a (b OR is:unread)", ["a", "b or is: unread"]),
        ('+exact "two words"', ["+exact", "“two words”"]),
        ("bridge AROUND 5 stone", ["bridge within 5 words of stone"]),
        ("-(from:anna OR x)", ["not: from: anna or x"]),
        ("a AND b", ["a", "b"]),
        ("a OR b", ["a or b"]),
    ],
)
def test_a_query_is_shown_as_chips(query: str, chips: list[str]) -> None:
    found = explain(parse_query(query), query, now=NOW.astimezone(ZoneInfo("Europe/Berlin")))
    assert [f"{chip.label}: {chip.value}" if chip.label else chip.value for chip in found] == chips


def test_a_chip_knows_its_place_and_the_query_without_it() -> None:
    query = "from:anna AND (b OR c)  -x"
    chips = explain(parse_query(query), query)
    assert [query[chip.position : chip.end] for chip in chips] == ["from:anna", "(b OR c)", "-x"]
    assert [chip.without for chip in chips] == ["(b OR c) -x", "from:anna -x", "from:anna (b OR c)"]
    for chip in chips:
        parse_query(chip.without)


def test_what_must_not_be_there_is_not_marked() -> None:
    hits = highlights(parse_query('chairs -table from:anna is:unread "kind regards" to:me'))
    assert [hit.word for hit in hits.words] == ["chairs", "anna", "kind", "regards"]
    assert [hit.is_exact for hit in hits.words] == [False, False, True, True]


def test_the_beginning_of_a_text_is_kept_as_it_was_written(world: World) -> None:
    raw = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nDie  Häuser\r\nam See"
    email = factories.make_email_from_bytes(world.inbox, raw.encode())
    assert beginnings([email.pk]) == {email.pk: "Die Häuser am See"}


def test_what_is_not_indexed_yet_is_said(world: World) -> None:
    factories.make_email(world.inbox, is_indexed=True)
    assert coverage(world.alice).is_complete
    late = factories.make_email(world.inbox)
    found = coverage(world.alice)
    assert (found.total, found.indexed, found.complete_since) == (2, 1, late.received_at)
    assert not found.is_complete
    Email.objects.filter(pk=late.pk).update(is_indexed=True)
    assert coverage(world.alice, within=[world.inbox]).is_complete
    Mailbox.objects.filter(pk=world.inbox.pk).update(backfill_uid=500)
    assert not coverage(world.alice).is_listed
